"""What the tests of alerts open and look at."""

from typing import Any
from uuid import UUID, uuid4

from domain.access.permissions import Role
from domain.deliveries.channels.channel import Message, unpacked
from domain.deliveries.endpoints import NewEndpoint
from domain.deliveries.endpoints import create as create_endpoint
from domain.findings import findings
from domain.findings.findings import FindingKind, Found
from domain.models import Alert, Delivery, Endpoint
from domain.models.alerts import AlertKind
from domain.models.deliveries import EndpointKind
from domain.money import Money
from domain.platform.settings import Settings
from tests.kit.factories import CAUSE, KEY, Shop, a_person

SETTINGS = Settings(secret_key=KEY, public_url="https://estorno.example")
ROBOT = "https://oapi.dingtalk.com/robot/send?access_token=0123456789"


async def a_channel(
    shop: Shop, kind: EndpointKind = EndpointKind.DINGTALK, url: str = ROBOT, **options: str
) -> Endpoint:
    new = NewEndpoint(kind, f"{kind} {uuid4().hex[:6]}", url, options=options)
    if kind is EndpointKind.PAGERDUTY:
        new = NewEndpoint(kind, f"{kind} {uuid4().hex[:6]}", url, "R" * 32, options)
    return (await create_endpoint(a_person(shop, "dev", Role.ADMIN), new, KEY, CAUSE)).endpoint


async def open_alerts(shop: Shop, *kinds: AlertKind) -> dict[AlertKind, Alert]:
    found = await Alert.filter(merchant_id=shop.id, resolved_at=None, **({"kind__in": kinds} if kinds else {}))
    return {one.kind: one for one in found}


async def messages_of(endpoint: Endpoint) -> list[Message]:
    """What was posted there, as it came."""
    found = await Delivery.filter(endpoint_id=endpoint.id).order_by("id")
    return [unpacked(bytes(one.body)) for one in found if one.body]


async def a_finding(shop: Shop, kind: FindingKind, amount: int = 100, **more: Any) -> UUID:
    found = Found(
        kind=kind,
        merchant_id=shop.id,
        connection_id=shop.connection.id,
        fingerprint=uuid4().hex,
        amount=Money(amount, "BRL"),
        explanation="It differs.",
        **more,
    )
    made = await findings.open_finding(found)
    assert made is not None
    return made
