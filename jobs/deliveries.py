"""Delivering: an endpoint's rows are made from the history, and what is due on it is sent, a few at a time.

Each endpoint has a task of its own for as long as there is something to do, so that one which answers slowly, or not at
all, holds up nobody but itself. Nothing here is held in memory: whoever dies leaves rows, and they are due again.
"""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import structlog

from domain.alerts import leaving
from domain.deliveries import due, find, outbox
from domain.deliveries.answers import Answer, Later, Refused, Sent
from domain.deliveries.channels.channel import Address, Message, unpacked
from domain.deliveries.channels.registry import CHANNELS
from domain.deliveries.due import Answered, ClaimedTry
from domain.deliveries.opened import address_of
from domain.deliveries.schedule import AT_ONCE
from domain.models import Endpoint
from domain.models.deliveries import EndpointKind
from domain.platform import bell, metrics, traces
from domain.platform.crash import crash_here
from domain.platform.database import door, for_all, for_merchant
from domain.platform.secrets import Unsealable
from domain.platform.settings import Settings
from domain.platform.wrapping import KeyServiceAway
from jobs.wire import mail
from jobs.wire.abroad import Abroad, NotReplied, secrets_of, without, words_of

_END_SECONDS: Final = 5.0
_TURN_SECONDS: Final = 20.0  # then the next one of the endpoint rings anew
_PACE_SECONDS_MAX: Final = 2.0  # a longer wait for the endpoint's pace is left to the next ring
_UNOPENED_SECONDS: Final = 300.0
_ENDPOINTS_MAX: Final = 200  # at once in one process
_RUNG_MAX: Final = 500
_AT_THE_DATABASE: Final = 4
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Tools:
    """What sending needs. `turns`: how many of a process ask the database at once, so that refunds find it free."""

    abroad: Abroad
    secret_key: bytes = field(repr=False)
    settings: Settings | None = None  # of the relay that mail goes to
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_THE_DATABASE))


