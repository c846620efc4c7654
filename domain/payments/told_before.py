"""What reports told of a payment before it was registered (what webhooks told waits in the inbox: `revive_notices`).

What left of it is booked as the payment is registered, in the same transaction; the dates of the reports are run again
so that their lines prove it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.cause import Cause
from domain.findings.findings import FindingKind
from domain.models import Payment, Report
from domain.money import Money
from domain.payments import chargebacks, external, in_rows, orders, unnamed
from domain.payments.chargeback_facts import TYPES
from domain.platform.database import execute, rows
from domain.pse.vocabulary import Declined, KnownRefund, Succeeded


async def take_in(payment: Payment, cause: Cause) -> None:
    """Book what was told of a payment that is new. Inside the transaction that registers it."""
    await orders.one_at_a_time(payment)
    lines = await _lines(payment)
    if lines:
        await _repeat({line["report_id"] for line in lines})
        await _book(payment, lines, cause)


async def take_in_order(payment: Payment, cause: Cause) -> None:
    """Book what was told of the order that a known payment has now, as `take_in`.

    What may be of a refund of ours is left to the night, which is repeated (`repeat_order`).
    """
    await orders.one_at_a_time(payment)
    await _book(payment, [line for line in await _lines(payment) if not line["may_be_ours"]], cause)


async def _book(payment: Payment, lines: Sequence[Mapping[str, Any]], cause: Cause) -> None:
    told = Cause(f"{external.BY_REPORT}{payment.id}", cause.actor)  # a revised report may take it back
    refunds = [line for line in lines if line["type"] == "REFUND"]
    nameless = _unpaired([line for line in refunds if line["by_amount"]])
    for known in _refunds(
        payment, [*(line for line in refunds if not line["by_amount"]), *_most(nameless, "SUCCEEDED")]
    ):
        await external.book(payment, known, FindingKind.MISSING_IN_LEDGER, told)
    for line in _most(nameless, "RETURNED"):
        # As the night has it: what has a name is not what came back without one, and a person asks what that was.
        if await external.standing(payment, line["amount"], external.name_of(payment, external.BY_AMOUNT)) > 0:
            await unnamed.back_from_line(payment, _known(payment, line), told)
    if any(line["type"] in TYPES for line in lines):
        await chargebacks.agree([payment.id], cause)


async def _lines(payment: Payment) -> Sequence[Mapping[str, Any]]:
    # Three questions, so that each has its index.
    return await rows(
        "SELECT l.*, EXISTS (SELECT 1 FROM refunds f WHERE f.payment_id = $4 AND (f.reference = l.reference "  # noqa: S608
        "    OR f.pse_refund_reference = l.pse_refund_reference "
        "    OR (f.amount = l.amount AND (l.by_amount OR f.pse_refund_reference IS NULL)))) "
        "  AND l.type = 'REFUND' AS may_be_ours FROM ("
        "  SELECT * FROM settlement_lines WHERE payment_reference = $2 AND payment_id IS NULL AND voided_at IS NULL "
        "  UNION SELECT * FROM settlement_lines WHERE payment_alias = $2 AND payment_id IS NULL AND voided_at IS NULL "
        f"  UNION SELECT l.* FROM settlement_lines l JOIN payments p ON p.id = $4 WHERE {orders.LINE_OF_ORDER}"
        ") l JOIN reports r ON r.id = l.report_id WHERE r.connection_id = $1 AND r.superseded_at IS NULL "
        "  AND l.currency = $3 AND l.amount > 0 ORDER BY l.booked_at, l.id",
        payment.connection_id,
        payment.pse_reference,
        payment.currency,
        payment.id,
    )


async def repeat_order(connection_id: UUID, order: str) -> None:
    """Have the dates run again that told of the order alone. Before the payment's lock: a night takes both in this way.

    Inside the caller's transaction.
    """
    found = await rows(
        "SELECT DISTINCT r.id FROM settlement_lines l JOIN reports r ON r.id = l.report_id WHERE r.connection_id = $1 "
        "  AND r.superseded_at IS NULL AND l.order_reference = $2 AND l.payment_id IS NULL AND l.voided_at IS NULL "
        "  AND l.payment_reference IS NULL AND l.payment_alias IS NULL",
        connection_id,
        order,
    )
    await _repeat({row["id"] for row in found})


async def _repeat(reports: set[UUID]) -> None:
    await execute(
        "UPDATE reports SET repeat_since = clock_timestamp() WHERE id = ANY($1) AND superseded_at IS NULL",
        sorted(reports),
    )


def _refunds(payment: Payment, lines: Sequence[Mapping[str, Any]]) -> list[KnownRefund]:
    """What left, and then what came back of it, under the names by which the night books it."""
    left = _whole([line for line in lines if line["state"] == "SUCCEEDED"])
    back = [line for line in lines if line["state"] in ("FAILED", "RETURNED")]
    return [_known(payment, line) for line in (*left, *back)]


def _whole(lines: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """One for each name, of all that its rows tell; what has none is as it is told."""
    named: dict[str, list[Mapping[str, Any]]] = {}
    for line in lines:
        if not line["by_amount"]:
            named.setdefault(line["reference"] or line["pse_refund_reference"], []).append(line)
    together = [{**some[0], "amount": in_rows.whole(some)} for some in named.values()]
    return [*together, *(line for line in lines if line["by_amount"])]


def _unpaired(lines: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Without what left and came back in one report: the night books neither."""
    same: dict[tuple[Any, ...], dict[str, list[Mapping[str, Any]]]] = {}
    for line in lines:
        ways = same.setdefault((line["report_id"], line["kind"], line["amount"]), {"SUCCEEDED": [], "RETURNED": []})
        ways.setdefault(line["state"], []).append(line)
    kept: list[Mapping[str, Any]] = []
    for ways in same.values():
        left, back = ways["SUCCEEDED"], ways["RETURNED"]
        kept += [*left[len(back) :], *back[len(left) :]]
    return kept


def _most(lines: Sequence[Mapping[str, Any]], state: str) -> list[Mapping[str, Any]]:
    """The lines of that state, of each amount from the kind of report that has most of them."""
    found: dict[int, dict[str, list[Mapping[str, Any]]]] = {}
    for line in lines:
        if line["state"] == state:
            found.setdefault(line["amount"], {}).setdefault(line["kind"], []).append(line)
    return [line for by_kind in found.values() for line in max(by_kind.values(), key=len)]


def _known(payment: Payment, line: Mapping[str, Any]) -> KnownRefund:
    name = line["reference"] or line["pse_refund_reference"]
    settled_at: datetime = line["booked_at"]
    came_back = Declined("RETURNED", "The report says that the money came back.", line["pse_refund_reference"])
    return KnownRefund(
        reference=(external.BY_AMOUNT if line["by_amount"] else "") + name,
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
    current = Report.filter(connection_id=connection_id, name=name, superseded_at=None, repeat_since=marked)
    await current.update(repeat_since=None)


async def revive_notices(connection_id: UUID, names: Sequence[str]) -> list[UUID]:
    """Have the notices looked at again, and now, that wait for a payment of one of these names; their ids.

    Inside the transaction that registers the payment; ring for them after it.
    """
    revived = await rows(
        "UPDATE notices SET due_at = now(), tries = 0 WHERE connection_id = $1 AND applied_at IS NULL "
        "AND waits_for ?| $2::text[] RETURNING id",
        connection_id,
        list(names),
    )
    return [row["id"] for row in revived]
