"""What a refund that is asked for, or whose account was named, needs: what rules want, and caps that hold it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from domain.cause import Cause
from domain.models import Destination, Refund
from domain.models.refunds import Reason
from domain.money import Money
from domain.refunds.approvals import caps, defaults, facts, involved, needs, standing
from domain.refunds.approvals.caps import Cap, CountedRefund, Per
from domain.refunds.approvals.facts import Requester
from domain.refunds.approvals.rules import Named, Need, Step, joined

_BRACKET: Final = ">"  # with which the name of a person who signs in ends, and no program's


async def wanted(
    payment: Mapping[str, Any],
    amount: Money,
    reason: Reason,
    requester: Requester,
    cause: Cause,
    named: Named | None,
) -> tuple[Need, ...]:
    """What a new refund of a locked payment needs; it is counted against the caps. Raises CapExceeded."""
    held = await standing.of(payment["merchant_id"], payment["rules_version"])
    about = facts.of_payment(payment, amount, reason, requester, named)
    verdict = await facts.weighed(held.rules, about, payment, requester)
    over = await caps.count(held.caps, counted(payment, amount, requester, cause)) if held.caps else []
    return joined(verdict.needs, [need_of(cap) for cap in over])


def counted(payment: Mapping[str, Any], amount: Money, requester: Requester, cause: Cause) -> CountedRefund:
    """The refund as caps count it."""
    subjects = {
        Per.PARTY: str(requester.party or cause.actor),
        Per.STORE: str(payment["store_id"]),
        Per.MERCHANT: str(payment["merchant_id"]),
        Per.CUSTOMER: payment["customer_digest"],
    }
    return CountedRefund(payment["merchant_id"], amount, subjects, payment["now"], payment["zone"])


def need_of(cap: Cap) -> Need:
    """What is over a cap that holds waits for one person."""
    return Need(cap.name, f"It is over the cap {cap.name} ({cap.per} and day).", (Step(defaults.APPROVE),))


async def keep(refund: Refund, destination: Destination | None, needed: Sequence[Need]) -> None:
    """Keep what a locked refund needs to go to this destination."""
    part = await involved.of(refund, destination) if needed else None
    fingerprint = destination.fingerprint if destination is not None else None
    amount = Money(refund.amount, refund.currency)
    await needs.make(refund.merchant_id, refund.id, amount, fingerprint, needed, part.parties if part else ())


async def renewed(refund: Refund, named: Named) -> tuple[Need, ...]:
    """What a locked refund needs whose account was named just now: what it needed before stays needed."""
    payment = await facts.payment_of(refund.payment_id)
    held = await standing.of(refund.merchant_id, payment["rules_version"])
    party = refund.requested_by_id
    requester = Requester(party, not refund.requested_by.endswith(_BRACKET), party)
    amount = Money(refund.amount, refund.currency)
    about = facts.of_payment(payment, amount, refund.reason, requester, named, is_reserved=True)
    verdict = await facts.weighed(held.rules, about, payment, requester, refund.id)
    before = await needs.current(refund.id)
    kept = [need for need in needs.wanted_of(before) if not _is_about_it(need)] if before is not None else []
    return joined(kept, verdict.needs)


def _is_about_it(need: Need) -> bool:
    """Whether it was wanted because of the account before, which counts no more."""
    return need.rule in _OF_DESTINATIONS


_OF_DESTINATIONS: Final = frozenset(
    rule.name for rule in defaults.RULES if (rule.when.whose_word, rule.when.other_holder) != (None, None)
)
