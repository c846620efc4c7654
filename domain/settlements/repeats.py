"""Which dates are repeated because another report has changed what their lines mean.

A fact that two reports tell is proven by the line that was read first, and what came back by a line only while a line
says that it left. So when a report takes such a proof away, or tells at last what had left, the reports that have the
rest of it are read again. The mark is the one of payments/told_before: the timetable repeats the date, once. What a
person has handed in, or a PSE lists once, cannot be fetched again: it is read as it is kept.
"""

import gzip
import hashlib
import io
import shutil
from collections.abc import Collection, Iterable
from datetime import date
from pathlib import Path
from uuid import UUID

from domain.models import Connection, Report
from domain.platform.database import execute
from domain.problems import NotFound
from domain.pse.reporting import ReportFile

_MOVED = (
    "SELECT payment_id, type, effect, count(*) AS times, sum(amount) AS amount FROM settlement_lines "
    "WHERE report_id = {} AND effect <> 'NONE' GROUP BY 1, 2, 3"
)
_QUERY = (
    # What another transaction has locked is being marked by it.
    f"WITH was AS ({_MOVED.format('$2')}), now AS ({_MOVED.format('$3')}), changed AS ("  # noqa: S608
    "  SELECT w.payment_id, w.type, false AS told FROM was w LEFT JOIN now n USING (payment_id, type, effect) "
    "    WHERE n.times IS NULL OR n.times < w.times OR n.amount <> w.amount "
    "  UNION SELECT n.payment_id, n.type, true FROM now n LEFT JOIN was w USING (payment_id, type, effect) "
    "    WHERE n.effect IN ('REFUND', 'TAKEN') AND n.times > coalesce(w.times, 0)) "
    "UPDATE reports SET repeat_since = clock_timestamp() WHERE id IN (SELECT r.id FROM reports r "
    "  WHERE r.connection_id = $1 AND r.superseded_at IS NULL AND r.retired_at IS NULL AND r.id IN ("
    "    SELECT l.report_id FROM changed c JOIN settlement_lines l ON l.payment_id = c.payment_id AND l.type = c.type "
    "    WHERE l.report_id <> $3 AND l.voided_at IS NULL AND l.effect = 'NONE' "
    "      AND (NOT c.told OR (l.state = 'RETURNED' AND NOT (l.by_amount AND l.refund_id IS NULL)))) "
    "  FOR NO KEY UPDATE SKIP LOCKED) RETURNING id"
)


async def mark(reports: Iterable[UUID]) -> None:
    """These are read again: lines of theirs are proven no longer. Inside the caller's transaction."""
    await execute(
        "UPDATE reports SET repeat_since = clock_timestamp() WHERE id IN (SELECT id FROM reports "
        "  WHERE id = ANY($1) AND superseded_at IS NULL AND retired_at IS NULL FOR NO KEY UPDATE SKIP LOCKED)",
        sorted(reports),
    )


async def mark_others(connection_id: UUID, old_id: UUID | None, new_id: UUID) -> None:
    """Mark the reports that tell of what the new one has lost, or of the return of what it has gained.

    `old_id`: the one that it supersedes. Inside the caller's transaction, after the new lines are stored.
    """
    await execute(_QUERY, connection_id, old_id, new_id)


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
    with gzip.GzipFile(fileobj=io.BytesIO(report.content)) as packed, path.open("wb") as into:
        shutil.copyfileobj(packed, into)
    return ReportFile(report.name, report.content_type, path)
