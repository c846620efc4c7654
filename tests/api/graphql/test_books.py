"""The month over the API: pages that add up, what of one store is seen, typed refusals, and a journal to download."""

import io
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from domain.access.tokens import NewToken, Role, make
from domain.models import Store
from domain.periods.months import Month
from domain.pse.vocabulary import Succeeded
from tests.api.conftest import Asker, Enter
from tests.kit.days import utc_today
from tests.kit.factories import Shop, a_key, a_payment, a_refund, an_answer

BALANCE = """query Balance($from: Date!, $to: Date!, $by: [TrialBalanceBy!], $first: Int!, $skip: Int!) {
  trialBalance(from: $from, to: $to, by: $by) { count rows(first: $first, skip: $skip) {
    account currency connectionName pse storeCode opening { minorUnits } debits { minorUnits } credits { minorUnits }
    closing { minorUnits display } } totals { currency debits { minorUnits } credits { minorUnits } } } }"""
STATEMENT = """query Statement($connection: ID!, $from: Date!, $to: Date!, $first: Int!, $after: String) {
  accountStatement(account: PSE_CLEARING, connectionId: $connection, currency: "BRL", from: $from, to: $to,
      first: $first, after: $after) {
    opening { minorUnits } closing { minorUnits }
    entries { totalCount edges { cursor node { id kind other balance { minorUnits } } }
      pageInfo { hasNextPage endCursor } } } }"""
OPEN = """query Open($first: Int!, $after: String) { openItems(account: PSE_CLEARING, first: $first, after: $after) {
  totalCount edges { node { entryId days amount { minorUnits } } } pageInfo { hasNextPage endCursor } } }"""
PROPOSE = """mutation Propose($input: PeriodProposeInput!) { periodPropose(input: $input) {
  period { id state month } errors { __typename ... on Error { code message path } } } }"""
CONFIRM = """mutation Confirm($input: PeriodConfirmInput!) { periodConfirm(input: $input) {
  period { state digest } errors { __typename ... on Error { code message path } } } }"""
SET = """mutation Set($input: JournalAccountSetInput!) { journalAccountSet(input: $input) {
  account { number } errors { ... on Error { code message } } } }"""
EXPORT = """mutation Export($input: JournalExportInput!) { journalExport(input: $input) {
  journal { number file { downloadPath } } errors { ... on Error { code message path } } } }"""


def _month() -> Month:
    return Month.of(utc_today(-35))


def _range() -> dict[str, str]:
    return {"from": _month().first_day.isoformat(), "to": utc_today(1).isoformat()}


async def _filled(shop: Shop) -> Store:
    second = await Store.create(id=uuid4(), merchant_id=shop.id, code="rj", name="Rio")
    since = (utc_today() - _month().first_day).days - 2
    for days in (since, since - 1, 0.01):
        refund = await a_refund(shop, await a_payment(shop, days_ago=days, tax=1_800), 1_000)
        await an_answer(refund, Succeeded(f"D{refund.id}"))
        await a_payment(Shop(shop.merchant, second, shop.connection), days_ago=days, amount=500)
    return second


