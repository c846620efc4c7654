"""A payment that its PSE does not know, on the demo day: nothing of it is refunded, and it is withdrawn."""

import asyncio
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

from domain.access.tokens import Role
from jobs.demo.client import REFUND, REGISTER
from jobs.demo.course import Day

_WAIT_SECONDS_MAX: Final = 90.0  # "unknown" is believed when it was said twice, its grace apart
_WITHDRAW: Final = """
mutation Withdraw($input: PaymentWithdrawInput!) { paymentWithdraw(input: $input) {
  errors { ... on Error { code message } } } }"""


async def play(day: Day, connection_id: UUID) -> None:
    """A mistyped reference is registered and refunded: the PSE is asked first, and the refund fails unsent."""
    client = day.client(Role.FRONTEND)
    registered = await client.ask(
        REGISTER,
        input={
            "connectionId": str(connection_id),
            "storeCode": "sp",
            "pseReference": "ch_3MmlLrLkdIwHu7ix0snN0B15",
            "orderReference": "demo-mistyped",
            "method": "CARD",
            "amount": {"minorUnits": "9900", "currency": "BRL"},
            "capturedAt": datetime.now(UTC).isoformat(),
            "idempotencyKey": str(uuid4()),
        },
    )
    payment = registered["paymentRegister"]["payment"]["id"]
    told = await client.refund(payment)
    ended = await _ended(day, told["refund"]["id"]) if told["refund"] else told
    day.expect(
        ended.get("failureCode") == "PAYMENT_UNKNOWN",
        "stripe: a refund of a payment that it does not know fails before anything is sent",
    )
    if explanation := ended.get("failureExplanation"):
        day.console.print(f"  Why it failed: {explanation}")
    done = await day.client(Role.ADMIN).ask(
        _WITHDRAW, input={"paymentId": payment, "reason": "Its reference was mistyped.", "idempotencyKey": str(uuid4())}
    )
    day.expect(not done["paymentWithdraw"]["errors"], "and the payment is withdrawn, as it was registered in error")


async def _ended(day: Day, refund: str) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for _ in range(int(_WAIT_SECONDS_MAX / 0.2)):
        told = (await day.client(Role.ADMIN).ask(REFUND, by={"id": refund}))["refund"]
        if told["status"] == "FAILED":
            break
        await asyncio.sleep(0.2)
    return told
