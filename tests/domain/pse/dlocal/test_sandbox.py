"""Every answer of dLocal's sandbox is of the published schemas."""

from dataclasses import replace
from typing import Any

import httpx
import pytest
from jsonschema import ValidationError

from domain.money import Money
from domain.pse.dlocal.auth import V2Hmac
from tests.domain.pse.dlocal.answers import DLOCAL, ORDER
from tests.kit.world import a_sandbox
from tests.sandbox.client import SandboxClient
from tests.schemas import dlocal as schemas


async def all_answers(sandbox: SandboxClient) -> dict[str, Any]:
    """One answer of each shape, by the schema's name and what tells them apart."""
    auth = V2Hmac("sandboxlogin", "sandboxtranskey", "sandbox-secret-key")
    base = f"{sandbox.url}/dlocal"
    payment = await sandbox.capture(10_000, "ok", "pending", "refused")
    order = replace(ORDER, base_url=base, payment_reference=payment)

    async def refund(reference: str, amount: int = 100, **more: Any) -> Any:
        request = DLOCAL.refund(replace(order, reference=reference, amount=Money(amount, "BRL"), **more))
        return (await sandbox.http.send(request, auth=auth)).json()

    async def get(place: str) -> Any:
        return (await sandbox.http.get(f"{base}{place}", auth=auth, headers={"User-Agent": "t"})).json()

    async def post(body: bytes, by: httpx.Auth = auth) -> Any:
        return (await sandbox.http.post(f"{base}/refunds", content=body, auth=by)).json()

    done = await refund("a" * 20)
    await sandbox.post("forget-keys")
    return {
        "REFUND/done": done,
        "REFUND/pending": await refund("b" * 20, webhook_url="https://example.com/hook"),
        "REFUND/refused": await refund("c" * 20),
        "REFUND/look-up": await get(f"/refunds/{done['id']}"),
        "REFUND/status": await get(f"/refunds/{done['id']}/status"),
        "ERROR/used": await refund("a" * 20),
        "ERROR/sum": await refund("d" * 20, 10_000),
        "ERROR/payment": await refund("e" * 20, payment_reference="D-0"),
        "ERROR/unknown": await get("/refunds/REF0"),
        "ERROR/body": await post(b"{"),
        "ERROR/amount": await post(b'{"payment_id": "D-1", "amount": "1.00", "currency": "BRL"}'),
        "ERROR/access": await post(b"{}", V2Hmac("sandboxlogin", "wrong", "sandbox-secret-key")),
        "ERROR/signature": await post(b"{}", V2Hmac("sandboxlogin", "sandboxtranskey", "wrong")),
    }


async def test_every_answer_of_the_sandbox_follows_the_schemas() -> None:
    async with a_sandbox() as sandbox:
        answers = await all_answers(sandbox.at("dlocal"))
        for name, document in answers.items():
            schemas.check({"REFUND": schemas.REFUND, "ERROR": schemas.ERROR}[name.split("/")[0]], document)
        codes = {name: answer["code"] for name, answer in answers.items() if name.startswith("ERROR")}
        assert codes == {
            "ERROR/used": 5011,
            "ERROR/sum": 5007,
            "ERROR/payment": 4000,
            "ERROR/unknown": 4001,
            "ERROR/body": 5001,
            "ERROR/amount": 5001,
            "ERROR/access": 3001,
            "ERROR/signature": 5000,
        }
        with pytest.raises(ValidationError):
            schemas.check(schemas.REFUND, answers["ERROR/used"])


async def test_the_same_key_is_answered_with_the_same_refund_and_pays_once() -> None:
    async with a_sandbox() as sandbox:
        at_dlocal = sandbox.at("dlocal")
        payment = await at_dlocal.capture(10_000)
        auth = V2Hmac("sandboxlogin", "sandboxtranskey", "sandbox-secret-key")
        order = replace(ORDER, base_url=f"{sandbox.url}/dlocal", payment_reference=payment)
        answers = [await sandbox.http.send(DLOCAL.refund(order), auth=auth) for _ in range(3)]
        assert len({answer.content for answer in answers}) == 1
        assert await at_dlocal.paid(payment) == 789
