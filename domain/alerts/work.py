"""What people do with alerts: read them, take one on, put one off until a moment. Each act is a deed."""

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from tortoise.queryset import QuerySet

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.alerts import kinds
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.models import Alert, AlertNotice
from domain.platform.database import execute, transaction
from domain.problems import InvalidInput, InvalidState, NotFound

ACKNOWLEDGE: Final = "alertAcknowledge"
SNOOZE: Final = "alertSnooze"
OBJECT: Final = "alert"
# Whoever works on what alerts are about, or on where they go.
WORKERS: Final = (Permission.WORK_FINDINGS, Permission.RESOLVE_DOUBT, Permission.MANAGE_NEWS)
SNOOZED_MAX: Final = timedelta(days=7)
_PATH: Final = ["input", "alertId"]
# What has happened is over when somebody has taken it on: what happens next is another alert.
_ACKNOWLEDGE: Final = """UPDATE alerts SET acknowledged_at = now(), acknowledged_by = $2, acknowledged_by_id = $3,
  snoozed_until = NULL, snoozed_by = NULL, resolved_at = CASE WHEN $4::bool THEN now() END
WHERE id = $1 AND resolved_at IS NULL"""


def readable(principal: Principal) -> QuerySet[Alert]:
    """The merchant's alerts. They are of no one store: who may read some stores only sees none. Raises Forbidden."""
    if not principal.scope(Permission.READ).is_whole:
        return Alert.filter(merchant_id=principal.merchant_id, id__in=[])
    return Alert.filter(merchant_id=principal.merchant_id)


async def acknowledge(principal: Principal, alert_id: UUID, cause: Cause) -> Alert:
    """Take an alert on: nobody is reminded of it any more, unless it doubles. Twice is once.

    Raises Forbidden, NotFound, InvalidState.
    """
    async with transaction():
        alert = await _open(principal, alert_id)
        if alert.acknowledged_at is None:
            moment = kinds.known(alert.kind).moment
            await _one(await execute(_ACKNOWLEDGE, alert.id, principal.holder[:200], principal.party, moment))
            await _drop(alert)
            said = {"acknowledged": [None, principal.holder], "kind": [alert.kind, alert.kind]}
            await deeds.note(alert.merchant_id, ACKNOWLEDGE, Of(OBJECT, alert.id), cause, said)
    return await Alert.get(id=alert_id)


async def snooze(principal: Principal, alert_id: UUID, until: datetime, cause: Cause) -> Alert:
    """Say nothing more of an alert until a moment (UTC), a week ahead at most; then it is told again.

    Raises Forbidden, NotFound, InvalidInput, InvalidState.
    """
    principal.require_everywhere(*WORKERS)
    now = datetime.now(UTC)
    if not now < until <= now + SNOOZED_MAX:
        raise InvalidInput(
            "until lies ahead, and at most 7 days: put off for ever is forgotten.", path=["input", "until"]
        )
    async with transaction():
        alert = await _open(principal, alert_id)
        before = alert.snoozed_until.isoformat() if alert.snoozed_until else None
        standing = Alert.filter(id=alert.id, resolved_at=None)
        await _one(await standing.update(snoozed_until=until, snoozed_by=principal.holder[:200]))
        await _drop(alert)
        said = {"snoozed_until": [before, until.isoformat()]}
        await deeds.note(alert.merchant_id, SNOOZE, Of(OBJECT, alert.id), cause, said)
    return await Alert.get(id=alert_id)


async def _open(principal: Principal, alert_id: UUID) -> Alert:
    principal.require_everywhere(*WORKERS)  # alerts are of no one store
    found = Alert.filter(id=alert_id, merchant_id=principal.merchant_id).select_for_update(no_key=True)
    alert = await found.get_or_none()
    if alert is None:
        raise NotFound("No such alert; alerts lists yours.", path=_PATH)
    if alert.resolved_at is not None and not kinds.known(alert.kind).moment:
        raise InvalidState("It is over: there is nothing to take on.", path=_PATH, current_state="RESOLVED")
    if alert.resolved_at is not None and alert.acknowledged_at is None:
        raise InvalidState("It is over: nothing more has happened.", path=_PATH, current_state="RESOLVED")
    return alert


async def _drop(alert: Alert) -> None:
    """What waits to be said of it need not be said any more."""
    await AlertNotice.filter(alert_id=alert.id, due_at__isnull=False).update(due_at=None)


async def _one(changed: int) -> None:
    if changed != 1:
        raise InvalidState("It is over: there is nothing to take on.", path=_PATH, current_state="RESOLVED")
