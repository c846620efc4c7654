"""When a refund is looked at again (`due_at`, by the database's clock; null: not by itself), and when sent again.

A send that got no clear answer may have arrived, or may arrive yet. While there is one, each further send is preceded
by a question, is made with a key that still lives, and is not made for ever: what cannot be bounded so, a person ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from domain.models.refunds import State
from domain.platform.database import execute, rows
from domain.pse.capabilities import Capability

# Of refunds r: it may be at the PSE, or arrive there yet, and the PSE has not said so.
MAY_ARRIVE: Final = (
    "(r.state = 'SUBMITTED' OR r.state = 'REQUESTED' AND EXISTS "
    "(SELECT 1 FROM attempts a WHERE a.refund_id = r.id AND a.outcome IS DISTINCT FROM 'UNSENT'))"
)
SENDS_MAX: Final = 3  # that may have arrived, where the PSE would pay each of them
_KEY_MARGIN: Final = timedelta(hours=1)  # a key is not used in the last hour of its life


async def postpone(refund_id: UUID, seconds: float | None, *, keep_rung: bool = False) -> None:
    """Look at the refund again in so many seconds; None: when somebody says so.

    `keep_rung`: if it fell due meanwhile (a webhook came during the call), it stays due, so that no news is lost.
    """
    await execute(
        "UPDATE refunds SET due_at = CASE WHEN $3::bool AND due_at <= now() THEN due_at "
        "  ELSE now() + make_interval(secs => $2::float8) END WHERE id = $1",
        refund_id,
        seconds,
        keep_rung,
    )


async def ask(refund_ids: Sequence[str]) -> None:
    """Look at these refunds now, whatever their turn."""
    await execute(
        "UPDATE refunds SET due_at = least(due_at, now()) WHERE id IN ("  # locked in the order of all others
        "  SELECT id FROM refunds WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE)",
        list(refund_ids),
    )


async def wake(connection_id: UUID, *states: State) -> None:
    """Look now at the connection's refunds in these states: what they waited for is over.

    Who is locked is looked at later. Who has a turn later for another reason is looked at too, once: that costs a
    question and harms nothing.
    """
    await execute(
        "UPDATE refunds SET due_at = now() WHERE id IN ("  # locked in the order of all others
        "  SELECT id FROM refunds WHERE connection_id = $1 AND state = ANY($2) AND due_at > now() "
        "  ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)",
        connection_id,
        [state.value for state in states],
    )


async def put_off(refund_id: UUID, seconds: float) -> None:
    """Look at the refund no sooner than in so many seconds, if it is to be looked at again at all."""
    await execute(
        "UPDATE refunds SET due_at = greatest(due_at, now() + make_interval(secs => $2::float8)) "
        "WHERE id = $1 AND due_at IS NOT NULL",
        refund_id,
        seconds,
    )


async def make_due(refund_id: UUID) -> None:
    """Look at the refund now."""
    await execute("UPDATE refunds SET due_at = now() WHERE id = $1 AND (due_at IS NULL OR due_at > now())", refund_id)


async def rest(refund_id: UUID) -> None:
    """Nothing more is expected of the refund, unless it fell due while it was asked about: then it stays due."""
    await execute("UPDATE refunds SET due_at = NULL WHERE id = $1 AND due_at > now()", refund_id)


@dataclass(frozen=True, slots=True)
class Sends:
    """The sends of a refund that may have arrived: all but those that certainly never left. `now`: the database's."""

    count: int
    first_sent_at: datetime | None
    last_ended_at: datetime | None
    now: datetime

    def known_by(self, able: Capability) -> datetime:
        """From when on the PSE's "unknown" is believed. Each send that a PSE might pay again makes us wait longer."""
        if self.last_ended_at is None:
            return self.now if self.count == 0 else datetime.max.replace(tzinfo=self.now.tzinfo)
        times = 2 ** (self.count - 1) if able.pays_again else 1
        return self.last_ended_at + able.look_up_grace * times

    def why_not_again(self, able: Capability, pse_refund_reference: str | None) -> str | None:
        """Why the order must not be sent again without a person, however clearly the PSE says that it is unknown."""
        if self.first_sent_at is None:
            return None
        if (lifetime := able.key_lifetime) is not None:
            if self.now < self.first_sent_at + lifetime - min(_KEY_MARGIN, lifetime / 10):
                return None
            return "The idempotency key of its first send has lived its life: sent again, it could be paid twice."
        if not able.can_ask(pse_refund_reference):
            return "This PSE can neither be asked nor be sent the same order again."
        if able.pays_again and self.count >= SENDS_MAX:
            return f"It was sent {self.count} times, each may arrive yet, and this PSE would pay each of them."
        return None


async def sends_of(refund_id: UUID) -> Sends:
    """The sends that may have arrived. `last_ended_at` is None while one of them has not ended."""
    (row,) = await rows(
        "SELECT count(*) AS count, min(sent_at) AS first_sent_at, now() AS now, "
        "  CASE WHEN bool_and(ended_at IS NOT NULL) THEN max(ended_at) END AS last_ended_at "
        "FROM attempts WHERE refund_id = $1 AND outcome IS DISTINCT FROM 'UNSENT'",
        refund_id,
    )
    return Sends(**row)
