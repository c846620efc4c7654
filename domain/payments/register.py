"""Payments: registering what was captured, as a merchant says it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from tortoise.queryset import QuerySet

from domain.access.permissions import Permission
from domain.access.principal import Principal, Scope, Whose, scope_of
from domain.books import ledger
from domain.books.ledger import Posting
from domain.cause import Cause
from domain.connections.connections import TAKING
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.findings import reopen
from domain.models import Connection, Merchant, Payment, Store
from domain.models.ledger import Entry
from domain.money import AMOUNT_MAX, Money
from domain.payments import customers, elsewhere, told_before, vat_declared
from domain.payments.refundable import left_over
from domain.platform import bell, data_keys, idempotency, ids
from domain.platform.database import rows, transaction
from domain.platform.joined import columns, model_of
from domain.problems import InvalidInput, InvalidState, NotFound
from domain.pse.registry import UnknownMethod, capability
from domain.pse.vocabulary import Method

MUTATION: Final = "paymentRegister"
_KNOWN: Final = "This pseReference is registered on the connection already; look it up with payments(pseReference:)."
_CAPTURED_FROM: Final = datetime(2000, 1, 1, tzinfo=UTC)  # older than any of these PSEs' methods


@dataclass(frozen=True, slots=True)
class Tax:
    """VAT declared on a sale: amount in minor units, rate in percent as text, document number, period YYYY-MM."""

    amount: int
    rate: str | None = None
    document: str | None = None
    period: str | None = None


@dataclass(frozen=True, slots=True)
class NewPayment:
    """A captured payment as a merchant registers it."""

    connection_id: UUID
    store_code: str
    pse_reference: str
    method: Method
    amount: Money
    captured_at: datetime
    order_reference: str | None = None
    customer_reference: str | None = None
    customer_tax_id: str | None = None
    tax: Tax | None = None


@dataclass(frozen=True, slots=True)
class Registered:
    """A registered payment; `replayed` says that it was there before."""

    payment: Payment
    replayed: bool


def refundable(payment: Payment) -> Money:
    """What can still be refunded: captured (as its PSE shows it, too) less reserved, refunded, taken, charged back.

    Nothing of a payment that was withdrawn, or that its PSE has contradicted.
    """
    if payment.withdrawn_at is not None or payment.contradicted_at is not None:
        return Money(0, payment.currency)
    return Money(max(left_over(payment), 0), payment.currency)


async def register(whose: Whose, new: NewPayment, key: str, cause: Cause, secret: bytes) -> Registered:
    """Register a captured payment once. The same PSE reference with the same facts gives the payment that is there.

    Raises Forbidden, InvalidInput, NotFound, IdempotencyConflict.
    """
    scope = scope_of(whose, Permission.REGISTER_PAYMENT)
    check(new)
    while True:
        try:
            return await _register(scope, new, key, cause, secret, isinstance(whose, Principal))
        except (vat_declared.Joined, _CameBetween):
            continue


class _CameBetween(Exception):
    """The payment was listed, or withdrawn, since it was looked for: its id is another one. Begin again."""


async def _register(scope: Scope, new: NewPayment, key: str, cause: Cause, secret: bytes, asked: bool) -> Registered:
    """`asked`: by somebody from outside, whose deed it is."""
    merchant_id = scope.merchant_id
    connection, store = await _places(scope, new)  # before the key, which may be another store's
    # The key keeps the payment's id for life, so one that the PSE has listed is looked for before.
    listed = await _standing(new.connection_id, new.pse_reference).get_or_none()
    payment_id = listed.id if listed else ids.time_ordered()
    revived: list[UUID] = []
    known = {"reference": new.customer_reference, "tax_id": new.customer_tax_id}
    if any(known.values()):
        await data_keys.current(secret, merchant_id)  # before the transaction, so that it is remembered
    async with transaction():
        stored = await idempotency.claim(merchant_id, MUTATION, key, _facts(new), payment_id, cause)
        if stored is not None:
            return Registered(await Payment.get(id=stored), replayed=True)
        await elsewhere.check(connection, new.pse_reference)
        tax_id = new.customer_tax_id
        values = {
            "sealed_customer": await customers.seal(merchant_id, payment_id, known, secret),
            "customer_digest": await customers.digest_of_payer(merchant_id, tax_id, secret),
            "source": "MUTATION",
        }
        if listed is not None:
            await _complete(payment_id, connection, store, new, values, scope, cause)
        elif not await insert(payment_id, connection, store, new, values, cause):
            raise _CameBetween
        revived = await told_before.revive_notices(connection.id, [new.pse_reference])
        noted = await _noted(merchant_id, payment_id, new, cause) if asked else None
    await ring(revived)
    return Registered(noted or await Payment.get(id=payment_id), replayed=False)


async def _noted(merchant_id: UUID, payment_id: UUID, new: NewPayment, cause: Cause) -> Payment:
    """The payment as it is now, read in the round trip that writes the deed."""
    read = f"SELECT {columns(Payment, 'p')} FROM payments p WHERE p.id = $16"  # noqa: S608 - names of ours
    what = deeds.changed({}, _told(new))
    (row,) = await deeds.note_reading(merchant_id, MUTATION, Of("payment", payment_id), cause, what, read, payment_id)
    return model_of(Payment, row, "p")


async def ring(revived: Sequence[UUID]) -> None:
    """For the notices that waited for the payment."""
    for notice_id in revived:
        await bell.ring(bell.NOTICE, notice_id)


def _standing(connection_id: UUID, pse_reference: str) -> QuerySet[Payment]:
    return Payment.filter(connection_id=connection_id, pse_reference=pse_reference, withdrawn_at=None)


async def _complete(
    payment_id: UUID,
    connection: Connection,
    store: Store,
    new: NewPayment,
    values: dict[str, Any],
    scope: Scope,
    cause: Cause,
) -> None:
    """Add what only the merchant knows (order, customer, tax) to a payment that the PSE's listing had registered.

    Raises InvalidInput when the merchant registered it before, or when the facts differ.
    """
    tax = new.tax or Tax(0)
    refunds = await vat_declared.lock_refunds(payment_id) if tax.amount else []
    if new.order_reference is not None:
        await told_before.repeat_order(connection.id, new.order_reference)
    query = _standing(connection.id, new.pse_reference).filter(id=payment_id)
    known = await query.select_for_update(no_key=True).get_or_none()
    if known is None:
        raise _CameBetween
    await _check_same(known, store, new, scope)
    await Payment.filter(id=known.id).update(
        order_reference=new.order_reference or known.order_reference,
        tax_amount=tax.amount,
        tax_rate=tax.rate,
        tax_document=tax.document,
        tax_period=tax.period,
        **values,
    )
    await ledger.post([await _posting(known.id, connection, known.store_id, new, Entry.DECLARE_TAX, cause)])
    if tax.amount:
        await vat_declared.give_shares(known, refunds, tax.amount, cause)
        await reopen.tax_declared(known)
    if new.order_reference not in (None, known.order_reference):
        await told_before.take_in_order(await Payment.get(id=known.id), cause)


async def _check_same(known: Payment, store: Store, new: NewPayment, scope: Scope) -> None:
    told = (new.amount.minor_units, new.amount.currency, new.method)
    if known.source != "LISTING" or (known.captured, known.currency, known.method) != told:
        raise InvalidInput(_KNOWN, path=["input", "pseReference"])
    if known.store_id != store.id:  # its capture is in that store's books
        if scope.stores is not None and known.store_id not in scope.stores:
            raise InvalidInput(_KNOWN, path=["input", "pseReference"])
        theirs = await Store.get(id=known.store_id)
        raise InvalidInput(
            f"The PSE's listing registered this payment for the store {theirs.code}: name that one, or withdraw the "
            "payment (paymentWithdraw) and register it again.",
            path=["input", "storeCode"],
        )


def check(new: NewPayment) -> None:
    """Raises InvalidInput for what no payment can be."""
    if new.amount.minor_units == 0:
        raise InvalidInput("A captured payment is above zero.", path=["input", "amount"])
    if new.amount.minor_units > AMOUNT_MAX:
        raise InvalidInput(f"A captured payment is at most {AMOUNT_MAX} minor units.", path=["input", "amount"])
    if new.captured_at.tzinfo is None or new.captured_at > datetime.now(UTC):
        raise InvalidInput("capturedAt is a past moment with its time zone.", path=["input", "capturedAt"])
    if not 0 < len(new.pse_reference) <= 100 or not new.pse_reference.isprintable():
        raise InvalidInput("pseReference takes 1 to 100 printable characters.", path=["input", "pseReference"])
    if new.captured_at < _CAPTURED_FROM:
        raise InvalidInput("capturedAt lies before the year 2000.", path=["input", "capturedAt"])
    if new.order_reference is not None and not 0 < len(new.order_reference) <= 100:
        raise InvalidInput("orderReference takes 1 to 100 characters.", path=["input", "orderReference"])
    if new.tax is not None and not 0 <= new.tax.amount <= new.amount.minor_units:
        raise InvalidInput("The tax lies between zero and the amount.", path=["input", "tax", "amount"])
    _check_lengths(new)


def _check_lengths(new: NewPayment) -> None:
    tax = new.tax or Tax(0)
    for name, value, longest in (
        ("customerReference", new.customer_reference, 100),
        ("customerTaxId", new.customer_tax_id, 40),
        ("tax.rate", tax.rate, 12),
        ("tax.document", tax.document, 100),
        ("tax.period", tax.period, 7),
    ):
        if value is not None and not (len(value) <= longest and value.isprintable()):
            raise InvalidInput(
                f"{name} takes at most {longest} printable characters.", path=["input", *name.split(".")]
            )


def _facts(new: NewPayment) -> dict[str, Any]:
    return {
        "connection": new.connection_id,
        "store": new.store_code,
        "reference": new.pse_reference,
        "method": new.method,
        "amount": [new.amount.minor_units, new.amount.currency],
        "captured_at": new.captured_at.astimezone(UTC).isoformat(),
        "order": new.order_reference,
        "customer": [new.customer_reference, new.customer_tax_id],
        "tax": [new.tax.amount, new.tax.rate, new.tax.document, new.tax.period] if new.tax else None,
    }


def _told(new: NewPayment) -> dict[str, Any]:
    """What the log says of it: nothing of the customer."""
    return {
        "connection": str(new.connection_id),
        "store": new.store_code,
        "pse_reference": new.pse_reference,
        "method": new.method.value,
        "amount": [new.amount.minor_units, new.amount.currency],
        "order": new.order_reference,
        "tax": new.tax.amount if new.tax else None,
    }


async def _places(scope: Scope, new: NewPayment) -> tuple[Connection, Store]:
    connection = await Connection.get_or_none(id=new.connection_id, merchant_id=scope.merchant_id)
    if connection is None:
        raise NotFound("No such connection; viewer.connections lists yours.", path=["input", "connectionId"])
    if connection.state not in TAKING:
        raise InvalidState(
            f"The connection is {connection.state}: its payments can be registered once it is certified or active.",
            path=["input", "connectionId"],
            current_state=connection.state,
        )
    store = await Store.get_or_none(merchant_id=scope.merchant_id, code=new.store_code)
    if store is None or (scope.stores is not None and store.id not in scope.stores):
        raise NotFound("No such store; viewer.stores lists yours.", path=["input", "storeCode"])
    try:
        capability(connection.pse, new.method)
    except UnknownMethod as error:
        raise InvalidInput(str(error), path=["input", "method"]) from error
    return connection, store


async def insert(
    payment_id: UUID, connection: Connection, store: Store, new: NewPayment, more: dict[str, Any], cause: Cause
) -> bool:
    """Write the payment down, its capture in the books, and take in what was told of it before.

    False: there is one already under the PSE's reference. Inside the caller's transaction.
    """
    tax = new.tax or Tax(0)
    made = await rows(
        "INSERT INTO payments (id, merchant_id, store_id, connection_id, pse_reference, order_reference, method, "
        "  currency, captured, reserved, refunded, taken_by_bank, tax_amount, tax_allocated, tax_rate, tax_document, "
        "  tax_period, captured_at, sealed_customer, customer_digest, source, created_at, confirmed_at, confirmed_by) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0, 0, $10, 0, $11, $12, $13, $14, $15, $16, $17, now(), "
        "  CASE WHEN $17::varchar = 'LISTING' THEN now() END, nullif($17::varchar, 'MUTATION')) "
        "ON CONFLICT (connection_id, pse_reference) WHERE withdrawn_at IS NULL DO NOTHING RETURNING id",
        payment_id,
        connection.merchant_id,
        store.id,
        connection.id,
        new.pse_reference,
        new.order_reference,
        new.method.value,
        new.amount.currency,
        new.amount.minor_units,
        tax.amount,
        tax.rate,
        tax.document,
        tax.period,
        new.captured_at,
        more.get("sealed_customer"),
        more.get("customer_digest"),
        more["source"],
    )
    if not made:
        return False
    await ledger.post([await _posting(payment_id, connection, store.id, new, Entry.CAPTURE, cause)])
    await told_before.take_in(await Payment.get(id=payment_id), cause)
    return True


async def _posting(
    payment_id: UUID, connection: Connection, store_id: UUID, new: NewPayment, entry: Entry, cause: Cause
) -> Posting:
    zone = (await Merchant.get(id=connection.merchant_id)).zone
    return Posting(
        merchant_id=connection.merchant_id,
        store_id=store_id,
        connection_id=connection.id,
        entry=entry,
        amount=new.amount.minor_units,
        tax=new.tax.amount if new.tax else 0,
        currency=new.amount.currency,
        accounting_date=ledger.accounting_date_of(new.captured_at, zone),
        cause=f"payment/{payment_id}/{entry}",
        request_id=cause.request_id,
        payment_id=payment_id,
    )
