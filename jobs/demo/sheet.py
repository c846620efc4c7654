"""Refunds from a sheet of Excel: judged row by row before anything is sent, confirmed, and done once."""

import asyncio
import hashlib
import io
from typing import Any, Final
from uuid import uuid4

import xlsxwriter

from domain.access.tokens import Role
from jobs.demo import paid
from jobs.demo.course import Day
from jobs.demo.opening import ERRORS, answer_of

_ANNOUNCE: Final = (
    "mutation Announce($input: FileAnnounceInput!) { fileAnnounce(input: $input) { file { id } uploadPath "
    + ERRORS
    + " } }"
)
_BATCH: Final = (
    "id state digest problem needsAnother results { outcome rows } rows { row verdict outcome code refundId }"
)
_CREATE: Final = (
    f"mutation Create($input: BatchCreateInput!) {{ batchCreate(input: $input) {{ batch {{ {_BATCH} }} {ERRORS} }} }}"
)
_CONFIRM: Final = (
    f"mutation Yes($input: BatchConfirmInput!) {{ batchConfirm(input: $input) {{ batch {{ {_BATCH} }} {ERRORS} }} }}"
)
_SHOW: Final = f"query Show($id: ID!) {{ batch(id: $id) {{ {_BATCH} }} }}"
_HEADINGS: Final = ("Pedido", "Valor", "Moeda", "Número do reembolso", "Motivo")
_PAID: Final = 25_000  # minor units
_TRIES: Final = 150
_EVERY_SECONDS: Final = 0.2


async def play(day: Day) -> None:
    """The desk sends its sheet: a row that is good, and one of an order that nobody knows."""
    await paid.order(day, "PED-7001", _PAID)
    rows = (("PED-7001", "150,00", "BRL", "REEMB-1", ""), ("PED-9999", "10,00", "BRL", "REEMB-2", ""))
    batch = await _until(day, await _sent(day, _written(rows)), "JUDGED")
    verdicts = [(one["row"], one["verdict"]) for one in batch["rows"]]
    nothing = all(one["refundId"] is None for one in batch["rows"])
    right = batch["state"] == "JUDGED" and len(verdicts) == 2 and verdicts[0][1] != verdicts[1][1]
    day.expect(right and nothing, f"a sheet of Excel is judged before anything is sent: {_told(batch)}")
    yes = {"batchId": batch["id"], "digest": batch["digest"]}
    await answer_of(day.client(Role.ADMIN), _CONFIRM, "batchConfirm", **yes)
    batch = await _until(day, batch["id"], "DONE")
    refunds = [one["refundId"] for one in batch["rows"] if one["refundId"]]
    ended = [(await paid.succeeded(day, one))["status"] for one in refunds]
    day.expect(ended == ["SUCCEEDED"], "the good row is refunded, the bad one holds nothing up")
    again = await _until(day, await _sent(day, _written(rows)), "JUDGED")
    twice = [one["verdict"] for one in again["rows"][:1]]
    day.expect(twice == ["DONE"], "the same sheet a second time would refund nothing")


def _written(rows: tuple[tuple[str, ...], ...]) -> bytes:
    """What a person's Excel saves."""
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file, {"in_memory": True})
    page = book.add_worksheet()
    for at, cells in enumerate((_HEADINGS, *rows)):
        for column, cell in enumerate(cells):
            page.write_string(at, column, cell)
    book.close()
    return file.getvalue()


async def _sent(day: Day, sheet: bytes) -> str:
    client = day.client(Role.ADMIN)
    about = {"purpose": "REFUND_BATCH", "name": "novembro.xlsx", "size": len(sheet)}
    told = await answer_of(client, _ANNOUNCE, "fileAnnounce", **about, sha256=hashlib.sha256(sheet).hexdigest())
    (await day.http.put(day.stage.addresses.api_url + told["uploadPath"], content=sheet)).raise_for_status()
    given = {"fileId": told["file"]["id"], "idempotencyKey": str(uuid4())}
    made: str = (await answer_of(client, _CREATE, "batchCreate", **given))["batch"]["id"]
    return made


async def _until(day: Day, batch: str, state: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(_TRIES):
        found = (await day.client(Role.ADMIN).ask(_SHOW, id=batch))["batch"]
        if found["state"] in (state, "FAILED"):
            break
        await asyncio.sleep(_EVERY_SECONDS)
    return found


def _told(batch: dict[str, Any]) -> str:
    said = (f"row {one['row']} {one['code'] or one['verdict']}" for one in batch["rows"])
    return batch["problem"] or ", ".join(said)
