"""Money of no payment that is in SUSPENSE: a person says where it belongs, until the reports know better."""

import pytest

from domain import invariants
from domain.access.tokens import Role
from domain.findings import money
from domain.models import Finding, FindingResolution
from domain.models.findings import ClosingReason
from domain.models.ledger import Account
from domain.problems import InvalidState
from domain.pse import registry
from tests.domain.findings.conftest import Desk
from tests.kit.factories import a_payment, a_person, a_shop
from tests.kit.lines import Telling, a_line, a_night, balance, of_nobody, open_findings

pytestmark = pytest.mark.usefixtures("books")


async def _desk() -> Desk:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    return Desk(shop, a_person(shop, "Ana", Role.ACCOUNTANT), a_person(shop, "Bia", Role.ACCOUNTANT))


async def _open(word: str) -> Finding:
    return await Finding.get(resolved_at=None, explanation__contains=word)


async def test_money_of_no_payment_leaves_suspense_as_a_person_says() -> None:
    desk = await _desk()
    lost = of_nobody("CHARGEBACK", "-50.00", payment_reference="P-1", reference="c-1")
    came = of_nobody("CAPTURE", "30.00", payment_reference="P-2", reference="P-2")
    nameless = of_nobody("CHARGEBACK", "-7.00", reference="c-3")
    await a_night(desk.shop, lost, came, nameless, name="a.json")
    await a_night(desk.shop, lost, name="b.json")  # told twice, and booked once
    assert (await balance(desk.shop, Account.SUSPENSE), await invariants.check()) == (2_700, [])
    left = await _open("of P-1")
    assert await money.of_each([left.id]) == {left.id: (5_000, "BRL")}
    with pytest.raises(InvalidState, match=r"BRL 50\.00 of it is in SUSPENSE"):
        await desk.say(left, ClosingReason.EXPLAINED)
    other = await _open("of P-2")
    with pytest.raises(InvalidState):
        await desk.say(left, ClosingReason.DUPLICATE_OF, duplicate_of=other.id)
    for found, reason, account in (
        (left, ClosingReason.CHARGEBACK, Account.CHARGEBACKS),
        (await _open("names no payment"), ClosingReason.FEE, Account.FEES),
        (other, ClosingReason.WRITE_OFF, Account.WRITE_OFFS),
    ):
        assert (await desk.say(found, reason)).confirmed
        assert await balance(desk.shop, account) != 0
    assert await balance(desk.shop, Account.WRITE_OFFS) == -3_000  # it came
    assert (await balance(desk.shop, Account.SUSPENSE), await invariants.check()) == (0, [])
    # The payment is registered after all, and the money is its own: what was said of it is taken back.
    await a_payment(desk.shop, amount=3_000, reference="P-2")
    await a_night(desk.shop, lost, came, nameless, name="a.json")
    assert await balance(desk.shop, Account.WRITE_OFFS) == 0
    # The chargeback is told no longer by one file; it is another's when that is read again.
    await a_night(desk.shop, came, nameless, name="a.json")
    assert (await balance(desk.shop, Account.SUSPENSE), await balance(desk.shop, Account.CHARGEBACKS)) == (0, 0)
    await a_night(desk.shop, lost, name="b.json")
    assert (await balance(desk.shop, Account.SUSPENSE), await invariants.check()) == (5_000, [])
    await desk.say(await _open("of P-1"), ClosingReason.CHARGEBACK)
    standing = await FindingResolution.filter(started_at__isnull=False, ended_at=None).order_by("amount")
    assert [one.amount for one in standing] == [700, 5_000]
    assert (await balance(desk.shop, Account.SUSPENSE), await invariants.check()) == (0, [])


async def test_an_amount_that_differs_agrees_and_differs_again_is_told_again_though_a_person_had_resolved_it() -> None:
    desk = await _desk()
    payment = await a_payment(desk.shop)
    wrong = a_line(payment, "CAPTURE", 12_000)
    await a_night(desk.shop, wrong)
    found = await Finding.get(resolved_at=None)
    await desk.say(found, ClosingReason.WRITE_OFF)
    await a_night(desk.shop, wrong)  # the same facts: what was said stands
    assert await open_findings() == []
    await a_night(desk.shop, {**wrong, "amount": 10_000})
    assert await open_findings() == []
    await a_night(desk.shop, wrong)
    assert await Finding.get(resolved_at=None) == found
