"""Scalars and money as GraphQL carries them: amounts as string-encoded integers, never as Float."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Final, NewType, Self

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from domain.money import Money as Amount
from domain.money import MoneyError, decimal_of, exponent_of
from domain.problems import InvalidInput

BigInt = NewType("BigInt", int)
CurrencyCode = NewType("CurrencyCode", str)
Date = NewType("Date", date)
DateTime = NewType("DateTime", datetime)

_INT64: Final = range(-(2**63), 2**63)
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def parse_big_int(value: object) -> int:
    """A signed 64-bit integer from a string or an integer. Raises GraphQLError for anything else, floats included."""
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise GraphQLError('BigInt takes a whole number as a string of digits, for example "1050".')
    if value not in _INT64:
        raise GraphQLError("BigInt lies between -2^63 and 2^63-1.")
    return value


def _parse_currency(value: object) -> str:
    if not isinstance(value, str) or not _CURRENCY.fullmatch(value):
        raise GraphQLError('CurrencyCode takes three capital letters of ISO 4217, for example "BRL".')
    return value


def _parse_date(value: object) -> date:
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise GraphQLError('Date takes a day that exists as YYYY-MM-DD, for example "2026-03-31".')


def _parse_date_time(value: object) -> datetime:
    """A moment with its offset, as UTC. One without an offset is refused: nobody could say which moment it is."""
    if isinstance(value, str) and _DATE_TIME.fullmatch(value):
        try:
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise GraphQLError('DateTime takes RFC 3339 with an offset, for example "2026-03-31T12:00:00Z".')


def _serialize_date_time(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError("A DateTime needs a time zone: the resolver gave a naive one.")
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _serialize_big_int(value: object) -> str:
    """Sums may be longer than 64 bits: what a client was allowed to write, it can read added up."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise GraphQLError("BigInt is a whole number.")
    return str(value)


def _serialize_date(value: date) -> str:
    return value.isoformat()


SCALARS: Final[dict[object, ScalarDefinition]] = {
    BigInt: strawberry.scalar(
        name="BigInt",
        description="A whole number, written as a string because JavaScript's numbers stop at 2^53. What you send lies "
        "within 64 bits; sums that we send may be longer.",
        specified_by_url="https://protobuf.dev/programming-guides/json/",  # int64 there: a decimal string
        serialize=_serialize_big_int,
        parse_value=parse_big_int,
    ),
    CurrencyCode: strawberry.scalar(
        name="CurrencyCode",
        description="Three capital letters of ISO 4217.",
        specified_by_url="https://www.iso.org/iso-4217-currency-codes.html",
        serialize=_parse_currency,
        parse_value=_parse_currency,
    ),
    Date: strawberry.scalar(
        name="Date",
        description="A day, YYYY-MM-DD.",
        specified_by_url="https://scalars.graphql.org/andimarek/local-date.html",
        serialize=_serialize_date,
        parse_value=_parse_date,
    ),
    DateTime: strawberry.scalar(
        name="DateTime",
        description="A moment in UTC, RFC 3339.",
        specified_by_url="https://scalars.graphql.org/andimarek/date-time.html",
        serialize=_serialize_date_time,
        parse_value=_parse_date_time,
    ),
}


@strawberry.type(description="An amount of money. Calculate with `minorUnits`; show `display`.")
class Money:
    minor_units: BigInt = strawberry.field(description="BRL 10.50 is 1050, CLP 1050 is 1050.")
    currency: CurrencyCode
    exponent: int = strawberry.field(description="How many of the digits are decimals.")
    display: str = strawberry.field(description="For example `BRL 10.50`; not localised.")

    @classmethod
    def of(cls, amount: Amount) -> Self:
        return cls(
            minor_units=BigInt(amount.minor_units),
            currency=CurrencyCode(amount.currency),
            exponent=exponent_of(amount.currency),
            display=str(amount),
        )

    @classmethod
    def of_sum(cls, minor_units: int, currency: str) -> Self:
        """A sum of amounts, which no bound holds. Never negative."""
        exponent = exponent_of(currency)
        return cls(
            minor_units=BigInt(minor_units),
            currency=CurrencyCode(currency),
            exponent=exponent,
            display=f"{currency} {decimal_of(minor_units, exponent)}",
        )


@strawberry.input(description="An amount of money in minor units: BRL 10.50 is 1050.")
class MoneyInput:
    minor_units: BigInt
    currency: CurrencyCode

    def parsed(self, path: Sequence[str]) -> Amount:
        """The amount. Raises InvalidInput at `path` when it is negative or not in a currency we settle in."""
        try:
            return Amount(self.minor_units, self.currency)
        except MoneyError as error:
            raise InvalidInput(str(error), path=list(path)) from None
