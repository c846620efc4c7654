"""How much of the books is compared when: all of them at night, and every 15 minutes what has changed since.

What was found broken is looked at again each time until it is right, whoever found it; so is what a night excuses that
is under way, has failed, or is to be repeated. A change that leaves no row of an event, an entry, a line or a listing
(somebody writes to the database by hand) is seen at night only.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from domain import invariants
from domain.invariants import BrokenInvariant
from domain.models import Check
from domain.platform import marks
from domain.platform.database import rows

_TABLES: Final = ("events", "ledger_entries", "settlement_lines", "listed_money")
_PATIENCE_SECONDS: Final = 5.0
_FEW_MAX: Final = 20_000  # payments to a comparison
_STANDING_MAX: Final = 1_000  # violations of each invariant that are remembered
# A moment in a row is that of its transaction's begin, and no transaction lasts so long (platform/database.BATCH).
_OVERLAP: Final = "interval '2 hours'"
_CHANGED: Final = f"""
SELECT r.payment_id AS id FROM events e JOIN refunds r ON r.id = e.refund_id WHERE e.id > $1
UNION SELECT payment_id FROM ledger_entries WHERE id > $2 AND payment_id IS NOT NULL
UNION SELECT payment_id FROM settlement_lines WHERE id > $3 AND payment_id IS NOT NULL
UNION SELECT payment_id FROM listed_money WHERE id > $4
UNION SELECT payment_id FROM settlement_lines WHERE voided_at > $5::timestamptz - {_OVERLAP} AND payment_id IS NOT NULL
UNION SELECT coalesce(f.payment_id, r.payment_id) FROM findings f LEFT JOIN refunds r ON r.id = f.refund_id
    WHERE f.resolved_at > $5::timestamptz - {_OVERLAP} AND coalesce(f.payment_id, r.payment_id) IS NOT NULL
UNION SELECT unnest($6::uuid[])"""  # noqa: S608 - ours
# A night that is under way excuses what it has not booked yet: what it touches is compared again when it has ended.
_EXCUSING: Final = """SELECT EXISTS (SELECT 1 FROM reconciliation_runs WHERE state IN ('RUNNING', 'FAILED'))
  OR EXISTS (SELECT 1 FROM reports WHERE repeat_since IS NOT NULL AND superseded_at IS NULL) AS one"""
_NIGHT: Final = "SELECT EXISTS (SELECT 1 FROM reconciliation_runs WHERE state = 'RUNNING') AS runs"


async def compare(*, whole: bool) -> Sequence[BrokenInvariant]:
    """Compare all, or what has changed since the last comparison and what was broken then; every violation.

    Where no comparison was ever made all is compared. Outside of any transaction.
    """
    last = await Check.all().order_by("-id").first()
    (clock,) = await rows("SELECT now() AS at")
    reached = None if await _night() else await marks.settled(_TABLES, patience_seconds=_PATIENCE_SECONDS)
    whole = whole or last is None or last.standing.get("more", False)
    broken, excused = await (_everything() if whole or last is None else _changed(last))
    at = clock["at"]
    if (reached is None or await _night()) and last is not None:
        at, reached = last.at, _of(last)  # what was not certain is compared again
    if reached is not None:
        made: dict[str, Any] = {"at": at, "whole": whole, "standing": _standing([*broken, *excused]), **reached}
        await Check.create(**made)
    return broken


def shown(broken: Sequence[BrokenInvariant]) -> Sequence[BrokenInvariant]:
    """At most so many of each invariant as a person reads."""
    names = {one.name: [other for other in broken if other.name == one.name] for one in broken}
    return [one for found in names.values() for one in found[: invariants.SHOWN_MAX]]


async def _night() -> bool:
    (found,) = await rows(_NIGHT)
    return bool(found["runs"])


def _of(last: Check) -> dict[str, int]:
    return {table: getattr(last, table) for table in _TABLES}


_Found = tuple[
    Sequence[BrokenInvariant], Sequence[BrokenInvariant]
]  # what is broken, and what would be if no night excused it


async def _everything() -> _Found:
    broken = await invariants.check(_STANDING_MAX)
    return broken, await invariants.unexcused(None, _STANDING_MAX) if await _excusing() else ()


async def _changed(last: Check) -> _Found:
    standing = [UUID(one) for one in last.standing["payments"]]
    found = await rows(_CHANGED, *_of(last).values(), last.at, standing)
    payments = [row["id"] for row in found]
    names = last.standing["invariants"]
    broken = list(await invariants.check_few(payments[:_FEW_MAX], names, _STANDING_MAX))
    for start in range(_FEW_MAX, len(payments), _FEW_MAX):
        part = await invariants.check_few(payments[start : start + _FEW_MAX], (), _STANDING_MAX)
        broken += [one for one in part if one.payment_id is not None]  # the others were asked about all at once
    excused: list[BrokenInvariant] = []
    for start in range(0, len(payments) if await _excusing() else 0, _FEW_MAX):
        excused += await invariants.unexcused(payments[start : start + _FEW_MAX], _STANDING_MAX)
    return broken, excused


async def _excusing() -> bool:
    (found,) = await rows(_EXCUSING)
    return bool(found["one"])


def _standing(broken: Sequence[BrokenInvariant]) -> dict[str, Any]:
    return {
        # More of one kind than are remembered: then everything is compared until there are fewer.
        "more": max(Counter(one.name for one in broken).values(), default=0) >= _STANDING_MAX,
        "payments": sorted({str(one.payment_id) for one in broken if one.payment_id is not None}),
        "invariants": sorted({one.name for one in broken if one.name in invariants.WHOLE}),
    }
