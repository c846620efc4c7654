"""Reports by upload, by the watched folder and from a PSE's own server: entered once, or refused in a sentence."""

import asyncio
import gzip
import hashlib
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncssh
import polars as pl
import pytest
from tortoise.exceptions import IntegrityError

from domain import invariants
from domain.access import people
from domain.access.people import PersonState
from domain.access.principal import Principal
from domain.access.tokens import Role
from domain.cause import Cause
from domain.connections import connections
from domain.connections.connections import NewConnection
from domain.files import tickets
from domain.files.tickets import NewFile
from domain.findings import work
from domain.findings.work import Resolution
from domain.models import Connection, Deed, Finding, HandedReport, ReconciliationRun, ReportSource, Store
from domain.models import Report as Kept
from domain.models.files import Purpose
from domain.models.findings import ClosingReason as FindingReason
from domain.platform.database import rows
from domain.problems import Forbidden, IdempotencyConflict, InvalidInput, InvalidState, NotFound
from domain.pse.reporting import BadReport, ReadReport, ReportFile
from domain.pse.vocabulary import Period
from domain.reconciliation import confirming, listed, nights, sources
from domain.reconciliation import handed_in as room
from domain.reconciliation.sources import NewSource
from domain.reconciliation.unpacked import NotUnpacked, report_name, unpacked
from jobs import handed_in, inbox, reconciliation
from jobs import sources as visits
from jobs.cli import commands
from jobs.cli.commands import Reconciled
from tests.domain.reconciliation.test_ssh_keys import rsa_key
from tests.domain.refunds.test_parties import a_signed_in
from tests.jobs.test_night_dates import Unpublished
from tests.jobs.test_nights import ZONE, _line
from tests.kit.factories import CAUSE, KEY, SECRETS, OwnerRows, a_key, a_payment, a_person
from tests.kit.world import Lay, World, quick_settings

Folder = Callable[..., Path]


class Dated(Unpublished):
    """A laboratory whose lines are of yesterday, whatever date their file is read for."""

    def read_report(self, file: ReportFile, period: Period) -> ReadReport:
        read = super().read_report(file, period)
        return replace(read, lines=read.lines.with_columns(business_date=pl.lit(_day())))


@pytest.fixture
async def pse() -> Dated:
    return Dated()


@pytest.fixture
async def world(lay: Lay, pse: Dated, tmp_path: Path) -> World:
    made = await lay(pse)
    return replace(made, settings=quick_settings(home=tmp_path / "home"))


def _day(days: int = -1) -> date:
    return datetime.now(UTC).astimezone(ZONE).date() + timedelta(days=days)


async def _uploaded(world: World, name: str, content: bytes) -> UUID:
    async def chunks() -> AsyncIterator[bytes]:
        yield content

    keeper = a_person(world.shop, "ana", Role.ACCOUNTANT)
    new = NewFile(Purpose.SETTLEMENT_REPORT, name, len(content), hashlib.sha256(content).hexdigest())
    file = (await tickets.announce(keeper, new, world.settings, CAUSE)).file
    await tickets.take_in(file, chunks(), world.settings)
    return file.id


async def _hand_in(world: World, name: str, content: bytes = b"a report", day: date | None = None) -> HandedReport:
    keeper = a_person(world.shop, "ana", Role.ACCOUNTANT)
    file_id = await _uploaded(world, name, content)
    row = await room.upload(keeper, world.shop.connection.id, day, file_id, a_key(), CAUSE)
    await handed_in.take(row.id, world.sender, world.settings)
    row = await HandedReport.get(id=row.id)
    return await _confirmed(world, row) if row.state == "PROPOSED" else row


async def _confirmed(world: World, row: HandedReport) -> HandedReport:
    """Another person's yes, and what comes of it."""
    await confirming.confirm(a_person(world.shop, "bo", Role.ACCOUNTANT), row.id, row.sha256, CAUSE)
    await handed_in.take(row.id, world.sender, world.settings)
    return await HandedReport.get(id=row.id)


async def _lines(world: World, times: int = 1, **more: Any) -> list[dict[str, Any]]:
    return [_line((await a_payment(world.shop, amount=10_000)).pse_reference, **more) for _ in range(times)]


async def _in_force() -> list[tuple[str, date]]:
    reports = await Kept.filter(superseded_at=None).order_by("name")
    return [(one.name, one.business_date) for one in reports]


