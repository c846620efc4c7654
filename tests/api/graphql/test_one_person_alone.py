"""One person alone moves no money to where they like, through the public API, with as many tokens as they can make."""

import logging
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from domain.access import people, service_tokens
from domain.access.grants import WantedRole
from domain.access.permissions import Role
from domain.access.principal import Principal, role_reach
from domain.cause import Cause
from domain.models import Connection, Event
from domain.platform.database import rows
from tests.api.conftest import Asker, Enter, global_id, statements
from tests.kit.factories import Shop, a_key, a_payment, a_refund, a_shop

RFC, CLABE = "GODE561231GR8", "002010077777777771"
ACCOUNT = {"kind": "MX_CLABE", "clabe": CLABE, "holderName": "Maria Gomez", "holderTaxId": RFC}
FORM = {"kind": "MX_CLABE", "clabe": CLABE, "holder_name": "Maria Gomez", "holder_tax_id": RFC, "digits": "1GR8"}
REGISTER = """mutation M($input: PaymentRegisterInput!) { paymentRegister(input: $input) {
  payment { id } errors { ... on Error { code message } } } }"""
CREATE = """mutation M($input: RefundCreateInput!) { refundCreate(input: $input) {
  refund { id status destination { fingerprint } } errors { ... on Error { code message } } } }"""
LOOK = """query Q($by: RefundBy!) { refund(by: $by) { status sequence destination { fingerprint whoseWord }
  needs { needs { rule missing } nextBy advice candidates { person } } approvals { decision decidedBy counts } } }"""
EVIDENCE = {"way": "BANK_TRANSFER", "reference": "SPEI 1", "paidOn": "2026-01-02"}
FILE = {"fileName": "a.pdf", "fileContent": b64encode(b"%PDF-1.7 proof").decode()}


async def a_signed_in(shop: Shop, name: str, role: Role) -> Principal:
    person, link = await people.make(shop.id, name, f"{a_key()}@example.com", [(role.value, None)], "tester")
    held = f"{person.name} <{person.email}>"
    return Principal(person.id, shop.id, held, role_reach(role), link.expires_at, person_id=person.id)


async def a_token(like: Asker, maker: Principal, name: str, role: str = "ADMIN") -> Asker:
    """Asks with a token that a person has made."""
    cause = Cause(a_key(), maker.holder)
    made = await service_tokens.create(maker, name, [WantedRole(role)], 30, a_key(), cause)
    assert made.clear is not None
    return Asker(like.http, like.url, made.clear, like.shop)


async def _stage(enter: Enter, role: Role = Role.ADMIN) -> tuple[Asker, Principal]:
    """A shop at Adyen, which tells nobody of a payment, and its one administrator."""
    asker = await enter(shop=await a_shop(pse="adyen"))
    return asker, await a_signed_in(asker.shop, "Ana", role)


async def _invented(asker: Asker, minor_units: str = "300000") -> str:
    """An OXXO payment that never was."""
    (connection,) = await Connection.filter(merchant_id=asker.shop.id)
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    given = {
        "connectionId": str(connection.id), "storeCode": "sp", "pseReference": uuid4().hex[:16], "method": "OXXO",
        "amount": {"minorUnits": minor_units, "currency": "MXN"}, "capturedAt": yesterday,
        "customerTaxId": RFC, "idempotencyKey": uuid4().hex,
    }  # fmt: skip
    payment: str = (await asker.ask(REGISTER, input=given))["payment"]["id"]
    return payment


async def _asked_for(asker: Asker, payment: str, **more: Any) -> Any:
    given = {"paymentId": payment, "reason": "CUSTOMER_REQUEST", "idempotencyKey": uuid4().hex, **more}
    return (await asker.ask(CREATE, input=given))["refund"]


async def _do(asker: Asker, name: str, refund: str, **values: Any) -> Any:
    kind = f"{name[0].upper()}{name[1:]}Input!"
    told = "errors { ... on Error { code message } }"
    query = f"mutation M($input: {kind}) {{ {name}(input: $input) {{ refund {{ status }} {told} }} }}"
    return await asker.ask(query, input={"refundId": refund, **values})


