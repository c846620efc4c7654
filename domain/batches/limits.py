"""From which size on another person confirms a whole sheet: a rule of the merchant's, with defaults.

It stands beside what each refund of it needs by itself. Who handed the sheet in is never that other person. What they
have confirmed alone within a day counts with it: a sheet that is cut in parts is as large as it was.
"""

from collections.abc import Collection, Mapping
from typing import Final
from uuid import UUID

from domain.access.small import reached
from domain.batches.verdicts import WILL_BE_DONE
from domain.models import Batch
from domain.money import Money
from domain.platform.database import rows
from domain.refunds.approvals import standing
from domain.refunds.approvals.batch_limits import ROWS_ANY

_OF_SHEET: Final = """SELECT r.currency, count(*)::int AS rows, coalesce(sum(r.amount), 0)::bigint AS amount
FROM batch_rows r WHERE r.batch_id = $1 AND r.verdict = ANY($2::varchar[]) GROUP BY r.currency"""
# What was asked for, or will be, of the sheets that one pair of hands has handed in and confirmed itself.
_ALONE: Final = """SELECT r.currency, count(*)::int AS rows, coalesce(sum(r.amount), 0)::bigint AS amount
FROM batches b JOIN batch_rows r ON r.batch_id = b.id
WHERE b.merchant_id = $1 AND b.id <> $2 AND b.kind = $3 AND b.party = ANY($4::uuid[])
  AND b.confirmed_by_id = ANY($4::uuid[])
  AND b.confirmed_at > now() - interval '1 day' AND r.verdict = ANY($5::varchar[])
  AND (r.outcome IN ('ASKED', 'REGISTERED') OR (r.outcome IS NULL AND b.state = 'APPLYING'))
GROUP BY r.currency"""


async def why_two(
    sheet: Batch, count: int, amounts: Mapping[str, int], hands: Collection[UUID] | None = None
) -> str | None:
    """Why another person confirms a sheet that asks for so many refunds of so much (minor units by currency).

    `hands`: of whoever would confirm it alone (vouching.all_hands); left out: of who handed it in, as far as is known.
    """
    alone = await rows(
        _ALONE, sheet.merchant_id, sheet.id, sheet.kind, list(hands or (sheet.party,)), list(WILL_BE_DONE)
    )
    whole = {**amounts}
    for one in alone:
        if one["currency"] in amounts:
            whole[one["currency"]] += one["amount"]
    return await _why(sheet.merchant_id, count, count + sum(one["rows"] for one in alone), whole)


async def why_two_now(sheet: Batch, hands: Collection[UUID]) -> str | None:
    """The same of a judged sheet, beside what was confirmed since it was judged."""
    found = await rows(_OF_SHEET, sheet.id, list(WILL_BE_DONE))
    amounts = {one["currency"]: one["amount"] for one in found if one["currency"] is not None}
    return await why_two(sheet, sum(one["rows"] for one in found), amounts, hands)


async def _why(merchant_id: UUID, own: int, count: int, amounts: Mapping[str, int]) -> str | None:
    held = (await standing.read(merchant_id)).batches_by_two
    told = [
        f"{Money(amount, currency)} in all"
        for currency, amount in sorted(amounts.items())
        if reached({one: least for one, least in held.items() if one != ROWS_ANY}, amount, currency)
    ]
    most = held.get(ROWS_ANY)
    if own and most is not None and count >= most:
        told.insert(0, f"{count} rows (from {most} on)")
    beside = ", with what you confirmed alone within a day" if count > own else ""
    return f"It is large: {', '.join(told)}{beside}."[:300] if told else None
