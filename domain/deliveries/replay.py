"""Sending again: a delivery, those of a filter, all behind a position; and resuming an endpoint with what was missed.

A replay is the same delivery in another round: its message keeps its id, so a receiver that remembers ids takes none
twice, and one that had lost it takes it now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from domain.access.principal import Principal
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.deliveries.endpoints import locked
from domain.deliveries.outbox import ARRANGE, head_of
from domain.models import Endpoint
from domain.models.deliveries import DeliveryState, EndpointState
from domain.platform import bell
from domain.platform.database import execute, rows, transaction
from domain.problems import InvalidInput, InvalidState, NotFound

AT_ONCE_MAX: Final = 10_000
_NAMED_MAX: Final = 100
# The oldest first, so that the order of a key is the one that it had. What is pending is on its way.
_AGAIN: Final = """WITH wanted AS (SELECT id FROM deliveries WHERE endpoint_id = $1 AND state <> 'PENDING'
    AND body IS NOT NULL AND ($2::varchar[] IS NULL OR message_id = ANY($2::varchar[]))
    AND ($3::varchar[] IS NULL OR type = ANY($3::varchar[])) AND ($4::varchar[] IS NULL OR state = ANY($4::varchar[]))
    AND ($5::timestamptz IS NULL OR made_at >= $5::timestamptz)
    AND ($6::timestamptz IS NULL OR made_at < $6::timestamptz)
    AND ($7::varchar IS NULL OR ordering_key = $7::varchar)
    AND ($9::timestamptz IS NULL OR ended_at >= $9::timestamptz)
  ORDER BY id LIMIT $8 FOR NO KEY UPDATE)
UPDATE deliveries d SET state = 'PENDING', tries = 0, round = d.round + 1, said = NULL, ended_at = NULL,
  due_at = CASE WHEN d.ordering_key IS NULL THEN now() END
FROM wanted WHERE d.id = wanted.id RETURNING d.ordering_key"""
_FRESH: Final = """UPDATE deliveries SET tries = 0, due_at = CASE WHEN due_at IS NOT NULL THEN now() END
WHERE endpoint_id = $1 AND state = 'PENDING' AND claimed_until IS NULL"""
_LET_GO: Final = """UPDATE deliveries SET state = 'CANCELED', said = 'Let go when the endpoint was resumed.',
  due_at = NULL, claimed_until = NULL, ended_at = now() WHERE endpoint_id = $1 AND state = 'PENDING'"""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which deliveries of an endpoint; all that is given holds at once. `until` (UTC) is excluded."""

    message_ids: Sequence[str] | None = None
    types: Sequence[str] | None = None
    states: Sequence[DeliveryState] | None = None
    since: datetime | None = None
    until: datetime | None = None
    ordering_key: str | None = None


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many are due again; `is_whole`: none that matched was left for another time."""

    count: int
    is_whole: bool


async def replay(principal: Principal, endpoint_id: UUID, wanted: Filter, cause: Cause) -> Replayed:
    """Send deliveries of a filter again, at most AT_ONCE_MAX at once, the oldest first.

    Raises Forbidden, InvalidInput, InvalidState, NotFound.
    """
    if wanted.message_ids is not None and len(wanted.message_ids) > _NAMED_MAX:
        said = f"At most {_NAMED_MAX} messages are named at once; a filter takes more."
        raise InvalidInput(said, path=["input", "messageIds"])
    async with transaction():
        await locked(principal, endpoint_id)
        count = await _again(endpoint_id, wanted)
        if wanted.message_ids is not None and count == 0:
            said = "There is no such delivery here that could be sent again."
            raise NotFound(said, path=["input", "messageIds"])
        changes = {"sent_again": [None, count], "filter": [None, _said(wanted)]}
        await deeds.note(principal.merchant_id, "deliveryReplay", Of("endpoint", endpoint_id), cause, changes)
    await bell.ring(bell.DELIVER, endpoint_id)
    return Replayed(count, count < AT_ONCE_MAX)


async def _again(endpoint_id: UUID, wanted: Filter, *, ended_since: datetime | None = None) -> int:
    found = await rows(
        _AGAIN,
        endpoint_id,
        list(wanted.message_ids) if wanted.message_ids is not None else None,
        list(wanted.types) if wanted.types is not None else None,
        [state.value for state in wanted.states] if wanted.states is not None else None,
        wanted.since,
        wanted.until,
        wanted.ordering_key,
        AT_ONCE_MAX,
        ended_since,
    )
    keys = sorted({row["ordering_key"] for row in found if row["ordering_key"] is not None})
    if keys:
        await execute(ARRANGE, endpoint_id, keys)
    return len(found)


def _said(wanted: Filter) -> str:
    named = {"messages": wanted.message_ids, "types": wanted.types, "states": wanted.states, "since": wanted.since,
             "until": wanted.until, "key": wanted.ordering_key}  # fmt: skip
    return ", ".join(f"{name} {value}" for name, value in named.items() if value is not None)


async def replay_behind(principal: Principal, endpoint_id: UUID, position: int, cause: Cause) -> Endpoint:
    """Tell the endpoint again all that lies behind a position and that it wants, sent before or not.

    It goes back to that position in the merchant's sealed history. Raises as `replay`.
    """
    if position < 0:
        raise InvalidInput("A position is not below 0.", path=["input", "behind"])
    async with transaction():
        row = await locked(principal, endpoint_id)
        back = min(position, row.position)
        await Endpoint.filter(id=row.id).update(position=back)
        said = {"position": [row.position, back]}
        await deeds.note(row.merchant_id, "deliveryReplay", Of("endpoint", row.id), cause, said)
    await bell.ring(bell.DELIVER, endpoint_id)
    return await Endpoint.get(id=endpoint_id)


async def resume(principal: Principal, endpoint_id: UUID, cause: Cause, *, missed: bool) -> Endpoint:
    """Send there again. `missed`: with all that happened meanwhile, what had failed since it was failing included.

    Otherwise it begins with what happens from now on, and what was pending is let go. Raises as `replay`.
    """
    async with transaction():
        row = await locked(principal, endpoint_id)
        if row.state is EndpointState.ACTIVE:
            raise InvalidState("It is active.", current_state=row.state, path=["input", "endpointId"])
        if missed:
            if row.failing_since is not None:
                # What it began to fail with was made before that.
                await _again(row.id, Filter(states=[DeliveryState.FAILED]), ended_since=row.failing_since)
            await execute(_FRESH, row.id)
        else:
            await execute(_LET_GO, row.id)
            await Endpoint.filter(id=row.id).update(position=await head_of(row.merchant_id))
        await Endpoint.filter(id=row.id).update(
            state=EndpointState.ACTIVE, why=None, failures=0, failing_since=None, warned=0, rests_until=None
        )
        said = {"state": [row.state, EndpointState.ACTIVE], "with_what_was_missed": [None, missed]}
        await deeds.note(row.merchant_id, "endpointResume", Of("endpoint", row.id), cause, said)
    await bell.ring(bell.DELIVER, endpoint_id)
    return await Endpoint.get(id=endpoint_id)
