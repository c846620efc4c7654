"""Findings go out as a workbook, come back filled in, and are resolved row by row; other tables go out as files."""

import asyncio
import contextvars
import csv
import hashlib
import io
import os
import re
import zipfile
from collections.abc import Mapping
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import fastexcel
import polars as pl
import pytest
import xlsxwriter

from domain.access.principal import Principal, reach_of
from domain.access.tokens import PERMISSIONS, Permission, Role
from domain.cause import Cause
from domain.deeds import deeds
from domain.due import DUE
from domain.exports import asked, batches, decisions, run, tables
from domain.exports.asked import Format, Kind, WantedRows
from domain.files import content, tickets
from domain.files.tickets import NewFile
from domain.findings import findings, work
from domain.findings.findings import FindingKind, Found
from domain.findings.work import Resolution
from domain.models import DecisionBatch, DecisionRow, Deed, Export, File, Finding, FindingResolution, Store
from domain.models.files import Purpose
from domain.models.findings import ClosingReason
from domain.money import Money
from domain.payments import external
from domain.platform.database import execute, rows
from domain.platform.settings import Settings
from domain.problems import Forbidden, InvalidInput, NotFound
from domain.pse.vocabulary import KnownRefund, Succeeded
from jobs import exports as jobs
from tests.api.conftest import Asker, Enter
from tests.kit.factories import CAUSE, Shop, a_key, a_payment, a_person, a_refund, a_shop
from tests.kit.sealing import sealed
from tests.kit.world import quick_settings

_NIGHT = Cause(f"{external.BY_REPORT}{uuid4()}", "reconciliation")
_ERRORS = "errors { __typename ... on Error { code message path } }"
_EXPORT = "id kind format state rowsDone rowsTotal sha256 problem expiresAt filter file { id name downloadPath }"
_CREATE = f"""mutation C($input: ExportCreateInput!) {{ exportCreate(input: $input) {{
  export {{ {_EXPORT} }} {_ERRORS} }} }}"""
_SHOW = f"query E($id: ID!) {{ export(id: $id) {{ {_EXPORT} }} }}"
_LIST = "query L { exports(first: 10) { edges { node { id } } } }"
_ANNOUNCE = f"""mutation A($input: FileAnnounceInput!) {{ fileAnnounce(input: $input) {{
  file {{ id }} uploadPath {_ERRORS} }} }}"""
_PREVIEW = """query P($file: ID!, $first: Int! = 100, $after: Int! = 0) {
  decisionsPreview(fileId: $file, first: $first, afterRow: $after) {
    total more seen replaces rows { row findingId outcome code said } } }"""
_BATCH = "id state rowsDone rowsTotal problem rows { row findingId outcome code said }"
_APPLY = f"""mutation D($input: DecisionsApplyInput!) {{ decisionsApply(input: $input) {{
  batch {{ {_BATCH} }} {_ERRORS} }} }}"""
_SHOW_BATCH = f"query B($id: ID!) {{ decisionBatch(id: $id) {{ {_BATCH} }} }}"
_NASTY = '=HYPERLINK("http://evil","x")'


@pytest.fixture(name="settings")
def the_settings(tmp_path: Path) -> Settings:
    return quick_settings(files=str(tmp_path / "files"))


async def _taken(shop: Shop, amount: int, name: str) -> Finding:
    payment = await a_payment(shop, amount=10_000_000)
    known = KnownRefund(name, name, Money(amount, "BRL"), Succeeded(name), True, "MED", None, None)
    assert await external.book(payment, known, FindingKind.MISSING_IN_LEDGER, _NIGHT)
    return await Finding.get(payment_id=payment.id)


async def _differs(shop: Shop, number: int, explanation: str = "They differ.", currency: str = "BRL") -> Finding:
    detail = {"ours": {"amount": 5}, "theirs": {"amount": 5 + number}, "differs": ["amount"]}
    amount = Money(number, currency)
    found = Found(
        FindingKind.AMOUNT_MISMATCH, shop.id, shop.connection.id, f"n/{number}", amount, explanation, detail=detail
    )
    made = await findings.open_finding(found)
    assert made is not None
    return await Finding.get(id=made)


