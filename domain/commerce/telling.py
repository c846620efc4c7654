"""What became of a refund goes back to its shop: told once for each state, tried until it is taken."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.commerce import linking, patience, recording, standing, withdrawing
from domain.commerce.dialect import Dialect
from domain.commerce.matching import Unmatched
from domain.commerce.registry import dialect_of
from domain.commerce.vocabulary import ENDED, Outcome, ShopDone, ShopHasNone, ShopLater, ShopNews, Why
from domain.models import Shop, ShopRefund
from domain.models.refunds import State
from domain.models.shops import ShopRefundOrigin, ShopRefundState, ShopState
from domain.platform.database import execute, for_all, rows
from domain.refunds.intervals import DAY, HOUR, MINUTE, Schedule

_LEASE_SECONDS: Final = 60.0
TRIES: Final = Schedule((2, 5, 15, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, DAY, DAY), after_end=DAY)


@dataclass(frozen=True, slots=True)
class Due:
    """A refund of a shop that is due, and what is to be said of it (None: it is to be worked out first).

    The moment at which the row is due again is the lease: who has the next turn has another one.
    """

    shop: Shop
    row: ShopRefund
    dialect: Dialect
    news: ShopNews | None


@for_all("whose a shop's refund is that was rung for")
async def take(row_id: UUID) -> Due | None:
    """Claim one that is due; None: it is not, or its shop rests and may yet be waiting."""
    taken = await rows(
        "UPDATE shop_refunds r SET due_at = now() + make_interval(secs => $2::float8), tries = r.tries + 1 "  # noqa: S608
        f"FROM shops s WHERE r.id = $1 AND r.due_at <= now() AND s.id = r.shop_id AND {patience.TURN} "
        "RETURNING r.id",
        row_id,
        _LEASE_SECONDS,
    )
    if not taken:
        return None
    row = await ShopRefund.get(id=row_id)
    shop = await Shop.get(id=row.shop_id)
    linked = row.state is ShopRefundState.LINKED or row.state is ShopRefundState.DISMISSED
    return Due(shop, row, dialect_of(shop.kind), await standing.news_of(row) if linked else None)


def wanted(due: Due) -> bool:
    """Whether the shop is to hear this now."""
    news = due.news
    if news is None or _told_as(news) == due.row.told_state:
        return False
    if due.row.told_state == recording.NO_ORDER:
        return False
    if due.row.told_state == standing.GIVEN_UP or (due.dialect.asks and due.row.told_state is not None):
        return False  # what it was answered is final there
    return news.given_up or (news.state is not None and news.state in due.dialect.hears)


def is_record(due: Due) -> bool:
    """Whether it is to be written into the shop as a refund of its own."""
    return due.row.origin is ShopRefundOrigin.OURS and due.row.name is None and due.news is not None and due.news.paid


def _told_as(news: ShopNews) -> str:
    return news.state.value if news.state is not None else standing.DISMISSED


async def nothing_to_say(due: Due) -> None:
    """Rest until it moves, or until its shop asks no more."""
    limit = due.dialect.gives_up_seconds
    open_ended = due.news is None or due.news.state not in ENDED
    waits = limit is not None and open_ended and due.row.told_state is None
    await execute(
        "UPDATE shop_refunds SET tries = 0, "
        "  due_at = CASE WHEN $2 THEN created_at + make_interval(secs => $3::float8) END WHERE id = $1 AND tries = $4",
        due.row.id,
        waits,
        limit or 0.0,
        due.row.tries,
    )
    if _came_back_too_late(due):
        said = "The shop was told that it is paid; the money came back, and it cannot be told so any more."
        await linking.wait(due.shop, due.row, Unmatched(Why.RETURNED_AFTER_TOLD, said))


def _came_back_too_late(due: Due) -> bool:
    returned = due.news is not None and due.news.state is State.RETURNED
    return due.dialect.asks and returned and due.row.told_state == State.SUCCEEDED.value


async def given_up(due: Due) -> bool:
    """Whether the shop asks no more, and was given the refund back: nothing of it left, and nothing will."""
    if due.row.told_state is not None or (due.news is not None and due.news.state in ENDED):
        return False
    if not await patience.is_over(due.shop, due.row):
        return False
    if not await withdrawing.give_up(due.shop, due.row):
        await ShopRefund.filter(id=due.row.id, due_at=due.row.due_at).update(due_at=None)
        said = "The shop waits no longer, and the refund was sent: tell the shop by hand what becomes of it."
        await linking.wait(due.shop, due.row, Unmatched(Why.NOT_TOLD, said))
        return True
    await execute(
        "UPDATE shop_refunds SET told_state = $2, told_at = now(), due_at = NULL WHERE id = $1",
        due.row.id,
        standing.GIVEN_UP,
    )
    return True


async def rest(due: Due) -> None:
    """Its shop rests. A paused one goes on some day; of a retired one nothing is due any more."""
    await execute(
        "UPDATE shop_refunds SET due_at = CASE WHEN $3 THEN NULL ELSE now() END, tries = tries - 1 "
        "WHERE id = $1 AND due_at = $2",
        due.row.id,
        due.row.due_at,
        due.shop.state is ShopState.RETIRED,
    )


async def put_off(due: Due, seconds: float) -> None:
    """It could not be said, for a reason of our own: this try does not count."""
    await execute(
        "UPDATE shop_refunds SET due_at = now() + make_interval(secs => $2::float8), tries = tries - 1 "
        "WHERE id = $1 AND due_at = $3",
        due.row.id,
        seconds,
        due.row.due_at,
    )


async def record(due: Due, outcome: Outcome) -> None:
    """Keep what the shop says to it. What it will never take is a person's."""
    assert due.news is not None, "Something was told."
    if isinstance(outcome, ShopDone):
        await _done(due, due.news, outcome)
    elif isinstance(outcome, ShopHasNone) and is_record(due):
        await recording.rest(due.shop, due.row)
    elif isinstance(outcome, ShopLater) and not TRIES.ended(due.row.tries):
        seconds = max(TRIES.delay(due.row.tries), outcome.seconds)
        await execute(
            "UPDATE shop_refunds SET due_at = now() + make_interval(secs => $2::float8), told_detail = $3 "
            "WHERE id = $1 AND due_at = $4",
            due.row.id,
            seconds,
            _plain(outcome.why),
            due.row.due_at,
        )
    else:
        await _refused(due, due.news, outcome.why)


