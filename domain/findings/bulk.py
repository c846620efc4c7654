"""Saying the same of many findings at once: each by itself, so that one bad one holds up no other."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final
from uuid import UUID

from tortoise.queryset import QuerySet

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.cause import Cause
from domain.findings import findings, search, work
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
SELECT $1, $2, $3 || one, $4, $5, one, now() FROM unnest($6::uuid[]) AS one RETURNING id"""
_ABOUT: Final = """SELECT subject_id FROM idempotency_keys
WHERE merchant_id = $1 AND mutation = $2 AND starts_with(key, $3)"""


@dataclass(frozen=True, slots=True)
class BulkOutcome:
    """What became of one: resolved, waiting for a second person, or refused."""

    finding: Finding
    confirmed: bool = False
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class BulkPreview:
    """How many it would be about, which, and how much (minor units) by currency; `more`: than are taken at once."""

    count: int
    amounts: Mapping[str, int]
    more: bool
    seen: str  # a digest of which they are


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
    return BulkPreview(len(found), amounts, len(told) > AT_ONCE_MAX, digest_of(one for one, _, _ in found))


def digest_of(finding_ids: Iterable[UUID]) -> str:
    """Which they are, in whatever order: SHA-256, hex."""
    return hashlib.sha256("\n".join(sorted(map(str, finding_ids))).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class SeenFindings:
    """What a preview told: how many, and which. Without `digest` another one may stand for one that was seen."""

    count: int
    digest: str | None = None

    def values(self) -> dict[str, int | str]:
        """What an idempotency key keeps of it."""
        return {"count": self.count} | ({"seen": self.digest.lower()} if self.digest is not None else {})

    def check(self, found: Sequence[Finding], more: bool) -> None:
        """Raises InvalidInput where it is about others now."""
        if len(found) != self.count:
            told = f"{len(found)}{' and more' if more else ''}"
            raise InvalidInput(
                f"It is about {told} now, not {self.count}: look again (findingsPreview).", path=["input", "count"]
            )
        if self.digest is not None and digest_of(one.id for one in found) != self.digest.lower():
            raise InvalidInput(
                "It is about other findings now, though as many: look again (findingsPreview).", path=["input", "seen"]
            )


async def resolve(
    principal: Principal, wanted: WantedFindings, said: Resolution, seen: SeenFindings, key: str, cause: Cause
) -> Sequence[BulkOutcome]:
    """Say it of each. `seen`: what the preview told; are there others now, nothing is done.

    The same `key` again is about the same ones, whatever came since, and says it of none twice. Raises Forbidden,
    InvalidInput, IdempotencyConflict.
    """
    work.checked_note(said.note)
    idempotency.check_key(key)
    if len(key) > 200:
        raise InvalidInput("idempotencyKey takes at most 200 characters here.", path=["input", "idempotencyKey"])
    about = await _about(principal, wanted, said, seen, key, cause)
    query = findings.within(principal.scope(Permission.WORK_FINDINGS)).filter(id__in=about)
    return [await _one(principal, one, said, key, cause) for one in await query.order_by("created_at", "id")]


async def _about(
    principal: Principal, wanted: WantedFindings, said: Resolution, seen: SeenFindings, key: str, cause: Cause
) -> Sequence[UUID]:
    """Which findings the key is about: those that were wanted when it came first, as they were told."""
    values = {"wanted": asdict(wanted), "said": asdict(said), **seen.values()}
    async with transaction():
        subject = principal.merchant_id
        if await idempotency.claim(principal.merchant_id, OPERATION, key, values, subject, cause) is not None:
            return [row["subject_id"] for row in await rows(_ABOUT, principal.merchant_id, _CHOSEN, f"{key}/")]
        found, more = await chosen(principal, wanted)
        seen.check(found, more)
        about = [one.id for one in found]
        digest = idempotency.digest(values)
        kept = await rows(_KEEP, principal.merchant_id, _CHOSEN, f"{key}/", digest, cause.request_id, about)
        if len(kept) != len(about):
            raise RuntimeError("Not all of them were kept: the merchant is behind the wall.")
    return about


async def _one(principal: Principal, finding: Finding, said: Resolution, key: str, cause: Cause) -> BulkOutcome:
    try:
        done = await work.resolve(principal, finding.id, said, cause, f"{key}/{finding.id}", OPERATION)
    except Problem as problem:
        return BulkOutcome(finding, problem=problem)
    return BulkOutcome(done.finding, done.confirmed)