async def _paged(asker: Asker, query: str, size: int, *path: str, **variables: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after = None
    while True:
        told = await asker.ask(query, first=size, after=after, **variables)
        for part in path:
            told = told[part]
        found += [edge["node"] for edge in told["edges"]]
        if not told["pageInfo"]["hasNextPage"]:
            assert len(found) == told["totalCount"]
            return found
        after = told["pageInfo"]["endCursor"]


async def test_balances_statements_and_open_items_come_in_pages_that_add_up(enter: Enter) -> None:
    asker = await enter(Role.ACCOUNTANT)
    second = await _filled(asker.shop)
    whole = await asker.ask(BALANCE, **_range(), by=["CONNECTION", "STORE"], first=100, skip=0)
    parts: list[dict[str, Any]] = []
    while len(parts) < whole["count"]:
        told = await asker.ask(BALANCE, **_range(), by=["STORE", "CONNECTION"], first=3, skip=len(parts))
        parts += told["rows"]
    assert parts == whole["rows"]
    assert {(row["pse"], row["connectionName"]) for row in parts} == {("pix", "pix-main")}
    (total,) = whole["totals"]
    assert total["debits"] == total["credits"]
    assert sum(int(row["closing"]["minorUnits"]) for row in parts) == 0
    about = {**_range(), "connection": str(asker.shop.connection.id)}
    lines = await _paged(asker, STATEMENT, 2, "entries", **about)
    told = await asker.ask(STATEMENT, **about, first=100, after=None)
    assert lines == [edge["node"] for edge in told["entries"]["edges"]]
    assert lines[-1]["balance"] == told["closing"]
    items = await _paged(asker, OPEN, 4)
    assert items == await _paged(asker, OPEN, 100)
    assert str(sum(int(item["amount"]["minorUnits"]) for item in items)) == told["closing"]["minorUnits"]
    of_one = NewToken(asker.shop.id, "rio", [(Role.AUDITOR.value, second.id)], datetime.now(UTC) + timedelta(1), "rio")
    rio = Asker(asker.http, asker.url, await make(of_one), asker.shop)
    seen = (await rio.ask(BALANCE, **_range(), by=["STORE"], first=100, skip=0))["rows"]
    assert {row["storeCode"] for row in seen} == {"rj"}
    assert {row["account"] for row in seen} == {"PSE_CLEARING", "SALES"}
    assert len(await _paged(rio, STATEMENT, 100, "entries", **about)) == 3
    assert (await rio.ask("{ periods(first: 1) { edges { node { id } } } }"))["edges"] == []
    for after in ("x", told["entries"]["edges"][0]["cursor"][:-4]):
        assert "errors" in await asker.told(STATEMENT, **about, first=1, after=after)


async def test_a_month_is_closed_by_two_over_the_api_and_its_journal_is_downloaded(enter: Enter) -> None:
    ana = await enter(Role.ACCOUNTANT, holder="Ana")
    await _filled(ana.shop)
    bia = await enter(Role.ACCOUNTANT, shop=ana.shop, holder="Bia")
    wrong = await ana.ask(PROPOSE, input={"month": "2026-13", "idempotencyKey": a_key()})
    assert (wrong["period"], wrong["errors"][0]["code"]) == (None, "INVALID_INPUT")
    given = {"month": str(_month()), "why": "As agreed.", "idempotencyKey": a_key()}
    period = (await ana.ask(PROPOSE, input=given))["period"]
    assert (await ana.ask(PROPOSE, input=given))["period"] == period
    other = (await ana.ask(PROPOSE, input={**given, "why": "Another word."}))["errors"]
    assert other[0]["__typename"] == "IdempotencyConflictError"
    own = (await ana.ask(CONFIRM, input={"closingId": period["id"]}))["errors"]
    assert own[0]["__typename"] == "ForbiddenError"
    done = await bia.ask(CONFIRM, input={"closingId": period["id"]})
    assert (done["period"]["state"], len(done["period"]["digest"])) == ("CLOSED", 64)
    again = (await bia.ask(CONFIRM, input={"closingId": period["id"]}))["errors"]
    assert again[0]["__typename"] == "InvalidStateError"
    kept = await ana.ask(
        "query K($m: String!) { closedPeriod(month: $m) { count rows { account storeCode closing { minorUnits } } "
        "totals { debits { minorUnits } credits { minorUnits } } } }",
        m=str(_month()),
    )
    assert kept["count"] == len(kept["rows"]) > 0
    assert sum(int(row["closing"]["minorUnits"]) for row in kept["rows"]) == 0
    accounts = {row["account"] for row in kept["rows"]}
    for account in accounts:
        made = await ana.ask(
            SET, input={"account": account, "number": "1.1", "name": account, "idempotencyKey": a_key()}
        )
        assert made["account"] == {"number": "1.1"}
    told = await ana.ask(EXPORT, input={"month": str(_month()), "format": "CSV", "idempotencyKey": a_key()})
    journal = told["journal"]
    assert journal["number"] == 1
    answer = await ana.http.get(
        ana.url + journal["file"]["downloadPath"], headers={"Authorization": f"Bearer {bia.token}"}
    )
    assert answer.headers["content-disposition"].startswith("attachment")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        assert packed.namelist() == ["journal-EST000001.csv", "control.csv"]
    listed = await ana.ask("{ journals(first: 5) { edges { node { number file { downloadPath } } } } }")
    assert [edge["node"] for edge in listed["edges"]] == [journal]
    chart = await ana.ask('{ chartOfAccounts(locale: "pt-BR") { account side meaning } }')
    assert len({one["meaning"] for one in chart}) == len(chart) == 23
