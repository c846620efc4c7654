"""What we have of all that a sheet's rows name, asked for set-wise: so many statements for a thousand rows.

Nothing is locked and nothing is written: what was known is compared again where a row is worked off.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from uuid import UUID

from domain.batches.lines import Line
from domain.batches.verdicts import alike
from domain.models import Connection
from domain.models.refunds import RELEASED
from domain.payments import confirmations
from domain.platform import node_ids
from domain.platform.database import rows
from domain.refunds import insert

T = TypeVar("T")

AT_ONCE: Final = 1_000
ENDED: Final = sorted(state.value for state in RELEASED)
_BY_NAME: Final = """SELECT a.row, p.id FROM unnest($1::int[], $2::varchar[]) AS a(row, name)
JOIN payments p ON p.connection_id = ANY($3::uuid[]) AND p.pse_reference = a.name AND p.withdrawn_at IS NULL"""
_BY_ORDER: Final = """SELECT a.row, p.id FROM unnest($1::int[], $2::varchar[]) AS a(row, name)
JOIN payments p ON p.merchant_id = $3 AND p.order_reference = a.name AND p.withdrawn_at IS NULL"""
# Refunds of a payment that have left or may, by their amount; and the numbers that sheets have given them.
_LIVE: Final = """SELECT r.payment_id, r.amount, max(r.reference) AS reference,
  array_agg((SELECT min(b.number) FROM batch_rows b WHERE b.refund_id = r.id)) AS numbers
FROM refunds r WHERE r.payment_id = ANY($1::uuid[]) AND r.state <> ALL($2::varchar[])
GROUP BY r.payment_id, r.amount"""
_EARLIER: Final = """SELECT DISTINCT ON (b.key) b.key, b.payment_id, b.amount, b.currency, r.reference, r.state
FROM batch_rows b LEFT JOIN refunds r ON r.id = b.refund_id
WHERE b.merchant_id = $1 AND b.key = ANY($2::varchar[]) AND b.outcome IN ('ASKED', 'ALREADY', 'REGISTERED')
ORDER BY b.key, b.id"""
_REGISTERED: Final = """SELECT a.row, p.source, p.captured, p.currency, p.method, p.store_id
FROM unnest($1::int[], $2::uuid[], $3::varchar[]) AS a(row, connection, name)
JOIN payments p ON p.connection_id = a.connection AND p.pse_reference = a.name AND p.withdrawn_at IS NULL"""


@dataclass(slots=True)
class Twins:
    """Refunds of one amount of a payment that have left or may; those that have a number of their own also by that."""

    reference: str = ""
    times: int = 0
    numbered: int = 0
    numbers: Counter[str] = field(default_factory=Counter)

    def add(self, number: str | None) -> None:
        """One more."""
        self.times += 1
        if number:
            self.numbered += 1
            self.numbers[alike(number)] += 1

    def beside(self, number: str) -> int:
        """How many may be the same: of one with a number of its own, those without, or whose number is alike."""
        return self.times - self.numbered + self.numbers[alike(number)] if number else self.times


@dataclass(slots=True)
class OnFile:
    """`named`: the payments that each row may mean; `payments` as refunds of them are decided by; `earlier` by key."""

    named: dict[int, list[UUID]] = field(default_factory=dict)
    payments: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    live: dict[tuple[UUID, int], Twins] = field(default_factory=dict)
    shown: frozenset[UUID] = frozenset()
    earlier: dict[str, Mapping[str, Any]] = field(default_factory=dict)


def chunks(many: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many as are asked for at once."""
    for start in range(0, len(many), AT_ONCE):
        yield many[start : start + AT_ONCE]


async def of_refunds(merchant_id: UUID, lines: Sequence[Line], keys: Sequence[str]) -> OnFile:
    """All that rows of refunds name."""
    known = OnFile()
    connections: list[Any] = list(await Connection.filter(merchant_id=merchant_id).values_list("id", flat=True))
    for part in chunks([one for one in lines if one.refusal is None]):
        await _name(known, merchant_id, part, connections)
    payment_ids = sorted({one for named in known.named.values() for one in named})
    for ids in chunks(payment_ids):
        known.payments |= {one["id"]: one for one in await insert.seen_all(merchant_id, ids)}
        for one in await rows(_LIVE, list(ids), ENDED):
            twins = known.live[one["payment_id"], one["amount"]] = Twins(one["reference"])
            for number in one["numbers"]:
                twins.add(number)
        known.shown |= await confirmations.by_reports(ids)
    known.earlier = await earlier(merchant_id, keys)
    return known


async def earlier(merchant_id: UUID, keys: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """What rows with these keys have come to before, in this sheet or another."""
    found: dict[str, Mapping[str, Any]] = {}
    for part in chunks(keys):
        found |= {one["key"]: one for one in await rows(_EARLIER, merchant_id, list(part))}
    return found


async def registered(named: Sequence[tuple[int, UUID, str]]) -> dict[int, Mapping[str, Any]]:
    """Payments that are there already, by the row that names their connection and reference."""
    found: dict[int, Mapping[str, Any]] = {}
    for part in chunks(named):
        columns = [list(one) for one in zip(*part, strict=True)]
        found |= {one["row"]: one for one in await rows(_REGISTERED, *columns)}
    return found


async def _name(known: OnFile, merchant_id: UUID, part: Sequence[Line], connections: Sequence[UUID]) -> None:
    by_name = [(one.row, one.get("payment")) for one in part if one.get("payment")]
    by_order = [(one.row, one.get("order")) for one in part if not one.get("payment") and one.get("order")]
    ways: Sequence[tuple[str, list[tuple[int, str]], Any]] = (
        (_BY_NAME, by_name, list(connections)),
        (_BY_ORDER, by_order, merchant_id),
    )
    for statement, asked, within in ways:
        if asked:
            columns = [list(one) for one in zip(*asked, strict=True)]
            for found in await rows(statement, *columns, within):
                known.named.setdefault(found["row"], []).append(found["id"])
    for row, told in by_name:
        if row not in known.named and (payment_id := node_ids.id_of("Payment", told)) is not None:
            known.named[row] = [payment_id]
