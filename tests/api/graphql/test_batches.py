"""Refunds and payments from a sheet: judged before anything is sent, confirmed by who may, done once, told of."""

import asyncio
import base64
import os
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.access.permissions import Permission
from domain.access.tokens import Role
from domain.batches import applying, batches, judging, lines, reading
from domain.batches.columns import SheetKind
from domain.due import DUE
from domain.files.kinds import RULES
from domain.models import Batch, BatchRow, Deed, File, Payment, Refund
from domain.models.files import Purpose
from domain.platform.database import execute, rows
from domain.platform.settings import Settings
from domain.pse.vocabulary import Declined, Succeeded
from jobs import batches as jobs
from tests.api.conftest import Asker, Enter, following, statements
from tests.api.graphql.batches import (
    ANNOUNCE,
    CANCEL,
    CONFIRM,
    CREATE,
    ERRORS,
    SHOW,
    applied,
    confirmed,
    judged,
    orders,
    outcomes,
    sheet_of,
    verdicts,
)
from tests.conftest import Database
from tests.kit import forked
from tests.kit.factories import OwnerRows, a_key, a_payment, a_refund, an_answer

_RESULT = f"""mutation R($input: BatchResultCreateInput!) {{ batchResultCreate(input: $input) {{
  file {{ id name downloadPath }} {ERRORS} }} }}"""
_FOLLOW = """subscription F($id: ID!) { batchProgress(batchId: $id) { __typename
  ... on BatchProgressMessage { cursor progress { state rowsDone rowsTotal } } } }"""
_PAGE = """query P($id: ID!, $after: Int!, $verdicts: [BatchVerdict!]) { batch(id: $id) {
  rows(first: 2, afterRow: $after, verdicts: $verdicts) { row } } }"""
_LIST = "query L { batches(first: 10, state: DONE) { edges { node { id } } } }"
_TEMPLATE = 'query T { batchTemplate(kind: REFUNDS, locale: "zh-CN", format: CSV) { name content } }'


async def _fetched(asker: Asker, batch: Mapping[str, Any], form: str) -> bytes:
    told = await asker.ask(_RESULT, input={"batchId": batch["id"], "format": form})
    assert told["errors"] == []
    path = asker.url + told["file"]["downloadPath"]
    answer = await asker.http.get(path, headers={"Authorization": f"Bearer {asker.token}"})
    assert answer.status_code == 200
    return answer.content


