"""The table of moves: every state and outcome has a meaning, and every move its entries."""

import itertools

import pytest

from domain.books.ledger import LEGS
from domain.models.ledger import Account, Entry
from domain.models.refunds import RELEASED, Holding, State, holding_of
from domain.pse.vocabulary import Accepted, Declined, InDoubt, Outcome, Returned, Succeeded, Unsent
from domain.refunds.states import MOVES, Agrees, AskAgain, Contradiction, Move, Stay, decide

OUTCOMES: list[Outcome] = [
    Accepted(),
    Succeeded(),
    Declined("NO", "no"),
    Returned("BACK", "back"),
    Unsent("NEVER", "never"),
    InDoubt("WHO_KNOWS", "who knows"),
]


@pytest.mark.parametrize(("state", "outcome"), list(itertools.product(State, OUTCOMES)))
def test_every_outcome_has_a_meaning_in_every_state(state: State, outcome: Outcome) -> None:
    decision = decide(state, outcome)
    if isinstance(decision, Move):
        assert (state, decision.state) in MOVES


def _payable(entries: tuple[Entry, ...]) -> int:
    """What the entries add to REFUNDS_PAYABLE, for a refund of 1 without tax."""
    owed = 0
    for entry in entries:
        for debit, credit, part in LEGS[entry]:
            if part != "tax":
                owed += (credit is Account.REFUNDS_PAYABLE) - (debit is Account.REFUNDS_PAYABLE)
    return owed


def _owed_in(state: State | None) -> int:
    return int(state in (State.REQUESTED, State.SUBMITTED, State.PENDING, State.MANUAL))


@pytest.mark.parametrize(("old", "new"), MOVES)
def test_the_entries_of_a_move_keep_what_is_owed_true(old: State | None, new: State) -> None:
    assert _owed_in(new) - _owed_in(old) == _payable(MOVES[(old, new)])


@pytest.mark.parametrize(("old", "new"), MOVES)
def test_money_leaves_the_books_exactly_when_a_refund_succeeds(old: State | None, new: State) -> None:
    left = sum((entry is Entry.PAY) - (entry is Entry.RETURN) for entry in MOVES[(old, new)])
    assert left == (new is State.SUCCEEDED) - (old is State.SUCCEEDED)


def test_no_move_leaves_an_ended_state() -> None:
    assert not [old for old, _ in MOVES if old in RELEASED]


def test_doubt_is_never_a_refusal() -> None:
    for state in State:
        assert decide(state, InDoubt("X", "x")) in (Stay(), Agrees())


def test_success_can_come_back_but_never_fail() -> None:
    assert decide(State.SUCCEEDED, Returned("X", "x")) == Move(State.RETURNED)
    assert decide(State.SUCCEEDED, Declined("X", "x")) == AskAgain()
    assert decide(State.SUCCEEDED, Accepted()) == Agrees()


@pytest.mark.parametrize("state", sorted(RELEASED - {State.RETURNED}))
def test_money_that_leaves_after_the_end_is_a_contradiction(state: State) -> None:
    assert decide(state, Succeeded()) == Contradiction()


def test_late_success_after_a_return_is_old_news() -> None:
    assert decide(State.RETURNED, Succeeded()) == Agrees()


def test_every_state_holds_the_money_as_the_design_says() -> None:
    assert {state for state in State if holding_of(state) is Holding.REFUNDED} == {State.SUCCEEDED}
    assert {state for state in State if holding_of(state) is Holding.RELEASED} == RELEASED
