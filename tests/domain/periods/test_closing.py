"""A month is closed by two people; what is booked into it later lands in the open one, and its figures never change."""

import asyncio
import contextvars
from collections.abc import Coroutine
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar
from uuid import uuid4

import asyncpg
import pytest
from tortoise.exceptions import BaseORMException

from domain import invariants
from domain.access.principal import Principal
from domain.access.tokens import Role
from domain.books import ledger
from domain.books.trial_balance import By, trial_balance
from domain.cause import Cause
from domain.languages import LOCALES
from domain.models import Finding, LedgerEntry, PeriodClosing, ReconciliationRun
from domain.models.ledger import Entry
from domain.periods import after_closing, closing, kept, preview
from domain.periods.months import Month
from domain.periods.preview import Obstacle
from domain.platform.database import for_all, rows, transaction
from domain.problems import Forbidden, IdempotencyConflict, InvalidInput, InvalidState, NotFound
from tests.kit import nights
from tests.kit.days import utc_today
from tests.kit.factories import OwnerRows, Shop, a_key, a_payment, a_person, a_refund, a_shop

T = TypeVar("T")
pytestmark = pytest.mark.usefixtures("books")
CAUSE = Cause("request-of-the-month", "tester")


def _closed() -> Month:
    return Month.of(utc_today(-35))


def _before() -> Month:
    return Month.of(_closed().first_day - timedelta(days=1))


def _days_ago(day: date) -> float:
    noon = datetime.combine(day, time(15), tzinfo=UTC)
    return (datetime.now(UTC) - noon).total_seconds() / 86_400


def _people(shop: Shop) -> tuple[Principal, Principal]:
    return a_person(shop, "Ana", Role.ACCOUNTANT), a_person(shop, "Bia", Role.ACCOUNTANT)


async def _in(shop: Shop, day: date, amount: int = 10_000) -> None:
    await a_payment(shop, days_ago=_days_ago(day), amount=amount, tax=1_800)


async def _close(shop: Shop, month: Month | None = None, why: str | None = "Nights before we began.") -> PeriodClosing:
    ana, bia = _people(shop)
    proposed = await closing.propose(ana, month or _closed(), why, a_key(), CAUSE)
    return await closing.confirm(bia, proposed.id, CAUSE)


async def _alone(work: Coroutine[Any, Any, T]) -> T:
    """On a connection of the pool, while this test holds a transaction open on its own."""

    async def asked() -> T:
        with for_all("a test looks at everything"):
            return await work

    return await asyncio.create_task(asked(), context=contextvars.Context())


async def _shown(shop: Shop, month: Month) -> list[tuple[Any, ...]]:
    told = await trial_balance(shop.id, month.first_day, month.last_day, [By.CONNECTION, By.STORE])
    return [(one.account, one.store_code, one.currency, one.opening, one.debits, one.credits) for one in told.rows]


async def _kept(row: PeriodClosing) -> list[tuple[Any, ...]]:
    return [
        (one["account"], one["store_code"], one["currency"], one["opening"], one["debits"], one["credits"])
        for one in await kept.balances(row.id)
    ]


@pytest.mark.parametrize(
    "text", ["9999-12", "0001-01", "1999-12", "2026-13", "2026-1", "2026-00", "２０２６-01", "", "x" * 5000]
)
def test_a_month_that_no_books_have_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        Month.parse(text)
    assert str(Month.parse("2026-02").last_day) == "2026-02-28"


async def test_what_is_closed_is_kept_and_later_entries_are_booked_in_the_open_month_and_told_once() -> None:
    shop, other = await a_shop(), await a_shop(name="Outra")
    for day in (_before().last_day, _closed().first_day, _closed().last_day, _closed().next.first_day):
        await _in(shop, day)
        await _in(other, day)
    shown = await _shown(shop, _closed())
    row = await _close(shop)
    assert sorted(await _kept(row)) == sorted(shown)
    assert (row.confirmed_by, row.proposed_by) == ("Bia", "Ana")
    assert row.last_entry == max(
        [one.id async for one in LedgerEntry.filter(merchant_id=shop.id, accounting_date__lte=_closed().last_day)]
    )
    await _in(shop, _closed().first_day, amount=7_000)
    await _in(shop, _before().first_day, amount=5_000)
    await _in(other, _closed().first_day)
    moved = await LedgerEntry.filter(belongs_to__isnull=False).order_by("id")
    assert {(one.accounting_date, one.merchant_id) for one in moved} == {(_closed().next.first_day, shop.id)}
    assert [one.belongs_to for one in moved] == [_closed().first_day] * 2 + [_before().first_day] * 2
    assert await _shown(shop, _closed()) == shown
    assert await closing.closed(shop.id, _closed()) is not None
    assert await closing.closed(shop.id, _closed().next) is None
    assert [await after_closing.tell(), await after_closing.tell()] == [1, 0]
    found = await Finding.get(kind="AFTER_CLOSING")
    assert (found.amount, found.currency, found.connection_id) == (12_000, "BRL", shop.connection.id)
    await rows("UPDATE findings SET resolved_at = now(), resolution = 'Told to Carla.' RETURNING id")
    await _in(shop, _closed().first_day, amount=3_000)
    assert await after_closing.tell() == 1
    again = await Finding.get(kind="AFTER_CLOSING")
    assert (again.amount, again.resolved_at, again.detail["entries"]) == (15_000, None, 6)
    assert str(_closed()) in again.explanation
    assert await invariants.check() == []


