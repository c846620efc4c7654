"""Amounts as shops write them: exact, or not at all."""

import json
from decimal import Decimal
from typing import Any

import pytest

from domain.commerce import amounts
from domain.money import Money


@pytest.mark.parametrize(
    ("found", "currency", "minor"),
    [
        ("10.1", "BRL", 1_010),
        ("10.10", "BRL", 1_010),
        ("10.1000", "BRL", 1_010),
        (Decimal("10.1"), "BRL", 1_010),
        (10, "BRL", 1_000),
        ("1050", "CLP", 1_050),
        ("1050.00", "CLP", 1_050),  # Shopify prints two decimals of every currency
        (Decimal("1E+3"), "PYG", 1_000),
    ],
)
def test_an_amount_is_read_as_it_is_written(found: Any, currency: str, minor: int) -> None:
    assert amounts.money_of(found, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("found", "currency"),
    [
        ("10.101", "BRL"),
        ("1050.5", "CLP"),
        ("10.001", "KWD"),  # three decimals, and nothing that we settle in
        ("-10.00", "BRL"),
        (-10, "BRL"),
        ("0.00", "BRL"),
        ("0", "CLP"),
        ("", "BRL"),
        ("10,00", "BRL"),
        ("1e400", "BRL"),
        ("NaN", "BRL"),
        ("Infinity", "BRL"),
        (True, "BRL"),
        (None, "BRL"),
        (10.1, "BRL"),
        ([], "BRL"),
        ("10.00", None),
        ("10.00", "brl"),
        ("99999999999999999999", "BRL"),
    ],
)
def test_what_is_no_amount_is_none(found: Any, currency: Any) -> None:
    with pytest.raises(amounts.NotMoney):
        amounts.money_of(found, currency)


def test_a_number_of_json_is_not_read_by_way_of_a_float() -> None:
    found = json.loads('{"grand_total": 10.1, "other": 0.1000}', parse_float=Decimal)
    assert amounts.money_of(found["grand_total"], "BRL") == Money(1_010, "BRL")
    assert amounts.money_of(found["other"], "BRL") == Money(10, "BRL")
