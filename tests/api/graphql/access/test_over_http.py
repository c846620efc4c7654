"""Access as a client has it: tokens by GraphQL, what a browser's token reaches, and live streams of a part."""

import asyncio
import json
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from api.graphql.access.remembered import Remembered, Uses
from api.graphql.transport.follow import Waker
from domain.access.tokens import Role
from domain.models import Deed, Store, Token
from domain.pse.vocabulary import Succeeded
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from tests.api.conftest import Asker, Enter, global_id
from tests.api.graphql import test_changes as changes
from tests.api.graphql import test_events as events
from tests.api.graphql.test_live_access import _close_code
from tests.kit.factories import CAUSE, a_key, a_payment, a_refund

CREATE = """mutation C($input: TokenCreateInput!) { tokenCreate(input: $input) { secret replayed
  token { id name prefix grants { role storeCode } } errors { ... on Error { code message } } } }"""
REVOKE = "mutation R($input: TokenRevokeInput!) { tokenRevoke(input: $input) { token { id revokedAt } } }"
CUSTOMER = """mutation C($input: CustomerTokenCreateInput!) { customerTokenCreate(input: $input) { secret expiresAt
  errors { ... on Error { code message } } } }"""
ASK = """mutation A($input: RefundCreateInput!) { refundCreate(input: $input) { refund { id status }
  errors { ... on Error { code } } } }"""
MERCHANT = """mutation M($input: MerchantCreateInput!) { merchantCreate(input: $input) { token
  errors { ... on Error { code } } } }"""
INVITE = """mutation I($input: PersonInviteInput!) { personInvite(input: $input) { replayed link { url }
  person { email guest grants { role } } errors { ... on Error { code message } } } }"""
REFUNDS = "{ refunds(first: 10) { edges { node { id status amount { display } } } } }"


async def _token(admin: Asker, *grants: dict[str, Any]) -> tuple[Asker, dict[str, Any]]:
    """Whoever holds a new token with these grants, and what was told of it."""
    given = {"name": "robot", "grants": grants, "idempotencyKey": a_key()}
    told = await admin.ask(CREATE, input=given)
    assert told["errors"] == []
    return replace(admin, token=told["secret"]), told["token"]


async def _customer(admin: Asker, may: str, **of: str) -> Asker:
    told = await admin.ask(CUSTOMER, input={"may": may, "minutes": 5, **of})
    assert told["errors"] == []
    return replace(admin, token=told["secret"])


async def test_a_token_is_made_listed_used_and_revoked_while_a_subscription_runs(enter: Enter) -> None:
    admin = await enter()
    refund = await events._pending(admin)
    robot, told = await _token(admin, {"role": "REQUESTER", "storeCode": "sp"})
    assert told["grants"] == [{"role": "REQUESTER", "storeCode": "sp"}]
    assert robot.token.startswith(told["prefix"])
    page = await admin.ask("{ tokens(first: 1) { edges { node { id name grants { role } } } } }")
    assert page["edges"][0]["node"] == {"id": told["id"], "name": "robot", "grants": [{"role": "REQUESTER"}]}
    viewer = await robot.ask("{ viewer { holder permissions inSomeStores { permission storeCodes } } }")
    assert viewer["holder"] == "robot"
    assert {"permission": "REFUND", "storeCodes": ["sp"]} in viewer["inSomeStores"]
    async with events._socket(robot) as socket:
        await events._subscribe(socket, global_id(refund), "3")
        assert await events._next(socket) == "caught up"
        assert (await admin.ask(REVOKE, input={"tokenId": told["id"]}))["token"]["revokedAt"]
        assert await _close_code(socket) == 4401


async def test_a_part_of_the_merchants_feed_is_what_one_may_see_of_it(enter: Enter) -> None:
    admin = await enter()
    rio = await Store.create(id=uuid4(), merchant_id=admin.shop.id, code="rj", name="Rio")
    there = replace(admin.shop, store=rio)
    local, _ = await _token(admin, {"role": "SUPPORT", "storeCode": "rj"})
    await a_refund(admin.shop, await a_payment(admin.shop), 1_000)
    mine = await a_refund(there, await a_payment(there), 1_000)
    await a_refund(admin.shop, await a_payment(admin.shop), 1_000)
    await changes._seal_all()
    async with events._socket(local) as socket:
        await changes._subscribe(socket)  # that the token was made is a deed, which has the first position
        assert await changes._next(socket) == ("3", f"{mine.id}/1", True)
        assert (await changes._next(socket))[:2] == ("4", "caught up")
        await a_refund(admin.shop, await a_payment(admin.shop), 1_000)
        news = await a_refund(there, await a_payment(there), 1_000)
        await changes._seal_all()
        assert await changes._next(socket) == ("6", f"{news.id}/1", False)


async def test_a_refund_of_another_store_is_not_followed_though_others_follow_it(enter: Enter) -> None:
    admin = await enter()
    await Store.create(id=uuid4(), merchant_id=admin.shop.id, code="rj", name="Rio")
    local, _ = await _token(admin, {"role": "SUPPORT", "storeCode": "rj"})
    refund = await events._pending(admin)
    async with events._socket(admin) as owner, events._socket(local) as stranger:
        await events._subscribe(owner, global_id(refund), "3")
        assert await events._next(owner) == "caught up"
        await events._subscribe(stranger, global_id(refund), "3")
        assert await events._next(stranger) == "NOT_FOUND"


