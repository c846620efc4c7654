"""Tables go out as files: every kind in every format, whole and exact, to who may read it."""

import asyncio
import contextvars
import csv
import hashlib
import io
import os
import zipfile
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import polars as pl
import pytest

from domain.access.principal import Principal, reach_of
from domain.access.tokens import PERMISSIONS, Role
from domain.deeds import deeds
from domain.due import DUE
from domain.exports import asked, decisions, run, tables
from domain.exports.asked import Format, Kind, WantedRows
from domain.files import content, tickets
from domain.models import Export, File, Store
from domain.models.files import Purpose
from domain.platform.database import execute, rows
from domain.platform.settings import Settings
from domain.problems import Forbidden, InvalidInput, NotFound
from jobs import exports as jobs
from tests.api.conftest import Enter
from tests.api.graphql.exported import CREATE, SHOW, differs, exported, rows_of_sheet
from tests.kit.factories import CAUSE, Shop, a_key, a_payment, a_person, a_refund, a_shop
from tests.kit.sealing import sealed

_LIST = "query L { exports(first: 10) { edges { node { id } } } }"


async def test_every_kind_goes_out_in_every_format_whole_exact_and_run_by_no_program(
    enter: Enter, settings: Settings
) -> None:
    asker = await enter(Role.ACCOUNTANT)
    shop = asker.shop
    long = "00012345678901234567890"
    await a_payment(shop, amount=123_456, reference="-2+3", order=long, tax=1_000)
    await a_payment(shop, amount=9_999_999_999_999, reference="@cmd")
    await differs(shop, 9_999, "=1+1", "CLP")
    today = datetime.now(UTC).date()
    days = {"since": str(today - timedelta(days=60)), "until": str(today + timedelta(days=1))}
    for kind in set(Kind) - {Kind.AUDIT}:
        filter_ = days if kind is not Kind.FINDINGS else {}
        digests = set()
        for form in Format:
            done, given = await exported(asker, settings, kind.value, form.value, **filter_)
            digests.add(done["sha256"])
            assert done["rowsDone"] == done["rowsTotal"]
        assert len(digests) == 1, kind
    done, given = await exported(asker, settings, "PAYMENTS", "CSV", **days)
    with zipfile.ZipFile(io.BytesIO(given)) as packed:
        (name,) = [one for one in packed.namelist() if one != "control.csv"]
        data, control = packed.read(name), packed.read("control.csv").decode("utf-8-sig")
    assert hashlib.sha256(data.removeprefix(b"\xef\xbb\xbf")).hexdigest() == done["sha256"]
    assert done["sha256"] in control
    assert "Captured,BRL,100000001234.55,10000000123455" in control
    told = {row["Captured (minor units)"]: row for row in csv.DictReader(io.StringIO(data.decode("utf-8-sig")))}
    assert (told["123456"]["Payment at the PSE"], told["123456"]["Captured"]) == ("'-2+3", "1234.56")
    assert (told["123456"]["Order"], told["9999999999999"]["Payment at the PSE"]) == (long, "'@cmd")
    _, given = await exported(asker, settings, "PAYMENTS", "XLSX", **days)
    sheet = {row["Captured (minor units)"]: row for row in rows_of_sheet(given)}
    assert (sheet["123456"]["Payment at the PSE"], sheet["123456"]["Order"]) == ("-2+3", long)
    with zipfile.ZipFile(io.BytesIO(given)) as packed:
        assert b"<f>" not in packed.read("xl/worksheets/sheet1.xml")
        assert b"<v>99999999999.99</v>" in packed.read("xl/worksheets/sheet1.xml")
    assert any(row["Export"] == "SHA-256 of the rows as CSV without its mark" for row in rows_of_sheet(given, 1))
    brazilian = {"kind": "PAYMENTS", "format": "XLSX", "locale": "pt-BR", "idempotencyKey": a_key()}
    made = (await asker.ask(CREATE, input=brazilian))["export"]
    await jobs.export(UUID(made["id"]), settings)
    path = (await asker.ask(SHOW, id=made["id"]))["file"]["downloadPath"]
    portuguese = await asker.http.get(asker.url + path, headers={"Authorization": f"Bearer {asker.token}"})
    assert {"Pagamento no PSE", "Capturado (unidades mínimas)"} <= set(rows_of_sheet(portuguese.content)[0])
    _, given = await exported(asker, settings, "PAYMENTS", "PARQUET", **days)
    with zipfile.ZipFile(io.BytesIO(given)) as packed:
        frame = pl.read_parquet(io.BytesIO(packed.read(next(one for one in packed.namelist() if "parquet" in one))))
    assert str(frame["Captured"].sum()) == "100000001234.550"
    assert frame.schema["Captured at (UTC)"] == pl.Datetime("us", "UTC")
    _, given = await exported(asker, settings, "FINDINGS", "XLSX", findings={"amount": {"currency": "CLP"}})
    (row,) = rows_of_sheet(given)
    assert (row["Amount"], row["Amount (minor units)"], row["What differs"]) == ("9999", "9999", "=1+1")
    _, given = await exported(asker, settings, "FINDINGS", "CSV", findings={"states": ["RESOLVED"]})
    refused: list[dict[str, Any]] = [
        {"kind": "FINDINGS", "filter": days},
        {"kind": "TRIAL_BALANCE"},
        {"kind": "VAT", "filter": {"findings": {}}},
        {"kind": "LEDGER", "locale": "fr"},
    ]
    for bad in refused:
        wanted = {"format": "CSV", "idempotencyKey": a_key(), **bad}
        (error,) = (await asker.ask(CREATE, input=wanted))["errors"]
        assert error["code"] == "INVALID_INPUT", bad
    assert len((await asker.ask(_LIST))["edges"]) == 10


