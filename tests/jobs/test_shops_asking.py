"""Shops that ask and wait: an answer is final there, so it is given when the refund has ended, and once."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from domain.access.tokens import Role
from domain.commerce import shops, waiting
from domain.commerce.vocabulary import ShopKind
from domain.models import Refund, ShopRefund
from domain.models.refunds import State
from domain.platform.database import execute, rows
from domain.problems import InvalidState
from domain.pse.vocabulary import Declined, InDoubt, Returned, Succeeded
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from domain.refunds.request import retry
from tests.conftest import Database
from tests.kit.factories import CAUSE, OwnerRows, a_key, a_person, a_yes, an_answer
from tests.kit.shops import ShopWorld, a_world
from tests.sandbox.shops.shopify import ShopifyShop

_PROXY = {"x-estorno-proxy-secret": "the proxy's own secret"}
_VTEX = {"x-provider-api-appkey": "key-of-vtex", "x-provider-api-apptoken": "token-of-vtex"}


class Nobody:
    """VTEX is never called: it asks."""

    def routes(self) -> list[Any]:
        return []


@pytest.fixture
def shopify() -> ShopifyShop:
    return ShopifyShop()


@pytest.fixture
async def app(books: Database, shopify: ShopifyShop) -> AsyncIterator[ShopWorld]:
    values = {
        "address": "{url}",
        "client_id": "estorno",
        "client_secret": "hush",
        "proxy_secret": _PROXY[next(iter(_PROXY))],
    }
    async with a_world(ShopKind.SHOPIFY_PAYMENTS, shopify, values) as made:
        yield made


@pytest.fixture
async def vtex(books: Database) -> AsyncIterator[ShopWorld]:
    values = {"app_key": "key-of-vtex", "app_token": "token-of-vtex", "currency": "BRL"}
    async with a_world(ShopKind.VTEX, Nobody(), values) as made:
        yield made


def _session(payment: str, name: str = "PJUT3hD4fEyC", amount: str = "40.00", currency: str = "BRL") -> bytes:
    told = {"id": name, "gid": f"gid://shopify/RefundSession/{name}", "payment_id": payment, "amount": amount}
    return json.dumps({**told, "currency": currency, "proposed_at": "2026-11-30T00:00:00Z"}).encode()


async def test_a_session_is_resolved_when_the_money_has_left(app: ShopWorld, shopify: ShopifyShop) -> None:
    payment = await app.payment("O-1")
    said = (_session(payment.pse_reference), _PROXY)
    for _ in range(3):  # Shopify posts the same session two or three times at once
        answer = await app.post(said, "/refund_sessions")
        assert (answer.status_code, answer.content) == (201, b"")
    await app.work()
    (refund,) = await app.refunds()
    assert shopify.sessions == {}
    await an_answer(refund, InDoubt("TIMEOUT", "no answer"))
    await app.work()
    assert shopify.sessions == {}, "Doubt is no answer."
    await execute("UPDATE attempts SET ended_at = now() WHERE ended_at IS NULL")
    await record(refund.id, Returned("NO", "back"), Source(Door.NOTICE), CAUSE)
    await app.work()
    assert shopify.sessions["PJUT3hD4fEyC"][0] == "REJECTED"
    paid = await app.payment("O-2")
    await app.post((_session(paid.pse_reference, "second"), _PROXY), "/refund_sessions")
    await app.work()
    refund = await app.pay()
    assert shopify.sessions["second"] == ("RESOLVED", "")
    await record(refund.id, Returned("BACK", "account closed"), Source(Door.NOTICE), CAUSE)
    await app.work()
    row = await ShopRefund.get(name="second")
    assert (row.told_state, row.why) == ("SUCCEEDED", "RETURNED_AFTER_TOLD")
    assert shopify.sessions["second"] == ("RESOLVED", "")


async def test_what_did_not_come_through_the_proxy_or_cannot_be_read_is_refused(app: ShopWorld) -> None:
    payment = await app.payment("O-1")
    good = _session(payment.pse_reference)
    for headers in ({}, {"x-estorno-proxy-secret": ""}, {"x-estorno-proxy-secret": "wrong"}):
        assert (await app.post((good, headers), "/refund_sessions")).status_code == 401
    for body in (b"{}", _session(payment.pse_reference, amount="-1"), _session(payment.pse_reference, currency="XXX")):
        assert (await app.post((body, _PROXY), "/refund_sessions")).status_code == 400
    await app.post((_session("unknown payment"), _PROXY), "/refund_sessions")
    await app.work()
    kept = str(await rows("SELECT headers::text AS headers FROM shop_notices"))
    assert "redacted" in kept
    assert _PROXY["x-estorno-proxy-secret"] not in kept
    row = await app.only()
    assert (row.why, await app.refunds()) == ("NO_PAYMENT", [])


async def _ask(
    vtex: ShopWorld, payment: str, request: str = "req-1", value: str = "40.0", **more: Any
) -> httpx.Response:
    body = {"requestId": request, "paymentId": payment, "tid": "T", "transactionId": "X", **more}
    raw = json.dumps(body)[:-1] + f', "value": {value}}}'
    return await vtex.post((raw.encode(), _VTEX), f"/payments/{payment}/refunds")


async def test_vtex_hears_500_until_it_is_done_and_then_how_it_ended(vtex: ShopWorld) -> None:
    await vtex.payment("P-1")
    assert (await _ask(vtex, "P-1")).status_code == 500
    await vtex.work()
    assert (await _ask(vtex, "P-1")).status_code == 500
    refund = await vtex.pay()
    answer = await _ask(vtex, "P-1")
    assert (answer.status_code, answer.json()["refundId"], answer.json()["value"]) == (200, refund.reference, 40.0)
    assert '"value": 40.00' in answer.text
    assert (await _ask(vtex, "P-1", value="41.0")).status_code == 409
    await vtex.payment("P-2")
    await _ask(vtex, "P-2", "req-2", "10.1")
    await vtex.work()
    refund = (await vtex.refunds())[-1]
    assert refund.amount == 1_010
    await an_answer(refund, Declined("NO", "no balance", "x"))
    await vtex.work()
    answer = await _ask(vtex, "P-2", "req-2", "10.1")
    assert (answer.status_code, answer.json()["refundId"], answer.json()["value"]) == (200, None, 0)
    wrong = {**_VTEX, "x-provider-api-apptoken": "other"}
    assert (await vtex.post((b"{}", wrong), "/payments/P-1/refunds")).status_code == 401
    assert (await _ask(vtex, "P-1", "req-3", "10.001")).status_code == 400
    assert "token-of-vtex" not in str(await rows("SELECT headers::text AS headers FROM shop_notices"))
    mixed = await vtex.post((b'{"requestId": "r", "paymentId": "P-1", "value": 1.0}', _VTEX), "/payments/P-2/refunds")
    assert mixed.status_code == 400, "The path is of another payment."
    assert len(await vtex.refunds()) == 2


async def test_what_vtex_cannot_wait_for_is_given_back_in_time_unless_it_was_sent(
    vtex: ShopWorld, owner_rows: OwnerRows
) -> None:
    for payment in ("P-1", "P-2"):
        await vtex.payment(payment)
    await _ask(vtex, "P-1", "waits")
    await _ask(vtex, "P-2", "sent")
    await _ask(vtex, "nowhere", "unknown")
    await _ask(vtex, "P-1", "split", recipients=[{"id": "seller", "amount": 10}])
    await vtex.work()
    first, second = await vtex.refunds()
    await an_answer(second, InDoubt("TIMEOUT", "no answer"))
    await vtex.work()
    await owner_rows("UPDATE shop_refunds SET created_at = created_at - interval '21 hours'")
    await vtex.later()
    found = {row.name: (row.state.value, row.told_state, row.why) for row in await vtex.all()}
    assert found["sent"] == ("LINKED", None, "NOT_TOLD")
    assert found["waits"][:2] == ("LINKED", "GIVEN_UP")
    assert {found[one][:2] for one in ("unknown", "split")} == {("DISMISSED", "GIVEN_UP")}
    assert [one.state for one in await vtex.refunds()] == [State.CANCELED, State.SUBMITTED]
    for name, payment, status in (("waits", "P-1", 501), ("sent", "P-2", 500), ("unknown", "nowhere", 501)):
        answer = await _ask(vtex, payment, name)
        assert answer.status_code == status
        assert (answer.json()["code"] == "refund-manually") == (status == 501)
    assert first.id != second.id


@pytest.mark.parametrize("operation", ["shopPause", "shopRetire"])
async def test_what_vtex_cannot_wait_for_is_given_back_though_its_shop_rests(
    vtex: ShopWorld, owner_rows: OwnerRows, operation: str
) -> None:
    for payment in ("P-1", "P-2", "P-3"):
        await vtex.payment(payment, 5_000_000)  # from BRL 25,000.00 on a second person is needed
        await _ask(vtex, payment, payment, "30000.00" if payment == "P-1" else "40.00")
    await _ask(vtex, "nowhere", "unknown")
    await vtex.work()
    waits, sent, paid = await vtex.refunds()
    ana = a_person(vtex.merchant, "ana", Role.ADMIN)
    await shops.step(ana, vtex.shop.id, operation, CAUSE)
    await an_answer(sent, InDoubt("TIMEOUT", "no answer"))
    await an_answer(paid, Succeeded("paid"))
    await vtex.work()
    assert (await Refund.get(id=waits.id)).state is State.AWAITING_APPROVAL, "VTEX still asks."
    await owner_rows("UPDATE shop_refunds SET created_at = created_at - interval '21 hours'")
    await owner_rows("UPDATE shop_refunds SET due_at = due_at - interval '21 hours'")
    await vtex.work()
    assert [one.state for one in await vtex.refunds()] == [State.CANCELED, State.SUBMITTED, State.SUCCEEDED]
    with pytest.raises(InvalidState):
        await a_yes(vtex.merchant, waits)
    rests = operation == "shopPause"
    assert {row.name: (row.told_state, row.why) for row in await vtex.all()} == {
        "P-1": ("GIVEN_UP", None),
        "P-2": (None, "NOT_TOLD"),
        "P-3": (None, None),
        "unknown": ("GIVEN_UP" if rests else None, "NO_PAYMENT"),
    }
    if rests:
        assert (await _ask(vtex, "P-1", "P-1", "30000.00")).status_code == 501
    else:
        assert await rows("SELECT 1 AS one FROM shop_refunds WHERE due_at IS NOT NULL") == []
        (unknown,) = [row for row in await vtex.all() if row.name == "unknown"]
        other = await vtex.payment("P-4")
        await waiting.match(ana, unknown.id, other.id, None, None, "They are owed it.", CAUSE)
        await vtex.work()
        assert (await vtex.refunds())[-1].state is State.REQUESTED, "A person has said so since."


async def test_what_was_told_as_failed_for_good_and_is_paid_after_all_calls_a_person_and_is_not_paid_again(
    vtex: ShopWorld, app: ShopWorld, shopify: ShopifyShop
) -> None:
    at_vtex, at_shopify = await vtex.payment("P-1"), await app.payment("O-1")
    await _ask(vtex, "P-1")
    await app.post((_session(at_shopify.pse_reference), _PROXY), "/refund_sessions")
    for world, payment in ((vtex, at_vtex), (app, at_shopify)):
        await world.work()
        (refund,) = await world.refunds()
        await an_answer(refund, Declined("NO", "no balance", "x"))
        await world.work()
        assert (await world.only()).told_state == "FAILED"
        boss = a_person(world.merchant, "boss", Role.ADMIN)
        refund = (await retry(boss, refund.id, a_key(), CAUSE)).refund
        await an_answer(refund, Declined("NO", "no balance", "y"))
        refund = (await retry(boss, refund.id, a_key(), CAUSE)).refund
        await world.work()
        assert (await world.only()).waits_since is None
        await world.pay(refund)
        row = await world.only()
        assert (row.why, row.told_state, row.waits_since is not None) == ("PAID_AFTER_TOLD", "FAILED", True)
        assert refund.reference in (row.because or "")
        assert payment.id == row.payment_id
    assert shopify.sessions["PJUT3hD4fEyC"][0] == "REJECTED", "There it can be told no more."
    # Whoever asks once more is told the truth; what is asked anew is a person's, for it may be the same.
    answer = await _ask(vtex, "P-1")
    assert (answer.status_code, answer.json()["value"]) == (200, 40.0)
    await _ask(vtex, "P-1", "req-2")
    await vtex.work()
    assert [(row.name, row.why) for row in await vtex.all()] == [
        ("req-1", "PAID_AFTER_TOLD"),
        ("req-2", "ALREADY_REFUNDED"),
    ]
    # A person has corrected it there: they are not called again.
    row = (await vtex.all())[0]
    await waiting.dismiss(a_person(vtex.merchant, "boss", Role.ADMIN), row.id, "Corrected at VTEX.", CAUSE)
    await execute("UPDATE shops SET history_position = 0")
    await vtex.work()
    assert (await ShopRefund.get(id=row.id)).waits_since is None
    # And then the money comes back: what they have written there is not so any more.
    paid = (await vtex.refunds())[-1]
    await record(paid.id, Returned("BACK", "account closed"), Source(Door.NOTICE), CAUSE)
    await vtex.work()
    row = await ShopRefund.get(id=row.id)
    assert (row.why, row.waits_since is not None) == ("RETURNED_AFTER_TOLD", True)
    assert paid.reference in (row.because or "")
