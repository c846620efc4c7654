"""Registering payments: by the merchant, from the PSE's listing, and both, in either order."""

from datetime import UTC, datetime, timedelta

import pytest

from domain import invariants
from domain.books import ledger
from domain.models import Payment, Store
from domain.models.ledger import Account
from domain.money import Money
from domain.payments import listed_payments, register
from domain.payments.register import NewPayment, Tax
from domain.problems import InvalidInput
from domain.pse.vocabulary import CapturedPayment, Method
from tests.kit.factories import CAUSE, KEY, Shop, a_key, a_refund, a_shop, an_e2eid

pytestmark = pytest.mark.usefixtures("books")


def _listed(reference: str, amount: int = 10_000, key: str | None = "sp@loja") -> CapturedPayment:
    return CapturedPayment(reference, Method.PIX, Money(amount, "BRL"), datetime.now(UTC), key, "tx1")


def _new(shop: Shop, reference: str, amount: int = 10_000) -> NewPayment:
    return NewPayment(
        connection_id=shop.connection.id,
        store_code="sp",
        pse_reference=reference,
        method=Method.PIX,
        amount=Money(amount, "BRL"),
        captured_at=datetime.now(UTC) - timedelta(minutes=1),
        order_reference="order-7",
        customer_tax_id="52998224725",
        tax=Tax(1_525, "18.00", "NF-e 7", "2026-11"),
    )


async def _balances(shop: Shop) -> dict[Account, int]:
    return {row.account: row.balance for row in await ledger.balances(shop.id)}


async def test_the_listing_registers_each_payment_once_in_the_store_of_its_key() -> None:
    shop = await a_shop()
    await Store.create(id=shop.id, merchant_id=shop.id, code="rj", name="Rio", payee_key="rj@loja")
    listed = [_listed("E1"), _listed("E2", key="rj@loja"), _listed("E3", key="nobody@loja"), _listed("E4", key=None)]
    assert len(await listed_payments.register(shop.connection, listed, "r")) == 4
    assert await listed_payments.register(shop.connection, listed, "r") == []
    stores = {row.pse_reference: row.store_id for row in await Payment.all()}
    assert stores == {"E1": shop.store.id, "E2": shop.id, "E3": shop.store.id, "E4": shop.store.id}
    assert (await _balances(shop))[Account.PSE_CLEARING] == 40_000


async def test_the_merchant_completes_what_the_listing_registered_with_its_tax() -> None:
    shop, reference = await a_shop(), an_e2eid()
    (payment_id,) = await listed_payments.register(shop.connection, [_listed(reference)], "r")
    refund = await a_refund(shop, await Payment.get(id=payment_id), 2_000)
    done = await register.register(shop.id, _new(shop, reference), a_key(), CAUSE, KEY)
    assert (done.payment.id, done.payment.tax_amount, done.payment.order_reference) == (payment_id, 1_525, "order-7")
    assert done.payment.sealed_customer is not None
    balances = await _balances(shop)
    assert (balances[Account.OUTPUT_VAT], balances[Account.SALES]) == (-1_525, -8_475)
    rest = await a_refund(shop, done.payment)
    await refund.refresh_from_db()
    assert refund.tax_amount + rest.tax_amount == 1_525
    assert await invariants.check() == []


async def test_the_listing_changes_nothing_of_what_the_merchant_registered() -> None:
    shop, reference = await a_shop(), an_e2eid()
    done = await register.register(shop.id, _new(shop, reference), a_key(), CAUSE, KEY)
    assert await listed_payments.register(shop.connection, [_listed(reference)], "r") == []
    assert (await Payment.get(id=done.payment.id)).tax_amount == 1_525


async def test_a_payment_is_not_completed_twice_or_with_another_amount() -> None:
    shop, reference = await a_shop(), an_e2eid()
    await listed_payments.register(shop.connection, [_listed(reference)], "r")
    with pytest.raises(InvalidInput, match="registered"):
        await register.register(shop.id, _new(shop, reference, 9_000), a_key(), CAUSE, KEY)
    await register.register(shop.id, _new(shop, reference), a_key(), CAUSE, KEY)
    with pytest.raises(InvalidInput, match="registered"):
        await register.register(shop.id, _new(shop, reference), a_key(), CAUSE, KEY)


async def test_the_tax_lies_within_the_amount() -> None:
    shop = await a_shop()
    with pytest.raises(InvalidInput, match="tax"):
        await register.register(shop.id, _new(shop, "E1", 1_000), a_key(), CAUSE, KEY)
