"""VAT that is declared after parts of the sale were refunded: each part gets its share, they close to the whole."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import invariants
from domain.access.tokens import Role
from domain.books import ledger
from domain.models import Finding, Payment, Refund
from domain.models.findings import ClosingReason
from domain.models.ledger import Account
from domain.models.refunds import State
from domain.money import Money
from domain.payments import listed_payments, register
from domain.payments.refundable import shares
from domain.payments.register import NewPayment, Tax
from domain.pse.vocabulary import CapturedPayment, Declined, Method, Succeeded
from tests.domain.findings.conftest import Desk
from tests.kit.factories import CAUSE, KEY, OwnerRows, Shop, a_key, a_person, a_refund, a_shop, an_answer, an_e2eid

books = pytest.mark.usefixtures("books")
CAPTURED, TAX = 10_000, 1_525


async def _listed(shop: Shop) -> Payment:
    found = CapturedPayment(an_e2eid(), Method.PIX, Money(CAPTURED, "BRL"), datetime.now(UTC), None, None)
    (payment_id,) = await listed_payments.register(shop.connection, [found], "listing")
    return await Payment.get(id=payment_id)


async def _declare(shop: Shop, payment: Payment) -> Payment:
    new = NewPayment(
        connection_id=shop.connection.id,
        store_code="sp",
        pse_reference=payment.pse_reference,
        method=Method.PIX,
        amount=Money(CAPTURED, "BRL"),
        captured_at=datetime.now(UTC) - timedelta(minutes=1),
        tax=Tax(TAX, "18.00"),
    )
    return (await register.register(shop.id, new, a_key(), CAUSE, KEY)).payment


async def _taxes() -> list[int]:
    return [refund.tax_amount for refund in await Refund.all().order_by("created_at", "id")]


async def _pending(shop: Shop) -> int:
    found = await ledger.balances(shop.id)
    return sum(row.balance for row in found if row.account is Account.VAT_REVERSAL_PENDING)


@books
async def test_the_last_centavo_does_not_carry_the_vat_of_all_that_was_refunded_before() -> None:
    shop = await a_shop()
    payment = await _listed(shop)
    await a_refund(shop, payment, CAPTURED - 1)
    await a_refund(shop, await _declare(shop, payment), 1)
    assert await _taxes() == [TAX, 0]
    assert await _pending(shop) == TAX
    assert await invariants.check() == []


@books
async def test_each_refund_has_its_own_share_whatever_became_of_it() -> None:
    shop = await a_shop()
    payment = await _listed(shop)
    left, refused, waits = [await a_refund(shop, payment, amount) for amount in (2_000, 3_000, 1_000)]
    await an_answer(left, Succeeded("D1"))
    await an_answer(refused, Declined("NO", "no"))
    declared = await _declare(shop, payment)
    assert await _taxes() == [305, 0, 153]
    assert declared.tax_allocated == await _pending(shop) == 458
    await an_answer(waits, Declined("NO", "no"))
    assert await _pending(shop) == 305
    await a_refund(shop, await Payment.get(id=payment.id))
    assert (sum(await _taxes()) - 153, await invariants.check()) == (TAX, [])


@books
async def test_the_history_of_a_refund_says_when_it_got_its_vat() -> None:
    shop = await a_shop()
    payment = await _listed(shop)
    refund = await a_refund(shop, payment, 2_000)
    await _declare(shop, payment)
    found = await Refund.get(id=refund.id)
    assert (found.state, found.sequence) == (State.REQUESTED, 2)
    assert await invariants.check() == []


@books
async def test_refunds_that_are_asked_for_while_the_vat_is_declared_close_to_the_whole() -> None:
    shop = await a_shop()
    payment = await _listed(shop)
    await asyncio.gather(_declare(shop, payment), *(a_refund(shop, payment, 2_500) for _ in range(4)))
    assert sum(await _taxes()) == TAX
    assert await invariants.check() == []


@books
async def test_the_vat_of_a_refund_that_has_some_is_not_given_again(owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    payment = await _listed(shop)
    await a_refund(shop, payment, 2_000)
    await _declare(shop, payment)
    with pytest.raises(Exception, match="VAT already"):
        await owner_rows("UPDATE refunds SET tax_amount = tax_amount - 1")


@given(st.data())
def test_the_shares_close_to_the_whole_and_none_is_more_than_its_part(data: st.DataObject) -> None:
    captured = data.draw(st.integers(1, 10_000))
    whole = data.draw(st.integers(0, captured))
    cuts = sorted(data.draw(st.lists(st.integers(1, captured), max_size=6, unique=True)))
    parts = [end - start for start, end in zip([0, *cuts], [*cuts, captured], strict=True) if end > start]
    made = shares(whole, captured, parts)
    assert sum(made) == whole
    assert all(0 <= share <= part for share, part in zip(made, parts, strict=True))


@books
async def test_what_a_person_had_said_to_be_a_refund_before_is_said_again_with_its_vat() -> None:
    shop = await a_shop()
    desk = Desk(shop, a_person(shop, "Ana", Role.ACCOUNTANT), a_person(shop, "Bia", Role.ACCOUNTANT))
    payment = await _listed(shop)
    found = await desk.taken(4_000, "MED1", payment)
    other = await desk.taken(1_000, "MED2", await Payment.get(id=payment.id))
    await desk.say(found, ClosingReason.REFUND_OF_OURS)
    await desk.say(other, ClosingReason.CHARGEBACK)
    await _declare(shop, payment)
    again = await Finding.get(id=found.id)
    assert (again.resolved_at, (await Finding.get(id=other.id)).resolved_at is None) == (None, False)
    await desk.say(again, ClosingReason.REFUND_OF_OURS)
    assert (await _pending(shop), await desk.account("SALES_RETURNS")) == (610, 3_390)
    assert await Finding.filter(kind="VAT_REVERSAL_NEEDED", resolved_at=None).count() == 1
    assert await invariants.check() == []
