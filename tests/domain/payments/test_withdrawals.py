"""Amounts are bounded, sums are not; a payment registered in error is taken back by adding."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from domain import invariants
from domain.access.tokens import Principal, Role
from domain.books import ledger
from domain.models import LedgerEntry, Payment, Refund
from domain.models.ledger import Account
from domain.money import MINOR_UNITS_MAX, Money
from domain.payments import register, withdrawals
from domain.payments.register import NewPayment
from domain.problems import Forbidden, IdempotencyConflict, InvalidInput, InvalidState, NotFound, NotRefundable
from domain.pse.vocabulary import Declined, Method
from domain.refunds.withdraw import cancel
from tests.kit.factories import CAUSE, KEY, OwnerRows, Shop, a_key, a_payment, a_person, a_refund, a_shop, an_answer

pytestmark = pytest.mark.usefixtures("books")
WHY = "The amount has a digit too many."


def _accountant(shop: Shop) -> Principal:
    return a_person(shop, "ana", Role.ACCOUNTING)


async def _withdrawn(shop: Shop, payment: Payment) -> Payment:
    return (await withdrawals.withdraw(_accountant(shop), payment.id, WHY, a_key(), CAUSE)).payment


async def test_a_captured_amount_is_bounded() -> None:
    shop = await a_shop()
    await a_payment(shop, amount=10**13)  # as docs/limits.md has it
    with pytest.raises(InvalidInput) as refused:
        await a_payment(shop, amount=10**13 + 1)
    assert refused.value.path == ["input", "amount"]


async def test_sums_beyond_64_bits_are_read_all_the_same(owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    for _ in range(2):  # as the version before could write them
        payment = await a_payment(shop)
        await owner_rows(
            "INSERT INTO ledger_entries (merchant_id, store_id, connection_id, payment_id, entry, debit, credit, "
            "amount, currency, accounting_date, cause, leg, request_id, booked_at) VALUES ($1, $2, $3, $4, 'CAPTURE', "
            "'PSE_CLEARING', 'SALES', $5, 'BRL', now(), $6, 1, 'r', now())",
            shop.id, shop.store.id, shop.connection.id, payment.id, MINOR_UNITS_MAX, a_key(),
        )  # fmt: skip
    found = {row.account: row.balance for row in await ledger.balances(shop.id)}
    assert found[Account.PSE_CLEARING] == 2 * (MINOR_UNITS_MAX + 10_000)


async def test_a_withdrawn_payment_leaves_no_trace_in_the_sums_and_every_trace_in_the_books() -> None:
    shop = await a_shop()
    payment = await a_payment(shop, tax=1_800)
    gone = await _withdrawn(shop, payment)
    assert {row.balance for row in await ledger.balances(shop.id)} == {0}
    assert await LedgerEntry.filter(payment_id=payment.id).count() == 4
    assert (gone.withdrawn_by, gone.withdrawal_reason) == ("tester", WHY)
    assert register.refundable(gone) == Money(0, "BRL")
    with pytest.raises(NotRefundable, match="withdrawn"):
        await a_refund(shop, payment)
    assert await invariants.check() == []


async def test_the_true_payment_is_registered_under_the_same_reference() -> None:
    shop = await a_shop()
    wrong = await a_payment(shop, amount=100_000)
    await _withdrawn(shop, wrong)
    right = await a_payment(shop, amount=10_000, reference=wrong.pse_reference)
    assert (right.id != wrong.id, (await a_refund(shop, right)).amount) == (True, 10_000)
    with pytest.raises(InvalidInput, match="registered"):
        await a_payment(shop, amount=20_000, reference=wrong.pse_reference)
    assert await invariants.check() == []


async def _reserved(shop: Shop, payment: Payment, owner_rows: OwnerRows) -> None:
    await a_refund(shop, payment, 1_000)


async def _failed_at_the_pse(shop: Shop, payment: Payment, owner_rows: OwnerRows) -> None:
    await an_answer(await a_refund(shop, payment, 1_000), Declined("NO", "refused"))


async def _withdrawn_before(shop: Shop, payment: Payment, owner_rows: OwnerRows) -> None:
    await _withdrawn(shop, payment)


@pytest.mark.parametrize("happen", [_reserved, _failed_at_the_pse, _withdrawn_before])
async def test_what_something_hangs_on_is_not_withdrawn(
    happen: Callable[[Shop, Payment, OwnerRows], Awaitable[None]], owner_rows: OwnerRows
) -> None:
    shop = await a_shop()
    payment = await a_payment(shop)
    await happen(shop, payment, owner_rows)
    before = await LedgerEntry.all().count()
    with pytest.raises(InvalidState):
        await _withdrawn(shop, payment)
    assert await LedgerEntry.all().count() == before


async def test_a_refund_that_was_never_sent_and_has_ended_does_not_keep_it() -> None:
    shop = await a_shop()
    payment = await a_payment(shop)
    refund: Refund = await a_refund(shop, payment, 1_000)
    await cancel(shop.id, refund.id, None, a_key(), CAUSE)
    assert (await _withdrawn(shop, payment)).withdrawn_at is not None
    assert await invariants.check() == []


async def test_the_same_key_withdraws_once_and_others_may_not() -> None:
    shop, other = await a_shop(), await a_shop()
    payment, key = await a_payment(shop), a_key()
    with pytest.raises(Forbidden):
        await withdrawals.withdraw(a_person(shop, "web", Role.FRONTEND), payment.id, WHY, key, CAUSE)
    with pytest.raises(NotFound):
        await withdrawals.withdraw(_accountant(other), payment.id, WHY, key, CAUSE)
    first = await withdrawals.withdraw(_accountant(shop), payment.id, WHY, key, CAUSE)
    again = await withdrawals.withdraw(_accountant(shop), payment.id, WHY, key, CAUSE)
    assert (first.replayed, again.replayed) == (False, True)
    with pytest.raises(IdempotencyConflict):
        await withdrawals.withdraw(_accountant(shop), payment.id, "Something else.", key, CAUSE)


async def test_the_largest_number_that_fits_is_refused_before_it_is_written() -> None:
    shop = await a_shop()
    new = NewPayment(
        shop.connection.id, "sp", "E1", Method.PIX, Money(MINOR_UNITS_MAX, "BRL"), datetime(2026, 1, 1, tzinfo=UTC)
    )
    with pytest.raises(InvalidInput):
        await register.register(shop.id, new, a_key(), CAUSE, KEY)
    assert await Payment.all().count() == 0
