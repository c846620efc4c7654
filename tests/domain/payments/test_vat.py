"""The VAT of what was refunded is to be taken back whoever proves that it left, and whenever it was declared."""

from datetime import UTC, datetime

import pytest

from domain import invariants
from domain.access.tokens import Role
from domain.findings.findings import FindingKind
from domain.models import Finding, Payment
from domain.money import Money
from domain.payments import listed_payments, register
from domain.payments.register import NewPayment, Tax
from domain.pse.vocabulary import CapturedPayment, Method, Returned, Succeeded
from domain.refunds import by_hand
from domain.refunds.by_hand import Evidence, Way
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from tests.kit.factories import CAUSE, KEY, a_key, a_payment, a_person, a_refund, a_shop, an_answer, an_e2eid
from tests.kit.nights import pix_of, pix_refund, run_pix, today

pytestmark = pytest.mark.usefixtures("books")


async def _flagged() -> list[int]:
    return [row.amount for row in await Finding.filter(kind=FindingKind.VAT_REVERSAL_NEEDED, resolved_at=None)]


async def test_vat_that_is_declared_after_a_refund_was_proven_is_to_be_taken_back() -> None:
    shop = await a_shop()
    found = CapturedPayment(an_e2eid(), Method.PIX, Money(10_000, "BRL"), datetime.now(UTC), None, None)
    (payment_id,) = await listed_payments.register(shop.connection, [found], "listing")
    payment = await Payment.get(id=payment_id)
    proven, unproven = await a_refund(shop, payment, 4_000), await a_refund(shop, payment, 1_000)
    for refund in (proven, unproven):
        await an_answer(refund, Succeeded(f"D{refund.reference:0>31}"[:32]))
    await run_pix(shop, pix_of(payment, pix_refund(proven.reference, 4_000)))
    new = NewPayment(
        connection_id=shop.connection.id,
        store_code="sp",
        pse_reference=payment.pse_reference,
        method=Method.PIX,
        amount=Money(10_000, "BRL"),
        captured_at=datetime.now(UTC),
        tax=Tax(1_000, "10.00"),
    )
    await register.register(shop.id, new, a_key(), CAUSE, KEY)
    assert await _flagged() == [400]
    both = [pix_refund(refund.reference, amount) for refund, amount in ((proven, 4_000), (unproven, 1_000))]
    await run_pix(shop, pix_of(payment, *both))
    assert (sorted(await _flagged()), await invariants.check()) == ([100, 400], [])


async def test_vat_of_a_refund_that_a_person_paid_from_the_bank_is_to_be_taken_back() -> None:
    shop = await a_shop()
    refund = await a_refund(shop, await a_payment(shop, tax=1_000), 4_000)
    person = a_person(shop, "ana", Role.ACCOUNTING)
    await by_hand.take(person, refund.id, "The PSE has been down since noon.", CAUSE)
    await by_hand.settle(person, refund.id, Evidence(Way.BANK_TRANSFER, "TED 123", today()), CAUSE)
    assert await _flagged() == [400]


async def test_vat_of_a_refund_at_a_pse_without_reports_is_to_be_taken_back_until_it_comes_back() -> None:
    shop = await a_shop(pse="ebanx")
    refund = await a_refund(shop, await a_payment(shop, tax=1_000), 4_000)
    await an_answer(refund, Succeeded("1"))
    assert await _flagged() == [400]
    await record(refund.id, Returned("BACK", "came back"), Source(Door.NOTICE), CAUSE)
    assert await _flagged() == []
