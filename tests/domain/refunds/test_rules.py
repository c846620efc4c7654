"""Which rules a refund meets, what is enough, and what loosens them: pure, by tables."""

from dataclasses import fields, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.access.small import SMALL
from domain.models.refunds import Reason
from domain.money import EXPONENTS, Money
from domain.pse.vocabulary import DestinationKind, Method
from domain.refunds.approvals import caps, defaults, looser, stored, weigh
from domain.refunds.approvals.caps import Cap, CountedRefund, Over, Per
from domain.refunds.approvals.rules import Before, Facts, Hours, Named, Need, Rule, Step, When, Word, decide
from domain.refunds.approvals.weigh import Yes

STORE, ANA = UUID(int=1), UUID(int=2)
OFFICE = Hours(time(9), time(18), frozenset({1, 2, 3, 4, 5}))
MONDAY = datetime(2026, 11, 30, 10, tzinfo=UTC)
FACTS = Facts(
    amount=Money(1_000, "BRL"),
    method=Method.PIX,
    pse="pix",
    store_id=STORE,
    age=timedelta(days=3),
    local=MONDAY,
    reason=Reason.FRAUD,
    party=ANA,
    is_program=True,
    unproven=False,
)
PIX_OF_STAFF = Named(DestinationKind.PIX_KEY, Word.STAFF, True)
KNOWN = {"roles": frozenset({"REQUESTER"}), "refunded_before": {30: 2}}
CASES: list[tuple[When, dict[str, Any], bool | None]] = [
    (When(), {}, True),
    (When(amounts={"BRL": 1_000}), {}, True),
    (When(amounts={"BRL": 1_001}), {}, False),
    (When(amounts={"USD": 1}), {}, False),
    (When(amounts={"USD": 1, "*": 0}), {}, True),
    (When(methods=frozenset({Method.PIX, Method.BOLETO})), {}, True),
    (When(methods=frozenset({Method.BOLETO})), {}, False),
    (When(pses=frozenset({"adyen"})), {}, False),
    (When(stores=frozenset({STORE})), {}, True),
    (When(older_than_days=2), {}, True),
    (When(older_than_days=3), {}, False),
    (When(reasons=frozenset({Reason.FRAUD})), {}, True),
    (When(requesters=frozenset({ANA})), {}, True),
    (When(requesters=frozenset({ANA})), {"party": None}, False),
    (When(requester_is_program=False), {}, False),
    (When(requester_roles=frozenset({"REQUESTER"})), {}, None),
    (When(requester_roles=frozenset({"REQUESTER"})), KNOWN, True),
    (When(requester_roles=frozenset({"SUPPORT"})), KNOWN, False),
    (When(refunded_before=Before(2, 30)), {}, None),
    (When(refunded_before=Before(2, 30)), KNOWN, True),
    (When(refunded_before=Before(3, 30)), KNOWN, False),
    (When(refunded_before=Before(2, 30), pses=frozenset({"adyen"})), {}, False),  # nothing need be asked
    (When(outside=OFFICE), {}, False),
    (When(outside=OFFICE), {"local": MONDAY.replace(hour=18)}, True),
    (When(outside=OFFICE), {"local": MONDAY - timedelta(days=1)}, True),
    (When(destination_kinds=frozenset({DestinationKind.PIX_KEY})), {}, False),
    (When(destination_kinds=frozenset({DestinationKind.PIX_KEY})), {"named": PIX_OF_STAFF}, True),
    (When(whose_word=Word.STAFF), {"named": PIX_OF_STAFF}, True),
    (When(whose_word=Word.CUSTOMER), {"named": PIX_OF_STAFF}, False),
    (When(other_holder=True), {"named": PIX_OF_STAFF}, False),
    (When(other_holder=True), {"named": replace(PIX_OF_STAFF, is_payers=False)}, True),
    (When(unproven=True), {}, False),
    (When(unproven=True), {"unproven": True}, True),
]


@pytest.mark.parametrize(("when", "changed", "met"), CASES)
def test_a_rule_is_met_when_all_that_it_says_holds(when: When, changed: dict[str, Any], met: bool | None) -> None:
    found = decide([Rule(when, Need("X", "because", (Step("APPROVE"),)))], replace(FACTS, **changed))
    assert (None if found.unknown else bool(found.needs)) is met


def test_every_condition_is_in_the_table_and_is_kept_as_it_is() -> None:
    tried = {field.name for when, _, _ in CASES for field in fields(When) if getattr(when, field.name) is not None}
    assert tried == {field.name for field in fields(When)}
    for when, _, _ in CASES:
        rule = Rule(when, Need("X", "because", (Step("APPROVE", 2), Step("CFO")), in_sequence=True, hours=7))
        assert stored.rule_of(stored.of_rule(rule)) == rule


# What holds by default: named, who asks, above what.
CUSTOMERS = Named(DestinationKind.PIX_KEY, Word.CUSTOMER, True)


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({}, set()),
        ({"named": PIX_OF_STAFF}, {"STAFF_DESTINATION"}),
        ({"named": CUSTOMERS}, set()),
        ({"named": replace(CUSTOMERS, is_payers=False)}, {"OTHER_HOLDER"}),
        ({"named": CUSTOMERS, "amount": Money(100_000, "BRL")}, {"CUSTOMERS_WORD"}),
        ({"amount": Money(2_499_999, "BRL")}, set()),
        ({"amount": Money(2_500_000, "BRL")}, {"LARGE_AMOUNT"}),
        ({"unproven": True}, {"UNPROVEN_PAYMENT"}),
        (
            {"unproven": True, "named": PIX_OF_STAFF, "amount": Money(9_999_999, "BRL")},
            {"UNPROVEN_PAYMENT", "STAFF_DESTINATION", "LARGE_AMOUNT"},
        ),
    ],
)
def test_what_waits_for_a_second_person_by_default(changed: dict[str, Any], wanted: set[str]) -> None:
    verdict = decide(defaults.RULES, replace(FACTS, **changed))
    assert {need.rule for need in verdict.needs} == wanted
    assert verdict.unknown == ()


