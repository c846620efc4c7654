"""What the reading of a file says of the file itself, as findings; the night closes each when it is so no longer.

An unreadable file is known by its name. An unknown word is one finding of its connection, for it comes again every
night; only a reading of a file that has it, or had it, can prove that it is known now, or in it no longer.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from domain.connections.connections import nothing_at_stake
from domain.findings import findings, told_money
from domain.findings.findings import FindingKind, Found
from domain.models import Connection, ReconciliationRun
from domain.money import Money
from domain.platform.database import execute, rows
from domain.pse.reporting import BadReport, ReadReport, ReportFile, Unknown
from domain.pse.vocabulary import BadAnswer
from domain.reconciliation.nights import fit, unexpected
from domain.settlements import booked, pieces
from domain.settlements.frames import Frames

PAYMENTS: Final = "the listing of payments"  # what a run calls it, beside the names of its reports
READ: Final = "The file was read."
KNOWN: Final = "The file was read again: the word is known now, or is in it no longer."
AGREES: Final = "The file was read again, and agrees with itself."
_LISTED: Final = "The payments were listed."
_LIST_THEM: Final = (
    "It is listed again by itself. Ask the PSE what is wrong with it; register what is missing meanwhile."
)
_REVISE: Final = (
    "Was it cut? Have the PSE make it anew: it is fetched again, or handed in by its name (--file). If lines really "
    "went, ask for a file that proves itself by its totals."
)
_WORDS_MAX: Final = 100  # findings of one file: a file of another kind can have a word a row

# Findings of words that the file of this name, or these bytes, had before, and that are not in it as unknown now.
_MINE: Final = f"""SELECT f.id FROM findings f WHERE f.merchant_id = $1 AND f.connection_id = $2
    AND f.kind = 'UNKNOWN_LINE' AND NOT starts_with(f.fingerprint, '{told_money.REST}')
    AND {findings.MAY_END} AND NOT f.fingerprint = ANY($5)
    AND (f.detail ->> 'report' = $3 OR f.detail ->> 'sha256' = $4 OR f.detail ->> 'words' IN (
      SELECT l.kind FROM settlement_lines l JOIN reports r ON r.id = l.report_id
      WHERE r.connection_id = $2 AND r.name = $3 AND l.type = 'OTHER'))"""  # noqa: S608 - ours
_KNOWN_NOW: Final = """SELECT f.id, $5::text AS said FROM findings f WHERE f.merchant_id = $1
    AND f.id = ANY($4) AND NOT EXISTS (SELECT 1 FROM settlement_lines l JOIN reports r ON r.id = l.report_id
      WHERE r.connection_id = $2 AND r.name <> $3 AND r.superseded_at IS NULL AND l.voided_at IS NULL
        AND l.type = 'OTHER' AND l.kind = f.detail ->> 'words')"""


@dataclass(frozen=True, slots=True)
class _Reading:
    """One file, read by a run."""

    connection: Connection
    run: ReconciliationRun
    name: str
    nothing: Money

    def found(
        self,
        kind: FindingKind,
        fingerprint: str,
        explanation: str,
        action: str | None = None,
        **detail: str | int | None,
    ) -> Found:
        told = {"report": self.name, "date": str(self.run.business_date), **detail}
        return Found(
            kind=kind,
            merchant_id=self.connection.merchant_id,
            connection_id=self.connection.id,
            fingerprint=fingerprint,
            amount=self.nothing,
            explanation=fit(explanation),
            run_id=self.run.id,
            detail={name: fit(value) if isinstance(value, str) else value for name, value in told.items()},
            action=action,
        )

    def called(self, noun: str, name: str) -> str:
        """The fingerprint of a finding of the connection."""
        return fit(f"{noun}/{self.connection.id}/{name}")


async def _reading(connection: Connection, run: ReconciliationRun, file: ReportFile) -> _Reading:
    return _Reading(connection, run, file.name, await nothing_at_stake(connection))


async def unreadable(connection: Connection, run: ReconciliationRun, file: ReportFile, error: Exception) -> None:
    """Call a person to a file that cannot be read; where in it, if `error` knows."""
    reading = await _reading(connection, run, file)
    why = str(error) if isinstance(error, BadAnswer) else unexpected(error)
    named = why if isinstance(error, BadReport) else f"{file.name}: {why}"
    found = reading.found(
        FindingKind.UNREADABLE_FILE,
        reading.called("unreadable", file.name),
        f"A report of {connection.name} cannot be read, in the night of {run.business_date}: {named}",
        line=error.line if isinstance(error, BadReport) else None,
        column=error.column if isinstance(error, BadReport) else None,
    )
    await findings.open_finding(found)
    await findings.open_again([found], READ)


async def not_used(connection: Connection, run: ReconciliationRun, file: ReportFile, why: str) -> None:
    """Call a person to a file that can be read and is not entered; a reading that is entered closes it."""
    reading = await _reading(connection, run, file)
    found = reading.found(
        FindingKind.UNREADABLE_FILE,
        reading.called("unreadable", file.name),
        f"Report {file.name} of {connection.name} came again in the night of {run.business_date}: {why}",
        _REVISE,
    )
    await findings.open_finding(found)
    await findings.open_again([found], READ)


async def unreadable_payments(connection: Connection, run: ReconciliationRun, error: BadAnswer) -> None:
    """Call a person to a date's payments that are listed and cannot be read."""
    reading = _Reading(connection, run, PAYMENTS, await nothing_at_stake(connection))
    found = reading.found(
        FindingKind.UNREADABLE_FILE,
        _of_payments(reading),
        f"The payments that {connection.name} lists of {run.business_date} cannot be read: {error}",
        _LIST_THEM,
    )
    await findings.open_finding(found)
    await findings.open_again([found], _LISTED)