async def test_a_sheet_is_judged_row_by_row_confirmed_done_once_and_told_to_the_end(
    enter: Enter, settings: Settings
) -> None:
    asker = await enter(Role.REQUESTER)
    shop = asker.shop
    first, second, third, fourth = await orders(shop, 10_000, 20_000, 3_000_000, 30_000)
    await a_payment(shop, order="TWO", amount=1_000)
    await a_payment(shop, order="TWO", amount=1_000)
    await a_refund(shop, fourth, 500)
    given = sheet_of(
        "A1;10,00;BRL;;pedido do cliente;;x",
        "A2;1.234,56;BRL",
        "A2;tudo;BRL;R-2;;;;",
        "A2;1,00;BRL",
        "A3;30.000,00;BRL;R-3;fraude;devolução à parte",
        "A1;95,00;BRL",
        "NONE;10,00;BRL",
        "TWO;10,00;BRL",
        "A1;10,00;BRL",
        "A4;5,00;BRL",
        "A4;5,00;BRL;R-4",
        "A4;5,00;BRL;;;;;sim",
        "A4;5,00;BRL;R-4",
        "A1;10,00;USD",
        "1,23E+15;10,00;BRL",
        "A1;1,00;BRL;;birra",
    )
    batch = await judged(asker, settings, given)
    assert (batch["state"], batch["kind"], batch["rowsTotal"]) == ("JUDGED", "REFUNDS", 16), batch["problem"]
    assert (batch["written"], batch["ignored"]) == ("csv, Latin-1, divided by ;", "Setor")
    assert verdicts(batch) == [
        (2, "GOES", None),
        (3, "REFUSED", "AMOUNT_EXCEEDS_REFUNDABLE"),
        (4, "GOES", None),
        (5, "REFUSED", "AMOUNT_EXCEEDS_REFUNDABLE"),  # the row before takes all of it
        (6, "WAITS", None),
        (7, "REFUSED", "AMOUNT_EXCEEDS_REFUNDABLE"),
        (8, "REFUSED", "NOT_FOUND"),
        (9, "REFUSED", "AMBIGUOUS"),
        (10, "DUPLICATE", "LIKELY_DUPLICATE"),
        (11, "DUPLICATE", "LIKELY_DUPLICATE"),
        (12, "DUPLICATE", "LIKELY_DUPLICATE"),  # one that has no number left before
        (13, "GOES", None),  # the row says so
        (14, "REFUSED", "DUPLICATE_ROW"),
        (15, "REFUSED", "CURRENCY_MISMATCH"),
        (16, "REFUSED", "NUMBER_CUT"),
        (17, "REFUSED", "INVALID_INPUT"),
    ], batch["rows"]
    assert {"verdict": "GOES", "storeId": str(shop.store.id), "rows": 3,
            "amount": {"minorUnits": "21500", "currency": "BRL"}} in batch["totals"]  # fmt: skip
    assert await Refund.filter(payment_id__not=fourth.id).count() == 0  # nothing is sent
    assert [one["row"] for one in (await asker.ask(_PAGE, id=batch["id"], after=2, verdicts=["GOES"]))["rows"]] == [
        4,
        13,
    ]
    (error,) = (await asker.ask(CONFIRM, input={"batchId": batch["id"], "digest": "0" * 64}))["errors"]
    assert error["code"] == "INVALID_INPUT"
    assert batch["needsAnother"] == "It is large: BRL 30215.00 in all."
    approver = await enter(Role.APPROVER, shop, holder="Bruno")
    done = await applied(approver, settings, batch)
    assert [one[0] for one in outcomes(done)] == [
        *("ASKED", "REFUSED", "ASKED", "REFUSED", "ASKED", "REFUSED", "REFUSED", "REFUSED"),
        *("LEFT", "LEFT", "LEFT", "ASKED", "REFUSED", "REFUSED", "REFUSED", "REFUSED"),
    ]
    assert [one["refundStatus"] for one in done["rows"] if one["refundId"]] == [
        *("REQUESTED", "REQUESTED", "AWAITING_APPROVAL", "REQUESTED"),
    ]
    assert (done["rowsDone"], {one["outcome"]: one["rows"] for one in done["results"]}) == (
        16,
        {"ASKED": 4, "LEFT": 3, "REFUSED": 9},
    )
    assert await Refund.filter(payment_id=second.id).count() == 1
    # Confirmed again, or worked off again, nothing more is done.
    assert (await confirmed(approver, batch))["errors"] == []
    await jobs.batch(UUID(batch["id"]), settings)
    assert await Refund.all().count() == 5
    # The result follows the refunds to their end.
    (one,) = await Refund.filter(payment_id=first.id)
    await an_answer(one, Succeeded("D1"))
    (two,) = await Refund.filter(payment_id=second.id)
    await an_answer(two, Declined("ACCOUNT_CLOSED", "The account is closed."))
    told = (await _fetched(asker, batch, "CSV")).decode("utf-8-sig").splitlines()
    assert told[0].startswith(
        "Pedido,Valor,Moeda,Número do reembolso,Motivo,Obs,Setor,De novo,Referência Estorno,Situação"
    )
    assert f"{one.reference},SUCCEEDED," in told[1]
    assert ",x,," in told[1]
    assert f"{two.reference},FAILED," in told[3]
    assert "ACCOUNT_CLOSED: The account is closed." in told[3]
    assert "AMBIGUOUS: TWO tem 2 pagamentos" in told[8]  # in the language of the sheet's own headings
    assert len(told) == 17
    book = lines.understood(reading.read(await _fetched(asker, batch, "XLSX"), SheetKind.REFUNDS), SheetKind.REFUNDS)
    assert book.ignored == ["Setor"]
    # The same sheet twice: no row that was done is done again. The refund that failed has left room for another row.
    again = await judged(asker, settings, given, name="copy.csv")
    assert again["digest"] == batch["digest"]
    assert [one[1] for one in verdicts(again)][:3] == ["DONE", "REFUSED", "DONE"]
    assert f"{two.reference} is FAILED" in again["rows"][2]["said"]
    assert again["needsAnother"] is None
    done = await applied(asker, settings, again)
    assert [one["row"] for one in done["rows"] if one["outcome"] == "ASKED"] == [5]
    assert [one["outcome"] for one in done["rows"]].count("ALREADY") == 4
    assert await Refund.all().count() == 6
    # The same rows in another file are announced, too.
    other = await judged(asker, settings, sheet_of("A1;10,00;BRL", "A3;30.000,00;BRL;R-3", "A2;9,00;BRL;R-3"))
    assert [one[1] for one in verdicts(other)] == ["DUPLICATE", "DONE", "REFUSED"], other["rows"]
    assert {one["node"]["id"] for one in (await asker.ask(_LIST))["edges"]} == {batch["id"], again["id"]}
    noted = await Deed.filter(object_kind="batch").values_list("operation", flat=True)
    assert {str(one) for one in noted} == {"batchCreate", "batchConfirm", "batchResultCreate"}
    plain = {"query": _TEMPLATE.replace('locale: "zh-CN", ', "")}
    spanish = (await asker.post(plain, **{"accept-language": "es"})).json()["data"]["batchTemplate"]
    assert "Número de pedido" in base64.b64decode(spanish["content"]).decode("utf-8-sig")
    template = await asker.ask(_TEMPLATE)
    assert "平台订单号" in base64.b64decode(template["content"]).decode("utf-8-sig")


