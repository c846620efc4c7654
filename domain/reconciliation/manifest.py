"""What a night leaves behind: each file of its date, what proves it, what it had in it, and what was known then.

A date's files are read by several runs where one is handed in, or announced, later than another: the manifest keeps
them all, each with the number of the run that read it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from domain.history import seals
from domain.models import Connection, ReconciliationRun
from domain.models import Report as StoredReport
from domain.models.settlements import Effect
from domain.platform.database import rows
from domain.pse.connector import Connector
from domain.pse.registry import connector
from domain.pse.reporting import ReadReport, ReportFile
from domain.reconciliation import progress
from domain.reconciliation.expected import Awaited
from domain.settlements import pieces, reports
from domain.settlements.frames import Frames

Entry = dict[str, Any]
_ASKED: Final = ("type", "effect", "refund_id")
UNPROVEN: Final = "completeness unproven"


@dataclass(frozen=True, slots=True)
class Lines:
    """What a file's lines did. `totals`: as settlements/reports.totals_of counts them."""

    totals: Mapping[str, Any]
    matched_refunds: int
    unmatched_refunds: int


def counted(effects: Frames) -> Lines:
    """Of lines that were matched now."""
    matched = unmatched = 0
    for some in effects.only(_ASKED):
        refunds = some["type"] == "REFUND"
        matched += int((refunds & (some["effect"] == Effect.REFUND.value)).sum())
        unmatched += some["refund_id"].filter(refunds).null_count()
    return Lines(reports.totals_of(effects), matched, unmatched)


async def lines_of(stored: StoredReport) -> Lines:
    """Of lines that are stored, and say the same as before."""
    (row,) = await rows(
        "SELECT count(*) FILTER (WHERE effect = 'REFUND') AS matched, "
        "  count(*) FILTER (WHERE refund_id IS NULL) AS unmatched "
        "FROM settlement_lines WHERE report_id = $1 AND type = 'REFUND'",
        stored.id,
    )
    return Lines(stored.totals, row["matched"], row["unmatched"])


def of_file(file: ReportFile, lines: Lines, report: ReadReport) -> Entry:
    """A file that was entered. `proof`: COMPLETE, UNPROVEN or CONTRADICTED; `completeness`: by what, in words."""
    proof, words = proof_of(report)
    return {
        "name": file.name,
        "sha256": pieces.digest_of(file),
        "bytes": file.path.stat().st_size,
        "proof": proof,
        "completeness": words,
        "unknown": {"words": len(report.unknown), "rows": sum(one.rows for one in report.unknown)},
        "totals": lines.totals,
        "matched_refunds": lines.matched_refunds,
        "unmatched_refunds": lines.unmatched_refunds,
    }


def proof_of(report: ReadReport) -> tuple[str, str]:
    """COMPLETE, UNPROVEN or CONTRADICTED, and by what, in words."""
    if report.contradicted is not None:
        said = f"contradicted: {report.contradicted}"
        return "CONTRADICTED", said if report.completeness is None else f"{said} Yet: {report.completeness}"
    return ("UNPROVEN", UNPROVEN) if report.completeness is None else ("COMPLETE", report.completeness)


async def of_run(
    connection: Connection, run: ReconciliationRun, read: Sequence[Entry], awaited: Awaited, at: datetime
) -> Entry:
    """The manifest of a run that has `read` these at `at` (UTC), beside what earlier runs of its date have.

    `awaited`: what is expected of the connection.
    """
    wire = connector(connection.pse)
    files = [*(await _earlier(run, read)), *({**one, "run": run.times} for one in read)]
    entered = entered_of(files)
    return {
        "files": files,
        "completeness": "; ".join(sorted({file["completeness"] for file in entered})) if files else _nothing(wire),
        "not_ended": _not_ended(run, awaited.zone, at),
        "matched_refunds": sum(file["matched_refunds"] for file in entered),
        "unmatched_refunds": sum(file["unmatched_refunds"] for file in entered),
        # Kept with the night's files, the chain's head shows a chain that is cut afterwards.
        "chain": (await seals.head(connection.merchant_id)).told(),
        "rules": {method: f"{able.source}, {able.as_of}" for method, able in wire.capabilities.items()},
        **awaited.told(),
        **progress.speed_of(run, sum(one["totals"]["rows"] for one in entered_of(read))),
    }


def _nothing(wire: Connector) -> str:
    if wire.report_by_hand:
        return "none was handed in: this PSE's report is downloaded by a person (estorno reconcile --file)"
    return "nothing to fetch" if wire.report_lag_days is not None else "the PSE publishes no report"


def entered_of(files: Sequence[Entry]) -> list[Entry]:
    """The files of a manifest that were entered; the others failed, and say why."""
    return [file for file in files if "failed" not in file]


def has_report(manifest: Mapping[str, Any]) -> bool:
    """Whether a file was entered, be it an empty one."""
    return bool(entered_of(manifest["files"]))


async def _earlier(run: ReconciliationRun, read: Sequence[Entry]) -> list[Entry]:
    names = {file["name"] for file in read}
    # As it stands now: another run of the date may have ended while this one was reading.
    files = (await ReconciliationRun.get(id=run.id)).manifest.get("files", ())
    return [file for file in files if file["name"] not in names]


def _not_ended(run: ReconciliationRun, zone: ZoneInfo, at: datetime) -> str | None:
    if at >= datetime.combine(run.business_date + timedelta(days=1), time.min, zone):
        return None
    return f"{run.business_date} had not ended in {zone.key} when this was read, at {at:%Y-%m-%d %H:%M} UTC"
