"""When a report is to be there: over weekends, carnival, a holiday at a seat, and when clocks change; and missing."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access.tokens import Role
from domain.books import bank_days
from domain.models import Connection, Deed, Finding
from domain.problems import Forbidden, InvalidInput
from domain.pse import registry
from domain.pse.expected import MERCHANT, Covers, Expected, Lag, expected
from domain.pse.registry import connectors
from domain.pse.vocabulary import Succeeded
from domain.reconciliation import expected as rooms
from domain.reconciliation.expected import Awaited, Contract
from tests.kit.factories import CAUSE, a_payment, a_person, a_refund, a_shop, an_answer
from tests.kit.lines import Telling, a_line, a_night, open_findings, today

_AFTER = Lag(1, of_banks=True)
SAID = Expected(Covers.PERIOD, _AFTER, time(12), MERCHANT, (MERCHANT,), Lag(2, of_banks=True), "a test")


def _awaited(said: Expected, country: str = "BR", zone: str = "America/Sao_Paulo") -> Awaited:
    return Awaited(said, ZoneInfo(zone), country, {})


def test_a_report_of_a_friday_is_there_on_monday_and_of_the_carnival_on_ash_wednesday() -> None:
    awaited = _awaited(SAID)
    assert awaited.due(date(2026, 11, 27)) == datetime(2026, 11, 30, 15, tzinfo=UTC)
    assert awaited.due(date(2026, 2, 13)) == awaited.due(date(2026, 2, 16)) == datetime(2026, 2, 18, 15, tzinfo=UTC)


def test_a_holiday_at_the_seat_of_the_pse_counts_beside_the_merchants_own() -> None:
    wednesday, at_both = date(2026, 11, 25), replace(SAID, countries=("US", MERCHANT))
    assert _awaited(SAID).due(wednesday).date() == date(2026, 11, 26)
    assert _awaited(at_both).due(wednesday).date() == date(2026, 11, 27)
    dutch = _awaited(expected(registry.connector("adyen")))
    over_kings_day, without = dutch.due(date(2026, 4, 23)), dutch.due(date(2026, 3, 5))
    assert over_kings_day - without > timedelta(days=(date(2026, 4, 23) - date(2026, 3, 5)).days)


def test_when_clocks_change_a_report_is_due_once_and_by_the_clock_of_whoever_makes_it() -> None:
    in_berlin = replace(SAID, report=Lag(1, of_banks=False), zone="Europe/Berlin", until=time(2, 30))
    summer, winter = _awaited(in_berlin).due(date(2026, 3, 28)), _awaited(in_berlin).due(date(2026, 10, 24))
    assert summer == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # 02:30 is left out that night
    assert winter == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # and comes twice in that one: the first counts
    chilean = replace(SAID, report=Lag(1, of_banks=False), until=time(0))
    at_midnight = _awaited(chilean, "CL", "America/Santiago")
    dues = [at_midnight.due(date(2026, 9, 1) + timedelta(days=days)) for days in range(10)]
    assert dues == sorted(set(dues))


def test_what_a_person_knows_better_moves_the_day() -> None:
    moved = replace(_awaited(SAID), exceptions={("BR", date(2026, 11, 30)): True})
    assert moved.due(date(2026, 11, 27)).date() == date(2026, 12, 1)


def test_every_pse_with_a_report_says_when_it_comes_and_never_sooner_than_its_connector_knew() -> None:
    for name, wire in connectors().items():
        said = expected(wire)
        assert said.version != "no table", name
        assert (said.covers is Covers.NOTHING) == (wire.report_lag_days is None and not wire.report_by_hand), name
        assert (said.refund_line is None) == (wire.report_lag_days is None), name
        if wire.report_lag_days is not None:
            awaited, day = _awaited(said), date(2026, 6, 1)
            for ahead in range(30):
                until = awaited.line_until(day + timedelta(days=ahead))
                assert until is not None
                assert until >= day + timedelta(days=ahead + wire.report_lag_days), (name, ahead)


@given(st.dates(date(2025, 1, 1), date(2028, 12, 31)), st.integers(0, 30), st.booleans())
def test_the_last_day_that_is_told_is_the_last_one_whose_lines_may_come_no_later(
    day: date, days: int, of_banks: bool
) -> None:
    awaited = _awaited(replace(SAID, refund_line=Lag(days, of_banks)))
    last = awaited.told_until(day)
    assert last is not None
    told, next_one = awaited.line_until(last), awaited.line_until(last + timedelta(days=1))
    assert told is not None
    assert next_one is not None
    assert told <= day < next_one


class Lagging(Telling):
    """A refund's line comes within a day."""

    report_lag_days: int | None = 1


