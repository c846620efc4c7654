"""What a file that proves nothing may not take away: lines of one of its name that had proven itself whole.

A file that is cut at a row's end, or of which the headings alone came, reads like a day on which little happened. It
may add lines, and whatever proves itself may take some away: that is a revision.
"""

from typing import Final

import polars as pl

from domain.findings import findings
from domain.findings.findings import FindingKind, Found
from domain.models import Connection, Report
from domain.money import Money
from domain.platform.database import execute, rows
from domain.pse.registry import connector
from domain.pse.reporting import BadReport, ReadReport, ReportFile
from domain.pse.vocabulary import Period
from domain.settlements import frames, pieces, repeats, reports
from domain.settlements.frames import Frames

_SAYS: Final = ("type", "state", "payment_reference", "payment_alias", "order_reference", "pse_refund_reference")
_MONEY: Final = ("amount", "currency", "settled_net", "settled_currency", "booked_at")
_ASK: Final = (
    "Ask the PSE why its revised report has these captures no longer, and which one has them; hand that in (reconcile "
    "--file). Withdraw payments that were never captured."
)
# Captures that the report of that id had proven, and that none in force proves.
_LOST: Final = """SELECT DISTINCT p.id, p.pse_reference, l.currency, p.captured FROM settlement_lines l
  JOIN payments p ON p.id = l.payment_id WHERE l.report_id = {} AND l.effect = 'CAPTURE'
    AND p.withdrawn_at IS NULL AND NOT EXISTS (SELECT 1 FROM settlement_lines v WHERE v.payment_id = p.id
      AND v.effect = 'CAPTURE' AND v.voided_at IS NULL)"""
# Counted, so that it is asked of the few findings that are open, and not of all reports that there ever were.
_FOUND_AGAIN: Final = f"""SELECT f.id, $3::text AS said FROM findings f WHERE f.merchant_id = $1
  AND f.connection_id = $2 AND {findings.MAY_END} AND f.kind = 'MISSING_IN_REPORT'
  AND starts_with(f.fingerprint, 'unproven/') AND (SELECT count(*) FROM (SELECT 1 FROM reports r
    CROSS JOIN LATERAL ({_LOST.format("r.id")}) lost WHERE r.connection_id = $2 AND r.name = f.detail ->> 'report'
      AND r.superseded_at IS NOT NULL AND lost.currency = f.currency LIMIT 1) one) = 0"""  # noqa: S608 - the conditions are ours


def proves(read: ReadReport) -> bool:
    """Whether the file proves itself whole and does not contradict itself."""
    return read.completeness is not None and read.contradicted is None


async def stays(
    connection: Connection, file: ReportFile, read: ReadReport, lines: Frames, period: Period
) -> str | None:
    """Why the report in force of that name stays so, in a sentence; None: this one may take its place."""
    old = None if proves(read) else await reports.valid_report(connection, file.name)
    if old is None or old.digest == pieces.digest_of(file):
        return None
    before = _read_again(connection, await repeats.unpacked(old.id, file.path.parent), period)
    missing = _missing(before[1], lines) if before is not None else 0
    if before is None or missing == 0:
        return None
    return (
        f"it is not used: it has no longer {missing} of the {before[1].height} lines that the one before it had under "
        f"this name, which proved itself ({before[0].completeness}), and it proves nothing. That one stays in force."
    )


def _read_again(connection: Connection, file: ReportFile, period: Period) -> tuple[ReadReport, Frames] | None:
    """A stored report as it is read today, if it proves itself."""
    try:
        read = connector(connection.pse).read_report(file, period)
        return frames.of_report(file, read) if proves(read) else None
    except BadReport:
        return None


def _missing(before: Frames, now: Frames) -> int:
    """How many of the lines of `before` are not among those of `now`; equal ones are counted."""
    says = [*_SAYS, *_MONEY]
    told = (one.together(lambda some: some.select(says)) for one in (before, now))
    had, has = (one.group_by(says).agg(pl.len().cast(pl.Int64).alias("many")) for one in told)
    both = had.join(has, on=says, how="left", nulls_equal=True, suffix="_now")
    gone = both.select((pl.col("many") - pl.col("many_now").fill_null(0)).clip(lower_bound=0).sum()).item()
    return int(gone)


async def lost(connection: Connection, superseded: Report) -> None:
    """Call a person to captures that the superseded report proved and none in force proves now.

    One finding for all of a currency. Inside the caller's transaction, after the new lines are stored.
    """
    # A refund that is proven no longer is one that is missing: flag.flag_missing says so.
    found = await rows(
        f"SELECT currency, count(*) AS many, sum(captured) AS amount, min(pse_reference) AS first "  # noqa: S608 - ours
        f"FROM ({_LOST.format('$1')}) lost GROUP BY currency ORDER BY currency",
        superseded.id,
    )
    for row in found:
        one = Found(
            kind=FindingKind.MISSING_IN_REPORT,
            merchant_id=connection.merchant_id,
            connection_id=connection.id,
            fingerprint=f"unproven/{connection.id}/{row['currency']}/{superseded.name}",
            amount=Money(int(row["amount"]), row["currency"]),
            explanation=(
                f"Report {superseded.name} of {connection.name} was revised: {row['many']} capture(s) that it proved, "
                f"of {Money(int(row['amount']), row['currency'])} in all, are in no report now, {row['first']} for one."
            ),
            detail={"report": superseded.name, "captures": row["many"], "payment": row["first"]},
            action=_ASK,
        )
        await findings.open_finding(one)
        await findings.open_again_what_agreed([one])


async def found_again(connection: Connection) -> None:
    """Close what `lost` has opened and is so no longer. After a report is stored."""
    await execute(findings.closing(_FOUND_AGAIN), connection.merchant_id, connection.id, findings.AGREED)
