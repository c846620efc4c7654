"""A refund that is due and must wait, because nothing can be said to its PSE now: how long, why, and who is told."""

from datetime import datetime
from typing import Final
from uuid import UUID

from domain.cause import WORKER, Cause
from domain.history import events
from domain.models import Connection, Event, Refund
from domain.models.refunds import State
from domain.platform.database import rows, transaction
from domain.refunds import call_person, intervals, schedule
from domain.refunds import refused as access
from domain.refunds.destination import destinations
from domain.refunds.states import SETTLED_FOR_NOW

# Whose next step says something to the PSE.
SPEAKS: Final = frozenset({State.REQUESTED, State.SUBMITTED, State.PENDING})


async def resting(refund_id: UUID, seconds: float, failing_since: datetime | None = None) -> None:
    """The PSE is left alone for so long: say so in the history once, and call a person when it goes on and on.

    `failing_since` (UTC): since when it answers nothing; None: it asked to be left alone.
    """
    said = "The PSE asked to be left alone for a while; the refund waits."
    if failing_since is not None:
        said = f"The PSE is not answering since {failing_since:%Y-%m-%d %H:%M} UTC; the refund waits."
    async with transaction():
        refund, now, since = await _rests(refund_id, seconds, "PSE_RESTING", said)
        if refund is not None and since is not None and now - since >= intervals.RESTING_FINDING:
            await call_person.open_resting(refund, since)


async def suspended(refund_id: UUID) -> None:
    """The connection is suspended: nothing is sent or asked until a person lets it go on. Said in the history once."""
    said = "The connection to the PSE is suspended: nothing is sent until somebody lets it go on; the refund waits."
    async with transaction():
        await _rests(refund_id, intervals.HELD_SECONDS, "CONNECTION_SUSPENDED", said)


async def refused(refund_id: UUID, connection: Connection) -> None:
    """The PSE refuses our access: the refund looks again now and then, and its history says once why it waits."""
    async with transaction():
        refund, _ = await due(refund_id)
        if refund is None:
            return
        await schedule.put_off(refund_id, intervals.HELD_SECONDS)
        last = await Event.filter(refund_id=refund_id).order_by("-sequence").first()
        if last is None or last.code != access.CODE:
            cause = Cause(refund.request_id, WORKER)
            await events.note(refund, "HELD", cause, code=access.CODE, message=access.said(connection))


async def _rests(
    refund_id: UUID, seconds: float, code: str, said: str
) -> tuple[Refund | None, datetime, datetime | None]:
    """The refund (None: it waits for nobody), the database's clock, and since when its history says why it waits."""
    refund, now = await due(refund_id)
    if refund is None:
        return None, now, None
    await schedule.put_off(refund_id, seconds)
    if refund.state is State.MANUAL or refund.state in destinations.WAITING or refund.state in SETTLED_FOR_NOW:
        return None, now, None
    last = await Event.filter(refund_id=refund_id).order_by("-sequence").first()
    if last is not None and (last.kind, last.code) == ("RESTING", code):
        return refund, now, last.occurred_at
    await events.note(refund, "RESTING", Cause(refund.request_id, WORKER), code=code, message=said)
    return refund, now, None


async def unusable(refund_id: UUID, code: str, said: str, *, lasting: bool) -> None:
    """Nothing can be said on the refund's connection: support reads why. `lasting`: a person is called at once.

    Nothing is marked as sent, so nothing comes into doubt by it.
    """
    async with transaction():
        refund, now = await due(refund_id)
        if refund is None or refund.state not in SPEAKS:
            return
        await schedule.put_off(refund_id, intervals.MINUTE)
        last = await Event.filter(refund_id=refund_id).order_by("-sequence").first()
        if last is None or (last.kind, last.code) != ("HELD", code):
            await events.note(refund, "HELD", Cause(refund.request_id, WORKER), code=code, message=said)
        if lasting or (last is not None and now - last.occurred_at >= intervals.RESTING_FINDING):
            await call_person.open_unusable(refund, said)


async def note_held(refund: Refund, cause: Cause, code: str, said: str) -> None:
    """The history says why the refund waits, unless that is the last thing it says."""
    last = await Event.filter(refund_id=refund.id).order_by("-sequence").first()
    if last is None or (last.kind, last.message) != ("HELD", said):
        await events.note(refund, "HELD", cause, code=code, message=said)


async def due(refund_id: UUID) -> tuple[Refund | None, datetime]:
    """The refund, locked, and the database's time; None: it is not due, or somebody else holds it."""
    found = await rows(
        "SELECT now() AS now FROM refunds WHERE id = $1 AND due_at <= now() FOR NO KEY UPDATE SKIP LOCKED",
        refund_id,
    )
    if not found:
        return None, datetime.min
    return await Refund.get(id=refund_id), found[0]["now"]
