"""Asking a PSE about an account: each question is sent once, and what came of it is told to the connector as it is."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final, Generic, TypeVar

import httpx

from domain.connections.calls import About
from domain.models import Connection
from domain.pse.checking import Asking
from jobs.wire.sender import Sender

T = TypeVar("T")
_QUESTIONS_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class AskResult(Generic[T]):
    """What came of it. `clocks`: of each answer with a date, how many seconds the PSE's clock is before ours at least.

    Negative: behind ours. A date has whole seconds and an answer takes a while, so what may be either is no difference.
    """

    result: T
    clocks: Sequence[float] = field(default_factory=list)


async def ask(asking: Asking[T], connection: Connection, about: About, sender: Sender) -> AskResult[T]:
    """Run the questions to their end. Raises nothing that a network or a PSE can do."""
    clocks: list[float] = []
    try:
        question = next(asking)
        for _ in range(_QUESTIONS_MAX):
            sent_at = time.time()
            answer = await sender.send(connection, question, about)
            if isinstance(answer, httpx.Response) and (off := _off(answer, sent_at, time.time())) is not None:
                clocks.append(off)
            question = asking.send(answer)
    except StopIteration as done:
        return AskResult(done.value, clocks)
    raise AssertionError(f"The questions to {connection.pse} have no end.")


def _off(answer: httpx.Response, sent_at: float, heard_at: float) -> float | None:
    try:
        told = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except (ValueError, TypeError):
        return None
    if told > heard_at:
        return told - heard_at
    return min(0.0, told + 1 - sent_at)
