"""A payment that the PSE's listing has registered before the merchant, and one that two connections reach."""

from uuid import uuid4

import pytest

from domain.access.tokens import Role
from domain.connections import connections
from domain.connections.connections import NewConnection
from domain.models import Connection, Payment, Store
from domain.payments import listed_payments, register, withdrawals
from domain.payments.register import NewPayment
from domain.problems import InvalidInput
from domain.pse.vocabulary import CapturedPayment
from tests.kit.factories import CAUSE, KEY, SECRETS, Shop, a_key, a_payment, a_person, a_shop

pytestmark = pytest.mark.usefixtures("books")


def _listed(payment: Payment) -> CapturedPayment:
    return CapturedPayment(
        reference=payment.pse_reference,
        method=payment.method,
        amount=register.refundable(payment),
        captured_at=payment.captured_at,
        refunds=[],
    )


def _new(payment: Payment, connection: Connection, store: str = "sp") -> NewPayment:
    one = _listed(payment)
    return NewPayment(connection.id, store, one.reference, one.method, one.amount, one.captured_at)


async def _second_connection(shop: Shop) -> Connection:
    new = NewConnection("pix", "pix-new-key", shop.connection.base_url, "estorno", SECRETS, shop.store.id)
    return await connections.create(shop.id, new, KEY)


async def _withdraw(shop: Shop, payment: Payment) -> None:
    ana = a_person(shop, "ana", Role.ADMINISTRATOR)
    await withdrawals.withdraw(ana, payment.id, "registered in error", a_key(), CAUSE)


async def _a_listed_one() -> tuple[Shop, Payment]:
    shop = await a_shop()
    known = _listed(await a_payment(await a_shop(name="another merchant")))
    (payment_id,) = await listed_payments.register(shop.connection, [known], "listing")
    return shop, await Payment.get(id=payment_id)


async def test_the_same_key_gives_the_payment_that_was_listed_again() -> None:
    shop, listed = await _a_listed_one()
    new, key = _new(listed, shop.connection), a_key()
    told = [await register.register(shop.id, new, key, CAUSE, KEY) for _ in range(2)]
    assert [(one.payment.id, one.replayed) for one in told] == [(listed.id, False), (listed.id, True)]


async def test_a_store_that_is_not_the_listed_ones_is_refused_and_counts_after_a_withdrawal() -> None:
    shop, listed = await _a_listed_one()
    await Store.create(id=uuid4(), merchant_id=shop.id, code="rj", name="Rio", payee_key="rj@loja")
    with pytest.raises(InvalidInput, match="store sp"):
        await register.register(shop.id, _new(listed, shop.connection, "rj"), a_key(), CAUSE, KEY)
    await _withdraw(shop, listed)
    payment = (await register.register(shop.id, _new(listed, shop.connection, "rj"), a_key(), CAUSE, KEY)).payment
    assert (await Store.get(id=payment.store_id)).code == "rj"


async def test_a_payment_is_registered_on_one_connection_of_a_merchant_until_it_is_withdrawn_there() -> None:
    shop = await a_shop()
    payment, second = await a_payment(shop), await _second_connection(shop)
    new = _new(payment, second)
    with pytest.raises(InvalidInput, match="connection pix-main already"):
        await register.register(shop.id, new, a_key(), CAUSE, KEY)
    assert await listed_payments.register(second, [_listed(payment)], "listing") == []
    await _withdraw(shop, payment)
    assert (await register.register(shop.id, new, a_key(), CAUSE, KEY)).payment.connection_id == second.id
