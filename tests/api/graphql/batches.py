"""Sheets as the tests hand them in, judge and apply them."""

import hashlib
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from domain.models import Payment
from domain.platform.settings import Settings
from jobs import batches as jobs
from tests.api.conftest import Asker
from tests.kit.factories import Shop, a_key, a_payment

ERRORS = "errors { __typename ... on Error { code message path } }"
BATCH = """id kind name state written ignored digest needsAnother isYours rowsTotal rowsDone problem createdBy
  confirmedBy canceledBy cursor totals { verdict storeId rows amount { minorUnits currency } } results { outcome rows }
  rows { row named number amount { minorUnits currency } verdict outcome code said paymentId refundId refundStatus }"""
ANNOUNCE = f"""mutation A($input: FileAnnounceInput!) {{ fileAnnounce(input: $input) {{
  file {{ id }} uploadPath {ERRORS} }} }}"""
CREATE = f"mutation C($input: BatchCreateInput!) {{ batchCreate(input: $input) {{ batch {{ {BATCH} }} {ERRORS} }} }}"
CONFIRM = f"mutation Y($input: BatchConfirmInput!) {{ batchConfirm(input: $input) {{ batch {{ {BATCH} }} {ERRORS} }} }}"
SHOW = f"query B($id: ID!) {{ batch(id: $id) {{ {BATCH} }} }}"
HEAD = "Pedido;Valor;Moeda;Número do reembolso;Motivo;Obs;Setor;De novo\n"


def sheet_of(*cells: str) -> bytes:
    text = HEAD + "".join(f"{one}\n" for one in cells)
    try:
        return text.encode("cp1252")
    except UnicodeEncodeError:
        return text.encode()


async def sent(asker: Asker, given: bytes, purpose: str = "REFUND_BATCH", name: str = "maio.csv") -> str:
    about = {"purpose": purpose, "name": name, "size": len(given), "sha256": hashlib.sha256(given).hexdigest()}
    told = await asker.ask(ANNOUNCE, input=about)
    assert told["errors"] == []
    assert (await asker.http.put(asker.url + told["uploadPath"], content=given)).is_success
    return str(told["file"]["id"])


async def judged(asker: Asker, settings: Settings, given: bytes, **more: str) -> dict[str, Any]:
    file, key = await sent(asker, given, **more), a_key()
    for _ in range(2):  # the same key again is the same sheet
        made = await asker.ask(CREATE, input={"fileId": file, "idempotencyKey": key})
        assert made["errors"] == [], made
    assert made["batch"]["state"] == "READING"
    await jobs.batch(UUID(made["batch"]["id"]), settings)
    found: dict[str, Any] = await asker.ask(SHOW, id=made["batch"]["id"])
    return found


async def confirmed(asker: Asker, batch: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = await asker.ask(CONFIRM, input={"batchId": batch["id"], "digest": batch["digest"]})
    return told


async def applied(asker: Asker, settings: Settings, batch: Mapping[str, Any]) -> dict[str, Any]:
    assert (await confirmed(asker, batch))["errors"] == []
    await jobs.batch(UUID(batch["id"]), settings)
    found: dict[str, Any] = await asker.ask(SHOW, id=batch["id"])
    assert found["state"] == "DONE", found["problem"]
    return found


async def orders(shop: Shop, *amounts: int) -> list[Payment]:
    return [await a_payment(shop, amount=one, order=f"A{at}") for at, one in enumerate(amounts, start=1)]


CANCEL = f"mutation N($input: BatchCancelInput!) {{ batchCancel(input: $input) {{ batch {{ {BATCH} }} {ERRORS} }} }}"


def verdicts(batch: Mapping[str, Any]) -> list[tuple[int, str, str | None]]:
    return [(one["row"], one["verdict"], one["code"]) for one in batch["rows"]]


def outcomes(batch: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    return [(one["outcome"], one["code"]) for one in batch["rows"]]
