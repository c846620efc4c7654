"""What others have said of findings, which waits for a second person: another word takes its place.

It does where whoever says the other one has seen what stands there; what was said since they looked stays.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from domain.access.principal import Principal
from domain.models import FindingResolution
from domain.problems import InvalidInput, InvalidState

Words = Mapping[UUID, FindingResolution]  # what waits, by finding (said.waiting)
_SEEN: Final = ["input", "seen"]


def digest_of(finding_ids: Iterable[UUID], words: Words) -> str:
    """Which findings they are and what waits of each, in whatever order: SHA-256, hex."""
    told = sorted(f"{one}/{words[one].id}" if one in words else str(one) for one in finding_ids)
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def others(principal: Principal, words: Words) -> Words:
    """Those that somebody else has said."""
    return {one: said for one, said in words.items() if said.proposed_by_id != principal.party}


def check_seen(principal: Principal, words: Words, seen: str | None) -> None:
    """Raises InvalidInput where it would replace what others have said, and nobody says that they have seen it."""
    if seen is None and (count := len(others(principal, words))):
        raise InvalidInput(
            f"What others have said of {count} of them waits for a second person, and this would replace it: look at "
            "the preview, and give its `seen`.",
            path=_SEEN,
        )


def check_not_since(principal: Principal, before: FindingResolution, looked_at: datetime | None) -> None:
    """Raises InvalidState where somebody else has said it since. `looked_at`: None: they saw it as it is."""
    if looked_at is not None and before.proposed_at > looked_at and before.proposed_by_id != principal.party:
        raise InvalidState(
            "Somebody has said something else of it meanwhile, which waits for a second person: look at it.",
            path=["input", "findingId"],
            current_state="CHANGED",
        )
