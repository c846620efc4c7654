"""Looking through endpoints, what was delivered to them, and each try."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from tortoise.queryset import QuerySet

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.deliveries import catalogue
from domain.models import Delivery, DeliveryTry, Endpoint
from domain.models.deliveries import DeliveryState, EndpointState
from domain.platform.database import rows
from domain.platform.lengths import equal, fits


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which deliveries; what is None filters nothing, all that is given holds at once. `until` (UTC) is excluded."""

    endpoint_id: UUID | None = None
    states: Sequence[DeliveryState] | None = None
    types: Sequence[str] | None = None
    message_id: str | None = None
    ordering_key: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def endpoints(principal: Principal, *, deleted: bool = False) -> QuerySet[Endpoint]:
    """Those of the caller's merchant. Raises Forbidden."""
    principal.require_everywhere(Permission.MANAGE_NEWS)
    found = Endpoint.filter(merchant_id=principal.merchant_id)
    return found if deleted else found.exclude(state=EndpointState.OFF)


def deliveries(principal: Principal, wanted: Wanted) -> QuerySet[Delivery]:
    """What was, or is to be, delivered, of what the caller may read. Raises Forbidden."""
    principal.require_everywhere(Permission.MANAGE_NEWS)
    found = Delivery.filter(merchant_id=principal.merchant_id)
    for family, permission in catalogue.NEEDS.items():
        if principal.reach.stores.get(permission, frozenset()) is not None:
            found = found.exclude(type__startswith=f"{family}.")
    if wanted.endpoint_id is not None:
        found = found.filter(endpoint_id=wanted.endpoint_id)
    if wanted.states is not None:
        found = found.filter(state__in=list(wanted.states))
    if wanted.types is not None:
        found = found.filter(type__in=[one for one in wanted.types if fits(Delivery, "type", one)])
    if wanted.message_id is not None:
        found = equal(found, message_id=wanted.message_id)
    if wanted.ordering_key is not None:
        found = equal(found, ordering_key=wanted.ordering_key)
    if wanted.since is not None:
        found = found.filter(made_at__gte=wanted.since)
    return found.filter(made_at__lt=wanted.until) if wanted.until is not None else found


_REQUEST: Final = """SELECT coalesce(e.request_id, d.request_id) AS request_id FROM event_seals s
LEFT JOIN events e ON e.id = s.event_id LEFT JOIN deeds d ON d.id = s.deed_id
WHERE s.merchant_id = $1 AND s.position = $2"""


async def request_of(delivery: Delivery) -> str:
    """The request that made what is delivered happen; of what nobody asked for (a night, an alert) the message's id."""
    found = [] if delivery.position is None else await rows(_REQUEST, delivery.merchant_id, delivery.position)
    return str(found[0]["request_id"]) if found and found[0]["request_id"] else delivery.message_id


_TRIES: Final = """SELECT tried.* FROM unnest($1::bigint[]) AS asked (id) CROSS JOIN LATERAL (
  SELECT * FROM delivery_tries t WHERE t.delivery_id = asked.id ORDER BY t.number DESC LIMIT $2) AS tried
ORDER BY tried.number DESC"""


async def tries_of(delivery_ids: Sequence[int], limit: int) -> Mapping[int, list[DeliveryTry]]:
    """The last tries of each, the newest first."""
    grouped: dict[int, list[DeliveryTry]] = {}
    for row in await rows(_TRIES, list(set(delivery_ids)), limit):
        grouped.setdefault(row["delivery_id"], []).append(DeliveryTry._init_from_db(**row))
    return grouped


async def counts_of(endpoint_ids: Sequence[UUID]) -> Mapping[UUID, int]:
    """How many deliveries of each are pending, up to a thousand: more is not counted."""
    found = await rows(
        "SELECT asked.id, (SELECT count(*) FROM (SELECT 1 FROM deliveries d WHERE d.endpoint_id = asked.id "
        "  AND d.state = 'PENDING' LIMIT 1000) AS pending) AS n FROM unnest($1::uuid[]) AS asked (id)",
        list(endpoint_ids),
    )
    return {row["id"]: row["n"] for row in found}
