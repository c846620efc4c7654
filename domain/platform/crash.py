"""Crash points: places where a test kills the process, to see that nothing is lost or done twice.

Always compiled in, and a comparison of two strings unless ESTORNO_CRASH=NAME:N is set: then the process kills itself,
without a word, as it passes the point for the N-th time.
"""

import asyncio
import os
import signal
from collections.abc import Coroutine, Mapping
from typing import Any, Final, TypeVar

T = TypeVar("T")

_IN_FLIGHT_SECONDS: Final = 0.002
VARIABLE: Final = "ESTORNO_CRASH"
POINTS: Final[Mapping[str, str]] = {
    "request.seen": "the key and the payment are looked at, nothing is written",
    "request.writing": "the statement that writes it all has left for the database, there is no answer",
    "request.claimed": "the idempotency key is claimed, nothing is reserved yet",
    "request.before_commit": "the refund is inserted and not committed",
    "request.committed": "the refund is committed, nobody was rung for",
    "request.rung": "the worker was rung for, the client has no answer",
    "take.seen": "the refund is looked at, nothing is locked or marked",
    "take.writing": "the statement that opens the attempt has left for the database, there is no answer",
    "take.claimed": "the refund is locked, nothing is marked",
    "take.before_commit": "the attempt is opened and not committed",
    "take.committed": "the attempt is marked, nothing was sent",
    "payment.committed": "the refund is claimed, the PSE was not asked whether there is such a payment",
    "payment.asked": "the PSE has said whether there is such a payment, nothing of it is written down",
    "snapshot.committed": "the refund is claimed, the PSE was not asked what it has already",
    "snapshot.kept": "what the PSE has already is written down, the order was not sent",
    "resend.before_commit": "the attempt with the same key is opened and not committed",
    "ask.before_commit": "the look-up is marked and not committed",
    "ask.committed": "the look-up is marked, the PSE was not asked",
    "send.before": "the request is written down and about to leave",
    "send.left": "the request has left, there is no answer",
    "send.after": "the PSE has answered, the answer is not written down",
    "record.before": "the answer is written down and not recorded",
    "record.before_commit": "the state is moved and not committed",
    "record.committed": "the state is committed, nobody was woken",
    "record.woken": "the readers were woken, the worker was not rung for again",
    "record.rung": "the step is over",
    "notice.verified": "the webhook is authentic and not stored",
    "notice.stored": "the webhook is stored, nobody was rung for and the PSE has no answer",
    "notice.rung": "the worker was rung for, the PSE has no answer",
    "notice.taken": "the webhook is claimed and not applied",
    "notice.applied": "the webhook is applied and not marked as done",
    "notice.done": "the webhook is done",
    "notice.waits": "the webhook cannot be applied yet and is put off",
    "reconcile.begun": "the run is marked as running",
    "reconcile.imported": "the date's captures are registered, the report is not fetched",
    "reconcile.fetched": "the report is fetched and not read",
    "reconcile.entered": "what the books did not know is entered, the lines are not stored",
    "reconcile.before_commit": "the lines and their entry are written and not committed",
    "reconcile.committed": "the report is stored, the run is not completed",
    "reconcile.before_completed": "the run is completed and not committed",
    "reconcile.completed": "the run is completed",
    "deliveries.before_commit": "deliveries of a page of the history are made and not committed",
    "deliveries.made": "they are made, nothing was sent",
    "delivery.claimed": "a delivery's try is marked, nothing was sent",
    "delivery.answered": "the endpoint has answered, it is not written down",
    "delivery.before_commit": "what the endpoint answered is written down and not committed",
    "delivery.recorded": "what the endpoint answered is committed",
    "seal.before_commit": "events are sealed and not committed",
    "seal.committed": "events are sealed, nobody was woken",
}


def checked(value: str) -> str:
    """The value of ESTORNO_CRASH. Raises ValueError with what it takes."""
    name, _, passes = value.partition(":")
    if name not in POINTS or not (passes.isascii() and passes.isdigit() and int(passes) > 0):
        raise ValueError(f"NAME:N with N from 1 and one of {', '.join(POINTS)}")
    return value


def _armed(value: str) -> tuple[str, int]:
    try:
        name, _, passes = checked(value).partition(":")
    except ValueError:
        return "", 0  # unset, or wrong: then the settings, which every program reads first, stop its start
    return name, int(passes)


_name, _left = _armed(os.environ.get(VARIABLE, ""))


def crash_here(name: str) -> None:
    """Die here, if this is the point and its turn has come."""
    if name == _name:
        _pass()


async def crash_in_flight(name: str, statement: Coroutine[Any, Any, T]) -> T:
    """Run a statement; if this is the point, die while it is on its way to the database and back."""
    if name != _name:
        return await statement
    running = asyncio.ensure_future(statement)
    await asyncio.sleep(_IN_FLIGHT_SECONDS)
    crash_here(name)
    return await running


def _pass() -> None:
    global _left
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
