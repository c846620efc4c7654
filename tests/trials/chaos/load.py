"""Clients of the public API as a careful frontend writes them: the same idempotencyKey until there is an answer.

Each asks for a refund and looks at it until it rests or patience ends, then asks for the next one: what is under way
stays bounded, however slow the machine is.
"""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

from domain.refunds.states import SETTLED_FOR_NOW
from tests.trials.chaos.stage import Stage

CREATE = """mutation ($input: RefundCreateInput!) { refundCreate(input: $input) {
  refund { id status } replayed errors { __typename ... on Error { code } } } }"""
LOOK = "query ($id: ID!) { refund(by: {id: $id}) { status } }"
_ANSWER_SECONDS_MAX = 10
_PATIENCE_SECONDS = 8
_REFUSED = frozenset({"AMOUNT_EXCEEDS_REFUNDABLE"})


@dataclass(slots=True)
class Seen:
    """What the clients saw. `violations`: answers that must never be given."""

    accepted: dict[str, str] = field(default_factory=dict)  # idempotencyKey -> the refund's GraphQL ID
    refused: dict[str, str] = field(default_factory=dict)  # idempotencyKey -> the typed error's code
    asked_again: set[str] = field(default_factory=set)
    looks: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)


class Load:
    """`clients` at once. They begin nothing new after `stop`, and end when every question has its answer."""

    def __init__(self, stage: Stage, dice: random.Random, clients: int, pause_seconds: float) -> None:
        self.seen = Seen()
        self._stage = stage
        self._dice = dice
        self._pause_seconds = pause_seconds
        self._stopping = asyncio.Event()
        self._clients = [asyncio.create_task(self._client(number)) for number in range(clients)]

    def stop(self) -> None:
        self._stopping.set()

    @property
    def busy(self) -> int:
        return sum(not client.done() for client in self._clients)

    async def end(self) -> None:
        """Give up whoever still waits for an answer. Raises what a client raised."""
        self.stop()
        for client in self._clients:
            if not client.done():
                client.cancel()
        for ended in await asyncio.gather(*self._clients, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended

    async def _client(self, number: int) -> None:
        headers = {"Authorization": f"Bearer {self._stage.token}"}
        async with httpx.AsyncClient(headers=headers, timeout=_ANSWER_SECONDS_MAX) as http:
            turn = 0
            while not self._stopping.is_set():
                turn += 1
                key = f"chaos-client-{number}-{turn:06}"
                await self._refund(http, key)
                lost_patience = time.monotonic() + _PATIENCE_SECONDS
                while not self._stopping.is_set() and not await self._at_rest(http, key):
                    await self._pause()
                    if time.monotonic() > lost_patience:
                        break

    async def _pause(self) -> None:
        await asyncio.sleep(self._dice.uniform(0.5, 1.5) * self._pause_seconds)

    async def _refund(self, http: httpx.AsyncClient, key: str) -> None:
        wanted = {
            "paymentId": self._dice.choice(self._stage.payments),
            "amount": {"minorUnits": str(self._dice.randint(1_000, 6_000)), "currency": "BRL"},
            "reason": "CUSTOMER_REQUEST",
            "idempotencyKey": key,
        }
        while (told := await self._ask(http, key, CREATE, {"input": wanted})) is None:
            self.seen.asked_again.add(key)
            await self._pause()
        payload = told["refundCreate"]
        if payload["errors"]:
            self._refuse(key, payload["errors"][0]["code"])
        else:
            self.seen.accepted[key] = payload["refund"]["id"]

    async def _at_rest(self, http: httpx.AsyncClient, key: str) -> bool:
        refund = self.seen.accepted.get(key)
        if refund is None:
            return True
        told = await self._ask(http, key, LOOK, {"id": refund})
        if told is None:
            return False
        self.seen.looks += 1
        if told["refund"] is None:
            self.seen.violations.append(f"{key}: was told of {refund}, which is not there")
            return True
        return told["refund"]["status"] in SETTLED_FOR_NOW

    async def _ask(
        self, http: httpx.AsyncClient, key: str, query: str, variables: dict[str, Any]
    ) -> dict[str, Any] | None:
        """The data; None when there was no answer, or one that says to come back."""
        body = {"query": query, "variables": variables}
        try:
            answer = await http.post(f"{self._stage.api_url}/graphql", json=body)
        except httpx.HTTPError as error:
            self.seen.errors[type(error).__name__] += 1
            return None
        told = answer.json()
        if "errors" in told:
            self._judge(key, answer.status_code, told)
            return None
        data: dict[str, Any] = told["data"]
        return data

    def _judge(self, key: str, status: int, told: dict[str, Any]) -> None:
        codes = {error.get("extensions", {}).get("code") for error in told["errors"]}
        self.seen.errors[f"{status} {'/'.join(sorted(map(str, codes)))}"] += 1
        if status != 503 or codes != {"UNAVAILABLE"} or "data" in told:
            self.seen.violations.append(f"{key}: answered {status} {str(told)[:300]}")

    def _refuse(self, key: str, code: str) -> None:
        self.seen.refused[key] = code
        if code not in _REFUSED:
            self.seen.violations.append(f"{key}: refused with {code}")