async def test_a_sheet_is_called_off_before_and_while_it_is_worked_off(enter: Enter, settings: Settings) -> None:
    asker = await enter(Role.REQUESTER)
    await orders(asker.shop, *[10_000] * 4)
    batch = await judged(asker, settings, sheet_of(*(f"A{one};10,00;BRL" for one in range(1, 5))))
    told = await asker.ask(CANCEL, input={"batchId": batch["id"]})
    assert (told["batch"]["state"], told["batch"]["canceledBy"]) == ("CANCELED", "tester")
    assert (await confirmed(asker, batch))["errors"][0]["code"] == "INVALID_STATE"
    assert await Refund.all().count() == 0
    batch = await judged(asker, settings, sheet_of(*(f"A{one};11,00;BRL" for one in range(1, 5))))
    assert (await confirmed(asker, batch))["errors"] == []
    row = await Batch.get(id=batch["id"])
    assert await batches.begun(row)
    assert not await batches.begun(await Batch.get(id=row.id))  # as long as its lease lasts
    read = await judging.read(row, settings)
    who, cause = await batches.asker(row)
    assert who is not None
    turn = applying._Turn(row, who, cause, settings.secret_key, None)
    left = await BatchRow.filter(batch_id=row.id).order_by("row")
    await applying._one(turn, left[0], read.lines[0])
    async with following(asker, _FOLLOW, id=batch["id"]) as stream:
        await stream.until('"state":"APPLYING"')
        told = await asker.ask(CANCEL, input={"batchId": batch["id"]})
        assert told["batch"]["state"] == "CANCELED"
    followed = stream.text
    assert followed.index('"state":"APPLYING"') < followed.index('"state":"CANCELED"')
    assert "complete" in followed
    stranger = await enter(Role.REQUESTER)
    async with following(stranger, _FOLLOW, id=batch["id"]) as stream:
        pass
    assert "NOT_FOUND" in stream.text
    with pytest.raises(applying._Overtaken):
        await applying._one(turn, left[1], read.lines[1])
    await jobs.batch(row.id, settings)
    assert await Refund.all().count() == 1
    found = await asker.ask(SHOW, id=batch["id"])
    assert [one["outcome"] for one in found["rows"]] == ["ASKED", None, None, None]
    result = (await _fetched(asker, batch, "CSV")).decode("utf-8-sig").splitlines()
    assert ["CANCELED" in one for one in result[1:]] == [False, True, True, True]
    assert (await asker.ask(CANCEL, input={"batchId": batch["id"]}))["errors"] == []  # again: nothing more


async def test_two_sheets_with_the_same_rows_at_once_refund_each_once(enter: Enter, settings: Settings) -> None:
    asker = await enter(Role.REQUESTER)
    other = await enter(Role.REQUESTER, asker.shop, holder="other")
    await orders(asker.shop, *[10_000] * 6)
    said = [f"A{one};10,00;BRL" for one in range(1, 7)]
    sheets = (sheet_of(*said), sheet_of(*said), sheet_of("NONE;1,00;BRL", *said))
    made = [await judged(who, settings, one) for who, one in zip((asker, other, other), sheets, strict=True)]
    assert all([row["verdict"] for row in one["rows"]][-6:] == ["GOES"] * 6 for one in made)
    for who, one in zip((asker, other, other), made, strict=True):
        assert (await confirmed(who, one))["errors"] == []
    await asyncio.gather(*(jobs.batch(UUID(one["id"]), settings) for one in made))
    assert await Refund.all().count() == 6
    done = [await asker.ask(SHOW, id=one["id"]) for one in made]
    assert [one["state"] for one in done] == ["DONE"] * 3
    came = [row["outcome"] for one in done for row in one["rows"]]
    assert came.count("ASKED") == 6
    assert set(came) <= {"ASKED", "ALREADY", "LEFT", "REFUSED"}