async def _exported(asker: Asker, settings: Settings, kind: str, form: str, **filter_: Any) -> tuple[Any, bytes]:
    given = {"kind": kind, "format": form, "filter": filter_ or None, "idempotencyKey": a_key()}
    for _ in range(2):  # the same key again is the same export
        made = (await asker.ask(_CREATE, input=given))["export"]
    assert (made["state"], made["file"]) == ("QUEUED", None)
    await jobs.export(UUID(made["id"]), settings)
    done = await asker.ask(_SHOW, id=made["id"])
    assert done["state"] == "DONE", done["problem"]
    path = asker.url + done["file"]["downloadPath"]
    answer = await asker.http.get(path, headers={"Authorization": f"Bearer {asker.token}"})
    assert answer.status_code == 200
    return done, answer.content


async def _sent(asker: Asker, given: bytes) -> str:
    about = {"purpose": "DECISIONS", "name": "decided.xlsx", "size": len(given)}
    told = await asker.ask(_ANNOUNCE, input={**about, "sha256": hashlib.sha256(given).hexdigest()})
    assert (await asker.http.put(asker.url + told["uploadPath"], content=given)).is_success
    return str(told["file"]["id"])


def _sheet(given: bytes, place: int = 0) -> list[dict[str, str]]:
    told = fastexcel.read_excel(given).load_sheet(place, header_row=0, dtypes="string").to_polars()
    return [{name: cell or "" for name, cell in row.items()} for row in told.to_dicts()]


def _workbook(filled: list[dict[str, str]], formulas: Mapping[int, str] | None = None) -> bytes:
    into = io.BytesIO()
    book = xlsxwriter.Workbook(into)
    sheet = book.add_worksheet()
    for place, title in enumerate(filled[0]):
        sheet.write_string(0, place, title)
        for at, row in enumerate(filled, start=1):
            if title == "Decision" and at in (formulas or {}):
                sheet.write_formula(at, place, (formulas or {})[at], value="WRITE_OFF")
            elif row[title]:
                sheet.write_string(at, place, row[title])
    book.close()
    return into.getvalue()


def _csv(filled: list[dict[str, str]]) -> bytes:
    into = io.StringIO(newline="")
    writer = csv.DictWriter(into, list(filled[0]), delimiter=";")
    writer.writeheader()
    writer.writerows(filled)
    return into.getvalue().encode("cp1252")