async def _done(due: Due, news: ShopNews, outcome: ShopDone) -> None:
    # What has moved meanwhile is told next: its position in the history lies behind, and makes it due. What the shop
    # has named is so, whoever has the next turn.
    await execute(
        "UPDATE shop_refunds SET told_state = CASE WHEN due_at = $6 THEN $2 ELSE told_state END, told_at = now(), "
        "  told_detail = $3, tries = CASE WHEN due_at = $6 THEN 0 ELSE tries END, "
        "  due_at = CASE WHEN due_at = $6 THEN NULL ELSE due_at END, "
        "  name = CASE WHEN name IS NULL AND NOT EXISTS "
        "    (SELECT 1 FROM shop_refunds o WHERE o.shop_id = $5 AND o.name = $4) THEN $4 ELSE name END "
        "WHERE id = $1",
        due.row.id,
        _told_as(news),
        _plain(outcome.detail),
        outcome.name[: standing.NAME_MAX] if outcome.name else None,
        due.shop.id,
        due.row.due_at,
    )


async def _refused(due: Due, news: ShopNews, why: str) -> None:
    claimed = ShopRefund.filter(id=due.row.id, due_at=due.row.due_at)
    await claimed.update(told_detail=_plain(why), tries=0, due_at=None)
    await linking.wait(
        due.shop, due.row, Unmatched(Why.NOT_TOLD, f"The shop does not take that it is {_told_as(news)}: {why}")
    )


def _plain(text: str) -> str:
    return text.replace("\x00", "")[:500]
