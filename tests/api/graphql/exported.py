"""Exports as the tests ask for them, and the findings that they hold."""

from typing import Any
from uuid import UUID

import fastexcel

from domain.findings import findings
from domain.findings.findings import FindingKind, Found
from domain.models import Finding
from domain.money import Money
from domain.platform.settings import Settings
from jobs import exports as jobs
from tests.api.conftest import Asker
from tests.kit.factories import Shop, a_key

ERRORS = "errors { __typename ... on Error { code message path } }"
EXPORT = "id kind format state rowsDone rowsTotal sha256 problem expiresAt filter file { id name downloadPath }"
CREATE = f"""mutation C($input: ExportCreateInput!) {{ exportCreate(input: $input) {{
  export {{ {EXPORT} }} {ERRORS} }} }}"""
SHOW = f"query E($id: ID!) {{ export(id: $id) {{ {EXPORT} }} }}"


async def differs(shop: Shop, number: int, explanation: str = "They differ.", currency: str = "BRL") -> Finding:
    detail = {"ours": {"amount": 5}, "theirs": {"amount": 5 + number}, "differs": ["amount"]}
    amount = Money(number, currency)
    found = Found(
        FindingKind.AMOUNT_MISMATCH, shop.id, shop.connection.id, f"n/{number}", amount, explanation, detail=detail
    )
    made = await findings.open_finding(found)
    assert made is not None
    return await Finding.get(id=made)


async def exported(asker: Asker, settings: Settings, kind: str, form: str, **filter_: Any) -> tuple[Any, bytes]:
    given = {"kind": kind, "format": form, "filter": filter_ or None, "idempotencyKey": a_key()}
    for _ in range(2):  # the same key again is the same export
        made = (await asker.ask(CREATE, input=given))["export"]
    assert (made["state"], made["file"]) == ("QUEUED", None)
    await jobs.export(UUID(made["id"]), settings)
    done = await asker.ask(SHOW, id=made["id"])
    assert done["state"] == "DONE", done["problem"]
    path = asker.url + done["file"]["downloadPath"]
    answer = await asker.http.get(path, headers={"Authorization": f"Bearer {asker.token}"})
    assert answer.status_code == 200
    return done, answer.content


def rows_of_sheet(given: bytes, place: int = 0) -> list[dict[str, str]]:
    told = fastexcel.read_excel(given).load_sheet(place, header_row=0, dtypes="string").to_polars()
    return [{name: cell or "" for name, cell in row.items()} for row in told.to_dicts()]