class Deliverer:
    """The deliveries of a process: of each endpoint one task at most."""

    def __init__(self, settings: Settings) -> None:
        self._tools = Tools(Abroad(), settings.secret_key, settings)
        self._tasks: dict[UUID, asyncio.Task[None]] = {}

    def begin(self, endpoint_id: UUID) -> None:
        """Have an endpoint looked after. One that is, or for which there is no room now, is rung for again."""
        if endpoint_id in self._tasks or len(self._tasks) >= _ENDPOINTS_MAX:
            return
        task = asyncio.create_task(self._bounded(endpoint_id))
        self._tasks[endpoint_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(endpoint_id, None))

    async def close(self) -> None:
        """Wait a little for tries that are under way: an answer that nobody writes down is asked for again."""
        tasks = tuple(self._tasks.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_END_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self._tools.abroad.close()

    async def _bounded(self, endpoint_id: UUID) -> None:
        try:
            await deliver(endpoint_id, self._tools)
        except Exception:
            _log.exception("deliveries.failed", endpoint=str(endpoint_id))


@door
async def deliver(endpoint_id: UUID, tools: Tools) -> None:
    """Make what lies beyond its position and send what is due, until there is nothing or its turn is over."""
    with for_all("an endpoint is looked up by its id"):
        endpoint = await Endpoint.get_or_none(id=endpoint_id)
    if endpoint is None:
        return
    until = time.monotonic() + _TURN_SECONDS
    with for_merchant(endpoint.merchant_id):
        while await _made(endpoint_id, tools) == outbox.PAGE_ROWS and time.monotonic() < until:
            pass
        await asyncio.gather(*(_lane(endpoint_id, tools, until) for _ in range(AT_ONCE)))


async def _made(endpoint_id: UUID, tools: Tools) -> int:
    async with tools.turns:
        return await outbox.make(endpoint_id)


async def _lane(endpoint_id: UUID, tools: Tools, until: float) -> None:
    """One try behind another."""
    while time.monotonic() < until:
        async with tools.turns:
            found = await due.claim(endpoint_id)
        if isinstance(found, ClaimedTry):
            await _try(found, tools)
        elif found is not None and found <= _PACE_SECONDS_MAX:
            await asyncio.sleep(found)
        else:
            return


async def _try(claimed: ClaimedTry, tools: Tools) -> None:
    request_id = await find.request_of(claimed.delivery) if traces.is_on() else ""
    about: dict[str, str | int] = {
        "estorno.merchant.id": str(claimed.endpoint.merchant_id),
        "estorno.attempt": claimed.delivery.number,
        "estorno.channel": claimed.endpoint.kind.value,
        "estorno.news": claimed.delivery.type,
    }
    # No address: of many channels it is the password.
    with traces.span("send delivery", request_id, about, is_call=True) as noted:
        came = await _tried(claimed, tools)
        noted.attributes["estorno.outcome"] = type(came.answer).__name__.lower()


async def _tried(claimed: ClaimedTry, tools: Tools) -> Answered:
    began = time.monotonic()
    came = await _answered(claimed, tools)
    crash_here("delivery.answered")
    took = int((time.monotonic() - began) * 1000)
    async with tools.turns:
        await due.record(claimed, Answered(came.answer, came.status, came.body, took))
    metrics.DELIVERIES.labels(claimed.endpoint.kind.value, type(came.answer).__name__.lower()).inc()
    _log.info(
        "delivery.tried",
        delivery=claimed.delivery.id,
        endpoint=str(claimed.endpoint.id),
        type=claimed.delivery.type,
        outcome=type(came.answer).__name__,
        status=came.status,
        milliseconds=took,
    )
    return came


async def _answered(claimed: ClaimedTry, tools: Tools) -> Answered:
    """What came of it, whatever went wrong: what is not written down would be tried for ever."""
    try:
        return await _said(claimed, tools)
    except Exception as error:  # its text may quote an address
        _log.error("deliveries.unsent", delivery=claimed.delivery.id, error=type(error).__name__)
        return Answered(Later(0, f"It could not be sent: {type(error).__name__}."))


async def _said(claimed: ClaimedTry, tools: Tools) -> Answered:
    endpoint, body = claimed.endpoint, claimed.delivery.body
    if body is None:
        return Answered(Refused("Its body was taken away by retention."))
    try:
        address = await address_of(endpoint, tools.secret_key)
    except (Unsealable, KeyServiceAway):
        return Answered(Later(_UNOPENED_SECONDS, "The endpoint's secrets cannot be opened here; its operator is told."))
    message = unpacked(bytes(body))
    if endpoint.kind is EndpointKind.EMAIL:
        leave = leaving.link(endpoint, message, tools.settings) if tools.settings else None
        return Answered(await mail.deliver(message, address, tools.settings, leave))
    return await _sent(endpoint, address, message, tools.abroad)


async def _sent(endpoint: Endpoint, address: Address, message: Message, abroad: Abroad) -> Answered:
    channel = CHANNELS.get(endpoint.kind)
    if channel is None:
        return Answered(Later(_UNOPENED_SECONDS, f"Nothing speaks to {endpoint.kind} here."))
    try:
        request = channel.request(address, message, datetime.now(UTC))
    except ValueError as error:
        return Answered(Refused(str(error)))
    hidden = (*address.secrets, *words_of(address.url), *address.options.values(), *secrets_of(request))
    reply = await abroad.send(endpoint.merchant_id, request, hidden)
    if isinstance(reply, NotReplied):
        return Answered(Later(0, reply.reason))
    answer = channel.read(reply.response)
    return Answered(_without(answer, hidden), reply.response.status_code, reply.body)


def _without(answer: Answer, hidden: Iterable[str]) -> Answer:
    """A channel's words may quote what it was sent."""
    if isinstance(answer, Sent):
        return replace(answer, detail=without(answer.detail, hidden))
    return replace(answer, reason=without(answer.reason, hidden))


@for_all("endpoints of all are looked at for what is due")
async def ring() -> int:
    """Ring for each endpoint that has something to do; how many."""
    found = await outbox.busy(_RUNG_MAX)
    for endpoint_id in found:
        await bell.ring(bell.DELIVER, endpoint_id, once_in=1.0)
    return len(found)