async def test_findings_go_out_come_back_filled_in_and_are_resolved_row_by_row(
    enter: Enter, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "PAGE", 3)  # so that there are several
    asker = await enter(Role.ACCOUNTANT)
    shop = asker.shop
    small, large = await _taken(shop, 1_500, "MED1"), await _taken(shop, 150_000, "MED2")
    stale, fine, nasty = await _differs(shop, 7), await _differs(shop, 8), await _differs(shop, 9, _NASTY)
    other, resolved, twin = await _differs(shop, 10), await _differs(shop, 11), await _differs(shop, 12)
    _, given = await _exported(asker, settings, "FINDINGS", "XLSX")
    by_id = {row["Finding"]: row for row in _sheet(given)}
    assert len(by_id) == 8
    with zipfile.ZipFile(io.BytesIO(given)) as packed:
        offered = re.findall(r"<formula1>\"([A-Z_,]+)\"</formula1>", packed.read("xl/worksheets/sheet1.xml").decode())
    assert offered == [",".join(ClosingReason)], "a decision is chosen from a list in its cell"
    assert (by_id[str(nasty.id)]["What differs"], by_id[str(small.id)]["Amount (minor units)"]) == (_NASTY, "1500")
    assert by_id[str(small.id)]["Amount"] == "15"
    assert by_id[str(large.id)]["Decision"] == ""
    note = "As the statement of the PSE says."

    def said(finding: Finding, decision: str, **more: str) -> dict[str, str]:
        return {**by_id[str(finding.id)], "Decision": decision, "Note": note, **more}

    await execute(
        "UPDATE findings SET detail = jsonb_set(detail, '{theirs}', '{\"amount\": 99}') WHERE id = $1", stale.id
    )
    ana = a_person(shop, "Ana", Role.ACCOUNTANT)
    await work.resolve(ana, resolved.id, Resolution(ClosingReason.EXPLAINED, note), CAUSE)
    filled = [
        said(small, "write off"),
        said(large, "CORRECTED", Account="FEES"),
        said(stale, "EXPLAINED"),
        {**said(fine, "EXPLAINED"), "Note": "x"},
        said(nasty, "EXPLAINED"),
        said(other, "NO_SUCH_REASON"),
        said(resolved, "EXPLAINED"),
        said(twin, "EXPLAINED"),
        said(twin, "EXPLAINED"),
        {**said(twin, "EXPLAINED"), "Finding": str(uuid4())},
        {**said(fine, ""), "Note": ""},
    ]
    file = await _sent(asker, _workbook(filled, {5: '="EXPLAINED"'}))
    wanted = [
        (2, "RESOLVED", None),
        (3, "WAITS", None),
        (4, "REFUSED", "FACTS_CHANGED"),
        (5, "REFUSED", "INVALID_INPUT"),
        (6, "REFUSED", "FORMULA"),
        (7, "REFUSED", "INVALID_INPUT"),
        (8, "REFUSED", "RESOLVED"),
        (9, "REFUSED", "DUPLICATE_ROW"),
        (10, "REFUSED", "DUPLICATE_ROW"),
        (11, "REFUSED", "NOT_FOUND"),
    ]
    told = await asker.ask(_PREVIEW, file=file)
    assert (told["total"], told["more"]) == (10, False)
    assert [(one["row"], one["outcome"], one["code"]) for one in told["rows"]] == wanted, told
    page = await asker.ask(_PREVIEW, file=file, first=2, after=3)
    assert ([one["row"] for one in page["rows"]], page["more"]) == ([4, 5], True)
    assert await FindingResolution.filter(finding_id__not=resolved.id).count() == 0
    key = a_key()
    done = [(await asker.ask(_APPLY, input={"fileId": file, "idempotencyKey": key}))["batch"] for _ in range(2)]
    assert done[0] == done[1] == await asker.ask(_SHOW_BATCH, id=done[0]["id"])
    assert [(one["row"], one["outcome"], one["code"]) for one in done[0]["rows"]] == wanted
    assert (done[0]["state"], done[0]["rowsDone"], done[0]["rowsTotal"]) == ("DONE", 10, 10)
    written_off = await Finding.get(id=small.id)
    assert (written_off.reason, written_off.resolved_at is not None) == ("WRITE_OFF", True)
    assert (await Finding.get(id=large.id)).resolved_at is None
    again = (await asker.ask(_APPLY, input={"fileId": file, "idempotencyKey": a_key()}))["batch"]
    assert [one["outcome"] for one in again["rows"]] == ["REFUSED", "WAITS", *(["REFUSED"] * 8)]
    assert await FindingResolution.filter(finding_id=small.id).count() == 1
    # What is left is filled in as a CSV of an old program, and given to a person besides.
    left = [said(fine, "EXPLAINED", Note="São iguais, afinal."), {**said(twin, ""), "Note": "", "Assign to": "no@body"}]
    file = await _sent(asker, _csv(left))
    last = (await asker.ask(_APPLY, input={"fileId": file, "idempotencyKey": a_key()}))["batch"]
    assert [(one["outcome"], one["code"]) for one in last["rows"]] == [("RESOLVED", None), ("REFUSED", "INVALID_INPUT")]
    assert (await FindingResolution.get(finding_id=fine.id)).note == "São iguais, afinal."
    assert await Deed.filter(operation="decisionsApply", object_kind="decisions").count() == 3


