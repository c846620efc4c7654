"""Two refunds that the PSE has for one of ours are two movements, whichever nights tell them."""

import pytest

from domain import invariants
from domain.models import Finding, Refund
from domain.models.ledger import Account
from domain.pse import registry
from domain.pse.vocabulary import Returned, Succeeded
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from tests.kit.factories import CAUSE, Shop, a_payment, a_refund, a_shop, an_answer
from tests.kit.lines import Telling, a_line, a_night, balance, open_findings, settled

pytestmark = pytest.mark.usefixtures("books")


async def _books(shop: Shop) -> tuple[int, int]:
    assert await invariants.check() == []
    return await balance(shop, Account.PSE_BALANCE), await balance(shop, Account.SUSPENSE)


async def test_a_second_refund_of_ours_that_another_nights_report_tells_is_found_and_booked() -> None:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop, amount=10_000)
    refund = await a_refund(shop, payment, 10_000)
    await an_answer(refund, Succeeded("A"))
    net, ours = settled("-100.00"), refund.reference
    first, second, third = (
        a_line(payment, "REFUND", 10_000, pse_refund_reference=name, reference=ours, **net) for name in "ABC"
    )
    await a_night(shop, a_line(payment, "CAPTURE", 10_000, **settled("100.00")), first, days=-2)
    assert (await open_findings(), await _books(shop)) == ([], (0, 0))
    # Another kind of report may have another name for it, and so may a file that tells it once more.
    for told in ({**second, "kind": "another"}, first, {**first, "pse_refund_reference": None}):
        await a_night(shop, told, name="other.json", days=-3)
        assert (await open_findings(), await _books(shop)) == ([], (0, 0))
    for _ in range(2):
        await a_night(shop, second, days=-1)
        await a_night(shop, second, first, name="overlaps.json", days=-1)
        assert (await open_findings(), await _books(shop)) == (["DUPLICATE_REFUND"], (-10_000, 10_000))
    found = await Finding.get(resolved_at=None)
    assert (found.refund_id, found.amount, found.detail["theirs"]) == (refund.id, 10_000, {"refunds": ["A", "B"]})
    await a_night(shop, third, {**third, "kind": "another"}, days=0)
    assert (await open_findings(), await _books(shop)) == (["DUPLICATE_REFUND"], (-20_000, 20_000))
    # What had proven it is told no longer: another one does, and whose it is that is left stays to be found.
    await a_night(shop, a_line(payment, "CAPTURE", 10_000, **settled("100.00")), days=-2)
    await a_night(shop, third, days=0)
    await a_night(shop, second, first, name="overlaps.json", days=-1)
    await a_night(shop, second, days=-1)
    await a_night(shop, third, days=0)
    assert (await _books(shop))[0] == -20_000


async def test_a_refund_that_came_back_and_left_again_under_another_name_has_left_again() -> None:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop, amount=10_000)
    refund = await a_refund(shop, payment, 3_000)
    await an_answer(refund, Succeeded("A"))
    await record(refund.id, Returned("BACK", "came back", "A"), Source(Door.NOTICE), CAUSE)
    named = {"pse_refund_reference": "A", "reference": refund.reference}
    left = a_line(payment, "REFUND", 3_000, **named, **settled("-30.00"))
    back = a_line(payment, "REFUND", 3_000, "RETURNED", **named, **settled("30.00"))
    await a_night(shop, a_line(payment, "CAPTURE", 10_000, **settled("100.00")), left, days=-3)
    await a_night(shop, back, days=-2)
    await a_night(shop, {**left, "pse_refund_reference": "B"}, days=-1)
    assert (await open_findings(), await _books(shop)) == (["DUPLICATE_REFUND", "RETURNED"], (7_000, 3_000))
    # And came back once more.
    await a_night(shop, {**back, "pse_refund_reference": "B"}, days=0)
    assert (await Refund.get(id=refund.id)).state == "RETURNED"
    assert await _books(shop) == (10_000, 0)
