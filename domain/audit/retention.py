"""Retention, as the database's owner: old bodies go in small batches, one transaction each, and each leaves a deed.

Stopped at any point it is begun again: what is gone is passed by. A row that somebody holds is left for the next
run: nobody waits. The application's role can do none of it.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

from domain.audit.kinds import KINDS, BodyKind, where
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.models import LegalHold, Merchant, Refund
from domain.platform.database import execute, rows, transaction
from domain.problems import InvalidInput, NotFound

BATCH: Final = 1_000
RETENTION: Final = "retention"
_REASON: Final = (5, 500)


@dataclass(frozen=True, slots=True)
class Plan:
    """A kind with the months that it is kept, the moment before which it goes (UTC), and how many rows would."""

    kind: BodyKind
    months: int
    before: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What a batch took away: of which kind, the ids, and how many of each merchant."""

    kind: BodyKind
    ids: Sequence[UUID | int]
    of_merchants: Mapping[UUID, int]


def cut(months: int, now: datetime) -> datetime:
    """The first moment of the month that lies so many whole months before this one, UTC."""
    months_since = now.year * 12 + now.month - 1 - months
    return datetime(months_since // 12, months_since % 12 + 1, 1, tzinfo=UTC)


def months_of(kind: BodyKind, keep: Mapping[str, int]) -> int:
    """As configured, else the default. Raises InvalidInput below what the law needs."""
    months = keep.get(kind.name, kind.months)
    if months < kind.at_least:
        raise InvalidInput(f"{kind.name} is kept at least {kind.at_least} months: {kind.why}")
    return months


async def plan(keep: Mapping[str, int], now: datetime) -> list[Plan]:
    """What a run would take away, each table read once. Raises InvalidInput."""
    if unknown := sorted(keep.keys() - {kind.name for kind in KINDS}):
        raise InvalidInput(f"No such kind: {', '.join(unknown)}; there are {', '.join(one.name for one in KINDS)}.")
    made = []
    for kind in KINDS:
        months = months_of(kind, keep)
        before = cut(months, now)
        (row,) = await rows(f"SELECT count(*) AS n FROM {kind.table} t WHERE {where(kind)}", before)  # noqa: S608
        made.append(Plan(kind, months, before, row["n"]))
    return made


async def apply(one: Plan, cause: Cause, *, batch: int = BATCH) -> AsyncIterator[Taken]:
    """Take away what is planned, batch by batch, in the order of ids; each is committed when it is given."""
    after: Any = 0 if one.kind.number else UUID(int=0)
    while True:
        found = await rows(f"SELECT id FROM {one.kind.table} WHERE id > $1 ORDER BY id LIMIT $2", after, batch)  # noqa: S608
        if not found:
            return
        ids = [row["id"] for row in found]
        after = ids[-1]
        taken = await _take(one, ids, cause)
        if taken.ids:
            yield taken


async def _take(one: Plan, ids: Sequence[Any], cause: Cause) -> Taken:
    array = "bigint[]" if one.kind.number else "uuid[]"
    among = f"t.id = ANY($2::{array}) AND {where(one.kind)}"
    async with transaction():
        await execute("SET LOCAL estorno.retention = 'on'")
        held = await rows(
            f"SELECT t.id, {one.kind.merchant} AS merchant_id FROM {one.kind.table} t WHERE {among} "  # noqa: S608
            "FOR NO KEY UPDATE OF t SKIP LOCKED",
            one.before,
            ids,
        )
        mine = [row["id"] for row in held]
        if mine:
            await _remove(one.kind, mine, array)
        counts = Counter(row["merchant_id"] for row in held)
        for merchant_id, count in counts.items():
            what = {"removed": [None, count], "before": [None, one.before.date().isoformat()]}
            await deeds.note(merchant_id, RETENTION, Of("retention", one.kind.name), cause, what)
    return Taken(one.kind, mine, counts)


async def _remove(kind: BodyKind, ids: Sequence[Any], array: str) -> None:
    if kind.take is None:
        await execute(f"DELETE FROM {kind.table} WHERE id = ANY($1::{array})", ids)  # noqa: S608 - names of ours
    else:
        await execute(f"UPDATE {kind.table} t SET {kind.take} WHERE t.id = ANY($1::{array})", ids)  # noqa: S608


async def hold(merchant_id: UUID, refund_id: UUID | None, reason: str, cause: Cause) -> LegalHold:
    """Keep a merchant's data, or one refund's, from retention. Raises InvalidInput, NotFound."""
    if not _REASON[0] <= len(reason.strip()) <= _REASON[1]:
        raise InvalidInput(f"The reason takes {_REASON[0]} to {_REASON[1]} characters.")
    if not await Merchant.exists(id=merchant_id):
        raise NotFound("There is no such merchant.")
    if refund_id is not None and not await Refund.exists(id=refund_id, merchant_id=merchant_id):
        raise NotFound("The merchant has no such refund.")
    async with transaction():
        made = await LegalHold.create(
            id=uuid4(), merchant_id=merchant_id, refund_id=refund_id, reason=reason.strip(), placed_by=cause.actor
        )
        what = {"refund": [None, refund_id and str(refund_id)], "reason": [None, made.reason]}
        await deeds.note(merchant_id, "legalHoldPlace", Of("legal hold", made.id), cause, what)
    return made


async def lift(hold_id: UUID, cause: Cause) -> LegalHold:
    """End a legal hold. Raises NotFound."""
    async with transaction():
        found = await LegalHold.filter(id=hold_id, lifted_at=None).select_for_update(no_key=True).get_or_none()
        if found is None:
            raise NotFound("There is no such legal hold in force.")
        await LegalHold.filter(id=hold_id).update(lifted_at=datetime.now(UTC), lifted_by=cause.actor)
        what = {"reason": [found.reason, None]}
        await deeds.note(found.merchant_id, "legalHoldLift", Of("legal hold", hold_id), cause, what)
    return await LegalHold.get(id=hold_id)
