"""How far a sheet is, for whoever follows it: the last word counts, each `changes` further than the one before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from domain.batches.batches import SheetState
from domain.platform.database import rows

_ENDED: Final = frozenset({SheetState.DONE, SheetState.FAILED, SheetState.CANCELED})
_TOLD: Final = """SELECT b.id, b.changes, b.state, b.rows_done, b.rows_total, b.problem
FROM unnest($1::uuid[], $2::bigint[]) AS a(id, after) JOIN batches b ON b.id = a.id AND b.changes > a.after"""


@dataclass(frozen=True, slots=True)
class BatchTold:
    """How a sheet stands. `rows_total` None: it is being read."""

    batch_id: UUID
    changes: int
    state: SheetState
    rows_done: int
    rows_total: int | None
    problem: str | None

    @property
    def ended(self) -> bool:
        """Whether nothing more is told of it."""
        return self.state in _ENDED


async def after_each(pairs: Sequence[tuple[UUID, int]], limit: int) -> Sequence[Sequence[BatchTold]]:
    """For each sheet and position, how it stands if it has told something since."""
    found = {
        row["id"]: _told(row) for row in await rows(_TOLD, [one for one, _ in pairs], [after for _, after in pairs])
    }
    return [[found[one]] if one in found else [] for one, _ in pairs]


def _told(row: Mapping[str, Any]) -> BatchTold:
    return BatchTold(
        row["id"], row["changes"], SheetState(row["state"]), row["rows_done"], row["rows_total"], row["problem"]
    )
