"""What tests of VAT share: refunds that have left with VAT, their reversals, and what the books say of them."""

import hashlib
from collections.abc import AsyncIterator
from uuid import UUID

from domain import invariants
from domain.access.tokens import Principal, Role
from domain.books import ledger
from domain.files import tickets
from domain.files.tickets import NewFile
from domain.models import Finding, Payment, Refund, VatReversal
from domain.models.files import Purpose
from domain.models.ledger import Account
from domain.models.refunds import Reason
from domain.money import Money
from domain.platform.settings import Settings
from domain.pse.vocabulary import Returned, Succeeded
from domain.refunds import request
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from domain.refunds.request import NewRefund
from domain.taxes import importing, reversals
from domain.taxes.importing import Imported
from tests.kit.factories import CAUSE, KEY, Shop, a_key, a_person, an_answer

A = Account


async def a_sale_refunded(
    shop: Shop, payment: Payment, amount: int, reason: Reason = Reason.CUSTOMER_REQUEST
) -> tuple[Refund, VatReversal]:
    """A refund that has left, and its reversal."""
    new = NewRefund(payment.id, Money(amount, payment.currency), reason)
    refund = (await request.request(shop.id, new, a_key(), CAUSE, KEY)).refund
    await an_answer(refund, Succeeded(f"D{refund.reference:0>31}"[:32]))
    await reversals.open_of([refund.id])
    return await Refund.get(id=refund.id), await VatReversal.get(refund_id=refund.id)


async def named(payment: Payment, document: str) -> Payment:
    """The payment with the name of its sale's document."""
    await Payment.filter(id=payment.id).update(tax_document=document)
    return await Payment.get(id=payment.id)


async def comes_back(refund: Refund) -> None:
    await record(refund.id, Returned("BACK", "came back"), Source(Door.NOTICE), CAUSE)


def accountant(shop: Shop) -> Principal:
    return a_person(shop, "ana", Role.ACCOUNTING)


async def vat_of(shop: Shop) -> tuple[int, int, int]:
    """What is owed, pending and lost of VAT, minor units: OUTPUT_VAT as a credit."""
    found = {row.account: row.balance for row in await ledger.balances(shop.id)}
    return -found.get(A.OUTPUT_VAT, 0), found.get(A.VAT_REVERSAL_PENDING, 0), found.get(A.VAT_LOST, 0)


async def open_kinds(refund_id: UUID) -> list[str]:
    return sorted(row.kind for row in await Finding.filter(refund_id=refund_id, resolved_at=None))


async def in_order() -> bool:
    broken = await invariants.check()
    assert broken == [], broken
    return True


async def handed_in(shop: Shop, given: bytes, settings: Settings) -> UUID:
    """A tax document's file, announced and come."""
    new = NewFile(Purpose.TAX_DOCUMENT, "notes", len(given), hashlib.sha256(given).hexdigest())
    ticket = await tickets.announce(accountant(shop), new, settings, CAUSE)

    async def chunks() -> AsyncIterator[bytes]:
        yield given

    return (await tickets.take_in(ticket.file, chunks(), settings)).id


async def taken_in(shop: Shop, given: bytes, settings: Settings) -> Imported:
    file_id = await handed_in(shop, given, settings)
    return await importing.take_in(accountant(shop), file_id, settings, CAUSE)
