"""Storms from one side, with the rates on: each is answered 429 with the seconds to wait, and nobody else notices.

Each comes from an address of its own, as the counts go by address too. Where the system has no other than 127.0.0.1
(macOS, say) they are skipped, and say so.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import fields
from typing import Final
from uuid import uuid4

import httpx

from domain.platform.settings import Settings
from tests.trials.attack.attacks import Answer, Attack, bindable, foul
from tests.trials.attack.stage import Target

_AT_ONCE: Final = 50
_QUERY: Final = b'{"query": "{ viewer { holder } }"}'
_JSON: Final = {"content-type": "application/json"}
Ask = Callable[[httpx.AsyncClient, Target], Awaitable[httpx.Response]]


def rates(part: int = 1) -> dict[str, int]:
    """The rates that hold by default, or so small a part of them, at least ten."""
    defaults = {one.name: one.default for one in fields(Settings) if one.name.startswith("rate_")}
    return {name: max(10, int(str(value)) // part) for name, value in defaults.items()}


async def _by_token(http: httpx.AsyncClient, target: Target) -> httpx.Response:
    headers = {**_JSON, "authorization": f"Bearer {target.token}"}
    return await http.post(f"{target.url}/graphql", content=_QUERY, headers=headers)


async def _by_nobody(http: httpx.AsyncClient, target: Target) -> httpx.Response:
    headers = {**_JSON, "authorization": f"Bearer est_{uuid4().hex}"}  # each time another: only the address stays
    return await http.post(f"{target.url}/graphql", content=_QUERY, headers=headers)


async def _at_a_link(http: httpx.AsyncClient, target: Target) -> httpx.Response:
    return await http.get(f"{target.url}/refund-destination/a-link-that-is-tried")


async def _at_another_link(_: httpx.AsyncClient, target: Target) -> httpx.Response:
    return await target.http.get(f"{target.url}/refund-destination/{uuid4().hex}")


async def _at_a_webhook(http: httpx.AsyncClient, target: Target) -> httpx.Response:
    return await http.post(f"{target.url}/webhooks/{target.shop.connection.id}/pix", content=b"{}")


async def _of_another_merchant(_: httpx.AsyncClient, target: Target) -> httpx.Response:
    return await target.post(_QUERY, target.bystander)


async def _of_the_pse(_: httpx.AsyncClient, target: Target) -> httpx.Response:
    return await _at_a_webhook(target.http, target)


def _storm(address: str, rate: int, ask: Ask, beside: Ask) -> Callable[[Target, int], Awaitable[Answer]]:
    """So many requests at a rate; `beside` is what somebody else asks in their midst, and must be let in."""

    async def send(target: Target, size: int) -> Answer:
        if not bindable(address):
            return Answer(f"skipped, no {address}", 0)
        limits = httpx.Limits(max_connections=_AT_ONCE)
        transport = httpx.AsyncHTTPTransport(local_address=address, limits=limits)
        begun = time.monotonic()
        async with httpx.AsyncClient(transport=transport, timeout=60) as http:
            answers, others = await _all(http, target, size, ask, beside)
        let_in = sum(answer.status_code != 429 for answer in answers)
        filled = rate * (time.monotonic() - begun) / 60
        bad = next((reason for answer in answers if (reason := _wrong(answer))), "")
        if let_in > rate + filled + 1:
            bad = bad or f"let {let_in} in"
        if any(answer.status_code in (429, 503) for answer in others):
            bad = bad or "others are not served"
        return Answer(str(max(answer.status_code for answer in answers)), size * 300, bad)

    return send


async def _all(
    http: httpx.AsyncClient, target: Target, size: int, ask: Ask, beside: Ask
) -> tuple[list[httpx.Response], list[httpx.Response]]:
    answers: list[httpx.Response] = []
    others: list[httpx.Response] = []

    async def one_after_another() -> None:
        while len(answers) + _AT_ONCE <= size:
            answers.append(await ask(http, target))

    async def meanwhile() -> None:
        while len(others) < 10 and len(answers) + _AT_ONCE <= size:
            others.append(await beside(http, target))
            await asyncio.sleep(0.1)
        others.append(await beside(http, target))

    await asyncio.gather(meanwhile(), *(one_after_another() for _ in range(_AT_ONCE)))
    return answers, others


def _wrong(answer: httpx.Response) -> str:
    """Why this is no answer to a storm; empty: all is well."""
    if answer.status_code == 429:
        waits = answer.headers.get("retry-after", "")
        typed = "RATE_LIMITED" in answer.text or "<html" in answer.text
        return "" if typed and waits.isdigit() and 0 < int(waits) <= 60 else "a refusal that does not say how long"
    return foul(answer.status_code, answer.text)


def storms(part: int = 1) -> list[Attack]:
    """Each a third more than its rate (see `rates`) lets through."""
    by = rates(part)
    made = {
        "a storm by one token": (by["rate_per_token"], _by_token, _of_another_merchant),
        "a storm by no token": (by["rate_per_address"], _by_nobody, _of_another_merchant),
        "a storm at one customer's page": (by["rate_per_link"], _at_a_link, _at_another_link),
        "a storm at one webhook path": (by["rate_per_webhook"], _at_a_webhook, _of_the_pse),
    }
    return [
        Attack(name, size, _storm(f"127.0.0.{number}", rate, ask, beside), "429|skipped", worth=2 * size, rated=True)
        for number, (name, (rate, ask, beside)) in enumerate(made.items(), 2)
        for size in [rate * 4 // 3 + _AT_ONCE + 10]
    ]
