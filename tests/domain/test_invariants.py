"""Every word of the ledger is guarded: whatever is booked without its reason is found, by the name of an invariant."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from domain import invariants
from domain.books import ledger
from domain.books.chart import chart
from domain.books.ledger import LEGS, Posting
from domain.models.ledger import Account, Entry
from domain.platform.database import execute, transaction
from domain.pse.vocabulary import Succeeded
from tests.kit.factories import a_payment, a_refund, a_shop, an_answer

# Of a payment is what customers, people and PSEs do to one; what nights and banks book together is of none.
_OF_NONE = ("PROVE_", "BANK_", "CONVERT", "FX_")
_OF_REFUNDS = (
    Entry.RECOGNISE, Entry.UNRECOGNISE, Entry.PAY, Entry.RETURN, Entry.PAY_BY_BANK, Entry.RETURN_TO_BANK,
    Entry.DECLARE_REFUND_TAX, Entry.VAT_DOCUMENTED, Entry.VAT_NOT_RECOVERABLE,
)  # fmt: skip


class Undone(Exception):
    """What was booked for a look is not to stay."""


def test_every_account_is_moved_by_an_entry_and_every_entry_moves_accounts_of_the_chart() -> None:
    assert set(LEGS) == set(Entry)
    moved = {account for legs in LEGS.values() for debit, credit, _ in legs for account in (debit, credit)}
    assert moved == set(Account) == set(chart())


@pytest.mark.usefixtures("books")
async def test_whatever_is_booked_without_its_reason_is_found_by_an_invariant_that_is_named() -> None:
    shop = await a_shop()
    payment = await a_payment(shop, tax=1_800)
    refund = await a_refund(shop, payment, 1_000)
    await an_answer(refund, Succeeded("D1"))
    assert await invariants.check() == []
    found: dict[Entry, set[str]] = {}
    for entry in Entry:
        of_none = entry.value.startswith(_OF_NONE)
        stray = Posting(
            shop.id, shop.store.id, shop.connection.id, entry, 700, "BRL", datetime.now(UTC).date(), f"stray/{uuid4()}",
            "test", tax=100, payment_id=None if of_none else payment.id,
            refund_id=refund.id if entry in _OF_REFUNDS else None,
        )  # fmt: skip
        try:
            async with transaction():
                # What looks at a payment's counters at the end of the transaction is asked now, and here by invariants.
                await ledger.post([stray])
                found[entry] = {one.name.partition(":")[0] for one in await invariants.check(1)}
                raise Undone
        except Undone:
            await execute("SELECT 1")
    unguarded = {entry.value for entry, names in found.items() if not names}
    assert unguarded == set(), found
    by_account = {
        account: set().union(*(found[entry] for entry, legs in LEGS.items() for leg in legs if account in leg))
        for account in Account
    }
    assert all(by_account.values()), by_account