def _of_store(shop: Shop, store: Store, name: str) -> Principal:
    reach = reach_of((PERMISSIONS[Role.ACCOUNTANT], store.id))
    return Principal(uuid4(), shop.id, name, reach, datetime.now(UTC) + timedelta(hours=1))


async def test_a_person_of_one_store_exports_and_fetches_that_stores_rows_and_no_other(
    enter: Enter, settings: Settings
) -> None:
    shop = (await enter(Role.ACCOUNTANT)).shop
    await a_payment(shop, reference="ours")
    second = await Store.create(id=uuid4(), merchant_id=shop.id, code="S2", name="Second", country="BR")
    ana, bia = _of_store(shop, shop.store, "Ana"), _of_store(shop, second, "Bia")
    made = {}
    for who in (ana, bia):
        row = await asked.create(who, Kind.PAYMENTS, Format.CSV, WantedRows(), a_key(), CAUSE)
        await jobs.export(row.id, settings)
        made[who.holder] = await Export.get(id=row.id)
    assert {name: one.rows_done for name, one in made.items()} == {"Ana": 1, "Bia": 0}
    mine = made["Ana"].file_id
    assert mine is not None
    for who in (ana, a_person(shop, "Whole", Role.ACCOUNTANT)):
        assert (await tickets.read(who, mine, settings, CAUSE))[0].id == mine
    stranger = a_person(await a_shop(), "Eve", Role.ACCOUNTANT)
    for who in (bia, stranger, a_person(shop, "Rui", Role.REQUESTER)):
        with pytest.raises(NotFound):
            await tickets.read(who, mine, settings, CAUSE)
    assert await asked.readable(bia).values_list("id", flat=True) == [made["Bia"].id]
    with pytest.raises(Forbidden):
        await decisions.lines(bia, mine, settings)  # a sheet may speak of any store
    # Its time is over: nobody fetches it any more, and the sweeper takes it away.
    await execute("UPDATE exports SET expires_at = now() - interval '1 second' WHERE file_id = $1", mine)
    with pytest.raises(NotFound):
        await tickets.read(ana, mine, settings, CAUSE)
    assert await jobs.expire(settings) == 1
    assert (await Export.get(file_id=mine)).state == "EXPIRED"
    with pytest.raises(content.ContentAway):
        await content.get(settings, await File.get(id=mine))
    assert await jobs.expire(settings) == 0


async def _export(export_id: UUID) -> Export:
    return await Export.get(id=export_id)


