"""How an endpoint is: failing since when, its owner warned, paused after days, and well again. Each is told as news.

Called with the endpoint's row locked, in the transaction that writes down what came of a try.
"""

from typing import Any, Final
from uuid import UUID

from domain.deliveries.answers import Later
from domain.deliveries.schedule import PAUSED_AFTER, PROBES_AFTER, WARNED_AFTER, probe_rest
from domain.history import news
from domain.models import Endpoint
from domain.models.deliveries import EndpointState
from domain.platform.database import execute, rows

TOO_MANY: Final = 429
_SLOW_DOWN: Final = frozenset({TOO_MANY, 503})
# Nothing is written for one that is well and was well, but for a moment that is a minute old.
_WORKED: Final = """UPDATE endpoints SET failures = 0, failing_since = NULL, warned = 0, rests_until = NULL,
  sent_at = now() WHERE id = $1 AND (failures > 0 OR failing_since IS NOT NULL OR sent_at IS NULL
  OR sent_at < now() - interval '1 minute')"""
_FAILED: Final = """UPDATE endpoints SET failures = failures + 1, failing_since = coalesce(failing_since, now())
WHERE id = $1"""
_REST: Final = """UPDATE endpoints SET rests_until = greatest(rests_until, now() + make_interval(secs => $2::float8))
WHERE id = $1"""
_AGE: Final = "SELECT extract(epoch FROM now() - failing_since)::float8 AS age, failures FROM endpoints WHERE id = $1"


async def worked(endpoint_id: UUID) -> None:
    """Something has arrived."""
    endpoint = await Endpoint.get(id=endpoint_id)
    await execute(_WORKED, endpoint_id)
    if endpoint.warned:
        await _tell(endpoint, "endpoint.recovered", "it takes news again")


async def answered(endpoint_id: UUID) -> None:
    """It refused one message, and is there."""
    await execute("UPDATE endpoints SET failures = 0 WHERE id = $1 AND failures > 0", endpoint_id)


async def failed(endpoint_id: UUID, answer: Later, status: int | None) -> None:
    """Nothing has arrived this time. Who asks to be left alone is, and a mere "too many" is no illness."""
    if status in _SLOW_DOWN and answer.seconds > 0:
        await execute(_REST, endpoint_id, min(answer.seconds, 3_600.0))
    if status == TOO_MANY:
        return
    await execute(_FAILED, endpoint_id)
    (row,) = await rows(_AGE, endpoint_id)
    if row["failures"] >= PROBES_AFTER:
        # A crowd of servers that are silent must not take the places of those that answer.
        await execute(_REST, endpoint_id, probe_rest(row["failures"]))
    endpoint = await Endpoint.get(id=endpoint_id)
    if row["age"] >= PAUSED_AFTER:
        await _stop(endpoint, EndpointState.PAUSED, f"It has been failing for 5 days: {answer.reason}")
        return
    due = sum(row["age"] >= after for after in WARNED_AFTER)
    if due > endpoint.warned:
        await Endpoint.filter(id=endpoint_id).update(warned=due)
        await _tell(endpoint, "endpoint.failing", answer.reason)


async def broken(endpoint_id: UUID, reason: str) -> None:
    """Its channel says that nothing will arrive until a person mends it."""
    await _stop(await Endpoint.get(id=endpoint_id), EndpointState.BROKEN, reason)


async def _stop(endpoint: Endpoint, state: EndpointState, why: str) -> None:
    stopped = await execute(
        "UPDATE endpoints SET state = $2, why = $3, failing_since = coalesce(failing_since, now()) "
        "WHERE id = $1 AND state = 'ACTIVE'",
        endpoint.id,
        state.value,
        why[:500],
    )
    if stopped:
        await _tell(endpoint, "endpoint.paused", why)


async def _tell(endpoint: Endpoint, kind: str, reason: str) -> None:
    since = endpoint.failing_since
    facts: dict[str, Any] = {
        "name": endpoint.name,
        "kind": endpoint.kind.value,
        "since": since.isoformat() if since else None,
        "reason": reason[:300],
    }
    await news.write(endpoint.merchant_id, kind, "endpoint", endpoint.id, facts)