async def test_one_frontend_token_does_not_pay_a_stranger_under_the_payers_tax_id(enter: Enter) -> None:
    asker, ana = await _stage(enter)
    shop = await a_token(asker, ana, "shop", "REQUESTER")
    refund = await _asked_for(shop, await _invented(shop), destination=ACCOUNT)
    assert refund["status"] == "AWAITING_APPROVAL"
    seen = refund["destination"]["fingerprint"]
    for name in ("shop", "another", "accounting"):
        other = await a_token(asker, ana, name)
        said = await _do(other, "refundApprove", refund["id"], destinationFingerprint=seen)
        assert said["errors"][0]["code"] == "FORBIDDEN"
    (event,) = await Event.filter(kind="DESTINATION_PROVIDED")
    assert (event.code, event.detail["payer_matches"]) == ("STAFF", True)
    bia = await a_token(asker, await a_signed_in(asker.shop, "Bia", Role.ADMIN), "bia")
    said = await _do(bia, "refundApprove", refund["id"], destinationFingerprint=seen)
    assert said == {"refund": {"status": "REQUESTED"}, "errors": []}


async def test_whoever_makes_the_link_is_not_the_customer_and_another_person_whatever_the_token_is_called(
    enter: Enter,
) -> None:
    asker, ana = await _stage(enter)
    shop, second = await a_token(asker, ana, "shop", "REQUESTER"), await a_token(asker, ana, "finance")
    refund = (await _asked_for(shop, await _invented(shop)))["id"]
    link = """mutation M($input: DestinationLinkCreateInput!) { destinationLinkCreate(input: $input) { url } }"""
    url = (await asker.ask(link, input={"refundId": refund}))["url"]
    url = (await second.ask(link, input={"refundId": refund}))["url"]
    assert (await asker.http.post(asker.url + urlsplit(url).path, data=FORM)).status_code == 200
    seen = (await asker.ask(LOOK, by={"id": refund}))["destination"]
    assert seen["whoseWord"] == "CUSTOMER"
    third = await a_token(asker, ana, "somebody else")
    for who in (second, third):
        said = await _do(who, "refundApprove", refund, destinationFingerprint=seen["fingerprint"])
        assert (said["refund"], said["errors"][0]["code"]) == (None, "FORBIDDEN")


async def test_a_payment_that_never_was_waits_for_a_second_person_whoever_names_the_account(enter: Enter) -> None:
    asker, ana = await _stage(enter)
    shop = await a_token(asker, ana, "shop", "REQUESTER")
    refund = (await _asked_for(shop, await _invented(shop), amount={"minorUnits": "1000", "currency": "MXN"}))["id"]
    link = """mutation M($input: DestinationLinkCreateInput!) { destinationLinkCreate(input: $input) { url } }"""
    url = (await shop.ask(link, input={"refundId": refund}))["url"]
    assert (await asker.http.post(asker.url + urlsplit(url).path, data=FORM)).status_code == 200
    told = await asker.ask(LOOK, by={"id": refund})
    assert told["status"] == "AWAITING_APPROVAL"
    assert [need["rule"] for need in told["needs"]["needs"]] == ["UNPROVEN_PAYMENT"]


async def test_a_name_in_another_spelling_is_no_other_person(enter: Enter) -> None:
    asker = await enter(shop=await a_shop(pse="adyen"), holder="Ana")
    refund = await _asked_for(asker, await _invented(asker), destination=ACCOUNT)
    other = await enter(shop=asker.shop, holder="ana")
    seen = refund["destination"]["fingerprint"]
    said = await _do(other, "refundApprove", refund["id"], destinationFingerprint=seen)
    assert said["errors"][0]["code"] == "FORBIDDEN"


async def _in_hand(enter: Enter) -> tuple[Asker, Asker, Asker, str]:
    """A refund above the limit that Bia's token has taken to pay by hand."""
    asker, ana = await _stage(enter)
    bia = await a_signed_in(asker.shop, "Bia", Role.ADMIN)
    hers, also_hers = await a_token(asker, bia, "bia"), await a_token(asker, bia, "not bia")
    shop = await a_token(asker, ana, "shop", "REQUESTER")
    refund = await _asked_for(shop, await _invented(shop, "400000"), destination=ACCOUNT)
    await _do(hers, "refundApprove", refund["id"], destinationFingerprint=refund["destination"]["fingerprint"])
    await _do(hers, "refundTakeManual", refund["id"], reason="Adyen pays no OXXO back.")
    return hers, also_hers, await a_token(asker, ana, "ana"), refund["id"]


