"""How nights stand for an operator: awaited without a finding, late with one, running with its progress, done."""

import asyncio
from collections.abc import Generator, Sequence
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest

from domain.access.tokens import Role
from domain.models import Connection, Finding, ReconciliationRun
from domain.platform.database import rows
from domain.pse.expected import MERCHANT, Covers, Lag
from domain.pse.reporting import Built, ReadReport, ReportDownload, ReportFile
from domain.pse.vocabulary import BadAnswer, NotYet, Period, Wait
from domain.reconciliation import expected, listed, nights, progress, standing
from domain.reconciliation.expected import Contract
from domain.reconciliation.listed import WantedNights
from domain.reconciliation.progress import Phase
from domain.reconciliation.standing import Night, NightState
from jobs import reconciliation
from tests.jobs.test_nights import ZONE, Nightly, _line
from tests.kit.factories import CAUSE, OwnerRows, a_payment, a_person
from tests.kit.world import Lay, World


class Making(Nightly):
    """A laboratory that is still making its report, or has made one that proves nothing or contradicts itself."""

    def __init__(self) -> None:
        super().__init__()
        self.making = False
        self.said: dict[str, str | None] = {}

    def reports(
        self, period: Period
    ) -> Generator[httpx.Request | Wait, httpx.Response, Sequence[Built | ReportDownload]]:
        if self.making:
            raise NotYet("The laboratory is still making the report.")
        return (yield from super().reports(period))

    def read_report(self, file: ReportFile, period: Period) -> ReadReport:
        read = super().read_report(file, period)
        return ReadReport(read.lines, self.said.get("completeness"), self.said.get("contradicted"))


@pytest.fixture
async def pse() -> Making:
    return Making()


@pytest.fixture
async def world(lay: Lay, pse: Making, owner_rows: OwnerRows) -> World:
    made = await lay(pse)
    await owner_rows("UPDATE connections SET created_at = now() - interval '9 days'")
    return made


def _day(days: int = 0) -> date:
    return datetime.now(UTC).astimezone(ZONE).date() + timedelta(days=days)


async def _run(world: World, days: int = -1) -> ReconciliationRun:
    return await reconciliation.run(world.shop.connection.id, _day(days), world.sender)


async def _stands(world: World, days: int = -1) -> Night:
    found = await listed.one(world.shop.id, world.shop.connection.id, _day(days))
    assert found is not None
    return found


async def _agreed(world: World, covers: Covers, days: int) -> None:
    keeper = a_person(world.shop, "ana", Role.ACCOUNTANT)
    contract = Contract(covers, Lag(days, of_banks=False), "23:59", MERCHANT, (), None)
    await expected.set_for(keeper, world.shop.connection.id, contract, CAUSE)


async def _open() -> list[str]:
    return sorted(one.fingerprint.split("/")[0] for one in await Finding.filter(resolved_at=None))


async def test_a_report_that_is_still_made_is_waited_for_without_a_finding_and_late_with_one(
    world: World, pse: Making, owner_rows: OwnerRows
) -> None:
    pse.making = True
    await _agreed(world, Covers.DATE, 3)
    run, stands = await _run(world), await _stands(world)
    assert (run.state, run.error, run.failures, await _open()) == ("WAITING", None, 0, [])
    assert (stands.state, stands.reason) == (NightState.WAITING_FOR_PSE, "The laboratory is still making the report.")
    assert stands.until is not None
    assert stands.until > datetime.now(UTC)
    assert await reconciliation.ring_the_night(datetime.now(UTC)) >= 1  # the other dates: this one was asked for lately
    await owner_rows("UPDATE reconciliation_runs SET due_at = now()")
    await reconciliation.ring_the_night(datetime.now(UTC))
    assert await Finding.filter(fingerprint=nights.name_of(world.shop.connection.id, _day(-1))).count() == 0
    await _agreed(world, Covers.DATE, 0)
    assert ((await _run(world)).state, (await _stands(world)).state) == ("FAILED", NightState.LATE)
    assert (await _stands(world)).since is not None
    night = await Finding.get(fingerprint=nights.name_of(world.shop.connection.id, _day(-1)))
    assert "late since" in night.explanation
    pse.making, pse.told = False, {"a.csv": []}
    assert (await _run(world)).state == "COMPLETED"
    await night.refresh_from_db()
    assert night.resolved_at is not None


async def test_a_run_that_fails_while_its_report_is_awaited_has_failed_and_says_why(world: World, pse: Making) -> None:
    await _agreed(world, Covers.DATE, 3)
    pse.making = True
    await _run(world)
    pse.making, pse.told = False, {"a.csv": BadAnswer("torn")}
    await _run(world)
    assert ((await _stands(world)).state, (await _stands(world)).reason) == (NightState.FAILED, "a.csv: torn")


