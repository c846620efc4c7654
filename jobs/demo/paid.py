"""A Pix that was paid for an order on the demo day, and the refund of it that somebody else begins."""

import asyncio
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from domain.access.tokens import Role
from jobs.demo import second_person
from jobs.demo.client import REGISTER
from jobs.demo.course import Day
from jobs.demo.opening import KEYS

STATUS: Final = "query Status($by: RefundBy!) { refund(by: $by) { status reference amount { display } } }"
_TRIES: Final = 300
_EVERY_SECONDS: Final = 0.2


async def order(day: Day, name: str, minor_units: int) -> None:
    """The customer has paid it, and the merchant's own system has registered the payment."""
    at = datetime.now(UTC).isoformat()
    wanted = {"amount": minor_units, "key": KEYS[0], "method": "PIX", "currency": "BRL", "captured_at": at, "moods": []}
    reference = (await day.sandbox("payments", {"payments": [wanted]}))["payments"][0]
    given = {
        "connectionId": str(day.stage.connection.id),
        "storeCode": "sp",
        "pseReference": reference,
        "orderReference": name,
        "method": "PIX",
        "amount": {"minorUnits": str(minor_units), "currency": "BRL"},
        "capturedAt": at,
        "idempotencyKey": str(uuid4()),
    }
    made = (await day.client(Role.FRONTEND).ask(REGISTER, input=given))["paymentRegister"]
    day.expect(made["payment"] is not None, f"order {name} is paid by Pix")


async def succeeded(day: Day, refund: str) -> dict[str, Any]:
    """The refund when it is paid, or as it is when time is up; where it waits for a second person, one says yes."""
    client = day.client(Role.FRONTEND)
    found: dict[str, Any] = {}
    for _ in range(_TRIES):
        found = (await client.ask(STATUS, by={"id": refund}))["refund"]
        if found["status"] == "SUCCEEDED":
            break
        if found["status"] == "AWAITING_APPROVAL":
            await second_person.say_yes(day, refund)
        await asyncio.sleep(_EVERY_SECONDS)
    return found
