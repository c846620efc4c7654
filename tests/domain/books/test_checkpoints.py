"""Checkpoints of the ledger: balances are the same with and without them, and nothing that commits late is left out."""

import asyncio
import contextvars
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from domain import invariants
from domain.books import checkpoints, ledger
from domain.models import LedgerCheckpoint
from domain.models.ledger import Account
from domain.platform.database import for_all, rows, transaction
from domain.pse.vocabulary import Succeeded
from tests.kit.factories import Shop, a_payment, a_refund, a_shop, an_answer
from tests.kit.lines import balance

T = TypeVar("T")
pytestmark = pytest.mark.usefixtures("books")


async def _day(shop: Shop) -> None:
    refund = await a_refund(shop, await a_payment(shop, tax=1_800), 1_000)
    await an_answer(refund, Succeeded("D1"))


async def _alone(work: Coroutine[Any, Any, T]) -> T:
    """On a connection of the pool, while this test holds a transaction open on its own."""

    async def asked() -> T:
        with for_all("a test looks at everything"):
            return await work

    return await asyncio.create_task(asked(), context=contextvars.Context())


async def test_balances_are_the_same_whatever_part_of_the_ledger_lies_behind_a_checkpoint() -> None:
    shop, other = await a_shop(), await a_shop(name="Outra")
    today = datetime.now(UTC).date()
    asked: tuple[dict[str, Any], ...] = (
        {},
        {"connection_id": shop.connection.id},
        {"until": today - timedelta(days=3)},
        {"until": today},
    )
    for _ in range(2):
        await _day(shop)
        await _day(other)
        before = [await ledger.balances(shop.id, **one) for one in asked]
        assert await checkpoints.cut() > 0
        assert [await ledger.balances(shop.id, **one) for one in asked] == before
    assert before[0]
    await _day(shop)
    assert await balance(shop, Account.SALES_RETURNS) == 3 * 820
    assert await invariants.check() == []


async def test_what_an_open_transaction_has_booked_is_never_left_out() -> None:
    shop = await a_shop()
    payment = await a_payment(shop)
    await _day(shop)
    async with transaction():
        await a_refund(shop, payment, 500)
        await _alone(_day(shop))  # by another process, as it were
        assert await _alone(checkpoints.cut(patience_seconds=0.1)) == 0, "An entry with a lower id is not there yet."
    assert await checkpoints.cut() > 0
    assert await balance(shop, Account.SALES_RETURNS) == 500 + 2 * 820
    assert await invariants.check() == []


async def test_nothing_new_makes_no_checkpoint() -> None:
    await _day(await a_shop())
    made = await checkpoints.cut()
    assert await checkpoints.cut() == 0
    assert await LedgerCheckpoint.all().count() == made


async def test_two_that_cut_at_once_count_nothing_twice() -> None:
    shop = await a_shop()
    await _day(shop)
    before = await ledger.balances(shop.id)
    made = await asyncio.gather(*(_alone(checkpoints.cut()) for _ in range(5)))
    assert sum(made) == await LedgerCheckpoint.all().count() == max(made)
    assert await ledger.balances(shop.id) == before
    assert await invariants.check() == []


async def test_a_checkpoint_that_holds_something_else_than_the_ledger_is_told() -> None:
    await _day(await a_shop())
    await checkpoints.cut()
    await rows(
        "INSERT INTO ledger_checkpoints (until_entry, merchant_id, connection_id, account, currency, accounting_date, "
        "debits, credits, made_at) SELECT until_entry - 1, merchant_id, connection_id, account, currency, "
        "accounting_date, 1, 0, made_at FROM ledger_checkpoints WHERE account = 'SALES' LIMIT 1 RETURNING id"
    )
    (broken,) = await invariants.check()
    assert broken.name.startswith("checkpoints:")
    assert await invariants.check_few([]) == [], "Every 15 minutes nobody adds up all that was ever booked."
