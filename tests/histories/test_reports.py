"""What happened to others with reports: files of one date, rows that look alike, and money in parts."""

import pytest

from domain import invariants
from domain.models import Payment, SettlementLine
from domain.pse import registry
from domain.pse.vocabulary import Method
from tests.kit.factories import a_payment, a_shop
from tests.kit.lines import Telling, a_line, a_night, effects
from tests.kit.nights import run_stripe, stripe_line

pytestmark = pytest.mark.usefixtures("books")


async def test_several_settlements_of_one_date_stand_beside_each_other() -> None:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    payments = [await a_payment(shop, days_ago=0) for _ in range(3)]
    lines = [a_line(payment, "CAPTURE", payment.captured) for payment in payments]
    for again in (False, True):
        for number, line in enumerate(lines):
            await a_night(shop, line, name=f"transfer-{number}.csv")
            assert len(await effects()) == (3 if again else number + 1)
    assert await invariants.check() == []


async def test_rows_that_look_alike_are_each_a_row_also_on_the_next_date() -> None:
    shop = await a_shop(pse="stripe")
    fee = stripe_line("fee", "-7.06", "", "")
    for _ in range(2):
        await run_stripe(shop, [stripe_line("fee", "-3.26", "", ""), fee, fee])
        await run_stripe(shop, [fee], days=1)
    assert await SettlementLine.filter(voided_at=None).count() == 4


@pytest.mark.parametrize("parts", [("-60.00", "-40.00"), ("-50.00", "-50.00")])
async def test_a_chargeback_that_is_taken_in_two_parts_counts_whole(parts: tuple[str, str]) -> None:
    shop = await a_shop(pse="stripe")
    payment = await a_payment(shop, reference="pi_1", method=Method.CARD)
    rows = [stripe_line("dispute", part, "pi_1", f"dp_{number}") for number, part in enumerate(parts)]
    for _ in range(2):
        await run_stripe(shop, rows)
    assert (await Payment.get(id=payment.id)).charged_back == 10_000
    assert await invariants.check() == []


async def test_a_chargeback_that_goes_to_and_fro_is_three_facts() -> None:
    shop = await a_shop(pse="stripe")
    payment = await a_payment(shop, reference="pi_1", method=Method.CARD)
    out, back = (
        stripe_line("dispute", "-100.00", "pi_1", "dp_1"),
        stripe_line("dispute_reversal", "100.00", "pi_1", "dp_1"),
    )
    again = stripe_line("dispute", "-100.00", "pi_1", "dp_2")
    left = []
    for days, row in enumerate((out, back, again)):
        await run_stripe(shop, [row], days)
        left.append((await Payment.get(id=payment.id)).charged_back)
    assert left == [10_000, 0, 10_000]
    assert await invariants.check() == []