async def test_what_a_sheet_asked_for_before_it_died_is_said_to_be_its_own_and_not_another_sheets(
    enter: Enter, settings: Settings, owner_rows: OwnerRows
) -> None:
    asker = await enter(Role.REQUESTER)
    other = await enter(Role.REQUESTER, asker.shop, holder="other")
    await orders(asker.shop, 10_000)
    first, second = [await judged(who, settings, sheet_of("A1;10,00;BRL")) for who in (asker, other)]
    for who, one in ((asker, first), (other, second)):
        assert (await confirmed(who, one))["errors"] == []
    await jobs.batch(UUID(first["id"]), settings)
    # It died when the refund was there and the row's outcome was not.
    await owner_rows(
        "UPDATE batch_rows SET outcome = NULL, outcome_code = NULL, outcome_said = NULL, refund_id = NULL, at = NULL "
        "WHERE batch_id = $1",
        UUID(first["id"]),
    )
    await owner_rows(
        "UPDATE batches SET state = 'APPLYING', ended_at = NULL, due_at = now() WHERE id = $1", UUID(first["id"])
    )
    await asyncio.gather(*(jobs.batch(UUID(one["id"]), settings) for one in (second, first)))
    done = [await asker.ask(SHOW, id=one["id"]) for one in (first, second)]
    assert [row["outcome"] for one in done for row in one["rows"]] == ["ASKED", "ALREADY"]
    assert await Refund.all().count() == 1


_KILLED = """
import asyncio, sys
from uuid import UUID
from domain.platform.database import open_pool, close_pool, BATCH
from domain.platform.settings import Settings
from jobs import batches
async def main():
    url, batch, files = sys.argv[-3:]
    await open_pool(url, patience=BATCH)
    await batches.batch(UUID(batch), Settings(secret_key=b"k" * 32, files=files))
    await close_pool()
asyncio.run(main())
"""


async def test_a_worker_that_dies_in_the_middle_is_gone_on_with_and_no_row_is_done_twice(
    enter: Enter, settings: Settings, own_database: Database
) -> None:
    asker = await enter(Role.REQUESTER)
    await orders(asker.shop, *[10_000] * 4)
    batch = await judged(asker, settings, sheet_of(*(f"A{one};10,00;BRL" for one in range(1, 5))))
    assert (await confirmed(asker, batch))["errors"] == []
    arguments = (own_database.application_url, batch["id"], settings.files)
    # Once before a row that is claimed is asked for, once before the outcome of one that was asked for is kept.
    for point, refunds in (("request.seen:2", 1), ("request.rung:2", 3)):
        armed = {**os.environ, "ESTORNO_CRASH": point}
        died = await asyncio.to_thread(forked.told, ["-c", _KILLED, *arguments], armed, 60)
        assert died.returncode == -9, died.stderr
        assert await Refund.all().count() == refunds
        ended = "UPDATE batches SET due_at = now() WHERE id = $1"  # its lease
        assert await execute(ended, UUID(batch["id"])) == 1
        assert batch["id"] in {str(one["id"]) for one in await rows(DUE["batch"], 10)}
    await jobs.batch(UUID(batch["id"]), settings)
    done = await asker.ask(SHOW, id=batch["id"])
    assert (done["state"], [one["outcome"] for one in done["rows"]]) == ("DONE", ["ASKED"] * 4)
    assert await Refund.all().count() == 4