async def test_a_sheet_replaces_what_others_have_said_where_that_was_seen_and_tells_of_it_before(
    enter: Enter, settings: Settings
) -> None:
    asker = await enter(Role.ACCOUNTANT)
    large = await _taken(asker.shop, 150_000, "MED1")
    bia = a_person(asker.shop, "Bia", Role.ACCOUNTANT)
    await work.resolve(bia, large.id, Resolution(ClosingReason.CHARGEBACK, "As the bank says."), CAUSE)
    _, given = await _exported(asker, settings, "FINDINGS", "XLSX")
    (row,) = _sheet(given)
    file = await _sent(asker, _workbook([{**row, "Decision": "WRITE_OFF", "Note": "As the statement says."}]))
    told = await asker.ask(_PREVIEW.replace("said", 'said(locale: "es")'), file=file)
    assert (told["replaces"], told["rows"][0]["outcome"]) == (1, "WAITS")
    assert told["rows"][0]["said"] == "Otra persona debe confirmarlo. Reemplaza lo que ha dicho Bia (CHARGEBACK)."
    (error,) = (await asker.ask(_APPLY, input={"fileId": file, "idempotencyKey": a_key()}))["errors"]
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "seen"])
    apply = {"fileId": file, "seen": told["seen"]}
    await work.resolve(bia, large.id, Resolution(ClosingReason.FEE, "As the bank says."), CAUSE)
    (error,) = (await asker.ask(_APPLY, input={**apply, "idempotencyKey": a_key()}))["errors"]
    assert error["message"].startswith("Something else waits")
    apply["seen"] = (await asker.ask(_PREVIEW, file=file))["seen"]
    done = (await asker.ask(_APPLY, input={**apply, "idempotencyKey": a_key()}))["batch"]
    assert [one["outcome"] for one in done["rows"]] == ["WAITS"]
    waits = await FindingResolution.get(finding_id=large.id, started_at=None, ended_at=None)
    assert waits.reason == ClosingReason.WRITE_OFF


async def test_every_kind_goes_out_in_every_format_whole_exact_and_run_by_no_program(
    enter: Enter, settings: Settings
) -> None:
    asker = await enter(Role.ACCOUNTANT)
    shop = asker.shop
    long = "00012345678901234567890"
    await a_payment(shop, amount=123_456, reference="-2+3", order=long, tax=1_000)
    await a_payment(shop, amount=9_999_999_999_999, reference="@cmd")
    await _differs(shop, 9_999, "=1+1", "CLP")
    today = datetime.now(UTC).date()
    days = {"since": str(today - timedelta(days=60)), "until": str(today + timedelta(days=1))}
    for kind in set(Kind) - {Kind.AUDIT}:
        filter_ = days if kind is not Kind.FINDINGS else {}
        digests = set()
        for form in Format:
            done, given = await _exported(asker, settings, kind.value, form.value, **filter_)
            digests.add(done["sha256"])
            assert done["rowsDone"] == done["rowsTotal"]
        assert len(digests) == 1, kind
    done, given = await _exported(asker, settings, "PAYMENTS", "CSV", **days)
    with zipfile.ZipFile(io.BytesIO(given)) as packed:
        (name,) = [one for one in packed.namelist() if one != "control.csv"]
        data, control = packed.read(name), packed.read("control.csv").decode("utf-8-sig")
    assert hashlib.sha256(data.removeprefix(b"\xef\xbb\xbf")).hexdigest() == done["sha256"]
    assert done["sha256"] in control
    assert "Captured,BRL,100000001234.55,10000000123455" in control
    told = {row["Captured (minor units)"]: row for row in csv.DictReader(io.StringIO(data.decode("utf-8-sig")))}
    assert (told["123456"]["Payment at the PSE"], told["123456"]["Captured"]) == ("'-2+3", "1234.56")
    assert (told["123456"]["Order"], told["9999999999999"]["Payment at the PSE"]) == (long, "'@cmd")
    _, given = await _exported(asker, settings, "PAYMENTS", "XLSX", **days)
    sheet = {row["Captured (minor units)"]: row for row in _sheet(given)}
    assert (sheet["123456"]["Payment at the PSE"], sheet["123456"]["Order"]) == ("-2+3", long)
    with zipfile.ZipFile(io.BytesIO(given)) as packed:
        assert b"<f>" not in packed.read("xl/worksheets/sheet1.xml")
        assert b"<v>99999999999.99</v>" in packed.read("xl/worksheets/sheet1.xml")
    assert any(row["Export"] == "SHA-256 of the rows as CSV without its mark" for row in _sheet(given, 1))
    brazilian = {"kind": "PAYMENTS", "format": "XLSX", "locale": "pt-BR", "idempotencyKey": a_key()}
    made = (await asker.ask(_CREATE, input=brazilian))["export"]
    await jobs.export(UUID(made["id"]), settings)
    path = (await asker.ask(_SHOW, id=made["id"]))["file"]["downloadPath"]
    portuguese = await asker.http.get(asker.url + path, headers={"Authorization": f"Bearer {asker.token}"})
    assert {"Pagamento no PSE", "Capturado (unidades mínimas)"} <= set(_sheet(portuguese.content)[0])
    _, given = await _exported(asker, settings, "PAYMENTS", "PARQUET", **days)
    with zipfile.ZipFile(io.BytesIO(given)) as packed:
        frame = pl.read_parquet(io.BytesIO(packed.read(next(one for one in packed.namelist() if "parquet" in one))))
    assert str(frame["Captured"].sum()) == "100000001234.550"
    assert frame.schema["Captured at (UTC)"] == pl.Datetime("us", "UTC")
    _, given = await _exported(asker, settings, "FINDINGS", "XLSX", findings={"amount": {"currency": "CLP"}})
    (row,) = _sheet(given)
    assert (row["Amount"], row["Amount (minor units)"], row["What differs"]) == ("9999", "9999", "=1+1")
    _, given = await _exported(asker, settings, "FINDINGS", "CSV", findings={"states": ["RESOLVED"]})
    refused: list[dict[str, Any]] = [
        {"kind": "FINDINGS", "filter": days},
        {"kind": "TRIAL_BALANCE"},
        {"kind": "VAT", "filter": {"findings": {}}},
        {"kind": "LEDGER", "locale": "fr"},
    ]
    for bad in refused:
        wanted = {"format": "CSV", "idempotencyKey": a_key(), **bad}
        (error,) = (await asker.ask(_CREATE, input=wanted))["errors"]
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


