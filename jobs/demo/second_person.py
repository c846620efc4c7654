"""A second person on the demo day: a large refund needs one; so does one whose payment nobody can be asked about."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from domain.access.tokens import Role
from jobs.demo.client import REGISTER
from jobs.demo.course import Day
from jobs.demo.opening import KEYS

_LARGE: Final = 4_000_000  # BRL 40,000.00: above the default amount
_TRIES: Final = 300
NEEDS: Final = """
query Needs($by: RefundBy!) { refund(by: $by) { status destination { fingerprint }
  needs { needs { rule why } nextBy advice candidates { person } } } }"""
APPROVE: Final = """
mutation Approve($input: RefundApproveInput!) { refundApprove(input: $input) {
  refund { status } errors { ... on Error { code message } } } }"""
AWAITING: Final = "query Awaiting { refundsAwaitingMe(first: 100) { edges { node { id } } } }"


@dataclass(frozen=True, slots=True)
class Waited:
    """A refund that waited: by which rules."""

    rules: tuple[str, ...]


async def say_yes(day: Day, refund: str) -> Waited | None:
    """Where it waits for a second person, an approver says yes; None: it went alone."""
    approver = day.client(Role.APPROVER)
    told = (await approver.ask(NEEDS, by={"id": refund}))["refund"]
    if told["status"] != "AWAITING_APPROVAL":
        return None
    seen = told["destination"]["fingerprint"] if told["destination"] else None
    done = await approver.ask(APPROVE, input={"refundId": refund, "destinationFingerprint": seen})
    day.expect(not done["refundApprove"]["errors"], f"another person says yes to it ({told['needs']['nextBy'][0]})")
    return Waited(tuple(need["rule"] for need in told["needs"]["needs"]))


async def play(day: Day) -> None:
    """A refund that is large: whoever asked waits, the approver finds it and says yes, and it is paid."""
    refund = await _large(day)
    approver = day.client(Role.APPROVER)
    waiting = [edge["node"]["id"] for edge in (await approver.ask(AWAITING))["refundsAwaitingMe"]["edges"]]
    day.expect(refund in waiting, "a refund of BRL 40,000.00 waits for a second person, who finds it")
    own = await day.client(Role.ADMIN).ask(NEEDS, by={"id": refund})
    day.console.print(f"  Why it waits: {own['refund']['needs']['needs'][0]['why']}")
    waited = await say_yes(day, refund)
    day.expect(waited is not None and "LARGE_AMOUNT" in waited.rules, "the amount is why it waited")
    for _ in range(_TRIES):
        told: dict[str, Any] = (await approver.ask(NEEDS, by={"id": refund}))["refund"]
        if told["status"] == "SUCCEEDED":
            break
        await asyncio.sleep(0.2)
    day.expect(told["status"] == "SUCCEEDED", "and then it is paid")


async def _large(day: Day) -> str:
    """A large Pix that was received, and the refund that somebody asks for."""
    at = datetime.now(UTC).isoformat()
    wanted = {"amount": _LARGE, "key": KEYS[0], "method": "PIX", "currency": "BRL", "captured_at": at, "moods": []}
    reference = (await day.sandbox("payments", {"payments": [wanted]}))["payments"][0]
    client = day.client(Role.FRONTEND)
    money = {"minorUnits": str(_LARGE), "currency": "BRL"}
    registered = await client.ask(
        REGISTER,
        input={
            "connectionId": str(day.stage.connection.id),
            "storeCode": "sp",
            "pseReference": reference,
            "method": "PIX",
            "amount": money,
            "capturedAt": at,
            "idempotencyKey": str(uuid4()),
        },
    )
    told = await client.refund(registered["paymentRegister"]["payment"]["id"], _LARGE)
    refund: str = told["refund"]["id"]
    return refund