async def test_a_month_opens_with_what_the_one_before_has_closed_with() -> None:
    shop = await a_shop()
    for day in (_before().first_day, _closed().first_day):
        await _in(shop, day)
    await _close(shop, _before())
    await _in(shop, _before().first_day)
    shown = await _shown(shop, _closed())
    assert sorted(await _kept(await _close(shop, _closed()))) == sorted(shown)
    assert await invariants.check() == []


async def test_whoever_proposed_it_does_not_close_it_and_months_are_closed_in_order_when_they_are_over() -> None:
    shop = await a_shop()
    ana, bia = _people(shop)
    for outsider in (a_person(shop, "Eva", Role.SUPPORT), a_person(shop, "Eva", Role.AUDITOR)):
        with pytest.raises(Forbidden):
            await closing.propose(outsider, _closed(), "x", a_key(), CAUSE)
    with pytest.raises(InvalidInput, match="can be closed from"):
        await closing.propose(ana, Month.of(utc_today()), "x", a_key(), CAUSE)
    key = a_key()
    older = await closing.propose(ana, _closed(), "As the nights began later.", key, CAUSE)
    assert await closing.propose(ana, _closed(), "As the nights began later.", key, CAUSE) == older
    with pytest.raises(IdempotencyConflict):
        await closing.propose(ana, _closed(), "Another word.", key, CAUSE)
    proposed = await closing.propose(ana, _closed(), "Once more.", a_key(), CAUSE)
    with pytest.raises(InvalidState) as gone:
        await closing.confirm(bia, older.id, CAUSE)
    assert gone.value.current_state == "WITHDRAWN"
    for same in (ana, a_person(shop, "ＡＮＡ", Role.ACCOUNTANT)):
        with pytest.raises(Forbidden, match="another person"):
            await closing.confirm(same, proposed.id, CAUSE)
    stranger = await a_shop(name="Outra")
    with pytest.raises(NotFound):
        await closing.confirm(a_person(stranger, "Bia", Role.ACCOUNTANT), proposed.id, CAUSE)
    await closing.confirm(bia, proposed.id, CAUSE)
    for month, problem in ((_closed(), InvalidState), (_before(), InvalidState), (_closed().next.next, InvalidInput)):
        with pytest.raises(problem):
            await closing.propose(ana, month, "x", a_key(), CAUSE)
    with pytest.raises(InvalidState, match="waits for nobody"):
        await closing.withdraw(ana, proposed.id, CAUSE)


