"""People who take statements in, take them back and end accounts at the same moment, and while months are closed."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from datetime import date
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from domain import invariants
from domain.access.permissions import Role
from domain.bank import accounts, find, imports, look, proofs, withdrawing
from domain.books.trial_balance import trial_balance
from domain.models import BankAccount, BankLine, BankStatement, PayoutProof
from domain.models.ledger import Account
from domain.periods import closing
from domain.periods.months import Month
from domain.platform.settings import Settings
from domain.problems import InvalidState
from tests.conftest import Database
from tests.domain.bank.test_proofs import CAUSE, a_payout, a_sheet, an_account, hand_in, in_transit
from tests.domain.bank.test_told_again import an_ofx
from tests.kit.days import utc_today
from tests.kit.factories import OwnerRows, a_key, a_person, a_shop
from tests.kit.family import until
from tests.kit.world import quick_settings

pytestmark = pytest.mark.usefixtures("books")
WHY = "It is another account's."


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return quick_settings(files=str(tmp_path / "files"))


@pytest.fixture
async def owner(own_database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(own_database.owner_url)
    try:
        yield connection
    finally:
        await connection.close()


async def _one_behind_the_other(
    owner: asyncpg.Connection, account: BankAccount, *works: Coroutine[Any, Any, Any]
) -> Any:
    """Each begun when the one before waits for the account, which is then let go; what each gave or raised."""
    told = []
    async with owner.transaction():
        await owner.execute("SELECT 1 FROM bank_accounts WHERE id = $1 FOR NO KEY UPDATE", account.id)
        for work in works:
            told.append(asyncio.ensure_future(work))
            await until(lambda: _wait(owner, len(told)), "who waits for the account")
    return await asyncio.gather(*told, return_exceptions=True)


async def _wait(owner: asyncpg.Connection, count: int) -> bool:
    """Whether so many connections of the test's own database wait for locks."""
    await owner.execute("SELECT pg_stat_clear_snapshot()")  # else who is there is who was there at first
    found: int = await owner.fetchval(
        "SELECT count(DISTINCT l.pid) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid "
        "WHERE NOT l.granted AND a.datname = current_database()"
    )
    return found == count


@pytest.mark.parametrize("first", ["withdraw", "end"])
async def test_a_statement_is_taken_back_while_its_account_ends(
    settings: Settings, owner: asyncpg.Connection, first: str
) -> None:
    shop = await a_shop()
    ana, account = await an_account(shop)
    bia = a_person(shop, "bia", Role.ACCOUNTANT)
    made = await hand_in(ana, account.id, an_ofx(("1.00", "F1", "X")), settings)
    works = [withdrawing.withdraw(ana, made.id, WHY, CAUSE), accounts.end(bia, account.id, CAUSE)]
    told = await _one_behind_the_other(owner, account, *(works if first == "withdraw" else works[::-1]))
    assert [one for one in told if isinstance(one, BaseException)] == []
    now = await BankAccount.get(id=account.id)
    assert (now.number, now.ended_at is None, await find.lines(ana, None, None).count()) == (None, False, 0)
    with pytest.raises(InvalidState, match="has ended"):
        await imports.hand_in(ana, account.id, made.file_id, settings, CAUSE)
    _, other = await an_account(shop)  # the same account at the bank, known anew
    assert (await imports.hand_in(ana, other.id, made.file_id, settings, CAUSE)).new_lines == 1
    assert [one for one in await invariants.check() if one.name.startswith("bank")] == []


async def test_two_people_hand_in_one_statement_at_the_same_moment_and_it_counts_once(
    settings: Settings, owner: asyncpg.Connection
) -> None:
    shop = await a_shop()
    ana, account = await an_account(shop)
    bia = a_person(shop, "bia", Role.ACCOUNTANT)
    await a_payout(shop)
    given = a_sheet((utc_today(), "TED po_1A2B3C", "100,00"), (utc_today(), "X", "1,00"), (utc_today(), "X", "1,00"))
    told = await _one_behind_the_other(
        owner,
        account,
        hand_in(ana, account.id, given, settings),  # each has uploaded a file of their own
        hand_in(bia, account.id, given, settings),
    )
    assert sorted(one.new_lines for one in told) == [0, 3]
    assert [one.lines for one in told] == [3, 3]
    assert (await BankLine.all().count(), await PayoutProof.all().count(), await in_transit(shop)) == (3, 1, -10_000)
    one = await BankStatement.get(new_lines=3)
    same = [imports.hand_in(who, account.id, one.file_id, settings, CAUSE) for who in (ana, bia)]
    assert {row.id for row in await _one_behind_the_other(owner, account, *same)} == {one.id}


async def test_what_a_statement_has_proven_is_taken_back_in_the_open_month_when_its_own_is_closed(
    settings: Settings, unguarded_rows: OwnerRows
) -> None:
    shop = await a_shop()
    ana, account = await an_account(shop)
    bia = a_person(shop, "bia", Role.ACCOUNTANT)
    payout = await a_payout(shop, days_ago=45)
    month = Month.of(utc_today(-35))
    made = await hand_in(ana, account.id, a_sheet((utc_today(-40), "TED po_1A2B3C", "100,00")), settings)
    await unguarded_rows("UPDATE ledger_entries SET accounting_date = $1", month.last_day)
    proposed = await closing.propose(ana, month, "Nights before we began.", a_key(), CAUSE)
    await closing.confirm(bia, proposed.id, CAUSE)

    async def at_the_bank(day: date) -> int:
        told = await trial_balance(ana, day, day)
        return sum(one.closing for one in told.rows if one.account is Account.BANK)

    assert await at_the_bank(month.last_day) == 10_000
    with pytest.raises(InvalidState, match="void that proof first"):
        await withdrawing.withdraw(ana, made.id, WHY, CAUSE)
    await proofs.void(ana, payout.id, WHY, CAUSE)
    await withdrawing.withdraw(ana, made.id, WHY, CAUSE)
    assert (await at_the_bank(month.last_day), await at_the_bank(utc_today())) == (10_000, 0)
    _, other = await an_account(shop)
    await imports.hand_in(ana, other.id, made.file_id, settings, CAUSE)
    await look.look(shop.id, CAUSE)
    assert (await at_the_bank(month.last_day), await at_the_bank(utc_today())) == (10_000, 10_000)
    assert [one for one in await invariants.check() if one.name.startswith(("bank", "closed", "period"))] == []
