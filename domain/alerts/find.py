"""Reading what is shown of alerts: names and merchants for many at once, so that a page costs no statement per row."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from domain.models import AlertNotice, Connection, Endpoint, Merchant
from domain.platform.children import first_of_each


async def names_of(ids: Sequence[UUID]) -> Mapping[UUID, str]:
    """The names of connections and endpoints."""
    found = {one.id: one.name for one in await Connection.filter(id__in=list(ids)).only("id", "name")}
    return found | {one.id: one.name for one in await Endpoint.filter(id__in=list(ids)).only("id", "name")}


async def merchants_of(ids: Sequence[UUID]) -> Mapping[UUID, Merchant]:
    """The merchants of these ids."""
    return {one.id: one for one in await Merchant.filter(id__in=list(ids))}


async def notices_of(alert_ids: Sequence[UUID], limit: int) -> Mapping[UUID, list[AlertNotice]]:
    """The newest `limit` notices of each alert, the newest first."""
    return await first_of_each(AlertNotice, alert_ids, key="alert_id", order="made_at DESC, id DESC", limit=limit)
