"""Changing the rules. What only tightens holds at once; what loosens holds when another person has said yes to it.

So nobody opens a door for themselves, an administrator no more than anybody else.
"""

import json
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

from tortoise.queryset import QuerySet

from domain.access import merchants, roles, second, vouching
from domain.access.holders import same_person
from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.cause import Cause
from domain.deeds import deeds
from domain.findings import limits
from domain.models import ApprovalRule
from domain.money import EXPONENTS, MINOR_UNITS_MAX
from domain.platform.database import execute, transaction
from domain.problems import Forbidden, InvalidInput, InvalidState, NotFound
from domain.refunds.approvals import batch_limits, caps, changes, defaults, looser, standing, stored
from domain.refunds.approvals.caps import Cap
from domain.refunds.approvals.rules import ANY_OTHER, Rule
from domain.refunds.approvals.standing import APPROVAL, BATCH, CAP, FINDING, SETTLEMENT, RulesInForce

NAME_LENGTH_MAX: Final = 64
RULES_MAX: Final = 100  # that a merchant has said itself: each is looked at for every refund
_STEPS_MAX: Final = 10
_PEOPLE_MAX: Final = 10
_HOURS_MAX: Final = 24 * 30
_DAYS_MAX: Final = 3650
_PATH: Final = ["input", "ruleId"]
_RENEW: Final = "UPDATE merchants SET rules_version = rules_version + 1 WHERE id = $1"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is to stand under a name: exactly one of these, or none of them: what the merchant has said itself ends."""

    kind: str
    name: str
    rule: Rule | None = None
    by_two: dict[str, int] | None = None  # of SETTLEMENT, FINDING, BATCH: at or above, minor units by currency
    cap: Cap | None = None

    @property
    def body(self) -> dict[str, Any] | None:
        """As it is kept."""
        if self.rule is not None:
            return stored.of_rule(self.rule)
        if self.cap is not None:
            return caps.of_cap(self.cap)
        return {"amounts": self.by_two} if self.by_two is not None else None


def readable(principal: Principal) -> QuerySet[ApprovalRule]:
    """All that was ever proposed or stood. Raises Forbidden."""
    principal.require(Permission.READ, Permission.MANAGE_RULES)
    return ApprovalRule.filter(merchant_id=principal.merchant_id)


def waiting(principal: Principal) -> QuerySet[ApprovalRule]:
    """What waits for a second person. Raises Forbidden."""
    return readable(principal).filter(started_at=None, ended_at=None)


async def propose(principal: Principal, new: Proposal, cause: Cause) -> ApprovalRule:
    """Have this stand: at once where it only tightens, else when another person confirms it.

    Raises Forbidden, InvalidInput.
    """
    principal.require_everywhere(Permission.MANAGE_RULES)
    await _check(principal, new)
    async with transaction():
        await merchants.lock(principal.merchant_id)
        held = await standing.read(principal.merchant_id)
        if new.body is not None and len(held.own) >= RULES_MAX and (new.kind, new.name) not in held.own:
            raise InvalidInput(f"A merchant has at most {RULES_MAX} rules and caps of its own.", path=["input"])
        loosens = _is_looser(held, new)
        before = await _standing_row(principal.merchant_id, new)
        older = await _withdraw_open(principal, new)
        row = await ApprovalRule.create(
            id=uuid4(),
            merchant_id=principal.merchant_id,
            kind=new.kind,
            name=new.name,
            body=new.body,
            loosens=loosens,
            replaces_id=before.id if before else None,
            proposed_by=principal.holder[:200],
            proposed_by_id=principal.party,
        )
        if not loosens:
            await _start(row, principal, None)
        facts = deeds.changed(changes.held_under(held, new.kind, new.name), changes.would_hold(row))
        if older:  # what somebody had proposed for that name counts no more
            facts["replaces"] = [older, None]
        states = (None, changes.WAITS if loosens else changes.STANDS)
        await changes.note(changes.proposing(row), row, cause, states, facts)
    return await ApprovalRule.get(id=row.id)


async def confirm(principal: Principal, rule_id: UUID, cause: Cause) -> ApprovalRule:
    """A second person's yes to what loosens. Raises Forbidden, NotFound, InvalidState."""
    principal.require_everywhere(Permission.MANAGE_RULES)
    async with transaction():
        row = await _open(principal, rule_id)
        if await vouching.is_same(principal, row.proposed_by_id, row.proposed_at) or same_person(
            row.proposed_by, principal.holder
        ):
            raise Forbidden(
                "You proposed it yourself; another person with MANAGE_RULES must confirm what loosens. If there is "
                "nobody else, invite a second person (personInvite with the role ADMIN).",
                path=_PATH,
            )
        await second.check_first_counts(row.proposed_by_id, _PATH)
        before = await ApprovalRule.get_or_none(
            merchant_id=row.merchant_id, kind=row.kind, name=row.name, started_at__isnull=False, ended_at=None
        )
        if (before.id if before else None) != row.replaces_id:
            raise InvalidState(
                "Another change came first: read the rules and propose it anew.", path=_PATH, current_state="OUTDATED"
            )
        held = await standing.read(row.merchant_id)
        await _start(row, principal, principal)
        facts = deeds.changed(changes.held_under(held, row.kind, row.name), changes.would_hold(row))
        facts["proposed_by"] = [None, row.proposed_by]
        await changes.note(changes.CONFIRM, row, cause, (changes.WAITS, changes.STANDS), facts)
    return await ApprovalRule.get(id=rule_id)


