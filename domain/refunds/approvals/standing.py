"""What holds for a merchant now: its own rules and caps, and the defaults that it has not replaced.

Each process remembers them by the merchant's `rules_version`, which the hot path reads along with the payment: nobody
asks for them again until they change, and a merchant that has none of its own is never asked about.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from domain.findings import limits
from domain.platform.database import in_a_transaction, remembered, rows
from domain.refunds.approvals import batch_limits, caps, defaults, stored
from domain.refunds.approvals.caps import Cap
from domain.refunds.approvals.rules import Rule

APPROVAL, SETTLEMENT, CAP = "APPROVAL", "SETTLEMENT", "CAP"
FINDING: Final = limits.KIND
BATCH: Final = batch_limits.KIND
# Version and rules in one statement, so that neither is of another moment.
_STANDING: Final = """
SELECT m.rules_version AS version, r.kind, r.name, r.body FROM merchants m LEFT JOIN approval_rules r
  ON r.merchant_id = m.id AND r.started_at IS NOT NULL AND r.ended_at IS NULL AND r.body IS NOT NULL
WHERE m.id = $1 ORDER BY r.kind, r.name"""
_known: Final[dict[UUID, "RulesInForce"]] = remembered()


@dataclass(frozen=True, slots=True)
class RulesInForce:
    """A merchant's rules and caps. `own`: the names of those that it has said itself, by kind."""

    version: int
    rules: tuple[Rule, ...]
    settled_by_two: Mapping[str, int]  # at or above: minor units by currency
    caps: tuple[Cap, ...]
    findings_by_two: Mapping[str, int]  # at or above: minor units by currency
    batches_by_two: Mapping[str, int]  # at or above: minor units by currency, and rows
    own: frozenset[tuple[str, str]]

    def rule(self, name: str) -> Rule | None:
        """The rule of that name."""
        return next((rule for rule in self.rules if rule.name == name), None)

    def cap(self, name: str) -> Cap | None:
        """The cap of that name."""
        return next((cap for cap in self.caps if cap.name == name), None)


DEFAULT: Final = RulesInForce(
    0, defaults.RULES, defaults.SETTLED_BY_TWO, (), limits.DEFAULT, batch_limits.DEFAULT, frozenset()
)


async def of(merchant_id: UUID, version: int) -> RulesInForce:
    """What holds, where the merchant's version was just read."""
    if version == 0:
        return DEFAULT
    known = _known.get(merchant_id)
    if known is not None and known.version == version:
        return known
    found = await read(merchant_id)
    if not in_a_transaction():  # what may be undone yet is not remembered
        _known[merchant_id] = found
    return found


async def read(merchant_id: UUID) -> RulesInForce:
    """What holds, as it is stored."""
    found = await rows(_STANDING, merchant_id)
    by_name = {(row["kind"], row["name"]): json.loads(row["body"]) for row in found if row["kind"] is not None}
    return _made(found[0]["version"] if found else 0, by_name)


def _made(version: int, own: Mapping[tuple[str, str], Any]) -> RulesInForce:
    mine = {name: stored.rule_of(body) for (kind, name), body in own.items() if kind == APPROVAL}
    rules = [mine.pop(rule.name, rule) for rule in defaults.RULES] + list(mine.values())
    settled = own.get((SETTLEMENT, defaults.SETTLE_BY_HAND), {}).get("amounts", defaults.SETTLED_BY_TWO)
    capped = tuple(caps.cap_of(name, body) for (kind, name), body in own.items() if kind == CAP)
    found = own.get((FINDING, limits.NAME), {}).get("amounts", limits.DEFAULT)
    batches = own.get((BATCH, batch_limits.NAME), {}).get("amounts", batch_limits.DEFAULT)
    return RulesInForce(version, tuple(rules), settled, capped, found, batches, frozenset(own))
