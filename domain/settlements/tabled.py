"""Files of fee schedules and of rates: read whole or not at all, with the line that cannot be used.

Fees and rates of one's own come with a header, in English as the API calls them. Brazil's central bank gives the PTAX
of a day, or of a currency over time, without one: `;`, eight columns (day as ddmmyyyy, the currency's code, its type,
its symbol, buying, selling, parity buying, parity selling), decimals behind a comma.
"""

import csv
import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final, TypeVar
from uuid import UUID

from domain.models.quotes import FeeKind, OriginalFee, Side
from domain.money import EXPONENTS
from domain.problems import InvalidInput
from domain.settlements import written
from domain.settlements.rates import NewRate
from domain.settlements.schedules import Terms
from domain.settlements.written import UnreadableText

BYTES_MAX: Final = 512 * 1024
_LINES_MAX: Final = 20_000
_CELL_MAX: Final = 1_000
_PTAX_COLUMNS: Final = 8
_FEE_COLUMNS: Final = frozenset(
    {
        "connection", "method", "kind", "currency", "percent", "fixed", "minimum", "maximum", "tax_percent",
        "original_fee", "valid_from", "valid_to", "source",
    }
)  # fmt: skip
_FEE_NEEDED: Final = frozenset({"kind", "currency", "percent", "valid_from", "source"})
_RATE_COLUMNS: Final = frozenset({"base", "quote", "side", "rate", "valid_from", "valid_to", "source"})
_RATE_NEEDED: Final = frozenset({"base", "quote", "rate", "valid_from"})
_Made = TypeVar("_Made")
_Row = TypeVar("_Row")
_Word = TypeVar("_Word", bound=StrEnum)


class RatesLayout(StrEnum):
    """How a file of rates is laid out."""

    GENERIC = "GENERIC"
    PTAX = "PTAX"


@dataclass(frozen=True, slots=True)
class ReadRates:
    """The rates of a file, its digest (SHA-256, hex), and how many rows are of currencies that nobody settles in."""

    rates: Sequence[NewRate]
    digest: str
    passed_over: int


def fees(content: bytes, connection_id: UUID | None) -> Sequence[Terms]:
    """The schedules of a file. `connection_id`: of rows that name none. Raises InvalidInput."""
    found = [made for _, made in _each(_rows(content, _FEE_COLUMNS, _FEE_NEEDED), _terms(connection_id))]
    if not found:
        raise InvalidInput("The file has no rows.", path=["input", "fileContent"])
    return found


def rates(content: bytes, layout: RatesLayout, source: str) -> ReadRates:
    """The rates of a file. `source`: who publishes them, of rows that do not say it. Raises InvalidInput."""
    digest = hashlib.sha256(content).hexdigest()
    if layout is RatesLayout.PTAX:
        listed = [made for _, made in _each(_ptax_rows(content), lambda row: _ptax(row, source))]
        kept = [one for pair in listed for one in pair]
        passed_over = sum(1 for pair in listed if not pair)
    else:
        kept = [made for _, made in _each(_rows(content, _RATE_COLUMNS, _RATE_NEEDED), lambda row: _rate(row, source))]
        passed_over = 0
    if not kept:
        raise InvalidInput("The file has no rate of currencies that we settle in.", path=["input", "fileContent"])
    return ReadRates(kept, digest, passed_over)


def _each(found: Iterator[tuple[int, _Row]], make: Callable[[_Row], _Made]) -> Iterator[tuple[int, _Made]]:
    """What is made of each row; what cannot be used is told with its line."""
    for line, row in found:
        try:
            yield line, make(row)
        except UnreadableText as error:
            raise InvalidInput(f"Line {line} cannot be used: {error}", path=["input", "fileContent"]) from None


def _text(content: bytes) -> str:
    if len(content) > BYTES_MAX:
        raise InvalidInput(f"The file is larger than {BYTES_MAX} bytes.", path=["input", "fileContent"])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput("The file is no UTF-8.", path=["input", "fileContent"]) from None
    if "\0" in text:
        raise InvalidInput("The file is no text.", path=["input", "fileContent"])
    return text


