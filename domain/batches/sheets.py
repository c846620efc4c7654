"""Sheets that go out: an empty one to fill in, and a filled-in one with what became of each row behind its cells.

Every text is a text, whatever it begins with: in xlsx by the cell's type, in csv by an apostrophe before what a
spreadsheet would calculate.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from typing import Any, Final
from uuid import UUID

import xlsxwriter

from domain.batches import columns
from domain.batches.columns import COLUMNS, RESULT, SheetKind
from domain.batches.reading import Grid
from domain.exports.cells import guarded, written
from domain.languages import LOCALES
from domain.platform.database import rows

_MARK: Final = b"\xef\xbb\xbf"  # else a spreadsheet takes it for another encoding
_WIDE: Final = 22
_ENDED: Final = frozenset({"SUCCEEDED", "RETURNED", "FAILED", "REJECTED", "CANCELED", "EXPIRED"})
_FOUND: Final = """SELECT b.row, b.verdict, b.code, b.said, b.outcome, b.outcome_code, b.outcome_said, r.reference,
  r.state, r.pse_refund_reference, r.failure_code, r.failure_message, r.succeeded_at, r.updated_at
FROM batch_rows b LEFT JOIN refunds r ON r.id = b.refund_id WHERE b.batch_id = $1 ORDER BY b.row"""
Behind = Mapping[int, Sequence[str]]  # the cells of a result behind a row, by the row


def language_of(header: Sequence[str], kind: SheetKind) -> str:
    """The language that most headings are of: the first of ours where none is of any."""
    said = {columns.plain(one) for one in header}
    counted = {
        code: sum(columns.plain(name) in said for one in COLUMNS[kind] for name in one.names[code]) for code in LOCALES
    }
    return max(LOCALES, key=lambda code: counted[code])


async def outcomes(batch_id: UUID, called_off: bool, say: Callable[[str], str]) -> Behind:
    """What became of each row, as cells: our reference, state, end (UTC), the PSE's reference, what is wrong.

    `say`: a sentence of ours in the reader's language.
    """
    return {row["row"]: _cells(row, called_off, say) for row in await rows(_FOUND, batch_id)}


def _cells(row: Mapping[str, Any], called_off: bool, say: Callable[[str], str]) -> Sequence[str]:
    if row["reference"] is not None:
        ended = row["succeeded_at"] or (row["updated_at"] if row["state"] in _ENDED else None)
        wrong = _wrong(row["failure_code"], row["failure_message"])  # as the PSE has said it
        at = ended.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if ended else ""
        return [row["reference"], row["state"], at, row["pse_refund_reference"] or "", wrong]
    state = row["outcome"] or ("CANCELED" if called_off else row["verdict"])
    code, said = (row["outcome_code"], row["outcome_said"]) if row["outcome"] else (row["code"], row["said"])
    is_wrong = code is not None or state in ("REFUSED", "LEFT", "DUPLICATE")
    return ["", state, "", "", _wrong(code, say(said) if said else None) if is_wrong else ""]


def _wrong(code: str | None, said: str | None) -> str:
    return ": ".join(one for one in (code, said) if one)


def result(sheet: Grid, kind: SheetKind, behind: Behind, *, as_csv: bool) -> bytes:
    """The same rows with five cells more each."""
    language = language_of(sheet.header, kind)
    ours = {columns.plain(name) for names in RESULT.values() for said in names.values() for name in said}
    kept = [place for place, title in enumerate(sheet.header) if columns.plain(title) not in ours]
    titles = [names[language][0] for names in RESULT.values()]
    lines = [[*_kept(sheet.header, kept), *titles]]
    lines += [
        [*_kept(row, kept), *behind.get(at, [""] * len(titles))] for at, row in enumerate(sheet.rows[1:], start=2)
    ]
    return csv_of(lines) if as_csv else xlsx_of(lines)


def _kept(row: Sequence[str], places: Sequence[int]) -> list[str]:
    return [row[place] if place < len(row) else "" for place in places]


def template(kind: SheetKind, language: str, *, as_csv: bool) -> bytes:
    """An empty sheet with its headings and one example, in a language of LOCALES."""
    titles = [one.names[language][0] for one in COLUMNS[kind]]
    example = [one.example for one in COLUMNS[kind]]
    return csv_of([titles, example]) if as_csv else xlsx_of([titles, example])


def csv_of(lines: Sequence[Sequence[str]]) -> bytes:
    """UTF-8 with its mark; what a spreadsheet would calculate begins with an apostrophe."""
    return _MARK + written([[guarded(cell) for cell in line] for line in lines])


def xlsx_of(lines: Sequence[Sequence[str]]) -> bytes:
    """One sheet of texts, the first line in bold."""
    into = io.BytesIO()
    book = xlsxwriter.Workbook(
        into,
        {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False},
    )
    sheet, bold, text = (
        book.add_worksheet("Estorno"),
        book.add_format({"bold": True}),
        book.add_format({"num_format": "@"}),
    )
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, max(len(lines[0]) - 1, 0), _WIDE, text)
    for at, line in enumerate(lines):
        for place, cell in enumerate(line):
            if cell:
                sheet.write_string(at, place, cell, bold if at == 0 else text)
    book.close()
    return into.getvalue()
