"""A report that no program can fetch: a person hands it in, and it is believed when another one has seen it."""

import asyncio
import hashlib
from typing import Any, Final
from uuid import UUID, uuid4

from domain.access.tokens import Role
from jobs import handed_in
from jobs.demo.client import Client
from jobs.demo.course import Day
from jobs.demo.others import DemoAccount
from jobs.wire.sender import Sender

_ERRORS: Final = "errors { ... on Error { code message } }"
_ANNOUNCE: Final = f"""mutation Announce($input: FileAnnounceInput!) {{ fileAnnounce(input: $input) {{
  file {{ id }} uploadPath {_ERRORS} }} }}"""
_UPLOAD: Final = f"""mutation Upload($input: SettlementReportUploadInput!) {{ settlementReportUpload(input: $input) {{
  report {{ id }} {_ERRORS} }} }}"""
_CONFIRM: Final = f"""mutation Confirm($input: SettlementReportConfirmInput!) {{
  settlementReportConfirm(input: $input) {{ report {{ state }} {_ERRORS} }} }}"""
_REPORT: Final = """query Report($id: ID!) { handedReport(id: $id) { state said sha256
  preview { rows books { entry currency amount } } } }"""
_TRIES: Final = 300


async def play(day: Day, places: list[DemoAccount]) -> None:
    """dLocal's settlement file comes by hand: accounting hands it in, the administrator looks and confirms."""
    place = next(one for one in places if one.pse == "dlocal")
    told = await day.sandbox("report", {}, pse=place.pse)
    accounting, admin = day.client(Role.ACCOUNTING), day.client(Role.ADMIN)
    report = await _handed_in(day, accounting, place, told["name"], told["content"].encode())
    seen = await _judged(day, accounting, report, "PROPOSED")
    day.expect(seen["state"] == "PROPOSED", f"{place.pse}: a report that a person hands in waits for another person")
    named = {"reportId": report, "sha256": seen["sha256"]}
    own = (await accounting.ask(_CONFIRM, input=named))["settlementReportConfirm"]
    day.expect([one["code"] for one in own["errors"]] == ["FORBIDDEN"], "whoever handed it in cannot confirm it")
    done = (await admin.ask(_CONFIRM, input=named))["settlementReportConfirm"]
    rows = seen["preview"]["rows"] if seen["preview"] else 0
    day.expect(not done["errors"], f"another person sees its {rows} rows and what they would book, and says yes")
    seen = await _judged(day, accounting, report, "TAKEN")
    day.expect(seen["state"] == "TAKEN", f"and then it is entered: {seen['said']}")


async def _handed_in(day: Day, client: Client, place: DemoAccount, name: str, content: bytes) -> str:
    new: dict[str, Any] = {"purpose": "SETTLEMENT_REPORT", "name": name, "size": len(content)}
    new["sha256"] = hashlib.sha256(content).hexdigest()
    ticket = (await client.ask(_ANNOUNCE, input=new))["fileAnnounce"]
    (await day.http.put(day.stage.addresses.api_url + ticket["uploadPath"], content=content)).raise_for_status()
    given = {"idempotencyKey": str(uuid4()), "connectionId": str(place.connection.id), "fileId": ticket["file"]["id"]}
    report: str = (await client.ask(_UPLOAD, input=given))["settlementReportUpload"]["report"]["id"]
    return report


async def _judged(day: Day, client: Client, report: str, wanted: str) -> dict[str, Any]:
    """The report when its job is done: the worker's, or ours where that one is not there."""
    sender = Sender(day.settings.secret_key, day.settings.send_limit_seconds)
    told: dict[str, Any] = {}
    try:
        for _ in range(_TRIES):
            await handed_in.take(UUID(report), sender, day.settings)
            told = (await client.ask(_REPORT, id=report))["handedReport"]
            if told["state"] in (wanted, "REFUSED", "KNOWN"):
                break
            await asyncio.sleep(0.2)
    finally:
        await sender.close()
    return told