async def withdraw(principal: Principal, rule_id: UUID, cause: Cause) -> ApprovalRule:
    """Take back, or refuse, what waits for a second person. Raises Forbidden, NotFound, InvalidState."""
    principal.require_everywhere(Permission.MANAGE_RULES)
    async with transaction():
        row = await _open(principal, rule_id)
        await _end(row.id, principal)
        facts = deeds.changed(changes.would_hold(row), {})  # what was proposed, and holds not
        facts["proposed_by"] = [None, row.proposed_by]
        await changes.note(changes.WITHDRAW, row, cause, (changes.WAITS, changes.ENDED), facts)
    return await ApprovalRule.get(id=rule_id)


async def _open(principal: Principal, rule_id: UUID) -> ApprovalRule:
    await merchants.lock(principal.merchant_id)
    row = await ApprovalRule.get_or_none(id=rule_id, merchant_id=principal.merchant_id)
    if row is None:
        raise NotFound("No such rule; approvalRules lists yours.", path=_PATH)
    if row.started_at is not None or row.ended_at is not None:
        raise InvalidState(
            "It waits for nobody: it stands, or has ended.",
            path=_PATH,
            current_state="ENDED" if row.ended_at else "STANDING",
        )
    return row


def _is_looser(held: RulesInForce, new: Proposal) -> bool:
    """Compared with what holds under that name now; what ends gives its place to the default of that name."""
    if new.kind == APPROVAL:
        default = next((rule for rule in defaults.RULES if rule.name == new.name), None)
        return looser.is_looser(held.rule(new.name), new.rule or default)
    if new.kind == SETTLEMENT:
        return looser.amounts_looser(held.settled_by_two, new.by_two or defaults.SETTLED_BY_TWO)
    if new.kind == FINDING:
        return looser.amounts_looser(held.findings_by_two, new.by_two or limits.DEFAULT)
    if new.kind == BATCH:
        return looser.amounts_looser(held.batches_by_two, new.by_two or batch_limits.DEFAULT)
    return caps.is_looser(held.cap(new.name), new.cap)


async def _standing_row(merchant_id: UUID, new: Proposal) -> ApprovalRule | None:
    return await ApprovalRule.get_or_none(
        merchant_id=merchant_id, kind=new.kind, name=new.name, started_at__isnull=False, ended_at=None
    )


async def _withdraw_open(principal: Principal, new: Proposal) -> list[str]:
    """People who disagree begin again: an older proposal for that name counts no more. The ids of such."""
    same = ApprovalRule.filter(merchant_id=principal.merchant_id, kind=new.kind, name=new.name)
    open_ones = await same.filter(started_at=None, ended_at=None)
    for row in open_ones:
        await _end(row.id, principal)
    return [str(row.id) for row in open_ones]


async def _end(rule_id: UUID, principal: Principal) -> None:
    await execute(
        "UPDATE approval_rules SET ended_at = now(), ended_by = $2 WHERE id = $1", rule_id, principal.holder[:200]
    )


async def _start(row: ApprovalRule, by: Principal, confirmer: Principal | None) -> None:
    if row.replaces_id is not None:
        await _end(row.replaces_id, by)
    await execute(
        "UPDATE approval_rules SET started_at = now(), confirmed_by = $2, confirmed_by_id = $3 WHERE id = $1",
        row.id,
        confirmer.holder[:200] if confirmer else None,
        confirmer.party if confirmer else None,
    )
    # Every process asks again with the next refund (standing).
    if await execute(_RENEW, row.merchant_id) != 1:
        raise RuntimeError("The rules of this merchant were not renewed: nobody would hear of the change.")


