"""A return that two kinds of report tell in other rows, of which some are late, gives back no more than either says."""

from itertools import permutations

import pytest

from domain.models import Payment
from domain.reconciliation import to_repeat
from tests.domain.reconciliation.nobody import a_row, all_gone, shop_and_payment, where_it_stands
from tests.kit.factories import Shop
from tests.kit.lines import a_night, open_findings, today

pytestmark = pytest.mark.usefixtures("books")


async def _repeat(shop: Shop, nights: list[list[dict[str, object]]]) -> None:
    """As the timetable does, until nothing is marked any more."""
    for _ in range(2 * len(nights)):
        for day in sorted(await to_repeat.dates(shop.connection.id)):
            number = (day - today()).days + len(nights) - 1
            await a_night(shop, *nights[number], days=number + 1 - len(nights))
    assert not await to_repeat.dates(shop.connection.id), "It is read again for ever."


@pytest.mark.parametrize("order", list(permutations(range(1, 4))))
@pytest.mark.parametrize("parts", [(3_000, 2_000), (2_500, 2_500)])
async def test_a_return_told_whole_by_one_kind_and_in_parts_by_another_gives_back_once(
    parts: tuple[int, int], order: tuple[int, ...]
) -> None:
    shop, payment = await shop_and_payment()
    nights = [
        [a_row(payment, 10_000)],
        [a_row(payment, 5_000, 5, "RETURNED", kind="whole")],
        [a_row(payment, parts[0], 5, "RETURNED", kind="part")],
        [a_row(payment, parts[1], 6, "RETURNED", kind="part")],
    ]
    for number in (0, *order):
        await a_night(shop, *nights[number], days=number + 1 - len(nights))
        assert (await Payment.get(id=payment.id)).taken_by_bank >= 5_000, "No more came back than 50.00."
        await _repeat(shop, nights)
        assert (await Payment.get(id=payment.id)).taken_by_bank >= 5_000
    assert await where_it_stands(shop, payment) == all_gone(5_000)
    assert set(await open_findings()) == {"AMOUNT_MISMATCH", "MISSING_IN_LEDGER"}
