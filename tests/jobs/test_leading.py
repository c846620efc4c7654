"""Of several timetables one leads: real processes, killed and frozen; and the thawed one does nothing more."""

import signal
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from domain.platform import bell
from jobs.machine.children import Child
from tests.conftest import Database, Servers
from tests.kit.databases import with_name
from tests.kit.factories import OwnerRows, a_payment, a_refund, a_shop
from tests.kit.family import program, running, send, until
from tests.kit.world import quick_settings

_TAKEOVER_SECONDS_MAX = 15


async def _leader(owner: OwnerRows) -> int | None:
    """The process that leads, by the lock that PostgreSQL has granted."""
    found = await owner(
        "SELECT application_name AS name FROM pg_locks JOIN pg_stat_activity USING (pid) "
        "WHERE locktype = 'advisory' AND granted AND application_name LIKE 'estorno timetable %' "
        "AND datname = current_database()"
    )
    assert len(found) <= 1, "Two lead at once."
    return int(found[0]["name"].rsplit(" ", 1)[1]) if found else None


class Two:
    """Two timetables, each with a bell of its own, so that a test hears which one rings."""

    def __init__(self, children: list[Child], bells: list[Redis], owner: OwnerRows) -> None:
        self._children = children
        self._bells = bells
        self._owner = owner

    async def leader(self) -> int:
        """0 or 1, once one of them leads."""
        await until(lambda: _leader(self._owner), "one leads")
        pid = await _leader(self._owner)
        return next(number for number, child in enumerate(self._children) if child.process and child.process.pid == pid)

    async def leads(self, number: int) -> bool:
        process = self._children[number].process
        return process is not None and await _leader(self._owner) == process.pid

    def log(self, number: int) -> str:
        path = self._children[number].log
        return path.read_text() if path is not None else ""

    def send(self, number: int, sent: signal.Signals) -> None:
        send(self._children[number], sent)

    async def rung(self, number: int) -> bool:
        return bool(await self._bells[number].zcard(bell.REFUNDS_QUEUE))

    async def forget(self, number: int) -> None:
        await self._bells[number].flushdb()


@pytest.fixture
async def two(books: Database, servers: Servers, owner_rows: OwnerRows, redis_url: str, tmp_path: Path) -> Any:
    refund = await a_refund(shop := await a_shop(), await a_payment(shop))  # due for ever: there is no worker here
    assert refund.due_at is not None
    urls = [redis_url, with_name(servers.redis_url, "15")]
    children = [
        program(
            f"timetable-{number}",
            quick_settings(database_url=books.application_url, redis_url=url, sweep_seconds=0.1),
            "jobs.timetable",
            log=tmp_path / f"{number}.log",
        )
        for number, url in enumerate(urls)
    ]
    bells = [Redis.from_url(url) for url in urls]
    async with running(children):
        yield Two(children, bells, owner_rows)
    for client in bells:
        await client.flushdb()
        await client.aclose()


async def test_when_the_leader_dies_the_other_takes_over_in_time(two: Two) -> None:
    leader = await two.leader()
    await until(lambda: two.rung(leader), "the leader rings")
    assert not await two.rung(1 - leader), "Only the leader rings."
    two.send(leader, signal.SIGKILL)
    await until(lambda: two.leads(1 - leader), "the other one leads", _TAKEOVER_SECONDS_MAX)
    await until(lambda: two.rung(1 - leader), "the other one rings")


async def test_when_the_leader_freezes_the_other_takes_over_and_the_thawed_one_does_nothing_more(two: Two) -> None:
    leader = await two.leader()
    await until(lambda: two.rung(leader), "the leader rings")
    two.send(leader, signal.SIGSTOP)
    await until(lambda: two.leads(1 - leader), "the other one leads", _TAKEOVER_SECONDS_MAX)
    await until(lambda: two.rung(1 - leader), "the other one rings")
    await two.forget(leader)
    two.send(leader, signal.SIGCONT)

    await until(lambda: "timetable.lost" in two.log(leader), "the thawed one learns that it leads no more")
    assert not await two.rung(leader), "The thawed one rang although another one led."
    assert await two.leads(1 - leader)


async def test_postgresql_ends_the_connection_of_a_leader_that_says_nothing(
    books: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from domain.platform import alone
    from jobs.timetable import _LEADER_LOCK

    monkeypatch.setattr(alone, "SILENCE_SECONDS_MAX", 1.0)
    async with alone.guarding(books.application_url, _LEADER_LOCK) as silent:
        assert await silent.leads()
        async with alone.guarding(books.application_url, _LEADER_LOCK) as other:
            assert not await other.leads()
            await until(other.leads, "the silent one's lock is free", _TAKEOVER_SECONDS_MAX)
        ran: list[str] = []

        async def job() -> None:
            ran.append("ran")

        await silent.leading(job)()
        assert ran == []
        with pytest.raises(alone.NotLeading):
            await silent.confirm()


def test_the_limits_add_up() -> None:
    from domain.platform import alone
    from jobs import timetable

    assert alone.SILENCE_SECONDS_MAX + 2 * timetable._LEADER_TRY_SECONDS < _TAKEOVER_SECONDS_MAX
    assert timetable._LEADER_TRY_SECONDS * 3 < alone.SILENCE_SECONDS_MAX
