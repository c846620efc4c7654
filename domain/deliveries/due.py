"""What is due on an endpoint: taken, one try at a time, and what came of it written down.

Each takes the endpoint's row first, so an endpoint's pace, its tries under way and its health are counted by one at a
time, and no endpoint waits for another. A try is committed before anything leaves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from domain.deliveries import health
from domain.deliveries.answers import Answer, Broken, Later, Refused, Sent
from domain.deliveries.outbox import ARRANGE
from domain.deliveries.schedule import AT_ONCE, DELAYS, LEASE_SECONDS, OF_PEOPLE, PROBES_AFTER, delay
from domain.models import Delivery, Endpoint
from domain.models.deliveries import DeliveryState, EndpointKind, EndpointState
from domain.platform.crash import crash_here
from domain.platform.database import execute, rows, transaction

# The pace is a moment (the virtual scheduling of ITU-T I.371): each try moves it on by its share of a minute, and none
# begins while it lies further ahead than a second's worth may.
_LOOK: Final = """SELECT extract(epoch FROM greatest(rests_until - now(), interval '0'))::float8 AS rests,
  extract(epoch FROM greatest(paced_until - now(), interval '0'))::float8 AS ahead,
  (SELECT count(*) FROM deliveries d WHERE d.endpoint_id = endpoints.id AND d.claimed_until > now()) AS under_way,
  failures, per_minute FROM endpoints WHERE id = $1 AND state = 'ACTIVE'"""
_TAKE: Final = """WITH picked AS (SELECT id FROM deliveries WHERE endpoint_id = $1 AND due_at <= now()
    ORDER BY due_at, id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED),
  taken AS (UPDATE deliveries d SET tries = d.tries + 1, number = d.number + 1,
      claimed_until = now() + make_interval(secs => $2::float8), due_at = now() + make_interval(secs => $2::float8)
    FROM picked WHERE d.id = picked.id RETURNING d.id, d.number),
  tried AS (INSERT INTO delivery_tries (delivery_id, number, sent_at) SELECT id, number, now() FROM taken),
  paced AS (UPDATE endpoints SET paced_until = greatest(paced_until, now()) + make_interval(secs => $3::float8)
    WHERE id = $1 AND EXISTS (SELECT 1 FROM taken))
SELECT id, number FROM taken"""
_ANSWERED: Final = """UPDATE delivery_tries SET outcome = $3, status = $4, said = $5, body = $6, duration_ms = $7,
  answered_at = now() WHERE delivery_id = $1 AND number = $2"""
_END: Final = """UPDATE deliveries SET state = $3, said = $4, due_at = NULL, claimed_until = NULL, ended_at = now()
WHERE id = $1 AND number = $2 AND state = 'PENDING'"""
_PUT_OFF: Final = """UPDATE deliveries SET due_at = now() + make_interval(secs => $3::float8), said = $4,
  claimed_until = NULL, tries = tries - $5::int WHERE id = $1 AND number = $2 AND state = 'PENDING'"""


@dataclass(frozen=True, slots=True)
class ClaimedTry:
    """A try that may leave now. `number` says which it is, over all rounds: a later one makes its answer old."""

    delivery: Delivery
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of a try. `status` None: there was no answer; `body`: of the answer, redacted and cut."""

    answer: Answer
    status: int | None = None
    body: str | None = None
    duration_ms: int = 0


async def claim(endpoint_id: UUID) -> ClaimedTry | float | None:
    """The next try of an endpoint; or seconds to wait for its pace; None: nothing is due, or enough is under way."""
    async with transaction():
        if not await rows("SELECT 1 AS one FROM endpoints WHERE id = $1 FOR NO KEY UPDATE", endpoint_id):
            return None
        looked = await rows(_LOOK, endpoint_id)
        if not looked or looked[0]["rests"] or looked[0]["under_way"] >= _at_once(looked[0]["failures"]):
            return None
        share = 60.0 / looked[0]["per_minute"]
        if (wait := (looked[0]["ahead"] or 0.0) - _burst(looked[0]["per_minute"]) * share) > 0:
            return float(wait)
        taken = await rows(_TAKE, endpoint_id, LEASE_SECONDS, share)
        if not taken:
            return None
        claimed = ClaimedTry(await Delivery.get(id=taken[0]["id"]), await Endpoint.get(id=endpoint_id))
    crash_here("delivery.claimed")
    return claimed


def _at_once(failures: int) -> int:
    return 1 if failures >= PROBES_AFTER else AT_ONCE


def _burst(per_minute: int) -> int:
    """How many may leave at once behind a pause, beyond the one."""
    return per_minute // 60


async def record(claimed: ClaimedTry, came: Answered) -> None:
    """Write down what came of a try. One that is no longer the last moves nothing: its answer is kept all the same."""
    delivery, endpoint = claimed.delivery, claimed.endpoint
    async with transaction():
        (row,) = await rows("SELECT state, sealed_secrets FROM endpoints WHERE id = $1 FOR NO KEY UPDATE", endpoint.id)
        await execute(
            _ANSWERED,
            delivery.id,
            delivery.number,
            _NAMES[type(came.answer)],
            came.status,
            _said(came.answer),
            came.body,
            came.duration_ms,
        )
        # What was refused for a secret or an address that was replaced meanwhile says nothing of those that count now.
        is_old = isinstance(came.answer, Broken) and row["sealed_secrets"] != endpoint.sealed_secrets
        delays = DELAYS if endpoint.kind is EndpointKind.WEBHOOK else OF_PEOPLE
        if await _settle(delivery, came.answer, delays) and row["state"] != EndpointState.OFF and not is_old:
            await _tell_health(endpoint.id, came)
        crash_here("delivery.before_commit")
    crash_here("delivery.recorded")


_NAMES: Final[dict[type[Any], str]] = {Sent: "SENT", Later: "LATER", Broken: "BROKEN", Refused: "REFUSED"}


def _said(answer: Answer) -> str:
    return (answer.detail or answer.code if isinstance(answer, Sent) else answer.reason)[:500]


async def _settle(delivery: Delivery, answer: Answer, delays: Sequence[float]) -> bool:
    """Move the delivery; whether it was this try's to move."""
    of, said = (delivery.id, delivery.number), _said(answer)
    if isinstance(answer, Broken):
        # It comes again when the endpoint is mended, and this try does not count.
        moved = bool(await execute(_PUT_OFF, *of, 0.0, said, 1))
    elif isinstance(answer, Later) and (seconds := delay(delivery.tries, answer.seconds, delays)) is not None:
        moved = bool(await execute(_PUT_OFF, *of, seconds, said, 0))
    else:
        state = DeliveryState.SENT if isinstance(answer, Sent) else DeliveryState.FAILED
        moved = bool(await execute(_END, *of, state.value, said))
    # What was put off has no moment of its own any more, where an earlier one of its key is sent again meanwhile.
    if moved and delivery.ordering_key is not None:
        await execute(ARRANGE, delivery.endpoint_id, [delivery.ordering_key])
    return moved


async def _tell_health(endpoint_id: UUID, came: Answered) -> None:
    if isinstance(came.answer, Sent):
        await health.worked(endpoint_id)
    elif isinstance(came.answer, Broken):
        await health.broken(endpoint_id, came.answer.reason)
    elif isinstance(came.answer, Later):
        await health.failed(endpoint_id, came.answer, came.status)
    else:
        await health.answered(endpoint_id)