async def test_an_upload_is_entered_for_its_own_date_and_again_it_is_harmless(world: World, pse: Dated) -> None:
    lines = pse.told["a.csv"] = await _lines(world)
    row = await _hand_in(world, "a.csv.gz", gzip.compress(b"a report"))
    assert (row.state, row.business_date, row.said) == ("TAKEN", _day(), f"It was entered for {_day()}.")
    assert (await _in_force(), row.run_id is not None, row.due_at) == ([("a.csv", _day())], True, None)
    again = await _hand_in(world, "a.csv", b"a report")
    assert (again.state, again.said) == ("KNOWN", f"It is a.csv of {_day()}, which is here already.")
    under_another_name = await _hand_in(world, "a (1).csv", b"a report")
    assert under_another_name.state == "KNOWN"
    pse.told["b.csv"] = []
    beside = await _hand_in(world, "b.csv", b"another", _day())
    assert (beside.state, beside.said) == ("TAKEN", f"It was entered for {_day()}, beside a.csv.")
    pse.told["a.csv"] = [*lines, *await _lines(world)]
    revised = await _hand_in(world, "a.csv", b"a revised report")
    assert revised.state == "TAKEN"
    assert "in place of the a.csv that came at" in str(revised.said)
    older = await _hand_in(world, "a.csv", b"a report")
    assert (older.state, "a newer one replaced" in str(older.said)) == ("REFUSED", True)
    assert (await _in_force(), await Finding.filter(resolved_at=None).count()) == (
        [("a.csv", _day()), ("b.csv", _day())],
        0,
    )
    assert await invariants.check() == []


async def test_what_cannot_be_used_is_refused_in_a_sentence_and_moves_nothing(world: World, pse: Dated) -> None:
    pse.told = {
        "torn.csv": BadReport("torn.csv", "It is cut.", line=7),
        "odd.csv": ZeroDivisionError("?"),
        "empty.csv": [],
        "mine.csv": await _lines(world),
    }
    bomb = gzip.compress(bytes(40 * 1024 * 1024))
    cases = [
        (await _hand_in(world, "torn.csv"), "cannot be read as a report of lab: torn.csv, line 7: It is cut."),
        (await _hand_in(world, "odd.csv", b"odd"), "is it a report of lab?"),
        (await _hand_in(world, "empty.csv", b"empty"), "says no date"),
        (await _hand_in(world, "bomb.csv.gz", bomb), "unpacks to more than 16 MiB"),
        (await _hand_in(world, "cut.csv.gz", gzip.compress(os.urandom(99))[:50]), "was it cut?"),
        (await _hand_in(world, "mine.csv", b"mine", _day(-40)), f"of {_day()} to {_day()}, and not of {_day(-40)}"),
    ]
    for row, why in cases:
        assert (row.state, row.run_id, why in str(row.said)) == ("REFUSED", None, True), row.said
    assert (await _in_force(), await Finding.filter(resolved_at=None).count()) == ([], 0)
    assert await rows("SELECT 1 AS one FROM reconciliation_runs") == []
    taken = await _hand_in(world, "mine.csv", b"mine")
    assert taken.state == "TAKEN"
    elsewhere = await _hand_in(world, "mine.csv", b"mine, revised", _day(-2))
    assert (elsewhere.state, f"is the report of {_day()} here" in str(elsewhere.said)) == ("REFUSED", True)


async def test_a_file_of_another_connection_is_refused_by_that_ones_name(world: World, pse: Dated) -> None:
    new = NewConnection(
        pse="lab",
        name="lab-second",
        base_url=world.shop.connection.base_url,
        client_id="second",
        secrets=SECRETS,
        default_store_id=(await Store.get(merchant_id=world.shop.id)).id,
    )
    second = replace(world.shop, connection=await connections.create(world.shop.id, new, KEY))
    pse.told["theirs.csv"] = [_line((await a_payment(second, amount=10_000)).pse_reference)]
    row = await _hand_in(world, "theirs.csv")
    assert (row.state, "a file of lab-second, not of lab-main: 1 of the 1" in str(row.said)) == ("REFUSED", True)
    there = await _hand_in(replace(world, shop=second), "theirs.csv")
    assert there.state == "TAKEN"
    again = await _hand_in(world, "theirs.csv")
    assert f"It is theirs.csv of {_day()} of lab-second, not of lab-main." == again.said


async def test_who_may_not_hand_in_does_not_and_what_is_not_there_is_not_handed_in(world: World) -> None:
    keeper, robot = (a_person(world.shop, "ana", role) for role in (Role.ACCOUNTANT, Role.SUPPORT))
    file_id, here = await _uploaded(world, "a.csv", b"a"), world.shop.connection.id
    with pytest.raises(Forbidden):
        await room.upload(robot, here, None, file_id, a_key(), CAUSE)
    for wrong, of, file, day in (
        (NotFound, uuid4(), file_id, None),
        (NotFound, here, uuid4(), None),
        (InvalidInput, here, file_id, _day(2)),
    ):
        with pytest.raises(wrong):
            await room.upload(keeper, of, day, file, a_key(), CAUSE)
    key = a_key()
    one = await room.upload(keeper, here, None, file_id, key, CAUSE)
    assert (await room.upload(keeper, here, None, file_id, key, CAUSE)).id == one.id
    with pytest.raises(IdempotencyConflict):
        await room.upload(keeper, here, _day(), file_id, key, CAUSE)
    with pytest.raises(InvalidState):
        await room.upload(keeper, here, None, file_id, a_key(), CAUSE)  # it waits for its turn already
    assert await HandedReport.all().count() == 1
    for day in (date(1, 1, 1), date(1999, 12, 31), date(2019, 1, 1), _day(-500)):
        with pytest.raises(InvalidInput):
            await room.repeat(keeper, here, day, a_key(), CAUSE)
    with pytest.raises(InvalidInput):
        await room.upload(keeper, here, date(1, 1, 1), await _uploaded(world, "b.csv", b"b"), a_key(), CAUSE)
    assert (await room.repeat(keeper, here, _day(-300), a_key(), CAUSE)).id == here


