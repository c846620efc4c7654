"""What the product owes to a webhook that it has taken in: to look, or to leave a trace. Checked after every step."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from tests.trials.simulation.stage import Stage
from tests.trials.simulation.truth import Violation
from tests.trials.simulation.wide_pse import WidePse
from tests.trials.simulation.wire import LEASE_SECONDS

_A_MOMENT: Final = 0.02
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_OWED: Final = """SELECT r.state, r.due_at <= $2::timestamptz + make_interval(secs => $4::float8) AS soon,
  n.id IS NOT NULL AS stored, n.due_at IS NOT NULL AS waits,
  EXISTS (SELECT 1 FROM events e WHERE e.refund_id = r.id AND e.occurred_at >= $3::timestamptz) AS told,
  EXISTS (SELECT 1 FROM findings f WHERE f.refund_id = r.id) AS found
FROM refunds r LEFT JOIN notices n ON n.digest = $5 AND n.connection_id = r.connection_id WHERE r.reference = $1"""
DEAD: Final = "SELECT 1 FROM notices WHERE digest = $1 AND due_at IS NULL AND applied_at IS NULL"


class Kind(StrEnum):
    """What kind of webhook it was."""

    HINT = "HINT"  # "there is news": the PSE must be asked after it
    CONTRARY = "CONTRARY"  # it contradicts a refund that had succeeded: it is asked about, or a person is told


@dataclass(frozen=True, slots=True)
class Promise:
    """A webhook about a refund that was delivered at `since`."""

    kind: Kind
    reference: str
    since: datetime
    body: bytes

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


async def check(stage: Stage, pse: WidePse, promises: list[Promise], *, under_way: bool) -> None:
    """Drop what was kept. Raises Violation for what nothing will keep any more.

    `under_way`: a worker has claimed something and its call has not left, so that a lease may have to pass first.
    """
    patience = LEASE_SECONDS + 1 if under_way else _A_MOMENT
    for promise in list(promises):
        if pse.told_at.get(promise.reference, _NEVER) >= promise.since:
            promises.remove(promise)
            continue
        now = stage.clock.now
        row = await stage.hand.fetchrow(_OWED, promise.reference, now, promise.since, patience, promise.digest)
        traced = row["told"] or row["found"]
        if promise.kind is Kind.CONTRARY and traced:
            promises.remove(promise)
        elif row["stored"] and not (row["waits"] or row["soon"] or row["state"] == "MANUAL"):
            raise Violation(f"Of refund {promise.reference} in {row['state']} a {promise.kind} webhook was forgotten.")


async def dead(stage: Stage, digest: str) -> bool:
    """Whether a webhook waits for nothing more and was never applied."""
    return await stage.hand.fetchval(DEAD, digest) is not None
