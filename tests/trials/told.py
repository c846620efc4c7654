"""Deliveries in trials: whatever dies, each piece of the history arrives at least once, and a key's order is kept.

One endpoint answers as real ones do, now and then with a 500 or nothing at all; another one never answers anything.
"""

import asyncio
from collections.abc import Mapping, Sequence

from domain.access.tokens import Role
from domain.deliveries import endpoints
from domain.deliveries.bodies import PAGE, item_of
from domain.deliveries.endpoints import NewEndpoint
from domain.deliveries.outbox import head_of
from domain.models import Delivery, Endpoint
from domain.models.deliveries import DeliveryState, EndpointKind
from domain.platform.database import execute, rows
from tests.kit.factories import CAUSE, KEY, Shop, a_key, a_person
from tests.kit.receiver import Receiver, Taken

DEAD = "/dead"
_LOOK_SECONDS = 0.5
_ALL = 10**9
# A try whose worker was killed counts, so one that was answered 500 behind it waits minutes by the schedule: they pass.
_SOONER = """UPDATE deliveries SET due_at = now() WHERE endpoint_id = $1 AND state = 'PENDING'
  AND claimed_until IS NULL AND due_at > now() + interval '10 seconds'"""


async def listening(shop: Shop, receiver: Receiver, *, dead: bool = False) -> Endpoint:
    """An endpoint of the shop that wants everything from the first position on."""
    path = DEAD if dead else f"/{shop.id}"
    receiver.moods[path] = "silent" if dead else "flaky"
    new = NewEndpoint(EndpointKind.WEBHOOK, a_key(), receiver.url(path), types=["*"], behind=0, per_minute=60_000)
    return (await endpoints.create(a_person(shop, "trial", Role.ADMINISTRATOR), new, KEY, CAUSE)).endpoint


async def untold(heard: Sequence[Endpoint], receiver: Receiver, seconds_max: float) -> list[str]:
    """Wait until all is told, while our programs run; then what is wrong."""
    for _ in range(int(seconds_max / _LOOK_SECONDS)):
        if not any([await _is_behind(one) for one in heard]):
            break
        for one in heard:
            await execute(_SOONER, one.id)
        await asyncio.sleep(_LOOK_SECONDS)
    return [said for one in heard for said in await wrong_of(one, receiver)]


async def _is_behind(endpoint: Endpoint) -> bool:
    row = await Endpoint.get(id=endpoint.id)
    pending = await Delivery.filter(endpoint_id=endpoint.id, state=DeliveryState.PENDING).exists()
    return pending or row.position < await head_of(endpoint.merchant_id)


async def wrong_of(endpoint: Endpoint, receiver: Receiver) -> list[str]:
    """What of the history did not arrive, or not in order; at an endpoint of `listening` that has been told all."""
    told = {one.message_id: one for one in await Delivery.filter(endpoint_id=endpoint.id)}
    history = [item_of(row) for row in await rows(PAGE, endpoint.merchant_id, 0, _ALL)]
    wanted = {item.position for item in history if item is not None}
    made = {one.position for one in told.values()}
    accepted = [one for one in receiver.accepted if one.path == f"/{endpoint.merchant_id}"]
    arrived = {one.headers["webhook-id"] for one in accepted}
    wrong = [f"never made: positions {sorted(wanted - made)[:5]}"] if wanted - made else []
    lost = [one.position for one in told.values() if one.message_id not in arrived]
    wrong += [f"never arrived: positions {sorted(str(one) for one in lost)[:5]}"] if lost else []
    unsent = [f"{one.state} {one.said}" for one in told.values() if one.state is not DeliveryState.SENT]
    wrong += [f"not sent: {len(unsent)}, such as {unsent[0]}"] if unsent else []
    return wrong + _out_of_order(accepted, told)


def _out_of_order(accepted: Sequence[Taken], told: Mapping[str, Delivery]) -> list[str]:
    """Of each key what arrived first, in the order of the history; what arrives again is no news."""
    last: dict[str, int] = {}
    seen: set[str] = set()
    wrong = []
    for taken in accepted:
        message = taken.headers["webhook-id"]
        one = told.get(message)
        if message in seen or one is None or one.position is None or one.ordering_key is None:
            continue
        seen.add(message)
        if one.position < last.get(one.ordering_key, 0):
            wrong.append(f"out of order: {one.ordering_key} at {one.position}")
        last[one.ordering_key] = one.position
    return wrong
