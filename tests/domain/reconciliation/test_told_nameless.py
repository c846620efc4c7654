"""Money without a name that left and came back on several days, told before its payment was registered or revised."""

from typing import Any

import pytest

from domain import invariants
from domain.cause import Cause
from domain.models import Payment, ReconciliationRun
from domain.models.ledger import Account
from domain.money import Money
from domain.payments import external, unnamed
from domain.pse import registry
from domain.pse.vocabulary import Accepted, Declined, KnownRefund, Returned, Succeeded
from domain.reconciliation import to_repeat
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from tests.kit.factories import CAUSE, Shop, a_payment, a_refund, a_shop, an_answer
from tests.kit.lines import Telling, a_line, a_night, balance, open_findings, settled, today

pytestmark = pytest.mark.usefixtures("books")


async def _shop() -> tuple[Shop, Payment]:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    return shop, await a_payment(shop, amount=20_000, days_ago=0)


def _later(payment: Payment, state: str = "SUCCEEDED", kind: str = "a") -> dict[str, Any]:
    return a_line(payment, "REFUND", 4_000, state, payment_reference="later", kind=kind)


@pytest.mark.parametrize("same_day", [False, True])
async def test_what_left_again_after_it_had_come_back_stays_taken_through_the_nights_that_repeat_it(
    same_day: bool,
) -> None:
    shop, other = await _shop()
    first, back, again = [_later(other), _later(other, kind="b")], [_later(other, "RETURNED")], [_later(other)]
    told = [[*first[:1], *back], [], again] if same_day else [first, back, again]
    for days, lines in enumerate(told):
        await a_night(shop, *lines, days=days)
    payment = await a_payment(shop, reference="later", days_ago=0)
    for _ in range(2):
        assert ((await Payment.get(id=payment.id)).taken_by_bank, await invariants.check()) == (4_000, [])
        for day in sorted(await to_repeat.dates(shop.connection.id)):
            days = (day - today()).days
            await a_night(shop, *told[days], days=days)
    assert (await balance(shop, Account.PSE_BALANCE), await to_repeat.dates(shop.connection.id)) == (
        -4_000,
        set(),
    )


async def test_the_line_of_a_refund_of_ours_does_not_keep_what_a_revised_report_has_no_longer() -> None:
    shop, payment = await _shop()
    await an_answer(await a_refund(shop, payment, 4_000), Succeeded("one"))
    ours, others = (a_line(payment, "REFUND", 4_000) for _ in range(2))
    await a_night(shop, ours, others)
    assert (await Payment.get(id=payment.id)).taken_by_bank == 4_000
    await a_night(shop, ours)
    assert ((await Payment.get(id=payment.id)).taken_by_bank, await invariants.check()) == (0, [])
    assert await balance(shop, Account.PSE_BALANCE) == -4_000


@pytest.mark.parametrize("days", [(0, 0), (0, 1), (1, 0)])
async def test_equal_money_of_which_one_line_has_a_name_and_another_has_none_is_taken_twice(
    days: tuple[int, int],
) -> None:
    shop, payment = await _shop()
    named = a_line(payment, "REFUND", 4_000, pse_refund_reference="panel")
    lines = list(zip(days, (named, a_line(payment, "REFUND", 4_000)), strict=True))
    for day in sorted({*days}):
        await a_night(shop, *(line for one, line in lines if one == day), days=day)
    assert ((await Payment.get(id=payment.id)).taken_by_bank, await invariants.check()) == (8_000, [])
    assert await balance(shop, Account.PSE_BALANCE) == -8_000


@pytest.mark.parametrize("news_first", [False, True])
async def test_a_refund_that_says_itself_that_it_came_back_has_the_lines_that_told_of_it(news_first: bool) -> None:
    shop, payment = await _shop()
    refund = await a_refund(shop, payment, 4_000)
    await an_answer(refund, Accepted("one"))
    days = [[a_line(payment, "REFUND", 4_000)], [a_line(payment, "REFUND", 4_000, "RETURNED")]]
    await a_night(shop, *days[0])
    if not news_first:
        await a_night(shop, *days[1], days=1)
    await record(refund.id, Returned("BACK", "It came back.", "one"), Source(Door.NOTICE), CAUSE)
    for _ in range(3):
        for day in sorted(await to_repeat.dates(shop.connection.id) | {today(1)}):
            await a_night(shop, *days[(day - today()).days], days=(day - today()).days)
    assert await to_repeat.dates(shop.connection.id) == set()
    assert ((await Payment.get(id=payment.id)).taken_by_bank, await balance(shop, Account.PSE_BALANCE)) == (0, 0)
    assert await invariants.check() == []


