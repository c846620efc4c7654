"""A date that is wanted again is read from the reports as they are kept, where the night can fetch them no more."""

import asyncio
from collections.abc import AsyncIterator, Generator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest

from domain import invariants
from domain.models import Payment, Report, SettlementLine
from domain.platform.database import rows
from domain.pse.reporting import Built, ReportDownload
from domain.pse.vocabulary import BadAnswer, Method, Period, Wait
from domain.reconciliation import to_repeat
from jobs import reconciliation
from tests.conftest import Database
from tests.jobs.test_nights import Nightly, _line, _night
from tests.kit.factories import a_payment
from tests.kit.world import Lay, World, a_world
from tests.sandbox.client import SandboxClient

ZONE = ZoneInfo("America/Sao_Paulo")


@pytest.fixture
async def dlocal(books: Database, sandbox: SandboxClient) -> AsyncIterator[World]:
    async with a_world(sandbox.at("dlocal")) as made:
        yield made


class Once(Nightly):
    """A laboratory that lists what it has told before no more, but for what it is told to list."""

    def __init__(self) -> None:
        super().__init__()
        self.listed: list[str] = []

    def reports(
        self, period: Period
    ) -> Generator[httpx.Request | Wait, httpx.Response, Sequence[Built | ReportDownload]]:
        yield Wait(0)
        return [Built(name, "application/json", name.encode()) for name in self.listed]


@pytest.fixture
async def pse() -> Once:
    return Once()


@pytest.fixture
async def world(lay: Lay, pse: Once) -> World:
    return await lay(pse)


def _today() -> date:
    return datetime.now(UTC).astimezone(ZONE).date()


async def _wanted(world: World) -> set[date]:
    return await to_repeat.dates(world.shop.connection.id)


async def test_a_payment_that_is_registered_after_its_file_was_handed_in_has_its_lines_from_the_timetables_night(
    dlocal: World, ringing: str, tmp_path: Path
) -> None:
    world = dlocal
    reference = await world.sandbox.capture(10_000, method="PIX", currency="BRL", order="order-1")
    told = await world.sandbox.post("report", separator=",")
    path = tmp_path / told["name"]
    path.write_text(told["content"])
    await reconciliation.run(world.shop.connection.id, _today(), world.sender, path)
    assert await SettlementLine.filter(payment_id=None, type="CAPTURE").count() == 1
    assert await reconciliation.ring_the_night(datetime.now(UTC)) == 0
    payment = await a_payment(world.shop, reference=reference, method=Method.PIX, order="order-1")
    assert await reconciliation.ring_the_night(datetime.now(UTC)) == 1
    run = await reconciliation.run(world.shop.connection.id, _today(), world.sender)
    assert (run.state, [file["name"] for file in run.manifest["files"]]) == ("COMPLETED", [told["name"]])
    (line,) = await SettlementLine.filter(voided_at=None, type="CAPTURE")
    assert (line.payment_id, line.effect) == (payment.id, "CAPTURE")
    assert (await reconciliation.ring_the_night(datetime.now(UTC)), await invariants.check()) == (0, [])
    (again,) = await Report.filter(superseded_at=None)
    assert again.digest == (await Report.filter(superseded_at__isnull=False).get()).digest


async def test_what_a_pse_lists_once_is_read_again_as_it_is_kept(world: World, pse: Once) -> None:
    pse.told = {"a.csv": [_line("later")], "b.csv": []}
    pse.listed = ["a.csv", "b.csv"]
    await _night(world)
    pse.listed = []
    assert {file["run"] for file in (await _night(world)).manifest["files"]} == {1}, "nothing is wanted"
    payment = await a_payment(world.shop, reference="later")
    assert await _wanted(world) == {_today()}
    run = await _night(world)
    assert [(file["name"], file["run"]) for file in run.manifest["files"]] == [("a.csv", 3), ("b.csv", 3)]
    assert await _wanted(world) == set()
    news = await rows("SELECT count(*) AS n FROM report_news WHERE what = 'FETCHED'")
    assert news[0]["n"] == 2, "what is announced again meanwhile is still to be fetched"
    (line,) = await SettlementLine.filter(voided_at=None)
    assert (line.payment_id, await invariants.check()) == (payment.id, [])


async def test_what_is_fetched_counts_and_not_what_is_kept_under_its_name(world: World, pse: Once) -> None:
    pse.told, pse.listed = {"a.csv": [_line("later")]}, ["a.csv"]
    await _night(world)
    await a_payment(world.shop, reference="later")
    pse.told = {"a.csv": []}
    run = await _night(world)
    assert [file["name"] for file in run.manifest["files"]] == ["a.csv"]
    assert not await SettlementLine.filter(voided_at=None).exists()


async def test_what_is_kept_and_cannot_be_read_any_more_ends_the_run_and_stays_wanted(world: World, pse: Once) -> None:
    pse.told, pse.listed = {"a.csv": [_line("later")]}, ["a.csv"]
    await _night(world)
    await asyncio.gather(a_payment(world.shop, reference="later"))
    pse.told, pse.listed = {"a.csv": BadAnswer("torn")}, []
    run = await _night(world)
    assert (run.state, await _wanted(world)) == ("FAILED", {_today()})
    assert (await Payment.get(pse_reference="later")).taken_by_bank == 0
