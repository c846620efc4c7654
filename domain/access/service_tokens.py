"""The tokens of programs: made, listed, replaced and revoked by who manages them. None may do more than its maker."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from tortoise.queryset import QuerySet

from domain.access import grants, roles, tokens
from domain.access.grants import WantedRole
from domain.access.holders import checked_name, identity_of, person_of
from domain.access.permissions import Permission, built_in
from domain.access.principal import Principal
from domain.access.tokens import NewToken
from domain.cause import CUSTOMER, OURS, Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.models import Token
from domain.platform import bell, idempotency
from domain.platform.database import transaction
from domain.problems import Forbidden, InvalidInput, NotFound

CREATE: Final = "tokenCreate"
ROTATE: Final = "tokenRotate"
DAYS_MAX: Final = 366
OVERLAP_HOURS_MAX: Final = 24 * 31
_NAME: Final = ["input", "name"]
_TOKEN: Final = ["input", "tokenId"]


@dataclass(frozen=True, slots=True)
class MadeToken:
    """A token's row, and the token in clear, this once: None where the same key had made it before."""

    row: Token
    clear: str | None


def readable(principal: Principal) -> QuerySet[Token]:
    """The tokens of the merchant's programs and people, those that have ended too. Raises Forbidden."""
    principal.require_everywhere(Permission.MANAGE_TOKENS)
    return Token.filter(merchant_id=principal.merchant_id, kind__in=[tokens.SERVICE, tokens.PERSONAL])


async def create(
    principal: Principal, name: str, wanted: Sequence[WantedRole], days: int, key: str, cause: Cause
) -> MadeToken:
    """Make a token of so many days. Raises Forbidden, NotFound, InvalidInput, IdempotencyConflict."""
    principal.require_everywhere(Permission.MANAGE_TOKENS)
    name = _checked_name(name)
    if not 1 <= days <= DAYS_MAX:
        raise InvalidInput(f"A token lasts 1 to {DAYS_MAX} days.", path=["input", "days"])
    if not wanted:
        raise InvalidInput("A token has some grant.", path=["input", "grants"])
    facts = {"name": name, "days": days, "grants": sorted([one.role, one.store_code or ""] for one in wanted)}
    draft = _draft(principal, principal.merchant_id, name, name, datetime.now(UTC) + timedelta(days=days), cause)
    async with transaction():
        stored = await idempotency.claim(principal.merchant_id, CREATE, key, facts, draft.id, cause)
        if stored is not None:
            return MadeToken(await Token.get(id=stored), None)
        pairs = await grants.checked(principal, wanted, ["input", "grants"])
        clear = await tokens.make(_with(draft, pairs))
        told = {"name": name, "grants": grants.written(pairs), "expires_at": draft.expires_at.isoformat()}
        await deeds.note(principal.merchant_id, CREATE, Of("token", draft.id), cause, deeds.changed({}, told))
    return MadeToken(await Token.get(id=draft.id), clear)


def _draft(
    principal: Principal, merchant_id: UUID, holder: str, name: str | None, expires_at: datetime, cause: Cause
) -> NewToken:
    """A token that may do nothing yet. Whoever makes or replaces one has it in hand, and answers for it."""
    return NewToken(
        merchant_id,
        holder,
        (),
        expires_at,
        name,
        created_by=cause.actor,
        party_id=principal.party,
        vouched_by=principal.vouched_by,
    )


