"""Nights that go wrong: they end, say why, call a person, stay due, and hold up nothing else."""

from collections.abc import Generator, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import polars as pl
import pytest
from structlog.testing import capture_logs

from domain import invariants
from domain.models import Finding, Payment, ReconciliationRun
from domain.money import Money
from domain.platform.database import rows
from domain.pse.reporting import REPORT_SCHEMA, Built, ReadReport, ReportDownload, ReportFile
from domain.pse.vocabulary import BadAnswer, CapturedPayment, Method, PartlyListed, Period, Wait
from domain.reconciliation import nights
from jobs import reconciliation
from tests.kit.factories import OwnerRows, a_payment
from tests.kit.lab_connector import Lab
from tests.kit.world import Lay, World

ZONE = ZoneInfo("America/Sao_Paulo")


class Nightly(Lab):
    """A laboratory whose reports are what the test says: lines, or an error that reading them raises."""

    report_lag_days: int | None = 0

    def __init__(self) -> None:
        super().__init__()
        self.told: dict[str, list[dict[str, Any]] | Exception] = {}
        self.unlisted: Exception | None = None

    def payments(self, period: Period) -> Generator[httpx.Request | Wait, httpx.Response, Iterable[CapturedPayment]]:
        if self.unlisted is not None:
            raise self.unlisted
        return (yield from super().payments(period))

    def reports(
        self, period: Period
    ) -> Generator[httpx.Request | Wait, httpx.Response, Sequence[Built | ReportDownload]]:
        yield Wait(0)
        return [Built(name, "application/json", name.encode()) for name in self.told]

    def read_report(self, file: ReportFile, period: Period) -> ReadReport:
        lines = self.told[file.name]
        if isinstance(lines, Exception):
            raise lines
        day = period.business_date
        numbered = [{**line, "line": number, "business_date": day} for number, line in enumerate(lines, start=1)]
        return ReadReport(pl.LazyFrame(numbered, schema=dict(REPORT_SCHEMA)), "All lines are there.")


def _line(payment: str, kind: str = "capture", **more: Any) -> dict[str, Any]:
    line: dict[str, Any] = {
        "type": "CAPTURE",
        "state": "SUCCEEDED",
        "payment_reference": payment,
        "by_amount": False,
        "amount": 10_000,
        "currency": "BRL",
        "by_bank": False,
        "kind": kind,
        "booked_at": datetime.now(UTC),
    }
    return {**dict.fromkeys(REPORT_SCHEMA), **line, **more}


@pytest.fixture
async def pse() -> Nightly:
    return Nightly()


@pytest.fixture
async def world(lay: Lay, pse: Nightly) -> World:
    return await lay(pse)


def _today() -> date:
    return datetime.now(UTC).astimezone(ZONE).date()


async def _night(world: World, days_ago: int = 0) -> ReconciliationRun:
    day = _today() - timedelta(days=days_ago)
    return await reconciliation.run(world.shop.connection.id, day, world.sender)


async def _open(kind: str = "NIGHT_FAILED") -> list[Finding]:
    return await Finding.filter(kind=kind, resolved_at=None)


async def test_an_error_that_nobody_foresaw_ends_the_run_says_why_and_calls_a_person(
    world: World, pse: Nightly
) -> None:
    pse.told["a.csv"] = ZeroDivisionError("by nothing\x00\ud800")
    with capture_logs() as logs:
        run = await _night(world)
    assert run.state == "FAILED"
    assert "a.csv: unexpected ZeroDivisionError: by nothing" in str(run.error)
    (logged,) = [log for log in logs if log["log_level"] == "error"]
    assert logged["exc_info"]
    (finding,) = await _open("UNREADABLE_FILE")
    assert str(_today()) in finding.explanation
    assert "by nothing" in finding.explanation
    assert (finding.run_id, finding.amount, finding.currency) == (run.id, 0, "BRL")
    pse.told["a.csv"] = []
    assert (await _night(world)).state == "COMPLETED"
    assert await Finding.filter(resolved_at=None).count() == 0


async def test_a_night_that_fails_after_it_was_done_once_is_found_again(world: World, pse: Nightly) -> None:
    told: Sequence[list[dict[str, Any]] | Exception] = (BadAnswer("no"), [], BadAnswer("no"))
    for lines in told:
        pse.told["a.csv"] = lines
        run = await _night(world)
    assert (run.state, len(await _open("UNREADABLE_FILE")), await Finding.all().count()) == ("FAILED", 1, 1)


async def test_one_bad_report_holds_up_none_of_the_others_of_its_date(world: World, pse: Nightly) -> None:
    names = [(await a_payment(world.shop, amount=10_000)).pse_reference for _ in range(2)]
    pse.told = {"a.csv": BadAnswer("torn"), "b.csv": [_line(names[0])], "c.csv": RuntimeError("?"), "d.csv": []}
    pse.told["e.csv"] = [_line(names[1])]
    run = await _night(world)
    assert run.state == "FAILED"
    told = {file["name"]: "failed" in file for file in run.manifest["files"]}
    assert told == {"a.csv": True, "b.csv": False, "c.csv": True, "d.csv": False, "e.csv": False}
    assert (await rows("SELECT count(*) AS n FROM settlement_lines WHERE effect = 'CAPTURE'"))[0]["n"] == 2
    assert await invariants.check() == []


