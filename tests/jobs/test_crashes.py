"""Real processes, killed in the middle: the refund ends right and was paid once, by the sandbox's own log."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from redis.asyncio import Redis

from domain import invariants
from domain.models import Attempt, Call, Payment, Refund
from domain.models.refunds import State
from domain.platform import bell
from jobs.machine.children import Child
from tests.conftest import Database
from tests.kit.factories import OwnerRows, a_payment, a_refund, a_shop, sent_earlier
from tests.kit.family import program
from tests.kit.forked import ForkedChild
from tests.kit.world import World, quick_settings
from tests.sandbox.client import SandboxClient

_WAIT_SECONDS_MAX = 60


@asynccontextmanager
async def processes(
    books: Database,
    redis_url: str,
    *modules: tuple[str, ...],
    log: Path | None = None,
    limits: Mapping[str, float] = {},
) -> AsyncIterator[list[Child]]:
    """Programs of ours, with a short lease unless `limits` (seconds) say otherwise, on the test's own database."""
    settings = quick_settings(
        database_url=books.application_url, redis_url=redis_url, sweep_seconds=0.5, log_level="warning", **limits
    )
    children = [
        ForkedChild(module[0], module, env=settings.environment(), log=log)
        if module[0] == "-c"
        else program(module[0], settings, *module, log=log)
        for module in modules
    ]
    for child in children:
        child.start()
    try:
        yield children
    finally:
        for child in children:
            child.stop()


async def until(condition: Callable[[], "asyncio.Future[bool]"] | Callable[[], object], what: str) -> None:
    give_up = time.monotonic() + _WAIT_SECONDS_MAX
    while True:
        found = condition()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return
        assert time.monotonic() < give_up, f"Not in time: {what}"
        await asyncio.sleep(0.05)


async def _ended(refund: Refund) -> bool:
    return (await Refund.get(id=refund.id)).state in (State.SUCCEEDED, State.FAILED)


async def _asked(sandbox: SandboxClient, payment: Payment) -> bool:
    return await sandbox.refund_requests(payment.pse_reference) > 0


@pytest.fixture
async def paying(world: World, ringing: str) -> World:
    """The world with the bell connected, so that requests wake the worker processes."""
    return world


@pytest.mark.parametrize("mood", ["slow", "hang"])
async def test_a_worker_killed_in_the_middle_of_a_call_leaves_a_refund_that_ends_right_and_is_paid_once(
    paying: World, books: Database, redis_url: str, mood: str
) -> None:
    payment = await paying.payment(mood, seconds=20)
    async with processes(books, redis_url, ("jobs.worker", "refunds"), ("jobs.timetable",)) as (worker, _):
        refund = await a_refund(paying.shop, payment, 6_000)
        await until(lambda: _asked(paying.sandbox, payment), "the request arrives")
        assert worker.process is not None
        worker.process.kill()
        client = Redis.from_url(redis_url)
        await client.flushall()
        await client.aclose()
        worker.process.wait()
        await paying.sandbox.post("moods", payment=payment.pse_reference, moods=[])
        worker.start()
        await until(lambda: _ended(refund), "the refund ends")
    assert (await Refund.get(id=refund.id)).state is State.SUCCEEDED
    assert await paying.sandbox.paid(payment.pse_reference) == 6_000
    assert (await Attempt.get(refund_id=refund.id, number=1)).outcome == "IN_DOUBT"
    assert await invariants.check() == []


async def test_valkey_flushed_all_the_time_costs_time_and_nothing_else(
    paying: World, books: Database, redis_url: str
) -> None:
    payments = [await paying.payment() for _ in range(10)]
    client = Redis.from_url(redis_url)
    async with processes(books, redis_url, ("jobs.worker", "refunds"), ("jobs.timetable",)):
        made = []
        for payment in payments:
            made.append(await a_refund(paying.shop, payment, 6_000))
            await client.flushall()
        for refund in made:
            await until(lambda refund=refund: _ended(refund), "the refund ends")
    await client.aclose()
    paid = [await paying.sandbox.paid(payment.pse_reference) for payment in payments]
    assert paid == [6_000] * 10
    assert await invariants.check() == []


async def test_a_refund_that_nobody_was_rung_for_is_found_by_the_sweep(
    world: World, books: Database, redis_url: str
) -> None:
    payment = await world.payment()
    refund = await a_refund(world.shop, payment, 6_000)  # the bell is not connected here: nobody hears it
    async with processes(books, redis_url, ("jobs.worker", "refunds"), ("jobs.timetable",)):
        await until(lambda: _ended(refund), "the refund ends")
    assert await world.sandbox.paid(payment.pse_reference) == 6_000


async def test_a_worker_told_to_stop_finishes_the_call_under_way(
    paying: World, books: Database, redis_url: str
) -> None:
    payment = await paying.payment("slow", seconds=0.7)
    # It is stopped before the answer is there; how late that comes to a busy machine is not the subject.
    limits = {"send_limit_seconds": 6.0, "job_timeout_seconds": 8.0, "lease_seconds": 20.0}
    async with processes(books, redis_url, ("jobs.worker", "refunds"), limits=limits) as (worker,):
        refund = await a_refund(paying.shop, payment, 6_000)
        await until(lambda: _asked(paying.sandbox, payment), "the request arrives")
        await asyncio.to_thread(worker.stop)  # the sandbox answers from this very loop
    assert (await Refund.get(id=refund.id)).state is State.SUCCEEDED
    assert await Attempt.filter(refund_id=refund.id).count() == 1


