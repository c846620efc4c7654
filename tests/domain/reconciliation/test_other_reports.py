"""What a report takes away, or tells at last, changes what the lines of others mean: their dates are repeated."""

from typing import Any

import pytest

from domain import invariants
from domain.models import Payment, Refund
from domain.models.ledger import Account
from domain.models.refunds import State
from domain.pse import registry
from domain.pse.vocabulary import Returned, Succeeded
from domain.reconciliation import to_repeat
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from tests.kit.factories import CAUSE, Shop, a_payment, a_refund, a_shop, an_answer
from tests.kit.lines import Telling, a_line, a_night, balance, effects, today

pytestmark = pytest.mark.usefixtures("books")
_DAYS = (-2, -1, 0)


async def _shop() -> tuple[Shop, Payment, Refund]:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop, amount=20_000, days_ago=0)
    refund = await a_refund(shop, payment, 4_000)
    await an_answer(refund, Succeeded("one"))
    return shop, payment, await Refund.get(id=refund.id)


async def _repeat(shop: Shop, *reports: list[dict[str, Any]]) -> int:
    """The dates that are due, by the timetable's own question, with the reports of those days; how many nights."""
    told, nights = dict(zip(_DAYS, reports, strict=False)), 0
    for _ in range(3):
        for day in sorted(await to_repeat.dates(shop.connection.id)):
            days = (day - today()).days
            await a_night(shop, *told[days], days=days)
            nights += 1
    assert await to_repeat.dates(shop.connection.id) == set()
    return nights


async def test_what_a_revised_report_has_no_longer_is_proven_by_another_that_tells_it_still() -> None:
    shop, payment, refund = await _shop()
    named = [
        a_line(payment, "CAPTURE", 20_000),
        a_line(payment, "REFUND", 4_000, reference=refund.reference),
        a_line(payment, "REFUND", 3_000, pse_refund_reference="panel"),
        a_line(payment, "CHARGEBACK", 1_000, reference="dp_1"),
    ]
    told, before = ([*named, a_line(payment, "CHARGEBACK", 500, kind=kind)] for kind in ("settled", "released"))
    await a_night(shop, *before, days=_DAYS[0])
    await a_night(shop, *told, days=_DAYS[1])
    assert await balance(shop, Account.PSE_BALANCE) == 11_500
    await a_night(shop, days=_DAYS[0])
    assert await _repeat(shop, [], told) == 1
    assert await effects() == ["CAPTURE", "REFUND", "TAKEN", "CHARGEBACK", "CHARGEBACK"]
    assert (await balance(shop, Account.PSE_BALANCE), await invariants.check()) == (11_500, [])


async def test_what_came_back_by_a_report_that_is_to_be_read_again_is_excused_until_it_is() -> None:
    shop, payment, _ = await _shop()
    out = a_line(payment, "REFUND", 3_000, pse_refund_reference="panel")
    back = a_line(payment, "REFUND", 3_000, "RETURNED", pse_refund_reference="panel")
    await a_night(shop, out, back, days=_DAYS[0])
    await a_night(shop, back, days=_DAYS[1])
    await a_night(shop, out, days=_DAYS[0])
    assert await invariants.check() == []
    assert [one.payment_id for one in await invariants.unexcused([payment.id], 10)] == [payment.id]
    assert await _repeat(shop, [out], [back]) == 1
    assert (await Payment.get(id=payment.id)).taken_by_bank == 0
    assert (await invariants.check(), await invariants.unexcused([payment.id], 10)) == ([], [])


@pytest.mark.parametrize("ours", [True, False])
async def test_a_return_with_a_name_that_is_read_before_its_leaving_is_proven_by_the_next_night(ours: bool) -> None:
    shop, payment, refund = await _shop()
    name = "one" if ours else "panel"
    if ours:
        await record(refund.id, Returned("BACK", "it came back", "one"), Source(Door.LOOK_UP), CAUSE)
    out = a_line(payment, "REFUND", 4_000, pse_refund_reference=name)
    back = a_line(payment, "REFUND", 4_000, "RETURNED", pse_refund_reference=name)
    await a_night(shop, back, days=_DAYS[0])
    await a_night(shop, out, days=_DAYS[1])
    assert await _repeat(shop, [back], [out]) == 1
    assert (await Payment.get(id=payment.id)).taken_by_bank == 0
    assert (await balance(shop, Account.PSE_BALANCE), await invariants.check()) == (0, [])


async def test_a_return_whose_leaving_was_taken_away_and_told_again_is_proven_again() -> None:
    shop, payment, refund = await _shop()
    out = a_line(payment, "REFUND", 4_000, reference=refund.reference)
    back = a_line(payment, "REFUND", 4_000, "RETURNED", reference=refund.reference)
    await a_night(shop, out, days=_DAYS[0])
    await a_night(shop, back, days=_DAYS[1])
    await a_night(shop, days=_DAYS[0])
    await _repeat(shop, [], [back])
    await a_night(shop, out, days=_DAYS[0])
    await _repeat(shop, [out], [back])
    assert (await Refund.get(id=refund.id)).state is State.RETURNED
    assert (await balance(shop, Account.PSE_BALANCE), await invariants.check()) == (0, [])