@pytest.fixture
def lagging() -> Iterator[None]:
    registry.register(Lagging())
    yield
    registry._CONNECTORS.pop("lab", None)


@pytest.mark.usefixtures("books", "lagging")
async def test_a_refund_is_missing_only_when_the_banks_have_worked_for_long_enough() -> None:
    shop = await a_shop(pse="lab")
    keeper = a_person(shop, "ana", Role.ACCOUNTANT)
    contract = Contract(Covers.DATE, Lag(1, of_banks=True), "12:00", MERCHANT, (MERCHANT,), Lag(2, of_banks=True))
    connection = await rooms.set_for(keeper, shop.connection.id, contract, CAUSE)
    # Whatever the calendar says of these days: the banks work on the first, close for two, and work again.
    for ahead, closed in ((0, False), (1, True), (2, True), (3, False), (4, False), (5, False)):
        await bank_days.set_day(keeper, "BR", today(ahead), closed, "A strike.", CAUSE)
    workday = {ahead for ahead in range(6) if today(ahead).weekday() < 5}
    payment = await a_payment(shop, amount=10_000, days_ago=0)
    refund = await a_refund(shop, payment, 4_000)
    await an_answer(refund, Succeeded("one"))
    until = (await rooms.of(connection)).line_until(today())
    assert until is not None
    assert until > today(2), workday
    found = []
    for ahead in range(10):
        await a_night(shop, days=ahead)
        found.append(await open_findings() == ["MISSING_IN_REPORT"])
    assert found == [today(ahead) >= until for ahead in range(10)]
    assert True in found
    await a_night(shop, a_line(payment, "REFUND", 4_000, reference=refund.reference), days=9)
    assert await open_findings() == []
    assert await Finding.filter(kind="MISSING_IN_REPORT").count() == 1
    told = await Deed.filter(operation__in=["reportExpectationSet", "bankDaySet"]).count()
    assert told == 7


@pytest.mark.usefixtures("books", "lagging")
async def test_what_a_contract_cannot_say_is_refused_and_who_keeps_no_books_says_nothing() -> None:
    shop = await a_shop(pse="lab")
    keeper, robot = a_person(shop, "ana", Role.ACCOUNTANT), a_person(shop, "bo", Role.SUPPORT)
    good = Contract(Covers.DATE, Lag(1, of_banks=True), "12:00", MERCHANT, ("BR", "US"), None)
    for bad, why in (
        (replace(good, until="24:00"), "time of day"),
        (replace(good, zone="Mars/Olympus"), "IANA"),
        (replace(good, countries=("XX",)), "'XX'"),
        (replace(good, report=Lag(91, of_banks=False)), "between 0 and 90"),
    ):
        with pytest.raises(InvalidInput, match=why):
            await rooms.set_for(keeper, shop.connection.id, bad, CAUSE)
    with pytest.raises(Forbidden):
        await rooms.set_for(robot, shop.connection.id, good, CAUSE)
    with pytest.raises(InvalidInput, match="decree"):
        await bank_days.set_day(keeper, "BR", today(), True, " ", CAUSE)
    await rooms.set_for(keeper, shop.connection.id, good, CAUSE)
    awaited = await rooms.of(await Connection.get(id=shop.connection.id))
    assert (sorted(awaited.countries), awaited.line_until(today())) == (["BR", "US"], None)
    assert awaited.said.version.startswith("set by ana")
