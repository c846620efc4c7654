"""Which dates are repeated because another report has changed what their lines mean.

A fact that two reports tell is proven by the line that was read first, and what came back by a line only while a line
says that it left. So when a report takes such a proof away, or tells at last what had left, the reports that have the
rest of it are read again. The mark is the one of payments/told_before: the timetable repeats the date, once. What a
person has handed in, or a PSE lists once, cannot be fetched again: it is read as it is kept.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Final
from uuid import UUID

import polars as pl

from domain.models import Connection, Report
from domain.platform.database import execute, rows
from domain.problems import NotFound
from domain.pse.reporting import ReportFile
from domain.settlements import pieces
from domain.settlements.frames import Frames

_MOVED = (
    "SELECT payment_id, type, effect, count(*) AS times, sum(amount) AS amount FROM settlement_lines "
    "WHERE report_id = {} AND effect <> 'NONE' {} GROUP BY 1, 2, 3"
)
# Of a report that supersedes none, only what tells that something left: most lines of most reports do not.
_LEFT: Final = "AND ($2::uuid IS NOT NULL OR effect IN ('REFUND', 'TAKEN'))"
_QUERY = (
    # What another transaction has locked is being marked by it.
    f"WITH was AS ({_MOVED.format('$2', '')}), now AS ({_MOVED.format('$3', _LEFT)}), changed AS ("  # noqa: S608
    "  SELECT w.payment_id, w.type, false AS told FROM was w LEFT JOIN now n USING (payment_id, type, effect) "
    "    WHERE n.times IS NULL OR n.times < w.times OR n.amount <> w.amount "
    "  UNION SELECT n.payment_id, n.type, true FROM now n LEFT JOIN was w USING (payment_id, type, effect) "
    "    WHERE n.effect IN ('REFUND', 'TAKEN') AND n.times > coalesce(w.times, 0)) "
    "UPDATE reports SET repeat_since = clock_timestamp() WHERE id IN (SELECT r.id FROM reports r "
    "  WHERE r.connection_id = $1 AND r.superseded_at IS NULL AND r.retired_at IS NULL AND r.id IN ("
    "    SELECT l.report_id FROM changed c JOIN settlement_lines l ON l.payment_id = c.payment_id AND l.type = c.type "
    "    WHERE l.report_id <> $3 AND l.voided_at IS NULL AND ((l.effect = 'NONE' "
    "      AND (NOT c.told OR (l.state = 'RETURNED' AND NOT (l.by_amount AND l.refund_id IS NULL)))) "
    # Another part of it is told less of, or is one part of more.
    "      OR (l.effect = 'REFUND' AND NOT c.told AND EXISTS (SELECT 1 FROM refunds f WHERE f.id = l.refund_id "
    "        AND f.amount <> l.amount)))) "
    "  FOR NO KEY UPDATE SKIP LOCKED) RETURNING id"
)
# Money of no payment that the old report had counted, and the new one does not, or less often: the reports that tell it
# too, and had left it to that one. Which of it they count is domain/settlements/booked's to say.
_COUNTED = (
    "SELECT type, state, settled_net, settled_currency, payout_reference, business_date, payment_id, count(*) AS times "
    "FROM settlement_lines WHERE report_id = {} AND booked_as NOT IN ('NONE', 'EFFECT') "
    "GROUP BY 1, 2, 3, 4, 5, 6, 7"
)
_SAME = "c.type = l.type AND c.state = l.state AND c.settled_net = l.settled_net"
_LEFT_TO_IT = (
    "SELECT l.report_id FROM settlement_lines l WHERE l.voided_at IS NULL AND l.booked_as = 'NONE' "  # noqa: S608
    "  AND l.effect = 'NONE' AND l.settled_net IS NOT NULL AND l.report_id <> $3 AND EXISTS (SELECT 1 FROM lost c "
    f"    WHERE {_SAME} AND c.settled_currency = l.settled_currency) "
)
_NOBODYS = (
    f"WITH was AS ({_COUNTED.format('$2')}), now AS ({_COUNTED.format('$3')}), lost AS MATERIALIZED ("  # noqa: S608
    "  SELECT w.* FROM was w LEFT JOIN now n ON (n.type, n.state, n.settled_net, n.settled_currency, "
    "      n.business_date) = (w.type, w.state, w.settled_net, w.settled_currency, w.business_date) "
    "    AND n.payout_reference IS NOT DISTINCT FROM w.payout_reference "
    "    AND n.payment_id IS NOT DISTINCT FROM w.payment_id WHERE n.times IS NULL OR n.times < w.times), "
    f"telling AS ({_LEFT_TO_IT} AND l.business_date BETWEEN (SELECT min(business_date) FROM lost) "
    "    AND (SELECT max(business_date) FROM lost) "
    # A payout that has a name may be told on another day.
    f"  UNION {_LEFT_TO_IT} AND l.type = 'PAYOUT' AND l.payout_reference = ANY (ARRAY(SELECT payout_reference "
    "    FROM lost WHERE type = 'PAYOUT' AND payout_reference IS NOT NULL)) "
    # So may a row of a payment of ours that is there twice.
    f"  UNION {_LEFT_TO_IT} AND l.payment_id = ANY (ARRAY(SELECT payment_id FROM lost))) "
    "SELECT DISTINCT r.id FROM telling t JOIN reports r ON r.id = t.report_id "
    "WHERE r.connection_id = $1 AND r.superseded_at IS NULL AND r.retired_at IS NULL"
)
# Movements of refunds by name that the new report tells, and the one that it supersedes does not: the reports of rows
# that looked like the same row again and are none, since one of these lies between; and of rows of a refund in parts
# that nobody could explain without this part.
_NAME = "coalesce({0}.reference, {0}.pse_refund_reference)"
_OF_ONE = "({0}.refund_id = {1}.refund_id OR " + f"{_NAME.format('{0}')} = {_NAME.format('{1}')})"
_MOVEMENT = (
    "SELECT payment_id, refund_id, reference, pse_refund_reference, state, kind, booked_at, amount, effect "
    "FROM settlement_lines WHERE report_id = {} AND type = 'REFUND' AND payment_id IS NOT NULL AND NOT by_amount "
    "  AND (effect <> 'NONE' OR booked_as = 'UNEXPLAINED' OR state IN ('SUCCEEDED', 'RETURNED'))"
)
_BETWEEN = (
    "l.booked_as = 'NONE' AND l.state IN ('SUCCEEDED', 'RETURNED') AND (l.state = 'SUCCEEDED') <> "  # noqa: S608
    "  (n.state = 'SUCCEEDED') AND EXISTS (SELECT 1 FROM settlement_lines s WHERE s.payment_id = l.payment_id "
    "    AND s.type = 'REFUND' AND NOT s.by_amount AND s.state = l.state "
    "    AND (s.effect <> 'NONE' OR (s.booked_as = 'NONE' AND lower(s.kind) IS NOT DISTINCT FROM lower(l.kind))) "
    f"    AND s.voided_at IS NULL AND {_OF_ONE.format('s', 'l')} AND n.booked_at > least(s.booked_at, l.booked_at) "
    "    AND n.booked_at < greatest(s.booked_at, l.booked_at))"
)
_OF_PARTS = (
    "l.booked_as = 'UNEXPLAINED' AND n.effect = 'REFUND' AND l.state = n.state AND l.refund_id = n.refund_id "
    "  AND n.amount <> (SELECT f.amount FROM refunds f WHERE f.id = n.refund_id)"
)
# What another kind of report has told before without a name.
_NAMELESS = (
    "l.by_amount AND l.effect = 'TAKEN' AND l.refund_id IS NULL AND n.effect IN ('REFUND', 'TAKEN') "
    "  AND l.amount = n.amount AND lower(l.kind) IS DISTINCT FROM lower(n.kind)"
)
_ONCE_MORE = (
    f"WITH n AS MATERIALIZED ({_MOVEMENT.format('$3')} EXCEPT {_MOVEMENT.format('$2')}) "  # noqa: S608
    "SELECT DISTINCT r.id FROM n JOIN settlement_lines l ON l.payment_id = n.payment_id "
    "JOIN reports r ON r.id = l.report_id AND r.connection_id = $1 AND r.superseded_at IS NULL "
    "WHERE l.report_id <> $3 AND l.type = 'REFUND' AND l.voided_at IS NULL AND ((l.effect = 'NONE' "
    f"  AND NOT l.by_amount AND {_OF_ONE.format('l', 'n')} AND (({_BETWEEN}) OR ({_OF_PARTS}))) OR ({_NAMELESS}))"
)

# Whether reports beside $2 tell of refunds of these payments that they have not proven, or have taken by amount alone:
# few lines do, so they have an index (0087). Where a report supersedes none, all that the two queries of payments above
# look for is among them.
_LEFT_OVER = (
    "SELECT EXISTS (SELECT 1 FROM unnest($1::text::uuid[]) AS told (id) JOIN settlement_lines l "
    "  ON l.payment_id = told.id WHERE l.type = 'REFUND' AND l.voided_at IS NULL AND l.report_id <> $2 "
    "    AND (l.effect = 'NONE' OR (l.effect = 'TAKEN' AND l.by_amount AND l.refund_id IS NULL))) AS are_any"
)
_ASKED: Final = ("type", "payment_id")


async def mark(reports: Iterable[UUID]) -> None:
    """These are read again: lines of theirs are proven no longer. Inside the caller's transaction."""
    if not (told := sorted(reports)):
        return
    await execute(
        "UPDATE reports SET repeat_since = clock_timestamp() WHERE id IN (SELECT id FROM reports "
        "  WHERE id = ANY($1) AND superseded_at IS NULL AND retired_at IS NULL FOR NO KEY UPDATE SKIP LOCKED)",
        told,
    )


