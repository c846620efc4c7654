"""What a PSE, a report or a person says of a refund, and how it came: what the one door takes and gives."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from domain.models.refunds import State
from domain.pse.vocabulary import InDoubt, Outcome, Shown, Standing

_NAME_LENGTH_MAX: Final = 100


class Door(StrEnum):
    """How the news came."""

    ANSWER = "ANSWER"
    LOOK_UP = "LOOK_UP"
    PAYMENT = "PAYMENT"  # the PSE was asked for the payment, before anything of it was sent
    NOTICE = "NOTICE"
    REPORT = "REPORT"
    PERSON = "PERSON"


@dataclass(frozen=True, slots=True)
class Source:
    """Where the news comes from. `attempt` fences answers and look-ups; `asked_at` (database clock) fences look-ups."""

    door: Door
    attempt: int | None = None
    asked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """The state afterwards, and in how many seconds the refund wants to be looked at (None: not by itself).

    `taken`: how much the bank has taken of the payment (minor units), where the payment was locked on the way.
    """

    state: State
    due_in: float | None
    stale: bool = False
    taken: int | None = None


def storable(outcome: Outcome) -> Outcome:
    """The outcome in words that the database can hold. A name that it cannot hold is no name: a person must look."""
    name = getattr(outcome, "pse_refund_reference", None)
    if name is not None and not (0 < len(name) <= _NAME_LENGTH_MAX and name == _clean(name)):
        return InDoubt(
            "UNREADABLE", f"The PSE gives the refund a name that cannot be: {_clean(name)[:100]!r}.", needs_person=True
        )
    code, message = words_of(outcome)
    words: dict[str, Any] = {
        name: _clean(word) for name, word in (("code", code), ("message", message)) if word is not None
    }
    return replace(outcome, **words)


def storable_standing(standing: Standing) -> Standing:
    """What a PSE says of a payment, in words that the database can hold."""
    if isinstance(standing, Shown):
        return replace(
            standing,
            names=frozenset(map(_clean, standing.names)),
            status=_clean(standing.status),
            method_said=_clean(standing.method_said),
            account=None if standing.account is None else _clean(standing.account),
            payee_key=None if standing.payee_key is None else _clean(standing.payee_key),
        )
    return replace(standing, code=_clean(standing.code), message=_clean(standing.message))


def _clean(text: str) -> str:
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def words_of(outcome: Outcome) -> tuple[str | None, str | None]:
    """Its code and its message, where it has them."""
    code: Any = getattr(outcome, "code", None)
    message: Any = getattr(outcome, "message", None)
    return code, message
