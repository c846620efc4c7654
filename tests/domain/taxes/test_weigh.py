"""What the rules say of a refund's tax, at the edges of their terms. Pure: no database."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from domain.calendars import bank_days
from domain.models.taxes import RefundCause, ReversalState, TaxRegime
from domain.money import cumulative_share
from domain.taxes import rulebook
from domain.taxes.deadlines import Days, add_months, business_days_before, end_of_period, rolled, term_of
from domain.taxes.rulebook import DeadlineKind, LegalRule, RuleKind
from domain.taxes.weigh import RefundFacts, Review, Weighed, weigh

CURRENCIES = {"BR": "BRL", "CL": "CLP", "AR": "ARS", "PE": "PEN", "MX": "MXN", "CO": "COP", "EC": "USD", "UY": "UYU"}
S = ReversalState
C = RefundCause


def _weigh(country: str, sold: str, paid: str, **more: Any) -> Weighed:
    days = {name: date.fromisoformat(more.pop(name)) for name in ("asked", "delivered", "event") if name in more}
    sold_on, paid_on = date.fromisoformat(sold), date.fromisoformat(paid)
    given = Days(sold_on, days.get("asked", paid_on), paid_on, days.get("delivered"), days.get("event"))
    facts = RefundFacts(
        country, TaxRegime.LOCAL, CURRENCIES.get(country, "USD"), given, **{"buyer_identified": True, **more}
    )
    return weigh(facts, lambda day: bank_days.works(country, day))


@pytest.mark.parametrize(
    ("sold", "months", "until"),
    [
        ("2025-11-30", 3, "2026-02-28"),
        ("2023-11-30", 3, "2024-02-29"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2025-08-31", 6, "2026-02-28"),
        ("2025-12-31", 2, "2026-02-28"),
        ("2026-01-15", 6, "2026-07-15"),
    ],
)
def test_months_end_on_the_same_day_or_on_the_last_of_a_shorter_month(sold: str, months: int, until: str) -> None:
    assert add_months(date.fromisoformat(sold), months) == date.fromisoformat(until)


def test_goods_that_came_back_to_a_chilean_seller_count_within_six_months_of_their_delivery() -> None:
    within = _weigh(
        "CL", "2026-01-10", "2026-07-15", delivered="2026-01-15", event="2026-07-15", cause=C.RETURN_OF_GOODS
    )
    late = _weigh("CL", "2026-01-10", "2026-07-16", delivered="2026-01-15", event="2026-07-16", cause=C.RETURN_OF_GOODS)
    assert (within.state, within.due_on) == (S.NEEDED, date(2026, 7, 15))
    assert late.state is S.NOT_RECOVERABLE
    assert late.rule is not None
    assert late.rule.id == "cl-return"


def test_a_day_that_nobody_has_said_loses_no_tax() -> None:
    late = _weigh("CL", "2026-01-10", "2026-07-16", cause=C.RETURN_OF_GOODS)
    assert (late.state, late.reason) == (S.NEEDS_REVIEW, Review.DAYS_UNKNOWN)
    # The money left late, but the goods had been back before.
    back = _weigh("CL", "2026-01-10", "2026-07-16", event="2026-07-09", cause=C.RETURN_OF_GOODS)
    assert back.state is S.NEEDED


def test_a_cause_is_asked_for_only_where_the_answer_hangs_on_it() -> None:
    assert _weigh("CL", "2026-01-10", "2026-02-10").state is S.NEEDED
    late = _weigh("CL", "2026-01-10", "2026-09-10", delivered="2026-01-10", event="2026-09-10")
    assert (late.state, late.reason) == (S.NEEDS_REVIEW, Review.CAUSE_UNKNOWN)
    assert _weigh("CL", "2026-01-10", "2026-09-10", cause=C.DISCOUNT).state is S.NEEDED
    assert _weigh("PE", "2026-03-01", "2026-06-05").state is S.NEEDED
    assert _weigh("BR", "2026-03-01", "2026-06-05").reason is Review.CAUSE_UNKNOWN


def test_the_chilean_rule_is_chosen_by_the_day_of_the_return_and_one_that_is_over_is_for_a_person() -> None:
    old = _weigh("CL", "2022-03-01", "2022-03-23", cause=C.RETURN_OF_GOODS)
    new = _weigh("CL", "2022-03-01", "2022-03-24", cause=C.RETURN_OF_GOODS)
    assert old.rule
    assert (old.rule.id, old.state, old.reason) == (
        "cl-return-until-2022",
        S.NEEDS_REVIEW,
        Review.RULE_UNSURE,
    )
    assert new.rule
    assert (new.rule.id, new.state) == ("cl-return", S.NEEDED)


def test_argentina_counts_fifteen_calendar_days_from_when_the_refund_was_asked_for() -> None:
    found = _weigh("AR", "2026-09-01", "2026-11-20", asked="2026-11-06")
    assert (found.state, found.due_on) == (S.NEEDED, date(2026, 11, 21))  # a Saturday, and not moved
    assert _weigh("AR", "2026-09-01", "2026-11-20", asked="2026-11-06", event="2026-11-02").due_on == date(2026, 11, 17)


def test_peru_adjusts_the_month_of_the_event_whatever_the_year_of_the_sale() -> None:
    assert _weigh("PE", "2025-03-10", "2026-06-05").due_on == date(2026, 6, 30)
    assert _weigh("PE", "2025-12-30", "2026-01-02", event="2025-12-31").due_on == date(2025, 12, 31)


def test_colombia_deducts_in_the_two_months_of_the_annulment() -> None:
    assert _weigh("CO", "2026-01-10", "2026-03-01").due_on == date(2026, 4, 30)
    assert end_of_period(date(2026, 12, 31), 2) == date(2026, 12, 31)
    assert end_of_period(date(2024, 2, 1), 1) == date(2024, 2, 29)


def test_the_tax_of_an_unnamed_ecuadorian_buyer_is_lost_and_who_they_are_is_asked_first() -> None:
    assert _weigh("EC", "2026-02-01", "2026-03-01", buyer_identified=True).state is S.NEEDED
    unnamed = _weigh("EC", "2026-02-01", "2026-03-01", buyer_identified=False)
    assert unnamed.rule
    assert (unnamed.state, unnamed.rule.id) == (S.NOT_RECOVERABLE, "ec-unnamed-buyer")
    assert _weigh("EC", "2026-02-01", "2026-03-01", buyer_identified=None).reason is Review.BUYER_UNKNOWN


def test_a_brazilian_sale_of_2025_that_comes_back_in_2026_has_a_rule_of_its_own() -> None:
    old = _weigh("BR", "2025-12-31", "2026-01-02", cause=C.RETURN_OF_GOODS)
    new = _weigh("BR", "2026-01-01", "2026-01-02", cause=C.RETURN_OF_GOODS)
    assert old.rule
    assert (old.rule.id, old.state, old.due_on) == ("br-return-of-2025", S.NEEDED, None)
    assert new.rule
    assert new.rule.id == "br-return"


def test_mexico_has_no_day_by_which_and_what_a_platform_withheld_is_for_a_person() -> None:
    assert _weigh("MX", "2026-01-10", "2026-06-01") == Weighed(S.NEEDED, rulebook.rule_of("mx-return"))
    day = date(2026, 6, 1)
    platform = weigh(RefundFacts("MX", TaxRegime.PLATFORM, "MXN", Days(day, day, day), None, True), lambda _: True)
    assert platform.reason is Review.RULE_UNSURE


def test_what_is_not_sure_enough_or_not_in_force_is_for_a_person() -> None:
    assert _weigh("UY", "2026-01-10", "2026-02-10").reason is Review.RULE_UNSURE
    assert _weigh("DO", "2026-01-10", "2026-02-10").reason is Review.RULE_UNSURE
    assert _weigh("HN", "2026-01-10", "2026-02-10").reason is Review.NO_RULE
    revived = rulebook.rule_of("co-low-value-200-revived")
    assert revived is not None
    assert not revived.is_sure


def test_a_tax_that_was_not_declared_by_the_seller_is_not_theirs_to_take_back() -> None:
    day = date(2026, 6, 1)
    found = weigh(RefundFacts("AR", TaxRegime.NOT_OURS, "ARS", Days(day, day, day), None, None), lambda _: True)
    assert found.rule
    assert (found.state, found.rule.id) == (S.NOT_RECOVERABLE, "any-not-ours")


def test_money_of_another_country_than_the_merchants_asks_where_it_was_taxed() -> None:
    day = date(2026, 6, 1)
    facts = RefundFacts("BR", TaxRegime.LOCAL, "MXN", Days(day, day, day), C.RETURN_OF_GOODS, True)
    assert weigh(facts, lambda _: True).reason is Review.COUNTRY_UNSURE
    said = replace(facts, country="MX", country_is_said=True)
    assert weigh(said, lambda _: True).state is S.NEEDED


def test_a_rule_is_chosen_by_date_before_its_status_is_looked_at() -> None:
    names = {rule.id for rule in rulebook.rules_of("PE", date(2026, 5, 1))}
    assert {"pe-standard-2026", "pe-small-2026", "any-not-ours"} <= names
    assert not {"pe-standard-until-2025", "pe-standard-2027"} & names
    assert len({rule.id for rule in rulebook._all()}) == len(rulebook._all())


def test_day_seven_of_the_next_month_moves_to_a_business_day_and_a_merchants_own_day_counts() -> None:
    rule = rulebook.rule_of("ec-annul")
    assert rule is not None
    sold = date(2026, 10, 20)  # 7 November 2026 is a Saturday
    days = Days(sold, sold, sold)
    assert term_of(rule, days, lambda day: bank_days.works("EC", day)).until == date(2026, 11, 9)
    own = {("EC", date(2026, 11, 9)): True}
    assert term_of(rule, days, lambda day: bank_days.works("EC", day, own)).until == date(2026, 11, 10)


@pytest.mark.parametrize(
    ("country", "day", "open_"),
    [
        ("BR", "2026-02-16", False),  # Carnival's Monday, which the library has as optional
        ("BR", "2026-02-17", False),
        ("BR", "2026-02-18", True),  # Ash Wednesday: banks open at noon
        ("BR", "2026-06-04", False),  # Corpus Christi
        ("BR", "2026-11-20", False),
        ("BR", "2023-11-20", True),
        ("MX", "2026-04-02", False),  # Holy Thursday
        ("CO", "2026-07-13", False),
        ("CL", "2026-12-31", False),
        ("AR", "2026-11-06", False),
        ("UY", "2026-02-16", False),
        ("PE", "2026-07-28", False),
        ("EC", "2026-08-10", False),
        ("PE", "2026-07-30", True),
        ("BR", "2026-11-28", False),  # a Saturday
    ],
)
def test_banks_work_on_the_days_that_their_country_publishes(country: str, day: str, open_: bool) -> None:
    assert bank_days.works(country, date.fromisoformat(day)) is open_


def test_business_days_are_counted_back_over_weekends_and_holidays() -> None:
    assert business_days_before(date(2026, 11, 23), 1, lambda day: bank_days.works("BR", day)) == date(2026, 11, 19)
    assert rolled(date(2026, 11, 20), lambda day: bank_days.works("BR", day)) == date(2026, 11, 23)


def test_every_kind_of_deadline_has_an_answer() -> None:
    day = date(2024, 2, 29)
    for kind in DeadlineKind:
        rule = LegalRule(
            "x", "BR", "v", RuleKind.REVERSAL, "t", "s", "in_force", "secondary", "s", deadline=kind, number=1
        )
        term = term_of(rule, Days(day, day, day), lambda _: True)
        assert term.until is None or term.until >= day - timedelta(days=1), kind


def test_the_parts_of_a_tax_close_to_the_whole_where_rounding_each_would_not() -> None:
    whole, grown = 1_597, [cumulative_share(1_597, part, 10_000) for part in (3_333, 6_667, 10_000)]
    assert [grown[0], grown[1] - grown[0], grown[2] - grown[1]] == [532, 533, 532]
    assert grown[-1] == whole
