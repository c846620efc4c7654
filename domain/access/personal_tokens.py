"""The token of a person who has signed in: what they do with it they do themselves, as long as the session lives.

What it may do is what the person may when it is used. A session has one: another ends the one before.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from domain.access import giver, sessions, tokens
from domain.access.tokens import NewToken
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.models import Session, Token
from domain.platform import bell, pace
from domain.platform.database import for_all, transaction

LIFETIME: Final = timedelta(hours=12)
PER_HOUR: Final = 20
CREATE: Final = "personalTokenCreate"
_NAME: Final = "personal"


@dataclass(frozen=True, slots=True)
class MadePersonalToken:
    """The token in clear, this once, and until when it works at most (UTC)."""

    clear: str = field(repr=False)
    expires_at: datetime


@for_all("who signed in is known by the session's secret")
async def create(
    secret: str | None, idle_seconds: float, came: Cause, *, second_factor: bool = False
) -> MadePersonalToken | None:
    """Make one from a session's secret; None: the session is over, or its person may nothing. Raises RateLimited."""
    found = await sessions.authenticate(secret, idle_seconds, second_factor=second_factor)
    if found is None or secret is None or not found.permissions:
        return None
    draft = NewToken(
        found.merchant_id,
        found.holder,
        (),
        min(found.expires_at, datetime.now(UTC) + LIFETIME),
        _NAME,
        kind=tokens.PERSONAL,
        created_by=found.holder,
        party_id=found.person_id,
        person_id=found.person_id,
        session_id=found.token_id,
        vouched_by=found.vouched_by,
    )
    async with transaction():
        # Held: it is not signed out of before its token is there to end with it.
        if (
            await Session.filter(id=found.token_id, revoked_at=None).select_for_update(no_key=True).get_or_none()
            is None
        ):
            return None
        await pace.keep({f"personal-tokens/{found.person_id}": pace.an_hour(PER_HOUR)}, "tokens of one person")
        before = Token.filter(session_id=found.token_id, revoked_at=None)
        await before.update(revoked_at=datetime.now(UTC), revoked_by=found.holder[:200])
        with giver.giving(secret):
            clear = await tokens.make(draft)
        cause = Cause(came.request_id, found.holder, found.party, sessions.doer(came, found))
        told = {"holder": found.holder, "expires_at": draft.expires_at.isoformat()}
        await deeds.note(found.merchant_id, CREATE, Of("token", draft.id), cause, deeds.changed({}, told))
    await bell.wake(bell.TOKENS_CHANNEL)
    return MadePersonalToken(clear, draft.expires_at)