async def rotate(
    principal: Principal, token_id: UUID, days: int, overlap_hours: int, key: str, cause: Cause
) -> MadeToken:
    """Make a token that may do what another one may, which ends so many hours later.

    It has the holder of the old one. A program's is replaced by whoever may; a person's by that person alone, for
    nobody else's deeds may say their name.

    Raises Forbidden, NotFound, InvalidInput, IdempotencyConflict.
    """
    old = await _find(readable(principal), token_id)
    _check_holder(principal, old)
    _check_spans(days, overlap_hours)
    now = datetime.now(UTC)
    draft = _draft(principal, old.merchant_id, old.holder, old.name, now + timedelta(days=days), cause)
    facts = {"token": token_id, "days": days, "overlap": overlap_hours}
    async with transaction():
        stored = await idempotency.claim(principal.merchant_id, ROTATE, key, facts, draft.id, cause)
        if stored is not None:
            return MadeToken(await Token.get(id=stored), None)
        # Read anew and held: a revocation that comes first leaves nothing to replace.
        old = await _find(readable(principal).select_for_update(no_key=True), token_id)
        if old.revoked_at is not None or old.expires_at <= now:
            raise InvalidInput("This token has ended; make a new one (tokenCreate).", path=_TOKEN)
        clear = await tokens.make(_with(draft, await _covered(principal, old)))
        ends_at = min(old.expires_at, now + timedelta(hours=overlap_hours))
        await Token.filter(id=old.id).update(expires_at=ends_at)
        what = {"token": [str(old.id), str(draft.id)], "old_ends_at": [_at(old.expires_at), _at(ends_at)]}
        await deeds.note(principal.merchant_id, ROTATE, Of("token", draft.id), cause, what)
    await bell.wake(bell.TOKENS_CHANNEL)
    return MadeToken(await Token.get(id=draft.id), clear)


def _check_spans(days: int, overlap_hours: int) -> None:
    """Raises InvalidInput where the new token would last too long, or the old one beside it."""
    if not 1 <= days <= DAYS_MAX:
        raise InvalidInput(f"A token lasts 1 to {DAYS_MAX} days.", path=["input", "days"])
    if not 0 <= overlap_hours <= OVERLAP_HOURS_MAX:
        raise InvalidInput(f"The old token goes on for 0 to {OVERLAP_HOURS_MAX} hours.", path=["input", "overlapHours"])


async def revoke(principal: Principal, token_id: UUID, cause: Cause) -> Token:
    """End a token at once, everywhere: one's own, or one that may no more than oneself. Raises Forbidden, NotFound."""
    found = await _find(readable(principal), token_id)
    if found.id != principal.token_id:
        await _check_may_end(principal, found)
    await tokens.revoke(found.id, cause.actor, cause)
    return await Token.get(id=found.id)


async def _check_may_end(principal: Principal, found: Token) -> None:
    """Raises Forbidden where it may more than oneself."""
    if found.person_id is None:
        await _covered(principal, found)
    elif found.person_id != principal.person_id:
        await grants.check_covers(principal, found.person_id)


def _at(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


async def _find(among: QuerySet[Token], token_id: UUID) -> Token:
    found = await among.get_or_none(id=token_id)
    if found is None:
        raise NotFound("No such token; tokens lists them.", path=_TOKEN)
    return found


def _checked_name(name: str) -> str:
    """A program's name. Raises InvalidInput, also for one that deeds of ours or of customers bear."""
    name = checked_name(name, ["input", "name"])
    if person_of(name) in {person_of(one) for one in (*OURS, CUSTOMER)}:
        raise InvalidInput(f"{name} is written on what happens without a token; take another name.", path=_NAME)
    return name


def _check_holder(principal: Principal, old: Token) -> None:
    """Raises Forbidden where it is another person's; InvalidInput where it is a session's.

    A program's is called as it is for: tokenCreate makes no other."""
    if old.kind == tokens.PERSONAL:
        raise InvalidInput("A person's own token is made where they sign in, not replaced.", path=_TOKEN)
    if old.name != old.holder and identity_of(principal.holder) != identity_of(old.holder):
        raise Forbidden("This is a person's token: they replace it themselves, or you make a new one (tokenCreate).")


async def _covered(principal: Principal, old: Token) -> list[grants.RoleInStore]:
    """What the old token may do, where one holds all of it. Raises Forbidden."""
    pairs = await grants.of_token(old)
    sets = await roles.sets_of(principal.merchant_id)
    for role, store_id in pairs:
        roles.check_holds(principal, built_in(role) or sets.get(role, frozenset()), store_id)
    return pairs


def _with(draft: NewToken, pairs: Sequence[grants.RoleInStore]) -> NewToken:
    return NewToken(
        draft.merchant_id,
        draft.holder,
        pairs,
        draft.expires_at,
        draft.name,
        created_by=draft.created_by,
        party_id=draft.party_id,
        vouched_by=draft.vouched_by,
        id=draft.id,
    )
