"""Sheets of decisions: an export of findings that comes back filled in, previewed and applied row by row."""

import csv
import hashlib
import io
import re
import zipfile
from collections.abc import Mapping
from uuid import UUID, uuid4

import pytest
import xlsxwriter

from domain.access.tokens import PERMISSIONS, Permission, Role
from domain.cause import Cause
from domain.due import DUE
from domain.exports import batches, decisions, tables
from domain.files import tickets
from domain.files.tickets import NewFile
from domain.findings import work
from domain.findings.findings import FindingKind
from domain.findings.work import Resolution
from domain.models import DecisionBatch, DecisionRow, Deed, Finding, FindingResolution
from domain.models.files import Purpose
from domain.models.findings import ClosingReason
from domain.money import Money
from domain.payments import external
from domain.platform.database import execute, rows
from domain.platform.settings import Settings
from domain.problems import NotFound
from domain.pse.vocabulary import KnownRefund, Succeeded
from jobs import exports as jobs
from tests.api.conftest import Asker, Enter
from tests.api.graphql.exported import ERRORS, differs, exported, rows_of_sheet
from tests.kit.factories import CAUSE, Shop, a_key, a_payment, a_person, a_shop

_NIGHT = Cause(f"{external.BY_REPORT}{uuid4()}", "reconciliation")
_ANNOUNCE = f"""mutation A($input: FileAnnounceInput!) {{ fileAnnounce(input: $input) {{
  file {{ id }} uploadPath {ERRORS} }} }}"""
_PREVIEW = """query P($file: ID!, $first: Int! = 100, $after: Int! = 0) {
  decisionsPreview(fileId: $file, first: $first, afterRow: $after) {
    total more seen replaces rows { row findingId outcome code said } } }"""
_BATCH = "id state rowsDone rowsTotal problem rows { row findingId outcome code said }"
_APPLY = f"""mutation D($input: DecisionsApplyInput!) {{ decisionsApply(input: $input) {{
  batch {{ {_BATCH} }} {ERRORS} }} }}"""
_SHOW_BATCH = f"query B($id: ID!) {{ decisionBatch(id: $id) {{ {_BATCH} }} }}"
_NASTY = '=HYPERLINK("http://evil","x")'


async def _taken(shop: Shop, amount: int, name: str) -> Finding:
    payment = await a_payment(shop, amount=10_000_000)
    known = KnownRefund(name, name, Money(amount, "BRL"), Succeeded(name), True, "MED", None, None)
    assert await external.book(payment, known, FindingKind.MISSING_IN_LEDGER, _NIGHT)
    return await Finding.get(payment_id=payment.id)


async def _sent(asker: Asker, given: bytes) -> str:
    about = {"purpose": "DECISIONS", "name": "decided.xlsx", "size": len(given)}
    told = await asker.ask(_ANNOUNCE, input={**about, "sha256": hashlib.sha256(given).hexdigest()})
    assert (await asker.http.put(asker.url + told["uploadPath"], content=given)).is_success
    return str(told["file"]["id"])


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
    stale, fine, nasty = await differs(shop, 7), await differs(shop, 8), await differs(shop, 9, _NASTY)
    other, resolved, twin = await differs(shop, 10), await differs(shop, 11), await differs(shop, 12)
    _, given = await exported(asker, settings, "FINDINGS", "XLSX")
    by_id = {row["Finding"]: row for row in rows_of_sheet(given)}
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
    _, given = await exported(asker, settings, "FINDINGS", "XLSX")
    (row,) = rows_of_sheet(given)
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


async def test_a_large_sheet_is_a_job_that_is_gone_on_with_as_who_asked_may_now(
    enter: Enter, settings: Settings
) -> None:
    asker = await enter(Role.ACCOUNTANT)
    made = [await differs(asker.shop, number) for number in range(1, 4)]
    _, given = await exported(asker, settings, "FINDINGS", "XLSX")
    filled = [{**row, "Decision": "EXPLAINED", "Note": "As agreed."} for row in rows_of_sheet(given)]
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