async def test_a_done_night_is_complete_unproven_or_contradicted_as_its_files_are(world: World, pse: Making) -> None:
    seen = []
    pse.told = {"a.csv": []}
    proofs: Sequence[dict[str, str | None]] = (
        {"completeness": "Its totals agree."},
        {},
        {"completeness": "Its totals agree.", "contradicted": "A row is signed twice."},
    )
    for pse.said in proofs:
        await _run(world)
        seen.append((await _stands(world)).state)
    assert seen == [NightState.COMPLETE, NightState.UNPROVEN, NightState.CONTRADICTED]
    assert (await _stands(world, 0)).state is NightState.WAITING_FOR_PSE  # today has not ended
    run = await _run(world, 0)
    assert (run.state, (await _stands(world, 0)).state) == ("COMPLETED", NightState.WAITING_FOR_PSE)
    assert {"expected", "calendars"} <= set(run.manifest)


async def test_a_night_without_a_report_is_late_when_money_moved_and_no_later_report_tells_of_it(
    world: World, pse: Making
) -> None:
    await _agreed(world, Covers.PERIOD, 2)
    await a_payment(world.shop, amount=10_000, days_ago=4)
    day = (datetime.now(UTC) - timedelta(days=4)).astimezone(ZONE).date()
    ago = (day - _day()).days
    for days in (ago, ago - 1, -1):
        await _run(world, days)
    states = [(await _stands(world, days)).state for days in (ago, ago - 1, -1)]
    assert states == [NightState.LATE, NightState.NO_REPORT, NightState.WAITING_FOR_PSE]
    for _ in range(2):
        await standing.call_about_late(world.shop.connection, datetime.now(UTC))
        assert await _open() == ["late"]
    finding = await Finding.get(resolved_at=None)
    assert (finding.kind, finding.detail["date"]) == ("NIGHT_FAILED", str(day))
    pse.told = {"batch.csv": []}
    assert (await _run(world, -1)).state == "COMPLETED"
    assert (await _stands(world, ago)).state is NightState.NO_REPORT
    await standing.call_about_late(world.shop.connection, datetime.now(UTC))
    assert await _open() == []


async def test_nothing_is_awaited_where_a_pse_publishes_nothing_or_a_connection_has_no_nights_yet(
    world: World, owner_rows: OwnerRows
) -> None:
    await _agreed(world, Covers.NOTHING, 1)
    assert (await _stands(world)).state is NightState.NO_REPORT
    assert await listed.one(world.shop.id, world.shop.connection.id, _day(1)) is None
    assert await listed.one(world.shop.id, world.shop.connection.id, _day(-20)) is None
    await owner_rows("UPDATE connections SET state = 'SUSPENDED'")
    assert await listed.one(world.shop.id, world.shop.connection.id, _day(-1)) is None


async def test_pages_of_nights_have_each_night_once_whatever_their_size(world: World, pse: Making) -> None:
    pse.told = {"a.csv": []}
    for days in (-2, -5):
        await _run(world, days)
    wanted = WantedNights(start=_day(-7), end=_day(-1))
    whole = await listed.page(world.shop.id, wanted, 100, None)
    assert [one.business_date for one in whole.nights] == [_day(-days) for days in range(1, 8)]
    for size in (1, 3, 7):
        seen: list[Night] = []
        after, more = None, True
        while more:
            page = await listed.page(world.shop.id, wanted, size, after)
            seen, after, more = [*seen, *page.nights], page.place, page.more
        assert [one.business_date for one in seen] == [one.business_date for one in whole.nights], size
    done = await listed.page(world.shop.id, WantedNights(states=frozenset({NightState.UNPROVEN})), 100, None)
    assert [one.business_date for one in done.nights] == [_day(-2), _day(-5)]


async def test_a_run_tells_its_phase_and_rows_outside_of_its_transaction_and_stands_as_running(
    world: World, pse: Making, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_WRITE_SECONDS", 0.01)
    name = (await a_payment(world.shop, amount=10_000)).pse_reference
    pse.told = {"a.csv": [_line(name)]}
    run = await nights.begin(world.shop.connection, _day(-1))
    async with progress.telling(run):
        progress.at(Phase.STORING, 5)
        progress.further(2)
        for _ in range(200):
            told = await progress.of_run(run.id)
            assert told is not None
            if told.rows_done == 2:
                break
            await asyncio.sleep(0.01)
    assert told is not None
    assert (told.state, told.phase, told.rows_done, told.rows_total) == ("RUNNING", "STORING", 2, 5)
    assert told.seconds_left is not None
    assert (await _stands(world)).state is NightState.RUNNING
    assert await progress.after_each([(run.id, told.changes)], 9) == [[]]
    finished = await _run(world)
    last = (await progress.after_each([(run.id, told.changes)], 9))[0]
    assert [(one.state, one.ended, one.phase) for one in last] == [("COMPLETED", True, None)]
    assert finished.manifest["speed"] > 0
    progress.at(Phase.READING)  # nobody listens: nothing happens
    (row,) = await rows("SELECT phase FROM reconciliation_runs WHERE id = $1", run.id)
    assert row["phase"] is not None


async def test_a_run_whose_process_died_has_failed_for_whoever_looks(world: World, owner_rows: OwnerRows) -> None:
    await nights.begin(world.shop.connection, _day(-1))
    await owner_rows("UPDATE reconciliation_runs SET due_at = now() - interval '1 second'")
    stands = await _stands(world)
    assert (stands.state, "begun again" in str(stands.reason)) == (NightState.FAILED, True)
    assert await Connection.filter(id=world.shop.connection.id).exists()
