"""What each PSE shows of a payment that it is asked for, over its sandbox's wire, and what that means."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from domain.money import Money
from domain.pse import registry
from domain.pse.connector import Connector
from domain.pse.vocabulary import (
    Captured,
    Credentials,
    Method,
    NotThere,
    NotTold,
    NotUnderstood,
    PaymentAsked,
    Shown,
    Standing,
    WebhookRequest,
)
from tests.kit.accounts import ACCOUNTS
from tests.kit.world import a_sandbox
from tests.sandbox.client import SandboxClient
from tests.sandbox.server import PAYMENT_MOODS

ASKABLE = [
    name
    for name, wire in registry.connectors().items()
    if any(able.payment_look_up for able in wire.capabilities.values())
]


class _Read(httpx.AsyncHTTPTransport):
    """Every answer is read, as by the worker's: who asks for a token reads it."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await super().handle_async_request(request)
        await answer.aread()
        return answer


class Asking:
    """A connector, its account at the sandbox, and a client that signs as it wants."""

    def __init__(self, name: str, sandbox: SandboxClient) -> None:
        account = ACCOUNTS[name]
        self.wire: Connector = registry.connector(name)
        self.sandbox, self.account = sandbox.at(name), account
        token_url = f"{sandbox.url}{account.token_path}" if account.token_path else None
        base_url = f"{sandbox.url}{account.path}"
        self.credentials = Credentials(base_url, account.client_id, account.secrets, token_url)

    async def capture(self, **facts: Any) -> str:
        told = {"method": self.account.method, "currency": self.account.currency, **facts}
        return await self.sandbox.capture(told.pop("amount", 10_000), **told)

    async def standing(self, reference: str) -> Standing:
        asked = PaymentAsked(self.credentials.base_url, reference, self.credentials.client_id)
        request = self.wire.ask_payment(asked)
        assert request is not None
        async with httpx.AsyncClient(transport=_Read()) as client:
            try:
                answer = await client.send(request, auth=self.wire.auth(self.credentials))
            except httpx.HTTPError as error:
                return NotTold("NO_ANSWER", str(error))
        return self.wire.read_standing(asked, answer)


@pytest.fixture(params=ASKABLE)
async def asking(request: pytest.FixtureRequest) -> AsyncIterator[Asking]:
    async with a_sandbox() as sandbox:
        yield Asking(request.param, sandbox)


async def test_a_payment_of_the_account_is_shown_with_what_was_captured_and_how_it_was_paid(asking: Asking) -> None:
    for method in asking.wire.capabilities:
        reference = await asking.capture(method=method.value)
        shown = await asking.standing(reference)
        assert isinstance(shown, Shown), f"{method}: {shown}"
        told = (shown.captured, shown.amount, reference in shown.names, method in shown.methods)
        assert told == (True, Money(10_000, asking.account.currency), True, True), method
        assert shown.account in (None, asking.account.client_id)


async def test_one_that_nobody_has_paid_is_not_captured(asking: Asking) -> None:
    standing = await asking.standing(await asking.capture(uncaptured=True))
    # Pix shows what was received and nothing else.
    assert isinstance(standing, NotThere) if asking.wire.name == "pix" else not getattr(standing, "captured", True)


async def test_one_of_another_merchant_is_not_there_or_is_called_the_others(asking: Asking) -> None:
    standing = await asking.standing(await asking.capture(elsewhere=True))
    if asking.wire.name == "mercadopago":
        assert isinstance(standing, Shown)
        assert standing.account not in (None, asking.account.client_id)
    else:
        assert isinstance(standing, NotThere)


async def test_one_that_never_was_is_not_there_and_only_the_pse_itself_can_say_so(asking: Asking) -> None:
    names = {"stripe": "pi_never", "mercadopago": "17014025134", "pix": "E12345678202601010000abcdefghijk"}
    reference = names.get(asking.wire.name, "never-was")
    assert isinstance(await asking.standing(reference), NotThere)
    for mood in sorted(PAYMENT_MOODS - {"ok"}):
        await asking.sandbox.post("payment-moods", moods=[mood])
        assert isinstance(await asking.standing(reference), NotTold), mood


