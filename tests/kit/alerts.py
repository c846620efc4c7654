"""Makers of alerts."""

from datetime import UTC, datetime
from uuid import uuid4

from domain.models import Alert
from domain.models.alerts import AlertKind, Severity
from tests.kit.factories import Shop, a_key


async def an_alert(shop: Shop) -> Alert:
    """One that is open."""
    now = datetime.now(UTC)
    return await Alert.create(
        id=uuid4(), merchant_id=shop.id, kind=AlertKind.PSE_DOWN, key=a_key(), connection_id=shop.connection.id,
        severity=Severity.CRITICAL, count=1, amounts={}, subjects=[], facts={}, since=now, opened_at=now,
        last_seen_at=now,
    )  # fmt: skip
