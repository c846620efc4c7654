"""Money is an integer with a currency, and nothing that is not money gets in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import EXPONENTS, MINOR_UNITS_MAX, Money, MoneyError, cumulative_share

amounts = st.integers(0, MINOR_UNITS_MAX)
currencies = st.sampled_from(sorted(EXPONENTS))


@given(amounts, currencies)
def test_an_amount_survives_its_own_decimal(minor_units: int, currency: str) -> None:
    money = Money(minor_units, currency)
    assert Money.parse(money.decimal(), currency) == money


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-1",
        "+1",
        "1e3",
        "1E3",
        "NaN",
        "Infinity",
        "1,50",
        "1.50.1",
        " 1",
        "1 ",
        "01",
        ".5",
        "1.",
        "0x10",
        "١",
        "1_000",
    ],
)
def test_what_is_not_a_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(MoneyError):
        Money.parse(text, "BRL")


@pytest.mark.parametrize(("text", "currency"), [("1.234", "BRL"), ("1.5", "CLP"), ("1.000", "BRL"), ("1.0", "PYG")])
def test_too_many_decimals_are_an_error_and_never_rounded(text: str, currency: str) -> None:
    with pytest.raises(MoneyError, match="decimals"):
        Money.parse(text, currency)


def test_missing_decimals_are_filled() -> None:
    assert Money.parse("10.5", "BRL") == Money(1050, "BRL")
    assert Money.parse("10", "BRL") == Money(1000, "BRL")
    assert Money.parse("10", "CLP") == Money(10, "CLP")


def test_a_pse_may_have_its_own_exponent() -> None:
    assert Money.parse("10.50", "CLP", exponent=2) == Money(1050, "CLP")
    assert Money(1050, "CLP").decimal(exponent=2) == "10.50"


@pytest.mark.parametrize("value", [1.5, True, "1", None, -1, MINOR_UNITS_MAX + 1])
def test_only_a_whole_number_in_range_is_an_amount(value: object) -> None:
    with pytest.raises(MoneyError):
        Money(value, "BRL")  # type: ignore[arg-type]  # wrong types are what is tested


def test_an_unknown_currency_is_named_with_the_known_ones() -> None:
    with pytest.raises(MoneyError, match="BRL"):
        Money(1, "XXX")


@given(st.integers(0, 10**12), st.lists(st.integers(1, 10**9), min_size=1, max_size=20))
def test_shares_of_growing_parts_close_to_the_whole(whole: int, parts: list[int]) -> None:
    total = sum(parts)
    shares, done = [], 0
    for part in parts:
        shares.append(cumulative_share(whole, done + part, total) - cumulative_share(whole, done, total))
        done += part
    assert sum(shares) == whole
    assert all(share >= 0 for share in shares)
