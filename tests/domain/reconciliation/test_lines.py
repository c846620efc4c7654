"""When a report line is given to a refund, and what becomes of one that is given to nobody."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain import invariants
from domain.access.tokens import Role
from domain.cause import Cause
from domain.models import Finding, Payment, Refund, SettlementLine
from domain.models.ledger import Account
from domain.models.refunds import State
from domain.money import Money
from domain.payments import external, unnamed
from domain.pse import registry
from domain.pse.capabilities import LookUp
from domain.pse.vocabulary import Accepted, InDoubt, KnownRefund, Outcome, Returned, Succeeded, Unsent
from domain.reconciliation import to_repeat
from domain.refunds import by_hand
from domain.refunds.by_hand import Evidence, Way
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from tests.kit.factories import CAUSE, Shop, a_look_up, a_payment, a_person, a_refund, a_shop, an_answer
from tests.kit.lines import Telling, a_line, a_night, balance, effects, open_findings, today

pytestmark = pytest.mark.usefixtures("books")
DOUBT = InDoubt("TIMEOUT", "no answer")


async def _shop(look_up: LookUp = LookUp.BY_REFERENCE) -> tuple[Shop, Payment]:
    registry.register(Telling(look_up=look_up))
    shop = await a_shop(pse="lab")
    return shop, await a_payment(shop, amount=20_000, days_ago=0)


async def _refund(shop: Shop, payment: Payment, outcome: Outcome) -> Refund:
    refund = await a_refund(shop, payment, 4_000)
    await an_answer(refund, outcome)
    return await Refund.get(id=refund.id)


async def _taken(payment: Payment) -> int:
    amount: int = (await Payment.get(id=payment.id)).taken_by_bank
    return amount


async def _state(refund: Refund) -> State:
    return (await Refund.get(id=refund.id)).state


def _out(payment: Payment, **more: Any) -> dict[str, Any]:
    return a_line(payment, "REFUND", 4_000, **more)


def _back(payment: Payment, **more: Any) -> dict[str, Any]:
    return a_line(payment, "REFUND", 4_000, "RETURNED", **more)


async def test_a_refund_that_was_paid_by_bank_transfer_has_no_line() -> None:
    shop, payment = await _shop()
    refund = await a_refund(shop, payment, 4_000)
    person = a_person(shop, "ana", Role.ACCOUNTING)
    await by_hand.take(person, refund.id, "The PSE has been down since noon.", CAUSE)
    transfer = Evidence(Way.BANK_TRANSFER, "TED 123", today(-1))
    await by_hand.settle(person, refund.id, transfer, CAUSE)
    for named in ({}, {"reference": refund.reference}):
        await a_night(shop, _out(payment, **named), name=f"{len(named)}.json")
    assert (await _taken(payment), await effects()) == (8_000, ["TAKEN", "TAKEN"])
    assert (await balance(shop, Account.BANK), await balance(shop, Account.PSE_BALANCE)) == (-4_000, -8_000)
    assert await open_findings() == ["CONTRADICTION", "DUPLICATE_REFUND", "MISSING_IN_LEDGER"]
    assert await invariants.check() == []
    await a_night(shop, _back(payment, reference=refund.reference), days=1)
    assert await open_findings() == ["CONTRADICTION", "MISSING_IN_LEDGER"], "it came back: it has not left twice"
    assert (await _state(refund), await _taken(payment)) == (State.SUCCEEDED, 4_000)
    assert await invariants.check() == []


async def test_a_refund_whose_sends_never_arrived_is_not_what_a_line_tells() -> None:
    shop, payment = await _shop(LookUp.NONE)
    refund = await _refund(shop, payment, Unsent("NO_ROUTE", "never left"))
    await a_night(shop, _out(payment))
    assert (await _state(refund), await _taken(payment)) == (State.REQUESTED, 4_000)


async def test_a_refund_that_is_known_to_have_left_has_the_line_before_an_older_one_that_has_not() -> None:
    shop, payment = await _shop()
    pending = await _refund(shop, payment, Accepted("one"))
    paid = await _refund(shop, payment, Succeeded("two"))
    await a_night(shop, _out(payment))
    (line,) = await SettlementLine.filter(effect="REFUND")
    assert (line.refund_id, await _state(pending), await _taken(payment)) == (paid.id, State.PENDING, 0)
    assert (await open_findings(), await invariants.check()) == ([], [])


@pytest.mark.parametrize("came_back", [False, True])
async def test_a_doubtful_refund_is_asked_about_and_has_the_line_when_its_own_news_proves_it(came_back: bool) -> None:
    shop, payment = await _shop()
    await a_night(shop, _out(payment), days=-1)  # somebody else's, before ours was sent
    paid = await _refund(shop, payment, Succeeded("one"))
    refund = await _refund(shop, payment, DOUBT)
    first, second = _out(payment), _out(payment)
    await a_night(shop, first, second)
    asked = await Refund.get(id=refund.id)
    assert asked.due_at is not None
    assert asked.due_at <= datetime.now(UTC)
    assert (asked.state, await _taken(payment)) == (State.SUBMITTED, 8_000)
    await a_night(shop, first, second)
    assert (await _state(refund), await _taken(payment)) == (State.SUBMITTED, 8_000)
    await a_look_up(refund, Returned("BACK", "it came back", "two") if came_back else Succeeded("two"))
    assert await _taken(payment) == 4_000
    assert await to_repeat.dates(shop.connection.id) == {today()}
    await a_night(shop, first, second)
    assert await effects() == ["TAKEN", "REFUND", "REFUND"]
    assert {line.refund_id for line in await SettlementLine.filter(voided_at=None, effect="REFUND")} == {
        paid.id,
        refund.id,
    }
    assert (await to_repeat.dates(shop.connection.id), await invariants.check()) == (set(), [])
    assert await open_findings() == ["MISSING_IN_LEDGER", *(["RETURNED"] if came_back else [])]


@pytest.mark.parametrize("lines", [1, 2, 3])
async def test_where_nobody_can_be_asked_lines_are_given_only_as_many_as_refunds_in_doubt(lines: int) -> None:
    shop, payment = await _shop(LookUp.NONE)
    doubtful = [await _refund(shop, payment, DOUBT) for _ in range(2)]
    await a_night(shop, *(_out(payment) for _ in range(lines)))
    given = lines == len(doubtful)
    assert {await _state(refund) for refund in doubtful} == {State.SUCCEEDED if given else State.SUBMITTED}
    assert await _taken(payment) == (0 if given else 4_000 * lines)
    assert await open_findings() == ([] if given else ["MISSING_IN_LEDGER"] * lines)
    assert await invariants.check() == []


async def test_money_that_was_told_without_a_line_explains_the_line_before_a_refund_in_doubt_does() -> None:
    shop, payment = await _shop(LookUp.NONE)
    told = KnownRefund("panel", "panel", Money(4_000, "BRL"), Succeeded("panel"), False, "x", None, None)
    await unnamed.from_listing(payment, [told], CAUSE)
    refund = await _refund(shop, payment, DOUBT)
    await a_night(shop, _out(payment))
    assert (await _state(refund), await _taken(payment), await effects()) == (State.SUBMITTED, 4_000, ["TAKEN"])


async def test_a_line_of_long_before_a_refund_was_asked_for_is_not_its_line() -> None:
    shop, payment = await _shop(LookUp.NONE)
    refund = await _refund(shop, payment, DOUBT)
    paid = await a_refund(shop, payment, 5_000)
    await an_answer(paid, Succeeded("one"))
    long_ago = (datetime.now(UTC) - timedelta(days=3)).isoformat()
    await a_night(shop, _out(payment, booked_at=long_ago), a_line(payment, "REFUND", 5_000, booked_at=long_ago))
    assert (await _state(refund), await _taken(payment), await effects()) == (
        State.SUBMITTED,
        9_000,
        ["TAKEN", "TAKEN"],
    )
    assert await invariants.check() == []


async def test_a_named_payment_that_we_do_not_know_is_unknown_whatever_its_order() -> None:
    shop, _ = await _shop()
    known = await a_payment(shop, amount=10_000, order="order-1", days_ago=0)
    of_order = {"payment_reference": None, "order_reference": "order-1"}
    other = {"payment_reference": "another", "order_reference": "order-1"}
    await a_night(shop, a_line(known, "CAPTURE", 10_000, **other), _out(known, **other))
    assert (await effects(), await _taken(known)) == (["NONE", "NONE"], 0)
    assert await open_findings() == ["MISSING_IN_LEDGER", "MISSING_IN_LEDGER"]
    await a_night(shop, _out(known, **of_order), days=1)
    assert await _taken(known) == 4_000
    # A report that shows the order to have another payment, too, leaves open which of them it means.
    await a_night(shop, a_line(known, "CAPTURE", 10_000, **other), _out(known, **of_order), days=2)
    assert await _taken(known) == 4_000


@pytest.mark.parametrize("days", [(0, 1), (1, 0)])
async def test_money_that_left_and_came_back_without_a_name_is_paired_whatever_report_is_read_first(
    days: tuple[int, int],
) -> None:
    shop, payment = await _shop()
    told = sorted(zip(days, (_out(payment), _back(payment)), strict=True), key=lambda one: days.index(one[0]))
    ordered = told if days == (0, 1) else told[::-1]
    for _ in range(2):
        for day, line in ordered:
            await a_night(shop, line, days=day)
        assert (await _taken(payment), await balance(shop, Account.SUSPENSE)) == (0, 0)
        assert (await balance(shop, Account.PSE_BALANCE), await invariants.check()) == (0, [])
    await a_night(shop, _out(payment), days=2)
    assert (await _taken(payment), await balance(shop, Account.PSE_BALANCE)) == (4_000, -4_000)
    assert await invariants.check() == []


async def test_of_equal_money_that_left_as_much_is_taken_back_as_came_back() -> None:
    shop, payment = await _shop()
    await a_night(shop, _out(payment), _out(payment))
    await a_night(shop, _back(payment), days=1)
    assert (await _taken(payment), await balance(shop, Account.PSE_BALANCE)) == (4_000, -4_000)
    await a_night(shop, _back(payment), _back(payment), days=2)
    assert (await _taken(payment), await balance(shop, Account.PSE_BALANCE)) == (0, 0)
    assert ("UNCLEAR_LINE" in await open_findings(), await invariants.check()) == (True, [])


async def test_a_revised_report_that_drops_what_left_takes_the_proof_of_its_return_away() -> None:
    shop, payment = await _shop()
    await a_night(shop, _out(payment))
    await a_night(shop, _back(payment), days=1)
    await a_night(shop)
    assert (await effects(), await balance(shop, Account.PSE_BALANCE), await invariants.check()) == ([], 0, [])


@pytest.mark.parametrize("proven", [False, True])
async def test_a_refund_of_ours_comes_back_by_a_nameless_line_of_another_day(proven: bool) -> None:
    shop, payment = await _shop()
    refund = await _refund(shop, payment, Succeeded("one"))
    out, back = _out(payment), _back(payment)
    if proven:
        await a_night(shop, out)
        await a_night(shop, back, days=1)
    else:
        await record(refund.id, Returned("BACK", "it came back", "one"), Source(Door.LOOK_UP), CAUSE)
        await a_night(shop, back, days=1)
        await a_night(shop, out)
        assert await to_repeat.dates(shop.connection.id) == {today(1)}
        await a_night(shop, back, days=1)
    assert (await _state(refund), sorted(await effects())) == (State.RETURNED, ["REFUND", "RETURN"])
    assert (await balance(shop, Account.PSE_BALANCE), await to_repeat.dates(shop.connection.id)) == (0, set())
    assert await invariants.check() == []


async def test_a_return_that_two_refunds_can_have_is_a_finding_until_one_of_them_says_so() -> None:
    shop, payment = await _shop()
    twins = [await _refund(shop, payment, Succeeded(name)) for name in ("one", "two")]
    back = _back(payment)
    await a_night(shop, _out(payment), _out(payment))
    await a_night(shop, back, days=1)
    assert [await _state(refund) for refund in twins] == [State.SUCCEEDED, State.SUCCEEDED]
    assert {(await Refund.get(id=refund.id)).due_at is None for refund in twins} == {False}
    assert (await open_findings(), await to_repeat.dates(shop.connection.id)) == (["UNCLEAR_LINE"], set())
    await record(twins[1].id, Returned("BACK", "it came back", "two"), Source(Door.LOOK_UP), CAUSE)
    assert await to_repeat.dates(shop.connection.id) == {today(1)}
    await a_night(shop, back, days=1)
    (line,) = await SettlementLine.filter(effect="RETURN", voided_at=None)
    assert (line.refund_id, await balance(shop, Account.PSE_BALANCE)) == (twins[1].id, -4_000)
    assert (await open_findings(), await to_repeat.dates(shop.connection.id)) == (["RETURNED"], set())
    assert await invariants.check() == []


async def test_a_payment_that_was_captured_in_parts_is_proven_whole() -> None:
    shop, payment = await _shop()
    parts = [a_line(payment, "CAPTURE", amount) for amount in (5_000, 5_000, 4_000, 6_000)]
    await a_night(shop, *parts[:2])
    assert await open_findings() == ["AMOUNT_MISMATCH"]
    await a_night(shop, *parts[1:], days=1)
    for days, more in ((0, parts[:2]), (2, [a_line(payment, "CAPTURE", 20_000, kind="other")])):
        await a_night(shop, *more, days=days)
        assert await balance(shop, Account.PSE_BALANCE) == 20_000
        assert (await open_findings(), await invariants.check()) == ([], [])


async def test_a_part_that_another_kind_of_report_tells_again_is_the_same_part() -> None:
    shop, payment = await _shop()
    await a_night(shop, a_line(payment, "CAPTURE", 3_000))
    await a_night(shop, a_line(payment, "CAPTURE", 3_000, kind="other"), days=1)
    assert await balance(shop, Account.PSE_BALANCE) == 3_000
    await a_night(shop, a_line(payment, "CAPTURE", 17_000), days=2)
    assert (await balance(shop, Account.PSE_BALANCE), await open_findings()) == (20_000, [])


async def test_parts_that_are_more_than_was_captured_are_found() -> None:
    shop, payment = await _shop()
    await a_night(shop, a_line(payment, "CAPTURE", 15_000), a_line(payment, "CAPTURE", 6_000))
    (finding,) = await Finding.all()
    assert (finding.kind, finding.detail) == ("AMOUNT_MISMATCH", {"report": 21_000, "ledger": 20_000})
    assert (await balance(shop, Account.PSE_BALANCE), await invariants.check()) == (15_000, [])


@pytest.mark.parametrize("order", [("refund", "REFUND"), ("REFUND", "refund")])
async def test_money_that_two_kinds_of_report_tell_of_is_taken_once(order: tuple[str, str]) -> None:
    shop, payment = await _shop()
    for name in order:
        await a_night(shop, _out(payment, kind=name), name=name)
        assert (await _taken(payment), await balance(shop, Account.PSE_BALANCE)) == (4_000, -4_000)
    await a_night(shop, _out(payment, kind=order[1]), days=1)
    assert (await _taken(payment), await balance(shop, Account.PSE_BALANCE)) == (8_000, -8_000)
    await a_night(shop, _out(payment, kind=order[0]), days=2)
    assert (await _taken(payment), await balance(shop, Account.PSE_BALANCE)) == (8_000, -8_000)
    for name in order:
        await a_night(shop, _back(payment, kind=name), name=f"{name}-back")
        assert (await _taken(payment), await balance(shop, Account.PSE_BALANCE)) == (4_000, -4_000)
    assert await invariants.check() == []


async def test_what_two_kinds_of_report_tell_of_a_refund_of_ours_is_no_other_money_and_no_other_refund() -> None:
    shop, payment = await _shop(LookUp.NONE)
    await _refund(shop, payment, Succeeded("one"))
    await a_night(shop, _out(payment))
    doubtful = await _refund(shop, payment, DOUBT)
    await a_night(shop, _out(payment, kind="other"), name="other")
    assert (await effects(), await _taken(payment)) == (["REFUND", "NONE"], 0)
    assert (await _state(doubtful), await open_findings()) == (State.SUBMITTED, [])
    await record(doubtful.id, Succeeded("two"), Source(Door.NOTICE), CAUSE)
    await a_night(shop, _out(payment), _out(payment), days=1)
    assert (await _taken(payment), await balance(shop, Account.PSE_BALANCE)) == (4_000, -12_000)
    assert await invariants.check() == []


async def test_a_return_of_ours_that_two_kinds_of_report_tell_is_of_one_refund() -> None:
    shop, payment = await _shop()
    twins = [await _refund(shop, payment, Succeeded(name)) for name in ("one", "two")]
    await a_night(shop, _out(payment), _out(payment))
    await record(twins[0].id, Returned("BACK", "it came back", "one"), Source(Door.LOOK_UP), CAUSE)
    await a_night(shop, _back(payment), days=1)
    await a_night(shop, _back(payment, kind="other"), name="other", days=1)
    assert [await _state(refund) for refund in twins] == [State.RETURNED, State.SUCCEEDED]
    assert (await balance(shop, Account.PSE_BALANCE), await invariants.check()) == (-4_000, [])


async def test_what_was_given_back_to_a_refund_hides_no_other_refund_of_a_listing() -> None:
    shop, payment = await _shop()
    refund = await _refund(shop, payment, DOUBT)
    await a_night(shop, _out(payment))
    await a_look_up(refund, Succeeded("ours"))
    assert await _taken(payment) == 0
    told = KnownRefund("panel", "panel", Money(4_000, "BRL"), Succeeded("panel"), False, "x", None, None)
    await unnamed.from_listing(payment, [told], CAUSE)
    assert await _taken(payment) == 4_000


@pytest.mark.parametrize("named", [{"pse_refund_reference": "panel"}, {"reference": "row-7", "by_amount": True}])
async def test_what_was_taken_and_is_told_twice_in_one_report_is_proven_once_and_found(named: dict[str, Any]) -> None:
    shop, payment = await _shop()
    line = _out(payment, **named)
    await a_night(shop, line, line)
    assert (await effects(), await _taken(payment)) == (["TAKEN", "NONE"], 4_000)
    assert (await balance(shop, Account.PSE_BALANCE), await balance(shop, Account.PSE_CLEARING)) == (-4_000, 20_000)
    assert (await open_findings(), await invariants.check()) == (["DUPLICATE_LINE", "MISSING_IN_LEDGER"], [])
    back = {**line, "state": "RETURNED"}
    await a_night(shop, back, back, days=1)
    assert (await _taken(payment), await balance(shop, Account.PSE_BALANCE), await invariants.check()) == (0, 0, [])


async def test_a_refund_and_a_capture_that_are_told_twice_are_proven_once_and_found() -> None:
    shop, payment = await _shop()
    refund = await _refund(shop, payment, Succeeded("one"))
    ours = _out(payment, reference=refund.reference)
    capture = a_line(payment, "CAPTURE", 20_000)
    await a_night(shop, capture, capture, ours, ours)
    assert await effects() == ["CAPTURE", "NONE", "REFUND", "NONE"]
    assert (await open_findings(), await invariants.check()) == (["DUPLICATE_LINE", "DUPLICATE_LINE"], [])
    # Another report has it under its other name.
    await a_night(shop, _out(payment, pse_refund_reference="one"), days=1)
    assert (await balance(shop, Account.PSE_BALANCE), await invariants.check()) == (16_000, [])


async def test_the_success_of_a_refund_that_was_sent_later_does_not_give_it_what_was_told_before() -> None:
    shop, payment = await _shop()
    await a_night(shop, _out(payment))
    await _refund(shop, payment, Succeeded("one"))
    assert (await _taken(payment), await to_repeat.dates(shop.connection.id)) == (4_000, set())
    await a_night(shop, _out(payment), days=1)
    assert (await _taken(payment), await effects(), await invariants.check()) == (4_000, ["TAKEN", "REFUND"], [])


async def test_a_refund_that_succeeded_while_its_line_was_read_is_not_booked_as_taken() -> None:
    shop, payment = await _shop()
    await _refund(shop, payment, Succeeded("one"))
    known = KnownRefund(
        f"{external.BY_AMOUNT}row", None, Money(4_000, "BRL"), Succeeded(), False, "x", None, datetime.now(UTC)
    )
    await unnamed.from_line(
        payment, known, unnamed.Told("lab.json", wanted=1, given=0), Cause("night", "reconciliation")
    )
    assert await _taken(payment) == 0