async def test_an_upload_that_could_not_be_entered_has_its_turn_again(
    world: World, pse: Dated, owner_rows: OwnerRows
) -> None:
    pse.told["a.csv"] = await _lines(world)
    keeper = a_person(world.shop, "ana", Role.ACCOUNTANT)
    row = await room.upload(
        keeper, world.shop.connection.id, None, await _uploaded(world, "a.csv", b"a"), a_key(), CAUSE
    )
    await handed_in.take(row.id, world.sender, replace(world.settings, files=str(world.settings.home / "elsewhere")))
    await row.refresh_from_db()
    assert (row.state, row.tries, "cannot be had just now" in str(row.said)) == ("WAITING", 1, True)
    await handed_in.take(row.id, world.sender, world.settings)  # it is not its turn
    await owner_rows("UPDATE handed_reports SET due_at = now()")
    await handed_in.take(row.id, world.sender, world.settings)
    await row.refresh_from_db()
    assert (row.state, row.tries, row.due_at) == ("PROPOSED", 2, None)
    row = await _confirmed(world, row)
    assert (row.state, row.tries) == ("TAKEN", 1)
    # A worker that died after the night, and before it said so.
    await owner_rows("UPDATE handed_reports SET state = 'WAITING', due_at = now(), done_at = NULL")
    await handed_in.take(row.id, world.sender, world.settings)
    await row.refresh_from_db()
    assert (row.state, await _in_force()) == ("KNOWN", [("a.csv", _day())])
    assert await invariants.check() == []


async def test_what_a_person_hands_in_is_no_pses_word_until_another_person_has_seen_it_and_says_yes(
    world: World, pse: Dated
) -> None:
    payment = await a_payment(world.shop, amount=10_000)
    pse.told["a.csv"] = [_line(payment.pse_reference)]
    ana, bo, robot = (
        a_person(world.shop, *one) for one in (("ana", Role.ACCOUNTANT), ("bo", Role.ADMIN), ("cy", Role.SUPPORT))
    )
    here = world.shop.connection.id
    row = await room.upload(ana, here, None, await _uploaded(world, "a.csv", b"a"), a_key(), CAUSE)
    await handed_in.take(row.id, world.sender, world.settings)
    await row.refresh_from_db()
    assert (row.state, await _in_force()) == ("PROPOSED", [])
    assert row.preview == {
        "rows": 1,
        "proof": "COMPLETE",
        "proven_by": "All lines are there.",
        "lines": [{"type": "CAPTURE", "currency": "BRL", "rows": 1, "amount": "10000"}],
        "refunds_matched": 0,
        "refunds_unmatched": 0,
        "books": [{"entry": "PROVE_CAPTURES", "currency": "BRL", "amount": "10000"}],
        "replaces": None,
    }
    (finding,) = await Finding.filter(kind="REPORT_UNCONFIRMED", resolved_at=None)
    assert (finding.amount, "ana handed in a.csv" in finding.explanation) == (10_000, True)
    night = await listed.one(ana, here, _day())
    assert night is not None
    assert (night.state, list(night.unconfirmed)) == ("TO_CONFIRM", [row.id])
    assert "a.csv by ana" in str(night.reason)
    with pytest.raises(InvalidState, match="settlementReportConfirm"):
        await work.resolve(ana, finding.id, Resolution(FindingReason.EXPLAINED, "It is fine."), CAUSE)
    same_name = replace(ana, token_id=uuid4())
    for wrong, who, sha256 in (
        (Forbidden, ana, row.sha256),
        (Forbidden, same_name, row.sha256),
        (Forbidden, robot, row.sha256),
        (InvalidInput, bo, "0" * 64),
    ):
        with pytest.raises(wrong):
            await confirming.confirm(who, row.id, sha256, CAUSE)
    with pytest.raises(IntegrityError):  # and the database itself sees to it
        await rows(
            "UPDATE handed_reports SET confirmed_by = 'x', confirmed_by_id = handed_in_by_id, confirmed_at = now(), "
            "state = 'WAITING' WHERE id = $1",
            row.id,
        )
    with pytest.raises(IntegrityError):
        await rows("UPDATE handed_reports SET state = 'TAKEN', done_at = now() WHERE id = $1", row.id)
    await handed_in.take(row.id, world.sender, world.settings)  # without a yes nothing comes of its turn
    assert await _in_force() == []
    row = await _confirmed(world, row)
    assert (row.state, row.confirmed_by, await _in_force()) == ("TAKEN", "bo", [("a.csv", _day())])
    assert await Finding.filter(resolved_at=None).count() == 0
    assert await invariants.check() == []


