"""Reading a sheet and judging its rows, as a job: all of the verdicts are there, or none is."""

from collections.abc import Sequence
from typing import Any, Final

from domain.access.principal import Principal
from domain.batches import batches, known, limits, lines, reading, refunding, registering
from domain.batches.columns import SheetKind
from domain.batches.lines import Read
from domain.batches.verdicts import WILL_BE_DONE, Judged
from domain.cause import Cause
from domain.files import content
from domain.history import news
from domain.models import Batch, File
from domain.platform import bell
from domain.platform.apart import apart
from domain.platform.database import execute, transaction
from domain.platform.settings import Settings
from domain.problems import InvalidInput, Problem

_JUDGED: Final = """UPDATE batches SET state = 'JUDGED', due_at = NULL, judged_at = now(), written = $3, ignored = $4,
  digest = $5, rows_total = $6, by_two = $7, changes = changes + 1
WHERE id = $1 AND state = 'READING' AND tries = $2"""
_KEEP: Final = """INSERT INTO batch_rows (merchant_id, batch_id, row, key, number, named, amount, currency, verdict,
  code, said, payment_id, store_id, seen)
SELECT $1, $2, * FROM unnest($3::int[], $4::varchar[], $5::varchar[], $6::varchar[], $7::bigint[], $8::varchar[],
  $9::varchar[], $10::varchar[], $11::varchar[], $12::uuid[], $13::uuid[], $14::int[])"""


async def read(row: Batch, settings: Settings) -> Read:
    """What the sheet says. Raises InvalidInput; ContentAway, Unsealable, KeyServiceAway."""
    given = await content.get(settings, await File.get(id=row.file_id))
    return await apart(row.merchant_id, _read, given, SheetKind(row.kind))


def _read(given: bytes, kind: SheetKind) -> Read:
    return lines.understood(reading.read(given, kind), kind)


async def judge(row: Batch, settings: Settings) -> None:
    """Its turn as a job, after `begun`."""
    who, cause = await batches.asker(row)
    if who is None:
        await batches.fail(row, "Whoever handed it in may not do it any more.")
        return
    try:
        told = await read(row, settings)
        if not told.lines:
            raise InvalidInput("No row of the sheet says anything.")
        found = await _verdicts(who, row, told, cause)
    except Problem as problem:
        await batches.fail(row, problem.message)
        return
    await _keep(row, told, found)
    await bell.wake(bell.batch_channel(row.id))


async def _verdicts(who: Principal, row: Batch, told: Read, cause: Cause) -> list[Judged]:
    if row.kind == SheetKind.PAYMENTS:
        return await registering.of_payments(who, told)
    return await refunding.of_refunds(who, told, cause)


async def _keep(row: Batch, told: Read, found: Sequence[Judged]) -> None:
    going = [one for one in found if one.verdict in WILL_BE_DONE]
    amounts: dict[str, int] = {}
    for one in going:
        if one.amount is not None:
            amounts[one.amount.currency] = amounts.get(one.amount.currency, 0) + one.amount.minor_units
    by_two = await limits.why_two(row, len(going), amounts)
    async with transaction():
        facts = (told.written[:60], ", ".join(told.ignored)[:500] or None, told.digest, len(found), by_two)
        if await execute(_JUDGED, row.id, row.tries, *facts) != 1:
            return  # it was called off, or another worker has it in hand
        if by_two is not None:
            await news.write(row.merchant_id, "approval.waiting", "batch", row.id, {})
        for part in known.chunks(found):
            columns = [list(one) for one in zip(*map(_values, part), strict=True)]
            await execute(_KEEP, row.merchant_id, row.id, *columns)


def _values(one: Judged) -> tuple[Any, ...]:
    money = one.amount
    return (
        one.row,
        one.key,
        one.number,
        one.named,
        money.minor_units if money else None,
        money.currency if money else None,
        one.verdict.value,
        one.code,
        one.said,
        one.payment_id,
        one.store_id,
        one.seen,
    )
