"""Makers for tests of deliveries: an endpoint, a history that is sealed, and what was made of it."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import jsonschema

from domain.access.tokens import Role
from domain.deliveries import endpoints, outbox
from domain.deliveries.catalogue import BY_NAME, schema
from domain.deliveries.channels.channel import unpacked
from domain.deliveries.endpoints import Made, NewEndpoint
from domain.models import Delivery
from domain.models.deliveries import EndpointKind
from domain.platform.database import execute
from tests.kit.factories import CAUSE, KEY, Shop, a_key, a_person
from tests.kit.sealing import sealed

URL = "http://127.0.0.1:9/hooks"


async def an_endpoint(shop: Shop, types: Sequence[str] = ("*",), *, url: str = URL, **more: Any) -> Made:
    """A webhook (or another `kind`) that has not been told anything yet."""
    kind = more.pop("kind", EndpointKind.WEBHOOK)
    new = NewEndpoint(kind, more.pop("name", a_key()), url, types=types, **{"behind": 0, **more})
    return await endpoints.create(a_person(shop, "dev", Role.ADMIN), new, KEY, CAUSE)


async def made(shop: Shop, endpoint_id: UUID) -> list[Delivery]:
    """Seal what there is, and give all deliveries of the endpoint, the first first."""
    await sealed(shop)
    while await outbox.make(endpoint_id):
        pass
    return await Delivery.filter(endpoint_id=endpoint_id).order_by("id")


def told(delivery: Delivery) -> dict[str, Any]:
    """The body that is sent, which fits its type's schema."""
    assert delivery.body is not None
    body = dict(unpacked(bytes(delivery.body)).data)
    kind = BY_NAME[delivery.type]
    check = jsonschema.Draft202012Validator(schema(kind), format_checker=jsonschema.FormatChecker())
    check.validate(json.loads(json.dumps(body)))
    return body


async def all_due(endpoint_id: UUID) -> None:
    """What waits for its moment has come to it; what waits for another one goes on waiting."""
    await execute("UPDATE endpoints SET rests_until = NULL, paced_until = NULL WHERE id = $1", endpoint_id)
    await execute("UPDATE deliveries SET due_at = now() WHERE endpoint_id = $1 AND due_at IS NOT NULL", endpoint_id)
