"""Who wants something, and in which request: it goes along with every deed."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

WORKER: Final = "worker"  # the actor of what happens by itself
WEBHOOK: Final = "PSE webhook"
RECONCILIATION: Final = "reconciliation"
LISTING: Final = "PSE listing"
CUSTOMER: Final = "customer"  # who has a link
OURS: Final = frozenset({WORKER, WEBHOOK, RECONCILIATION, LISTING})  # who does what nobody asks for


@dataclass(frozen=True, slots=True)
class Doer:
    """By what somebody is known who does something, and from where: an address as it came, a program's own name."""

    token_id: UUID | None = None
    person_id: UUID | None = None
    session_id: UUID | None = None
    address: str | None = None
    agent: str | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """Who wants something, and the request that says so: it goes on every event and entry that follows."""

    request_id: str
    actor: str
    party: UUID | None = None  # who answers for it (Principal.party); None: we ourselves, a PSE
    by: Doer = Doer()

    @property
    def known_by(self) -> tuple[UUID | None, UUID | None, UUID | None]:
        """What an event keeps beside the name, which anybody may bear: the party, the token, the session."""
        return self.party, self.by.token_id, self.by.session_id