async def test_a_large_sheet_is_a_job_that_is_gone_on_with_as_who_asked_may_now(
    enter: Enter, settings: Settings
) -> None:
    asker = await enter(Role.ACCOUNTANT)
    made = [await _differs(asker.shop, number) for number in range(1, 4)]
    _, given = await _exported(asker, settings, "FINDINGS", "XLSX")
    filled = [{**row, "Decision": "EXPLAINED", "Note": "As agreed."} for row in _sheet(given)]
    filled += [{**filled[0], "Finding": str(uuid4())} for _ in range(batches.AT_ONCE_MAX)]
    file = await _sent(asker, _workbook(filled))
    batch = (await asker.ask(_APPLY, input={"fileId": file, "idempotencyKey": a_key()}))["batch"]
    assert (batch["state"], batch["rowsDone"], batch["rowsTotal"]) == ("QUEUED", 0, 203)
    row = await DecisionBatch.get(id=batch["id"])
    assert [one["id"] for one in await rows(DUE["decisions"], 10)] == [row.id]
    # A worker is killed after the first row.
    assert await batches.begun(row)
    who = a_person(asker.shop, "Ana", Role.ACCOUNTANT)
    found = await decisions.lines(who, row.file_id, settings)
    await batches._one(row, who, found[0], frozenset(), CAUSE)
    await execute("UPDATE decision_batches SET due_at = now() WHERE id = $1", row.id)
    await jobs.decisions(row.id, settings)
    await jobs.decisions(row.id, settings)
    done = await asker.ask(_SHOW_BATCH, id=batch["id"])
    assert (done["state"], done["rowsDone"]) == ("DONE", 203)
    assert await DecisionRow.filter(batch_id=row.id, outcome="RESOLVED").count() == 3
    assert await Finding.filter(id__in=[one.id for one in made], resolved_at__isnull=False).count() == 3
    # Whoever asked has lost the right meanwhile: nothing is done in their name.
    late = (await asker.ask(_APPLY, input={"fileId": file, "idempotencyKey": a_key()}))["batch"]
    await execute("UPDATE tokens SET revoked_at = now() WHERE merchant_id = $1", asker.shop.id)
    await jobs.decisions(UUID(late["id"]), settings)
    ended = await DecisionBatch.get(id=late["id"])
    assert (ended.state, ended.problem) == ("FAILED", "Whoever asked for it may not do it any more.")