async def payments_read(connection: Connection, run: ReconciliationRun) -> None:
    """The date's payments were listed and read."""
    reading = _Reading(connection, run, PAYMENTS, await nothing_at_stake(connection))
    await findings.resolve(connection.merchant_id, _of_payments(reading), _LISTED)


def _of_payments(reading: _Reading) -> str:
    return reading.called("unreadable", f"payments/{reading.run.business_date}")


async def told(
    connection: Connection, run: ReconciliationRun, file: ReportFile, report: ReadReport, lines: Frames
) -> None:
    """The file was read: close and open what it says of itself. `lines`: the report's, as they are stored."""
    reading = await _reading(connection, run, file)
    await findings.resolve(connection.merchant_id, reading.called("unreadable", file.name), READ)
    await _contradicted(reading, report.contradicted)
    await _unknown(reading, report.unknown, pieces.digest_of(file), _not_booked(lines) if report.unknown else {})


async def _contradicted(reading: _Reading, said: str | None) -> None:
    fingerprint = reading.called("contradictory", reading.name)
    if said is None:
        await findings.resolve(reading.connection.merchant_id, fingerprint, AGREES)
        return
    explanation = f"Report {reading.name} of {reading.connection.name} was used and contradicts itself: {said}"
    found = reading.found(FindingKind.CONTRADICTORY_FILE, fingerprint, explanation)
    await findings.open_finding(found)
    await findings.open_again([found], AGREES)


def _not_booked(lines: Frames) -> dict[str, int]:
    """How many rows of each word that nobody knows are kept alone: they do not say what they moved, or not to us."""
    kept = lines.together(
        lambda some: some.filter((pl.col("type") == "OTHER") & ~booked.is_settled()).select("kind"),
        ("type", "kind", *booked.SETTLING),
    )
    return dict(kept.group_by("kind").agg(pl.len()).iter_rows())


async def _unknown(reading: _Reading, unknown: Sequence[Unknown], digest: str, not_booked: Mapping[str, int]) -> None:
    found = [_word(reading, one, digest, not_booked.get(one.words, 0)) for one in unknown[:_WORDS_MAX]]
    if len(unknown) > _WORDS_MAX:
        found.append(_more_words(reading, unknown[_WORDS_MAX:], digest))
    await findings.open_findings(found)
    await findings.open_again(found, KNOWN)
    still = {reading.called("word", one.words) for one in unknown} | {one.fingerprint for one in found}
    await _close_known(reading, digest, still)


def _moved(unknown: Unknown, not_booked: int) -> str:
    """Where the money of the rows is: an accountant looks for it there."""
    amounts = "tell no amount of a currency that we know, and are booked nowhere"
    if not_booked >= unknown.rows:
        return f"they {amounts}."
    return "what they moved is in SUSPENSE" + (f", but for {not_booked} that {amounts}." if not_booked else ".")


def _word(reading: _Reading, unknown: Unknown, digest: str, not_booked: int) -> Found:
    many = f"{unknown.rows} {'row' if unknown.rows == 1 else 'rows'}"
    return reading.found(
        FindingKind.UNKNOWN_LINE,
        reading.called("word", unknown.words),
        f"Report {reading.name} of {reading.connection.name} has {many} of '{unknown.words}', the first in line "
        f"{unknown.line}: nobody here knows what that is. They are kept as they are; " + _moved(unknown, not_booked),
        sha256=digest,
        words=unknown.words,
        rows=unknown.rows,
        line=unknown.line,
    )


def _more_words(reading: _Reading, unknown: Sequence[Unknown], digest: str) -> Found:
    many = sum(one.rows for one in unknown)
    return reading.found(
        FindingKind.UNKNOWN_LINE,
        reading.called("words", reading.name),
        f"Report {reading.name} of {reading.connection.name} has one more word that nobody here knows, the first time "
        f"in line {unknown[0].line}: is it another kind of file?"
        if len(unknown) == 1
        else f"Report {reading.name} of {reading.connection.name} has {len(unknown)} more words that nobody here "
        f"knows, in {many} rows, the first in line {unknown[0].line}: is it another kind of file?",
        sha256=digest,
        rows=many,
        line=unknown[0].line,
    )


async def _close_known(reading: _Reading, digest: str, still: Collection[str]) -> None:
    """Close the words that this file has no longer, or that its reading knows now, if no other file keeps a row of
    them. A word is one finding, whichever files have it.
    """
    of = (reading.connection.merchant_id, reading.connection.id, reading.name)
    mine = await rows(_MINE, *of, digest, [findings.bounded(name) for name in still])
    if mine:
        await execute(findings.closing(_KNOWN_NOW), *of, [row["id"] for row in mine], KNOWN)