async def test_what_stands_against_it_is_said_and_wants_a_word(owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    ana, _ = _people(shop)
    await _in(shop, _closed().first_day)
    assert await preview.against(shop.id, _closed()) == []  # the connection is younger
    await a_refund(shop, await a_payment(shop, days_ago=_days_ago(_closed().first_day)), 1_000)
    await rows("UPDATE connections SET state = 'ACTIVE' RETURNING id")
    (first,) = {one.obstacle for one in await preview.against(shop.id, Month.of(utc_today(3)))} - {
        Obstacle.NIGHTS_NOT_DONE
    }
    assert first is Obstacle.RUNNING_REFUNDS
    await Finding.create(
        id=uuid4(), merchant_id=shop.id, connection_id=shop.connection.id, kind="CONTRADICTION", fingerprint="x",
        amount=1, currency="BRL", detail={}, explanation="x", action="x",
    )  # fmt: skip
    await owner_rows("UPDATE findings SET created_at = $1", datetime.combine(_closed().first_day, time(15), UTC))
    with pytest.raises(InvalidInput, match=r"OPEN_FINDINGS \(1\)"):
        await closing.propose(ana, _closed(), None, a_key(), CAUSE)
    row = await _close(shop, why="The bank answers next week.")
    assert row.against == [{"obstacle": "OPEN_FINDINGS", "count": 1, "examples": ["CONTRADICTION"]}]


@pytest.mark.parametrize("state", ["ACTIVE", "SUSPENDED"])
async def test_a_night_that_ran_before_its_day_was_over_stands_against_it_and_so_do_those_of_what_is_suspended(
    owner_rows: OwnerRows, state: str
) -> None:
    shop = await a_shop()
    last = _closed().last_day
    began = datetime.combine(last, time(18), UTC)
    await owner_rows("UPDATE connections SET state = $1, created_at = $2", state, began)
    night = await ReconciliationRun.create(
        id=uuid4(), merchant_id=shop.id, connection_id=shop.connection.id, business_date=last, state="COMPLETED",
        manifest={}, finished_at=began,
    )  # fmt: skip
    (against,) = await preview.against(shop.id, _closed())
    assert (against.obstacle, against.examples) == (Obstacle.NIGHTS_NOT_DONE, (f"{shop.connection.name} {last}",))
    await ReconciliationRun.filter(id=night.id).update(finished_at=began + timedelta(hours=12))
    assert await preview.against(shop.id, _closed()) == []


async def test_every_obstacle_has_words_in_each_language() -> None:
    for one in Obstacle:
        assert len({one.in_words(locale) for locale in LOCALES}) == len(LOCALES)


async def _late(shop: Shop, cause: str) -> None:
    """An entry that belongs to the month, as any program books it."""
    posting = ledger.Posting(
        shop.id, shop.store.id, shop.connection.id, Entry.FX_DIFFERENCE, 5, "BRL", _closed().last_day, cause, "late"
    )
    await ledger.post([posting])


async def test_who_books_while_the_month_is_closed_is_either_in_it_or_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop = await a_shop()
    ana, bia = _people(shop)
    await _in(shop, _closed().first_day)
    proposed = await closing.propose(ana, _closed(), "x", a_key(), CAUSE)
    async with transaction():
        await _late(shop, "open")
        with pytest.raises(InvalidState) as busy:
            await _alone(closing.confirm(bia, proposed.id, CAUSE, patience_seconds=0.2))
        assert busy.value.current_state == "BUSY"
    entered, waited = asyncio.Event(), asyncio.Event()
    keep = kept.keep

    async def slowly(row: PeriodClosing) -> None:
        await keep(row)
        entered.set()
        await waited.wait()

    monkeypatch.setattr(kept, "keep", slowly)
    confirming = asyncio.create_task(_alone(closing.confirm(bia, proposed.id, CAUSE)))
    await entered.wait()
    posters = [asyncio.create_task(_alone(_late(shop, f"meanwhile-{one}"))) for one in range(3)]
    today = asyncio.create_task(_alone(a_payment(shop)))
    await today  # what is of today is not held up
    done, _ = await asyncio.wait(posters, timeout=0.2)
    assert not done
    waited.set()
    await confirming
    await asyncio.gather(*posters)
    dates = {one.cause: one.accounting_date for one in await LedgerEntry.filter(request_id="late")}
    assert dates.pop("open") == _closed().last_day
    assert set(dates.values()) == {_closed().next.first_day}
    (stray,) = await invariants.check()
    assert stray.name.startswith("fx: "), "no conversion stands behind these, and nothing else is wrong"


async def test_a_report_of_a_closed_month_is_booked_in_the_open_one_flagged_and_again_is_nothing() -> None:
    shop = await a_shop()
    payment = await a_payment(shop, days_ago=_days_ago(_closed().last_day))
    row = await _close(shop)
    figures = await _kept(row)
    days = (_closed().last_day - nights.today()).days
    for _ in range(2):
        run = await nights.run_pix(shop, nights.pix_of(payment), days=days)
        assert run.state == "COMPLETED", run.error
        (proof,) = await LedgerEntry.filter(entry=Entry.PROVE_CAPTURES)
        assert (proof.accounting_date, proof.belongs_to) == (_closed().next.first_day, _closed().last_day)
    assert [await after_closing.tell(), await after_closing.tell()] == [1, 0]
    assert (await Finding.get(kind="AFTER_CLOSING")).amount == payment.captured
    assert await _kept(row) == figures
    assert await invariants.check() == []


async def test_of_two_who_close_at_once_one_does() -> None:
    shop = await a_shop()
    await _in(shop, _closed().first_day)
    ana, bia = _people(shop)
    proposed = await closing.propose(ana, _closed(), None, a_key(), CAUSE)
    told = await asyncio.gather(
        *(_alone(closing.confirm(bia, proposed.id, CAUSE)) for _ in range(4)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in told) == ["InvalidState"] * 3 + ["PeriodClosing"]
    assert await invariants.check() == []


FORGED = (
    "UPDATE period_closings SET why = 'x'",
    "UPDATE period_closings SET confirmed_at = NULL, confirmed_by = NULL, confirmed_by_id = NULL, digest = NULL, "
    "last_entry = NULL, chain_position = NULL",
    "DELETE FROM period_closings",
    "UPDATE closed_balances SET debits = 0",
    "DELETE FROM closed_balances",
    "UPDATE ledger_entries SET accounting_date = belongs_to, belongs_to = NULL WHERE belongs_to IS NOT NULL",
)


async def test_the_database_itself_opens_no_month_and_takes_no_entry_into_a_closed_one(owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    await _in(shop, _closed().first_day)
    await _close(shop)
    await _in(shop, _closed().first_day)
    for attack in FORGED:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="kept as written"):
            await owner_rows(attack)
    copy = (
        "INSERT INTO ledger_entries (merchant_id, store_id, connection_id, entry, debit, credit, amount, currency, "
        "accounting_date, belongs_to, cause, leg, request_id, booked_at) SELECT merchant_id, store_id, connection_id, "
        "entry, debit, credit, amount, currency, $1, $2, $3, leg, request_id, now() FROM ledger_entries LIMIT 1"
    )
    await owner_rows(copy, _closed().first_day, None, "by hand")
    assert (await LedgerEntry.get(cause="by hand")).accounting_date == _closed().next.first_day
    with pytest.raises(asyncpg.CheckViolationError):
        await owner_rows(copy, utc_today(), utc_today(), "forged")
    own: dict[str, Any] = {"merchant_id": shop.id, "proposed_by": "Ana", "proposed_by_id": uuid4(), "against": []}
    one_person = PeriodClosing.create(
        **own, first_day=_closed().next.first_day, last_day=_closed().next.last_day, confirmed_by="Bia",
        confirmed_by_id=own["proposed_by_id"], confirmed_at=datetime.now(UTC), last_entry=0, chain_position=0,
        digest="x",
    )  # fmt: skip
    with pytest.raises(BaseORMException, match="other_people|over"):
        await one_person
    with pytest.raises(BaseORMException, match="a_month"):
        await PeriodClosing.create(**own, first_day=_closed().first_day, last_day=_closed().first_day)
    await owner_rows("BEGIN ISOLATION LEVEL REPEATABLE READ")
    with pytest.raises(asyncpg.PostgresError, match="read what is committed"):
        await owner_rows(copy, _closed().first_day, None, "unseen")
    await owner_rows("ROLLBACK")


async def test_figures_that_are_not_those_of_the_ledger_are_told(unguarded_rows: OwnerRows) -> None:
    shop = await a_shop()
    await _in(shop, _closed().first_day)
    await _close(shop)
    harm = (
        "UPDATE closed_balances SET debits = debits + 1, credits = credits + 1 WHERE account = 'PSE_CLEARING'",
        "UPDATE ledger_entries SET accounting_date = $1 WHERE leg = 2",
        "UPDATE period_closings SET last_entry = 0",
    )
    for one in harm:
        async with _undone(unguarded_rows):
            await unguarded_rows(one, *([utc_today()] if "$1" in one else []))
            assert {broken.name.split(":")[0] for broken in await _asked(unguarded_rows)} == {"closed"}, one
    assert await invariants.check() == []


class _undone:
    """Harm that is done, looked at on its own connection, and taken back."""

    def __init__(self, hand: OwnerRows) -> None:
        self._hand = hand

    async def __aenter__(self) -> None:
        await self._hand("BEGIN")

    async def __aexit__(self, *_: object) -> None:
        await self._hand("ROLLBACK")


async def _asked(hand: OwnerRows) -> list[invariants.BrokenInvariant]:
    (name,) = [name for name in invariants.INVARIANTS if name.startswith("closed:")]
    return [invariants.BrokenInvariant(name, row["detail"]) for row in await hand(invariants.INVARIANTS[name])]


async def test_what_stands_against_it_since_it_was_proposed_wants_a_word_of_its_own(owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    ana, bia = _people(shop)
    await _in(shop, _closed().first_day)
    before = datetime.combine(_closed().last_day, time(18), UTC)
    await owner_rows("UPDATE connections SET state = 'ACTIVE', created_at = $1", before)
    proposed = await closing.propose(ana, _closed(), "Its last night is not there.", a_key(), CAUSE)
    assert [one["obstacle"] for one in proposed.against] == ["NIGHTS_NOT_DONE"]
    found = await Finding.create(
        id=uuid4(), merchant_id=shop.id, connection_id=shop.connection.id, kind="CONTRADICTION", fingerprint="x",
        amount=1, currency="BRL", detail={}, explanation="x", action="x",
    )  # fmt: skip
    await owner_rows("UPDATE findings SET created_at = $1", before)
    with pytest.raises(InvalidState, match=r"since: OPEN_FINDINGS \(1\)"):
        await closing.confirm(bia, proposed.id, CAUSE)
    await owner_rows("UPDATE findings SET resolved_at = now(), resolution = 'x' WHERE id = $1", found.id)
    assert (await closing.confirm(bia, proposed.id, CAUSE)).confirmed_at is not None