async def test_a_file_of_another_purpose_or_merchant_is_no_sheet(enter: Enter, settings: Settings) -> None:
    shop = (await enter(Role.ACCOUNTANT)).shop
    who, other = a_person(shop, "Ana", Role.ACCOUNTANT), a_person(await a_shop(), "Eve", Role.ACCOUNTANT)
    given = b"Finding,Facts,Decision\n"
    for purpose, asks in ((Purpose.FINDING_ATTACHMENT, who), (Purpose.DECISIONS, other), (Purpose.DECISIONS, who)):
        new = NewFile(purpose, "x.csv", len(given), hashlib.sha256(given).hexdigest())
        ticket = await tickets.announce(who, new, settings, CAUSE)
        with pytest.raises(NotFound):  # the last one has not come
            await decisions.lines(asks, ticket.file.id, settings)
    assert Permission.WORK_FINDINGS in PERMISSIONS[Role.ACCOUNTANT]


async def test_the_audit_log_goes_out_whole_to_who_reads_it_and_to_nobody_else(
    enter: Enter, settings: Settings
) -> None:
    asker = await enter()
    accountant = await enter(Role.ACCOUNTANT, asker.shop, "accountant")
    auditor = await enter(Role.AUDITOR, asker.shop, "auditor")
    for number in range(130):  # more than a page of the API
        await deeds.note(asker.shop.id, "storeUpdate", deeds.Of("store", str(number)), CAUSE)
    await sealed(asker.shop)
    done, given = await _exported(auditor, settings, "AUDIT", "CSV", audit={"kinds": ["CHANGE"], "objectKind": "store"})
    with zipfile.ZipFile(io.BytesIO(given)) as packed:
        data = next(packed.read(one).decode("utf-8-sig") for one in packed.namelist() if one != "control.csv")
    told = list(csv.DictReader(io.StringIO(data)))
    assert [one["Object"] for one in told] == [str(number) for number in range(130)]
    assert done["rowsDone"] == 130
    assert all(len(one["Seal"]) == 64 for one in told)
    path = accountant.url + done["file"]["downloadPath"]
    refused = await accountant.http.get(path, headers={"Authorization": f"Bearer {accountant.token}"})
    assert refused.status_code == 404
    assert await accountant.ask(_SHOW, id=done["id"]) is None
    assert await accountant.ask(_LIST) == {"edges": []}
    assert len((await auditor.ask(_LIST))["edges"]) == 1
    wanted: dict[str, Any] = {"kind": "AUDIT", "format": "CSV", "idempotencyKey": a_key()}
    assert (await accountant.ask(_CREATE, input=wanted))["errors"][0]["code"] == "FORBIDDEN"
    narrowed: tuple[tuple[str, dict[str, Any]], ...] = (
        ("AUDIT", {"since": "2026-01-01"}),
        ("REFUNDS", {"audit": {}}),
        ("PAYMENTS", {"statuses": ["FAILED"]}),
        ("LEDGER", {"needsPerson": True}),
        ("REFUNDS", {"currency": "BRL", "amountFrom": {"minorUnits": "1", "currency": "MXN"}}),
    )
    for kind, filter_ in narrowed:
        bad = {**wanted, "kind": kind, "idempotencyKey": a_key(), "filter": filter_}
        assert (await asker.ask(_CREATE, input=bad))["errors"][0]["code"] == "INVALID_INPUT", kind


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
        done, _ = await _exported(asker, settings, "REFUNDS", "CSV", **filter_)
        assert done["rowsDone"] == count, filter_
