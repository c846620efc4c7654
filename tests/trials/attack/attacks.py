"""What an attack is, and how its cost is measured."""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import httpx

from tests.trials.attack.stage import Target

MEGABYTE: Final = 1024 * 1024
_RATIO_MAX: Final = 3.5  # twice the size: linear work is twice the cost, quadratic four times
_SEEN_SECONDS: Final = 0.5  # below this a process's clock, which ticks in hundredths, shows no ratio
_PLAIN: Final = 40  # requests: a process's clock ticks in hundredths
_MEMORY_MAX: Final = 256 * MEGABYTE
_FOUL: Final = ("INTERNAL_ERROR", "Something went wrong on our side")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: in a few words, how many bytes went out, and whether it is as it must be."""

    said: str
    sent: int
    foul: str = ""  # why this is not an answer to give


@dataclass(frozen=True, slots=True)
class Attack:
    """`send(target, size)` attacks once. It is made at half its size first, so that the growth is seen.

    `wanted`: a pattern of what must be said at full size. `worth`: how many plain requests its CPU may pay for.
    `rated`: at the API whose rates are on.
    """

    name: str
    size: int
    send: Callable[[Target, int], Awaitable[Answer]]
    wanted: str
    worth: int = 100
    rated: bool = False


@dataclass(slots=True)
class Outcome:
    """An attack's answer and cost: CPU seconds of the API at half and at full size, memory that it grew by."""

    attack: Attack
    answer: Answer
    half: float
    full: float
    grown: int
    served: bool
    plain: float = 1.0  # CPU seconds of a plain request of the same run
    priced: bool = True  # the gate is no place for a clock: beside other tests the same work takes more of it
    broken: list[str] = field(default_factory=list)

    def judged(self) -> "Outcome":
        if self.answer.foul:
            self.broken.append(self.answer.foul)
        elif not re.match(self.attack.wanted, self.answer.said):
            self.broken.append(f"must say {self.attack.wanted}")
        if self.priced and self.full > self.attack.worth * self.plain:
            self.broken.append(f"costs what {self.full / self.plain:.0f} plain requests cost")
        if self.priced and self.full > _SEEN_SECONDS and self.full > _RATIO_MAX * max(self.half, 0.02):
            self.broken.append("grows faster than its size")
        if self.grown > _MEMORY_MAX:
            self.broken.append(f"took {self.grown // MEGABYTE} MB")
        if not self.served:
            self.broken.append("others are not served")
        return self


def foul(status: int, text: str) -> str:
    """Why no client should be answered like this; empty: all is well."""
    if status == 500 or any(words in text for words in _FOUL):
        return f"answered {status} and gave itself away"
    return ""


def bindable(address: str) -> bool:
    """Whether one may come from there: Linux has all of 127.0.0.0/8, others 127.0.0.1 alone."""
    with socket.socket() as tried:
        try:
            tried.bind((address, 0))
        except OSError:
            return False
    return True


async def make(attack: Attack, target: Target, plain: float, *, once: bool = False) -> Outcome:
    """Attack at half (unless `once`, where nothing is priced) and at full size; look how the API and others fare."""
    costs = [0.0]
    memory = target.process.memory_info().rss
    for size in [attack.size] if once else [attack.size // 2, attack.size]:
        before = _cpu(target)
        try:
            answer = await attack.send(target, size)
        except (OSError, TimeoutError, httpx.HTTPError) as error:
            answer = Answer(type(error).__name__, 0, "no answer")
        served = target.process.is_running() and await _served(target)
        await _at_rest(target)  # what goes on behind an answer, or a client that has left, is this one's cost
        costs.append(_cpu(target) - before if target.process.is_running() else 0.0)
    grown = target.process.memory_info().rss - memory
    half, full = (costs[-1], costs[-1]) if once else costs[-2:]
    return Outcome(attack, answer, half, full, grown, served, plain, priced=not once).judged()


async def plain_request(target: Target) -> float:
    """CPU seconds that a plain request costs the API, at least a millisecond; the first ones warm it up."""
    for _ in range(_PLAIN):
        await target.bystander_served()
    before = _cpu(target)
    for _ in range(_PLAIN):
        await target.bystander_served()
    return max((_cpu(target) - before) / _PLAIN, 0.001)


async def _at_rest(target: Target) -> None:
    """Wait until the API does nothing, two seconds at most: there is an attack that keeps it at work for longer."""
    for _ in range(40):
        if not target.process.is_running():
            return
        before = _cpu(target)
        await asyncio.sleep(0.05)
        if not target.process.is_running() or _cpu(target) == before:
            return


async def _served(target: Target) -> bool:
    try:
        return await target.bystander_served()
    except (OSError, TimeoutError, httpx.HTTPError):
        return False


def _cpu(target: Target) -> float:
    used = target.process.cpu_times()
    return float(used.user + used.system)