async def mark_of_lines(line_ids: Sequence[int]) -> None:
    """The reports of these lines are read again. Inside the caller's transaction."""
    if line_ids:
        found = await rows("SELECT DISTINCT report_id FROM settlement_lines WHERE id = ANY($1::bigint[])", line_ids)
        await mark(row["report_id"] for row in found)


async def mark_others(connection_id: UUID, old_id: UUID | None, new_id: UUID, lines: Frames) -> None:
    """Mark the reports that tell of what the new one has lost, be it of a payment or of nobody, or of the return of
    what it has gained.

    `old_id`: the one that it supersedes. `lines`: those of the new one, with their payments. Inside the caller's
    transaction, after they are stored.
    """
    if old_id is None and not await _are_left_over(new_id, lines):
        return
    await execute(_QUERY, connection_id, old_id, new_id)
    if told := await rows(_ONCE_MORE, connection_id, old_id, new_id):
        await mark(row["id"] for row in told)
    if old_id is not None and (telling := await rows(_NOBODYS, connection_id, old_id, new_id)):
        await mark(row["id"] for row in telling)


async def _are_left_over(new_id: UUID, lines: Frames) -> bool:
    """Whether other reports have refunds of the payments of these refunds that they have not proven."""
    for some in lines.only(_ASKED):
        told = some.filter(pl.col("type") == "REFUND")["payment_id"].drop_nulls().unique()
        if not told.is_empty():
            (found,) = await rows(_LEFT_OVER, f"{{{','.join(told)}}}", new_id)
            if found["are_any"]:
                return True
    return False


async def kept(connection: Connection, business_date: date, fetched: Collection[str], folder: Path) -> list[ReportFile]:
    """The reports in force of that date, as they are kept, in files of `folder`; without those of `fetched` names."""
    valid = Report.filter(connection_id=connection.id, business_date=business_date, superseded_at=None)
    names = await valid.order_by("created_at", "id").values_list("id", "name")
    return [await unpacked(report_id, folder) for report_id, name in names if name not in fetched]


async def unpacked(report_id: UUID, folder: Path) -> ReportFile:
    """That report as it is kept, in a file of `folder`. Raises NotFound where retention has taken the file away."""
    report = await Report.get(id=report_id)
    if report.retired_at is not None:
        raise NotFound(f"The file of the report {report.name} was removed by retention; its lines stand.")
    path = folder / f"kept-{hashlib.sha256(report.name.encode()).hexdigest()}"
    file = ReportFile(report.name, report.content_type, path)
    await pieces.unpack(report, file)
    return file
