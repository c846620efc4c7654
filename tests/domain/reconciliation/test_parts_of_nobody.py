"""Money that left without a refund of ours, told in several rows under one name: all of it is taken, and once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain import invariants
from domain.models import Finding, Payment, Report
from domain.models.ledger import Account
from domain.money import Money
from domain.payments import unnamed
from domain.pse import registry
from domain.pse.vocabulary import KnownRefund, Succeeded
from tests.kit.factories import CAUSE, Shop, a_payment, a_refund, a_shop, an_answer
from tests.kit.lines import Telling, a_line, a_night, balance, effects, open_findings, settled, today

pytestmark = pytest.mark.usefixtures("books")
ONE_FINDING = ["MISSING_IN_LEDGER"]


async def _shop() -> tuple[Shop, Payment]:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    return shop, await a_payment(shop, amount=20_000, days_ago=0)


def _row(payment: Payment, amount: int, hours: int = 0, state: str = "SUCCEEDED", **more: Any) -> dict[str, Any]:
    at = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(hours=hours)
    net = settled(f"{(-1 if state == 'SUCCEEDED' else 1) * amount / 100:.2f}")
    named = {"pse_refund_reference": "X1", "kind": "a", "booked_at": at.isoformat(), **net}
    return a_line(payment, "REFUND", amount, state, **{**named, **more})


async def _stands(shop: Shop, payment: Payment) -> tuple[int, int, int, int]:
    """What is claimed, what is unexplained, what the PSE holds, and what lowers what is refundable."""
    assert await invariants.check() == []
    clearing, suspense, held = [
        await balance(shop, one) for one in (Account.PSE_CLEARING, Account.SUSPENSE, Account.PSE_BALANCE)
    ]
    return clearing - 20_000, suspense, held, (await Payment.get(id=payment.id)).taken_by_bank


def _all(amount: int) -> tuple[int, int, int, int]:
    return 0, amount, -amount, amount


async def _repeat_what_is_marked(shop: Shop, *nights: list[dict[str, Any]]) -> None:
    """As the timetable does; each date has one report, and the last is today's."""
    for _ in nights:
        for report in await Report.filter(superseded_at=None).exclude(repeat_since=None):
            days = (report.business_date - today()).days
            await a_night(shop, *nights[days - 1], days=days)
    assert not await Report.filter(superseded_at=None).exclude(repeat_since=None).exists()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_all_rows_of_a_refund_that_is_not_ours_are_taken_and_one_finding_says_so(order: tuple[int, ...]) -> None:
    shop, payment = await _shop()
    rows = [_row(payment, 3_000), _row(payment, 1_000, 5)]
    for number in order:
        await a_night(shop, rows[number], days=number - 1)
    for number in (1, 0, 1):  # the same again is the same
        await a_night(shop, rows[number], days=number - 1)
    assert (await open_findings(), await _stands(shop, payment)) == (ONE_FINDING, _all(4_000))
    assert (await Finding.get(resolved_at=None)).amount == 4_000


async def test_so_are_rows_of_one_file_and_of_its_copy() -> None:
    shop, payment = await _shop()
    rows = [_row(payment, 3_000), _row(payment, 1_000, 5)]
    for name in ("one.json", "copy.json"):
        await a_night(shop, *rows, name=name)
    assert (await open_findings(), await _stands(shop, payment)) == (ONE_FINDING, _all(4_000))
    assert await effects() == ["TAKEN", "TAKEN", "NONE", "NONE"]
    await a_night(shop, name="one.json")
    assert (await _stands(shop, payment))[3] == 4_000  # the copy tells it still
    await a_night(shop, *rows, name="copy.json")
    assert await _stands(shop, payment) == _all(4_000)
    await a_night(shop, name="copy.json")
    assert (await open_findings(), await _stands(shop, payment)) == ([], _all(0))


