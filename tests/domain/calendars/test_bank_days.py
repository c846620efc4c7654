"""Bank days: weekends, carnival, holidays of a seat, and what people know better than a table."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.calendars import bank_days
from domain.calendars.bank_days import COUNTRIES, UnknownCountry

DAYS = st.dates(date(2024, 1, 1), date(2029, 12, 31))
COUNTED = st.sets(st.sampled_from(sorted(COUNTRIES)), max_size=3)


def test_brazils_banks_close_at_carnival_and_on_corpus_christi_and_open_on_ash_wednesday() -> None:
    closed = [date(2026, 2, 16), date(2026, 2, 17), date(2026, 6, 4), date(2026, 11, 20)]
    assert not any(bank_days.is_bank_day(day, ["BR"]) for day in closed)
    assert bank_days.is_bank_day(date(2026, 2, 18), ["BR"])
    assert bank_days.after(date(2026, 2, 13), 1, ["BR"]) == date(2026, 2, 18)


def test_mexicos_banks_close_by_their_own_list_and_not_by_the_labour_law() -> None:
    assert not any(bank_days.is_bank_day(date(2026, *day), ["MX"]) for day in ((4, 2), (4, 3), (11, 2)))


def test_argentinas_chiles_and_uruguays_banks_close_on_more_than_the_public_holidays() -> None:
    assert not bank_days.is_bank_day(date(2026, 11, 6), ["AR"])
    assert not bank_days.is_bank_day(date(2026, 12, 31), ["CL"])
    assert not bank_days.is_bank_day(date(2026, 2, 16), ["UY"])
    assert not bank_days.is_bank_day(date(2026, 7, 13), ["CO"])


def test_of_several_countries_each_ones_holidays_count() -> None:
    thanksgiving = date(2026, 11, 26)
    assert bank_days.after(thanksgiving - timedelta(days=1), 1, ["BR"]) == thanksgiving
    assert bank_days.after(thanksgiving - timedelta(days=1), 1, ["BR", "US"]) == date(2026, 11, 27)


def test_no_days_after_a_weekend_is_the_monday_and_one_day_after_it_too() -> None:
    saturday = date(2026, 11, 28)
    assert bank_days.after(saturday, 0, ["BR"]) == bank_days.after(saturday, 1, ["BR"]) == date(2026, 11, 30)
    assert bank_days.after(saturday, 2, ["BR"]) == date(2026, 12, 1)
    assert bank_days.after(date(2026, 11, 27), 0, ["BR"]) == date(2026, 11, 27)


def test_what_a_person_knows_better_counts_in_both_directions() -> None:
    friday, carnival = date(2026, 11, 27), date(2026, 2, 17)
    said = {("BR", friday): True, ("BR", carnival): False}
    assert bank_days.after(date(2026, 11, 26), 1, ["BR"], said) == date(2026, 11, 30)
    assert bank_days.is_bank_day(carnival, ["BR"], said)
    assert not bank_days.is_bank_day(carnival, ["BR", "UY"], said)


def test_a_country_whose_banks_nobody_knows_is_refused_by_name() -> None:
    with pytest.raises(UnknownCountry, match="'XX'"):
        bank_days.after(date(2026, 1, 5), 1, ["XX"])


@given(DAYS, st.integers(0, 20), COUNTED)
def test_more_days_never_come_sooner_and_a_later_day_never_ends_before_an_earlier_one(
    day: date, days: int, countries: set[str]
) -> None:
    found = bank_days.after(day, days, countries)
    assert bank_days.is_bank_day(found, countries)
    assert found <= bank_days.after(day, days + 1, countries)
    assert found <= bank_days.after(day + timedelta(days=1), days, countries)
    between = (day + timedelta(days=number) for number in range(1, (found - day).days + 1))
    assert sum(bank_days.is_bank_day(one, countries) for one in between) in (days, 1 if days == 0 else days)
