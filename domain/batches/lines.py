"""What each row of a sheet says, in our words, or why it says nothing that can be used. Nothing is looked up here."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from domain.batches import amounts, columns
from domain.batches.amounts import Decimals
from domain.batches.columns import COLUMNS, NEEDED, SheetKind
from domain.batches.reading import PATH, Grid
from domain.exports.cells import unguarded
from domain.money import EXPONENTS, Money, MoneyError
from domain.problems import InvalidInput

CELL_MAX: Final = 300
_DIGITS_MAX: Final = 15  # of a number that a spreadsheet keeps
# What a spreadsheet makes of a long number when it writes a csv.
_SHORTENED: Final = re.compile(r"[0-9](?:[.,][0-9]{1,14})?E\+[0-9]{1,3}", re.IGNORECASE)
_MONEY: Final = ("amount", "tax")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a row cannot be used, whatever else is true."""

    code: str
    said: str


@dataclass(frozen=True, slots=True)
class Line:
    """One row. `row` as a spreadsheet counts: the headings are 1. `said` by the keys of columns.

    `amount` None: all that is left, or the row is refused. `said` may hold an account: it is in no repr.
    """

    row: int
    said: Mapping[str, str] = field(repr=False)
    amount: Money | None = None
    tax: Money | None = None
    refusal: Refusal | None = None

    def get(self, key: str) -> str:
        """What the cell says; empty where there is none."""
        return self.said.get(key, "")


@dataclass(frozen=True, slots=True)
class Read:
    """A sheet that was understood. `ignored`: headings that we have no name for; `digest`: of what its rows say."""

    lines: Sequence[Line]
    ignored: Sequence[str]
    written: str
    digest: str


def understood(sheet: Grid, kind: SheetKind) -> Read:
    """What the sheet says. Raises InvalidInput where a column that is needed is not there."""
    places, ignored = _places(sheet.header, kind)
    rows = [(at, _cells(row, places)) for at, row in enumerate(sheet.rows[1:], start=1)]
    told = [(at, said) for at, said in rows if any(said.values()) or _has_formula(sheet, at, places)]
    written = {key: _column(told, sheet, places, key) for key in _MONEY if key in places}
    ids = columns.ids(kind)
    lines = [_line(at, said, sheet, places, written, ids) for at, said in told]
    return Read(lines, ignored, sheet.written, _digest(kind, lines))


def _places(header: Sequence[str], kind: SheetKind) -> tuple[Mapping[str, int], Sequence[str]]:
    known, ours = columns.known(kind), columns.of_result()
    places: dict[str, int] = {}
    ignored = []
    for place, title in enumerate(header):
        name = columns.plain(unguarded(title.strip()))
        key = known.get(name)
        if key is None:
            ignored += [title.strip()[:CELL_MAX]] if name and name not in ours else []
        elif key in places:
            raise InvalidInput(f"Two columns say the same: {header[places[key]]} and {title}. Leave one.", path=PATH)
        else:
            places[key] = place
    lacking = [any_of for any_of in NEEDED[kind] if not any(key in places for key in any_of)]
    if lacking:
        told = ", ".join(" or ".join(_heading(kind, key) for key in any_of) for any_of in lacking)
        raise InvalidInput(
            f"The first row has no column {told}: take the template (any of its four languages, in any order).",
            path=PATH,
        )
    return places, ignored[:50]


def _heading(kind: SheetKind, key: str) -> str:
    return next(one.names["en"][0] for one in COLUMNS[kind] if one.key == key)


def _cells(row: Sequence[str], places: Mapping[str, int]) -> Mapping[str, str]:
    return {
        key: row[place].replace("\x00", "").strip()[: CELL_MAX + 1] if place < len(row) else ""
        for key, place in places.items()
    }


def _has_formula(sheet: Grid, at: int, places: Mapping[str, int]) -> bool:
    return any((at, place) in sheet.formulas for place in places.values())


def _column(
    told: Sequence[tuple[int, Mapping[str, str]]], sheet: Grid, places: Mapping[str, int], key: str
) -> Decimals | None:
    """How the texts of a column of money are written."""
    place = places[key]
    texts = ((said[key], said.get("currency", "").upper()) for at, said in told if (at, place) not in sheet.numbers)
    return amounts.proven((text, currency) for text, currency in texts if currency in EXPONENTS)