def test_every_currency_has_its_default_amounts() -> None:
    assert set(SMALL) - {"*"} == set(EXPONENTS)


TWO, TURNS = Need("a", "", (Step("APPROVE", 2),)), Need("b", "", (Step("APPROVE"), Step("CFO")), in_sequence=True)
A, C, BOTH = Yes(frozenset({"APPROVE"})), Yes(frozenset({"CFO"})), Yes(frozenset({"APPROVE", "CFO"}))
MIXED = Need("c", "", (Step("APPROVE"), Step("CFO")))


@pytest.mark.parametrize(
    ("needs", "given", "still", "open_now"),
    [
        ([TWO], [], 2, {"APPROVE"}),
        ([TWO], [A], 1, {"APPROVE"}),
        ([TWO], [A, A], 0, set()),
        ([TURNS], [], 2, {"APPROVE"}),
        ([TURNS], [C], 2, {"APPROVE"}),  # before its turn it does not count
        ([TURNS], [A], 1, {"CFO"}),
        ([TURNS], [A, C], 0, set()),
        ([MIXED], [BOTH], 1, {"APPROVE", "CFO"}),  # whichever the other one is
        ([MIXED], [BOTH, A], 0, set()),
        ([MIXED], [BOTH, C], 0, set()),
        ([MIXED], [A, A], 1, {"CFO"}),
        ([TWO, MIXED], [BOTH, A], 0, set()),
        ([TWO, MIXED], [A, A], 1, {"CFO"}),
    ],
)
def test_what_is_enough_and_whose_yes_counts_next(
    needs: list[Need], given: list[Yes], still: int, open_now: set[str]
) -> None:
    assert sum(weigh.missing(need, given) for need in needs) == still
    assert weigh.are_met(needs, given) is (still == 0)
    assert weigh.open_words(needs, given) == open_now


OLD = Rule(When(amounts={"BRL": 100}, pses=frozenset({"pix"}), refunded_before=Before(2, 30)), TWO)


@pytest.mark.parametrize(
    ("new", "is_looser"),
    [
        (None, True),
        (OLD, False),
        (replace(OLD, when=When()), False),
        (replace(OLD, when=replace(OLD.when, amounts={"BRL": 99})), False),
        (replace(OLD, when=replace(OLD.when, amounts={"BRL": 101})), True),
        (replace(OLD, when=replace(OLD.when, amounts={"USD": 1})), True),
        (replace(OLD, when=replace(OLD.when, pses=frozenset({"pix", "adyen"}))), False),
        (replace(OLD, when=replace(OLD.when, pses=frozenset({"adyen"}))), True),
        (replace(OLD, when=replace(OLD.when, methods=frozenset({Method.PIX}))), True),
        (replace(OLD, when=replace(OLD.when, refunded_before=Before(1, 60))), False),
        (replace(OLD, when=replace(OLD.when, refunded_before=Before(3, 30))), True),
        (replace(OLD, need=replace(TWO, steps=(Step("APPROVE", 3),))), False),
        (replace(OLD, need=replace(TWO, steps=(Step("APPROVE"), Step("CFO"), Step("APPROVE")))), False),
        (replace(OLD, need=replace(TWO, steps=(Step("APPROVE"), Step("CFO")))), True),
        (replace(OLD, need=replace(TWO, steps=())), True),
        (replace(OLD, need=replace(TWO, in_sequence=True, hours=1)), False),
    ],
)
def test_what_cannot_be_shown_to_be_as_strict_is_looser(new: Rule | None, is_looser: bool) -> None:
    assert looser.is_looser(OLD, new) is is_looser
    assert looser.is_looser(None, new) is False


CAP = Cap("day", Per.STORE, Over.REFUSE, "BRL", 1_000, 5)


@pytest.mark.parametrize(
    ("new", "is_looser"),
    [
        (None, True),
        (CAP, False),
        (replace(CAP, amount=999), False),
        (replace(CAP, amount=1_001), True),
        (replace(CAP, amount=None), True),
        (replace(CAP, count=6), True),
        (replace(CAP, over=Over.HOLD), True),
        (replace(CAP, per=Per.MERCHANT), True),
        (replace(CAP, currency="USD"), True),
        (replace(CAP, only="x"), True),
    ],
)
def test_a_cap_that_lets_more_through_is_looser(new: Cap | None, is_looser: bool) -> None:
    assert caps.is_looser(CAP, new) is is_looser
    assert caps.is_looser(None, new) is False
    if new is not None:
        assert caps.cap_of(new.name, caps.of_cap(new)) == new


def test_a_days_cap_renews_when_the_merchants_day_ends_also_when_the_clock_is_changed() -> None:
    eve = datetime(2026, 4, 4, 23, 30, tzinfo=UTC)  # in Santiago the clock goes back that night
    asked = CountedRefund(UUID(int=3), Money(1, "BRL"), {}, eve, "America/Santiago")
    assert asked.day.isoformat() == "2026-04-04"
    assert asked.renews_at.isoformat() == "2026-04-05T04:00:00+00:00"
