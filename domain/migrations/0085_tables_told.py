"""Each table says what a row of it is: to who reads the models, and in the database."""

from typing import Any

from tortoise import migrations
from tortoise.migrations import operations as ops

TOLD = [
    ("Answer", "answers", "What came back of a call, or why nothing did; a call without one was broken off."),
    ("Attempt", "attempts", "One send of a refund to its PSE: marked before it leaves, ended by what is heard."),
    ("Call", "calls", "A request to a PSE, written before it leaves."),
    ("CertificationCase", "certification_cases", "One refund of the series: what was tried, and what came of it."),
    ("CertificationRun", "certification_runs", "A series of refunds that a connection is tried with."),
    ("Connection", "connections", "A merchant's account at a PSE, and how it is spoken to."),
    ("Deed", "deeds", "What a person or a program did, or read."),
    ("Endpoint", "endpoints", "Where news is told: an address, and what is told there."),
    ("Event", "events", "One thing that happened to a refund; `sequence` counts them from 1. It is never changed."),
    (
        "EventSeal",
        "event_seals",
        "The place of one event, deed or piece of news in its merchant's order, and its hash with the one before.",
    ),
    (
        "Export",
        "exports",
        "A file that a person has asked for: what is in it, how far it is, and until when it can be had.",
    ),
    ("File", "files", "What a person handed in: name, size, hash, and what for."),
    (
        "LedgerEntry",
        "ledger_entries",
        "One amount, in minor units, that moves from one account to another. It is never changed: others correct it.",
    ),
    ("Merchant", "merchants", "Whose refunds, books and people are kept apart from all others."),
    ("News", "news", "What happened that is no refund's and no person's deed."),
    (
        "Notice",
        "notices",
        "A webhook of a PSE as it came in, kept before it is understood; the same one twice is one row.",
    ),
    (
        "OnboardingDocument",
        "onboarding_documents",
        "A document that belongs to the application for an account at a PSE.",
    ),
    ("OnboardingStep", "onboarding_steps", "One step of a connection from draft to active: who took it, and why."),
    (
        "Payment",
        "payments",
        "A captured payment, and how much of it is reserved, refunded or taken: in minor units of its currency.",
    ),
    ("PreflightCheck", "preflight_checks", "One question of a preflight and its answer."),
    ("PreflightRun", "preflight_runs", "What a PSE was asked of an account before money depends on it."),
    ("ReconciliationRun", "reconciliation_runs", "The night of one business date of one connection."),
    ("Refund", "refunds", "One try to give an amount of one payment back, in minor units of the payment's currency."),
    ("Report", "reports", "A file of a PSE that was read: its hash, its dates, and whether it is whole."),
    ("Store", "stores", "A part of a merchant that has sales, and people, of its own."),
    ("Token", "tokens", "What a program or a customer proves itself with; its digest alone is kept."),
]


def _comment(table: str, words: str) -> str:
    quoted = words.replace("'", "''")
    return f"COMMENT ON TABLE {table} IS '{quoted}'"


class Migration(migrations.Migration):
    """Comments alone: no row and no column is touched."""

    dependencies = [("models", "0084_third_currencies")]

    initial = False

    operations: list[Any] = [
        *(ops.AlterModelOptions(name, {"pk_attr": "id", "table_description": words}) for name, _, words in TOLD),
        ops.RunSQL([_comment(table, words) for _, table, words in TOLD]),
    ]
