"""Plans as data: which there are, which one a merchant has, and how one is given."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.models import Merchant, UsagePlan
from domain.platform.alone import lock_name
from domain.platform.database import execute, for_merchant, transaction
from domain.problems import InvalidInput, NotFound

SET: Final = "usagePlanSet"
DEFAULT: Final = "UNLIMITED"
LIMIT_MAX: Final = 10**12
_TABLE: Final = Path(__file__).parent / "plans.toml"
_END: Final = "UPDATE usage_plans SET ended_at = now() WHERE merchant_id = $1 AND ended_at IS NULL"


class Metered(StrEnum):
    """What is counted."""

    REFUNDS = "REFUNDS"  # that were asked for
    API_CALLS = "API_CALLS"  # operations of programs
    DELIVERIES = "DELIVERIES"  # webhooks and messages that arrived
    LINES = "LINES"  # of settlement reports that were read


NEVER_HARD: Final = frozenset({Metered.DELIVERIES, Metered.LINES})


class Support(StrEnum):
    """Which support goes with a plan."""

    COMMUNITY = "COMMUNITY"
    STANDARD = "STANDARD"
    PRIORITY = "PRIORITY"


@dataclass(frozen=True, slots=True)
class Quota:
    """So many in a month. `hard`: nothing new is begun above it."""

    limit: int
    hard: bool = False


@dataclass(frozen=True, slots=True)
class PlanTerms:
    """A plan as it stands in the table, or as a merchant has it."""

    name: str
    support: Support
    said: str
    quotas: Mapping[Metered, Quota]


@cache
def known() -> Mapping[str, PlanTerms]:
    """The plans that can be given, by their names."""
    with _TABLE.open("rb") as file:
        return {name: _plan(name, told) for name, told in tomllib.load(file).items()}


def _plan(name: str, told: Mapping[str, Any]) -> PlanTerms:
    quotas = {Metered(one): Quota(**told[one]) for one in Metered if one in told}
    return PlanTerms(name, Support(told["support"]), told["said"], quotas)


async def current(merchant_id: UUID) -> PlanTerms:
    """The plan that the merchant has; where none was given, the one that bounds nothing."""
    row = await UsagePlan.get_or_none(merchant_id=merchant_id, ended_at=None)
    if row is None:
        return known()[DEFAULT]
    quotas = {Metered(name): Quota(**one) for name, one in row.quotas.items()}
    said = known()[row.plan].said if row.plan in known() else ""
    return PlanTerms(row.plan, Support(row.support), said, quotas)


async def give(
    principal: Principal, merchant_id: UUID, name: str, other: Mapping[Metered, Quota], cause: Cause
) -> PlanTerms:
    """Give a merchant of this platform (or itself) a plan, from now on; `other`: quotas in the place of the plan's.

    Raises Forbidden, InvalidInput, NotFound.
    """
    principal.require_everywhere(Permission.MANAGE_MERCHANTS)
    plan = _checked(name, other)
    merchant = await Merchant.get_or_none(id=merchant_id)
    if merchant is None or principal.merchant_id not in (merchant.id, merchant.platform_id):
        raise NotFound("There is no such merchant; merchants lists yours.", path=["input", "merchantId"])
    quotas = {one.value: {"limit": quota.limit, "hard": quota.hard} for one, quota in plan.quotas.items()}
    with for_merchant(merchant.id):
        async with transaction():
            await lock_name(f"usage-plan/{merchant.id}")
            before = await current(merchant.id)
            await execute(_END, merchant.id)
            await UsagePlan.create(
                id=uuid4(),
                merchant_id=merchant.id,
                plan=plan.name,
                support=plan.support.value,
                quotas=quotas,
                set_by=principal.holder[:200],
                set_by_id=principal.party,
            )
            facts = deeds.changed(_facts(before), _facts(plan))
            await deeds.note(merchant.id, SET, Of("merchant", merchant.id), cause, facts)
    return plan


def _checked(name: str, other: Mapping[Metered, Quota]) -> PlanTerms:
    plan = known().get(name)
    if plan is None:
        raise InvalidInput(f"{name[:32]!r} is no plan: there are {', '.join(known())}.", path=["input", "plan"])
    for counter, quota in other.items():
        if not 1 <= quota.limit <= LIMIT_MAX:
            raise InvalidInput(f"A limit is 1 to {LIMIT_MAX}.", path=["input", "quotas"])
        if quota.hard and counter in NEVER_HARD:
            raise InvalidInput(
                f"{counter} is never hard: what has happened is told, and what a PSE reports is read.",
                path=["input", "quotas"],
            )
    return PlanTerms(plan.name, plan.support, plan.said, {**plan.quotas, **other})


def _facts(plan: PlanTerms) -> dict[str, Any]:
    told = {one.value: f"{quota.limit}{' hard' if quota.hard else ''}" for one, quota in plan.quotas.items()}
    return {"plan": plan.name, "support": plan.support.value, **told}


def listed() -> Sequence[PlanTerms]:
    """The plans that can be given."""
    return list(known().values())