async def test_two_workers_stopped_and_continued_pay_once(paying: World, books: Database, redis_url: str) -> None:
    payment = await paying.payment("slow", seconds=0.5)
    modules = ("jobs.worker", "refunds")
    async with processes(books, redis_url, modules, modules, ("jobs.timetable",)) as (one, two, _):
        refund = await a_refund(paying.shop, payment, 6_000)
        await until(lambda: _asked(paying.sandbox, payment), "the request arrives")
        assert one.process is not None
        assert two.process is not None
        frozen = psutil.Process(one.process.pid), psutil.Process(two.process.pid)
        for process in frozen:
            process.suspend()
        await asyncio.sleep(5)  # longer than the lease
        for process in frozen:
            process.resume()
        await until(lambda: _ended(refund), "the refund ends")
    assert (await Refund.get(id=refund.id)).state is State.SUCCEEDED
    assert await paying.sandbox.paid(payment.pse_reference) == 6_000
    assert await invariants.check() == []


# A worker's step as a process of its own: arq would cancel it as it thaws, and what guards the books is behind that.
_STEP = """
import asyncio, sys
from uuid import UUID
from domain.addresses import names
from domain.platform.database import connected
from domain.platform.log import configure
from domain.platform.settings import Settings
from jobs.wire.sender import sender
from jobs.refunds import step

async def main():
    settings = Settings.read()
    configure(settings)
    names.open_places(settings.private_hosts)
    async with connected(settings.database_url), sender(settings.secret_key, settings.send_limit_seconds) as sending:
        await step(UUID(sys.argv[-1]), sending, settings)

asyncio.run(main())
"""


@pytest.mark.parametrize("when", ["before the send", "during the call"])
async def test_a_worker_frozen_past_its_lease_neither_sends_nor_writes_when_it_thaws(
    world: World, books: Database, redis_url: str, owner_rows: OwnerRows, tmp_path: Path, when: str
) -> None:
    sandbox, before = world.sandbox, when == "before the send"
    if before:
        await sandbox.post("tokens", moods=["slow"], forget=True)
    payment = await world.payment("ok" if before else "slow", seconds=0.6)
    refund = await a_refund(world.shop, payment, 6_000)
    async with processes(books, redis_url, ("-c", _STEP, str(refund.id)), log=tmp_path / "step.log") as (frozen,):
        await until(lambda: _called(refund, "TOKEN") if before else _arrived(sandbox, payment), "it calls")
        assert frozen.process is not None
        frozen.process.send_signal(signal.SIGSTOP)
        async with processes(books, redis_url, ("jobs.worker", "refunds"), ("jobs.timetable",)):
            await until(lambda: Attempt.exists(refund_id=refund.id, number=1, ended_at__isnull=False), "it is lost")
            await sent_earlier(owner_rows, "1 minute")  # what the PSE does not know by now never arrived
            await until(lambda: _ended(refund), "the worker finishes")
        frozen.process.send_signal(signal.SIGCONT)
        await until(lambda: frozen.exit_code() == 0, "it thaws and ends")
    assert "refund.answer_refused" in (tmp_path / "step.log").read_text()
    assert (await Refund.get(id=refund.id)).state is State.SUCCEEDED
    assert await sandbox.paid(payment.pse_reference) == 6_000
    assert await sandbox.refund_requests(payment.pse_reference) == 1
    outcomes = [attempt.outcome for attempt in await Attempt.filter(refund_id=refund.id).order_by("number")]
    assert outcomes == (["IN_DOUBT", "SUCCEEDED"] if before else ["IN_DOUBT"])
    assert await invariants.check() == []


async def _called(refund: Refund, purpose: str) -> bool:
    return await Call.exists(refund_id=refund.id, purpose=purpose)


async def _arrived(sandbox: SandboxClient, payment: Payment) -> bool:
    """A call is written down before it leaves: that it has arrived only the PSE knows."""
    return await sandbox.refund_requests(payment.pse_reference) > 0


def test_a_job_in_the_queue_is_json_and_pickle_is_not_read() -> None:
    class Attack:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, ("touch pwned",)

    import pickle

    with pytest.raises(ValueError, match=r"."):
        bell.deserialize(pickle.dumps(Attack()))
    assert not Path("pwned").exists()
    assert bell.deserialize(bell.serialize({"f": bell.REFUND, "a": ("id",)})) == {"f": "refund", "a": ["id"]}


async def test_a_second_timetable_waits_until_the_leader_is_gone(
    books: Database, redis_url: str, sandbox: SandboxClient
) -> None:
    shop = await a_shop(base_url=f"{sandbox.url}/pix/v2", token_url=f"{sandbox.url}/oauth/token")
    modules = (("jobs.timetable",), ("jobs.timetable",), ("jobs.worker", "refunds"))
    async with processes(books, redis_url, *modules) as (leader, _, _worker):
        assert leader.process is not None
        leader.process.send_signal(signal.SIGKILL)
        payment = await a_payment(shop, reference=await sandbox.capture(10_000))
        refund = await a_refund(shop, payment, 1_000)
        await until(lambda: _ended(refund), "the other timetable sweeps")