async def test_a_report_that_would_replace_another_one_than_was_seen_waits_again_and_a_no_ends_it(
    world: World, pse: Dated
) -> None:
    pse.told["a.csv"] = await _lines(world)
    keeper, bo = (a_person(world.shop, name, Role.ACCOUNTANT) for name in ("ana", "bo"))
    file_id = await _uploaded(world, "a.csv", b"typed")
    row = await room.upload(keeper, world.shop.connection.id, None, file_id, a_key(), CAUSE)
    await handed_in.take(row.id, world.sender, world.settings)
    await row.refresh_from_db()
    first = await _hand_in(world, "a.csv", b"another one under its name")
    assert first.state == "TAKEN"
    row = await _confirmed(world, row)
    assert (row.state, row.confirmed_by, "look again" in str(row.said)) == ("PROPOSED", None, True)
    assert row.preview is not None
    assert (row.preview["replaces"]["name"], row.preview["books"]) == ("a.csv", [])
    assert await Finding.filter(kind="REPORT_UNCONFIRMED", resolved_at=None).count() == 1
    row = await confirming.refuse(bo, row.id, "The PSE's page shows other lines.", CAUSE)
    assert (row.state, row.said) == ("REFUSED", "bo refused it: The PSE's page shows other lines.")
    with pytest.raises(InvalidState):
        await confirming.confirm(bo, row.id, row.sha256, CAUSE)
    assert await Finding.filter(resolved_at=None).count() == 0


async def test_a_report_that_somebody_handed_in_who_is_suspended_by_now_is_refused_and_handed_in_anew(
    world: World, pse: Dated
) -> None:
    pse.told["a.csv"] = await _lines(world)
    ana, bia, caio = [await a_signed_in(world.shop, name, Role.ACCOUNTANT) for name in ("Ana", "Bia", "Caio")]
    row = await _proposed(world, "a.csv", b"typed", ana)
    assert ana.person_id is not None
    boss = a_person(world.shop, "boss", Role.ADMINISTRATOR)
    await people.update(boss, ana.person_id, None, PersonState.SUSPENDED, CAUSE)
    with pytest.raises(InvalidState, match="settlementReportRefuse") as refused:
        await confirming.confirm(caio, row.id, row.sha256, CAUSE)
    assert refused.value.current_state == "SUSPENDED"
    await confirming.refuse(caio, row.id, "Ana has left us.", CAUSE)
    row = await _proposed(world, "a.csv", b"typed", bia)
    row = await confirming.confirm(caio, row.id, row.sha256, CAUSE)
    assert row.state == "WAITING"


async def _proposed(world: World, name: str, content: bytes, by: Principal | None = None) -> HandedReport:
    file_id = await _uploaded(world, name, content)
    keeper = by or a_person(world.shop, "ana", Role.ACCOUNTANT)
    row = await room.upload(keeper, world.shop.connection.id, None, file_id, a_key(), CAUSE)
    await handed_in.take(row.id, world.sender, world.settings)
    row = await HandedReport.get(id=row.id)
    assert row.state == "PROPOSED"
    return row


async def test_a_yes_and_a_no_at_once_are_one_of_both(world: World, pse: Dated) -> None:
    bo, cy = (a_person(world.shop, name, Role.ACCOUNTANT) for name in ("bo", "cy"))
    entered = []
    for number in range(4):
        name = f"{number}.csv"
        pse.told[name] = await _lines(world)
        row = await _proposed(world, name, name.encode())
        both = [
            confirming.confirm(bo, row.id, row.sha256, CAUSE),
            confirming.refuse(cy, row.id, "The PSE's page shows other lines.", CAUSE),
        ]
        said = await asyncio.gather(*(both if number % 2 else reversed(both)), return_exceptions=True)
        lost = [one for one in said if isinstance(one, BaseException)]
        assert [type(one) for one in lost] == [InvalidState], said
        await handed_in.take(row.id, world.sender, world.settings)
        row = await HandedReport.get(id=row.id)
        assert (row.state, row.confirmed_by) in (("TAKEN", "bo"), ("REFUSED", None))
        entered += [(name, _day())] if row.state == "TAKEN" else []
        told = await Deed.filter(object_id=str(row.id), operation__in=[confirming.CONFIRM, confirming.REFUSE])
        assert len(told) == 1
    assert (await _in_force(), await Finding.filter(resolved_at=None).count()) == (entered, 0)
    assert await invariants.check() == []


async def test_two_reports_of_one_date_that_are_taken_at_once_are_both_entered_and_none_unseen_in_anothers_place(
    world: World, pse: Dated
) -> None:
    bo = a_person(world.shop, "bo", Role.ACCOUNTANT)
    lines = await _lines(world, 3)
    pse.told = {"a.csv": lines[:1], "b.csv": lines[1:2]}
    beside = [await _proposed(world, name, name.encode()) for name in ("a.csv", "b.csv")]
    for row in beside:
        await confirming.confirm(bo, row.id, row.sha256, CAUSE)
    await asyncio.gather(*(handed_in.take(row.id, world.sender, world.settings) for row in beside))
    assert [(await HandedReport.get(id=row.id)).state for row in beside] == ["TAKEN", "TAKEN"]
    assert await _in_force() == [("a.csv", _day()), ("b.csv", _day())]
    assert (await ReconciliationRun.get(business_date=_day())).state == "COMPLETED"
    # Two under one name: whoever said yes to the second has not seen that it takes the first one's place.
    pse.told["c.csv"] = lines[2:]
    rivals = [await _proposed(world, "c.csv", content) for content in (b"one", b"the other")]
    for row in rivals:
        await confirming.confirm(bo, row.id, row.sha256, CAUSE)
    await asyncio.gather(*(handed_in.take(row.id, world.sender, world.settings) for row in rivals))
    states = sorted([(await HandedReport.get(id=row.id)).state for row in rivals])
    assert states == ["PROPOSED", "TAKEN"]
    assert (len(await _in_force()), await Kept.all().count()) == (3, 3)
    assert await invariants.check() == []


