"""Every 15 minutes what has changed is compared, at night everything, and neither forgets what stands."""

from uuid import uuid4

import pytest

from domain import checks, invariants
from domain.invariants import BrokenInvariant
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
    broken = BrokenInvariant(next(name for name in invariants.WHOLE if name.startswith("balance")), "wrong")
    assert checks._standing([broken]) == {"more": False, "payments": [], "invariants": [broken.name]}
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


async def _overdrawn(shop: Shop, owner_rows: OwnerRows) -> Payment:
    """More has left than was captured, as the books say, too, and nobody was told."""
    payment = await a_payment(shop)
    await an_answer(await a_refund(shop, payment), Succeeded(f"D-{payment.id}"))
    await owner_rows("UPDATE payments SET taken_by_bank = captured WHERE id = $1", payment.id)
    await owner_rows(
        "INSERT INTO ledger_entries (merchant_id, store_id, connection_id, payment_id, entry, debit, credit, amount, "
        "  currency, accounting_date, booked_at, cause, leg, request_id) "
        "SELECT merchant_id, store_id, connection_id, id, 'TAKEN', 'SUSPENSE', 'PSE_CLEARING', captured, currency, "
        "  now(), now(), 'taken/' || id, 1, 'x' FROM payments WHERE id = $1",
        payment.id,
    )
    return payment


@pytest.mark.parametrize("state", ["RUNNING", "FAILED"])
@pytest.mark.parametrize("whole", [False, True])
async def test_what_a_night_excuses_is_seen_when_the_night_is_done(
    owner_rows: OwnerRows, state: str, *, whole: bool
) -> None:
    shop = await a_shop()
    assert await _seen() == set()
    run = await _a_run(shop, state)
    await _overdrawn(shop, owner_rows)
    for _ in range(2):
        assert await _seen(whole=whole) == set()
    await ReconciliationRun.filter(id=run.id).update(state="COMPLETED")
    for _ in range(2):
        assert await _seen() == {"overdrawn", "suspense"}


async def test_what_stands_is_not_forgotten_in_a_night_that_excuses_it(owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    assert await _seen() == set()
    await _overdrawn(shop, owner_rows)
    assert await _seen() == {"overdrawn", "suspense"}
    run = await _a_run(shop, "RUNNING")
    assert await _seen() == set()
    await ReconciliationRun.filter(id=run.id).update(state="COMPLETED")
    assert await _seen() == {"overdrawn", "suspense"}


async def test_of_more_violations_than_are_remembered_none_is_forgotten(
    owner_rows: OwnerRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "_STANDING_MAX", 2)
    shop = await a_shop()
    payments = [await _refunded(shop) for _ in range(3)]
    assert await _seen() == set()
    for payment in payments:
        await owner_rows(_SPOIL, payment.id, 7)
    assert len(await checks.compare(whole=True)) == 2
    for broken in await checks.compare(whole=False):
        await owner_rows(_SPOIL, broken.payment_id, 0)
    assert await _seen() == {"taken"}


async def _a_run(shop: Shop, state: str) -> ReconciliationRun:
    return await ReconciliationRun.create(
        id=uuid4(),
        merchant_id=shop.id,
        connection_id=shop.connection.id,
        business_date=today(-1),
        state=state,
        manifest={},
    )
