"""Alerts in each state, channels, what was delivered, and a rule of the merchant's own."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from domain.access.permissions import Role
from domain.alerts import change
from domain.alerts.rules import HeldRule
from domain.deliveries import endpoints
from domain.deliveries.endpoints import NewEndpoint
from domain.models import Alert, AlertNotice
from domain.models.alerts import AlertKind, Severity, What
from domain.models.deliveries import EndpointKind
from tests.kit.console.world import Seeded
from tests.kit.factories import CAUSE, KEY, a_person

QUERIES = {"news/list": ["show=all"]}
_ROBOT = "https://oapi.dingtalk.com/robot/send?access_token=0123456789"


async def seed(world: Seeded, copies: int) -> Mapping[str, str]:
    """Of each copy two alerts and a channel."""
    admin, now, ids = a_person(world.shop, "admin", Role.ADMIN), datetime.now(UTC), dict[str, str]()
    for number in range(copies):
        name = world.said(f"退款群 {number}", 50) + str(number)
        kind = (EndpointKind.DINGTALK, EndpointKind.WECOM)[number % 2]
        url = _ROBOT if number % 2 == 0 else "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=0123456789"
        channel = (await endpoints.create(admin, NewEndpoint(kind, name, url), KEY, CAUSE)).endpoint
        await endpoints.try_out(admin, channel.id, KEY, CAUSE)
        rule = HeldRule(world.said(f"Desk {number}", 50).strip() + str(number), AlertKind.DOUBT, endpoints=[channel.id])
        await change.set_rule(admin, rule, CAUSE)
        for place, of in enumerate((AlertKind.REFUND_STUCK, AlertKind.CHANNEL_FAILING)):
            alert = await Alert.create(
                id=uuid4(),
                merchant_id=world.shop.id,
                kind=of,
                key=f"{of}:{number}",
                connection_id=world.shop.connection.id if place == 0 else None,
                endpoint_id=channel.id if place else None,
                severity=(Severity.WARNING, Severity.CRITICAL)[place],
                count=30,
                amounts={"BRL": 45_000, "CLP": 1_050} if place == 0 else {},
                subjects=[{"kind": "refund", "id": str(uuid4()), "name": "abcdefghij0123456789"}],
                facts={"why": world.said("310000: sign not match", 200)},
                since=now - timedelta(hours=2),
                opened_at=now,
                last_seen_at=now,
            )
            if place:
                taken = {
                    "acknowledged_at": now,
                    "acknowledged_by": world.said("Ana", 100),
                    "acknowledged_by_id": uuid4(),
                }
                await Alert.filter(id=alert.id).update(**taken)
            await AlertNotice.create(
                merchant_id=world.shop.id, alert=alert, endpoint=channel, what=What.OPENED, number=1, said_at=now
            )
            ids.setdefault("alert", str(alert.id))
        ids.setdefault("channel", str(channel.id))
    return ids