async def test_a_file_of_the_command_line_waits_too_and_the_same_command_enters_it_after_the_yes(
    world: World, pse: Dated, tmp_path: Path
) -> None:
    pse.told["a.csv"] = await _lines(world)
    path = tmp_path / "a.csv"
    path.write_bytes(b"typed")

    async def command() -> Reconciled:
        return await commands._brought(world.shop.connection, _day(), path, handed_in.digest_of(path), world.sender)

    first, again = await command(), await command()
    assert first.brought is not None
    assert again.brought is not None
    assert (first.run, first.brought.state, again.brought.id) == (None, "PROPOSED", first.brought.id)
    assert first.brought.handed_in_by.startswith("command line: ")
    await confirming.confirm(a_person(world.shop, "bo", Role.ACCOUNTANT), again.brought.id, again.brought.sha256, CAUSE)
    path.write_bytes(b"something else under its name")
    other = await command()  # what was confirmed is these bytes, and no others
    assert other.brought is not None
    assert (other.brought.state, await _in_force()) == ("PROPOSED", [])
    path.write_bytes(b"typed")
    done = await command()
    assert done.brought is not None
    assert done.run is not None
    assert (done.brought.state, done.run.state, done.findings) == ("TAKEN", "COMPLETED", [])
    assert await _in_force() == [("a.csv", _day())]


async def test_where_the_pses_own_report_says_otherwise_later_it_is_told_who_handed_in_and_who_confirmed(
    world: World, pse: Dated, folder: Folder, tmp_path: Path
) -> None:
    honest, invented = await _lines(world), await _lines(world)
    pse.told = {"typed.csv": [*honest, *invented], "same.csv": honest}
    row = await _hand_in(world, "typed.csv", b"typed")
    assert row.state == "TAKEN"
    pse.told["own.csv"] = [*honest, *invented]  # the PSE agrees: nothing is told
    folder("own.csv", b"own")
    assert await inbox.visit(tmp_path / "inbox", world.sender) == 1
    assert await Finding.filter(kind="HANDED_IN_DIFFERS").count() == 0
    pse.told["own.csv"] = [*honest, *await _lines(world)]
    folder("own.csv", b"own, revised")
    assert await inbox.visit(tmp_path / "inbox", world.sender) == 1
    (finding,) = await Finding.filter(kind="HANDED_IN_DIFFERS", resolved_at=None)
    assert "which ana handed in and bo confirmed, says otherwise than the PSE's own own.csv" in finding.explanation
    assert "it has 1 line that is not there, and lacks 1 that is there; BRL 200.00 in all" in finding.explanation
    assert (finding.amount, finding.detail["confirmed_by"]) == (20_000, "bo")
    assert await invariants.check() == []


@pytest.mark.parametrize("name", ["own.csv", "typed.csv"])
async def test_what_people_hand_in_after_the_pses_own_report_is_compared_with_it_and_gives_way_to_it(
    world: World, pse: Dated, folder: Folder, tmp_path: Path, name: str
) -> None:
    honest, invented = await _lines(world), await _lines(world)

    async def comes() -> None:
        pse.told["own.csv"] = honest
        folder("own.csv", b"own")
        assert await inbox.visit(tmp_path / "inbox", world.sender) == 1

    async def told() -> list[str]:
        found = await Finding.filter(kind="HANDED_IN_DIFFERS").values_list("explanation", flat=True)
        assert await invariants.check() == []
        return [str(one).partition(", says otherwise ")[2].partition(":")[0] for one in found]

    await comes()
    assert await told() == []
    pse.told[name] = [*honest, *invented]
    assert (await _hand_in(world, name, b"typed")).state == "TAKEN"
    differs = ["than the PSE's own own.csv"]
    assert await told() == differs
    again = await _hand_in(world, "own.csv", b"own")  # a person's hand does not undo it
    assert (again.state, await told()) == ({"own.csv": "REFUSED", "typed.csv": "KNOWN"}[name], differs)
    await comes()
    assert (await Kept.get(name="own.csv", superseded_at=None)).digest == hashlib.sha256(b"own").hexdigest()
    assert await told() == differs
    await comes()
    assert (await _in_force(), await told()) == ([(one, _day()) for one in sorted({"own.csv", name})], differs)


def test_a_reports_name_is_never_a_path() -> None:
    names = ["../../etc/passwd", "C:\\reports\\a.csv.GZ", "..", "a\x00b.csv", "/", "x" * 300]
    assert [report_name(one) for one in names] == ["passwd", "a.csv", "report", "ab.csv", "report", "x" * 200]
    assert report_name("报" * 100) == "报" * 66  # a file's name has its bound in bytes