async def test_a_revised_file_that_has_one_row_no_longer_gives_that_back_alone() -> None:
    shop, payment = await _shop()
    rows = [_row(payment, 3_000), _row(payment, 1_000, 5)]
    for told in (rows, rows[:1], rows, rows[1:], rows):
        await a_night(shop, *told)
        assert (await open_findings(), await _stands(shop, payment)) == (
            ONE_FINDING,
            _all(sum(one["amount"] for one in told)),
        )
    await a_night(shop)
    assert (await open_findings(), await _stands(shop, payment)) == ([], _all(0))


@pytest.mark.parametrize("listed_first", [True, False])
async def test_what_the_pse_lists_whole_and_reports_in_rows_agrees(listed_first: bool) -> None:
    shop, payment = await _shop()
    known = KnownRefund("X1", "X1", Money(4_000, "BRL"), Succeeded("X1"), False, "x", None, None)
    if listed_first:
        await unnamed.from_listing(payment, [known], CAUSE)
    for days, row in enumerate((_row(payment, 3_000), _row(payment, 1_000, 5))):
        await a_night(shop, row, days=days - 1)
    await unnamed.from_listing(payment, [known], CAUSE)
    assert (await open_findings(), await _stands(shop, payment)) == (ONE_FINDING, _all(4_000))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (0, 2, 1), (1, 2, 0)])
async def test_what_left_in_rows_and_came_back_whole_is_refundable_again(order: tuple[int, ...]) -> None:
    shop, payment = await _shop()
    nights = [[_row(payment, 3_000)], [_row(payment, 1_000, 5)], [_row(payment, 4_000, 9, "RETURNED")]]
    for number in order:
        await a_night(shop, *nights[number], days=number - 2)
    await _repeat_what_is_marked(shop, *nights)
    assert await _stands(shop, payment) == _all(0)
    assert await open_findings() == ONE_FINDING


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 3, 0, 1), (3, 0, 2, 1), (0, 3, 1, 2)])
async def test_rows_that_two_kinds_of_report_tell_are_taken_once(order: tuple[int, ...]) -> None:
    shop, payment = await _shop()
    nights = [[_row(payment, n, n // 1_000, kind=kind)] for kind in ("a", "b") for n in (3_000, 1_000)]
    for number in order:
        await a_night(shop, *nights[number], days=number - 3)
    await _repeat_what_is_marked(shop, *nights)
    assert (await open_findings(), await _stands(shop, payment)) == (ONE_FINDING, _all(4_000))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (0, 2, 1), (1, 2, 0)])
async def test_what_one_kind_of_report_tells_in_rows_and_another_one_whole_is_taken_once(
    order: tuple[int, ...],
) -> None:
    shop, payment = await _shop()
    nights = [[_row(payment, 3_000)], [_row(payment, 1_000, 5)], [_row(payment, 4_000, 6, kind="b")]]
    for number in order:
        await a_night(shop, *nights[number], days=number - 2)
    await _repeat_what_is_marked(shop, *nights)
    assert (await open_findings(), await _stands(shop, payment)) == (ONE_FINDING, _all(4_000))
    for days in (-1, 0):  # neither the rest nor the whole is told any more
        await a_night(shop, days=days)
    await a_night(shop, *nights[0], days=-2)
    assert (await open_findings(), await _stands(shop, payment)) == (ONE_FINDING, _all(3_000))


async def test_rows_of_a_refund_whose_name_turns_out_to_be_ours_are_its_own() -> None:
    shop, payment = await _shop()
    refund = await a_refund(shop, payment, 4_000)
    nights = [[_row(payment, 3_000)], [_row(payment, 1_000, 5)]]
    for days, rows in enumerate(nights):
        await a_night(shop, *rows, days=days - 1)
    await an_answer(refund, Succeeded("X1"))
    for days, rows in enumerate(nights):
        await a_night(shop, *rows, days=days - 1)
    assert (await open_findings(), await _stands(shop, payment)) == ([], (0, 0, -4_000, 0))
