"""What every PSE of the sandbox has: books, moods for what goes wrong, webhooks that go astray, a list of what came in.

A PSE is a subclass that speaks its wire: it reads requests, writes answers, signs webhooks, prints reports.

Moods of a refund request, used up one by one: ok, pending (paid after `seconds`, or by /settle), refused (by the PSE),
returned (paid, and back after `seconds`), lost_request, late_request (arrives after `seconds`), lost_answer,
half_response, applied_then_500, slow, hang, rate_limited, unavailable, bad_gateway (502 with an HTML page),
look_up_lag (`seconds`); at Mercado Pago in_process_400 (400, although the order is in process), inner_400 (201, and
inside it a 400: nothing was done). Moods of the webhook that tells of a payment's refund: ok, missing, late
(`seconds`), duplicate (`times`), reordered (held until the next one has gone).
"""

import asyncio
import hashlib
import ssl
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import httpx
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute

from tests.sandbox.books import Books, Payment, Refund, signed
from tests.sandbox.wire import dropped, half

MOODS = frozenset(
    [
        "ok",
        "pending",
        "refused",
        "returned",
        "lost_request",
        "late_request",
        "lost_answer",
        "half_response",
        "applied_then_500",
        "slow",
        "hang",
        "rate_limited",
        "unavailable",
        "bad_gateway",
        "look_up_lag",
        "in_process_400",
        "inner_400",
    ]
)
PAYMENT_MOODS = frozenset(["ok", "unavailable", "internal", "rate_limited", "bad_gateway", "no_route", "lost_answer"])
WEBHOOK_MOODS = frozenset(["ok", "missing", "late", "duplicate", "reordered"])
_WEBHOOK_TRIES = 5
_RETRY_AFTER_SECONDS = 1
# What a merchant's account is like; the admin API's `account` sets some of it and resets the rest. `key`: "ok",
# "refused", "no_refunds" or "no_reading" (of the account itself). `callback`: whether our address is registered.
STATES: Mapping[str, Any] = {"key": "ok", "active": True, "address": True, "callback": True, "skew_seconds": 0}
TLS = ssl.create_default_context()  # reading the authorities anew for each webhook would cost more than all else
Mood = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook as it leaves: where to, and the signed bytes."""

    url: str
    body: bytes
    headers: Mapping[str, str]


class PseServer(ABC):
    """One PSE with one merchant's account. `name` is the connector's."""

    name: ClassVar[str]

    def __init__(self, books: Books) -> None:
        self.books = books
        self.webhooks: dict[str, str] = {}  # payee key -> address
        self.webhook_times = 1
        self.next_moods: list[dict[str, Any]] = []
        self.payment_moods: list[str] = []  # of the next questions for a payment
        self.requests: list[dict[str, Any]] = []
        self.delivered: list[str] = []  # SHA-256 of each webhook body that was answered with 2xx
        self.hidden_until: dict[str, float] = {}
        self.states: dict[str, Any] = dict(STATES)
        self._held: list[Hook] = []
        self._tasks: set[asyncio.Task[None]] = set()

    # What a wire must say

    @abstractmethod
    def routes(self) -> list[BaseRoute]: ...

    @abstractmethod
    def new_payment(self, wanted: Mapping[str, Any], captured_at: datetime) -> Payment:
        """A payment in this PSE's names; `wanted` has amount and maybe key, order, method, currency, and more."""

    @abstractmethod
    def unavailable(self) -> Response:
        """Down, and nothing was done."""

    @abstractmethod
    def rate_limited(self) -> Response: ...

    @abstractmethod
    def internal(self) -> Response:
        """Failed inside, after the money was moved or not."""

    @abstractmethod
    def hooks(self, url: str, payment: Payment, refund: Refund) -> list[Hook]:
        """What the PSE tells about a refund, signed anew each time."""

    def admin(self) -> Mapping[str, Callable[[Request], Awaitable[Response]]]:
        """What the admin API can do at this PSE alone, by name."""
        return {}

    def held(self) -> tuple[Mapping[str, int], Mapping[str, int]]:
        """What the account has here after fees and payouts, and what was paid out, by currency, in minor units."""
        held: dict[str, int] = {}
        for one in self.books.log:
            held[one.currency] = held.get(one.currency, 0) + signed(one)
        return held, {}

    # What every PSE does

    def registered(self) -> list[str]:
        """The addresses that are registered for webhooks."""
        return sorted(set(self.webhooks.values())) if self.states["callback"] else []

    def note(self, method: str, payment: str, refund: str | None, raw: bytes = b"") -> None:
        """Remember a refund request (not GET) or a look-up (GET) as it came in."""
        self.requests.append({"method": method, "payment": payment, "refund": refund, "body": raw.decode("latin-1")})

    def payment_of(self, reference: str) -> Payment | None:
        """The payment, if it is one of this very account."""
        payment = self.books.payments.get(reference)
        return None if payment is None or payment.facts.get("elsewhere") else payment

    def trouble(self) -> Response | None:
        """What a question for a payment meets instead of its answer, by the next of `payment_moods`."""
        mood = self.payment_moods.pop(0) if self.payment_moods else "ok"
        match mood:
            case "unavailable":
                return self.unavailable()
            case "internal":
                return self.internal()
            case "rate_limited":
                return self.rate_limited()
            case "bad_gateway":
                return HTMLResponse("<html><body><h1>502 Bad Gateway</h1></body></html>", 502)
            case "no_route":  # a gateway before the PSE
                return JSONResponse({"message": "no Route matched with those values"}, 404)
            case "lost_answer":
                return dropped()
        return None

    def mood_of(self, payment: Payment | None) -> dict[str, Any]:
        for waiting in (self.next_moods, payment.moods if payment else []):
            if waiting:
                return waiting.pop(0)
        return {"name": "ok"}

    async def by_mood(self, mood: Mood, apply: Callable[[], Response]) -> Response:
        """Answer a refund request. `apply` reads it, moves the money and gives the wire's answer, once."""
        name, seconds = mood["name"], float(mood.get("seconds", 0))
        match name:
            case "unavailable":
                return self.unavailable()
            case "bad_gateway":
                return HTMLResponse("<html><body><h1>502 Bad Gateway</h1></body></html>", 502)
            case "rate_limited":
                answer = self.rate_limited()
                answer.headers["retry-after"] = str(_RETRY_AFTER_SECONDS)
                return answer
            case "lost_request":
                return dropped()
            case "late_request":
                self.later(seconds, apply)
                return dropped()
            case "slow":
                await asyncio.sleep(seconds)
        answer = apply()
        match name:
            case "lost_answer":
                return dropped()
            case "half_response":
                return half(answer)
            case "applied_then_500":
                return self.internal()
            case "hang":
                await asyncio.sleep(seconds or 60)
                return dropped()
        return answer

    def play(self, mood: Mood, payment: Payment, refund: Refund) -> None:
        """Move the money of an accepted refund as the mood says, and tell."""
        seconds = mood.get("seconds")
        match mood["name"]:
            case "refused":
                self.books.refuse(refund, "Refused by the PSE.")
            case "pending":
                if seconds is not None:
                    self.later(float(seconds), lambda: self.settle(payment, refund))
            case _:
                self.books.settle(payment, refund)
        if mood["name"] == "look_up_lag":
            self.hidden_until[refund.id] = time.monotonic() + float(mood.get("seconds", 1))
        if mood["name"] == "returned":
            self.later(float(seconds or 0), lambda: self.give_back(payment, refund))
        if refund.status != "PENDING":
            self.notify(payment, refund)

    def hidden(self, refund: Refund) -> bool:
        """Whether the look-up does not know it yet."""
        return self.hidden_until.get(refund.id, 0) > time.monotonic()

    def settle(self, payment: Payment, refund: Refund) -> None:
        if refund.status == "PENDING":
            self.books.settle(payment, refund)
            self.notify(payment, refund)

    def refuse(self, payment: Payment, refund: Refund) -> None:
        self.books.refuse(refund, "Refused by the payer's bank.")
        self.notify(payment, refund)

    def give_back(self, payment: Payment, refund: Refund) -> None:
        self.books.give_back(payment, refund)
        self.notify(payment, refund)

    def notify(self, payment: Payment, refund: Refund) -> None:
        """Tell the merchant, as the next webhook mood of the payment has it."""
        url = self.webhooks.get(payment.key)
        mood = payment.webhook_moods.pop(0) if payment.webhook_moods else {"name": "ok"}
        if url is None or mood["name"] == "missing" or self.webhook_times == 0:
            return
        times = int(mood.get("times", 2)) if mood["name"] == "duplicate" else self.webhook_times
        made = [hook for _ in range(times) for hook in self.hooks(url, payment, refund)]
        if mood["name"] == "reordered":
            self._held += made
            return
        held, self._held = self._held, []
        for hook in (*made, *held):
            self.spawn(self.deliver(hook, float(mood.get("seconds", 0)) if mood["name"] == "late" else 0))

    def later(self, seconds: float, what: Callable[[], object]) -> None:
        async def wait() -> None:
            await asyncio.sleep(seconds)
            what()

        self.spawn(wait())

    def spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def deliver(self, hook: Hook, seconds: float = 0) -> None:
        """Post a webhook after so many seconds, a few times until it is taken."""
        await asyncio.sleep(seconds)
        async with httpx.AsyncClient(timeout=10, verify=TLS) as client:
            for attempt in range(_WEBHOOK_TRIES):
                try:
                    if (await client.post(hook.url, content=hook.body, headers=dict(hook.headers))).status_code < 300:
                        self.delivered.append(hashlib.sha256(hook.body).hexdigest())
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.5 * 2**attempt)
