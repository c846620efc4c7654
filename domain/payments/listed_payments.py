"""Registering what a PSE lists as captured there."""

from collections.abc import Sequence
from uuid import UUID

from domain.cause import LISTING, Cause
from domain.models import Connection, Store
from domain.payments import confirmations, elsewhere, told_before
from domain.payments.register import NewPayment, insert, ring
from domain.platform import ids
from domain.platform.database import transaction
from domain.pse.vocabulary import CapturedPayment


async def register(connection: Connection, listed: Sequence[CapturedPayment], request_id: str) -> list[UUID]:
    """Register the payments of a PSE's listing that are not known yet; the ids of the new ones.

    The store is the one whose payee key received the payment, else the connection's default store.
    """
    stores = await Store.filter(merchant_id=connection.merchant_id)
    by_key = {store.payee_key: store for store in stores if store.payee_key}
    default = next(store for store in stores if store.id == connection.default_store_id)
    made: list[UUID] = []
    revived: list[UUID] = []
    for payment in listed:
        store = by_key.get(payment.payee_key or "", default)
        new = NewPayment(
            connection_id=connection.id,
            store_code=store.code,
            pse_reference=payment.reference,
            method=payment.method,
            amount=payment.amount,
            captured_at=payment.captured_at,
            order_reference=payment.order_reference,
        )
        payment_id = ids.time_ordered()
        async with transaction():
            if await elsewhere.registered(connection, new.pse_reference) is not None:
                continue  # a new key's connection lists what the merchant has on the old one's
            if await insert(payment_id, connection, store, new, {"source": "LISTING"}, Cause(request_id, LISTING)):
                made.append(payment_id)
                revived += await told_before.revive_notices(connection.id, [new.pse_reference])
    await confirmations.confirm_listed(connection, listed)
    await ring(revived)
    return made