async def test_payments_whose_listing_cannot_be_read_hold_up_no_report_and_are_a_finding_until_they_are_read(
    world: World, pse: Nightly
) -> None:
    name = (await a_payment(world.shop, amount=10_000)).pse_reference
    pse.told["a.csv"], pse.unlisted = [_line(name)], BadAnswer("payment 7 has no amount")
    run = await _night(world)
    assert run.error == "the listing of payments: payment 7 has no amount"
    assert run.state == "FAILED"
    assert (await rows("SELECT count(*) AS n FROM settlement_lines WHERE effect = 'CAPTURE'"))[0]["n"] == 1
    (finding,) = await Finding.filter(resolved_at=None)
    assert (finding.kind, "payment 7 has no amount" in finding.explanation) == ("UNREADABLE_FILE", True)
    pse.told["b.csv"] = BadAnswer("torn")
    assert (await _night(world)).error == "the listing of payments: payment 7 has no amount; b.csv: torn"
    pse.told, pse.unlisted = {"a.csv": [_line(name)]}, None
    assert ((await _night(world)).state, await Finding.filter(resolved_at=None).values_list("fingerprint")) == (
        "COMPLETED",
        [(f"unreadable/{world.shop.connection.id}/b.csv",)],
    )
    pse.unlisted = BadAnswer("payment 7 has no amount")
    assert (await _night(world)).state == "FAILED"
    assert len(await _open("UNREADABLE_FILE")) == 2  # it is so once more


async def test_a_payment_whose_entry_cannot_be_read_keeps_no_other_from_being_registered(
    world: World, pse: Nightly
) -> None:
    listed = CapturedPayment("readable", Method.PIX, Money(10_000, "BRL"), datetime.now(UTC))
    pse.unlisted = PartlyListed("payment 7 has no amount.", [listed])
    run = await _night(world)
    assert (run.state, run.error) == ("FAILED", "the listing of payments: payment 7 has no amount.")
    assert await Payment.filter(pse_reference="readable").count() == 1
    assert len(await _open("UNREADABLE_FILE")) == 1


async def test_what_a_pse_calls_things_is_kept_whole_however_long_it_is(world: World, pse: Nightly) -> None:
    name = (await a_payment(world.shop, amount=10_000)).pse_reference
    order = "o" * 700
    pse.told["a.csv"] = [
        _line(name, "a type that Adyen invented after we were written"),
        _line("x" * 2_500 + "1", order_reference=order),
        _line("x" * 2_500 + "2", order_reference=order),
    ]
    run = await _night(world)
    assert run.error is None
    kinds = await rows("SELECT kind, order_reference FROM settlement_lines ORDER BY line")
    assert kinds[0]["kind"] == "a type that Adyen invented after we were written"
    assert kinds[1]["order_reference"] == order
    assert len(await _open("MISSING_IN_LEDGER")) == 2  # two payments of almost one name are two


async def test_a_date_is_never_forgotten_and_one_that_goes_on_failing_is_tried_ever_more_rarely(
    world: World, pse: Nightly, owner_rows: OwnerRows
) -> None:
    await owner_rows("UPDATE connections SET created_at = now() - interval '40 days'")
    now = datetime.now(UTC)
    assert await reconciliation.ring_the_night(now) == 14  # the newest, so many in a round
    assert len(await _open()) > 30  # and what nobody has done for days is seen
    pse.told["a.csv"] = BadAnswer("no")
    for days_ago in range(1, 15):
        await _night(world, days_ago)
    assert await reconciliation.ring_the_night(now) == 14  # now the older ones have their turn
    pauses = []
    for _ in range(9):
        await _night(world, 30)
        (row,) = await owner_rows("SELECT due_at - now() AS left FROM reconciliation_runs ORDER BY due_at DESC LIMIT 1")
        pauses.append(row["left"] / timedelta(hours=1))
    assert pauses[0] < 1
    assert pauses[-1] > 19
    await owner_rows("UPDATE reconciliation_runs SET due_at = now()")
    pse.told = {}
    for days_ago in range(1, 41):
        await _night(world, days_ago)
    assert (await reconciliation.ring_the_night(now), await _open()) == (0, [])


async def test_a_run_whose_process_died_is_repeated_when_its_lease_is_over(world: World, owner_rows: OwnerRows) -> None:
    await owner_rows("UPDATE connections SET created_at = now() - interval '1 day'")
    yesterday = _today() - timedelta(days=1)
    await nights.begin(world.shop.connection, yesterday)
    assert await reconciliation.ring_the_night(datetime.now(UTC)) == 0
    await owner_rows("UPDATE reconciliation_runs SET due_at = now()")
    assert await reconciliation.ring_the_night(datetime.now(UTC)) == 1
    assert (await _night(world, 1)).state == "NO_REPORT"


async def test_one_payment_that_was_registered_under_both_of_its_names_is_found(world: World, pse: Nightly) -> None:
    for name in ("pi_1", "ch_1"):
        await a_payment(world.shop, amount=10_000, reference=name)
    pse.told["a.csv"] = [_line("pi_1", payment_alias="ch_1")]
    assert (await _night(world)).state == "COMPLETED"
    (finding,) = await _open("AMOUNT_MISMATCH")
    assert (finding.amount, "ch_1" in finding.explanation) == (10_000, True)
