"""Mercado Pago's own Python SDK against our sandbox: it refunds, reads, lists, and accepts the sandbox's webhooks."""

import asyncio
import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from jsonschema import ValidationError
from mercadopago import SDK
from mercadopago.config import RequestOptions
from mercadopago.http import HttpClient
from mercadopago.webhook import InvalidWebhookSignatureError, WebhookSignatureValidator

from domain.money import Money
from domain.pse.mercadopago.connector import MercadoPago
from domain.pse.vocabulary import Credentials, Succeeded, WebhookRequest
from tests.domain.pse.mercadopago.test_connector import ORDER
from tests.kit.accounts import ACCOUNTS
from tests.kit.world import a_sandbox
from tests.sandbox.books import Books, Payment, Refund
from tests.sandbox.client import SandboxClient
from tests.sandbox.mercadopago.server import PREFIX, MercadoPagoServer
from tests.schemas import mercadopago as own

PSE = MercadoPago()
SECRETS = ACCOUNTS["mercadopago"].secrets


class _ToSandbox(HttpClient):  # type: ignore[misc]  # the SDK has no types
    """The SDK knows one address; this turns it to the sandbox, and leaves all else to the SDK."""

    def __init__(self, address: str) -> None:
        self._address = address

    def request(self, method: str, url: str, *args: Any, **more: Any) -> Any:
        return super().request(method, url.replace("https://api.mercadopago.com", self._address), *args, **more)


def _sdk(sandbox: SandboxClient) -> SDK:
    return SDK(SECRETS["access_token"], http_client=_ToSandbox(sandbox.url + PREFIX))


def _keyed(key: str) -> RequestOptions:
    return RequestOptions(access_token=SECRETS["access_token"], custom_headers={"x-idempotency-key": key})


async def _ours(sandbox: SandboxClient, request: httpx.Request) -> httpx.Response:
    auth = PSE.auth(Credentials("", "", SECRETS))
    return await sandbox.http.send(request, auth=auth)


async def test_the_sdk_creates_reads_and_lists_what_our_connector_sees() -> None:
    async with a_sandbox() as anywhere:
        sandbox = anywhere.at("mercadopago")
        payment = await sandbox.capture(10_000)
        sdk = _sdk(sandbox)

        made = await asyncio.to_thread(sdk.refund().create, payment, {"amount": 58.8})
        assert made["status"] == 201
        own.check(own.REFUND, made["response"])
        reference = str(made["response"]["id"])
        read = await asyncio.to_thread(sdk.refund().get, payment, reference)
        listed = await asyncio.to_thread(sdk.refund().list_all, payment)
        known = await asyncio.to_thread(sdk.payment().get, payment)
        assert read["response"] == made["response"]
        assert listed["response"] == [made["response"]]
        assert (known["response"]["status"], known["response"]["transaction_amount_refunded"]) == ("approved", 58.8)

        order = replace(ORDER, base_url=sandbox.url + PREFIX, payment_reference=payment, amount=Money(5_880, "BRL"))
        outcome = PSE.read_look_up(order, await _ours(sandbox, PSE.look_up(order)))
        created_at = datetime.fromisoformat(made["response"]["date_created"])
        assert outcome == Succeeded(reference, created_at, "approved")
        seen = PSE.read_payment(await _ours(sandbox, PSE.look_up_payment(order.base_url, payment)))
        assert seen is not None
        assert [(one.reference, one.amount) for one in seen.refunds] == [(reference, order.amount)]
        assert await sandbox.paid(payment) == 5_880


async def test_a_whole_refund_of_the_sdk_takes_all_that_is_left_and_a_replay_nothing() -> None:
    async with a_sandbox() as anywhere:
        sandbox = anywhere.at("mercadopago")
        payment = await sandbox.capture(10_000)
        sdk = _sdk(sandbox)
        order = replace(ORDER, base_url=sandbox.url + PREFIX, payment_reference=payment, amount=Money(2_500, "BRL"))
        ours = PSE.read_refund(order, await _ours(sandbox, PSE.refund(order)))
        assert isinstance(ours, Succeeded)

        options = _keyed("one-key-for-both")
        made = await asyncio.to_thread(sdk.refund().create, payment, None, options)
        assert (made["status"], made["response"]["amount"]) == (201, 75)
        again = await asyncio.to_thread(sdk.refund().create, payment, None, options)
        assert (again["status"], again["response"]) == (200, None)
        assert await sandbox.paid(payment) == 10_000
        listed = await asyncio.to_thread(sdk.refund().list_all, payment)
        assert [str(one["id"]) for one in listed["response"]] == [
            ours.pse_refund_reference,
            str(made["response"]["id"]),
        ]
        gone = await asyncio.to_thread(sdk.payment().get, payment)
        assert gone["response"]["status"] == "refunded"


