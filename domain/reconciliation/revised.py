"""What a revised report takes away: lines of the one before that it has no longer."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from domain.cause import Cause
from domain.findings.findings import FindingKind
from domain.models import Payment
from domain.money import Money
from domain.payments import external
from domain.platform.database import execute, rows
from domain.pse.vocabulary import KnownRefund, Succeeded

_GONE: Final = "A revised report tells of it no longer: it was given back in the books."
_COLUMNS: Final = (
    "l.payment_id, l.refund_id, l.by_amount, l.by_bank, l.kind, l.amount, l.state, l.pse_refund_reference, "
    "l.booked_at, coalesce(f.reference, l.reference, l.pse_refund_reference) AS name"
)


async def reopen_missing(superseded_id: UUID) -> None:
    """Refunds that the superseded report proved and no valid one proves now are missing again, whoever had said that
    they are not: the proof is gone. Inside the caller's transaction, after the new lines are stored.
    """
    await execute(
        "UPDATE findings f SET resolved_at = NULL, "
        "  resolution = 'Open again: a revised report has the refund no longer.' "
        "FROM settlement_lines l JOIN refunds r ON r.id = l.refund_id "
        "WHERE l.report_id = $1 AND l.effect = 'REFUND' AND r.state = 'SUCCEEDED' AND NOT r.paid_by_bank_transfer "
        "  AND f.refund_id = r.id AND f.kind = 'MISSING_IN_REPORT' AND f.resolved_at IS NOT NULL "
        "  AND NOT EXISTS (SELECT 1 FROM settlement_lines v WHERE v.refund_id = r.id AND v.effect = 'REFUND' "
        "    AND v.voided_at IS NULL) RETURNING f.id",
        superseded_id,
    )


async def give_back(superseded_id: UUID, cause: Cause) -> None:
    """Money that the superseded report told to have left without us, and that no valid report tells of now, is given
    back; of which another amount is told now, it is booked with that. Inside the caller's transaction, after the new
    lines are stored. What the PSE told in another way stays.
    """
    old = await rows(
        # The columns are ours; every value is bound.
        f"SELECT {_COLUMNS} FROM settlement_lines l LEFT JOIN refunds f ON f.id = l.refund_id "  # noqa: S608
        # What another report had told before moved nothing here, but this may have been the last to tell of it.
        "WHERE l.report_id = $1 AND (l.effect = 'TAKEN' OR (l.effect = 'NONE' AND l.type = 'REFUND' "
        "  AND l.state = 'SUCCEEDED' AND l.refund_id IS NULL AND l.payment_id IS NOT NULL)) "
        "ORDER BY l.payment_id, l.line",
        superseded_id,
    )
    for line in old:
        payment = await Payment.filter(id=line["payment_id"]).select_for_update(no_key=True).get()
        told = await _told(payment)
        now = next((one for one in told if _name(one) == _name(line)), None)
        if now is None and line["by_amount"] and await external.standing(payment, line["amount"]) <= _most(told, line):
            continue
        if now is not None and now["amount"] == line["amount"]:
            continue
        if await external.untell(payment, _name(line), _GONE, cause) and now is not None:
            await external.book(payment, _known(payment, now), FindingKind.MISSING_IN_LEDGER, cause)


async def _told(payment: Payment) -> Sequence[Mapping[str, Any]]:
    """The valid lines of all reports that say that money of the payment left."""
    return await rows(
        f"SELECT {_COLUMNS} FROM settlement_lines l JOIN reports r ON r.id = l.report_id "  # noqa: S608
        "LEFT JOIN refunds f ON f.id = l.refund_id WHERE l.payment_id = $1 AND r.superseded_at IS NULL "
        "  AND l.voided_at IS NULL AND l.type = 'REFUND' AND l.state = 'SUCCEEDED' ORDER BY l.id",
        payment.id,
    )


def _name(line: Mapping[str, Any]) -> str:
    """The name under which such a line is booked as taken."""
    name: str = (external.BY_AMOUNT if line["by_amount"] else "") + line["name"]
    return name


def _most(told: Sequence[Mapping[str, Any]], line: Mapping[str, Any]) -> int:
    """How many nameless refunds of the line's amount, none of ours, the kind of report tells of that tells of most."""
    nobodys = [one for one in told if one["by_amount"] and one["refund_id"] is None]
    by_kind = Counter(one["kind"] for one in nobodys if one["amount"] == line["amount"])
    return max(by_kind.values(), default=0)


def _known(payment: Payment, line: Mapping[str, Any]) -> KnownRefund:
    return KnownRefund(
        reference=_name(line),
        pse_refund_reference=line["pse_refund_reference"],
        amount=Money(line["amount"], payment.currency),
        outcome=Succeeded(line["pse_refund_reference"]),
        by_bank=line["by_bank"],
        kind=line["kind"] or "",
        requested_at=None,
        settled_at=line["booked_at"],
    )