def in_words(body: dict[str, Any] | None) -> str | None:
    """What is kept, as JSON."""
    return json.dumps(body, sort_keys=True) if body is not None else None


# What may be said


async def _check(principal: Principal, new: Proposal) -> None:
    """Raises InvalidInput."""
    if not (0 < len(new.name) <= NAME_LENGTH_MAX and new.name.isascii() and new.name.isprintable()):
        raise InvalidInput(f"name takes 1 to {NAME_LENGTH_MAX} ASCII characters.", path=["input", "name"])
    if len(json.dumps(new.body)) > 10_000:
        raise InvalidInput("It names too much.", path=["input"])
    if new.rule is not None:
        await _check_rule(principal, new.rule)
    if new.by_two is not None:
        _check_amounts({name: one for name, one in new.by_two.items() if name != batch_limits.ROWS_ANY})
    if new.cap is not None:
        _check_cap(new.cap)


async def _check_rule(principal: Principal, rule: Rule) -> None:
    need, when = rule.need, rule.when
    sets = await roles.sets_of(principal.merchant_id)
    known = {*Permission, *sets}
    if len(need.steps) > _STEPS_MAX or any(not 1 <= step.count <= _PEOPLE_MAX for step in need.steps):
        raise InvalidInput(
            f"A rule has at most {_STEPS_MAX} steps of 1 to {_PEOPLE_MAX} people.", path=["input", "steps"]
        )
    for step in need.steps:
        if step.of not in known:
            raise InvalidInput(f"{step.of} is no permission and no role; roles lists them.", path=["input", "steps"])
        if Permission.APPROVE not in sets.get(step.of, {Permission.APPROVE}):
            raise InvalidInput(
                f"{step.of} does not have APPROVE: nobody who is only that could say yes. Name a role that has it, or "
                "a permission.",
                path=["input", "steps"],
            )
    if need.hours is not None and not 1 <= need.hours <= _HOURS_MAX:
        raise InvalidInput(f"hours is 1 to {_HOURS_MAX}.", path=["input", "hours"])
    if when.amounts is not None:
        _check_amounts(when.amounts)
    if when.refunded_before is not None and not (
        1 <= when.refunded_before.count <= 1_000 and 1 <= when.refunded_before.days <= _DAYS_MAX
    ):
        raise InvalidInput(
            f"refundedBefore takes 1 to 1000 times in 1 to {_DAYS_MAX} days.", path=["input", "when", "refundedBefore"]
        )
    if when.older_than_days is not None and not 0 <= when.older_than_days <= _DAYS_MAX:
        raise InvalidInput(f"olderThanDays is 0 to {_DAYS_MAX}.", path=["input", "when", "olderThanDays"])
    if when.outside is not None and not (
        when.outside.begin.tzinfo is when.outside.end.tzinfo is None
        and when.outside.begin < when.outside.end
        and when.outside.weekdays <= {1, 2, 3, 4, 5, 6, 7}
    ):
        raise InvalidInput("Hours begin before they end, on weekdays 1 to 7.", path=["input", "when", "outside"])


def _check_amounts(amounts: Any) -> None:
    for currency, amount in amounts.items():
        if currency not in EXPONENTS and currency != ANY_OTHER:
            raise InvalidInput(f"{currency} is no currency that is known here.", path=["input", "amounts"])
        if not 0 <= amount <= MINOR_UNITS_MAX:
            raise InvalidInput("An amount is a number of minor units.", path=["input", "amounts"])


def _check_cap(cap: Cap) -> None:
    if cap.amount is None and cap.count is None:
        raise InvalidInput("A cap is of an amount, a count, or both.", path=["input", "amount"])
    if (cap.amount is None) != (cap.currency is None):
        raise InvalidInput("A cap of an amount has its currency; one of a count alone has none.", path=["input"])
    if cap.count is not None and not 0 <= cap.count < 2**31:
        raise InvalidInput("count is a number of refunds.", path=["input", "count"])
    if cap.only is not None and not 0 < len(cap.only) <= 200:
        raise InvalidInput("only is the id of one whose refunds are counted.", path=["input", "only"])


__all__ = [
    "APPROVAL",
    "CAP",
    "Proposal",
    "confirm",
    "propose",
    "readable",
    "waiting",
    "withdraw",
]
