"""Amounts as banks print them: with a point or a comma, thousands apart, a sign before, behind, or in brackets."""

from collections.abc import Iterable
from typing import Final

from domain.bank.statement import BadStatement
from domain.money import MINOR_UNITS_MAX, exponent_of

_CHARACTERS_MAX: Final = 40
_SIGNS: Final = "+-"
_APART: Final = (" ", "\u00a0", "\u202f", "'")
_MARKS: Final = ("R$", "US$", "$", "S/", "€")


def decimal_sign(texts: Iterable[str], currency: str) -> str | None:
    """The decimal sign of a whole column, `.` or `,`; None: nothing in it tells.

    One amount may be read both ways (1.234 is either a thousand or a little more than one): its neighbours decide.
    Raises BadStatement where they contradict each other.
    """
    decimals = exponent_of(currency)
    told = {sign for sign in (_told_by(text, decimals) for text in texts) if sign is not None}
    if len(told) > 1:
        raise BadStatement("Some amounts have a decimal comma and some a decimal point: have the bank export it anew.")
    return told.pop() if told else None


def _told_by(text: str, decimals: int) -> str | None:
    body = _unsigned(_plain(text))
    point, comma = body.rfind("."), body.rfind(",")
    if point >= 0 and comma >= 0:
        return "." if point > comma else ","
    sign = "." if point >= 0 else ","
    if body.count(sign) > 1:  # thousands: so the other one is
        return "," if sign == "." else "."
    behind = len(body) - 1 - max(point, comma)
    if max(point, comma) < 0 or behind == 3 != decimals:
        return None
    return sign


def minor_units(text: str, currency: str, sign: str | None, line: int | None = None) -> int:
    """The amount in minor units, signed. Raises BadStatement for what is none, or has more decimals than the currency.

    `sign`: the decimal sign of the column (decimal_sign); None: whole units, for nothing there has decimals.
    """
    decimals = exponent_of(currency)
    if sign is None and decimals == 0:
        sign = "," if "." in text else "."  # what stands apart there are thousands
    told = _plain(text)
    body = _unsigned(told)
    whole, mark, part = body.partition(sign) if sign is not None else (body, "", "")
    thousands = whole.split("," if sign == "." else ".") if sign is not None else [whole]
    if sign is None and not body.isdecimal() and _is_grouped(body.replace(",", ".").split(".")):
        raise BadStatement(f"{told!r} can be read in two ways: say in the mapping what its decimal sign is.", line)
    if not _is_grouped(thousands) or mark and not _is_number(part):
        raise BadStatement(f"{told!r} is no amount.", line)
    if len(part.rstrip("0")) > decimals:
        raise BadStatement(f"{told!r} has more decimals than {currency}.", line)
    amount = int("".join(thousands) + part.rstrip("0").ljust(decimals, "0"))
    if amount > MINOR_UNITS_MAX:
        raise BadStatement(f"{told!r} is more than can be counted.", line)
    return -amount if _is_negative(told) else amount


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _is_grouped(thousands: list[str]) -> bool:
    first, *others = thousands
    if not all(_is_number(part) for part in thousands):
        return False
    return not others or len(first) <= 3 and all(len(part) == 3 for part in others)


def _plain(text: str) -> str:
    """Without the marks of a currency and what stands between thousands. Raises BadStatement for what is too long."""
    if len(text) > _CHARACTERS_MAX:
        raise BadStatement(f"{text[:_CHARACTERS_MAX]!r}... is no amount.")
    body = text.strip().upper()
    for left_out in (*_MARKS, *_APART):
        body = body.replace(left_out, "")
    return body


def _unsigned(plain: str) -> str:
    if plain.startswith("(") and plain.endswith(")"):
        return plain[1:-1]
    return plain.removesuffix("D").removesuffix("C").strip(_SIGNS)


def _is_negative(plain: str) -> bool:
    return plain.startswith(("(", "-")) or plain.removesuffix("C").endswith(("-", "D"))
