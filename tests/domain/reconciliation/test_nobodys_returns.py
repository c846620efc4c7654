"""Money that left without a refund of ours and came back, in part or whole, or left again: what is gone counts."""

from typing import Any

import pytest

from domain.models import Finding
from domain.money import Money
from domain.payments import unnamed
from domain.pse.vocabulary import Declined, KnownRefund, Succeeded
from domain.reconciliation import to_repeat
from tests.domain.reconciliation.nobody import a_row, all_gone, shop_and_payment, where_it_stands
from tests.kit.factories import CAUSE, Shop
from tests.kit.lines import a_night, open_findings, settled, today

pytestmark = pytest.mark.usefixtures("books")
LEFT, BACK = "SUCCEEDED", "RETURNED"
Night = list[dict[str, Any]]


async def _tell(shop: Shop, nights: list[Night], order: tuple[int, ...]) -> None:
    """A file each, in that order; then what is marked, as the timetable repeats it. The last night is today's."""
    first = 1 - len(nights)
    for number in order:
        await a_night(shop, *nights[number], days=first + number)
    for _ in nights:
        for day in sorted(await to_repeat.dates(shop.connection.id)):
            days = (day - today()).days
            await a_night(shop, *nights[days - first], days=days)
    assert not await to_repeat.dates(shop.connection.id)


ORDERS = [(0, 1), (1, 0), (0, 1, 0, 1)]


@pytest.mark.parametrize("order", ORDERS)
async def test_what_came_back_in_part_is_still_gone_for_the_rest(order: tuple[int, ...]) -> None:
    shop, payment = await shop_and_payment()
    await _tell(shop, [[a_row(payment, 4_000)], [a_row(payment, 3_000, 5, BACK)]], order)
    assert await where_it_stands(shop, payment) == all_gone(1_000)
    assert await open_findings() == ["AMOUNT_MISMATCH", "MISSING_IN_LEDGER"]
    assert (await Finding.get(resolved_at=None, kind="MISSING_IN_LEDGER")).amount == 1_000


async def test_what_a_revised_report_says_to_have_come_back_is_what_is_not_gone() -> None:
    shop, payment = await shop_and_payment()
    await a_night(shop, a_row(payment, 4_000), days=-1)
    for back in (3_000, 4_000, 1_000, 0, 3_000):
        await a_night(shop, *([a_row(payment, back, 5, BACK)] if back else []))
        assert await where_it_stands(shop, payment) == all_gone(4_000 - back)
    await a_night(shop, days=-1)  # nothing tells that it left
    await _tell(shop, [[], [a_row(payment, 3_000, 5, BACK)]], (1,))
    assert (await where_it_stands(shop, payment))[3] == 0


async def test_a_part_that_came_back_in_the_file_that_tells_of_the_whole_is_not_gone() -> None:
    shop, payment = await shop_and_payment()
    for _ in range(2):
        await a_night(shop, a_row(payment, 4_000), a_row(payment, 3_000, 5, BACK))
        assert await where_it_stands(shop, payment) == all_gone(1_000)
    await a_night(shop, a_row(payment, 4_000))
    assert await where_it_stands(shop, payment) == all_gone(4_000)


@pytest.mark.parametrize("listed_first", [True, False])
async def test_so_it_is_where_the_pse_lists_the_refund_and_until_it_says_that_all_came_back(listed_first: bool) -> None:
    shop, payment = await shop_and_payment()
    known = KnownRefund("X1", "X1", Money(4_000, "BRL"), Succeeded("X1"), False, "x", None, None)
    back = KnownRefund("X1", "X1", Money(4_000, "BRL"), Declined("NO", "no", "X1"), False, "x", None, None)
    if listed_first:
        await unnamed.from_listing(payment, [known], CAUSE)
    await _tell(shop, [[a_row(payment, 4_000)], [a_row(payment, 3_000, 5, BACK)]], (0, 1))
    await unnamed.from_listing(payment, [known], CAUSE)
    assert await where_it_stands(shop, payment) == all_gone(1_000)
    await unnamed.from_listing(payment, [back], CAUSE)
    await _tell(shop, [[a_row(payment, 4_000)], [a_row(payment, 3_000, 5, BACK)]], (0, 1))
    assert (await where_it_stands(shop, payment))[3] == 0


TO_AND_FRO = [(4_000, LEFT), (4_000, BACK), (4_000, LEFT), (4_000, BACK)]
ALL_ORDERS = [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1), (1, 3, 0, 2), (0, 2, 1, 3, 0, 2)]


@pytest.mark.parametrize("moves", [3, 4])
@pytest.mark.parametrize("order", ALL_ORDERS)
async def test_what_left_again_after_it_had_come_back_is_taken_again(moves: int, order: tuple[int, ...]) -> None:
    shop, payment = await shop_and_payment()
    nights = [[a_row(payment, *move[:1], 5 * number, move[1])] for number, move in enumerate(TO_AND_FRO[:moves])]
    await _tell(shop, nights, tuple(one for one in order if one < moves))
    assert await where_it_stands(shop, payment) == all_gone(4_000 if moves == 3 else 0)
    assert set(await open_findings()) - {"MISSING_IN_LEDGER"} <= ({"DUPLICATE_LINE"} if moves == 4 else set())
    assert moves == 4 or await open_findings()
    for number, rest in ((1, 8_000), (0, 4_000), (2, 0)) if moves == 3 else ():  # told no longer, one after the other
        nights[number] = []
        await _tell(shop, nights, (number,))
        assert await where_it_stands(shop, payment) == all_gone(rest)


