"""Chargebacks whose amount the PSE does not tell (EBANX), and which dispute's finding a won one closes."""

import pytest

from domain import invariants
from domain.models import Finding, Payment
from domain.money import Money
from domain.notices import inbox
from domain.payments import chargebacks
from domain.pse import registry
from domain.pse.vocabulary import ChargedBack, Succeeded, WebhookRequest
from tests.kit.factories import CAUSE, KEY, a_payment, a_refund, a_shop, an_answer
from tests.kit.lab_connector import Lab
from tests.kit.lines import Telling, a_line, a_night, open_findings
from tests.sandbox.ebanx.server import CERTIFICATE, notification

pytestmark = pytest.mark.usefixtures("books")
OUT = ChargedBack("H", None, "H/chargeback", None, False)
BACK = ChargedBack("H", None, "H/chargeback_credit", None, True)


async def _told(payment: Payment, *told: ChargedBack) -> int:
    for one in told:
        await chargebacks.from_notice(payment, one, CAUSE)
    charged: int = (await Payment.get(id=payment.id)).charged_back
    return charged


async def _payment(refunded: int = 0) -> Payment:
    registry.register(Lab())
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop)
    if refunded:
        await an_answer(await a_refund(shop, payment, refunded), Succeeded("one"))
    return payment


async def test_of_a_payment_that_was_refunded_whole_it_is_a_finding_until_it_came_back() -> None:
    payment = await _payment(refunded=10_000)
    assert await _told(payment, OUT, OUT) == 0
    (finding,) = await Finding.filter(resolved_at=None)
    assert (finding.kind, finding.amount) == ("CHARGEBACK", 10_000)
    assert await _told(payment, BACK) == 0
    assert await open_findings() == []
    assert await _told(payment, OUT) == 0
    assert await open_findings() == ["CHARGEBACK"]


async def test_it_closes_no_finding_of_another_dispute() -> None:
    payment = await _payment(refunded=4_000)
    first = ChargedBack("H", None, "dp_1", Money(6_000, "BRL"), False)
    assert await _told(payment, first, OUT) == 6_000
    assert await open_findings() == ["CHARGEBACK"] * 2


async def test_a_second_one_after_a_credit_is_a_persons_each_time() -> None:
    payment = await _payment()
    assert await _told(payment, OUT, OUT) == 10_000
    for _ in range(2):
        assert await _told(payment, BACK) == 0
        assert await open_findings() == []
        assert await _told(payment, OUT) == 0
        assert await open_findings() == ["CHARGEBACK"]


async def test_the_same_bytes_are_applied_again_for_they_may_be_about_the_next_one() -> None:
    shop = await a_shop(pse="ebanx", secrets={"integration_key": "k", "webhook_certificate": CERTIFICATE})
    hook = notification("http://x/", "chargeback", "H")
    request = WebhookRequest("POST", "/", "", hook.headers, hook.body)
    for _ in range(2):
        notice_id = await inbox.store(shop.connection.id, request, "r", KEY)
        assert notice_id is not None
        claimed = await inbox.take(notice_id)
        assert claimed is not None
        await inbox.done(claimed, "applied")


async def test_a_won_dispute_closes_its_own_finding() -> None:
    payment = await _payment()
    money = Money(3_000, "BRL")
    told = [ChargedBack("x", None, name, money, back) for name, back in (("a", False), ("b", False), ("b", True))]
    await _told(payment, *told)
    (left,) = await Finding.filter(resolved_at=None)
    assert "/a/" in left.fingerprint


async def test_one_that_two_files_tell_without_an_amount_is_booked_once_and_not_lost() -> None:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    payment, other = await a_payment(shop), await a_payment(shop)
    lines = [a_line(payment, "CHARGEBACK", 0, reference="c-1"), a_line(other, "CHARGEBACK", 0)]
    for days in (0, 1, 0, 1):
        await a_night(shop, *lines, days=days)
        assert await Payment.filter(charged_back=10_000).count() == 2
        assert (await open_findings(), await invariants.check()) == (["CHARGEBACK"] * 2, [])
    # A file says at last how much it was.
    await a_night(shop, *lines, a_line(payment, "CHARGEBACK", 4_000, reference="c-1"), days=2)
    assert ((await Payment.get(id=payment.id)).charged_back, await invariants.check()) == (4_000, [])
    for days in (0, 1, 2):
        await a_night(shop, days=days)
    assert (await Payment.filter(charged_back=0).count(), await open_findings()) == (2, [])
    assert await invariants.check() == []
