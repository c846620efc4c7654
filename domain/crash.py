"""Crash points: places where a test kills the process, to see that nothing is lost or done twice.

Always compiled in, and a comparison of two strings unless ESTORNO_CRASH=name:n is set: then the process kills itself,
without a word, as it passes the point for the n-th time.
"""

import os
import signal
from collections.abc import Mapping
from typing import Final

VARIABLE: Final = "ESTORNO_CRASH"
POINTS: Final[Mapping[str, str]] = {
    "request.claimed": "the idempotency key is claimed, nothing is reserved yet",
    "request.before_commit": "the refund is inserted and not committed",
    "request.committed": "the refund is committed, nobody was rung for",
    "request.rung": "the worker was rung for, the client has no answer",
    "take.before_commit": "the attempt is opened and not committed",
    "take.committed": "the attempt is marked, nothing was sent",
    "send.before": "the request is written down and about to leave",
    "send.after": "the PSE has answered, the answer is not written down",
    "record.before": "the answer is written down and not recorded",
    "record.before_commit": "the state is moved and not committed",
    "record.committed": "the state is committed, nobody was woken",
    "notice.verified": "the webhook is authentic and not stored",
    "notice.stored": "the webhook is stored, nobody was rung for and the PSE has no answer",
    "notice.rung": "the worker was rung for, the PSE has no answer",
    "notice.taken": "the webhook is claimed and not applied",
    "notice.applied": "the webhook is applied and not marked as done",
    "notice.done": "the webhook is done",
    "reconcile.begun": "the run is marked as running",
    "reconcile.fetched": "the report is fetched and not read",
    "reconcile.entered": "what the books did not know is entered, the lines are not stored",
    "reconcile.before_commit": "the lines and their entry are written and not committed",
    "reconcile.committed": "the report is stored, the run is not completed",
    "reconcile.completed": "the run is completed",
    "seal.before_commit": "events are sealed and not committed",
}


def _armed() -> tuple[str, int]:
    name, _, passes = os.environ.get(VARIABLE, "").partition(":")
    if name and (name not in POINTS or not (passes or "1").isdigit()):
        raise SystemExit(f"{VARIABLE} takes NAME:N with one of {', '.join(POINTS)}, not {name!r}.")
    return name, int(passes or 1)


_name, _left = _armed()


def crash_here(name: str) -> None:
    """Die here, if this is the point and its turn has come."""
    if name == _name:
        _pass()


def _pass() -> None:
    global _left
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