async def test_so_it_is_in_one_file_and_in_its_copy() -> None:
    shop, payment = await shop_and_payment()
    rows = [a_row(payment, amount, 5 * number, state) for number, (amount, state) in enumerate(TO_AND_FRO[:3])]
    for name in ("one.json", "copy.json", "one.json"):
        await a_night(shop, *rows, name=name)
        assert await where_it_stands(shop, payment) == all_gone(4_000)
        assert set(await open_findings()) == {"MISSING_IN_LEDGER"}


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 2, 0), (1, 3, 0, 2), (2, 0, 3, 1, 0)])
async def test_so_it_is_where_two_kinds_of_report_tell_it_in_other_words_and_at_other_times(
    order: tuple[int, ...],
) -> None:
    shop, payment = await shop_and_payment()
    words = {LEFT: "refunded", BACK: "refund reversed"}
    rows = [
        [a_row(payment, amount, 5 * n + late, state, kind=f"{words[state]} {late}") for n, (amount, state) in told]
        for late, told in ((0, list(enumerate(TO_AND_FRO[:3]))), (2, list(enumerate(TO_AND_FRO[:3]))))
    ]
    nights = [rows[0][:2], rows[0][2:], rows[1][:1], rows[1][1:]]
    await _tell(shop, nights, order)
    assert await where_it_stands(shop, payment) == all_gone(4_000)
    assert set(await open_findings()) == {"MISSING_IN_LEDGER"}


@pytest.mark.parametrize("order", ALL_ORDERS[:4])
async def test_what_came_back_in_parts_is_back(order: tuple[int, ...]) -> None:
    shop, payment = await shop_and_payment()
    moves = [(4_000, LEFT), (3_000, BACK), (1_000, BACK), (2_000, LEFT)]
    nights = [[a_row(payment, amount, 5 * number, state)] for number, (amount, state) in enumerate(moves)]
    await _tell(shop, nights, order)
    assert await where_it_stands(shop, payment) == all_gone(2_000)
    assert set(await open_findings()) == {"MISSING_IN_LEDGER"}


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0, 1, 0, 1)])
async def test_equal_halves_in_two_files_are_both_taken_and_a_person_is_told(order: tuple[int, ...]) -> None:
    shop, payment = await shop_and_payment()
    nights = [[a_row(payment, 2_000)], [a_row(payment, 2_000, 5)]]
    await _tell(shop, nights, order)
    assert await where_it_stands(shop, payment) == all_gone(4_000)
    assert await open_findings() == ["DUPLICATE_LINE", "MISSING_IN_LEDGER"]
    await _tell(shop, [[], nights[1]], (0,))  # it was one row
    assert await where_it_stands(shop, payment) == all_gone(2_000)
    assert await open_findings() == ["MISSING_IN_LEDGER"]


@pytest.mark.parametrize(
    ("other", "taken"),
    [
        ({}, 2_000),  # the same moment: it is that row
        ({"payout_reference": "po-1"}, 2_000),
        ({"payout_reference": "po-2"}, 4_000),
        ({"kind": "b", "booked_at": "2026-11-30T12:00:00+00:00"}, 2_000),  # another kind tells the same money
    ],
)
async def test_equal_rows_are_told_apart_by_moment_payout_and_kind(other: dict[str, Any], taken: int) -> None:
    shop, payment = await shop_and_payment()
    row = a_row(payment, 2_000, payout_reference="po-1")
    await _tell(shop, [[row], [{**row, **other}]], (0, 1))
    assert await where_it_stands(shop, payment) == all_gone(taken)
    assert await open_findings() == ["MISSING_IN_LEDGER"]


async def test_halves_of_one_file_are_two_and_nobody_is_asked() -> None:
    shop, payment = await shop_and_payment()
    rows = [a_row(payment, 2_000), a_row(payment, 2_000, 5)]
    for name in ("one.json", "copy.json"):
        await a_night(shop, *rows, name=name)
        assert await where_it_stands(shop, payment) == all_gone(4_000)
        assert await open_findings() == ["MISSING_IN_LEDGER"]


async def test_half_a_return_that_may_be_told_twice_gives_back_once() -> None:
    shop, payment = await shop_and_payment()
    nights = [[a_row(payment, 4_000)], [a_row(payment, 2_000, 5, BACK)], [a_row(payment, 2_000, 9, BACK)]]
    await _tell(shop, nights, (0, 1, 2))
    assert (await where_it_stands(shop, payment))[3] == 2_000
    assert "DUPLICATE_LINE" in await open_findings()
    await _tell(shop, [nights[0], [], [*nights[1], *nights[2]]], (1, 2))  # one file tells both
    assert (await where_it_stands(shop, payment))[3] == 0


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (1, 0, 1, 0)])
async def test_what_one_kind_of_report_tells_with_its_fee_and_another_one_without_is_taken_once(
    order: tuple[int, ...],
) -> None:
    shop, payment = await shop_and_payment()
    net = a_row(payment, 3_900, kind="b")
    nights = [[a_row(payment, 4_000, **settled("-39.00", fee="1.00"))], [net]]
    await _tell(shop, nights, order)
    assert (await where_it_stands(shop, payment))[1:] == (4_000, -3_900, 4_000)
    assert await open_findings() == ["MISSING_IN_LEDGER"]
    await _tell(shop, [[], [net]], (0,))
    assert await where_it_stands(shop, payment) == all_gone(3_900)


async def test_equal_halves_of_one_file_of_which_as_much_came_back_as_one_of_them_are_gone_for_the_rest() -> None:
    shop, payment = await shop_and_payment()
    rows = [a_row(payment, amount, hours) for hours, amount in enumerate((4_000, 2_000, 2_000))]
    await a_night(shop, *rows, a_row(payment, 2_000, 9, BACK))
    assert await where_it_stands(shop, payment) == all_gone(6_000)
