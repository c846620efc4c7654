"""Saying the same of many findings at once: each by itself, so that one bad one holds up no other."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from tortoise.queryset import QuerySet

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.cause import Cause
from domain.findings import findings, replaced, sayable, search, work
from domain.findings.replaced import Words
from domain.findings.said import waiting
from domain.findings.search import WantedFindings
from domain.findings.work import Resolution
from domain.models import Finding
from domain.platform import idempotency
from domain.platform.database import rows, transaction
from domain.problems import InvalidInput, Problem

AT_ONCE_MAX: Final = 1_000
OPERATION: Final = "findingsResolve"
# Which findings a key is about, each under a key of its own.
_CHOSEN: Final = "findingsResolve of"
_KEEP: Final = """INSERT INTO idempotency_keys
  (merchant_id, mutation, key, input_digest, request_id, subject_id, created_at)
SELECT $1, $2, $3 || one, $4, $5, one, now() FROM unnest($6::uuid[]) AS one RETURNING subject_id, created_at"""
_ABOUT: Final = """SELECT subject_id, created_at FROM idempotency_keys
WHERE merchant_id = $1 AND mutation = $2 AND starts_with(key, $3)"""


@dataclass(frozen=True, slots=True)
class BulkOutcome:
    """What became of one: resolved, waiting for a second person, or refused."""

    finding: Finding
    confirmed: bool = False
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class BulkPreview:
    """How many it would be about, which, and how much (minor units) by currency; `more`: than are taken at once.

    `replaces`: of how many it would replace what others have said, which waits for a second person.
    """

    count: int
    amounts: Mapping[str, int]
    more: bool
    seen: str  # a digest of which they are, and of what waits of each
    replaces: int


async def chosen(principal: Principal, wanted: WantedFindings) -> tuple[list[Finding], bool]:
    """The oldest that are wanted and not resolved, as many as are taken at once; and whether there are more."""
    found = await (await _oldest(principal, wanted))
    return found[:AT_ONCE_MAX], len(found) > AT_ONCE_MAX


async def _oldest(principal: Principal, wanted: WantedFindings) -> QuerySet[Finding]:
    query = await search.query(principal, wanted, Permission.WORK_FINDINGS)
    return query.filter(resolved_at__isnull=True).order_by("created_at", "id").limit(AT_ONCE_MAX + 1)


async def preview(principal: Principal, wanted: WantedFindings) -> BulkPreview:
    """What `resolve` would be about. Nothing is written. Raises Forbidden."""
    told = await (await _oldest(principal, wanted)).values_list("id", "currency", "amount")
    found, amounts = told[:AT_ONCE_MAX], Counter[str]()
    for _, currency, amount in found:
        amounts[currency] += amount
    about = [one for one, _, _ in found]
    words = await waiting(about)
    seen, replaces = replaced.digest_of(about, words), len(replaced.others(principal, words))
    return BulkPreview(len(found), amounts, len(told) > AT_ONCE_MAX, seen, replaces)


@dataclass(frozen=True, slots=True)
class SeenFindings:
    """What a preview told: how many, and which. Without `digest` another one may stand for one that was seen, and what
    others have said is not replaced.
    """

    count: int
    digest: str | None = None

    def values(self) -> dict[str, int | str]:
        """What an idempotency key keeps of it."""
        return {"count": self.count} | ({"seen": self.digest.lower()} if self.digest is not None else {})

    def check(self, principal: Principal, found: Sequence[Finding], more: bool, words: Words) -> None:
        """Raises InvalidInput where it is about others now, or others have said something else of them."""
        if len(found) != self.count:
            told = f"{len(found)}{' and more' if more else ''}"
            raise InvalidInput(
                f"It is about {told} now, not {self.count}: look again (findingsPreview).", path=["input", "count"]
            )
        replaced.check_seen(principal, words, self.digest)
        if self.digest is not None and replaced.digest_of((one.id for one in found), words) != self.digest.lower():
            raise InvalidInput(
                "It is about other findings now, though as many, or something else waits of them: look again "
                "(findingsPreview).",
                path=["input", "seen"],
            )


async def resolve(
    principal: Principal, wanted: WantedFindings, said: Resolution, seen: SeenFindings, key: str, cause: Cause
) -> Sequence[BulkOutcome]:
    """Say it of each. `seen`: what the preview told; are there others now, nothing is done.

    The same `key` again is about the same ones, whatever came since, and says it of none twice. Raises Forbidden,
    InvalidInput, IdempotencyConflict.
    """
    sayable.checked_note(said.note)
    idempotency.check_key(key)
    if len(key) > 200:
        raise InvalidInput("idempotencyKey takes at most 200 characters here.", path=["input", "idempotencyKey"])
    about, looked_at = await _about(principal, wanted, said, seen, key, cause)
    query = findings.within(principal.scope(Permission.WORK_FINDINGS)).filter(id__in=about)
    found = await query.order_by("created_at", "id")
    return [await _one(principal, one, said, key, looked_at, cause) for one in found]


async def _about(
    principal: Principal, wanted: WantedFindings, said: Resolution, seen: SeenFindings, key: str, cause: Cause
) -> tuple[Sequence[UUID], datetime | None]:
    """Which findings the key is about: those that were wanted when it came first, as they were told; and when."""
    values = {"wanted": asdict(wanted), "said": asdict(said), **seen.values()}
    async with transaction():
        subject = principal.merchant_id
        if await idempotency.claim(principal.merchant_id, OPERATION, key, values, subject, cause) is not None:
            return _kept(await rows(_ABOUT, principal.merchant_id, _CHOSEN, f"{key}/"))
        found, more = await chosen(principal, wanted)
        about = [one.id for one in found]
        seen.check(principal, found, more, await waiting(about))
        digest = idempotency.digest(values)
        kept = await rows(_KEEP, principal.merchant_id, _CHOSEN, f"{key}/", digest, cause.request_id, about)
        if len(kept) != len(about):
            raise RuntimeError("Not all of them were kept: the merchant is behind the wall.")
    return _kept(kept)


def _kept(found: Sequence[Mapping[str, Any]]) -> tuple[Sequence[UUID], datetime | None]:
    return [row["subject_id"] for row in found], found[0]["created_at"] if found else None


async def _one(
    principal: Principal, finding: Finding, said: Resolution, key: str, looked_at: datetime | None, cause: Cause
) -> BulkOutcome:
    try:
        done = await work.resolve(principal, finding.id, said, cause, f"{key}/{finding.id}", OPERATION, looked_at)
    except Problem as problem:
        return BulkOutcome(finding, problem=problem)
    return BulkOutcome(done.finding, done.confirmed)
