"""Sessions of people: rows that end when they are idle, when they are old, and at once when they are revoked."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from tortoise.queryset import QuerySet

from domain.access import giver, grants
from domain.access.holders import actor_of
from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.access.tokens import digest_of, granted
from domain.cause import Cause, Doer
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.models import Person, Session, SignInLink
from domain.platform import bell
from domain.platform.database import execute, for_all, rows, transaction
from domain.problems import NotFound

_UNKNOWN: Final = Cause("sign-in", "")
# What the person may do at the merchant that was chosen, else at their own.
_PRINCIPAL: Final = """
SELECT s.id, s.expires_at, s.person_id, p.name, p.email, coalesce($2::uuid, p.merchant_id) AS merchant_id,
    s.vouched_by_id, coalesce(m.zone, 'UTC') AS zone,
    g.role AS granted, g.store_id, r.permissions, s.last_seen_at < now() - interval '1 minute' AS seen_long_ago
FROM sessions s JOIN people p ON p.id = s.person_id
LEFT JOIN merchants m ON m.id = coalesce($2::uuid, p.merchant_id)
LEFT JOIN grants g ON g.person_id = p.id AND g.merchant_id = coalesce($2::uuid, p.merchant_id) AND g.ended_at IS NULL
LEFT JOIN roles r ON r.merchant_id = g.merchant_id AND lower(r.name) = lower(g.role) AND r.ended_at IS NULL
WHERE s.digest = $1 AND s.revoked_at IS NULL AND s.expires_at > now() AND p.state = 'ACTIVE'
    AND s.last_seen_at > now() - make_interval(secs => $3) AND (s.second_factor OR NOT $4)"""

# "C" folds ASCII and nothing else. The row is held so that nobody is suspended before the session is there to be ended.
_BY_ADDRESS: Final = """
SELECT p.id FROM people p WHERE lower(p.email COLLATE "C") = $1 AND p.state = 'ACTIVE'
    AND EXISTS (SELECT 1 FROM grants g WHERE g.person_id = p.id AND g.ended_at IS NULL)
