"""Amounts are written with the decimals of the money, whatever its country's shops are used to."""

from datetime import UTC, datetime

import pytest
from starlette.datastructures import QueryParams
from starlette.requests import Request

from api.console.formats import ReaderLocale, money, way
from api.console.given import last_month, this_month
from api.console.page import Asked, Unsendable
from api.console.typed import day
from api.customer.pages import locale_of


@pytest.mark.parametrize(
    ("units", "currency", "exponent", "language", "written"),
    [
        ("15000", "BRL", 2, "pt-BR", "R$ 150,00"),
        ("150", "COP", 2, "es", "1,50 COP"),
        ("190000", "CLP", 0, "es", "190.000 CLP"),
        ("-105000", "BRL", 2, "en", "-R$1,050.00"),
    ],
)
def test_an_amount_has_every_minor_unit(units: str, currency: str, exponent: int, language: str, written: str) -> None:
    reset = way.set(ReaderLocale(language))
    try:
        told = money({"minorUnits": units, "currency": currency, "exponent": exponent})
        assert told.replace("\u00a0", " ") == written
    finally:
        way.reset(reset)


@pytest.mark.parametrize("typed_as", ["0001-01-01", "9999-12-31", "2026-02-30", "x"])
def test_a_day_that_has_none_before_or_behind_it_is_none_that_somebody_means(typed_as: str) -> None:
    with pytest.raises(Unsendable):
        day("to", typed_as)


def test_a_month_is_the_merchants_until_it_ends_there() -> None:
    now = datetime(2026, 12, 1, 2, 59, tzinfo=UTC)
    brazil, china = (Asked({}, QueryParams(), bool, zone=zone) for zone in ("America/Sao_Paulo", "Asia/Shanghai"))
    assert (this_month(brazil, now), last_month(brazil, now)) == ("2026-11", "2026-10")
    assert (this_month(china, now), last_month(china, now)) == ("2026-12", "2026-11")


def test_of_the_languages_that_a_browser_wants_the_first_are_looked_at() -> None:
    def wanted(header: str) -> str:
        headers = [(b"accept-language", header.encode())]
        return locale_of(Request({"type": "http", "path": "/", "query_string": b"", "headers": headers}))

    assert wanted("de,fr;q=0.9,es-MX;q=0.8") == "es"
    assert wanted(f"{'x-y,' * 1_900}es") == "en"  # a header of 8,000 bytes, in which each is a step of ours
