"""Bearer tokens, stored hashed: one merchant each, and what their grants say."""

import hashlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from domain.access import giver
from domain.access.holders import actor_of, person_of
from domain.access.permissions import PERMISSIONS, Permission, Role, built_in
from domain.access.principal import Principal, Reach, reach_of
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.models import Grant, Token
from domain.platform import bell
from domain.platform.database import execute, for_all, rows, transaction

__all__ = [
    "PERMISSIONS",
    "NewToken",
    "Permission",
    "Principal",
    "Role",
    "authenticate",
    "create_token",
    "digest_of",
    "granted",
    "make",
    "mark_used",
    "person_of",
    "revoke",
]

_PREFIX: Final = "est_"
_SHOWN: Final = 12
GRANTED: Final = "GRANTED"
SERVICE: Final = "SERVICE"
CUSTOMER: Final = "CUSTOMER"
PERSONAL: Final = "PERSONAL"
# A token's grants are few; one that was made before there were any has the role on its row. A customer's is looked at
# together with who made it: a browser's that is made just while that one is revoked does not work either. A person's
# own may what the person may now, as long as the session lives.
_AUTHENTICATE: Final = """
SELECT t.id, t.merchant_id, t.holder, t.role, t.expires_at, t.payment_id, t.customer_digest, g.role AS granted,
    g.store_id, r.permissions, coalesce(t.party_id, t.maker_id) AS party_id,
    t.person_id, t.session_id, t.vouched_by_id, p.name, p.email
FROM tokens t
LEFT JOIN people p ON p.id = t.person_id
LEFT JOIN sessions s ON s.id = t.session_id
LEFT JOIN grants g ON (g.token_id = t.id OR g.person_id = t.person_id AND g.merchant_id = t.merchant_id)
    AND g.ended_at IS NULL
LEFT JOIN roles r ON r.merchant_id = t.merchant_id AND lower(r.name) = lower(g.role) AND r.ended_at IS NULL
WHERE t.digest = $1 AND t.revoked_at IS NULL AND t.expires_at > now()
    AND NOT EXISTS (SELECT 1 FROM tokens m WHERE m.id = t.maker_id AND m.revoked_at IS NOT NULL)
    AND NOT EXISTS (SELECT 1 FROM people m WHERE m.id = t.maker_id AND m.state <> 'ACTIVE')
    AND (t.kind <> 'PERSONAL' OR p.state = 'ACTIVE' AND s.revoked_at IS NULL AND s.expires_at > now()
        AND (s.second_factor OR NOT $2))"""


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that is to be made. `grants`: roles by name, each in one store or (None) in all.

    `maker_id`: of the token or the person with whom it ends. `party_id`: who answers for it; None: it does itself.
    `person_id`, `session_id`: of a person's own. `vouched_by`: see domain/access/vouching.py.
    """

    merchant_id: UUID
    holder: str
    grants: Sequence[tuple[str, UUID | None]]
    expires_at: datetime
    name: str | None = None
    kind: str = SERVICE
    created_by: str | None = None
    payment_id: UUID | None = None
    customer_digest: str | None = None
    maker_id: UUID | None = None
    party_id: UUID | None = None
    person_id: UUID | None = None
    session_id: UUID | None = None
    vouched_by: UUID | None = None
    id: UUID = field(default_factory=uuid4)


async def create_token(
    merchant_id: UUID, role: Role, holder: str, lifetime: timedelta, cause: Cause | None = None
) -> str:
    """Make a token of a built-in role in all stores and give it in clear, once. `cause`: who asked for it."""
    draft = NewToken(merchant_id, holder, [(role.value, None)], datetime.now(UTC) + lifetime)
    async with transaction():
        clear = await make(draft)
        if cause is not None:
            told = {"name": holder, "grants": [role.value], "expires_at": draft.expires_at.isoformat()}
            await deeds.note(merchant_id, "tokenCreate", Of("token", draft.id), cause, deeds.changed({}, told))
    return clear


async def make(draft: NewToken) -> str:
    """Make a token and give it in clear, once: 256 random bits behind `est_`. Only its SHA-256 is kept."""
    token = _PREFIX + secrets.token_urlsafe(32)
    async with transaction():
        await giver.show()
        await Token.create(
            id=draft.id,
            merchant_id=draft.merchant_id,
            holder=draft.holder,
            name=draft.name,
            kind=draft.kind,
            role=GRANTED,
            prefix=token[:_SHOWN],
            digest=digest_of(token),
            payment_id=draft.payment_id,
            customer_digest=draft.customer_digest,
            maker_id=draft.maker_id,
            party_id=draft.party_id or draft.id,
            person_id=draft.person_id,
            session_id=draft.session_id,
            vouched_by_id=draft.vouched_by,
            created_by=draft.created_by,
            expires_at=draft.expires_at,
        )
        for role, store_id in draft.grants:
            await Grant.create(
                id=uuid4(),
                merchant_id=draft.merchant_id,
                token_id=draft.id,
                role=role,
                store_id=store_id,
                created_by=draft.created_by or draft.holder,
            )
    return token


@for_all("whose a token is")
async def authenticate(token: str | None, *, second_factor: bool = False) -> Principal | None:
    """The principal of a token that is known, in time and not revoked; else None.

    `second_factor`: one is demanded of people, and the own token of a person who signed in without is over.
    """
    if token is None or not token.startswith(_PREFIX) or not token.isascii():
        return None
    found = await rows(_AUTHENTICATE, digest_of(token), second_factor)
    if not found:
        return None
    row = found[0]
    reach = granted(found) if row["role"] == GRANTED else _of_role(row["role"])
    return Principal(
        row["id"],
        row["merchant_id"],
        row["holder"] if row["person_id"] is None else actor_of(row["name"], row["email"]),
        reach,
        row["expires_at"],
        row["person_id"],
        payment_id=row["payment_id"],
        customer=row["customer_digest"],
        party_id=row["party_id"],
        session_id=row["session_id"],
        vouched_by=row["vouched_by_id"],
    )


def granted(found: Sequence[Mapping[str, Any]]) -> Reach:
    """What rows of grants come to: `granted` a role, `store_id`, and `permissions` of the merchant's own role."""
    return reach_of(
        *((_permissions(row), row["store_id"]) for row in sorted(found, key=_order) if row["granted"] is not None)
    )


