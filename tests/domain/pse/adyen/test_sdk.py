"""Adyen's own Python library against our sandbox: what it sees there is what our connector says.

The library blocks, so it runs in a thread.
"""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import Adyen as library
import httpx
import pytest
from Adyen.exceptions import AdyenAPIAuthenticationError, AdyenAPIUnprocessableEntity
from Adyen.util import is_valid_hmac_notification

from domain.money import Money
from domain.pse.adyen.connector import Adyen
from domain.pse.vocabulary import Accepted, Credentials, Declined, Succeeded, TellsOfRefund, Unsent, WebhookRequest
from tests.domain.pse.adyen.test_connector import ORDER
from tests.kit.world import a_sandbox, heard
from tests.sandbox.adyen.server import ACCOUNT, API_KEY, HMAC_KEY, PREFIX
from tests.sandbox.client import SandboxClient

ADYEN = Adyen()


def _client(sandbox: SandboxClient, key: str = API_KEY) -> Any:
    made = library.Adyen(xapikey=key, platform="test", http_force="requests")
    made.checkout.modifications_api.baseUrl = f"{sandbox.url}{PREFIX}"
    return made


async def _refund(client: Any, payment: str, amount: Money, reference: str) -> Any:
    body = {
        "merchantAccount": ACCOUNT,
        "amount": {"currency": amount.currency, "value": amount.minor_units},
        "reference": reference,
        "merchantRefundReason": "CUSTOMER REQUEST",
    }
    api = client.checkout.modifications_api
    return await asyncio.to_thread(api.refund_captured_payment, body, payment, idempotency_key=reference)


async def _ours(sandbox: SandboxClient, payment: str, amount: Money, reference: str, key: str = API_KEY) -> Any:
    """What our connector makes of the same order, sent by its own request."""
    base = f"{sandbox.url}{PREFIX}"
    order = replace(
        ORDER, base_url=base, reference=reference, payment_reference=payment, amount=amount, client_id=ACCOUNT
    )
    auth = ADYEN.auth(Credentials(base, ACCOUNT, {"api_key": key}))
    async with httpx.AsyncClient() as client:
        return ADYEN.read_refund(order, await client.send(ADYEN.refund(order), auth=auth))


async def test_a_refund_of_the_library_is_the_refund_of_our_connector() -> None:
    async with a_sandbox() as root:
        sandbox = root.at("adyen")
        payment = await sandbox.capture(10_000)
        seen = await _refund(_client(sandbox), payment, Money(4_000, "BRL"), "abcdefghij0123456789")
        again = await _refund(_client(sandbox), payment, Money(4_000, "BRL"), "abcdefghij0123456789")
        ours = await _ours(sandbox, payment, Money(4_000, "BRL"), "abcdefghij0123456789")
        assert (seen.status_code, seen.message["status"]) == (201, "received")
        assert again.message == seen.message
        assert ours == Accepted(seen.psp, "received")
        assert await sandbox.paid(payment) == 4_000
        assert seen.message["paymentPspReference"] == payment


async def test_several_partial_refunds_of_the_library_end_at_the_payments_amount() -> None:
    async with a_sandbox() as root, heard() as (address, posts):
        sandbox = root.at("adyen")
        await sandbox.post("webhooks", key="sp@loja", url=address)
        payment, client = await sandbox.capture(10_000), _client(sandbox)
        seen = [await _refund(client, payment, Money(5_000, "BRL"), f"refund{number:014}") for number in range(3)]
        await posts.until(3)
        assert await sandbox.paid(payment) == 10_000
        told = [notice for body in posts.bodies for notice in ADYEN.read_webhook(_posted(body))]
        outcomes = {one.pse_refund_reference: type(one.outcome) for one in told if isinstance(one, TellsOfRefund)}
    assert outcomes == {seen[0].psp: Succeeded, seen[1].psp: Succeeded, seen[2].psp: Declined}


async def test_the_librarys_errors_are_our_connectors() -> None:
    async with a_sandbox() as root:
        sandbox = root.at("adyen")
        payment = await sandbox.capture(10_000)
        with pytest.raises(AdyenAPIUnprocessableEntity) as unknown:
            await _refund(_client(sandbox), "UNKNOWNREFERENCE", Money(100, "BRL"), "unknown0000000000001")
        ours = await _ours(sandbox, "UNKNOWNREFERENCE", Money(100, "BRL"), "unknown0000000000002")
        assert isinstance(ours, Declined)
        assert ours.code == unknown.value.error_code == "167"
        with pytest.raises(AdyenAPIAuthenticationError) as stranger:
            await _refund(_client(sandbox, "wrong"), payment, Money(100, "BRL"), "stranger000000000001")
        refused = await _ours(sandbox, payment, Money(100, "BRL"), "stranger000000000002", key="wrong")
        assert isinstance(refused, Unsent)
        assert refused.code == stranger.value.error_code == "000"


async def test_the_library_believes_our_sandboxs_webhooks_and_so_do_we() -> None:
    async with a_sandbox() as root, heard() as (address, posts):
        sandbox = root.at("adyen")
        await sandbox.post("webhooks", key="sp@loja", url=address)
        payment = await sandbox.capture(10_000, "ok", "refused", order="pedido: 7\\ção/1")
        seen = await _refund(_client(sandbox), payment, Money(4_000, "BRL"), "abcdefghij0123456789")
        await _refund(_client(sandbox), payment, Money(1_000, "BRL"), "abcdefghij0123456788")
        await sandbox.post("close-batch")
        await posts.until(3)
        credentials = Credentials("https://x/v72", ACCOUNT, {"hmac_key": HMAC_KEY})
        told = []
        for body in posts.bodies:
            assert is_valid_hmac_notification(json.loads(body), HMAC_KEY) is True
            assert is_valid_hmac_notification(json.loads(body), "AB" * 32) is False
            ADYEN.verify_webhook(credentials, _posted(body), datetime.now(UTC))
            told += ADYEN.read_webhook(_posted(body))
    assert any(isinstance(one, TellsOfRefund) and one.outcome == Succeeded(seen.psp, None, "REFUND") for one in told)


def _posted(body: bytes) -> WebhookRequest:
    return WebhookRequest("POST", "/webhooks/1", "", {}, body)
