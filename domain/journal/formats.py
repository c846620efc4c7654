"""Journals as other programs read them: CSV for any, QuickBooks Online, Xero, and the text of U8 (用友).

Text that a sheet would take for a formula gets an apostrophe in front; amounts never do. No file holds two currencies
but the generic one, which says on each line which it is of: U8, QuickBooks and Xero take a file as being of the
books' currency, and no rate is invented here. QuickBooks: its help on importing journal entries; Xero: its template of
manual journals, at most 300 lines a file; U8: the text that 总账工具 imports, as eight programs that write it do.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from domain.journal.journals import Journal, JournalLine
from domain.money import decimal_of, exponent_of
from domain.problems import InvalidInput

XERO_LINES_MAX: Final = 300
_DECIMALS_MAX: Final = 2  # that every one of these programs takes
_NO_TAX: Final = "Tax Exempt"
_U8_MEMO_MAX: Final = 60
_U8_ACCOUNT_MAX: Final = 15
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\N{FULLWIDTH EQUALS SIGN}", "\N{FULLWIDTH PLUS SIGN}",
                   "\N{FULLWIDTH HYPHEN-MINUS}", "\N{FULLWIDTH COMMERCIAL AT}")  # fmt: skip


class JournalFormat(StrEnum):
    """Which program reads it."""

    CSV = "CSV"
    QUICKBOOKS = "QUICKBOOKS"
    XERO = "XERO"
    U8 = "U8"


class Encoding(StrEnum):
    """How the text is written. Old programs for Chinese books expect GB18030."""

    UTF_8 = "UTF_8"
    GB18030 = "GB18030"


_PYTHON: Final = {Encoding.UTF_8: "utf-8", Encoding.GB18030: "gb18030"}


@dataclass(frozen=True, slots=True)
class Written:
    """A file. `debits` and `credits` by currency, as decimals stand in it: the control file repeats them."""

    name: str
    content: bytes
    lines: int
    debits: Mapping[str, int]
    credits: Mapping[str, int]


Texts = Sequence[str]


def text(cell: str) -> str:
    """A cell of text that no program runs: on one line, and with an apostrophe where it would begin a formula."""
    flat = " ".join(cell.split())
    return f"'{flat}" if flat.startswith(FORMULA) else flat


def amount(minor_units: int, currency: str) -> str:
    """With the currency's decimals, and a point. Raises InvalidInput for more decimals than these programs take."""
    decimals = exponent_of(currency)
    if decimals > _DECIMALS_MAX:
        raise InvalidInput(f"{currency} has {decimals} decimals, and these programs take {_DECIMALS_MAX}.")
    sign = "-" if minor_units < 0 else ""
    return sign + decimal_of(abs(minor_units), decimals)


def _generic(journals: Sequence[Journal]) -> Iterator[Texts]:
    yield (
        "journal_id",
        "line_no",
        "date",
        "account",
        "account_name",
        "debit",
        "credit",
        "currency",
        "memo",
        "document",
    )
    for journal in journals:
        for place, line in enumerate(journal.lines, start=1):
            sides = (amount(line.debit, journal.currency), amount(line.credit, journal.currency))
            named = (text(line.theirs.number), text(line.theirs.name))
            what = (text(line.memo), text(journal.document))
            yield (text(journal.id), str(place), journal.day.isoformat(), *named, *sides, journal.currency, *what)


def _quickbooks(journals: Sequence[Journal]) -> Iterator[Texts]:
    yield (
        "Journal No.",
        "Journal Date",
        "Account Name",
        "Debits",
        "Credits",
        "Description",
        "Name",
        "Class",
        "Location",
    )
    for journal in journals:
        for line in journal.lines:
            sides = [amount(one, journal.currency) if one else "" for one in (line.debit, line.credit)]
            said = text(f"{line.memo} {journal.document}")
            yield (text(journal.id), _american(journal.day), text(line.theirs.name), *sides, said, "", "", "")