def _order(row: Mapping[str, Any]) -> tuple[str, str]:
    return str(row["granted"]), str(row["store_id"])


def _permissions(row: Mapping[str, Any]) -> frozenset[Permission]:
    """A role that is built in is never the merchant's own; one that is gone, or a word of a later version, is none."""
    known = built_in(row["granted"])
    if known is not None:
        return known
    return frozenset(Permission(one) for one in row["permissions"] or () if one in Permission.__members__)


def _of_role(name: str) -> Reach:
    return reach_of((built_in(name) or frozenset(), None))


@for_all("tokens of several merchants were used in this process")
async def mark_used(token_ids: Collection[UUID]) -> None:
    """Remember that these were used just now; to the minute."""
    await execute(
        "UPDATE tokens SET last_used_at = now() WHERE id = ANY($1::uuid[]) "
        "AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')",
        list(token_ids),
    )


async def revoke(token_id: UUID, by: str | None = None, cause: Cause | None = None) -> bool:
    """End a token at once, everywhere; whether it was not revoked before.

    Processes that remember it hear of it through Valkey; where they do not, they forget it within seconds.
    """
    async with transaction():
        # Held first: what a replacement made before it must not look as if it was made after it.
        held = await Token.filter(id=token_id).select_for_update(no_key=True).get_or_none()
        changed = await Token.filter(id=token_id, revoked_at=None).update(revoked_at=datetime.now(UTC), revoked_by=by)
        if changed and held is not None and cause is not None:
            what = {"name": [held.name or held.holder, None]}
            await deeds.note(held.merchant_id, "tokenRevoke", Of("token", token_id), cause, what)
    await bell.wake(bell.TOKENS_CHANNEL)
    return bool(changed)


def digest_of(token: str) -> str:
    """The SHA-256 by which a token, a link or a session is known, hex."""
    return hashlib.sha256(token.encode()).hexdigest()