def _line(
    at: int,
    said: Mapping[str, str],
    sheet: Grid,
    places: Mapping[str, int],
    written: Mapping[str, Decimals | None],
    ids: frozenset[str],
) -> Line:
    try:
        for key, place in places.items():
            _check(key, said[key], (at, place), sheet, is_id=key in ids)
        currency = said.get("currency", "").upper()
        if currency not in EXPONENTS:
            raise _Refused("CURRENCY", f"{currency[:10]!r} is no currency we settle in: {', '.join(EXPONENTS)}.")
        amount = _money("amount", said, currency, (at, places["amount"]) in sheet.numbers, written)
        is_tax = "tax" in places and bool(said["tax"])
        tax = _money("tax", said, currency, (at, places["tax"]) in sheet.numbers, written) if is_tax else None
    except _Refused as refused:
        return Line(at + 1, said, refusal=refused.refusal)
    except MoneyError as error:
        return Line(at + 1, said, refusal=Refusal("AMOUNT", str(error)))
    if amount is not None and amount.minor_units == 0:
        return Line(at + 1, said, refusal=Refusal("AMOUNT", "The amount is zero."))
    return Line(at + 1, {**said, "currency": currency}, amount, tax)


class _Refused(Exception):
    def __init__(self, code: str, said: str) -> None:
        super().__init__(said)
        self.refusal = Refusal(code, said)


def _check(key: str, told: str, place: tuple[int, int], sheet: Grid, *, is_id: bool) -> None:
    """Raises _Refused for a cell that is not what somebody wrote."""
    title = sheet.header[place[1]].strip()[:40]
    if place in sheet.formulas:
        raise _Refused("FORMULA", f"{title} is calculated: write what it comes to.")
    if len(told) > CELL_MAX:
        raise _Refused("TOO_LONG", f"{title} has more than {CELL_MAX} characters.")
    if is_id and (_SHORTENED.fullmatch(told) or (place in sheet.numbers and _is_cut(told))):
        raise _Refused(
            "NUMBER_CUT",
            f"{title} says {told[:30]}: the spreadsheet has made a number of it and kept 15 digits. Format the column "
            "as text, and put the whole number in again.",
        )


def _is_cut(told: str) -> bool:
    """Whether it is a number with more digits than a spreadsheet keeps, or with decimals, which no name has."""
    try:
        number = Decimal(told)
    except InvalidOperation:
        return False  # a day
    # Never written out: a few letters (1E9999999999) may stand for more digits than there is memory.
    return not number.is_finite() or number.adjusted() >= _DIGITS_MAX or number != number.to_integral_value()


def _money(
    key: str, said: Mapping[str, str], currency: str, is_number: bool, written: Mapping[str, Decimals | None]
) -> Money | None:
    told = said[key]
    if not told:
        raise _Refused("AMOUNT", "There is no amount: write it, or ALL for all that is left of the payment.")
    if key == "amount" and columns.is_all(told):
        return None
    return amounts.of_number(told, currency) if is_number else amounts.read(told, currency, written[key])


def _digest(kind: SheetKind, lines: Sequence[Line]) -> str:
    """SHA-256 of what the rows say, hex: the same as xlsx and as csv, and however an amount is written."""
    rows: list[Any] = []
    for one in lines:
        money = [(key, value.minor_units) for key, value in (("amount", one.amount), ("tax", one.tax)) if value]
        words = [(key, value) for key, value in one.said.items() if value and key not in dict(money)]
        rows.append([one.row, sorted([*words, *money])])
    return hashlib.sha256(json.dumps([kind, rows], ensure_ascii=False).encode()).hexdigest()


_MOMENT: Final = re.compile(
    r"(20[0-9]{2})[-/.\u5e74]([0-9]{1,2})[-/.\u6708]([0-9]{1,2})\u65e5?"
    r"(?:[ T]{1,2}([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?(?:\.[0-9]{1,6})?)?"
)


def moment_of(told: str) -> datetime | None:
    """The moment that a cell says, without its zone, the year first: 2026-11-03, 2026/11/3 14:05, or as Chinese has it.

    None: it is written otherwise, where the month might be the day, or there is no such day.
    """
    match = _MOMENT.fullmatch(told.strip())
    if match is None:
        return None
    try:
        return datetime(*(int(one) for one in match.groups() if one is not None))  # type: ignore[arg-type]
    except ValueError:
        return None
