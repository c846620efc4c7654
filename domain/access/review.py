"""The access review: who may do what where, since when and by whose hand, when they were here last, what is odd.

A person signs that it was looked at: a deed with the digest of what was seen.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from domain.access import roles
from domain.access.permissions import Permission, built_in
from domain.access.principal import Principal
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.models import Token
from domain.platform.database import rows, transaction
from domain.problems import Forbidden, InvalidInput

SIGN: Final = "accessReviewSign"
UNUSED_DAYS: Final = 90
_DAYS: Final = (1, 3_650)
_NOTE: Final = (5, 500)
EXPIRING: Final = timedelta(days=30)
_P = Permission
# What nobody should hold together: they would ask and approve themselves.
CONFLICTS: Final[Mapping[str, frozenset[Permission]]] = {
    "REQUESTS_AND_APPROVES": frozenset({_P.REFUND, _P.APPROVE}),
    "REQUESTS_AND_PAYS": frozenset({_P.REFUND, _P.SETTLE_MANUALLY}),
    "REGISTERS_AND_REFUNDS_AND_APPROVES": frozenset({_P.REGISTER_PAYMENT, _P.REFUND, _P.APPROVE}),
    "CONNECTS_AND_REVIEWS": frozenset({_P.MANAGE_CONNECTIONS, _P.REVIEW_CONNECTIONS}),
    "GIVES_RIGHTS_AND_MOVES_MONEY": frozenset({_P.MANAGE_PEOPLE, _P.REFUND}),
}
_HOLDERS: Final = """
SELECT 'PERSON' AS kind, p.id, p.name || ' <' || p.email || '>' AS name, p.state, p.created_at,
  p.created_by, NULL::timestamptz AS expires_at,
  (SELECT max(s.last_seen_at) FROM sessions s WHERE s.person_id = p.id) AS last_used_at,
  g.role, g.store_id, st.code AS store_code, g.created_at AS given_at, g.created_by AS given_by, NULL AS old_role
FROM people p JOIN grants g ON g.person_id = p.id AND g.merchant_id = $1 AND g.ended_at IS NULL
LEFT JOIN stores st ON st.id = g.store_id
UNION ALL
SELECT 'TOKEN', t.id, coalesce(t.name, t.holder), 'ACTIVE', t.created_at, coalesce(t.created_by, ''), t.expires_at,
  t.last_used_at, g.role, g.store_id, st.code, coalesce(g.created_at, t.created_at),
  coalesce(g.created_by, t.created_by, ''), t.role
FROM tokens t LEFT JOIN grants g ON g.token_id = t.id AND g.ended_at IS NULL LEFT JOIN stores st ON st.id = g.store_id
WHERE t.merchant_id = $1 AND t.kind = 'SERVICE' AND t.revoked_at IS NULL AND t.expires_at > now()
ORDER BY 1, 3, 2, given_at, 9"""


@dataclass(frozen=True, slots=True)
class HeldRole:
    """A role that is held in one store, or (None) in all; since when (UTC), and who gave it."""

    role: str
    store_code: str | None
    since: datetime
    by: str


@dataclass(frozen=True, slots=True)
class ReviewedHolder:
    """A person or a program's token. `flags`: what a reviewer should look at."""

    kind: str
    id: UUID
    name: str
    state: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None
    given: Sequence[HeldRole]
    permissions: Sequence[str]
    flags: Sequence[str]


@dataclass(frozen=True, slots=True)
class AccessReview:
    """All of them, at a moment (UTC); `digest` is of who may do what, not of when they were seen."""

    at: datetime
    holders: Sequence[ReviewedHolder]
    digest: str


async def look(principal: Principal, unused_days: int = UNUSED_DAYS) -> AccessReview:
    """Who may do what at the merchant. Raises Forbidden, InvalidInput."""
    principal.require_everywhere(Permission.READ_AUDIT)
    if not _DAYS[0] <= unused_days <= _DAYS[1]:
        raise InvalidInput(f"unusedDays lies between {_DAYS[0]} and {_DAYS[1]}.", path=["unusedDays"])
    return await of(principal.merchant_id, unused_days)