async def test_what_the_sandbox_refuses_has_the_published_shape_and_the_same_code_for_both() -> None:
    async with a_sandbox() as anywhere:
        sandbox = anywhere.at("mercadopago")
        payment = await sandbox.capture(10_000)
        old = await sandbox.capture(10_000, at=datetime.now().astimezone() - timedelta(days=181))
        sdk = _sdk(sandbox)
        for wanted, amount, code in (
            (payment, 100.01, "2017"),
            ("1", 1, "2000"),
            (payment, 0, "4040"),
            (old, 1, "2024"),
        ):
            made = await asyncio.to_thread(sdk.refund().create, wanted, {"amount": amount})
            own.check(own.PROBLEM, made["response"])
            assert str(made["response"]["cause"][0]["code"]) == code
            with pytest.raises(ValidationError):
                own.check(own.REFUND, made["response"])
            order = replace(ORDER, base_url=sandbox.url + PREFIX, payment_reference=wanted)
            asked = replace(order, amount=Money(int(amount * 100), "BRL"))
            outcome = PSE.read_refund(asked, await _ours(sandbox, PSE.refund(asked)))
            assert getattr(outcome, "code", None) == code
        bare = await sandbox.http.post(
            f"{sandbox.url}{PREFIX}/v1/payments/{payment}/refunds",
            headers={"Authorization": f"Bearer {SECRETS['access_token']}"},
        )
        assert (bare.status_code, bare.json()["cause"][0]["code"]) == (400, 4292)
        stranger = await sandbox.http.get(f"{sandbox.url}{PREFIX}/v1/payments/{payment}")
        own.check(own.PROBLEM, stranger.json())
        assert stranger.status_code == 401
        assert await sandbox.paid(payment) == 0


async def test_the_reports_of_the_sandbox_are_listed_in_the_published_shape() -> None:
    async with a_sandbox() as anywhere:
        sandbox = anywhere.at("mercadopago")
        headers = {"Authorization": f"Bearer {SECRETS['access_token']}"}
        for kind in ("release_report", "settlement_report"):
            url = f"{sandbox.url}{PREFIX}/v1/account/{kind}"
            asked = {"begin_date": "2026-11-23T03:00:00Z", "end_date": "2026-11-24T02:59:59Z"}
            assert (await sandbox.http.post(url, json=asked, headers=headers)).status_code == 202
            listed = (await sandbox.http.get(f"{url}/list", headers=headers)).json()
            own.check(own.REPORT_LIST, listed)
            config = (await sandbox.http.get(f"{url}/config", headers=headers)).json()
            content = (await sandbox.http.get(f"{url}/{listed[0]['file_name']}", headers=headers)).text
            assert content.split("\r\n")[0] == ";".join(column["key"] for column in config["columns"])


@pytest.mark.parametrize("secret", [SECRETS["webhook_secret"], "another"])
def test_the_sdk_accepts_the_sandboxs_webhooks_exactly_when_we_do(secret: str) -> None:
    server = MercadoPagoServer(Books("mercadopago"))
    now = datetime.now().astimezone()
    payment = Payment("90000000001", 10_000, "BRL", "PIX", now, "sp@loja", None)
    first, second = (server.hooks("https://x", payment, Refund("1", "r", 1, "", now))[0] for _ in range(2))
    assert first.body != second.body
    assert first.headers["x-signature"] != second.headers["x-signature"]
    own.check(own.WEBHOOK, json.loads(first.body))
    url = httpx.URL(first.url)
    request = WebhookRequest("POST", url.path, url.query.decode(), first.headers, first.body)

    def of_the_sdk() -> None:
        header, request_id = first.headers["x-signature"], first.headers["x-request-id"]
        named = url.params["data.id"]
        WebhookSignatureValidator.validate(header, request_id, named, secret, tolerance_seconds=300)

    def of_ours() -> None:
        PSE.verify_webhook(Credentials("", "", {"webhook_secret": secret}), request, now)

    if secret == SECRETS["webhook_secret"]:
        of_the_sdk()
        of_ours()
        return
    with pytest.raises(InvalidWebhookSignatureError):
        of_the_sdk()
    with pytest.raises(Exception, match="signature"):
        of_ours()
