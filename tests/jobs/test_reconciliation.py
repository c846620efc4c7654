"""The night as it runs: listing, registering, reconciling, against the sandbox; missed nights are caught up."""

import contextlib
import resource
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from redis.asyncio import Redis

from domain import invariants
from domain.books import ledger
from domain.findings.findings import FindingKind
from domain.models import Connection, Finding, Payment, ReconciliationRun
from domain.models.ledger import Account
from domain.platform import bell
from domain.reconciliation import reconcile as domain_reconciliation
from jobs import reconciliation
from tests.kit.factories import OwnerRows, a_refund, a_shop
from tests.kit.world import World

ZONE = ZoneInfo("America/Sao_Paulo")


def _today() -> datetime:
    return datetime.now(UTC).astimezone(ZONE)


async def test_a_night_registers_what_was_captured_and_proves_what_left(world: World) -> None:
    await world.sandbox.capture(5_000)
    payment = await world.payment()
    await world.finish(await a_refund(world.shop, payment, 6_000))
    run = await reconciliation.run(world.shop.connection.id, _today().date(), world.sender)
    assert (run.state, run.error) == ("COMPLETED", None)
    assert await Payment.filter(connection_id=world.shop.connection.id).count() == 2
    balances = {row.account: row.balance for row in await ledger.balances(world.shop.id)}
    log = await world.sandbox.get("log")
    assert balances[Account.PSE_BALANCE] == log["balance"] - log["opening"]
    assert balances.get(Account.PSE_CLEARING, 0) == 0
    assert (await Finding.all().count(), await invariants.check()) == (0, [])


async def test_more_payments_than_a_page_holds_are_all_read(world: World) -> None:
    wanted = [{"amount": 100 + number, "key": "sp@loja"} for number in range(1_101)]
    await world.sandbox.post("payments", payments=wanted)
    run = await reconciliation.run(world.shop.connection.id, _today().date(), world.sender)
    assert run.state == "COMPLETED"
    assert await Payment.all().count() == 1_101


@contextlib.contextmanager
def _room_for(count: int) -> Iterator[None]:
    """No file of this process becomes larger than so many bytes, as if its disk were full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_night_without_room_on_its_disk_says_so_and_what_to_do_and_is_due_again(
    world: World, tmp_path: Path
) -> None:
    too_large = tmp_path / "report.json"
    too_large.write_bytes(b" " * (4 << 20))
    with _room_for(2 << 20):
        run = await reconciliation.run(world.shop.connection.id, _today().date(), world.sender, too_large)
    assert run.state == "FAILED"
    assert run.due_at is not None
    assert "has no room: make some, or name a larger one in TMPDIR" in (run.error or "")
    assert await Finding.filter(kind=FindingKind.NIGHT_FAILED).count() == 1
    assert await Finding.all().count() == 1  # the report is not to blame


@pytest.mark.parametrize("mood", ["refused", "lost"])
async def test_a_night_whose_pse_is_down_says_so_and_can_be_repeated(world: World, mood: str) -> None:
    await world.sandbox.post("tokens", moods=[mood] * 20)
    run = await reconciliation.run(world.shop.connection.id, _today().date(), world.sender)
    assert run.state == "FAILED"
    assert run.error
    await world.sandbox.post("tokens", moods=[])
    await world.sender.close()  # and with it the breaker, whose patience is not what is tested here
    run = await reconciliation.run(world.shop.connection.id, _today().date(), world.sender)
    assert (run.state, run.times) == ("COMPLETED", 2)


async def test_missed_nights_are_rung_for_until_they_are_done(
    world: World, ringing: str, owner_rows: OwnerRows
) -> None:
    await owner_rows("UPDATE connections SET created_at = now() - interval '3 days'")
    yesterday = (_today() - timedelta(days=1)).date()
    assert await reconciliation.ring_the_night(datetime.now(UTC)) == 3
    await reconciliation.run(world.shop.connection.id, yesterday, world.sender)
    assert await reconciliation.ring_the_night(datetime.now(UTC)) == 2
    client = Redis.from_url(ringing)
    assert await client.zcard(bell.BATCH_QUEUE) == 5
    await client.aclose()


@pytest.mark.parametrize(
    ("zone", "today", "hours"),
    [
        # America/Santiago skips the midnight of 6 September 2026 and has the hour before that of 5 April 2026 twice.
        ("America/Santiago", date(2026, 9, 8), {date(2026, 9, 5): 24, date(2026, 9, 6): 23}),
        ("America/Santiago", date(2026, 4, 7), {date(2026, 4, 4): 25, date(2026, 4, 5): 24}),
    ],
)
async def test_around_a_change_of_the_clock_each_missed_date_is_rung_for_once_and_no_moment_is_left_out(
    world: World, ringing: str, owner_rows: OwnerRows, zone: str, today: date, hours: dict[date, int]
) -> None:
    await owner_rows("UPDATE merchants SET zone = $1", zone)
    first = datetime.combine(today - timedelta(days=5), time(12), ZoneInfo(zone))
    await owner_rows("UPDATE connections SET created_at = $1", first)
    client = Redis.from_url(ringing)
    expected = [today - timedelta(days=days) for days in range(5, 0, -1)]
    for minute in (0, 30, 23 * 60 + 30):  # whatever the hour of that day, the same dates are missing
        now = datetime.combine(today, time(0), ZoneInfo(zone)).astimezone(UTC) + timedelta(minutes=minute)
        await client.flushdb()
        assert await reconciliation.ring_the_night(now) == len(expected)
        assert sorted(await _rung(client)) == [f"{world.shop.connection.id}/{day}" for day in expected]
    await client.aclose()
    periods = [await domain_reconciliation.period_of(world.shop.connection, day) for day in expected]
    assert all(one.end == other.start for one, other in pairwise(periods))
    lengths = {
        day: (period.end - period.start) / timedelta(hours=1) for day, period in zip(expected, periods, strict=True)
    }
    assert {day: lengths[day] for day in hours} == hours


async def _rung(client: Redis) -> list[str]:
    """What the jobs in Valkey are about."""
    jobs = [await client.get(name) for name in await client.keys("arq:job:*")]
    return [bell.deserialize(job)["a"][0] for job in jobs if job is not None]


async def test_the_night_of_a_day_that_has_not_ended_is_not_rung_for(world: World, ringing: str) -> None:
    assert await reconciliation.ring_the_night(datetime.now(UTC)) == 0


async def test_a_disabled_connection_has_no_nights(world: World, ringing: str, owner_rows: OwnerRows) -> None:
    await owner_rows("UPDATE connections SET created_at = now() - interval '3 days', enabled = false")
    assert await reconciliation.ring_the_night(datetime.now(UTC)) == 0


async def test_each_merchant_has_nights_of_its_own(world: World) -> None:
    other = await a_shop(base_url=f"{world.sandbox.url}/pix/v2", token_url=f"{world.sandbox.url}/oauth/token")
    for shop in (world.shop, other):
        await reconciliation.run(shop.connection.id, _today().date(), world.sender)
    assert await ReconciliationRun.all().count() == 2
    assert await Connection.all().count() == 2
