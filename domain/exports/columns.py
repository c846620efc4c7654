"""The columns of each kind of export, in plain words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.exports.asked import Kind
from domain.models.findings import ClosingReason

ROWS_MAX: Final = 1_000_000
MINOR: Final = "minor units"


class Holds(StrEnum):
    """What a column holds. Money is minor units, of the row's `currency`."""

    TEXT = "TEXT"
    DAY = "DAY"
    MOMENT = "MOMENT"
    MONEY = "MONEY"
    COUNT = "COUNT"


@dataclass(frozen=True, slots=True)
class Column:
    """`title` is what a person reads; `hidden`: for our own reader, where a sheet comes back; `choices`: of which a
    workbook offers a list in each cell.
    """

    title: str
    key: str
    of: Holds = Holds.TEXT
    hidden: bool = False
    summed: bool = False
    choices: Sequence[str] = ()
    minor: str = MINOR  # what stands behind `title` over the minor units of money


DECISION: Final = (
    Column("Decision", "decision", choices=tuple(ClosingReason)),
    Column("Note", "note"),
    Column("Account", "account"),
    Column("Came", "came"),
    Column("Duplicate of", "duplicate_of"),
    Column("Assign to", "assign_to"),
)
FINDING_ID: Final = "Finding"
FACTS: Final = "Facts"
COLUMNS: Final[Mapping[Kind, Sequence[Column]]] = {
    Kind.FINDINGS: (
        Column(FINDING_ID, "id", hidden=True),
        Column(FACTS, "facts", hidden=True),
        Column("Kind", "kind"),
        Column("State", "state"),
        Column("Severity", "severity", Holds.COUNT),
        Column("PSE", "pse"),
        Column("Connection", "connection"),
        Column("Store", "store"),
        Column("Payment at the PSE", "payment"),
        Column("Order", "order"),
        Column("Refund", "refund"),
        Column("Amount", "amount", Holds.MONEY, summed=True),
        Column("Currency", "currency"),
        Column("What differs", "explanation"),
        Column("Our books say", "ours"),
        Column("The other side says", "theirs"),
        Column("What to do", "action"),
        Column("Found at (UTC)", "created_at", Holds.MOMENT),
        Column("Due at (UTC)", "due_at", Holds.MOMENT),
        Column("Who has it", "assignee"),
        Column("Resolved at (UTC)", "resolved_at", Holds.MOMENT),
        Column("Resolved as", "reason"),
        *DECISION,
    ),
    Kind.REFUNDS: (
        Column("Refund", "reference"),
        Column("Store", "store"),
        Column("Connection", "connection"),
        Column("PSE", "pse"),
        Column("Payment at the PSE", "payment"),
        Column("Order", "order_reference"),
        Column("State", "state"),
        Column("Amount", "amount", Holds.MONEY, summed=True),
        Column("VAT within", "tax_amount", Holds.MONEY, summed=True),
        Column("Currency", "currency"),
        Column("Reason", "reason"),
        Column("Refund at the PSE", "pse_refund_reference"),
        Column("Failure", "failure_code"),
        Column("Asked at (UTC)", "created_at", Holds.MOMENT),
        Column("Succeeded at (UTC)", "succeeded_at", Holds.MOMENT),
    ),
    Kind.PAYMENTS: (
        Column("Payment at the PSE", "pse_reference"),
        Column("Order", "order_reference"),
        Column("Store", "store"),
        Column("Connection", "connection"),
        Column("PSE", "pse"),
        Column("Method", "method"),
        Column("Captured", "captured", Holds.MONEY, summed=True),
        Column("Refunded", "refunded", Holds.MONEY, summed=True),
        Column("Being refunded", "reserved", Holds.MONEY, summed=True),
        Column("Left without us", "taken_by_bank", Holds.MONEY, summed=True),
        Column("Charged back", "charged_back", Holds.MONEY, summed=True),
        Column("VAT declared", "tax_amount", Holds.MONEY, summed=True),
        Column("Currency", "currency"),
        Column("Tax document", "tax_document"),
        Column("Captured at (UTC)", "captured_at", Holds.MOMENT),
        Column("Withdrawn at (UTC)", "withdrawn_at", Holds.MOMENT),
    ),
    Kind.LEDGER: (
        Column("Entry", "id", Holds.COUNT),
        Column("Accounting date", "accounting_date", Holds.DAY),
        Column("Belongs to", "belongs_to", Holds.DAY),
        Column("Kind", "entry"),
        Column("Debit", "debit"),
        Column("Credit", "credit"),
        Column("Amount", "amount", Holds.MONEY, summed=True),
        Column("Currency", "currency"),
        Column("Store", "store"),
        Column("Connection", "connection"),
        Column("Payment at the PSE", "payment"),
        Column("Refund", "refund"),
        Column("Made by", "cause"),
        Column("Booked at (UTC)", "booked_at", Holds.MOMENT),
    ),
    Kind.VAT: (
        Column("Refund", "refund"),
        Column("Store", "store"),
        Column("Country", "country"),
        Column("Regime", "regime"),
        Column("State", "state"),
        Column("VAT", "amount", Holds.MONEY, summed=True),
        Column("Currency", "currency"),
        Column("Sold on", "sold_on", Holds.DAY),
        Column("Paid back on", "paid_on", Holds.DAY),
        Column("Due on", "due_on", Holds.DAY),
        Column("Rule", "rule_id"),
        Column("Rules of", "rules_version"),
        Column("Document", "document_number"),
        Column("Document of", "document_on", Holds.DAY),
        Column("Declared in", "period"),
        Column("Why it is looked at", "reason"),
    ),
    Kind.TRIAL_BALANCE: (
        Column("Account", "account"),
        Column("Connection", "connection_name"),
        Column("PSE", "pse"),
        Column("Store", "store_code"),
        Column("Currency", "currency"),
        Column("Opening", "opening", Holds.MONEY, summed=True),
        Column("Debits", "debits", Holds.MONEY, summed=True),
        Column("Credits", "credits", Holds.MONEY, summed=True),
        Column("Closing", "closing", Holds.MONEY, summed=True),
    ),
    Kind.AUDIT: (
        Column("Position", "position", Holds.COUNT),
        Column("When (UTC)", "occurred_at", Holds.MOMENT),
        Column("What", "kind"),
        Column("Operation", "operation"),
        Column("Outcome", "outcome"),
        Column("Who", "actor"),
        Column("Address", "address"),
        Column("Program", "agent"),
        Column("Kind of object", "object_kind"),
        Column("Object", "object_id"),
        Column("Changes", "changes"),
        Column("Request", "request_id"),
        Column("Person", "person_id"),
        Column("Token", "token_id"),
        Column("Session", "session_id"),
        Column("Seal", "hash"),
    ),
}
