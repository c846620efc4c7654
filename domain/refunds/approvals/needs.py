"""What a refund needs, kept with its amount and destination: another destination ends it, and all that was said."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from domain.access import second
from domain.models import Approval, ApprovalNeeds, Refund
from domain.money import Money
from domain.platform.database import execute
from domain.refunds.approvals import defaults, stored, weigh
from domain.refunds.approvals.rules import Need, Step
from domain.refunds.approvals.weigh import Yes
from domain.refunds.intervals import HOUR, REMINDER_SECONDS, WAITING_SECONDS

# What waited before needs were kept wanted one person.
_OLDER: Final = Need("SECOND_PERSON", "It waits for a second person.", (Step(defaults.APPROVE),))
_MAKE: Final = """
INSERT INTO approval_needs (id, merchant_id, refund_id, amount, currency, fingerprint, needs, open_words, barred_ids,
  made_at, until) VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9, now(), now() + make_interval(secs => $10))"""
# Somebody must decide: until then it waits, and is reminded of in time.
_WAIT: Final = """
UPDATE refunds SET expires_at = now() + make_interval(secs => $2::float8), reminded_at = NULL,
  due_at = now() + make_interval(secs => $3::float8) WHERE id = $1"""


async def make(
    merchant_id: UUID,
    refund_id: UUID,
    amount: Money,
    fingerprint: str | None,
    wanted: Sequence[Need],
    barred: Iterable[UUID],
) -> None:
    """Keep what a locked refund needs, in the place of what it needed before: what was said to that counts no more."""
    await end(refund_id)
    if not wanted:
        return
    await execute(
        _MAKE,
        uuid4(),
        merchant_id,
        refund_id,
        amount.minor_units,
        amount.currency,
        fingerprint,
        json.dumps([stored.of_need(need) for need in wanted]),
        sorted(weigh.open_words(wanted, [])),
        list(barred),
        seconds_of(wanted),
    )


async def end(refund_id: UUID) -> None:
    """What was needed, and said to it, counts no more."""
    await execute("UPDATE approval_needs SET ended_at = now() WHERE refund_id = $1 AND ended_at IS NULL", refund_id)


def seconds_of(wanted: Iterable[Need]) -> float:
    """How long it waits at most: the shortest of what its rules say, else as long as any."""
    return min([WAITING_SECONDS, *(need.hours * HOUR for need in wanted if need.hours is not None)])


async def wait(refund_id: UUID, seconds: float = WAITING_SECONDS) -> None:
    """It waits so many seconds, and is reminded of three days before the end, or half-way where that is sooner."""
    await execute(_WAIT, refund_id, seconds, seconds - min(REMINDER_SECONDS, seconds / 2))


async def current(refund_id: UUID) -> ApprovalNeeds | None:
    """What a refund needs now; None: nothing was kept of it."""
    return await ApprovalNeeds.get_or_none(refund_id=refund_id, ended_at=None)


async def current_of(refund_ids: Sequence[UUID]) -> Mapping[UUID, ApprovalNeeds]:
    """What each of these refunds needs."""
    return {row.refund_id: row for row in await ApprovalNeeds.filter(refund_id__in=set(refund_ids), ended_at=None)}


async def given_of(refund_ids: Sequence[UUID]) -> Mapping[UUID, list[Approval]]:
    """All that was ever said to each of these refunds, in order."""
    found: dict[UUID, list[Approval]] = {}
    for row in await Approval.filter(refund_id__in=set(refund_ids)).order_by("decided_at", "id"):
        found.setdefault(row.refund_id, []).append(row)
    return found


def wanted_of(row: ApprovalNeeds | None) -> tuple[Need, ...]:
    """The needs that are kept; of an older refund, one person."""
    return tuple(stored.need_of(one) for one in row.needs) if row is not None else (_OLDER,)


async def said_to(row: ApprovalNeeds) -> list[Yes]:
    """Every yes that counts, in order: none of somebody who is suspended by now, or by a right that such a one lent."""
    found = await Approval.filter(needs_id=row.id, decision="YES").order_by("decided_at", "id")
    whose = [{party for party in (one.decided_by_id, one.delegated_by_id) if party is not None} for one in found]
    gone = await second.suspended({party for parties in whose for party in parties})
    return [Yes(frozenset(one.counts_as or ())) for one, of in zip(found, whose, strict=True) if gone.isdisjoint(of)]


async def of_locked(refund: Refund, fingerprint: str | None, barred: Iterable[UUID]) -> ApprovalNeeds:
    """What a locked refund that waits needs; of one that is older it is written down now."""
    row = await current(refund.id)
    if row is None:
        amount = Money(refund.amount, refund.currency)
        await make(refund.merchant_id, refund.id, amount, fingerprint, (_OLDER,), barred)
        row = await ApprovalNeeds.get(refund_id=refund.id, ended_at=None)
    return row


async def note_yes(row: ApprovalNeeds, wanted: Sequence[Need], given: Sequence[Yes], parties: Iterable[UUID]) -> None:
    """Who has said yes does not say it again; and whose yes counts next."""
    await execute(
        "UPDATE approval_needs SET open_words = $2, barred_ids = barred_ids || $3::uuid[], met_at = CASE WHEN $4 "
        "  THEN now() END WHERE id = $1",
        row.id,
        sorted(weigh.open_words(wanted, given)),
        list(parties),
        weigh.are_met(wanted, given),
    )


def deadline_of(row: ApprovalNeeds) -> datetime:
    """Until when somebody must have decided (UTC)."""
    until: datetime = row.until
    return until


def told(wanted: Iterable[Need]) -> list[dict[str, Any]]:
    """The needs as an event tells them."""
    return [{"rule": need.rule, "why": need.why} for need in wanted]
