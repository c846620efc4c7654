"""Every 15 minutes what has changed is compared, at night everything, and neither forgets what stands."""

import pytest

from domain import checks, invariants
from domain.invariants import Broken
from domain.models import Check, Payment, ReconciliationRun
from domain.platform.database import rows
from domain.pse.vocabulary import Succeeded
from tests.kit.factories import CAUSE, OwnerRows, Shop, a_payment, a_refund, a_shop, an_answer
from tests.kit.lines import today

pytestmark = pytest.mark.usefixtures("books")
_SPOIL = "UPDATE payments SET taken_by_bank = $2 WHERE id = $1"


async def _refunded(shop: Shop) -> Payment:
    payment = await a_payment(shop, tax=1_800)
    await an_answer(await a_refund(shop, payment, 1_000), Succeeded(f"D-{payment.id}"))
    return payment


async def _seen(*, whole: bool = False) -> set[str]:
    return {broken.name.split(":")[0] for broken in await checks.compare(whole=whole)}


async def test_what_is_wrong_with_an_old_payment_is_seen_at_night_and_then_until_it_is_right(
    owner_rows: OwnerRows,
) -> None:
    shop = await a_shop()
    old = await _refunded(shop)
    assert await _seen() == set(), "The first comparison is of everything."
    await owner_rows(_SPOIL, old.id, 7)
    await _refunded(shop)
    assert await _seen() == set(), "Nobody has touched it by one of our doors."
    assert await _seen(whole=True) == {"taken"}
    await _refunded(shop)
    for _ in range(2):
        assert await _seen() == {"taken"}, "Once found, it stands."
    await owner_rows(_SPOIL, old.id, 0)
    assert (await _seen(), await _seen(whole=True)) == (set(), set())


async def test_what_is_wrong_with_a_payment_that_has_changed_is_seen_at_once_and_stands(owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    payment, other = await _refunded(shop), await _refunded(shop)
    assert await _seen() == set()
    await owner_rows(_SPOIL, payment.id, 7)
    await a_refund(shop, payment, 100)
    for _ in range(3):
        assert await _seen() == {"taken"}
        await a_refund(shop, other, 100)
    await owner_rows(_SPOIL, payment.id, 0)
    assert await _seen() == set()


async def test_each_comparison_begins_where_the_one_before_ended_and_not_behind_a_night_that_runs() -> None:
    shop = await a_shop()
    await _refunded(shop)
    await _seen()
    run = await ReconciliationRun.create(
        id=shop.id, merchant_id=shop.id, connection_id=shop.connection.id, business_date=today(-1), state="RUNNING",
        manifest={},
    )  # fmt: skip
    await _refunded(shop)
    await _seen()
    await ReconciliationRun.filter(id=run.id).update(state="COMPLETED")
    await _seen()
    first, during, after = await Check.all().order_by("id")
    assert (first.whole, during.whole, first.events) == (True, False, during.events)
    (row,) = await rows("SELECT max(id) AS id FROM events")
    assert (after.events, first.events) == (row["id"], row["id"] - 3)


async def test_a_sum_of_everything_that_was_wrong_at_night_is_made_again_until_it_is_right() -> None:
    shop = await a_shop()
    await _refunded(shop)
    broken = Broken(next(name for name in invariants.WHOLE if name.startswith("balance")), "wrong")
    assert checks._standing([broken]) == {"payments": [], "invariants": [broken.name]}
    await rows(
        "INSERT INTO ledger_entries (merchant_id, store_id, connection_id, entry, debit, credit, amount, currency, "
        "accounting_date, booked_at, cause, leg, request_id) VALUES ($1, $2, $3, 'PROVE_REFUNDS', 'PSE_CLEARING', "
        "'PSE_BALANCE', 5, 'BRL', now(), now(), 'by hand', 1, $4) RETURNING id",
        shop.id, shop.store.id, shop.connection.id, CAUSE.request_id,
    )  # fmt: skip
    assert await _seen(whole=True) == {"balance"}
    assert await _seen() == {"balance"}


async def test_few_is_whole_where_the_few_are_all(owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    payments = [await _refunded(shop) for _ in range(3)]
    await owner_rows("UPDATE payments SET taken_by_bank = 20000 WHERE id = $1", payments[0].id)
    await owner_rows("ALTER TABLE refunds DISABLE TRIGGER USER")
    await owner_rows("UPDATE refunds SET sequence = 9, state = 'PENDING' WHERE payment_id = $1", payments[1].id)
    whole = await invariants.check()
    few = await invariants.check_few([payment.id for payment in payments])
    assert {broken.name.split(":")[0] for broken in whole} == {
        "counters", "payable", "paid", "taken", "overdrawn", "history", "stuck",
    }  # fmt: skip
    assert set(few) == set(whole)
    assert {one.payment_id for one in await invariants.check_few([payments[0].id])} == {payments[0].id, None}
