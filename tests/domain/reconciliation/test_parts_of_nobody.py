"""Money that left without a refund of ours, told in several rows under one name: all of it is taken, and once."""

from typing import Any

import pytest

from domain.models import Finding, Report
from domain.money import Money
from domain.payments import unnamed
from domain.pse.vocabulary import KnownRefund, Succeeded
from tests.domain.reconciliation.nobody import a_row, all_gone, shop_and_payment, where_it_stands
from tests.kit.factories import CAUSE, Shop, a_refund, an_answer
from tests.kit.lines import a_night, effects, open_findings, today

pytestmark = pytest.mark.usefixtures("books")
ONE_FINDING = ["MISSING_IN_LEDGER"]


async def _repeat_what_is_marked(shop: Shop, *nights: list[dict[str, Any]]) -> None:
    """As the timetable does; each date has one report, and the last is today's."""
    for _ in nights:
        for report in await Report.filter(superseded_at=None).exclude(repeat_since=None):
            days = (report.business_date - today()).days
            await a_night(shop, *nights[days - 1], days=days)
    assert not await Report.filter(superseded_at=None).exclude(repeat_since=None).exists()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_all_rows_of_a_refund_that_is_not_ours_are_taken_and_one_finding_says_so(order: tuple[int, ...]) -> None:
    shop, payment = await shop_and_payment()
    rows = [a_row(payment, 3_000), a_row(payment, 1_000, 5)]
    for number in order:
        await a_night(shop, rows[number], days=number - 1)
    for number in (1, 0, 1):  # the same again is the same
        await a_night(shop, rows[number], days=number - 1)
    assert (await open_findings(), await where_it_stands(shop, payment)) == (ONE_FINDING, all_gone(4_000))
    assert (await Finding.get(resolved_at=None)).amount == 4_000


async def test_so_are_rows_of_one_file_and_of_its_copy() -> None:
    shop, payment = await shop_and_payment()
    rows = [a_row(payment, 3_000), a_row(payment, 1_000, 5)]
    for name in ("one.json", "copy.json"):
        await a_night(shop, *rows, name=name)
    assert (await open_findings(), await where_it_stands(shop, payment)) == (ONE_FINDING, all_gone(4_000))
    assert await effects() == ["TAKEN", "TAKEN", "NONE", "NONE"]
    await a_night(shop, name="one.json")
    assert (await where_it_stands(shop, payment))[3] == 4_000  # the copy tells it still
    await a_night(shop, *rows, name="copy.json")
    assert await where_it_stands(shop, payment) == all_gone(4_000)
    await a_night(shop, name="copy.json")
    assert (await open_findings(), await where_it_stands(shop, payment)) == ([], all_gone(0))


async def test_a_revised_file_that_has_one_row_no_longer_gives_that_back_alone() -> None:
    shop, payment = await shop_and_payment()
    rows = [a_row(payment, 3_000), a_row(payment, 1_000, 5)]
    for told in (rows, rows[:1], rows, rows[1:], rows):
        await a_night(shop, *told)
        assert (await open_findings(), await where_it_stands(shop, payment)) == (
            ONE_FINDING,
            all_gone(sum(one["amount"] for one in told)),
        )
    await a_night(shop)
    assert (await open_findings(), await where_it_stands(shop, payment)) == ([], all_gone(0))


@pytest.mark.parametrize("listed_first", [True, False])
async def test_what_the_pse_lists_whole_and_reports_in_rows_agrees(listed_first: bool) -> None:
    shop, payment = await shop_and_payment()
    known = KnownRefund("X1", "X1", Money(4_000, "BRL"), Succeeded("X1"), False, "x", None, None)
    if listed_first:
        await unnamed.from_listing(payment, [known], CAUSE)
    for days, row in enumerate((a_row(payment, 3_000), a_row(payment, 1_000, 5))):
        await a_night(shop, row, days=days - 1)
    await unnamed.from_listing(payment, [known], CAUSE)
    assert (await open_findings(), await where_it_stands(shop, payment)) == (ONE_FINDING, all_gone(4_000))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (0, 2, 1), (1, 2, 0)])
async def test_what_left_in_rows_and_came_back_whole_is_refundable_again(order: tuple[int, ...]) -> None:
    shop, payment = await shop_and_payment()
    nights = [[a_row(payment, 3_000)], [a_row(payment, 1_000, 5)], [a_row(payment, 4_000, 9, "RETURNED")]]
    for number in order:
        await a_night(shop, *nights[number], days=number - 2)
    await _repeat_what_is_marked(shop, *nights)
    assert await where_it_stands(shop, payment) == all_gone(0)
    assert await open_findings() == ONE_FINDING


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 3, 0, 1), (3, 0, 2, 1), (0, 3, 1, 2)])
async def test_rows_that_two_kinds_of_report_tell_are_taken_once(order: tuple[int, ...]) -> None:
    shop, payment = await shop_and_payment()
    nights = [[a_row(payment, n, n // 1_000, kind=kind)] for kind in ("a", "b") for n in (3_000, 1_000)]
    for number in order:
        await a_night(shop, *nights[number], days=number - 3)
    await _repeat_what_is_marked(shop, *nights)
    assert (await open_findings(), await where_it_stands(shop, payment)) == (ONE_FINDING, all_gone(4_000))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (0, 2, 1), (1, 2, 0)])
async def test_what_one_kind_of_report_tells_in_rows_and_another_one_whole_is_taken_once(
    order: tuple[int, ...],
) -> None:
    shop, payment = await shop_and_payment()
    nights = [[a_row(payment, 3_000)], [a_row(payment, 1_000, 5)], [a_row(payment, 4_000, 6, kind="b")]]
    for number in order:
        await a_night(shop, *nights[number], days=number - 2)
    await _repeat_what_is_marked(shop, *nights)
    assert (await open_findings(), await where_it_stands(shop, payment)) == (ONE_FINDING, all_gone(4_000))
    for days in (-1, 0):  # neither the rest nor the whole is told any more
        await a_night(shop, days=days)
    await a_night(shop, *nights[0], days=-2)
    assert (await open_findings(), await where_it_stands(shop, payment)) == (ONE_FINDING, all_gone(3_000))


async def test_rows_of_a_refund_whose_name_turns_out_to_be_ours_are_its_own() -> None:
    shop, payment = await shop_and_payment()
    refund = await a_refund(shop, payment, 4_000)
    nights = [[a_row(payment, 3_000)], [a_row(payment, 1_000, 5)]]
    for days, rows in enumerate(nights):
        await a_night(shop, *rows, days=days - 1)
    await an_answer(refund, Succeeded("X1"))
    for days, rows in enumerate(nights):
        await a_night(shop, *rows, days=days - 1)
    assert (await open_findings(), await where_it_stands(shop, payment)) == ([], (0, 0, -4_000, 0))
