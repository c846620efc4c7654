"""Findings: what a person must look at, with what differs and what to do on the row. The same one is opened once."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from uuid import UUID, uuid4

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from domain.access.permissions import Permission
from domain.access.principal import Whose, scope_of
from domain.models import Finding
from domain.money import Money
from domain.platform.children import first_of_each
from domain.platform.database import execute, rows, transaction


class FindingKind(StrEnum):
    """What is wrong."""

    AMOUNT_MISMATCH = "AMOUNT_MISMATCH"
    STATUS_MISMATCH = "STATUS_MISMATCH"
    MISSING_IN_LEDGER = "MISSING_IN_LEDGER"
    MISSING_IN_REPORT = "MISSING_IN_REPORT"
    VAT_REVERSAL_NEEDED = "VAT_REVERSAL_NEEDED"
    CHARGEBACK = "CHARGEBACK"
    DOUBT_UNRESOLVED = "DOUBT_UNRESOLVED"
    PENDING_TOO_LONG = "PENDING_TOO_LONG"
    NOT_SENT = "NOT_SENT"
    CONTRADICTION = "CONTRADICTION"
    NOTICE_UNMATCHED = "NOTICE_UNMATCHED"
    NIGHT_FAILED = "NIGHT_FAILED"
    DUPLICATE_LINE = "DUPLICATE_LINE"
    UNCLEAR_LINE = "UNCLEAR_LINE"
    UNREADABLE_FILE = "UNREADABLE_FILE"
    UNKNOWN_LINE = "UNKNOWN_LINE"
    CONTRADICTORY_FILE = "CONTRADICTORY_FILE"
    CONNECTION_REFUSED = "CONNECTION_REFUSED"
    PREFLIGHT_FAILED = "PREFLIGHT_FAILED"
    EXPIRES_SOON = "EXPIRES_SOON"
    PAYMENT_UNKNOWN = "PAYMENT_UNKNOWN"
    PAYMENT_DIFFERS = "PAYMENT_DIFFERS"
    CURRENCY_MISMATCH = "CURRENCY_MISMATCH"
    FEE_MISMATCH = "FEE_MISMATCH"
    FX_MISMATCH = "FX_MISMATCH"
    DUPLICATE_REFUND = "DUPLICATE_REFUND"
    BANK_INITIATED = "BANK_INITIATED"
    RETURNED = "RETURNED"
    BATCH_UNBALANCED = "BATCH_UNBALANCED"
    BALANCE_DIFFERS = "BALANCE_DIFFERS"
    PAYOUT_MISSING = "PAYOUT_MISSING"
    BANK_LINE_UNKNOWN = "BANK_LINE_UNKNOWN"
    EXPONENT_SUSPECTED = "EXPONENT_SUSPECTED"
    VAT_REVERSAL_OVERDUE = "VAT_REVERSAL_OVERDUE"
    VAT_DOCUMENT_DIFFERS = "VAT_DOCUMENT_DIFFERS"
    AFTER_CLOSING = "AFTER_CLOSING"


ACTIONS: Final[Mapping[FindingKind, str]] = {
    FindingKind.AMOUNT_MISMATCH: "Compare both amounts with the PSE's back office; correct by an entry or claim it.",
    FindingKind.STATUS_MISMATCH: "See whether the PSE's word was booked; tell the customer, refund again if due.",
    FindingKind.MISSING_IN_LEDGER: "Money left without a refund of ours: find who took it and why; clear SUSPENSE.",
    FindingKind.MISSING_IN_REPORT: "Ask the PSE for proof of this refund, then refresh it or resolve it with evidence.",
    FindingKind.VAT_REVERSAL_NEEDED: "Issue the tax document that takes the VAT back, in the period the law allows.",
    FindingKind.CHARGEBACK: "The customer's bank took the money: contest it or accept it; do not refund it, too.",
    FindingKind.DOUBT_UNRESOLVED: "Look at the PSE's back office; answer with refundResolveDoubt, two people decide.",
    FindingKind.PENDING_TOO_LONG: "Ask the PSE why it has not decided; the refund goes on being looked up daily.",
    FindingKind.NOT_SENT: "The PSE cannot be reached or refuses our access: check the connection's address and key.",
    FindingKind.CONTRADICTION: "Money left for a refund that had ended: it is in SUSPENSE. Ask the PSE, then clear it.",
    FindingKind.NOTICE_UNMATCHED: "A webhook speaks of a payment we do not know: register the payment or ask the PSE.",
    FindingKind.NIGHT_FAILED: "Mend what the run says: it is repeated by itself. Or hand the report in (reconcile).",
    FindingKind.DUPLICATE_LINE: "The line was counted once: ask the PSE whether the money moved twice, and claim it.",
    FindingKind.UNCLEAR_LINE: "Money came back and the report does not say of what: ask the PSE which refund it was.",
    FindingKind.UNREADABLE_FILE: "Have the PSE make it anew: it is fetched again, or handed in by its name (--file).",
    FindingKind.UNKNOWN_LINE: "Ask the PSE what the word means; have it taught to us. Its money waits in SUSPENSE.",
    FindingKind.CONNECTION_REFUSED: "Run the connection's preflight: it says what to mend. Its refunds wait till then.",
    FindingKind.PREFLIGHT_FAILED: "Do what the check says, and run the preflight again.",
    FindingKind.EXPIRES_SOON: "Have the PSE give a new one, and set it on the connection before this one ends.",
    FindingKind.PAYMENT_UNKNOWN: "Find out who registered it: withdraw it, or have it asked again (paymentAskAgain).",
    FindingKind.PAYMENT_DIFFERS: "Withdraw it and register what the PSE has, or have it asked again (paymentAskAgain).",
    FindingKind.CONTRADICTORY_FILE: "Ask the PSE which is right, the rows or the totals, and have it make a new file.",
    FindingKind.CURRENCY_MISMATCH: "Find out in which currency the money moved; correct by an entry or claim it.",
    FindingKind.FEE_MISMATCH: "Compare with the contract: correct the fee schedule, or claim the difference.",
    FindingKind.FX_MISMATCH: "Compare the PSE's rate with the one agreed; claim the difference or explain it.",
    FindingKind.DUPLICATE_REFUND: "The customer seems to have the money twice: ask for it back, and tell the PSE.",
    FindingKind.BANK_INITIATED: "The bank gave the money back without us: do not refund it again; accept or contest.",
    FindingKind.RETURNED: "The money came back and is still owed: refund another way, or ask for another account.",
    FindingKind.BATCH_UNBALANCED: "The report's lines are not its totals or payout: ask the PSE for what is missing.",
    FindingKind.BALANCE_DIFFERS: "Our balance is not what the PSE says it holds: find the day it began.",
    FindingKind.PAYOUT_MISSING: "No bank statement shows this payout: hand in the statement, or ask the PSE.",
    FindingKind.BANK_LINE_UNKNOWN: "Money at the bank that no payout explains: say what it is, or ask the PSE.",
    FindingKind.EXPONENT_SUSPECTED: "Sums differ by 100 or 1,000 times: decimals were misread. Ask before booking.",
    FindingKind.VAT_REVERSAL_OVERDUE: "Its time is over or nearly: ask a tax adviser, document it or write it off.",
    FindingKind.VAT_DOCUMENT_DIFFERS: "Document and refund differ: correct the document, or explain the difference.",
    FindingKind.AFTER_CLOSING: "A closed period was contradicted: it is booked in the open one. Tell who signed it.",
}
AGREED: Final = "The reports agree with the books."  # how the night closes what differs no longer
_NAME_CHARACTERS_MAX: Final = 600  # an index must hold it
_AT_ONCE_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class Found:
    """A finding to open. `amount` is what is at stake; `fingerprint` names it, so that it is opened once."""

    kind: FindingKind
    merchant_id: UUID
    connection_id: UUID
    fingerprint: str
    amount: Money
    explanation: str
    refund_id: UUID | None = None
    payment_id: UUID | None = None
    run_id: UUID | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    again: bool = False  # opened again if it was resolved: it is about what can happen again
    action: str | None = None  # what to do, where it is not what its kind wants


def bounded(name: str) -> str:
    """A name that an index can hold and that stays one name: what is too long ends in a hash of all of it."""
    if len(name) <= _NAME_CHARACTERS_MAX:
        return name
    return f"{name[: _NAME_CHARACTERS_MAX - 65]}#{hashlib.sha256(name.encode()).hexdigest()}"


async def open_finding(found: Found) -> UUID | None:
    """Open it unless it is open or was resolved already; its id when it is new."""
    made = await _open([found])
    return made[0] if made else None


async def open_findings(found: Sequence[Found]) -> None:
    """As `open_finding`, many with one statement and a few hundred to a transaction.

    The foreign keys of a finding lock its refund and payment for as long as the transaction lasts, and the sealer waits
    for it: whoever has many to open does it outside of any other transaction.
    """
    # Always in one order: two nights that open the same ones wait for each other and never for a circle.
    ordered = sorted(found, key=lambda one: (one.merchant_id, one.fingerprint))
    for start in range(0, len(ordered), _AT_ONCE_MAX):
        async with transaction():
            await _open(ordered[start : start + _AT_ONCE_MAX])


async def _open(found: Sequence[Found]) -> list[UUID]:
    made = await rows(
        "INSERT INTO findings (id, merchant_id, connection_id, run_id, kind, fingerprint, refund_id, payment_id, "
        "  amount, currency, explanation, action, detail, created_at) "
        "SELECT t.id, t.merchant_id, t.connection_id, t.run_id, t.kind, t.fingerprint, t.refund_id, t.payment_id, "
        "  t.amount, t.currency, t.explanation, t.action, t.detail, now() FROM jsonb_to_recordset($1::jsonb) AS t("
        "  id uuid, merchant_id uuid, connection_id uuid, run_id uuid, kind text, fingerprint text, refund_id uuid, "
        "  payment_id uuid, amount bigint, currency text, explanation text, action text, detail jsonb) "
        "ON CONFLICT (merchant_id, fingerprint) DO NOTHING RETURNING id",
        json.dumps([_row(one) for one in found], default=str),
    )
    await _open_again([one for one in found if one.again])
    return [row["id"] for row in made]


def _row(found: Found) -> dict[str, Any]:
    return {
        "id": uuid4(),
        "merchant_id": found.merchant_id,
        "connection_id": found.connection_id,
        "run_id": found.run_id,
        "kind": found.kind.value,
        "fingerprint": bounded(found.fingerprint),
        "refund_id": found.refund_id,
        "payment_id": found.payment_id,
        "amount": found.amount.minor_units,
        "currency": found.amount.currency,
        "explanation": found.explanation,
        "action": found.action or ACTIONS[found.kind],
        "detail": dict(found.detail),
    }


async def _open_again(found: Sequence[Found]) -> None:
    if found:
        await execute(
            "UPDATE findings SET resolved_at = NULL, resolution = NULL FROM "
            "  unnest($1::uuid[], $2::text[]) AS t(merchant_id, fingerprint) WHERE findings.resolved_at IS NOT NULL "
            "  AND findings.merchant_id = t.merchant_id AND findings.fingerprint = t.fingerprint RETURNING findings.id",
            [one.merchant_id for one in found],
            [bounded(one.fingerprint) for one in found],
        )


async def open_again_what_agreed(found: Sequence[Found]) -> None:
    """Open what the night itself had closed, because all agreed, and what differs after all; it says how."""
    await open_again(found, AGREED)


async def open_again(found: Sequence[Found], closed_by: str) -> None:
    """Open what was closed in these words, which are the program's own, and is so once more; it says how.

    What a person has closed stays closed.
    """
    if not found:
        return
    await execute(
        "UPDATE findings f SET resolved_at = NULL, resolution = left('Open again: ' || t.explanation, 500) "
        "FROM unnest($1::uuid[], $2::text[], $3::text[]) AS t(merchant_id, fingerprint, explanation) "
        "WHERE f.merchant_id = t.merchant_id AND f.fingerprint = t.fingerprint AND f.resolved_at IS NOT NULL "
        "  AND f.resolution = $4 RETURNING f.id",
        [one.merchant_id for one in found],
        [bounded(one.fingerprint) for one in found],
        [one.explanation for one in found],
        closed_by,
    )


async def resolve(merchant_id: UUID, fingerprint: str, resolution: str) -> None:
    """Close the finding of that fingerprint, if it is open."""
    await execute(
        "UPDATE findings SET resolved_at = now(), resolution = $3 "
        "WHERE merchant_id = $1 AND fingerprint = $2 AND resolved_at IS NULL",
        merchant_id,
        bounded(fingerprint),
        resolution[:500],
    )


async def resolve_of(merchant_id: UUID, refund_id: UUID, said: Mapping[str, str]) -> None:
    """Close the open findings of a refund whose fingerprints begin so, in these words, with one statement."""
    await execute(
        "UPDATE findings f SET resolved_at = now(), resolution = left(t.said, 500) "
        "FROM unnest($3::text[], $4::text[]) AS t(name, said) WHERE f.merchant_id = $1 AND f.refund_id = $2 "
        "  AND f.resolved_at IS NULL AND starts_with(f.fingerprint, t.name)",
        merchant_id,
        refund_id,
        list(said),
        list(said.values()),
    )


async def close(merchant_id: UUID, fingerprint: str, said: str) -> None:
    """Close the finding of that fingerprint; one that is closed keeps how, and gets this beside it."""
    await execute(
        "UPDATE findings SET resolved_at = coalesce(resolved_at, now()), "
        "  resolution = left(concat_ws(' ', resolution, $3::text), 500) "
        "WHERE merchant_id = $1 AND fingerprint = $2",
        merchant_id,
        fingerprint,
        said,
    )


def readable(whose: Whose) -> QuerySet[Finding]:
    """The findings that somebody may see; of some stores, those about their payments and refunds. Raises Forbidden."""
    scope = scope_of(whose, Permission.READ_LEDGER)
    found = Finding.filter(merchant_id=scope.merchant_id)
    if scope.is_whole:
        return found
    stores = list(scope.stores or ())
    return found.filter(Q(payment__store_id__in=stores) | Q(refund__payment__store_id__in=stores))


async def of_runs(run_ids: Sequence[UUID], limit: int) -> Mapping[UUID, list[Finding]]:
    """The first `limit` findings of each run, oldest first."""
    return await first_of_each(Finding, run_ids, key="run_id", order="created_at, id", limit=limit)
