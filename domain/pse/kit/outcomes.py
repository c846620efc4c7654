"""What several PSEs' answers mean alike."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from domain.money import Money
from domain.pse.kit.unreadable import Unreadable
from domain.pse.vocabulary import (
    Accepted,
    Declined,
    InDoubt,
    KnownRefund,
    Outcome,
    RefundOrder,
    Returned,
    Succeeded,
    Unsent,
)

# Statuses about our access or our pace: the PSE refused before it looked at the order.
UNHEARD: Final = (401, 403, 429)
_Listed = TypeVar("_Listed")
_Asked = ParamSpec("_Asked")


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """An answer that holds no refund. `explained`: by the PSE's own error document; a page of HTML is somebody else's.

    `code` is the PSE's, or a word of ours where it gave none (codes.toml); `said` are its words, shortened.
    """

    code: str
    said: str
    explained: bool

    def unsent(self) -> Unsent:
        """The order never reached the PSE's books."""
        return Unsent(self.code, self.said)

    def in_doubt(self, *, refusal: bool = False, needs_person: bool = False) -> InDoubt:
        """Nobody knows; `refusal`: a "no" that a look-up must confirm."""
        return InDoubt(self.code, self.said, refusal=refusal, needs_person=needs_person)

    def refused(self, order: RefundOrder) -> Declined | InDoubt:
        """A clear "no". It is believed only on the first send: after it, an earlier send may be at the PSE."""
        return self.in_doubt(refusal=True) if order.attempt > 1 else Declined(self.code, self.said)


@dataclass(frozen=True, slots=True)
class Statuses:
    """The words that a PSE has for a refund's status, by what they mean."""

    waiting: Collection[str]
    done: Collection[str]
    failed: Collection[str]

    def outcome(
        self,
        status: object,
        reference: str | None,
        said: str,
        *,
        succeeded: bool,
        at: datetime | None = None,
        code: str | None = None,
    ) -> Accepted | Succeeded | Declined | Returned | None:
        """What the status means; None for one that the PSE does not publish.

        `said`: why, of one that failed: where it had `succeeded`, the money came back. `at`: when the money left (UTC),
        of one that is done. `code`: a finer one than the status, where the PSE has it.
        """
        if not isinstance(status, str):
            return None
        if status in self.waiting:
            return Accepted(reference, code or status)
        if status in self.done:
            return Succeeded(reference, at, code or status)
        failure = Returned if succeeded else Declined
        return failure(code or status, said, reference) if status in self.failed else None


def listed(outcome: Outcome | None, otherwise: str) -> Accepted | Succeeded | Declined:
    """The outcome of a refund in its payment's list, where one that came back is one that was not paid.

    Raises Unreadable with the words `otherwise` for any other.
    """
    if isinstance(outcome, Returned):
        return Declined(outcome.code, outcome.message, outcome.pse_refund_reference)
    if not isinstance(outcome, Accepted | Succeeded | Declined):
        raise Unreadable(otherwise)
    return outcome


def nameless(name: str, amount: Money, outcome: Outcome | None, at: datetime | None, otherwise: str) -> KnownRefund:
    """A refund in its payment's list where the PSE tells no reference but its own `name`, and one time (UTC) of it.

    Raises Unreadable as `listed`.
    """
    found = listed(outcome, otherwise)
    settled_at = at if isinstance(found, Succeeded) else None
    return KnownRefund(name, name, amount, found, requested_at=at, settled_at=settled_at)


def candidates(
    order: RefundOrder,
    listed: Sequence[_Listed],
    id_of: Callable[[_Listed], str],
    is_alike: Callable[[_Listed], bool],
) -> Sequence[_Listed]:
    """Those of a payment's refunds that can be the order's, where the PSE does not tell our reference.

    The one of its id, once that is known; else those of its amount (`is_alike`) that were not there before, nor are
    another order's.
    """
    if order.pse_refund_reference is not None:
        return [one for one in listed if id_of(one) == order.pse_refund_reference]
    new = [one for one in listed if id_of(one) not in order.not_ours]
    return [one for one in new if is_alike(one)]


def the_one(
    found: Sequence[_Listed], outcome_of: Callable[[_Listed], Outcome], *, none: Outcome, several: InDoubt
) -> Outcome:
    """The outcome of the refund that was found; `none` and `several`: what it means to have found not one."""
    if len(found) > 1:
        return several
    return outcome_of(found[0]) if found else none


def in_doubt_unless_readable(said: str) -> Callable[[Callable[_Asked, Outcome]], Callable[_Asked, Outcome]]:
    """A function whose outcome is in doubt where it raises Unreadable; `said` and the reason make the sentence."""

    def made(outcome_of: Callable[_Asked, Outcome]) -> Callable[_Asked, Outcome]:
        @wraps(outcome_of)
        def total(*args: _Asked.args, **named: _Asked.kwargs) -> Outcome:
            try:
                return outcome_of(*args, **named)
            except Unreadable as error:
                return InDoubt("UNREADABLE", f"{said}: {error}.")

        return total

    return made


def published(outcome: Outcome | None, pse: str, status: object) -> Outcome:
    """The outcome; in doubt where there is none, as `pse` (its name in a sentence) publishes no such status."""
    said = f"{pse} answered with the status {str(status)[:50]!r} as it does not publish it."
    return outcome or InDoubt("UNREADABLE", said)


def another(pse: str, order: RefundOrder, held: str) -> InDoubt:
    """`pse` (its name in a sentence) echoes another refund than the order's, and nobody can guess why."""
    asked = f"{order.amount} of {order.payment_reference} as {order.reference}"
    said = f"{pse} holds another refund: asked for {asked}, {pse} holds {held}."
    return InDoubt("ECHO_MISMATCH", said[:500], needs_person=True)
