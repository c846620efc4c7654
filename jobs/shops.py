"""Shops: what they said is worked out, what became of it is told to them, and what they have not told is looked for."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

import structlog

from domain.cause import WORKER, Cause
from domain.commerce import aside, checks, credentials, following, intake, retiring, settle, shops, telling, turns
from domain.commerce.calls import AboutShop
from domain.commerce.dialect import NoAnswer, TooYoung
from domain.commerce.magento.dialect import Magento
from domain.commerce.registry import dialect_of
from domain.commerce.vocabulary import LookAt, NothingToUs, SaidRefund, ShopAccess, ShopDone, Told, Uninstalled
from domain.models import Shop
from domain.models.shops import ShopState
from domain.platform import bell
from domain.platform.database import door, for_all, for_merchant, unavailable
from domain.platform.secrets import Unsealable
from domain.platform.settings import Settings
from domain.platform.wrapping import KeyServiceAway
from domain.refunds import intervals
from jobs.wire.shops import ShopSender

_LEASE_SECONDS: Final = 600.0  # of a sweep through a shop
_YOUNG_SECONDS: Final = 60.0
_UNOPENED_SECONDS: Final = 300.0
_TURN_SECONDS: Final = 240.0  # of a sweep for what it has found; its job ends some minutes later
_IN_A_ROW_MAX: Final = 10  # questions of a sweep without an answer: then the shop is away
_UNUSABLE: Final = (Unsealable, KeyServiceAway)
_log = structlog.get_logger()


@door
async def apply(notice_id: UUID, sender: ShopSender, settings: Settings) -> None:
    """Work out what a shop said, if it is due."""
    claimed = await intake.take(notice_id)
    if claimed is None:
        return
    with for_merchant(claimed.shop.merchant_id):
        await _apply(claimed, sender, settings)


async def _apply(claimed: intake.HeardShop, sender: ShopSender, settings: Settings) -> None:
    notice, shop = claimed.notice, claimed.shop
    try:
        heard_at = notice.received_at
        told = [await _told(shop, one, notice.request_id, sender, settings, heard_at) for one in claimed.told]
    except TooYoung as error:
        await intake.later(notice, str(error), _YOUNG_SECONDS)
        return
    except NoAnswer as error:
        await turns.failing(shop.id, str(error))
        await intake.later(notice, str(error))
        return
    except _UNUSABLE as error:
        await intake.later(notice, f"The shop's credentials do not open: {error}")
        return
    except Exception as error:
        await intake.later(notice, f"Working it out raised {type(error).__name__}.")
        raise
    await intake.done(notice, claimed.unclear or "; ".join(told) or "It tells nothing.")
    _log.info("shop.applied", shop=str(shop.id), notice=str(notice.id))


async def _told(
    shop: Shop, told: Told, request_id: str, sender: ShopSender, settings: Settings, heard_at: datetime | None = None
) -> str:
    """Take in one thing that a shop told; what came of it, in words. Raises NoAnswer."""
    if isinstance(told, NothingToUs):
        return told.what
    if shop.state is ShopState.RETIRED:
        return await retiring.leave(shop, told, request_id)
    if isinstance(told, Uninstalled):
        await turns.failing(shop.id, "The shop says that our app was taken away.")
        await bell.ring(bell.SHOP_CHECK, (await checks.begin(shop, Cause(request_id, WORKER))).id)
        return "Our app was taken away."
    if isinstance(told, SaidRefund):
        row = await settle.take_in(shop, told, request_id, heard_at)
        return f"Refund {told.name}: {row.state.value if row else 'our own'}."
    return await _look(shop, told, request_id, sender, settings)


async def _look(shop: Shop, look: LookAt, request_id: str, sender: ShopSender, settings: Settings) -> str:
    access = await credentials.access_of(shop, settings.secret_key)
    about = AboutShop(shop.merchant_id, shop.id, request_id, "LOOK")
    listed = (await sender.ask(dialect_of(shop.kind).look(access, look.order), shop, access, about)).result
    if listed is None:
        # Not shown is not gone: what was said of it is a person's.
        if look.seen is not None:
            await settle.take_in(shop, look.seen, request_id)
        return f"Order {look.order} is not shown to us."
    count = await settle.take_in_all(shop, look.order, listed, request_id)
    if len(listed) == 1:
        return f"Order {look.order}: 1 refund, not ours." if count else f"Order {look.order}: 1 refund, ours."
    return f"Order {look.order}: {len(listed)} refunds, {count} of them not ours."


@door
async def step(row_id: UUID, sender: ShopSender, settings: Settings) -> None:
    """Work out a shop's refund again, or tell its shop what became of it, if it is due."""
    due = await telling.take(row_id)
    if due is None:
        return
    with for_merchant(due.shop.merchant_id):
        await _step(due, sender, settings)