@pytest.mark.parametrize("days", [(0, 0), (0, 1)])
async def test_what_came_back_without_a_name_is_not_what_has_one_though_it_is_registered_later(
    days: tuple[int, int],
) -> None:
    shop, other = await _shop()
    named = {**_later(other), "by_amount": False, "reference": None, "pse_refund_reference": "panel"}
    lines = list(zip(days, (named, _later(other, "RETURNED")), strict=True))

    async def nights() -> None:
        for day in sorted({*days}):
            await a_night(shop, *(line for one, line in lines if one == day), days=day)

    await nights()
    payment = await a_payment(shop, reference="later", days_ago=0)
    for _ in range(2):  # nobody knows what came back: the customer may have it still
        assert ((await Payment.get(id=payment.id)).taken_by_bank, await invariants.check()) == (4_000, [])
        await nights()
    lines = []
    for day in sorted({*days}):
        await a_night(shop, days=day)
    assert ((await Payment.get(id=payment.id)).taken_by_bank, await invariants.check()) == (0, [])


async def test_what_an_older_version_counted_as_back_is_given_back_no_further_than_to_nothing() -> None:
    shop, payment = await _shop()
    named = a_line(payment, "REFUND", 4_000, pse_refund_reference="panel")
    back = a_line(payment, "REFUND", 4_000, "RETURNED")
    await a_night(shop, named, back)
    name, came_back = f"{external.BY_AMOUNT}{back['reference']}", Declined("RETURNED", "Back.")
    known = KnownRefund(name, None, Money(4_000, "BRL"), came_back, False, "a", None, None)
    await unnamed.back_from_line(payment, known, Cause(f"{external.BY_REPORT}{payment.id}", "tester"))
    assert (await Payment.get(id=payment.id)).taken_by_bank == 0
    await a_night(shop)
    assert ((await Payment.get(id=payment.id)).taken_by_bank, await invariants.check()) == (0, [])
    assert (await ReconciliationRun.all().order_by("-begun_at").first()).state == "COMPLETED"  # type: ignore[union-attr]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_what_one_kind_of_report_tells_without_a_name_and_another_one_by_name_is_taken_once(
    order: tuple[int, int],
) -> None:
    shop, payment = await _shop()
    told = [
        a_line(payment, "REFUND", 4_000, kind="b", **settled("-40.00")),
        a_line(payment, "REFUND", 4_000, kind="a", pse_refund_reference="panel", **settled("-40.00")),
    ]

    async def stands() -> tuple[int, int, int]:
        for _ in range(2):
            for day in sorted(await to_repeat.dates(shop.connection.id)):
                days = (day - today()).days
                await a_night(shop, told[days], days=days)
        assert (await invariants.check(), await open_findings()) == ([], ["MISSING_IN_LEDGER"])
        clearing, suspense = [await balance(shop, one) for one in (Account.PSE_CLEARING, Account.SUSPENSE)]
        return (await Payment.get(id=payment.id)).taken_by_bank, suspense, clearing - 20_000

    for days in order:
        await a_night(shop, told[days], days=days)
    assert await stands() == (4_000, 4_000, 0)
    await a_night(shop, days=1)  # that which has the name is there no longer, and then again
    assert await stands() == (4_000, 4_000, 0)
    await a_night(shop, told[1], days=1)
    assert await stands() == (4_000, 4_000, 0)


async def test_parts_of_a_refund_that_another_kind_of_report_tells_without_a_name_are_the_same_money() -> None:
    shop, payment = await _shop()
    refund = await a_refund(shop, payment, 4_000)
    await an_answer(refund, Succeeded("one"))
    for kind, named in (("a", {"reference": refund.reference}), ("b", {})):
        parts = [a_line(payment, "REFUND", n, kind=kind, **named, **settled(f"-{n}e-2")) for n in (3_000, 1_000)]
        await a_night(shop, *parts, name=f"{kind}.json")
    assert ((await Payment.get(id=payment.id)).taken_by_bank, await invariants.check()) == (0, [])
    assert await balance(shop, Account.PSE_BALANCE) == -4_000


@pytest.mark.parametrize("named_first", [True, False])
async def test_a_return_that_another_kind_of_report_tells_by_name_is_clear_though_others_could_have_come_back(
    named_first: bool,
) -> None:
    shop, payment = await _shop()
    refunds = [await a_refund(shop, payment, 4_000) for _ in range(2)]
    for number, refund in enumerate(refunds):
        await an_answer(refund, Succeeded(f"one-{number}"))
    ways = (("SUCCEEDED", "-40.00", refunds), ("RETURNED", "40.00", refunds[:1]))
    told = {
        kind: [
            a_line(
                payment,
                "REFUND",
                4_000,
                state,
                kind=kind,
                **({"reference": one.reference} if named else {}),
                **settled(net),
            )
            for state, net, some in ways
            for one in some
        ]
        for kind, named in (("a", True), ("b", False))
    }
    for kind in ("a", "b") if named_first else ("b", "a", "b"):
        await a_night(shop, *told[kind], name=f"{kind}.json")
    assert (await invariants.check(), await balance(shop, Account.PSE_BALANCE)) == ([], -4_000)
    assert "UNCLEAR_LINE" not in await open_findings()