async def test_above_the_limit_nobody_settles_by_hand_alone_or_without_a_file(enter: Enter) -> None:
    hers, also_hers, of_another, refund = await _in_hand(enter)
    bare = await _do(hers, "refundSettleManually", refund, **EVIDENCE)
    assert (bare["errors"][0]["code"], "file" in bare["errors"][0]["message"]) == ("INVALID_INPUT", True)
    first = await _do(hers, "refundSettleManually", refund, **EVIDENCE, **FILE)
    assert first == {"refund": {"status": "MANUAL"}, "errors": []}
    for same in (hers, also_hers):
        again = await _do(same, "refundSettleManually", refund, **EVIDENCE, **FILE)
        assert again["errors"][0]["code"] == "FORBIDDEN"
    done = await _do(of_another, "refundSettleManually", refund, **EVIDENCE)
    assert done == {"refund": {"status": "SUCCEEDED"}, "errors": []}


PREVIEW = """query P($input: RefundCreateInput!) { approvalPreview(input: $input) { waitsForDestination
  needs { rule missing steps { of count } } candidates { person } advice capExceeded { cap } } }"""


async def test_the_preview_says_what_is_needed_and_who_could_say_it_and_does_nothing(enter: Enter) -> None:
    asker, ana = await _stage(enter)
    mine, shop = await a_token(asker, ana, "ana"), await a_token(asker, ana, "shop", "REQUESTER")
    payment = await _invented(mine)
    given = {"paymentId": payment, "reason": "OTHER", "idempotencyKey": uuid4().hex, "destination": ACCOUNT}
    counted = "SELECT (SELECT count(*) FROM refunds) + (SELECT count(*) FROM idempotency_keys) AS n"
    before = await rows(counted)
    told = await mine.ask(PREVIEW, input=given)
    assert {need["rule"] for need in told["needs"]} == {"STAFF_DESTINATION", "UNPROVEN_PAYMENT"}
    assert told["candidates"] == []
    assert "Invite a second person" in told["advice"]
    bia = await a_signed_in(asker.shop, "Bia", Role.APPROVER)
    told = await mine.ask(PREVIEW, input=given)
    assert (told["candidates"], told["advice"]) == ([{"person": bia.holder}], None)
    assert (await shop.ask(PREVIEW, input=given))["candidates"] == [{"person": "Bia"}]  # a browser's learns no address
    assert await rows(counted) == before


@pytest.mark.parametrize("begin", ["09:00Z", "09:00+02:00", "09:00:00.5"])
async def test_hours_that_are_not_the_merchants_own_are_refused(enter: Enter, begin: str) -> None:
    asker = await enter()
    outside = {"begin": begin, "end": "18:00Z" if "Z" in begin else "18:00+02:00", "weekdays": [1]}
    rule = {"name": "NIGHT", "why": "Nights.", "steps": [{"of": "APPROVE"}], "when": {"outside": outside}}
    assert (await asker.ask(RULE, input=rule))["errors"][0]["code"] == "INVALID_INPUT"


AWAITING = "{ refundsAwaitingMe(first: 5) { edges { node { id } } } }"
RULE = """mutation M($input: ApprovalRuleProposeInput!) { approvalRulePropose(input: $input) {
  change { id loosens startedAt } errors { ... on Error { code message } } } }"""
CONFIRM = """mutation M($input: ApprovalRuleConfirmInput!) { approvalRuleConfirm(input: $input) {
  change { startedAt } errors { ... on Error { code message } } } }"""
CAP = """mutation M($input: VelocityCapProposeInput!) { velocityCapPropose(input: $input) {
  change { id loosens } errors { ... on Error { code message } } } }"""


