"""Nights over the public API: the list, one night with its files, handing in, repeating, following, and whose it is."""

import asyncio
import hashlib
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from strawberry.relay import to_base64

from domain.access.tokens import Role
from domain.models import Connection, Deed, HandedReport, ReconciliationRun
from domain.pse import registry
from domain.reconciliation import nights, progress
from domain.reconciliation.asked_again import WAITING_MAX
from domain.reconciliation.progress import Phase
from tests.api.conftest import Asker, Enter, following
from tests.kit.factories import OwnerRows, a_payment
from tests.kit.lines import Telling, a_line, a_night, today

_NIGHTS = """query N($first: Int!, $after: String, $filter: NightFilter) {
  nights(first: $first, after: $after, filter: $filter) { totalCount edges { cursor node { businessDate state
    connectionName until fileCount } } pageInfo { hasNextPage endCursor } } }"""
_NIGHT = """query N($id: ID!, $date: Date!) { night(connectionId: $id, businessDate: $date) {
  state chainHead expectedBy run { state } progress { phase rowsTotal secondsLeft }
  files { name sha256 bytes proof provenBy rows matchedRefunds unmatchedRefunds unknownWords failed run } } }"""
_ERRORS = "errors { ... on Error { code message path } }"
_ANNOUNCE = f"""mutation A($input: FileAnnounceInput!) {{ fileAnnounce(input: $input) {{
  file {{ id }} uploadPath {_ERRORS} }} }}"""
_UPLOAD = f"""mutation U($input: SettlementReportUploadInput!) {{ settlementReportUpload(input: $input) {{
  report {{ id state way handedInBy }} {_ERRORS} }} }}"""
_REPEAT = (
    f"""mutation R($input: NightRepeatInput!) {{ nightRepeat(input: $input) {{ night {{ state }} {_ERRORS} }} }}"""
)
_FOLLOW = """subscription F($id: ID!) { reconciliationRunProgress(runId: $id) { __typename
  ... on RunProgressMessage { progress { state phase rowsDone rowsTotal } } } }"""
_SET = f"""mutation S($input: ReportExpectationSetInput!) {{ reportExpectationSet(input: $input) {{
  expectation {{ covers days bankDays countries source lineDays nextDue }} {_ERRORS} }} }}"""
_FULL = (
    f"INVALID_STATE connectionId {WAITING_MAX} nights of this connection wait already to be run again, and others' "
    "behind them"
)
_HANDED = """query H($id: ID!) { handedReport(id: $id) { state said name } }"""


@pytest.fixture(autouse=True)
def laboratory() -> Iterator[None]:
    registry.register(Telling())
    yield
    registry._CONNECTORS.pop("lab", None)


async def _accountant(enter: Enter, owner_rows: OwnerRows) -> Asker:
    asker = await enter(Role.ACCOUNTANT)
    await owner_rows("UPDATE connections SET pse = 'lab', created_at = now() - interval '5 days'")
    asker.shop.connection.pse = "lab"
    return asker


def _input(asker: Asker, **more: Any) -> dict[str, Any]:
    return {"idempotencyKey": str(uuid4()), "connectionId": str(asker.shop.connection.id), **more}


