"""Saying the same of many findings at once: each by itself, so that one bad one holds up no other."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.cause import Cause
from domain.findings import search, work
from domain.findings.search import Wanted
from domain.findings.work import Resolution
from domain.models import Finding, IdempotencyKey
from domain.platform import idempotency
from domain.platform.database import transaction
from domain.problems import InvalidInput, Problem

AT_ONCE_MAX: Final = 1_000
OPERATION: Final = "findingsResolve"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one: resolved, waiting for a second person, or refused."""

    finding: Finding
    confirmed: bool = False
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """How many it would be about, and how much (minor units) by currency; `several`: more than are taken at once."""

    count: int
    amounts: Mapping[str, int]
    more: bool


async def chosen(principal: Principal, wanted: Wanted) -> tuple[list[Finding], bool]:
    """The oldest that are wanted and not resolved, as many as are taken at once; and whether there are more."""
    query = await search.query(principal, wanted, Permission.WORK_FINDINGS)
    found = await query.filter(resolved_at__isnull=True).order_by("created_at", "id").limit(AT_ONCE_MAX + 1)
    return found[:AT_ONCE_MAX], len(found) > AT_ONCE_MAX


async def preview(principal: Principal, wanted: Wanted) -> Preview:
    """What `resolve` would be about. Nothing is written. Raises Forbidden."""
    found, more = await chosen(principal, wanted)
    amounts: dict[str, int] = {}
    for one in found:
        amounts[one.currency] = amounts.get(one.currency, 0) + one.amount
    return Preview(len(found), amounts, more)


async def resolve(
    principal: Principal, wanted: Wanted, said: Resolution, count: int, key: str, cause: Cause
) -> Sequence[Outcome]:
    """Say it of each. `count`: how many the preview told; another number now, and nothing is done.

    The same `key` again goes on with what it was about, says it of none twice, and is about nothing that was found
    since. Raises Forbidden, InvalidInput, IdempotencyConflict.
    """
    work.checked_note(said.note)
    idempotency.check_key(key)
    if len(key) > 200:
        raise InvalidInput("idempotencyKey takes at most 200 characters here.", path=["input", "idempotencyKey"])
    values = {"wanted": asdict(wanted), "said": asdict(said), "count": count}
    begun = await IdempotencyKey.get_or_none(merchant_id=principal.merchant_id, mutation=OPERATION, key=key)
    found, more = await chosen(principal, wanted)
    if begun is not None:
        idempotency.check_same(begun.input_digest, idempotency.digest(values), begun.request_id)
        found = [one for one in found if one.created_at <= begun.created_at]
    elif len(found) != count:
        raise InvalidInput(
            f"It is about {len(found)}{' and more' if more else ''} now, not {count}: look again (findingsPreview).",
            path=["input", "count"],
        )
    if begun is None:
        async with transaction():
            await idempotency.claim(principal.merchant_id, OPERATION, key, values, principal.merchant_id, cause)
    return [await _one(principal, one, said, key, cause) for one in found]


async def _one(principal: Principal, finding: Finding, said: Resolution, key: str, cause: Cause) -> Outcome:
    try:
        done = await work.resolve(principal, finding.id, said, cause, f"{key}/{finding.id}", OPERATION)
    except Problem as problem:
        return Outcome(finding, problem=problem)
    return Outcome(done.finding, done.confirmed)