async def _step(due: telling.Due, sender: ShopSender, settings: Settings) -> None:
    if await telling.given_up(due):
        return
    if due.shop.state is not ShopState.ACTIVE:
        await telling.rest(due)
        return
    if due.news is None:
        await settle.settle(due.shop, due.row)
        return
    if not telling.wanted(due):
        await telling.nothing_to_say(due)
        return
    try:
        access = await credentials.access_of(due.shop, settings.secret_key)
    except _UNUSABLE as error:
        await turns.failing(due.shop.id, f"The shop's credentials do not open: {error}")
        await telling.put_off(due, _UNOPENED_SECONDS)
        return
    writes = telling.is_record(due)
    about = AboutShop(due.shop.merchant_id, due.shop.id, due.row.request_id, "RECORD" if writes else "TELL", due.row.id)
    asking = due.dialect.record(access, due.news) if writes else due.dialect.tell(access, due.news)
    outcome = (await sender.ask(asking, due.shop, access, about)).result
    await telling.record(due, outcome)
    if isinstance(outcome, ShopDone):
        await turns.well(due.shop.id)
    _log.info("shop.told", shop=str(due.shop.id), refund=str(due.row.refund_id), outcome=type(outcome).__name__)


@door
async def look_at(shop_id: UUID, sender: ShopSender, settings: Settings) -> None:
    """Look for what a shop has not told, if it is due: from its position on, with an overlap."""
    with for_all("whose a shop is that was rung for"):
        shop = await turns.take(shop_id, _LEASE_SECONDS)
    if shop is None:
        return
    with for_merchant(shop.merchant_id):
        try:
            await _look_at(shop, sender, settings)
        except NoAnswer as error:
            await turns.failing(shop.id, str(error))
            await turns.again(shop.id, max(intervals.UNSENT.delay(shop.tries), error.seconds))
        except _UNUSABLE as error:
            await turns.failing(shop.id, f"The shop's credentials do not open: {error}")
            await turns.again(shop.id, intervals.UNSENT.delay(shop.tries))
        except Exception as error:
            if not unavailable(error):
                await turns.failing(shop.id, f"Looking raised {type(error).__name__}.")
                await turns.again(shop.id, intervals.UNSENT.delay(shop.tries))
            raise


async def _look_at(shop: Shop, sender: ShopSender, settings: Settings) -> None:
    dialect, until, request_id = dialect_of(shop.kind), datetime.now(UTC), f"shop-{uuid4()}"
    access = await credentials.access_of(shop, settings.secret_key)
    if shop.wanted_key is not None and isinstance(dialect, Magento):
        await _fetch_key(shop, dialect, access, sender)
    if dialect.poll_seconds is None:
        return
    about = AboutShop(shop.merchant_id, shop.id, request_id, "POLL")
    since = shop.polled_until - timedelta(seconds=dialect.overlap_seconds)
    found = (await sender.ask(dialect.poll(access, since, until), shop, access, about)).result
    missed = await _told_each(shop, list(dict.fromkeys(found.told)), request_id, sender, settings)
    await turns.polled(shop, until, max(dialect.poll_seconds, missed.seconds if missed else 0.0))
    if missed is None:
        await turns.well(shop.id)
    else:
        await turns.failing(shop.id, str(missed))
    _log.info("shop.looked", shop=str(shop.id), told=len(found.told))


@dataclass(slots=True)
class _Sweep:
    """How far one has come with what it found. `missed`: why not all is taken in; `left`: the orders put aside."""

    until: float
    missed: list[NoAnswer] = field(default_factory=list)
    left: list[LookAt] = field(default_factory=list)
    taken: int = 0
    in_a_row: int = 0
    is_whole: bool = True  # all that is missed can be put aside

    def leaves(self, one: Told) -> bool:
        """Whether it is put aside unasked: there is no time for it, or the shop answers no more."""
        over = self.in_a_row >= _IN_A_ROW_MAX or time.monotonic() >= self.until
        if isinstance(one, LookAt) and over:
            self.left.append(one)
            return True
        return False

    def miss(self, one: Told, error: NoAnswer) -> None:
        """It cannot be taken in now. Raises NoAnswer where the shop answers nothing at all."""
        self.missed.append(error)
        self.in_a_row += 1
        if not self.taken and self.in_a_row >= _IN_A_ROW_MAX:
            raise error
        if isinstance(one, LookAt):
            self.left.append(one)
        else:
            self.is_whole = False