def _lines(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    read = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for row in read:
            if read.line_num > _LINES_MAX:
                raise InvalidInput(f"The file has more than {_LINES_MAX} lines.", path=["input", "fileContent"])
            if any(len(cell) > _CELL_MAX for cell in row):
                raise InvalidInput(f"Line {read.line_num} is too long.", path=["input", "fileContent"])
            if any(cell.strip() for cell in row):
                yield read.line_num, [cell.strip() for cell in row]
    except csv.Error as error:
        raise InvalidInput(f"Line {read.line_num} is no CSV: {error}.", path=["input", "fileContent"]) from None


def _rows(content: bytes, columns: frozenset[str], needed: frozenset[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    text = _text(content)
    separator = ";" if ";" in text.partition("\n")[0] else ","
    found = _lines(text, separator)
    _, header = next(found, (0, []))
    if len(set(header)) != len(header) or not needed <= set(header) <= columns:
        wanted = ", ".join(sorted(needed))
        raise InvalidInput(
            f"The first line names the columns: {wanted}; and of {', '.join(sorted(columns - needed))} those you have.",
            path=["input", "fileContent"],
        )
    for line, row in found:
        if len(row) != len(header):
            raise InvalidInput(
                f"Line {line} has {len(row)} columns, and the first has {len(header)}.", path=["input", "fileContent"]
            )
        yield line, dict(zip(header, row, strict=True))


def _terms(connection_id: UUID | None) -> Callable[[Mapping[str, str]], Terms]:
    def made(row: Mapping[str, str]) -> Terms:
        minimum, maximum, valid_to = row.get("minimum"), row.get("maximum"), row.get("valid_to")
        original = row.get("original_fee")
        return Terms(
            connection_id=_connection(row.get("connection"), connection_id),
            kind=_word(FeeKind, row["kind"], "A kind"),
            currency=written.currency(row["currency"]),
            percent=written.percent(row["percent"]),
            valid_from=written.day(row["valid_from"]),
            source=written.source(row["source"]),
            method=written.method(row.get("method")),
            fixed=written.units(row.get("fixed") or "0"),
            minimum=written.units(minimum) if minimum else None,
            maximum=written.units(maximum) if maximum else None,
            tax_percent=written.percent(row.get("tax_percent") or "0"),
            original_fee=_word(OriginalFee, original, "originalFee") if original else None,
            valid_to=written.day(valid_to) if valid_to else None,
        )

    return made


def _connection(text: str | None, otherwise: UUID | None) -> UUID:
    if text:
        try:
            return UUID(text)
        except ValueError:
            raise UnreadableText("A connection is named by its id.") from None
    if otherwise is None:
        raise UnreadableText("It names no connection, and neither does connectionId.")
    return otherwise


def _word(kind: type[_Word], text: str, what: str) -> _Word:
    try:
        return kind(text)
    except ValueError:
        raise UnreadableText(f"{what} is one of {', '.join(one.value for one in kind)}.") from None


def _rate(row: Mapping[str, str], source: str) -> NewRate:
    first, last, side = written.day(row["valid_from"]), row.get("valid_to"), row.get("side")
    return NewRate(
        base=written.currency(row["base"]),
        quote=written.currency(row["quote"]),
        rate=written.rate(row["rate"]),
        valid_from=first,
        valid_to=written.day(last) if last else first,
        source=written.source(row.get("source") or source),
        side=_word(Side, side, "A side") if side else Side.SINGLE,
    )


def _ptax_rows(content: bytes) -> Iterator[tuple[int, list[str]]]:
    for line, row in _lines(_text(content), ";"):
        if len(row) != _PTAX_COLUMNS:
            said = f"Line {line} has {len(row)} columns; PTAX has {_PTAX_COLUMNS}, between semicolons, and no header."
            raise InvalidInput(said, path=["input", "fileContent"])
        yield line, row


def _ptax(row: Sequence[str], source: str) -> Sequence[NewRate]:
    """Buying and selling of one currency in BRL; nothing where nobody here settles in it."""
    stamp, symbol = row[0], row[3]
    if len(stamp) != len("ddmmyyyy") or not (stamp.isascii() and stamp.isdigit()):
        raise UnreadableText("A day is written ddmmyyyy.")
    on = written.day(f"{stamp[4:]}-{stamp[2:4]}-{stamp[:2]}")
    if symbol not in EXPONENTS or symbol == "BRL":
        return []
    said = written.source(source)
    return [_side(symbol, side, text, on, said) for side, text in ((Side.BUY, row[4]), (Side.SELL, row[5]))]


def _side(symbol: str, side: Side, text: str, on: date, source: str) -> NewRate:
    if "." in text:
        raise UnreadableText("The decimals of PTAX stand behind a comma.")
    value: Decimal = written.rate(text.replace(",", "."))
    return NewRate(symbol, "BRL", value, on, on, source, side)
