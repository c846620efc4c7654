"""What a change of the rules leaves in the log: what held under its name, what holds now or would, and which change."""

from collections.abc import Mapping
from typing import Any, Final

from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.findings import limits
from domain.models import ApprovalRule
from domain.refunds.approvals import batch_limits, caps, defaults, stored
from domain.refunds.approvals.rules import Rule
from domain.refunds.approvals.standing import APPROVAL, BATCH, CAP, FINDING, SETTLEMENT, RulesInForce

# By the name that stays when the rows under it change: the log of LARGE_AMOUNT is all that ever became of it.
OBJECTS: Final = {
    APPROVAL: "approval rule",
    CAP: "velocity cap",
    SETTLEMENT: "settlement limit",
    FINDING: "finding limit",
    BATCH: "batch limit",
}
_PROPOSE: Final = {
    APPROVAL: "approvalRulePropose",
    CAP: "velocityCapPropose",
    SETTLEMENT: "settlementLimitPropose",
    FINDING: "findingLimitPropose",
    BATCH: "batchLimitPropose",
}
CONFIRM: Final = "approvalRuleConfirm"
WITHDRAW: Final = "approvalRuleWithdraw"
_END: Final = "approvalRuleEnd"
WAITS: Final = "WAITS"
STANDS: Final = "STANDS"
ENDED: Final = "ENDED"


def proposing(row: ApprovalRule) -> str:
    """The operation that proposes such a change."""
    return _PROPOSE[row.kind] if row.body is not None else _END


def held_under(held: RulesInForce, kind: str, name: str) -> dict[str, Any]:
    """What holds under a name: the merchant's own, else the default; empty: nothing."""
    if kind == APPROVAL:
        return _of_rule(held.rule(name))
    if kind == SETTLEMENT:
        return {"amounts": dict(held.settled_by_two)}
    if kind == FINDING:
        return {"amounts": dict(held.findings_by_two)}
    if kind == BATCH:
        return {"amounts": dict(held.batches_by_two)}
    cap = held.cap(name)
    return caps.of_cap(cap) if cap is not None else {}


def would_hold(row: ApprovalRule) -> dict[str, Any]:
    """What holds under its name where the change stands: what ends gives its place to the default of that name."""
    if row.kind == APPROVAL:
        default = next((rule for rule in defaults.RULES if rule.name == row.name), None)
        return _of_rule(stored.rule_of(row.body) if row.body is not None else default)
    if row.kind == SETTLEMENT:
        return dict(row.body) if row.body is not None else {"amounts": dict(defaults.SETTLED_BY_TWO)}
    if row.kind == FINDING:
        return dict(row.body) if row.body is not None else {"amounts": dict(limits.DEFAULT)}
    if row.kind == BATCH:
        return dict(row.body) if row.body is not None else {"amounts": dict(batch_limits.DEFAULT)}
    return dict(row.body) if row.body is not None else {}


def _of_rule(rule: Rule | None) -> dict[str, Any]:
    """Its conditions and needs, each a fact of its own; its name is the object's."""
    if rule is None:
        return {}
    body = stored.of_rule(rule)
    return {"when": body["when"], **{name: one for name, one in body["need"].items() if name != "rule"}}


async def note(
    operation: str, row: ApprovalRule, cause: Cause, states: tuple[str | None, str], facts: Mapping[str, list[Any]]
) -> None:
    """Write it, inside the caller's transaction. `states` of the change: before and after; `facts`: as `changed`."""
    what = {"change": [None, str(row.id)], "state": list(states), "loosens": [None, row.loosens], **facts}
    await deeds.note(row.merchant_id, operation, Of(OBJECTS[row.kind], row.name), cause, what)
