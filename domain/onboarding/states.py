"""From an application to an account that moves money: which step leads where, and the permission it takes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from domain.access.tokens import Permission
from domain.models.connections import ConnectionState

_S = ConnectionState


@dataclass(frozen=True, slots=True)
class StateStep:
    """`permission` None: nobody takes it by hand. `reviews`: by another person than who submitted it.

    `says_why`: not without a comment.
    """

    permission: Permission | None
    reviews: bool = False
    says_why: bool = False


_MANAGE: Final = Permission.MANAGE_CONNECTIONS
_REVIEW: Final = Permission.REVIEW_CONNECTIONS
STEPS: Final[Mapping[tuple[ConnectionState, ConnectionState], StateStep]] = {
    (_S.DRAFT, _S.SUBMITTED): StateStep(_MANAGE),
    (_S.SUBMITTED, _S.DRAFT): StateStep(_MANAGE, says_why=True),
    (_S.SUBMITTED, _S.UNDER_REVIEW): StateStep(_REVIEW, reviews=True),
    (_S.UNDER_REVIEW, _S.DRAFT): StateStep(_REVIEW, reviews=True, says_why=True),  # more is asked for
    (_S.UNDER_REVIEW, _S.SANDBOX): StateStep(_REVIEW, reviews=True),
    (_S.UNDER_REVIEW, _S.REJECTED): StateStep(_REVIEW, reviews=True, says_why=True),
    (_S.REJECTED, _S.DRAFT): StateStep(_MANAGE, says_why=True),
    (_S.SANDBOX, _S.CERTIFIED): StateStep(None),  # by a certification that passed, and by nobody's word
    (_S.CERTIFIED, _S.SANDBOX): StateStep(_MANAGE, says_why=True),
    (_S.CERTIFIED, _S.ACTIVE): StateStep(_REVIEW, reviews=True),  # go-live
    (_S.ACTIVE, _S.SUSPENDED): StateStep(_MANAGE, says_why=True),
    (_S.SUSPENDED, _S.ACTIVE): StateStep(_MANAGE, says_why=True),
}


def from_here(state: ConnectionState) -> list[ConnectionState]:
    """Where people can take a connection that is in this state."""
    return [new for (old, new), step in STEPS.items() if old is state and step.permission is not None]
