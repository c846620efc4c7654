"""Saying by which rules people are told: each rule that is set ends the one before of its name, and is a deed."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID, uuid4

from domain.access import merchants
from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.alerts import rules
from domain.alerts.rules import HeldRule
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.models import AlertRule, Connection, Endpoint
from domain.models.alerts import AlertKind
from domain.models.deliveries import EndpointKind, EndpointState
from domain.money import EXPONENTS, MINOR_UNITS_MAX
from domain.platform.database import execute, transaction
from domain.platform.lengths import equal
from domain.problems import InvalidInput, NotFound

SET: Final = "alertRuleSet"
END: Final = "alertRuleEnd"
OBJECT: Final = "alertRule"
RULES_MAX: Final = 60  # of a merchant's own
NAME_MAX: Final = 64
_NAMED_MAX: Final = 50
_HOURS_MAX: Final = 720
_END: Final = (
    "UPDATE alert_rules SET ended_at = now(), ended_by = $3 WHERE merchant_id = $1 AND name = $2 AND ended_at IS NULL"
)


async def held(principal: Principal) -> list[HeldRule]:
    """What holds for the merchant: its own rules, and the defaults that none of them replaces. Raises Forbidden."""
    principal.require(Permission.READ, Permission.MANAGE_NEWS)
    own = (await rules.read()).get(principal.merchant_id, [])
    return [rule for kind in AlertKind for rule in rules.of_kind(own, kind)]


async def own_names(principal: Principal) -> frozenset[str]:
    """The names of the rules that the merchant has said itself."""
    own = await AlertRule.filter(merchant_id=principal.merchant_id, ended_at=None).only("id", "name")
    return frozenset(row.name for row in own)


async def set_rule(principal: Principal, rule: HeldRule, cause: Cause) -> HeldRule:
    """Have this rule hold from now on, instead of the one of its name. Raises Forbidden, InvalidInput, NotFound."""
    principal.require_everywhere(Permission.MANAGE_NEWS)
    await _check(principal, rule)
    async with transaction():
        await merchants.lock(principal.merchant_id)
        before = await AlertRule.get_or_none(merchant_id=principal.merchant_id, name=rule.name, ended_at=None)
        if (
            before is None
            and await AlertRule.filter(merchant_id=principal.merchant_id, ended_at=None).count() >= RULES_MAX
        ):
            raise InvalidInput(f"A merchant has at most {RULES_MAX} rules of its own: end one first.", path=["input"])
        if before is not None:
            await execute(_END, principal.merchant_id, rule.name, principal.holder[:200])
        made = await AlertRule.create(
            id=uuid4(), merchant_id=principal.merchant_id, set_by=principal.holder[:200], **_values(rule)
        )
        was = _told(before) if before is not None else {}
        await deeds.note(made.merchant_id, SET, Of(OBJECT, rule.name), cause, deeds.changed(was, _told(made)))
    return rule


async def end_rule(principal: Principal, name: str, cause: Cause) -> None:
    """What the merchant has said under this name ends; its default holds again. Raises Forbidden, NotFound."""
    principal.require_everywhere(Permission.MANAGE_NEWS)
    async with transaction():
        await merchants.lock(principal.merchant_id)
        rules_ = AlertRule.filter(merchant_id=principal.merchant_id, ended_at=None)
        before = await equal(rules_, name=name).get_or_none()
        if before is None:
            raise NotFound("There is no rule of yours of that name.", path=["input", "name"])
        await execute(_END, principal.merchant_id, name, principal.holder[:200])
        await deeds.note(before.merchant_id, END, Of(OBJECT, name), cause, deeds.changed(_told(before), {}))


def _values(rule: HeldRule) -> dict[str, Any]:
    quiet = rule.quiet
    return {
        "name": rule.name,
        "kind": rule.kind,
        "mode": rule.mode,
        "severity": rule.severity,
        "connection_ids": sorted(rule.connections),
        "endpoint_ids": list(rule.endpoints),
        "next_ids": list(rule.next),
        "last_ids": list(rule.last),
        "escalates": rule.escalates,
        "quiet_from": f"{quiet[0]:%H:%M}" if quiet else None,
        "quiet_until": f"{quiet[1]:%H:%M}" if quiet else None,
        "least": dict(rule.least),
        "hours": rule.hours,
    }


def _told(row: AlertRule) -> dict[str, Any]:
    lists = {
        name: [str(one) for one in getattr(row, name)]
        for name in ("connection_ids", "endpoint_ids", "next_ids", "last_ids")
    }
    plain = ("kind", "mode", "severity", "escalates", "quiet_from", "quiet_until", "least", "hours")
    return {**{name: getattr(row, name) for name in plain}, **lists}


async def _check(principal: Principal, rule: HeldRule) -> None:
    if not (0 < len(rule.name.strip()) == len(rule.name) <= NAME_MAX and rule.name.isprintable()):
        raise InvalidInput(f"name takes 1 to {NAME_MAX} printable characters.", path=["input", "name"])
    if rule.name in AlertKind.__members__ and rule.name != rule.kind:
        raise InvalidInput("The name of a kind is the name of its own rule.", path=["input", "name"])
    if rule.quiet is not None and rule.quiet[0] == rule.quiet[1]:
        raise InvalidInput("Quiet hours begin and end at different times.", path=["input", "quiet"])
    if rule.hours is not None and not 1 <= rule.hours <= _HOURS_MAX:
        raise InvalidInput(f"hours lies between 1 and {_HOURS_MAX}.", path=["input", "hours"])
    for currency, amount in rule.least.items():
        if currency not in EXPONENTS or not 0 <= amount <= MINOR_UNITS_MAX:
            raise InvalidInput(f"{currency[:10]} is no currency, or the amount is none.", path=["input", "least"])
    await _check_connections(principal, list(rule.connections))
    for field, ids in (("endpointIds", rule.endpoints), ("nextIds", rule.next), ("lastIds", rule.last)):
        await _check_endpoints(principal, ids, ["input", field])


async def _check_connections(principal: Principal, ids: Sequence[UUID]) -> None:
    found = (
        await Connection.filter(merchant_id=principal.merchant_id, id__in=list(ids)[:_NAMED_MAX]).count() if ids else 0
    )
    if found != len(ids):
        raise NotFound("One of these connections is none of yours.", path=["input", "connectionIds"])


async def _check_endpoints(principal: Principal, ids: Sequence[UUID], path: list[str]) -> None:
    """Raises NotFound, InvalidInput: programs are told events, people alerts."""
    if not ids:
        return
    found = await Endpoint.filter(merchant_id=principal.merchant_id, id__in=list(ids)[:_NAMED_MAX])
    there = [one for one in found if one.state is not EndpointState.OFF]
    if len(there) != len(set(ids)):
        raise NotFound("One of these endpoints is none of yours.", path=path)
    if any(one.kind is EndpointKind.WEBHOOK for one in there):
        raise InvalidInput("A webhook is told events; alerts go to channels that people read.", path=path)