async def test_nights_are_listed_page_by_page_and_one_has_its_files_as_fields(
    enter: Enter, owner_rows: OwnerRows
) -> None:
    asker, stranger = await _accountant(enter, owner_rows), await enter(Role.ACCOUNTANT)
    payment = await a_payment(asker.shop)
    await a_night(asker.shop, a_line(payment, "CAPTURE", payment.captured), days=-2, name="a.json")
    contract = {"connectionId": str(asker.shop.connection.id), "covers": "DATE", "days": 2, "bankDays": False}
    told = await asker.ask(_SET, input={**contract, "byTime": "23:59", "countries": ["merchant", "US"]})
    assert (told["errors"], told["expectation"]["countries"]) == ([], ["BR", "US"])
    seen: list[tuple[str, str]] = []
    after: str | None = None
    while True:
        page = await asker.ask(_NIGHTS, first=2, after=after, filter={"from": str(today(-4)), "to": str(today())})
        seen += [(edge["node"]["businessDate"], edge["node"]["state"]) for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    states = ["WAITING_FOR_PSE", "WAITING_FOR_PSE", "UNPROVEN", "LATE", "LATE"]
    assert seen == [(str(today(-days)), state) for days, state in enumerate(states)]
    assert page["totalCount"] == len(seen)
    late = await asker.ask(_NIGHTS, first=9, filter={"states": ["LATE"]})
    assert late["totalCount"] == len(late["edges"])
    assert [edge["node"]["businessDate"] for edge in late["edges"]][:2] == [str(today(-3)), str(today(-4))]
    night = await asker.ask(_NIGHT, id=str(asker.shop.connection.id), date=str(today(-2)))
    (file,) = night["files"]
    assert (file["name"], file["rows"], file["proof"], file["run"], file["failed"]) == (
        "a.json",
        1,
        "UNPROVEN",
        1,
        None,
    )
    assert (len(file["sha256"]), night["progress"], len(night["expectedBy"])) == (64, None, 2)
    assert night["chainHead"].startswith(str(asker.shop.id))
    assert (await stranger.ask(_NIGHTS, first=9, filter={"connectionId": str(asker.shop.connection.id)}))["edges"] == []
    assert await stranger.ask(_NIGHT, id=str(asker.shop.connection.id), date=str(today(-2))) is None
    for wrong in ({"from": str(today()), "to": str(today(-1))}, {"from": "2020-01-01", "to": str(today())}):
        assert (await asker.told(_NIGHTS, first=1, filter=wrong))["errors"][0]["extensions"]["code"] == "INVALID_INPUT"
    assert "errors" in await asker.told(_NIGHTS, first=1, after="nonsense")


async def _has_bounds(asker: Asker) -> None:
    """A night that waits to be repeated is asked for once, and but a few of a connection wait: others' stand behind."""

    async def ask(days: int, **more: str) -> list[str]:
        told = await asker.ask(_REPEAT, input={**_input(asker, businessDate=str(today(days))), **more})
        return [f"{one['code']} {one['path'][-1]} {one['message']}" for one in told["errors"]]

    (same,) = await ask(-1)
    assert same.startswith("INVALID_STATE businessDate")
    assert "waits already" in same
    key = str(uuid4())
    assert await ask(-2, idempotencyKey=key) == []
    asked = await asyncio.gather(*(ask(-days) for days in range(3, 12)))
    assert sum(not one for one in asked) == WAITING_MAX - 2
    assert {one[0].split(": ")[0] for one in asked if one} == {_FULL}
    assert await ask(-2, idempotencyKey=key) == []  # the same request is answered as before
    # Once its run has begun it waits no more.
    await nights.begin(asker.shop.connection, today(-2))
    assert await ask(-2) == []
    assert (await ask(-12))[0].startswith(_FULL)
    assert await Deed.filter(operation="nightRepeat").count() == WAITING_MAX + 1


async def test_a_report_is_handed_in_and_a_night_repeated_by_who_keeps_the_books(
    enter: Enter, owner_rows: OwnerRows
) -> None:
    asker = await _accountant(enter, owner_rows)
    content = b"[]"
    new = {"purpose": "SETTLEMENT_REPORT", "name": "a.json", "size": 2, "sha256": hashlib.sha256(content).hexdigest()}
    ticket = await asker.ask(_ANNOUNCE, input=new)
    assert ticket["errors"] == []
    assert (await asker.http.put(asker.url + ticket["uploadPath"], content=content)).status_code == 201
    given = _input(asker, fileId=ticket["file"]["id"], businessDate=str(today(-1)))
    told = await asker.ask(_UPLOAD, input=given)
    report = told["report"]
    assert (told["errors"], report["state"], report["way"]) == ([], "WAITING", "UPLOAD")
    assert (await asker.ask(_UPLOAD, input=given))["report"]["id"] == report["id"]
    conflict = await asker.ask(_UPLOAD, input={**given, "businessDate": None})
    future = await asker.ask(
        _UPLOAD, input={**_input(asker, fileId=ticket["file"]["id"]), "businessDate": "2090-01-01"}
    )
    assert [one["errors"][0]["code"] for one in (conflict, future)] == ["IDEMPOTENCY_KEY_REUSED", "INVALID_INPUT"]
    assert (await asker.ask(_HANDED, id=report["id"]))["state"] == "WAITING"
    repeated = await asker.ask(_REPEAT, input=_input(asker, businessDate=str(today(-1))))
    assert repeated["errors"] == []
    assert repeated["night"]["state"] == "NO_REPORT"  # the laboratory publishes none
    await _has_bounds(asker)
    reader = await enter(Role.AUDITOR, asker.shop)
    for document, more in ((_UPLOAD, {"fileId": ticket["file"]["id"]}), (_REPEAT, {"businessDate": str(today(-1))})):
        assert (await reader.ask(document, input=_input(asker, **more)))["errors"][0]["code"] == "FORBIDDEN"
    stranger = await enter(Role.ACCOUNTANT)
    assert await stranger.ask(_HANDED, id=report["id"]) is None
    refused = await stranger.ask(_UPLOAD, input=_input(asker, fileId=ticket["file"]["id"]))
    assert refused["errors"][0]["code"] == "NOT_FOUND"
    assert {one.operation for one in await Deed.filter(kind="CHANGE")} >= {"settlementReportUpload", "nightRepeat"}
    assert await HandedReport.all().count() == 1
    await Connection.filter(id=asker.shop.connection.id).update(state="SUSPENDED")
    suspended = await asker.ask(_REPEAT, input=_input(asker, businessDate=str(today(-1))))
    assert suspended["errors"][0]["code"] == "INVALID_STATE"


async def test_a_run_is_followed_until_it_has_ended_by_nobody_but_its_merchant(
    enter: Enter, owner_rows: OwnerRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_WRITE_SECONDS", 0.01)
    asker, stranger = await _accountant(enter, owner_rows), await enter(Role.ACCOUNTANT)
    run = await nights.begin(asker.shop.connection, today(-1))
    key = to_base64("ReconciliationRun", str(run.id))

    async with following(asker, _FOLLOW, id=key) as stream:
        await stream.until('"state"')
        async with progress.telling(run):
            progress.at(Phase.STORING, 7)
            await stream.until('"phase":"STORING"')
        await nights.complete(await ReconciliationRun.get(id=run.id), {"files": []}, report=False)
    told = stream.text
    assert '"state":"NO_REPORT"' in told
    assert told.index('"phase":"STORING","rowsDone":"0","rowsTotal":"7"') < told.index('"state":"NO_REPORT"')
    assert "complete" in told
    async with following(stranger, _FOLLOW, id=key) as stream:
        pass
    refused = stream.text
    assert "NO_REPORT" not in refused
    assert "errors" in refused
