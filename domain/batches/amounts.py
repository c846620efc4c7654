"""Amounts as people type them: `1.234,56`, `1,234.56`, `R$ 1.050`, full-width digits, and cells that are numbers. Pure.

A separator is the one of decimals where it can be nothing else: the last of two kinds, or one that no group of three
digits follows. It groups where it stands twice, or where the currency has no decimals. One separator before three
digits (`1.234`) may be either: it is read as the rest of its column is written, where that is written in one way, and
refused where the column proves nothing, or both.
"""

import re
import unicodedata
from collections.abc import Iterable
from decimal import Context, Decimal, InvalidOperation
from enum import StrEnum
from typing import Final

from domain.money import AMOUNT_MAX, Money, MoneyError, exponent_of

_NUMBER: Final = re.compile(r"[0-9]{1,20}(?:[.,][0-9]{1,20}){0,8}")
_SPACES: Final = re.compile(r"[\s\u2009\u202f]+")
_SYMBOLS: Final = ("R$", "US$", "MX$", "S/", "$", "€")
_GROUP: Final = 3
_TEXT_MAX: Final = 40
_LENGTH_MAX: Final = 200  # of an amount with its spaces and signs, as columns.plain bounds a word
# A spreadsheet keeps, and shows, fifteen digits of a number: what comes after them is how it counts, and nobody's word.
_KEPT: Final = Context(prec=15)
_MOST: Final = Decimal(10**15)


class Decimals(StrEnum):
    """By which sign a column divides off decimals."""

    POINT = "."
    COMMA = ","


def proven(texts: Iterable[tuple[str, str]]) -> Decimals | None:
    """What the cells of a column, with their currencies, prove: one way, or None where they prove none, or both."""
    found = {way for text, currency in texts if (way := _proof(text, currency)) is not None}
    return found.pop() if len(found) == 1 else None


def read(text: str, currency: str, column: Decimals | None) -> Money:
    """The amount of a cell of text, in a column that is written so. Raises MoneyError with what to write instead."""
    plain = _plain(text, currency)
    if plain.startswith(("-", "(", "−")) or plain.endswith("-"):
        raise MoneyError(f"{text[:_TEXT_MAX]!r} is below zero: write the amount without its sign.")
    if _NUMBER.fullmatch(plain) is None:
        raise MoneyError(f"{text[:_TEXT_MAX]!r} is not an amount: write digits, such as 1234.56 or 1234,56.")
    way = _own(plain, currency) or column
    if _is_open(plain, currency) and way is None:
        grouped, divided = re.sub("[.,]", "", plain), plain.replace(",", ".")
        raise MoneyError(
            f"{text[:_TEXT_MAX]!r} may be {grouped} or {divided}, and no other cell of the column says which: write "
            f"{grouped}.00, or {grouped},00."
        )
    return _money(_divided(plain, way, text), currency, text)


def of_number(text: str, currency: str) -> Money:
    """The amount of a cell that is a number, as the workbook's reader tells it. Raises MoneyError."""
    try:
        number = _KEPT.create_decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if number.is_nan():
        raise MoneyError(f"{text[:_TEXT_MAX]!r} is not an amount.")
    if number < 0:
        raise MoneyError(f"{text[:_TEXT_MAX]!r} is below zero: write the amount without its sign.")
    if not number < _MOST:
        raise MoneyError(f"{text[:_TEXT_MAX]!r} is more than we take of one amount.")
    return _money(_trimmed(number), currency, text)


def _trimmed(number: Decimal) -> str:
    told = format(number, "f")
    return told.rstrip("0").rstrip(".") if "." in told else told


def _money(plain: str, currency: str, text: str) -> Money:
    whole, _, part = plain.partition(".")
    found = Money.parse(f"{whole.lstrip('0') or '0'}.{part}" if part else whole.lstrip("0") or "0", currency)
    if found.minor_units > AMOUNT_MAX:
        raise MoneyError(f"{text[:_TEXT_MAX]!r} is more than we take of one amount.")
    return found


def _plain(text: str, currency: str) -> str:
    """Without spaces, its currency's name and sign, and in ASCII."""
    if len(text) > _LENGTH_MAX:
        return text  # no amount
    told = _SPACES.sub("", unicodedata.normalize("NFKC", text))
    for sign in (currency, *_SYMBOLS):
        if told.upper().startswith(sign):
            return told[len(sign) :]
        if told.upper().endswith(sign):
            return told[: -len(sign)]
    return told


def _proof(text: str, currency: str) -> Decimals | None:
    plain = _plain(text, currency)
    return _own(plain, currency) if _NUMBER.fullmatch(plain) else None


def _own(plain: str, currency: str) -> Decimals | None:
    """By which sign the number itself can only be divided; None: it has no sign, or either may be meant."""
    signs = re.sub("[0-9]", "", plain)
    if not signs or _is_open(plain, currency):
        return None
    last = Decimals(signs[-1])
    other = Decimals.POINT if last is Decimals.COMMA else Decimals.COMMA
    if len(set(signs)) == 2:
        return last
    no_decimals = exponent_of(currency) == 0 and _digits_behind(plain) == _GROUP
    return other if len(signs) > 1 or no_decimals else last  # what stands several times groups


def _is_open(plain: str, currency: str) -> bool:
    """Whether its one sign may divide or group: three digits are behind it, and the currency has decimals."""
    signs = re.sub("[0-9]", "", plain)
    whole = re.split("[.,]", plain, maxsplit=1)[0]
    may_group = len(whole) <= _GROUP and not whole.startswith("0")
    return len(signs) == 1 and _digits_behind(plain) == _GROUP and may_group and exponent_of(currency) > 0


def _digits_behind(plain: str) -> int:
    return len(re.split("[.,]", plain)[-1])


def _divided(plain: str, way: Decimals | None, text: str) -> str:
    """With a point before its decimals, and no other sign. Raises MoneyError where it is grouped otherwise."""
    if way is None:
        return plain
    grouping = "," if way is Decimals.POINT else "."
    whole, _, part = plain.partition(way)
    first, *groups = whole.split(grouping)
    wrong = any(len(one) != _GROUP for one in groups) or (groups and (len(first) > _GROUP or first.startswith("0")))
    if wrong or grouping in part or way in part:
        raise MoneyError(f"{text[:_TEXT_MAX]!r} is not grouped as amounts are: write 1234.56 or 1234,56.")
    return f"{first}{''.join(groups)}.{part}" if part else first + "".join(groups)
