"""The states of a refund and every move between them, each with the ledger entries it makes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from domain.models.ledger import Entry
from domain.models.refunds import RELEASED, State
from domain.pse.vocabulary import Accepted, Declined, InDoubt, Outcome, Returned, Succeeded, Unsent

# What a person paid from the bank has another entry than the table's: the PSE never had the money.
BY_BANK: Final[Mapping[Entry, Entry]] = {Entry.PAY: Entry.PAY_BY_BANK, Entry.RETURN: Entry.RETURN_TO_BANK}

S = State
# What happens in these needs no PSE: a customer, an approver or a person with evidence is waited for.
OFF_THE_WIRE: Final = frozenset({S.AWAITING_DESTINATION, S.AWAITING_APPROVAL, S.MANUAL})
MOVES: Final[Mapping[tuple[State | None, State], tuple[Entry, ...]]] = {
    (None, S.AWAITING_DESTINATION): (),
    (None, S.AWAITING_APPROVAL): (),
    (None, S.REQUESTED): (Entry.RECOGNISE,),
    (S.AWAITING_DESTINATION, S.AWAITING_APPROVAL): (),
    (S.AWAITING_DESTINATION, S.REQUESTED): (Entry.RECOGNISE,),
    (S.AWAITING_DESTINATION, S.CANCELED): (),
    (S.AWAITING_DESTINATION, S.EXPIRED): (),
    (S.AWAITING_APPROVAL, S.REQUESTED): (Entry.RECOGNISE,),
    (S.AWAITING_APPROVAL, S.REJECTED): (),
    (S.AWAITING_APPROVAL, S.CANCELED): (),
    (S.AWAITING_APPROVAL, S.EXPIRED): (),
    # Its PSE cannot say whether there is such a payment: a second person does.
    (S.REQUESTED, S.AWAITING_APPROVAL): (Entry.UNRECOGNISE,),
    (S.REQUESTED, S.SUBMITTED): (),
    (S.REQUESTED, S.MANUAL): (),
    (S.REQUESTED, S.CANCELED): (Entry.UNRECOGNISE,),
    (S.REQUESTED, S.EXPIRED): (Entry.UNRECOGNISE,),
    # A request that was taken for lost can arrive late, so REQUESTED hears every answer that SUBMITTED hears.
    (S.REQUESTED, S.PENDING): (),
    (S.REQUESTED, S.SUCCEEDED): (Entry.PAY,),
    (S.REQUESTED, S.FAILED): (Entry.UNRECOGNISE,),
    (S.REQUESTED, S.RETURNED): (Entry.PAY, Entry.RETURN, Entry.UNRECOGNISE),
    (S.SUBMITTED, S.REQUESTED): (),
    (S.SUBMITTED, S.PENDING): (),
    (S.SUBMITTED, S.SUCCEEDED): (Entry.PAY,),
    (S.SUBMITTED, S.FAILED): (Entry.UNRECOGNISE,),
    (S.SUBMITTED, S.RETURNED): (Entry.PAY, Entry.RETURN, Entry.UNRECOGNISE),
    (S.PENDING, S.SUCCEEDED): (Entry.PAY,),
    (S.PENDING, S.FAILED): (Entry.UNRECOGNISE,),
    (S.PENDING, S.RETURNED): (Entry.PAY, Entry.RETURN, Entry.UNRECOGNISE),
    (S.MANUAL, S.REQUESTED): (),
    (S.MANUAL, S.SUCCEEDED): (Entry.PAY,),
    (S.MANUAL, S.FAILED): (Entry.UNRECOGNISE,),
    (S.MANUAL, S.CANCELED): (Entry.UNRECOGNISE,),
    (S.MANUAL, S.RETURNED): (Entry.PAY, Entry.RETURN, Entry.UNRECOGNISE),
    (S.SUCCEEDED, S.RETURNED): (Entry.RETURN, Entry.UNRECOGNISE),
}

AT_THE_PSE: Final = frozenset({S.REQUESTED, S.SUBMITTED, S.PENDING, S.MANUAL})
SETTLED_FOR_NOW: Final = RELEASED | {S.SUCCEEDED}  # nothing more is expected, though SUCCEEDED can still come back
CANCELABLE: Final = frozenset({S.AWAITING_DESTINATION, S.AWAITING_APPROVAL, S.REQUESTED, S.MANUAL})


@dataclass(frozen=True, slots=True)
class Move:
    """Go to `state`."""

    state: State


@dataclass(frozen=True, slots=True)
class Stay:
    """The answer decides nothing yet: ask again later."""


@dataclass(frozen=True, slots=True)
class Agrees:
    """The answer says what is already known, or is older than it: nothing moves."""


@dataclass(frozen=True, slots=True)
class AskAgain:
    """The answer and the state cannot both be the newest word: ask the PSE now, knowing the state."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Money left for a refund that had ended without it: the truth is booked, and a person must look."""


Decision = Move | Stay | Agrees | AskAgain | Contradiction

_CAN_BE_PAID_YET: Final = frozenset({S.FAILED, S.CANCELED, S.EXPIRED})
_NEWS: Final[Mapping[type, State | None]] = {
    Accepted: S.PENDING,
    Succeeded: S.SUCCEEDED,
    Declined: S.FAILED,
    Returned: S.RETURNED,
    Unsent: S.REQUESTED,
    InDoubt: None,
}


def decide(state: State, outcome: Outcome) -> Decision:
    """What an outcome means for a refund in `state`. Total: every pair has an answer."""
    target = _NEWS[type(outcome)]
    if state is target:
        return Stay() if state not in SETTLED_FOR_NOW else Agrees()
    if state in AT_THE_PSE:
        return _decide_under_way(state, target)
    if state is S.SUCCEEDED:
        return _decide_succeeded(target)
    if state is S.RETURNED:
        return Agrees()
    if target is S.SUCCEEDED:
        return Contradiction()
    # The PSE works on what had ended, as on a request that arrives late: its money may leave yet.
    return AskAgain() if target is S.PENDING and state in _CAN_BE_PAID_YET else Agrees()


def _decide_under_way(state: State, target: State | None) -> Decision:
    if target is None or (state, target) not in MOVES:
        return Stay()
    return Move(target)


def _decide_succeeded(target: State | None) -> Decision:
    if target is S.RETURNED:
        return Move(S.RETURNED)
    # "Refused" for money that has left is either stale or a return that was asked about with an older state in hand.
    return AskAgain() if target is S.FAILED else Agrees()
