"""What ends when somebody is suspended, or may more than before: whoever held their links or sessions held less."""

from collections.abc import Collection
from datetime import UTC, datetime
from uuid import UUID

from domain.models import Session, SignInLink
from domain.platform.database import for_all

_WHY = "a guest's links and sessions are another merchant's, and end all the same"


@for_all(_WHY)
async def all_of(person_ids: Collection[UUID]) -> None:
    """Close these people's unused links and their sessions, inside the caller's transaction."""
    await close_links(person_ids)
    # After the links: whoever is just using one has the session by the time that the link's row is free.
    open_ones = Session.filter(person_id__in=list(person_ids), revoked_at=None)
    await open_ones.update(revoked_at=datetime.now(UTC))


@for_all(_WHY)
async def close_links(person_ids: Collection[UUID]) -> None:
    """Close these people's unused links, inside the caller's transaction."""
    await SignInLink.filter(person_id__in=list(person_ids), used_at=None).update(used_at=datetime.now(UTC))