async def _told_each(
    shop: Shop, told: Sequence[Told], request_id: str, sender: ShopSender, settings: Settings
) -> NoAnswer | None:
    """Take in each of what a sweep has found: what cannot be taken in holds up no other, and is not passed over.

    Orders that the shop does not show now, or for which there is no time, are put aside: the next sweep would begin at
    the first of them again, and never come to the last. None: all the others are taken in. Raises NoAnswer where the
    position must stay.
    """
    sweep = _Sweep(time.monotonic() + _TURN_SECONDS)
    for one in told:
        if sweep.leaves(one):
            continue
        if (error := await _missed(shop, one, request_id, sender, settings)) is None:
            sweep.taken, sweep.in_a_row = sweep.taken + 1, 0
        else:
            sweep.miss(one, error)
    await aside.put(shop, sweep.left, request_id)
    if not sweep.missed:
        return None
    said = f"Of {len(told)} orders {len(sweep.missed)} could not be taken in, the first: {sweep.missed[0]}"
    summed = NoAnswer(said, max(error.seconds for error in sweep.missed))
    if not sweep.is_whole:
        raise summed
    return summed


async def _missed(shop: Shop, one: Told, request_id: str, sender: ShopSender, settings: Settings) -> NoAnswer | None:
    """Take in one thing; why it could not be, if so."""
    try:
        await _told(shop, one, request_id, sender, settings)
    except TooYoung:
        return None  # the next sweep begins before it
    except NoAnswer as error:
        return error
    except _UNUSABLE:
        raise
    except Exception as error:
        if unavailable(error):
            raise
        _log.exception("shop.not_taken_in", shop=str(shop.id), request=request_id)
        return NoAnswer(f"Working out what it shows raised {type(error).__name__}.")
    return None


async def _fetch_key(shop: Shop, dialect: Magento, access: ShopAccess, sender: ShopSender) -> None:
    """Fetch the key that a message was signed with, from where it is published and nowhere else."""
    assert shop.wanted_key is not None, "One is wanted."
    about = AboutShop(shop.merchant_id, shop.id, f"shop-{uuid4()}", "KEY")
    pem = await sender.text(shop, access, dialect.key_wanted(shop.wanted_key), about)
    await credentials.keep_key(shop, shop.wanted_key, pem)


@door
async def run_check(run_id: UUID, sender: ShopSender, settings: Settings) -> None:
    """Make a preflight, if it is due."""
    taken = await checks.take(run_id)
    if taken is None:
        return
    run, shop = taken
    with for_merchant(shop.merchant_id):
        if run.tries > checks.TRIES_MAX:
            await checks.fail(run, "Its worker ended before it could be finished, more than once.")
            return
        try:
            access = await credentials.access_of(shop, settings.secret_key)
            about = AboutShop(shop.merchant_id, shop.id, run.request_id, "CHECK")
            asking = dialect_of(shop.kind).check(access, shops.url_of(settings.public_url, shop.id))
            asked = await sender.ask(asking, shop, access, about)
            await checks.finish(run, shop, [*asked.result, checks.clock(asked.clocks)])
        except Exception as error:
            if unavailable(error):
                raise
            _log.exception("shop.check_failed", run=str(run.id))
            await checks.fail(run, f"{type(error).__name__}: see the log of the worker for {run.request_id}.")


@door
async def follow_all() -> int:
    """Make due what has moved in the histories since the shops' positions; how many refunds.

    One whose history cannot be followed is said in the log, and holds up no other.
    """
    count = 0
    with for_all("the history of all is followed for their shops"):
        for one in await following.behind():
            try:
                count += await following.follow(one)
            except Exception as error:
                if unavailable(error):
                    raise
                _log.exception("shop.unfollowed", shop=str(one))
    return count


@door
async def ring_the_checks() -> int:
    """Ask for the preflight of every shop whose turn it is; how many."""
    with for_all("the timetable's turn of every shop"):
        runs = await checks.ring_all()
        await credentials.forget_old_secrets()
    for one in runs:
        await bell.ring(bell.SHOP_CHECK, one)
    return len(runs)
