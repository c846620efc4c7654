"""Findings as accounting works them off over the public API: looked up, summed up, read, said, confirmed, reopened."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from strawberry.relay import from_base64, to_base64

from domain.access.permissions import PERMISSIONS
from domain.access.principal import reach_of
from domain.access.tokens import Role
from domain.cause import Cause
from domain.findings import figures, findings
from domain.findings.findings import FindingKind, Found
from domain.models import File, Finding, LedgerEntry, Payment
from domain.models.files import Purpose
from domain.money import Money
from domain.payments import external
from domain.pse.vocabulary import KnownRefund, Succeeded
from tests.api.conftest import Asker, Enter
from tests.conftest import Database
from tests.kit.factories import Shop, a_key, a_payment, a_person

_NIGHT = Cause(f"{external.BY_REPORT}{uuid4()}", "reconciliation")
_ERRORS = "errors { __typename ... on Error { code message path } }"
_LIST = """query F($first: Int!, $after: String, $filter: FindingFilter, $order: FindingOrder! = NEWEST) {
  findings(first: $first, after: $after, filter: $filter, order: $order) {
    edges { cursor node { id kind severity state amount { minorUnits } } } pageInfo { hasNextPage endCursor } } }"""
_SHOW = """query F($id: ID!, $locale: String) { finding(id: $id) { state severity title(locale: $locale)
  because(locale: $locale) advice(locale: $locale) overdue ageDays dueAt assignee waitingUntil waitingWhy reason
  resolution resolvedBy inSuspense { minorUnits } sides { ours theirs differs }
  proposal { reason moved { minorUnits } proposedBy needsTwo } resolutions { reason endedWhy confirmedBy }
  events { kind text fileId actor } } }"""
_RESOLVE = f"""mutation R($input: FindingResolveInput!) {{ findingResolve(input: $input) {{ confirmed
  finding {{ state reason resolvedBy inSuspense {{ minorUnits }} }} {_ERRORS} }} }}"""
_BULK = f"""mutation B($input: FindingsResolveInput!) {{ findingsResolve(input: $input) {{ resolved waiting refused
  outcomes {{ confirmed finding {{ id }} error {{ ... on Error {{ code }} }} }} {_ERRORS} }} }}"""
_PREVIEW = """query P($filter: FindingFilter!) { findingsPreview(filter: $filter) {
  count more seen amounts { minorUnits currency } } }"""
_FORESEEN = f"""query P($input: FindingResolvePreviewInput!) {{ findingResolvePreview(input: $input) {{
  preview {{ moved {{ minorUnits }} tax {{ minorUnits }} needsTwo bookings {{ debit credit amount {{ minorUnits }} }} }}
  {_ERRORS} }} }}"""
_SUMMARY = (
    "query S($filter: FindingFilter) { findingsSummary(filter: $filter) { kind title count amount { display } } }"
)


_FIGURES = "{ findingFigures { due dueIsMore ages { fromDays untilDays count isMore } } }"
_SAO_PAULO = ZoneInfo("America/Sao_Paulo")
_FOUND = "UPDATE findings SET created_at = $2, due_at = $3 WHERE id = $1"


def _work(field: str) -> str:
    name = f"{field[0].upper()}{field[1:]}Input"
    return f"""mutation W($input: {name}!) {{ {field}(input: $input) {{
      finding {{ state assignee waitingWhy }} {_ERRORS} }} }}"""


async def _taken(shop: Shop, amount: int, name: str) -> str:
    payment = await a_payment(shop, amount=10_000_000)
    known = KnownRefund(name, name, Money(amount, "BRL"), Succeeded(name), True, "MED", None, None)
    assert await external.book(payment, known, FindingKind.MISSING_IN_LEDGER, _NIGHT)
    return to_base64("Finding", str((await Finding.get(payment_id=payment.id)).id))


async def _differs(shop: Shop, number: int, currency: str = "BRL", **more: Any) -> str:
    found = Found(
        FindingKind.AMOUNT_MISMATCH, shop.id, shop.connection.id, f"amount/{number}", Money(number, currency),
        f"They differ by {number}.",
        detail={"ours": {"amount": 5}, "theirs": {"amount": 5 + number}, "differs": ["amount"]}, **more,
    )  # fmt: skip
    made = await findings.open_finding(found)
    return to_base64("Finding", str(made))


def _numbers(page: Any) -> list[int]:
    return [int(edge["node"]["amount"]["minorUnits"]) for edge in page["edges"]]


async def _all(asker: Asker, order: str, filter: dict[str, Any] | None = None) -> list[int]:
    """All pages of two."""
    told: list[int] = []
    after = None
    while True:
        page = await asker.ask(_LIST, first=2, after=after, order=order, filter=filter)
        told += _numbers(page)
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return told


async def test_findings_are_listed_in_each_order_and_by_each_filter_and_summed_up(enter: Enter) -> None:
    asker = await enter(Role.ACCOUNTANT)
    shop, now = asker.shop, datetime.now(UTC)
    for number in (3, 200_000, 1, 3_000_000, 2):
        await _differs(shop, number)
    await _differs(shop, 70, "USD")
    weighty = await Finding.get(merchant_id=shop.id, amount=2)
    await Finding.filter(id=weighty.id).update(due_at=now - timedelta(days=1), assignee_id=asker.shop.id)
    assert await _all(asker, "NEWEST") == [70, 2, 3_000_000, 1, 200_000, 3]
    assert await _all(asker, "OLDEST") == [3, 200_000, 1, 3_000_000, 2, 70]
    assert await _all(asker, "LARGEST", {"amount": {"currency": "BRL"}}) == [3_000_000, 200_000, 3, 2, 1]
    assert await _all(asker, "GRAVEST") == [200_000, 3_000_000, 3, 1, 2, 70]
    assert (await _all(asker, "DUE"))[0] == 2
    filters: list[tuple[dict[str, Any], int]] = [
        ({"amount": {"currency": "BRL", "atLeast": "3", "atMost": "200000"}}, 2),
        ({"kinds": ["FEE_MISMATCH"]}, 0),
        ({"kinds": ["AMOUNT_MISMATCH"], "pses": ["pix"], "connectionIds": [str(shop.connection.id)]}, 6),
        ({"pses": ["stripe"]}, 0),
        ({"storeIds": [str(shop.store.id)]}, 0),
        ({"severity": "CRITICAL"}, 2),
        ({"dueBefore": now.isoformat()}, 1),
        ({"assignee": {"nobody": True}}, 5),
        ({"assignee": {"personId": str(shop.id)}}, 1),
        ({"assignee": {"me": True}}, 0),
        ({"states": ["RESOLVED", "WAITING", "REOPENED"]}, 0),
        ({"states": ["OPEN"]}, 6),
        ({"foundFrom": "2000-01-01", "foundUntil": "9999-12-31"}, 6),
        ({"foundUntil": "0001-01-01"}, 0),
        ({"foundFrom": "0001-01-01"}, 6),
    ]
    for wanted, count in filters:
        assert len(await _all(asker, "NEWEST", wanted)) == count, wanted
    told = await asker.ask(_SUMMARY)
    assert [(one["count"], one["amount"]["display"]) for one in told] == [(5, "BRL 32000.06"), (1, "USD 0.70")]
    for bad in ("x", "W10", "bnVsbA", (await asker.ask(_LIST, first=1, order="DUE"))["pageInfo"]["endCursor"]):
        answer = await asker.told(_LIST, first=1, order="GRAVEST", after=bad)
        assert answer["errors"][0]["extensions"]["code"] == "INVALID_INPUT", bad
    numbered = base64.urlsafe_b64encode(json.dumps(["DUE", now.isoformat(), 5]).encode()).decode()
    forged = await asker.told(_LIST, first=1, order="DUE", after=numbered)
    assert forged["errors"][0]["extensions"]["code"] == "INVALID_INPUT"
    two = await asker.told(_LIST, first=1, filter={"assignee": {"me": True, "nobody": True}})
    assert two["errors"][0]["extensions"]["code"] == "INVALID_INPUT"


async def test_open_findings_are_counted_by_age_and_by_what_is_due_up_to_an_end(
    enter: Enter, own_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    asker, nobody = await enter(Role.ACCOUNTANT), await enter(Role.ACCOUNTANT)
    ages = [0, 1, 2, 7, 8, 30, 31, 400]
    noon = datetime.combine(datetime.now(_SAO_PAULO), time(12), _SAO_PAULO)
    owner = await asyncpg.connect(own_database.owner_url, server_settings={"estorno.merchant": "*"})
    for number, age in enumerate(ages):
        found = await _differs(asker.shop, 1 + number)
        due = noon + timedelta(days=10 if age < 2 else -10)
        await owner.execute(_FOUND, UUID(from_base64(found)[1]), noon - timedelta(days=age), due)
    await owner.close()
    resolved = {"reason": "EXPLAINED", "note": "Rounded by the PSE."}
    input_ = {"findingId": await _differs(asker.shop, 9), "resolution": resolved, "idempotencyKey": a_key()}
    assert (await asker.ask(_RESOLVE, input=input_))["confirmed"]
    await _taken(asker.shop, 500, "MED1")
    told = await asker.ask(_FIGURES)
    assert [(one["fromDays"], one["untilDays"], one["count"]) for one in told["ages"]] == [
        (0, 1, 3), (2, 7, 2), (8, 30, 2), (31, None, 2),
    ]  # fmt: skip
    assert (told["due"], told["dueIsMore"], {one["isMore"] for one in told["ages"]}) == (6, False, {False})
    assert {one["count"] for one in (await nobody.ask(_FIGURES))["ages"]} == {0}
    for store, count in ((asker.shop.store.id, 1), (uuid4(), 0)):
        reach = reach_of((PERMISSIONS[Role.ACCOUNTANT], store))
        seen = await figures.figures(replace(a_person(asker.shop, "Bia", Role.ACCOUNTANT), reach=reach), "UTC")
        assert [one.count for one in seen.ages] == [count, 0, 0, 0]
    monkeypatch.setattr(figures, "COUNTED_MAX", 1)
    told = await asker.ask(_FIGURES)
    assert (told["due"], told["dueIsMore"]) == (1, True)
    assert [(one["count"], one["isMore"]) for one in told["ages"]] == [(1, True)] * 4


async def test_a_finding_is_read_in_ones_language_with_both_sides(enter: Enter) -> None:
    asker = await enter(Role.ACCOUNTANT)
    found = await _differs(asker.shop, 7)
    told = await asker.ask(_SHOW, id=found)
    assert (told["title"], told["state"], told["severity"], told["overdue"]) == (
        "Amounts differ",
        "OPEN",
        "HIGH",
        False,
    )
    sides = told["sides"]
    assert (json.loads(sides["ours"]), json.loads(sides["theirs"])) == ({"amount": 5}, {"amount": 12})
    assert sides["differs"] == ["amount"]
    assert (await asker.ask(_SHOW, id=found, locale="pt-BR"))["title"] == "Os valores divergem"
    header = {"accept-language": "fr, zh;q=0.9, en;q=0.1"}
    answer = (await asker.post({"query": _SHOW, "variables": {"id": found}}, **header)).json()
    assert answer["data"]["finding"]["title"] == "金额不一致"
    assert (await asker.told(_SHOW, id=found, locale="fr"))["errors"][0]["extensions"]["code"] == "INVALID_INPUT"
    own = await _differs(asker.shop, 8, action="Ask Ana.")
    assert (await asker.ask(_SHOW, id=own, locale="es"))["advice"] == "Ask Ana."


async def test_a_finding_is_taken_written_on_waits_and_is_resolved_by_two_and_reopened(enter: Enter) -> None:
    ana = await enter(Role.ACCOUNTANT, holder="Ana")
    bia = await enter(Role.ACCOUNTANT, ana.shop, holder="Bia")
    found = await _taken(ana.shop, 150_000, "MED1")
    about = {"findingId": found}
    assert (await ana.ask(_work("findingAssign"), input=about))["finding"]["assignee"] == "Ana"
    key = a_key()
    for _ in range(2):
        await ana.ask(_work("findingComment"), input={**about, "text": "I asked the PSE.", "idempotencyKey": key})
    other = await ana.ask(_work("findingComment"), input={**about, "text": "Another.", "idempotencyKey": key})
    assert other["errors"][0]["code"] == "IDEMPOTENCY_KEY_REUSED"
    file = await File.create(
        id=uuid4(), merchant_id=ana.shop.id, purpose=Purpose.FINDING_ATTACHMENT, name="statement.pdf", size=9,
        sha256="0" * 64, ticket_digest=a_key(), ticket_until=datetime.now(UTC), created_by="Ana",
        stored_at=datetime.now(UTC), sealed_key=b"x",
    )  # fmt: skip
    for _ in range(2):
        await ana.ask(_work("findingAttach"), input={**about, "fileId": str(file.id)})
    until = datetime.now(UTC) + timedelta(days=3)
    rests = await ana.ask(_work("findingWait"), input={**about, "until": until.isoformat(), "why": "They look."})
    assert (rests["finding"]["state"], rests["finding"]["waitingWhy"]) == ("WAITING", "They look.")
    for bad in (datetime.now(UTC) - timedelta(days=1), datetime.now(UTC) + timedelta(days=400)):
        late = await ana.ask(_work("findingWait"), input={**about, "until": bad.isoformat(), "why": "They look."})
        assert late["errors"][0]["path"] == ["input", "until"]

    said = {**about, "resolution": {"reason": "CHARGEBACK", "note": "The PSE says so."}, "idempotencyKey": a_key()}
    first = await ana.ask(_RESOLVE, input=said)
    assert (first["confirmed"], first["finding"]["state"]) == (False, "WAITING")
    assert (await ana.ask(_RESOLVE, input=said))["confirmed"] is False
    own = await ana.ask(_work("findingResolveConfirm"), input=about)
    assert own["errors"][0]["code"] == "FORBIDDEN"
    shown = (await bia.ask(_SHOW, id=found))["proposal"]
    assert (shown["reason"], shown["moved"]["minorUnits"], shown["proposedBy"]) == ("CHARGEBACK", "150000", "Ana")
    assert (await bia.ask(_work("findingResolveConfirm"), input=about))["finding"]["state"] == "RESOLVED"
    told = await bia.ask(_SHOW, id=found)
    assert (told["reason"], told["resolvedBy"], told["inSuspense"]["minorUnits"]) == ("CHARGEBACK", "Ana", "0")
    assert (await bia.ask(_work("findingReopen"), input={**about, "why": "It was not."}))["finding"][
        "state"
    ] == "REOPENED"
    told = await bia.ask(_SHOW, id=found)
    assert told["inSuspense"]["minorUnits"] == "150000"
    assert [(one["reason"], one["confirmedBy"], one["endedWhy"]) for one in told["resolutions"]] == [
        ("CHARGEBACK", "Bia", "It was not.")
    ]
    kinds = [one["kind"] for one in told["events"]]
    assert kinds == ["ASSIGNED", "COMMENTED", "ATTACHED", "WAITING", "PROPOSED", "CONFIRMED", "REOPENED"]
    support = await enter(Role.SUPPORT, ana.shop)
    assert (await support.ask(_RESOLVE, input=said))["errors"][0]["code"] == "FORBIDDEN"


async def test_many_are_resolved_at_once_and_one_that_cannot_be_holds_up_no_other(enter: Enter) -> None:
    asker = await enter(Role.ACCOUNTANT)
    shop = asker.shop
    for number in (1, 2, 3):
        await _differs(shop, number)
    held = await _taken(shop, 500, "MED1")  # in SUSPENSE: EXPLAINED is not enough
    await _taken(shop, 150_000, "MED2")
    wanted = {"kinds": ["AMOUNT_MISMATCH", "BANK_INITIATED"]}
    seen = await asker.ask(_PREVIEW, filter=wanted)
    assert (seen["count"], seen["more"]) == (5, False)
    assert seen["amounts"] == [{"minorUnits": "150506", "currency": "BRL"}]
    said = {"reason": "EXPLAINED", "note": "Rounded by the PSE."}
    given = {"filter": wanted, "resolution": said, "count": 4, "idempotencyKey": a_key()}
    assert (await asker.ask(_BULK, input=given))["errors"][0]["path"] == ["input", "count"]
    assert await Finding.filter(merchant_id=shop.id, resolved_at=None).count() == 5
    done = await asker.ask(_BULK, input={**given, "count": 5})
    assert (done["resolved"], done["waiting"], done["refused"]) == (3, 0, 2)
    refused = {one["finding"]["id"]: one["error"]["code"] for one in done["outcomes"] if one["error"]}
    assert refused[held] == "INVALID_STATE"
    again = await asker.ask(_BULK, input={**given, "count": 5})
    assert (again["resolved"], again["refused"]) == (3, 2)  # the same answer
    gone = await asker.ask(
        _BULK,
        input={"filter": wanted, "resolution": {**said, "reason": "FEE"}, "count": 2, "idempotencyKey": a_key()},
    )
    assert (gone["resolved"], gone["waiting"], gone["refused"]) == (1, 1, 0)
    assert (await asker.ask(_SUMMARY))[0]["count"] == 1


async def test_what_nobody_looked_at_is_not_resolved_though_the_count_is_the_same(enter: Enter) -> None:
    asker = await enter(Role.ACCOUNTANT)
    closes = await _differs(asker.shop, 1)
    await _differs(asker.shop, 2)
    wanted = {"kinds": ["AMOUNT_MISMATCH"]}
    seen = await asker.ask(_PREVIEW, filter=wanted)
    said = {"reason": "EXPLAINED", "note": "Rounded by the PSE."}
    one = {"findingId": closes, "resolution": said, "idempotencyKey": a_key()}
    assert (await asker.ask(_RESOLVE, input=one))["errors"] == []
    await _differs(asker.shop, 3)
    key = a_key()
    given = {"filter": wanted, "resolution": said, "count": seen["count"], "idempotencyKey": key}
    (error,) = (await asker.ask(_BULK, input={**given, "seen": seen["seen"]}))["errors"]
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "seen"])
    now = (await asker.ask(_PREVIEW, filter=wanted))["seen"]
    assert (await asker.ask(_BULK, input={**given, "seen": now.upper()}))["resolved"] == 2
    assert (await asker.ask(_BULK, input={**given, "seen": now}))["resolved"] == 2  # the same answer


async def test_what_a_resolution_would_book_is_told_before_and_is_what_it_books(enter: Enter) -> None:
    ana = await enter(Role.ACCOUNTANT, holder="Ana")
    payment = await a_payment(ana.shop, amount=10_000, tax=1_800)
    known = KnownRefund("MED9", "MED9", Money(1_000, "BRL"), Succeeded("MED9"), True, "MED", None, None)
    assert await external.book(payment, known, FindingKind.MISSING_IN_LEDGER, _NIGHT)
    row = await Finding.get(payment_id=payment.id)
    about = {"findingId": to_base64("Finding", str(row.id)), "reason": "REFUND_OF_OURS"}
    told = (await ana.ask(_FORESEEN, input=about))["preview"]
    assert (told["moved"]["minorUnits"], told["tax"]["minorUnits"], told["needsTwo"]) == ("1000", "180", False)
    foreseen = [(one["debit"], one["credit"], int(one["amount"]["minorUnits"])) for one in told["bookings"]]
    claimed = {**about, "reason": "CLAIMED_FROM_PSE", "came": {"minorUnits": "400", "currency": "BRL"}}
    parts = (await ana.ask(_FORESEEN, input=claimed))["preview"]["bookings"]
    assert [(one["debit"], one["amount"]["minorUnits"]) for one in parts] == [
        ("WRITE_OFFS", "600"),
        ("PSE_ADJUSTMENTS", "400"),
    ]
    for wrong, path in (({"reason": "EXPLAINED"}, "reason"), ({"reason": "CORRECTED", "account": "SALES"}, "account")):
        refused = await ana.ask(_FORESEEN, input={**about, **wrong})
        assert (refused["preview"], refused["errors"][0]["path"]) == (None, ["input", path])
    assert await LedgerEntry.filter(payment_id=payment.id, cause__startswith="finding/").count() == 0
    said = {"reason": "REFUND_OF_OURS", "note": "Our own."}
    done = {"findingId": about["findingId"], "resolution": said, "idempotencyKey": a_key()}
    assert (await ana.ask(_RESOLVE, input=done))["confirmed"]
    booked = await LedgerEntry.filter(payment_id=payment.id, cause__startswith="finding/").order_by("id")
    assert [(one.debit, one.credit, one.amount) for one in booked] == foreseen
    assert (await ana.ask(_FORESEEN, input=about))["errors"][0]["code"] == "INVALID_STATE"
    assert (await (await enter(Role.ACCOUNTANT)).ask(_FORESEEN, input=about))["errors"][0]["code"] == "NOT_FOUND"


async def test_the_limit_is_the_merchants_to_set_and_another_person_confirms_what_loosens(enter: Enter) -> None:
    ana = await enter(Role.ADMIN, holder="Ana")
    bia = await enter(Role.ADMIN, ana.shop, holder="Bia")
    propose = f"""mutation L($input: FindingLimitProposeInput!) {{ findingLimitPropose(input: $input) {{
      change {{ id startedAt loosens }} {_ERRORS} }} }}"""
    stricter = await ana.ask(propose, input={"amounts": [{"minorUnits": "100", "currency": "BRL"}]})
    assert stricter["change"]["startedAt"]
    found = await _taken(ana.shop, 100, "MED1")
    said = {"findingId": found, "resolution": {"reason": "FEE", "note": "A fee."}, "idempotencyKey": a_key()}
    assert (await ana.ask(_RESOLVE, input=said))["confirmed"] is False
    looser = await ana.ask(propose, input={"amounts": [{"minorUnits": "900", "currency": "BRL"}]})
    assert (looser["change"]["startedAt"], looser["change"]["loosens"]) == (None, True)
    confirm = f"""mutation C($input: ApprovalRuleConfirmInput!) {{ approvalRuleConfirm(input: $input) {{
      change {{ startedAt }} {_ERRORS} }} }}"""
    assert (await bia.ask(confirm, input={"ruleId": looser["change"]["id"]}))["change"]["startedAt"]
    limits = await ana.ask("{ findingLimits { display } }")
    assert [one["display"] for one in limits] == ["BRL 9.00"]
    assert (await ana.ask(_RESOLVE, input={**said, "idempotencyKey": a_key()}))["confirmed"] is True


async def test_of_one_store_only_its_own_findings_are_worked_off(enter: Enter) -> None:
    asker = await enter(Role.ACCOUNTANT)
    found = await _taken(asker.shop, 500, "MED1")
    assert await Payment.filter(merchant_id=asker.shop.id, store_id=asker.shop.store.id).count() == 1
    told = await _all(asker, "NEWEST", {"storeIds": [str(asker.shop.store.id)]})
    assert told == [500]
    assert await _all(asker, "NEWEST", {"storeIds": [str(uuid4())]}) == []
    stranger = await enter(Role.ADMIN)
    said = {"findingId": found, "resolution": {"reason": "FEE", "note": "A fee."}, "idempotencyKey": a_key()}
    assert (await stranger.ask(_RESOLVE, input=said))["errors"][0]["code"] == "NOT_FOUND"
    assert await stranger.ask(_SHOW, id=found) is None