ORDER BY p.created_at, p.id LIMIT 1 FOR NO KEY UPDATE OF p"""

_WHY: Final = "who signs in is known by a secret or an address, and may have a part in several merchants"


@dataclass(frozen=True, slots=True)
class Begun:
    """A new session: its secret in clear, this once, and until when it can last (UTC)."""

    secret: str = field(repr=False)
    expires_at: datetime
    person_id: UUID


@for_all(_WHY)
async def by_link(secret: str, seconds: float, came: Cause = _UNKNOWN) -> Begun | None:
    """Sign in with a one-time link, for at most so many seconds; None: it is unknown, over, or was used."""
    async with transaction():
        found = await rows(
            "UPDATE sign_in_links l SET used_at = now() FROM people p WHERE l.digest = $1 AND l.used_at IS NULL "
            "AND l.expires_at > now() AND p.id = l.person_id AND p.state = 'ACTIVE' "
            "RETURNING l.person_id, l.created_by_id",
            digest_of(secret),
        )
        if not found:
            return None
        with giver.giving(secret):
            await giver.show()
        return await begin(found[0]["person_id"], seconds, came, "link", vouched_by=found[0]["created_by_id"])


@for_all(_WHY)
async def by_address(
    address: str, seconds: float, came: Cause = _UNKNOWN, *, second_factor: bool = False
) -> Begun | None:
    """Sign in whoever an identity provider says has this address; None: nobody who may anything has it.

    `second_factor`: whether it was asked for one, and said so.

    Of several merchants' people it is who was made first: no merchant that invites an address later takes it away.
    """
    if not address.isascii():  # a letter that is folded into another one is another's address
        return None
    async with transaction():
        found = await rows(_BY_ADDRESS, address.lower())
        way = "identity provider"
        return await begin(found[0]["id"], seconds, came, way, second_factor=second_factor) if found else None


@for_all(_WHY)
async def is_open(secret: str) -> bool:
    """Whether a one-time link would sign somebody in; looking at it uses nothing up."""
    return await SignInLink.exists(digest=digest_of(secret), used_at=None, expires_at__gt=datetime.now(UTC))


async def begin(
    person_id: UUID,
    seconds: float,
    came: Cause = _UNKNOWN,
    way: str = "link",
    *,
    second_factor: bool = False,
    vouched_by: UUID | None = None,
) -> Begun:
    """A session of a person who has proven who they are, for at most so many seconds. `came`: the request, and where
    it came from. `vouched_by`: who made the link, where it was not that person."""
    secret, now, session_id = secrets.token_urlsafe(32), datetime.now(UTC), uuid4()
    expires_at = now + timedelta(seconds=seconds)
    await Session.create(
        id=session_id,
        person_id=person_id,
        digest=digest_of(secret),
        created_at=now,
        last_seen_at=now,
        expires_at=expires_at,
        second_factor=second_factor,
        vouched_by_id=vouched_by if vouched_by != person_id else None,
    )
    await _note("signIn", person_id, session_id, came, {"way": [None, way]})
    return Begun(secret, expires_at, person_id)


@for_all(_WHY)
async def authenticate(
    secret: str | None,
    idle_seconds: float,
    merchant_id: UUID | None = None,
    *,
    second_factor: bool = False,
    seen: bool = True,
) -> Principal | None:
    """The principal of a session that lives, at a merchant that the person has a part in (None: their own).

    `second_factor`: one is demanded, and a session that was begun without is over. That they were here is remembered,
    to the minute; not `seen`: a page of theirs that is open asks, which they may have left.
    """
    if not secret or not secret.isascii():
        return None
    found = await rows(_PRINCIPAL, digest_of(secret), merchant_id, idle_seconds, second_factor)
    if not found or (merchant_id is not None and found[0]["granted"] is None):
        return None
    row = found[0]
    if seen and row["seen_long_ago"]:
        await execute("UPDATE sessions SET last_seen_at = now() WHERE id = $1", row["id"])
    holder = actor_of(row["name"], row["email"])
    return Principal(
        row["id"],
        row["merchant_id"],
        holder,
        granted(found),
        row["expires_at"],
        row["person_id"],
        vouched_by=row["vouched_by_id"],
        zone=row["zone"],
    )


def doer(came: Cause, principal: Principal) -> Doer:
    """By what a person is known who has signed in, and from where the request came."""
    return replace(came.by, person_id=principal.person_id, session_id=principal.session_id or principal.token_id)


@for_all(_WHY)
async def end(secret: str, came: Cause = _UNKNOWN) -> None:
    """Sign out."""
    async with transaction():
        found = (
            await Session.filter(digest=digest_of(secret), revoked_at=None).select_for_update(no_key=True).get_or_none()
        )
        if found is not None:
            await Session.filter(id=found.id).update(revoked_at=datetime.now(UTC))
            await _note("signOut", found.person_id, found.id, came, None)
    await bell.wake(bell.TOKENS_CHANNEL)  # the person's own token ends with it


async def _note(
    operation: str, person_id: UUID, session_id: UUID, came: Cause, changes: Mapping[str, Sequence[Any]] | None
) -> None:
    person = await Person.get(id=person_id)
    by = replace(came.by, person_id=person_id, session_id=session_id)
    cause = Cause(came.request_id, actor_of(person.name, person.email), by=by)
    await deeds.note(person.merchant_id, operation, Of("session", session_id), cause, changes)


def readable(principal: Principal) -> QuerySet[Session]:
    """The sessions, not revoked and not too old, of the merchant's own people. Raises Forbidden."""
    principal.require_everywhere(Permission.MANAGE_PEOPLE)
    return Session.filter(person__merchant_id=principal.merchant_id, revoked_at=None, expires_at__gt=datetime.now(UTC))


async def revoke(principal: Principal, session_id: UUID, cause: Cause) -> Session:
    """End a session of one of the merchant's people at once: one's own, or of who may no more than oneself.

    Raises Forbidden, NotFound.
    """
    principal.require_everywhere(Permission.MANAGE_PEOPLE)
    found = await Session.get_or_none(id=session_id, person__merchant_id=principal.merchant_id)
    if found is None:
        raise NotFound("No such session; sessions lists them.", path=["input", "sessionId"])
    if found.person_id != principal.person_id:
        await grants.check_covers(principal, found.person_id)
    async with transaction():
        if await Session.filter(id=session_id, revoked_at=None).update(revoked_at=datetime.now(UTC)):
            what = {"person": [str(found.person_id), None]}
            await deeds.note(principal.merchant_id, "sessionRevoke", Of("session", session_id), cause, what)
    await bell.wake(bell.TOKENS_CHANNEL)
    return await Session.get(id=session_id)
