"""Every answer of EBANX's sandbox is of the published schemas."""

from dataclasses import replace
from typing import Any

import httpx
import pytest
from jsonschema import ValidationError

from domain.money import Money
from domain.pse.ebanx.auth import IntegrationKey
from tests.domain.pse.ebanx.answers import EBANX, ORDER
from tests.kit.world import a_sandbox
from tests.sandbox.client import SandboxClient
from tests.sandbox.ebanx.server import INTEGRATION_KEY
from tests.schemas import ebanx as schemas


async def all_answers(sandbox: SandboxClient) -> dict[str, Any]:
    """One answer of each shape, by the schema's name and what tells them apart."""
    key, base = IntegrationKey(INTEGRATION_KEY), f"{sandbox.url}/ebanx"
    payment = await sandbox.capture(10_000, "ok", "pending")
    order = replace(ORDER, base_url=base, payment_reference=payment, amount=Money(100, "BRL"))

    async def refund(by: httpx.Auth = key, **more: Any) -> Any:
        return (await sandbox.http.send(EBANX.refund(replace(order, **more)), auth=by)).json()

    async def query(reference: str) -> Any:
        request = EBANX.look_up_payment(base, reference)
        assert request is not None
        return (await sandbox.http.send(request, auth=key)).json()

    async def get(**parameters: str) -> Any:  # as the older SDKs ask
        wanted = {"integration_key": INTEGRATION_KEY, **parameters}
        return (await sandbox.http.get(f"{base}/ws/refund", params=wanted)).json()

    untouched = await sandbox.capture(10_000)
    request = {"operation": "request", "hash": payment, "amount": "1.00", "description": "d"}
    return {
        "REFUNDED/done": await refund(),
        "REFUNDED/again": await refund(),
        "REFUNDED/get": await get(**request),
        "REFUNDED/cancel": await get(operation="cancel", refund_id="20002"),
        "QUERY": await query(payment),
        "QUERY/none": await query(untouched),
        "ERROR/key": await refund(by=IntegrationKey("wrong")),
        "ERROR/payment": await refund(payment_reference="0" * 48),
        "ERROR/sum": await refund(amount=Money(20_000, "BRL")),
        "ERROR/description": await get(**{**request, "description": ""}),
        "ERROR/amount": await get(**{**request, "amount": "1.001"}),
        "ERROR/cancel": await get(operation="cancel", refund_id="20001"),
        "ERROR/query": await query("0" * 48),
    }


async def test_every_answer_of_the_sandbox_follows_the_schemas() -> None:
    names = {"REFUNDED": schemas.REFUNDED, "QUERY": schemas.QUERY, "ERROR": schemas.ERROR}
    async with a_sandbox() as sandbox:
        answers = await all_answers(sandbox.at("ebanx"))
        for name, document in answers.items():
            schemas.check(names[name.split("/")[0]], document)
        assert [one["status"] for one in answers["QUERY"]["payment"]["refunds"]] == ["CO", "CA", "CO"]
        with pytest.raises(ValidationError):
            schemas.check(schemas.REFUNDED, answers["ERROR/key"])