async def test_a_killed_workers_export_is_made_again_and_once(
    enter: Enter, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "PAGE", 2)  # so that there are several
    shop = (await enter(Role.ACCOUNTANT)).shop
    for number in range(3):
        await a_payment(shop, reference=f"p{number}")
    who = a_person(shop, "Ana", Role.ACCOUNTANT)
    row = await asked.create(who, Kind.PAYMENTS, Format.XLSX, WantedRows(), a_key(), CAUSE)
    killed = await Export.get(id=row.id)
    assert await asked.begun(killed)
    assert not await asked.begun(await Export.get(id=row.id))  # as long as its lease lasts
    # How far it is can be seen while its rows are read, in a transaction that lasts.
    outside = contextvars.copy_context()
    async with aclosing(tables.pages(who, Kind.PAYMENTS, WantedRows(), 9)) as found:
        total, page = await anext(found)
        await run._outside(outside, asked.far(killed, len(page), total))
        seen = await asyncio.create_task(_export(row.id), context=outside)
        assert (seen.state, seen.rows_done, seen.rows_total) == ("RUNNING", 2, 3)
    await execute("UPDATE exports SET due_at = now() WHERE id = $1", row.id)
    assert [one["id"] for one in await rows(DUE["export"], 10)] == [row.id]
    await jobs.export(row.id, settings)
    done = await Export.get(id=row.id)
    assert (done.state, done.rows_done, done.tries) == ("DONE", 3, 2)
    await run.run(killed, settings)  # the first one was only slow: what it makes is kept nowhere
    await jobs.export(row.id, settings)
    assert (await Export.get(id=row.id)).file_id == done.file_id
    assert await File.filter(purpose=Purpose.EXPORT).count() == 1
    assert len(os.listdir(str(settings.files))) == 1
    with pytest.raises(InvalidInput):
        await anext(tables.pages(asked.reader(done), Kind.PAYMENTS, WantedRows(), 2))


async def test_the_audit_log_goes_out_whole_to_who_reads_it_and_to_nobody_else(
    enter: Enter, settings: Settings
) -> None:
    asker = await enter()
    accountant = await enter(Role.ACCOUNTANT, asker.shop, "accountant")
    auditor = await enter(Role.AUDITOR, asker.shop, "auditor")
    for number in range(130):  # more than a page of the API
        await deeds.note(asker.shop.id, "storeUpdate", deeds.Of("store", str(number)), CAUSE)
    await sealed(asker.shop)
    done, given = await exported(auditor, settings, "AUDIT", "CSV", audit={"kinds": ["CHANGE"], "objectKind": "store"})
    with zipfile.ZipFile(io.BytesIO(given)) as packed:
        data = next(packed.read(one).decode("utf-8-sig") for one in packed.namelist() if one != "control.csv")
    told = list(csv.DictReader(io.StringIO(data)))
    assert [one["Object"] for one in told] == [str(number) for number in range(130)]
    assert done["rowsDone"] == 130
    assert all(len(one["Seal"]) == 64 for one in told)
    path = accountant.url + done["file"]["downloadPath"]
    refused = await accountant.http.get(path, headers={"Authorization": f"Bearer {accountant.token}"})
    assert refused.status_code == 404
    assert await accountant.ask(SHOW, id=done["id"]) is None
    assert await accountant.ask(_LIST) == {"edges": []}
    assert len((await auditor.ask(_LIST))["edges"]) == 1
    wanted: dict[str, Any] = {"kind": "AUDIT", "format": "CSV", "idempotencyKey": a_key()}
    assert (await accountant.ask(CREATE, input=wanted))["errors"][0]["code"] == "FORBIDDEN"
    narrowed: tuple[tuple[str, dict[str, Any]], ...] = (
        ("AUDIT", {"since": "2026-01-01"}),
        ("REFUNDS", {"audit": {}}),
        ("PAYMENTS", {"statuses": ["FAILED"]}),
        ("LEDGER", {"needsPerson": True}),
        ("REFUNDS", {"currency": "BRL", "amountFrom": {"minorUnits": "1", "currency": "MXN"}}),
    )
    for kind, filter_ in narrowed:
        bad = {**wanted, "kind": kind, "idempotencyKey": a_key(), "filter": filter_}
        assert (await asker.ask(CREATE, input=bad))["errors"][0]["code"] == "INVALID_INPUT", kind


async def test_refunds_go_out_by_the_whole_filter_of_their_list(enter: Enter, settings: Settings) -> None:
    asker = await enter(Role.ACCOUNTANT)
    for order, amount in (("A-1", 1_000), ("B-2", 2_000), ("B-2", 3_000)):
        await a_refund(asker.shop, await a_payment(asker.shop, order=order), amount)
    for filter_, count in (
        ({"orderReference": "B-2"}, 2),
        ({"amountFrom": {"minorUnits": "1001", "currency": "BRL"}}, 2),
        ({"amountUntil": {"minorUnits": "1000", "currency": "BRL"}}, 1),
        ({"amountFrom": {"minorUnits": "1", "currency": "MXN"}}, 0),
        ({"needsPerson": True}, 0),
    ):
        done, _ = await exported(asker, settings, "REFUNDS", "CSV", **filter_)
        assert done["rowsDone"] == count, filter_
