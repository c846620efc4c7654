"""What reports told of a payment before it was registered (webhooks: notices.revive_for).

What left of it is booked as the payment is registered, in the same transaction; the dates of the reports are run again
so that their lines prove it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from domain import chargebacks, taken
from domain.database import rows
from domain.findings import FindingKind
from domain.idempotency import Cause
from domain.models import Payment
from domain.money import Money
from domain.pse.vocabulary import Declined, KnownRefund, Succeeded


async def take_in(payment: Payment, cause: Cause) -> None:
    """Book what was told of a payment that is new. Inside the transaction that registers it."""
    lines = await _lines(payment)
    if not lines:
        return
    await _repeat({line["report_id"] for line in lines})
    told = Cause(f"{taken.BY_REPORT}{payment.id}", cause.actor)  # a revised report may take it back
    for known in _refunds(payment, [line for line in lines if line["type"] == "REFUND"]):
        await taken.book(payment, known, FindingKind.MISSING_IN_LEDGER, told)
    if any(line["type"] in chargebacks.TYPES for line in lines):
        await chargebacks.agree([payment.id], cause)


async def _lines(payment: Payment) -> Sequence[Mapping[str, Any]]:
    # Two questions, so that each has its index.
    return await rows(
        "SELECT l.* FROM ("
        "  SELECT * FROM settlement_lines WHERE payment_reference = $2 AND payment_id IS NULL AND voided_at IS NULL "
        "  UNION SELECT * FROM settlement_lines WHERE payment_alias = $2 AND payment_id IS NULL AND voided_at IS NULL"
        ") l JOIN reports r ON r.id = l.report_id WHERE r.connection_id = $1 AND r.superseded_at IS NULL "
        "  AND l.currency = $3 AND l.amount > 0 ORDER BY l.booked_at, l.id",
        payment.connection_id,
        payment.pse_reference,
        payment.currency,
    )


async def _repeat(reports: set[UUID]) -> None:
    await rows(
        "UPDATE reports SET repeat_since = clock_timestamp() WHERE id = ANY($1) AND superseded_at IS NULL RETURNING id",
        sorted(reports),
    )


def _refunds(payment: Payment, lines: Sequence[Mapping[str, Any]]) -> list[KnownRefund]:
    """What left and what came back of it, under the names by which the night books it."""
    named = [line for line in lines if not line["by_amount"]]
    left = [line for line in named if line["state"] == "SUCCEEDED"]
    back = [line for line in named if line["state"] in ("FAILED", "RETURNED")]
    nameless = _nameless([line for line in lines if line["by_amount"]])
    return [_known(payment, line) for line in (*left, *nameless, *back)]


def _nameless(lines: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The lines of money that left and did not come back: of each amount from the kind of report that has most."""
    back = Counter((line["amount"], line["kind"]) for line in lines if line["state"] == "RETURNED")
    left: dict[int, dict[str, list[Mapping[str, Any]]]] = {}
    for line in lines:
        if line["state"] == "SUCCEEDED":
            left.setdefault(line["amount"], {}).setdefault(line["kind"], []).append(line)
    kept: list[Mapping[str, Any]] = []
    for amount, by_kind in left.items():
        most: list[Mapping[str, Any]] = []
        for kind, found in by_kind.items():
            most = max(most, found[back[amount, kind] :], key=len)
        kept += most
    return kept


def _known(payment: Payment, line: Mapping[str, Any]) -> KnownRefund:
    name = line["reference"] or line["pse_refund_reference"]
    settled_at: datetime = line["booked_at"]
    came_back = Declined("RETURNED", "The report says that the money came back.", line["pse_refund_reference"])
    return KnownRefund(
        reference=(taken.BY_AMOUNT if line["by_amount"] else "") + name,
        pse_refund_reference=line["pse_refund_reference"],
        amount=Money(line["amount"], payment.currency),
        outcome=Succeeded(line["pse_refund_reference"]) if line["state"] == "SUCCEEDED" else came_back,
        by_bank=line["by_bank"],
        kind=line["kind"] or "",
        requested_at=None,
        settled_at=settled_at,
    )


async def repeated(connection_id: UUID, name: str, marked: datetime | None) -> None:
    """The date of a report was run again, with what was registered until `marked`: what came after it stays to do."""
    await rows(
        "UPDATE reports SET repeat_since = NULL WHERE connection_id = $1 AND name = $2 AND superseded_at IS NULL "
        "AND repeat_since = $3 RETURNING id",
        connection_id,
        name,
        marked,
    )
