"""What the scalars take and refuse, as variables and as literals, and money on its way in and out."""

import json
from datetime import datetime
from typing import Any

import pytest

from api.graphql.transport.scalars import SCALARS, DateTime, Money, MoneyInput
from domain.money import Money as Amount
from domain.problems import InvalidInput
from tests.api.graphql.transport.shop import TOKEN, Context, Desk, shop_schema

FIELDS = {"BigInt": "echoInteger", "CurrencyCode": "echoCurrency", "Date": "echoDay", "DateTime": "echoMoment"}


async def echoed(scalar: str, value: Any, *, literal: bool) -> Any:
    """What the server gives back for a value; None when it refuses it."""
    field = FIELDS[scalar]
    if literal:
        result = await shop_schema().execute(f"{{ {field}(value: {json.dumps(value)}) }}")
    else:
        query = f"query($value: {scalar}!) {{ {field}(value: $value) }}"
        result = await shop_schema().execute(query, {"value": value})
    assert (result.data is None) == bool(result.errors)
    return result.data[field] if result.data else None


@pytest.mark.parametrize("literal", [True, False], ids=["literal", "variable"])
@pytest.mark.parametrize(
    ("scalar", "value", "answer"),
    [
        ("BigInt", "0", "0"),
        ("BigInt", 0, "0"),
        ("BigInt", "-1", "-1"),
        ("BigInt", 9007199254740993, "9007199254740993"),
        ("BigInt", "9223372036854775807", "9223372036854775807"),
        ("BigInt", "-9223372036854775808", "-9223372036854775808"),
        ("CurrencyCode", "BRL", "BRL"),
        ("Date", "2028-02-29", "2028-02-29"),
        ("DateTime", "2026-03-31T12:00:00Z", "2026-03-31T12:00:00Z"),
        ("DateTime", "2026-03-31t12:00:00z", "2026-03-31T12:00:00Z"),
        ("DateTime", "2026-03-31T09:00:00.123456-03:00", "2026-03-31T12:00:00.123456Z"),
        ("DateTime", "2026-03-31T12:00:00.5Z", "2026-03-31T12:00:00.500000Z"),
    ],
)
async def test_a_scalar_takes(scalar: str, value: Any, answer: str, literal: bool) -> None:
    assert await echoed(scalar, value, literal=literal) == answer


@pytest.mark.parametrize("literal", [True, False], ids=["literal", "variable"])
@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("BigInt", 1.0),
        ("BigInt", 10.5),
        ("BigInt", True),
        ("BigInt", None),
        ("BigInt", []),
        ("BigInt", ""),
        ("BigInt", "1.0"),
        ("BigInt", "1e3"),
        ("BigInt", " 1"),
        ("BigInt", "1\n"),
        ("BigInt", "+1"),
        ("BigInt", "01"),
        ("BigInt", "-0"),
        ("BigInt", "1_000"),
        ("BigInt", "١"),
        ("BigInt", 2**63),
        ("BigInt", str(2**63)),
        ("BigInt", str(-(2**63) - 1)),
        ("BigInt", "9" * 4000),
        ("CurrencyCode", "brl"),
        ("CurrencyCode", "BRLL"),
        ("CurrencyCode", ""),
        ("CurrencyCode", 986),
        ("Date", "2026-02-30"),
        ("Date", "20260331"),
        ("Date", "2026-W14-2"),
        ("Date", "2026-03-31T00:00:00Z"),
        ("Date", 1),
        ("DateTime", "2026-03-31T12:00:00"),
        ("DateTime", "2026-03-31"),
        ("DateTime", "2026-03-31 12:00:00Z"),
        ("DateTime", "2026-03-31T25:00:00Z"),
        ("DateTime", "2026-02-30T12:00:00Z"),
        ("DateTime", "0001-01-01T00:00:00+12:00"),
        ("DateTime", "now"),
        ("DateTime", 1774958400),
    ],
)
async def test_a_scalar_refuses(scalar: str, value: Any, literal: bool) -> None:
    assert await echoed(scalar, value, literal=literal) is None


async def test_an_enum_literal_is_not_a_number_nor_a_currency() -> None:
    for query in ("{ echoInteger(value: TEN) }", "{ echoInteger(value: 1.5e3) }", "{ echoInteger(value: {a: 1}) }"):
        assert (await shop_schema().execute(query)).errors


@pytest.mark.parametrize(
    ("amount", "answer"),
    [
        (Amount(1050, "BRL"), {"minorUnits": "1050", "currency": "BRL", "exponent": 2, "display": "BRL 10.50"}),
        (Amount(1050, "CLP"), {"minorUnits": "1050", "currency": "CLP", "exponent": 0, "display": "CLP 1050"}),
    ],
)
def test_money_is_minor_units_as_text_and_a_display(amount: Amount, answer: dict[str, Any]) -> None:
    money = Money.of(amount)
    assert {
        "minorUnits": str(money.minor_units),
        "currency": money.currency,
        "exponent": money.exponent,
        "display": money.display,
    } == answer


BUY = """mutation($amount: MoneyInput!) {
  buy(amount: $amount) { bought { minorUnits currency } errors { __typename ... on Error { code message path } } }
}"""


@pytest.mark.parametrize(
    ("minor_units", "currency", "said"),
    [("-1", "BRL", "between 0 and"), ("100", "XXX", "not a currency we settle in")],
)
async def test_an_amount_that_cannot_be_is_a_typed_problem_and_nothing_is_done(
    minor_units: str, currency: str, said: str
) -> None:
    desk = Desk()
    context = Context(desk.tokens[TOKEN], "", desk)
    variables = {"amount": {"minorUnits": minor_units, "currency": currency}}
    result = await shop_schema().execute(BUY, variables, context)
    assert result.data is not None
    (error,) = result.data["buy"]["errors"]
    assert (error["__typename"], error["code"], error["path"]) == ("InvalidInputError", "INVALID_INPUT", ["amount"])
    assert said in error["message"]
    assert (result.data["buy"]["bought"], desk.done) == (None, [])


async def test_an_amount_as_float_does_nothing() -> None:
    desk = Desk()
    context = Context(desk.tokens[TOKEN], "", desk)
    result = await shop_schema().execute(BUY, {"amount": {"minorUnits": 10.5, "currency": "BRL"}}, context)
    assert result.data is None
    assert "whole number" in str(result.errors)
    assert desk.done == []


def test_a_negative_amount_says_where() -> None:
    with pytest.raises(InvalidInput) as refused:
        MoneyInput(minor_units=-1, currency="BRL").parsed(["input", "amount"])  # type: ignore[arg-type] # plain values
    assert refused.value.path == ["input", "amount"]


def test_a_moment_without_a_zone_is_a_bug_of_ours() -> None:
    serialize = SCALARS[DateTime].serialize
    assert serialize is not None
    with pytest.raises(ValueError, match="time zone"):
        serialize(datetime(2026, 3, 31))