async def of(merchant_id: UUID, unused_days: int = UNUSED_DAYS) -> AccessReview:
    """As `look`, for ourselves."""
    sets = await roles.sets_of(merchant_id)
    by_holder: dict[UUID, list[Mapping[str, Any]]] = {}
    for row in await rows(_HOLDERS, merchant_id):
        by_holder.setdefault(row["id"], []).append(row)
    now: datetime = (await rows("SELECT now() AS at"))[0]["at"]
    holders = [_holder(found, sets, now, timedelta(days=unused_days)) for found in by_holder.values()]
    return AccessReview(now, holders, _digest(holders))


async def sign(principal: Principal, digest: str, note: str, cause: Cause) -> AccessReview:
    """A person says that they have looked at the review of this digest, and what came of it (5-500 characters).

    Raises Forbidden, also to a program; InvalidInput, also where it is no longer what was seen.
    """
    principal.require_everywhere(Permission.READ_AUDIT)
    if not _NOTE[0] <= len(note.strip()) <= _NOTE[1]:
        raise InvalidInput(f"note takes {_NOTE[0]} to {_NOTE[1]} characters: what came of it.", path=["input", "note"])
    token = None if principal.person_id else await Token.get_or_none(id=principal.token_id)
    if token is not None and token.name == token.holder:
        raise Forbidden("A program signs nothing: a person looks at who may do what.")
    async with transaction():
        await roles.lock(principal.merchant_id)
        seen = await of(principal.merchant_id)
        if seen.digest != digest:
            said = "Who may do what is not as you saw it any more; look again (accessReview) and sign that."
            raise InvalidInput(said, path=["input", "digest"])
        flagged = sum(bool(one.flags) for one in seen.holders)
        told = {"digest": digest, "holders": len(seen.holders), "flagged": flagged, "note": note.strip()}
        subject = Of("access review", digest)
        await deeds.note(principal.merchant_id, SIGN, subject, cause, deeds.changed({}, told))
    return seen


def _holder(
    found: Sequence[Mapping[str, Any]], sets: Mapping[str, frozenset[Permission]], now: datetime, unused: timedelta
) -> ReviewedHolder:
    first = found[0]
    given = [
        HeldRole(one["role"] or one["old_role"], one["store_code"], one["given_at"], one["given_by"]) for one in found
    ]
    held: set[Permission] = set()
    for one in given:
        held |= sets.get(one.role) or built_in(one.role) or frozenset()
    return ReviewedHolder(
        **{name: first[name] for name in ("kind", "id", "name", "state", "created_at", "created_by", "expires_at")},
        last_used_at=first["last_used_at"],
        given=given,
        permissions=sorted(held),
        flags=_flags(first, held, now, unused),
    )


def _flags(row: Mapping[str, Any], held: Collection[Permission], now: datetime, unused: timedelta) -> list[str]:
    flags = [name for name, together in CONFLICTS.items() if together <= set(held)]
    if (row["last_used_at"] or row["created_at"]) < now - unused:
        flags.append("UNUSED")
    if row["expires_at"] is not None and row["expires_at"] < now + EXPIRING:
        flags.append("EXPIRES_SOON")
    if row["state"] != "ACTIVE":
        flags.append("SUSPENDED")
    return flags


def _digest(holders: Sequence[ReviewedHolder]) -> str:
    """SHA-256 over who may do what, hex: the same until somebody's rights, roles or tokens are others."""
    lasting = [
        {name: one for name, one in asdict(holder).items() if name not in ("last_used_at", "flags")}
        for holder in holders
    ]
    return hashlib.sha256(json.dumps(lasting, sort_keys=True, default=str).encode()).hexdigest()
