"""What has changed of findings, as a feed that is read from any position: the last word of each, once for each change.

A change takes a finding's position away (a trigger does it, whoever writes). Who reads gives new ones, one merchant at
a time, each higher than all before: so none is ever given out behind what somebody has read already. Where nobody
follows, nothing is numbered.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar
from uuid import UUID

from domain.access.principal import Scope
from domain.findings import search
from domain.findings.search import WantedFindings
from domain.models import Finding
from domain.platform.database import rows, transaction

T = TypeVar("T")
Change = tuple[int, Finding | None]  # None: up to this position there is nothing more of what is wanted
_AT_ONCE_MAX: Final = 1_000
_UNNUMBERED: Final = """SELECT m.id FROM merchants m WHERE m.id = ANY($1::uuid[])
  AND EXISTS (SELECT 1 FROM findings f WHERE f.merchant_id = m.id AND f.position IS NULL)"""
_HOLD: Final = "SELECT findings_position AS position FROM merchants WHERE id = $1 FOR NO KEY UPDATE"
# What somebody writes just now has its turn later, and holds up nobody.
_NUMBER: Final = """WITH few AS (SELECT id, created_at FROM findings WHERE merchant_id = $1 AND position IS NULL
    ORDER BY created_at, id LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED),
  numbered AS (UPDATE findings f SET position = $2::bigint + n.number
    FROM (SELECT id, row_number() OVER (ORDER BY created_at, id) AS number FROM few) n
    WHERE f.id = n.id RETURNING f.position)
UPDATE merchants SET findings_position = $2::bigint + (SELECT count(*) FROM numbered) WHERE id = $1"""
_HEADS: Final = "SELECT id, findings_position AS position FROM merchants WHERE id = ANY($1::uuid[])"


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which findings are followed: of whom, and which of theirs. It is a key: its lists are tuples."""

    scope: Scope
    wanted: WantedFindings

    @classmethod
    def of(cls, scope: Scope, wanted: WantedFindings) -> "Chosen":
        """A filter within what the reader may see, hashable, so that equal ones are followed as one."""
        kept = replace(
            wanted,
            kinds=_kept(wanted.kinds),
            states=_kept(wanted.states),
            connections=_kept(wanted.connections),
            pses=_kept(wanted.pses),
            stores=_kept(wanted.stores),
        )
        return cls(scope, kept)


def _kept(given: Sequence[T] | None) -> tuple[T, ...] | None:
    return None if given is None else tuple(sorted(set(given), key=str))


async def head(merchant_id: UUID) -> int:
    """The last position that was given out."""
    (row,) = await rows(_HEADS, [merchant_id])
    return int(row["position"])


async def after_each(pairs: Sequence[tuple[Chosen, int]], limit: int) -> list[list[Change]]:
    """For each choice and position what lies behind it, at most `limit`; where there is no more, how far was looked."""
    merchants = {chosen.scope.merchant_id for chosen, _ in pairs}
    await _number(merchants)
    heads = {row["id"]: int(row["position"]) for row in await rows(_HEADS, list(merchants))}
    return [
        await _behind(chosen, position, heads[chosen.scope.merchant_id], limit)
        if position < heads[chosen.scope.merchant_id]
        else []
        for chosen, position in pairs
    ]


async def _behind(chosen: Chosen, position: int, end: int, limit: int) -> list[Change]:
    query = await search.of_scope(chosen.scope, chosen.wanted)
    found = await query.filter(position__gt=position, position__lte=end).order_by("position").limit(limit)
    changes: list[Change] = [(one.position or 0, one) for one in found]
    if len(changes) < limit and (not changes or changes[-1][0] < end):
        changes.append((end, None))
    return changes


async def _number(merchants: Collection[UUID]) -> None:
    for row in await rows(_UNNUMBERED, list(merchants)):
        async with transaction():
            (before,) = await rows(_HOLD, row["id"])
            await rows(_NUMBER, row["id"], before["position"], _AT_ONCE_MAX)