async def test_payments_are_registered_from_a_sheet_and_those_that_are_there_are_left(
    enter: Enter, settings: Settings
) -> None:
    asker = await enter(Role.REQUESTER)
    shop = asker.shop
    known = await a_payment(shop, amount=5_000, reference="E1")
    head = "支付流水号,支付机构,支付方式,支付金额,币种,支付时间,订单号,税额,客户\n"
    given = head + "".join(
        f"{one}\n"
        for one in (
            'E2,pix-main,PIX,"1.234,56",BRL,2026-01-03 14:05,10482,"12,00",cliente-7',
            "E1,pix-main,PIX,50,BRL,2026-01-03",
            "E1,pix-main,PIX,51,BRL,2026-01-03",
            "E3,nobody,PIX,50,BRL,2026-01-03",
            "E4,pix,CARTA,50,BRL,2026-01-03",
            "E5,pix,PIX,50,BRL,03/01/2026",
            "E6,pix,PIX,50,BRL,2036-01-03",
            "E2,pix-main,PIX,50,BRL,2026-01-03",
            "E7,pix,PIX,70,BRL,2026/1/3",
        )
    )
    batch = await judged(asker, settings, given.encode("gb18030"), purpose="PAYMENT_BATCH")
    assert batch["kind"] == "PAYMENTS"
    assert [one["verdict"] for one in batch["rows"]] == [
        *("GOES", "DONE", "REFUSED", "REFUSED", "REFUSED", "REFUSED", "REFUSED", "REFUSED", "GOES"),
    ], batch["rows"]
    assert await Payment.all().count() == 1
    done = await applied(asker, settings, batch)
    assert [one["outcome"] for one in done["rows"]] == ["REGISTERED", "ALREADY", *["REFUSED"] * 6, "REGISTERED"]
    made = await Payment.get(pse_reference="E2")
    assert (made.captured, made.tax_amount, made.order_reference, made.store_id) == (
        123_456,
        1_200,
        "10482",
        shop.store.id,
    )
    assert made.captured_at.isoformat() == "2026-01-03T17:05:00+00:00"
    # Its result is read by who registers payments; that of refunds, which names accounts, is not.
    assert b"REGISTERED" in await _fetched(asker, batch, "CSV")
    result = await File.get(merchant_id=shop.id, purpose=Purpose.PAYMENT_RESULT)
    clerk = frozenset({Permission.REGISTER_PAYMENT})
    assert clerk & RULES[result.purpose].readers
    assert not clerk & RULES[Purpose.BATCH_RESULT].readers
    again = await judged(asker, settings, given.encode(), purpose="PAYMENT_BATCH", name="again.csv")
    assert [one["verdict"] for one in again["rows"]].count("DONE") == 3
    assert await Payment.all().count() == 3
    assert (await Payment.get(id=known.id)).captured == 5_000


async def test_a_file_that_is_no_sheet_fails_in_a_sentence_and_whoever_may_not_is_refused(
    enter: Enter, settings: Settings
) -> None:
    asker = await enter(Role.REQUESTER)
    batch = await judged(asker, settings, b"Pedido;Moeda\n1;BRL\n")
    assert (batch["state"], batch["rowsTotal"]) == ("FAILED", None)
    assert "no column Amount" in batch["problem"]
    assert (await asker.ask(_RESULT, input={"batchId": batch["id"]}))["errors"][0]["code"] == "INVALID_STATE"
    support = await enter(Role.SUPPORT, asker.shop)
    about = {"purpose": "REFUND_BATCH", "name": "x.csv", "size": 1, "sha256": "0" * 64}
    assert (await support.ask(ANNOUNCE, input=about))["errors"][0]["code"] == "FORBIDDEN"
    made = await asker.ask(CREATE, input={"fileId": str(uuid4()), "idempotencyKey": a_key()})
    assert made["errors"][0]["code"] == "NOT_FOUND"
    # Whoever handed it in is gone by the time it has its turn.
    await orders(asker.shop, 10_000)
    batch = await judged(asker, settings, sheet_of("A1;10,00;BRL"))
    assert (await confirmed(asker, batch))["errors"] == []
    await execute("UPDATE tokens SET revoked_at = now() WHERE merchant_id = $1", asker.shop.id)
    await jobs.batch(UUID(batch["id"]), settings)
    row = await Batch.get(id=batch["id"])
    assert (row.state, await Refund.all().count()) == ("FAILED", 0)
    assert "may not do it any more" in (row.problem or "")


async def test_ten_thousand_rows_are_judged_in_so_many_statements(
    enter: Enter, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    asker = await enter(Role.REQUESTER)
    shop = asker.shop
    await a_payment(shop, order="A1", amount=10_000_000)
    await execute(
        "INSERT INTO payments (id, merchant_id, store_id, connection_id, pse_reference, order_reference, method, "
        "currency, captured, reserved, refunded, taken_by_bank, tax_amount, tax_allocated, captured_at, source, "
        "created_at, confirmed_at, confirmed_by) SELECT gen_random_uuid(), merchant_id, store_id, connection_id, "
        "'P' || n, 'B' || n, method, currency, captured, 0, 0, 0, 0, 0, captured_at, source, created_at, "
        "confirmed_at, confirmed_by FROM payments, generate_series(1, 9999) n WHERE order_reference = 'A1'"
    )
    given = sheet_of("A1;10,00;BRL", *(f"B{one};10,00;BRL" for one in range(1, 10_000)))
    with caplog.at_level("DEBUG", logger="tortoise.db_client"):
        batch = await judged(asker, settings, given)
    assert (batch["rowsTotal"], batch["totals"][0]["rows"]) == (10_000, 10_000), batch["rows"][0]
    assert batch["needsAnother"] is not None
    assert statements(caplog) <= 120