async def test_an_administrator_alone_opens_no_door_and_what_waits_is_shown_to_whose_yes_counts(enter: Enter) -> None:
    asker, ana = await _stage(enter)
    bia = await a_signed_in(asker.shop, "Bia", Role.ADMIN)
    mine, hers = await a_token(asker, ana, "ana"), await a_token(asker, bia, "bia")
    open_door = {"name": "STAFF_DESTINATION", "why": "We trust us.", "when": {}, "steps": []}
    change = (await mine.ask(RULE, input=open_door))["change"]
    assert (change["loosens"], change["startedAt"]) == (True, None)
    for same in (mine, await a_token(asker, ana, "security")):
        told = await same.ask(CONFIRM, input={"ruleId": change["id"]})
        assert told["errors"][0]["code"] == "FORBIDDEN"
    refund = await _asked_for(mine, await _invented(mine), destination=ACCOUNT)
    assert refund["status"] == "AWAITING_APPROVAL"
    assert (await mine.ask(AWAITING))["edges"] == []
    assert [edge["node"]["id"] for edge in (await hers.ask(AWAITING))["edges"]] == [refund["id"]]
    assert (await hers.ask(CONFIRM, input={"ruleId": change["id"]}))["errors"] == []
    looked = await hers.ask(LOOK, by={"id": refund["id"]})
    assert {need["rule"] for need in looked["needs"]["needs"]} == {"STAFF_DESTINATION", "UNPROVEN_PAYMENT"}
    assert looked["needs"]["nextBy"] == ["APPROVE"]


async def test_a_cap_is_refused_with_a_typed_error(enter: Enter) -> None:
    asker = await enter()
    cap = {"name": "DAY", "per": "MERCHANT", "over": "REFUSE", "count": 0}
    assert (await asker.ask(CAP, input=cap))["change"]["loosens"] is False
    given = {"paymentId": global_id(await a_payment(asker.shop)), "reason": "OTHER", "idempotencyKey": uuid4().hex}
    query = """mutation M($input: RefundCreateInput!) { refundCreate(input: $input) { errors { __typename
      ... on CapExceededError { cap countLeft renewsAt } } } }"""
    (error,) = (await asker.ask(query, input=given))["errors"]
    assert (error["__typename"], error["cap"], error["countLeft"]) == ("CapExceededError", "DAY", 0)


@pytest.mark.parametrize("field", ["approvalRules", "velocityCaps"])
async def test_what_holds_is_shown_with_the_defaults(enter: Enter, field: str) -> None:
    asker = await enter(Role.SUPPORT)
    told = await asker.ask(f"{{ {field} {{ name }} }}")
    names = {"STAFF_DESTINATION", "OTHER_HOLDER", "CUSTOMERS_WORD", "UNPROVEN_PAYMENT", "LARGE_AMOUNT"}
    assert {one["name"] for one in told} == (names if field == "approvalRules" else set())


async def test_what_waits_is_shown_in_as_many_statements_for_two_as_for_six(
    enter: Enter, caplog: pytest.LogCaptureFixture
) -> None:
    asker = await enter()
    bia = await a_token(asker, await a_signed_in(asker.shop, "Bia", Role.ADMIN), "bia")
    query = """{ refundsAwaitingMe(first: 9) { edges { node { needs { needs { rule } advice candidates { person } }
      approvals { decision } } } } }"""
    costs = []
    for more in (2, 4):
        for _ in range(more):
            await a_refund(asker.shop, await a_payment(asker.shop, amount=2_500_000))
        with caplog.at_level(logging.DEBUG, "tortoise.db_client"):
            await bia.ask(query)
            caplog.clear()
            found = await bia.ask(query)
            costs.append(statements(caplog))
    assert len(found["edges"]) == 6
    assert costs[0] == costs[1], costs
    page = """query Q($after: String) { refundsAwaitingMe(first: 4, after: $after) {
      nodes { id } totalCount pageInfo { hasNextPage endCursor } } }"""
    first = await bia.ask(page)
    last = await bia.ask(page, after=first["pageInfo"]["endCursor"])
    assert [(one["totalCount"], one["pageInfo"]["hasNextPage"]) for one in (first, last)] == [(6, True), (6, False)]
    assert len({one["id"] for one in (*first["nodes"], *last["nodes"])}) == 6