def _xero(journals: Sequence[Journal]) -> Iterator[Texts]:
    tracking = ("TrackingName1", "TrackingOption1", "TrackingName2", "TrackingOption2")
    yield ("*Narration", "*Date", "Description", "*AccountCode", "*TaxRate", "*Amount", *tracking)
    for journal in journals:
        for line in journal.lines:
            told = (text(f"{journal.document} {journal.id}"), journal.day.strftime("%d/%m/%Y"), text(line.memo))
            theirs = (text(line.theirs.number), text(line.theirs.tax_rate or _NO_TAX))
            yield (*told, *theirs, amount(line.debit - line.credit, journal.currency), "", "", "", "")


def _u8(journals: Sequence[Journal]) -> Iterator[Texts]:
    yield ("填制凭证", "V800")
    for journal in journals:
        for line in journal.lines:
            if len(line.theirs.number) > _U8_ACCOUNT_MAX:
                raise InvalidInput(
                    f"U8 takes account numbers of up to {_U8_ACCOUNT_MAX} characters; {line.theirs.number} is longer.",
                    path=["input", "format"],
                )
            sides = (amount(line.debit, journal.currency), amount(line.credit, journal.currency))
            memo = _plain(text(f"{line.memo} {journal.id}")[:_U8_MEMO_MAX])
            head = (journal.day.isoformat(), "记", _u8_number(journal), "0", memo, _plain(line.theirs.number))
            yield (*head, *sides, "0", "0", "0", "Estorno")


def _u8_number(journal: Journal) -> str:
    """A voucher is known by its date, word and number: the number counts the journals of the file."""
    return str(int(journal.id.rsplit("-", 1)[1]))


def _plain(cell: str) -> str:
    """U8's text knows no quotes."""
    return cell.replace(",", "，").replace('"', "”")


def _american(day: date) -> str:
    return day.strftime("%m/%d/%Y")


_WRITERS: Final[Mapping[JournalFormat, Callable[[Sequence[Journal]], Iterator[Texts]]]] = {
    JournalFormat.CSV: _generic,
    JournalFormat.QUICKBOOKS: _quickbooks,
    JournalFormat.XERO: _xero,
    JournalFormat.U8: _u8,
}


def files(
    journals: Sequence[Journal], form: JournalFormat, name: str, encoding: Encoding = Encoding.UTF_8
) -> Sequence[Written]:
    """The files that one export consists of. Raises InvalidInput for what the format cannot hold."""
    ending = "txt" if form is JournalFormat.U8 else "csv"
    parts = (
        [("", journals)]
        if form is JournalFormat.CSV
        else _by_currency(journals, XERO_LINES_MAX if form is JournalFormat.XERO else None)
    )
    return [
        _file(f"{name}{'-' if part else ''}{part}.{ending}", of, form, _PYTHON[encoding]) for part, of in parts if of
    ]


def _by_currency(journals: Sequence[Journal], lines_max: int | None) -> list[tuple[str, Sequence[Journal]]]:
    made: list[tuple[str, Sequence[Journal]]] = []
    for currency in sorted({journal.currency for journal in journals}):
        pages: list[list[Journal]] = [[]]
        count = 0
        for journal in (one for one in journals if one.currency == currency):
            if lines_max is not None and count + len(journal.lines) > lines_max:
                pages.append([])
                count = 0
            pages[-1].append(journal)
            count += len(journal.lines)
        several = len(pages) > 1
        made += [(f"{currency}-{place:03d}" if several else currency, page) for place, page in enumerate(pages, 1)]
    return made


def _file(name: str, journals: Sequence[Journal], form: JournalFormat, encoding: str) -> Written:
    into = io.StringIO(newline="")
    if form is JournalFormat.U8:
        plain = csv.writer(into, lineterminator="\r\n", quoting=csv.QUOTE_NONE)
    else:
        plain = csv.writer(into, lineterminator="\r\n")
    plain.writerows(_WRITERS[form](journals))
    try:
        content = into.getvalue().encode(encoding)
    except UnicodeEncodeError as error:
        raise InvalidInput(f"{error.object[error.start]!r} cannot be written in {encoding}.") from None
    lines = [(journal.currency, line) for journal in journals for line in journal.lines]
    return Written(name, content, len(lines), _sums(lines, "debit"), _sums(lines, "credit"))


def _sums(lines: Sequence[tuple[str, JournalLine]], side: str) -> Mapping[str, int]:
    sums: dict[str, int] = {}
    for currency, line in lines:
        sums[currency] = sums.get(currency, 0) + int(getattr(line, side))
    return sums
