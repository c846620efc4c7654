"""When a shop is looked at again, how far it was looked at, and whether it answers."""

from datetime import datetime
from uuid import UUID

from domain.commerce import aside
from domain.models import Shop
from domain.platform.database import execute, rows


async def failing(shop_id: UUID, because: str) -> None:
    """Remember that the shop does not answer, and since when."""
    await execute(
        "UPDATE shops SET failing_since = coalesce(failing_since, now()), failing_because = $2 WHERE id = $1",
        shop_id,
        because.replace("\x00", "")[:500] or "?",
    )


async def well(shop_id: UUID) -> None:
    """It answers (again), and to all that a sweep has put aside."""
    await execute(
        "UPDATE shops SET failing_since = NULL, failing_because = NULL WHERE id = $1 AND failing_since IS NOT NULL "
        "AND NOT EXISTS (SELECT 1 FROM shop_notices n WHERE n.shop_id = $1 AND n.path = $2 AND n.tries > 0 "
        "  AND n.due_at IS NOT NULL)",
        shop_id,
        aside.PATH,
    )


async def polled(shop: Shop, until: datetime, seconds: float) -> None:
    """What changed up to then is taken in; the next look is due after so many seconds."""
    await execute(
        "UPDATE shops SET polled_until = greatest(polled_until, $2), tries = 0, "
        "  due_at = CASE WHEN state = 'ACTIVE' THEN now() + make_interval(secs => $3::float8) END WHERE id = $1",
        shop.id,
        until,
        seconds,
    )


async def take(shop_id: UUID, lease_seconds: float) -> Shop | None:
    """Claim a shop that is due to be looked at; None: it is not, or somebody else has it."""
    taken = await rows(
        "UPDATE shops SET due_at = now() + make_interval(secs => $2::float8), tries = tries + 1 "
        "WHERE id = $1 AND due_at <= now() AND state = 'ACTIVE' RETURNING id",
        shop_id,
        lease_seconds,
    )
    return await Shop.get(id=shop_id) if taken else None


async def again(shop_id: UUID, seconds: float) -> None:
    """Look again after so many seconds: the position stays."""
    await execute(
        "UPDATE shops SET due_at = now() + make_interval(secs => $2::float8) WHERE id = $1 AND state = 'ACTIVE'",
        shop_id,
        seconds,
    )