async def test_a_browser_sees_its_payments_refunds_and_nothing_of_the_merchant(enter: Enter) -> None:
    admin = await enter()
    payment = await a_payment(admin.shop)
    refund, _ = await a_refund(admin.shop, payment, 1_000), await a_refund(admin.shop, await a_payment(admin.shop))
    browser = await _customer(admin, "SEE", paymentId=global_id(payment))
    (edge,) = (await browser.ask(REFUNDS))["edges"]
    assert edge["node"]["id"] == global_id(refund)
    for hidden in (
        "{ viewer { holder } }",
        "{ refunds(first: 1) { edges { node { events { actor } } } } }",
        "{ refunds(first: 1) { edges { node { payment { storeCode } } } } }",
        "query Q { ...F } fragment F on Query { stores(first: 1) { edges { cursor } } }",
        'mutation { destinationLinkCreate(input: {refundId: "x"}) { url } }',
    ):
        told = await browser.told(hidden)
        assert told.get("data") is None
        assert [one["extensions"]["code"] for one in told["errors"]] == ["NOT_FOUND"], hidden


async def test_a_browser_follows_its_refund_in_the_fields_that_are_its_own(enter: Enter) -> None:
    admin = await enter()
    refund = await events._pending(admin)
    browser = await _customer(admin, "SEE", paymentId=global_id(await refund.payment))
    async with events._socket(browser) as socket:
        await events._subscribe(socket, global_id(refund), "3")
        assert await events._next(socket) == "caught up"
        await record(refund.id, Succeeded("D1"), Source(Door.NOTICE), CAUSE)
        assert await events._next(socket) == (4, "SUCCEEDED", False)
    async with events._socket(browser) as socket:
        query = "subscription { refundsChanged { ... on RefundEventMessage { event { actor } } } }"
        await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": {"query": query}}))
        async with asyncio.timeout(10):
            told = json.loads(await socket.recv())
    assert told["payload"][0]["extensions"]["code"] == "NOT_FOUND"


async def test_a_browser_that_may_ask_asks_for_its_payment_alone(enter: Enter) -> None:
    admin = await enter()
    mine, other = await a_payment(admin.shop), await a_payment(admin.shop)
    browser = await _customer(admin, "ASK", paymentId=global_id(mine))
    given = {"paymentId": global_id(mine), "reason": "CUSTOMER_REQUEST", "idempotencyKey": a_key()}
    assert (await browser.ask(ASK, input=given))["refund"]["status"] == "REQUESTED"
    other_given = {**given, "paymentId": global_id(other), "idempotencyKey": a_key()}
    assert (await browser.ask(ASK, input=other_given))["errors"] == [{"code": "NOT_FOUND"}]
    told = await browser.told("{ refunds(first: 5) { nodes { requestId } } }")
    assert told["errors"][0]["extensions"] == {"code": "NOT_FOUND", "field": "Refund.requestId"}
    assert "of Refund it may name amount, createdAt, expiresAt, id," in told["errors"][0]["message"]
    asked = {"query": "{ refunds(first: 5) { nodes { requestId } } }"}
    (error,) = (await browser.post(asked, **{"accept-language": "es"})).json()["errors"]
    assert error["message"].startswith("El token de un cliente no puede nombrar Refund.requestId; de Refund puede")
    seen = await browser.ask("{ refunds(first: 5) { nodes { status payment { id } } } }")
    assert seen["nodes"] == [{"status": "REQUESTED", "payment": {"id": global_id(mine)}}]


async def test_what_was_used_is_written_afterwards(enter: Enter) -> None:
    admin = await enter()
    uses = Uses()
    remembered = Remembered(Waker("redis://127.0.0.1:1"), 60.0, uses)
    assert await remembered(admin.token) is not None
    assert await Token.filter(last_used_at__isnull=False).count() == 0
    await uses.flush()
    assert await Token.filter(last_used_at__isnull=False).count() == 1


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.ADMIN])
async def test_who_may_not_hears_it_typed(enter: Enter, role: Role) -> None:
    asker = await enter(role)
    told = await asker.ask(
        MERCHANT,
        input={"name": "X", "country": "MX", "zone": "America/Mexico_City", "idempotencyKey": a_key()},
    )
    assert told == {"token": None, "errors": [{"code": "FORBIDDEN"}]}


async def test_an_invitation_shows_its_link_once(enter: Enter) -> None:
    asker = await enter()
    given = {"name": "Bia", "email": "bia@example.com", "grants": [{"role": "SUPPORT"}], "idempotencyKey": a_key()}
    first, again = await asker.ask(INVITE, input=given), await asker.ask(INVITE, input=given)
    assert first["person"] == {"email": "bia@example.com", "guest": False, "grants": [{"role": "SUPPORT"}]}
    assert first["link"]["url"].startswith("https://refunds.example.com/sign-in/link/")
    assert (again["link"], again["replayed"], again["person"]) == (None, True, first["person"])
    page = await asker.ask("{ people(first: 5) { edges { node { name state } } } }")
    assert page["edges"] == [{"node": {"name": "Bia", "state": "ACTIVE"}}]


async def test_a_deed_says_by_which_token_and_from_where(enter: Enter) -> None:
    admin = await enter()
    mine = (await admin.ask("{ tokens(first: 1) { edges { node { id } } } }"))["edges"]
    (deed,) = await Deed.filter(merchant_id=admin.shop.id, operation="tokens")
    assert (deed.kind, deed.address, deed.session_id, deed.person_id) == ("READ", "127.0.0.1", None, None)
    assert deed.agent is not None
    assert "httpx" in deed.agent
    assert str(deed.token_id) == mine[0]["node"]["id"]
    assert len(deed.request_id) == 32