HOSTILE = [
    b"",
    b"[]",
    b"null",
    b'"x"',
    b"{}",
    b'{"id": {}, "amount": true, "currency": [], "status": {}, "object": "charge"}',
    b'{"object": "payment_intent", "id": "pi_1", "latest_charge": "ch_1", "amount": 1, "currency": "brl"}',
    b'{"object": "order", "id": "x", "charges": {"data": [{"paid_at": 1, "amount": "1"}], "has_more": false}}',
    b'{"status": "SUCCESS", "payment": {"hash": "x", "amount_ext": "1e999", "currency_ext": "BRL", "status": []}}',
    b'{"endToEndId": "x", "valor": "1,00"}',
    b'{"id": "x", "amount": 1.001, "currency": "BRL", "status": "PAID"}',
    b'{"id": 1, "transaction_amount": 1e400, "currency_id": "BRL", "status": "approved"}',
]


@pytest.mark.parametrize("name", registry.connectors())
def test_whatever_a_server_sends_has_a_meaning_and_proves_nothing_unless_it_is_clear(name: str) -> None:
    wire = registry.connector(name)
    asked = PaymentAsked("https://pse.example", "another", "1")
    for status in (200, 301, 400, 401, 403, 404, 409, 429, 500, 503):
        for body in HOSTILE:
            standing = wire.read_standing(asked, httpx.Response(status, content=body))
            assert isinstance(standing, NotTold), (status, body)


@pytest.mark.parametrize("name", registry.connectors())
def test_the_table_says_whether_the_pse_can_be_asked_and_which_document_says_so(name: str) -> None:
    wire = registry.connector(name)
    asked = wire.ask_payment(PaymentAsked("https://pse.example", "x"))
    for method, able in wire.capabilities.items():
        assert able.payment_look_up is (asked is not None), method
        assert able.payment_look_up_source


def test_an_intent_that_nobody_has_paid_yet_is_shown_as_not_captured() -> None:
    wire, asked = registry.connector("stripe"), PaymentAsked("https://api.stripe.com/v1", "pi_1")
    intent = {"object": "payment_intent", "id": "pi_1", "amount": 500, "currency": "mxn", "status": "processing"}
    standing = wire.read_standing(asked, httpx.Response(200, json={**intent, "latest_charge": None}))
    assert standing == Shown(frozenset({"pi_1"}), Money(500, "MXN"), "processing, without a charge", False)


def test_a_wrong_address_at_stripe_is_not_a_payment_that_it_does_not_know() -> None:
    wire, asked = registry.connector("stripe"), PaymentAsked("https://api.stripe.com/v1", "pi_1")
    error = {"type": "invalid_request_error", "message": "Unrecognized request URL (GET: /v2/payment_intents/pi_1)."}
    assert isinstance(wire.read_standing(asked, httpx.Response(404, json={"error": error})), NotTold)
    error |= {
        "code": "resource_missing",
        "message": "No such payment_intent: 'pi_1'; a similar object exists in test mode",
    }
    assert isinstance(wire.read_standing(asked, httpx.Response(404, json={"error": error})), NotThere)


def test_dlocal_is_asked_for_a_payment_of_a_year_and_no_longer() -> None:
    able = registry.connector("dlocal").capabilities[Method.CARD]
    assert [able.shows_payment(timedelta(days=days)) for days in (364, 366)] == [True, False]


def test_a_signed_event_of_a_capture_tells_all_that_an_answer_would() -> None:
    charge = {
        "object": "charge",
        "id": "ch_1",
        "payment_intent": "pi_1",
        "amount": 900,
        "amount_captured": 900,
        "captured": True,
        "currency": "mxn",
        "status": "succeeded",
        "payment_method_details": {"type": "card"},
    }
    order = {
        "object": "order",
        "id": "ord_1",
        "currency": "MXN",
        "payment_status": "paid",
        "charges": {
            "data": [{"amount": 900, "paid_at": 1_770_000_000, "payment_method": {"object": "card_payment"}}],
            "has_more": False,
        },
    }
    money, card = Money(900, "MXN"), frozenset({Method.CARD})
    for name, kind, about, names, status, word in (
        ("stripe", "charge.succeeded", charge, {"ch_1", "pi_1"}, "succeeded", "card"),
        ("conekta", "order.paid", order, {"ord_1"}, "paid", "card_payment"),
    ):
        wire = registry.connector(name)
        for about_it, told in (
            (about, Captured(Shown(frozenset(names), money, status, True, card, word))),
            ({**about, "currency": "xxq"}, NotUnderstood(kind)),
        ):
            body = json.dumps({"id": "evt_1", "type": kind, "data": {"object": about_it}}).encode()
            assert wire.read_webhook(WebhookRequest("POST", "/", "", {}, body)) == [told]
