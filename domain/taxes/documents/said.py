"""What a file says, whatever its layout: a document, that one is canceled, or that something could not be read."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final

from domain.models.taxes import RefundCause
from domain.money import AMOUNT_MAX, Money, MoneyError, exponent_of
from domain.taxes.documents.xml import UnreadableDocument

_RUNS: Final = re.compile(r"[^0-9A-Z]+")
_ZEROS: Final = re.compile(r"(^|-)0+(?=[0-9])")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NAME_MAX: Final = 160
_ORIGINALS_MAX: Final = 1_000  # names, of which one sale may have several
_REFERENCE_MAX: Final = 20
SAID_MAX: Final = 1_000  # of one file
TOO_MANY: Final = f"More than {SAID_MAX} documents: hand them in in parts."
_NO_NUMBER: Final = "Its number is empty, or longer than any."
_UNPRINTABLE: Final = "Its number has characters that cannot be printed."


@dataclass(frozen=True, slots=True)
class Document:
    """A document that takes VAT back. `total` and `tax` in minor units, above zero: its type gives the sign.

    `parts`: the taxes by name, where it has several; `originals`: the names of the sales' documents (`normal`);
    `checked`: what of it was checked here, and with what result.
    """

    country: str
    kind: str
    name: str
    number: str
    issued_on: date
    issuer: str | None
    currency: str
    total: int
    tax: int
    originals: tuple[str, ...]
    parts: Mapping[str, int] = field(default_factory=dict)
    refund_reference: str | None = None
    cause: RefundCause | None = None
    checked: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""

    def __post_init__(self) -> None:
        _check_name(self.name)
        if not 0 < len(self.number) <= 100:
            raise UnreadableDocument(_NO_NUMBER)
        if not self.number.isprintable():
            raise UnreadableDocument(_UNPRINTABLE)
        if self.total <= 0 or not 0 <= self.tax <= self.total:
            raise UnreadableDocument("A document has a total above zero, and no more tax than that.")
        if self.total > AMOUNT_MAX:
            raise UnreadableDocument("It is of more money than any payment.")
        self._check_words()

    def _check_words(self) -> None:
        """Raises Unreadable for what no row could hold, or nobody's document has."""
        if len(self.originals) > _ORIGINALS_MAX:
            raise UnreadableDocument("It refers to more sales than any: say of which refunds it is in a table.")
        if not all(self.originals):
            raise UnreadableDocument("It names a sale's document that has no letter and no digit.")
        if any(len(name) > _NAME_MAX for name in self.originals):
            raise UnreadableDocument("It names a sale's document by a name longer than any.")
        if len(self.refund_reference or "") > _REFERENCE_MAX:
            raise UnreadableDocument("No refund has such a reference.")
        if not f"{self.issuer or ''}{self.refund_reference or ''}".isprintable():
            raise UnreadableDocument("It has characters that cannot be printed.")

    @property
    def facts(self) -> str:
        """SHA-256 of what it says, hex: two files that say the same are one document."""
        told: list[Any] = [self.country, self.kind, self.name, self.number, self.issued_on, self.issuer]
        told += [self.currency, self.total, self.tax, sorted(self.originals), sorted(self.parts.items())]
        told += [self.refund_reference, self.cause]
        return hashlib.sha256(json.dumps(told, default=str).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Cancellation:
    """A document of that name is canceled, by its authority's word or the merchant's own.

    `number`: what people call it; `month` of its issue (YYYY-MM) and `issuer`: where its name tells them.
    """

    country: str
    name: str
    where: str = ""
    number: str = ""
    month: str = ""
    issuer: str = ""

    def __post_init__(self) -> None:
        _check_name(self.name)


def _check_name(name: str) -> None:
    if not 0 < len(name) <= _NAME_MAX:
        raise UnreadableDocument(_NO_NUMBER)
    if not name.isprintable():
        raise UnreadableDocument(_UNPRINTABLE)


@dataclass(frozen=True, slots=True)
class Unread:
    """Something of the file that takes nothing back: where, and why."""

    where: str
    why: str


Said = Document | Cancellation | Unread


def normal(name: str) -> str:
    """A document's name in one spelling, as the index of payments has it: capitals, dashes, no zeros before numbers."""
    return _ZEROS.sub(r"\1", _RUNS.sub("-", name.upper()).strip("-"))


def minor(amount: Decimal, currency: str) -> int:
    """An amount of a document in minor units. Raises Unreadable where it has more decimals than the currency."""
    try:
        exponent = exponent_of(currency)
        if amount > AMOUNT_MAX:  # before it is scaled: digits without end are rounded there
            raise UnreadableDocument("It is of more money than any payment.")
        scaled = amount.scaleb(exponent)
        if scaled != scaled.to_integral_value():
            raise UnreadableDocument(f"{amount} has more decimals than {currency} takes.")
        return Money(int(scaled), currency).minor_units
    except MoneyError as error:
        raise UnreadableDocument(str(error)) from None


def day(told: str) -> date:
    """A day as XML has it: YYYY-MM-DD, and after it a time. Raises Unreadable."""
    try:
        if _DAY.fullmatch(told[:10]):
            return date.fromisoformat(told[:10])
    except ValueError:
        pass
    raise UnreadableDocument(f"{told[:40]!r} is no day.")


def day_first(told: str) -> date:
    """A day as dd/mm/yyyy. Raises Unreadable."""
    parts = told.split("/")
    if len(parts) != 3 or [len(part) for part in parts] != [2, 2, 4]:
        raise UnreadableDocument(f"{told[:40]!r} is no day as dd/mm/yyyy.")
    return day("-".join(reversed(parts)))