def test_what_is_not_packed_is_copied_as_it_is_and_a_bomb_is_stopped(tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.write_bytes(b"\x1f\x8b" + b"no gzip")
    with pytest.raises(NotUnpacked):
        unpacked(given, tmp_path, "a.csv")
    given.write_bytes(b"plain")
    assert unpacked(given, tmp_path, "b.csv.gz").read_bytes() == b"plain"


# The watched folder


@pytest.fixture
def folder(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """Puts a file into the connection's folder, and gives its place."""
    monkeypatch.setattr(inbox, "SETTLED_SECONDS", 0.0)
    place = tmp_path / "inbox" / world.shop.merchant.name / "lab-main"
    place.mkdir(parents=True)

    def put(name: str, content: bytes = b"a report") -> Path:
        (place / name).write_bytes(content)
        return place / name

    return put


def _found(place: Path) -> list[str]:
    return sorted(str(one.relative_to(place)) for one in place.rglob("*") if not one.is_dir())


async def test_files_of_the_folder_go_to_done_or_refused_beside_what_became_of_them(
    world: World, pse: Dated, folder: Folder, tmp_path: Path
) -> None:
    pse.told = {"a.csv": await _lines(world), "torn.csv": BadReport("torn.csv", "It is cut.")}
    place = folder("a.csv").parent
    for name in ("torn.csv", "b.csv.part", ".hidden", "unfinished.tmp"):
        folder(name, name.encode())
    (tmp_path / "secret").write_text("outside")
    (place / "link.csv").symlink_to(tmp_path / "secret")
    os.mkfifo(place / "pipe.csv")
    assert await inbox.visit(tmp_path / "inbox", world.sender) == 2
    assert _found(place) == [
        ".hidden",
        "b.csv.part",
        "done/a.csv",
        "done/a.csv.txt",
        "refused/link.csv",
        "refused/link.csv.txt",
        "refused/pipe.csv",
        "refused/pipe.csv.txt",
        "refused/torn.csv",
        "refused/torn.csv.txt",
        "unfinished.tmp",
    ]
    assert f"It was entered for {_day()}." in (place / "done/a.csv.txt").read_text()
    assert "It is cut." in (place / "refused/torn.csv.txt").read_text()
    assert "no file but a link" in (place / "refused/link.csv.txt").read_text()
    assert await _in_force() == [("a.csv", _day())]
    folder("a.csv")
    assert await inbox.visit(tmp_path / "inbox", world.sender) == 1
    assert "here already" in (place / "done/a-2.csv.txt").read_text()
    assert {one.state for one in await HandedReport.all()} == {"TAKEN", "KNOWN", "REFUSED"}
    assert await inbox.visit(tmp_path / "inbox", world.sender) == 0


async def test_folders_whose_names_are_no_text_stop_nobody_elses(
    world: World, pse: Dated, folder: Folder, tmp_path: Path
) -> None:
    pse.told = {"a.csv": await _lines(world)}
    folder("a.csv")
    root = tmp_path / "inbox"
    for place in (root, root / world.shop.merchant.name):
        os.mkdir(os.fsencode(place) + b"/0\xff")
        os.mkdir(os.fsencode(place) + b"/0\xff/\xfe")
    assert await inbox.visit(root, world.sender) == 1
    assert (await HandedReport.get(name="a.csv")).state == "TAKEN"


async def test_a_file_that_is_still_written_is_waited_for(
    world: World, pse: Dated, folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pse.told = {"a.csv": await _lines(world)}
    monkeypatch.setattr(inbox, "SETTLED_SECONDS", 3600.0)
    place = folder("a.csv")
    os.utime(place, (time.time() - 90_000, time.time() - 90_000))  # whoever copies may set its time
    assert await inbox.visit(tmp_path / "inbox", world.sender) == 0
    monkeypatch.setattr(inbox, "SETTLED_SECONDS", 0.0)
    copied = inbox._copied

    def written(where: Any, name: str, into: Path) -> str:
        digest = copied(where, name, into)
        with place.open("ab") as file:
            file.write(b"more")
        return digest

    monkeypatch.setattr(inbox, "_copied", written)
    assert await inbox.visit(tmp_path / "inbox", world.sender) == 0
    assert (place.exists(), await HandedReport.all().count()) == (True, 0)
    monkeypatch.setattr(inbox, "_copied", copied)
    assert await inbox.visit(tmp_path / "inbox", world.sender) == 1


async def test_what_lies_beside_the_folders_of_connections_is_refused_and_links_lead_nowhere(
    world: World, folder: Folder, tmp_path: Path
) -> None:
    root, merchant = tmp_path / "inbox", tmp_path / "inbox" / world.shop.merchant.name
    (root / "loose.csv").write_text("x")
    (merchant / "loose.csv").write_text("x")
    (merchant / "nobody").mkdir()
    (merchant / "nobody" / "x.csv").write_text("x")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "theirs.csv").write_text("x")
    (merchant / "lab-link").symlink_to(outside)
    assert await inbox.visit(root, world.sender) == 0
    assert _found(outside) == ["theirs.csv"]
    for place in (root, merchant, merchant / "nobody"):
        (said,) = (place / "refused").glob("*.csv.txt")
        assert "<inbox>/<merchant>/<connection>/" in said.read_text()
    (merchant / "lab-main" / "done").rmdir()
    (merchant / "lab-main" / "done").symlink_to(outside)  # nothing is moved out, so nothing is entered either
    folder("a.csv")
    assert await inbox.visit(root, world.sender) == 0
    assert (_found(outside), await HandedReport.all().count()) == (["theirs.csv"], 0)


# A PSE's server


class _Account(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("loja", "open sesame")


class _Files(asyncssh.SFTPServer):
    """A folder as it is, but for a file that says of itself to have as many bytes as 64 bits can count."""

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        async for one in super().scandir(path):
            if one.filename == b"0-endless.csv":
                one.attrs.size = 2**64 - 1
            yield one


@asynccontextmanager
async def _server(root: Path) -> AsyncIterator[tuple[int, str]]:
    """asyncssh's own server over a folder: its port and its key."""
    key = asyncssh.generate_private_key("ssh-ed25519")

    def factory(channel: Any) -> asyncssh.SFTPServer:
        return _Files(channel, chroot=str(root).encode())

    listening = await asyncssh.create_server(
        _Account, "127.0.0.1", 0, server_host_keys=[key], sftp_factory=factory, allow_scp=False
    )
    try:
        yield listening.get_port(), key.export_public_key().decode().strip()
    finally:
        listening.close()
        await listening.wait_closed()


def _old(path: Path, content: bytes, seconds: float = 3_600) -> Path:
    path.write_bytes(content)
    os.utime(path, (time.time() - seconds, time.time() - seconds))
    return path


async def _named(
    world: World, by: str, port: int, key: str, password: str | None, folder: str = "/out"
) -> ReportSource:
    boss = a_person(world.shop, by, Role.ADMIN)
    new = NewSource("127.0.0.1", port, "loja", folder, key, password=password)
    cause = Cause("request-of-the-test", boss.holder, boss.party)
    return await sources.set_for(boss, world.shop.connection.id, new, world.settings.secret_key, cause)


async def _source(world: World, port: int, key: str, password: str = "open sesame") -> ReportSource:
    await _named(world, "boss", port, key, password)
    return await _named(world, "second", port, key, None)


async def _visit(world: World, source: ReportSource, owner_rows: OwnerRows) -> ReportSource:
    await owner_rows("UPDATE report_sources SET due_at = now()")
    await visits.visit(source.id, world.sender, world.settings)
    return await ReportSource.get(id=source.id)


async def test_a_pses_server_is_visited_each_version_is_taken_once_and_nothing_is_deleted_there(
    world: World, pse: Dated, owner_rows: OwnerRows, tmp_path: Path
) -> None:
    out = tmp_path / "pse" / "out"
    out.mkdir(parents=True)
    lines = await _lines(world)
    pse.told = {"a.csv": lines, "torn.csv": BadReport("torn.csv", "It is cut.")}
    for name in ("a.csv", "torn.csv", "CONNECTION-CHECK-FILE.csv", ".hidden", "x.csv.part", "0-endless.csv"):
        _old(out / name, name.encode())
    _old(out / "fresh.csv", b"fresh", seconds=0)
    (out / "link.csv").symlink_to("a.csv")
    (out / "folder").mkdir()
    async with _server(tmp_path / "pse") as (port, key):
        source = await _visit(world, await _source(world, port, key), owner_rows)
        assert (source.failures, source.said, source.visited_at is not None) == (0, None, True)
        seen = [(one.name, one.state) for one in await HandedReport.all().order_by("name")]
        assert seen == [("0-endless.csv", "SKIPPED"), ("a.csv", "TAKEN"), ("torn.csv", "REFUSED")]
        await _visit(world, source, owner_rows)
        assert await HandedReport.all().count() == 3
        pse.told["a.csv"] = [*lines, *await _lines(world)]
        _old(out / "a.csv", b"a revised a.csv", seconds=1_800)
        await _visit(world, source, owner_rows)
        assert await HandedReport.filter(name="a.csv", state="TAKEN").count() == 2
    assert len(list(out.iterdir())) == 9
    assert await _in_force() == [("a.csv", _day())]
    assert await invariants.check() == []


async def test_nothing_is_fetched_from_a_server_that_one_person_alone_has_named(
    world: World, pse: Dated, owner_rows: OwnerRows, tmp_path: Path
) -> None:
    for folder in ("out", "in"):
        (tmp_path / "pse" / folder).mkdir(parents=True)
        _old(tmp_path / "pse" / folder / "a.csv", folder.encode())
    pse.told = {"a.csv": await _lines(world)}
    async with _server(tmp_path / "pse") as (port, key):
        for password in ("open sesame", None):  # and again by the same hand
            source = await _visit(world, await _named(world, "boss", port, key, password), owner_rows)
            assert "another person" in str(source.said).lower()
            assert await HandedReport.all().count() == 0
        source = await _visit(world, await _named(world, "Second", port, key, None), owner_rows)
        assert (source.said, (await HandedReport.get()).state) == (None, "TAKEN")
        for by in ("second", "SECOND"):  # who looks elsewhere looks alone, however they are written
            source = await _visit(world, await _named(world, by, port, key, None, "/in"), owner_rows)
            assert "another person" in str(source.said).lower()
        # What is not live yet moves no money: there one person tries.
        await owner_rows("UPDATE connections SET state = 'SANDBOX'")
        assert (await _visit(world, source, owner_rows)).said is None


async def _waiting_nights(count: int) -> None:
    """Until so many nights wait for the one that enters."""
    waiting = (
        "SELECT count(*) AS many FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
        "WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted"
    )
    for _ in range(1_200):
        if (await rows(waiting))[0]["many"] >= count:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("The nights do not wait for each other.")


async def test_a_report_that_its_pse_rewrites_beside_a_running_night_stays_as_it_was_rewritten(
    world: World, pse: Dated, owner_rows: OwnerRows, tmp_path: Path
) -> None:
    out = tmp_path / "pse" / "out"
    out.mkdir(parents=True)
    lines = pse.told["a.csv"] = await _lines(world)
    _old(out / "a.csv", b"a.csv")
    async with _server(tmp_path / "pse") as (port, key):
        source = await _visit(world, await _source(world, port, key), owner_rows)
        await owner_rows("UPDATE reports SET repeat_since = now()")  # the night reads what it has kept once more
        pse.told["a.csv"] = [*lines, *await _lines(world)]
        _old(out / "a.csv", b"a.csv, rewritten", seconds=1_800)
        async with nights.one_at_a_time(world.shop.connection):
            visit = asyncio.create_task(_visit(world, source, owner_rows))
            await _waiting_nights(1)
            night = asyncio.create_task(reconciliation.run(world.shop.connection.id, _day(), world.sender))
            await _waiting_nights(2)
        await visit
        run = await night
    rewritten = hashlib.sha256(b"a.csv, rewritten").hexdigest()
    kept = await Kept.get(superseded_at=None)
    assert (kept.name, kept.digest, kept.totals["rows"]) == ("a.csv", rewritten, 2)
    (file,) = (await ReconciliationRun.get(id=run.id)).manifest["files"]
    assert (file["sha256"], run.state) == (rewritten, "COMPLETED")
    assert sorted(one.state for one in await HandedReport.all()) == ["TAKEN", "TAKEN"]
    assert await Finding.filter(resolved_at=None).count() == 0
    assert await invariants.check() == []


async def test_a_server_with_another_key_or_that_refuses_us_is_told_nothing_and_calls_a_person(
    world: World, pse: Dated, owner_rows: OwnerRows, tmp_path: Path
) -> None:
    (tmp_path / "pse" / "out").mkdir(parents=True)
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    async with _server(tmp_path / "pse") as (port, key):
        source = await _visit(world, await _source(world, port, other), owner_rows)
        assert "another key than the one that is pinned" in str(source.said)
        source = await _visit(world, await _source(world, port, key, password="wrong"), owner_rows)
        assert "refuses the credentials of loja" in str(source.said)
        for _ in range(3):
            source = await _visit(world, source, owner_rows)
        finding = await Finding.get(resolved_at=None)
        assert (finding.kind, "wrong" in finding.explanation) == ("NIGHT_FAILED", False)
        source = await _visit(world, await _source(world, port, key), owner_rows)
        assert (source.failures, await Finding.filter(resolved_at=None).count()) == (0, 0)
    source = await _visit(world, source, owner_rows)
    assert "cannot be reached" in str(source.said)


async def test_a_server_inside_of_our_own_network_or_without_a_pinned_key_cannot_be_set(world: World) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    boss, here = a_person(world.shop, "boss", Role.ADMIN), world.shop.connection.id
    good = NewSource("sftp.example.com", 22, "loja", "/out", key, password="x")
    for bad, why in (
        (replace(good, host="10.0.0.1"), "number and no name"),
        (replace(good, host="localhost"), "inside of a network"),
        (replace(good, port=2222), "not of SFTP"),
        (replace(good, host_key="ssh-ed25519 nonsense"), "ssh-keyscan"),
        (replace(good, private_key="x"), "and not both"),
        (replace(good, password=None, private_key="nonsense"), "OpenSSH's format"),
        (replace(good, password=None, private_key=rsa_key(2**4253 + 3, 2**4423 + 1, 5)), "at most 8192 bits"),
        (replace(good, password=None), "password or the private key"),
    ):
        with pytest.raises(InvalidInput, match=why):
            await sources.set_for(boss, here, bad, KEY, CAUSE)
    private = asyncssh.generate_private_key("ssh-rsa").export_private_key().decode()
    await sources.set_for(boss, here, replace(good, password=None, private_key=private), KEY, CAUSE)
    kept = await sources.set_for(boss, here, replace(good, password=None, folder="/in"), KEY, CAUSE)
    assert "private_key" in await sources.secrets_of(kept, KEY)
    with pytest.raises(InvalidInput, match="for this server"):  # nor is the key of one shown to another
        await sources.set_for(boss, here, replace(good, password=None, host="evil.example.com"), KEY, CAUSE)
    assert await Connection.filter(id=here).exists()
