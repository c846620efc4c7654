"""Who wants something, and in which request: it goes along with every deed."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

WORKER: Final = "worker"  # the actor of what happens by itself


@dataclass(frozen=True, slots=True)
class Cause:
    """Who wants something, and the request that says so: it goes on every event and entry that follows."""

    request_id: str
    actor: str
    party: UUID | None = None  # who answers for it (Principal.party); None: we ourselves, a PSE
