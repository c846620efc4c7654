"""Makers of alerts."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from domain.models import Alert
from domain.models.alerts import AlertKind, Severity
from tests.kit.factories import Shop, a_key


async def an_alert(shop: Shop, **more: Any) -> Alert:
    """One that is open."""
    now = datetime.now(UTC)
    usual = {"kind": AlertKind.PSE_DOWN, "connection_id": shop.connection.id, "subjects": [], "facts": {}}
    return await Alert.create(
        id=uuid4(), merchant_id=shop.id, key=a_key(), severity=Severity.CRITICAL, count=1, amounts={},
        since=now, opened_at=now, last_seen_at=now, **{**usual, **more},
    )  # fmt: skip
