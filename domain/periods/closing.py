"""Closing a month: one person proposes it and another does it. What is closed is kept, and never opened again.

Whoever books into the month at the same moment is waited for, or asks the database in vain for a place in it: the entry
lands on the first open day (migration 0047), with the date that it would have had beside it.
"""

import asyncio
import time
from datetime import date
from typing import Final
from uuid import UUID, uuid4

from tortoise.queryset import QuerySet

from domain.access import second, vouching
from domain.access.holders import same_person
from domain.access.permissions import Permission
from domain.access.principal import Principal, Whose, scope_of
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.history import seals
from domain.models import PeriodClosing
from domain.periods import kept, preview
from domain.periods.months import Month
from domain.platform import idempotency, marks
from domain.platform.database import execute, rows, transaction
from domain.problems import Forbidden, InvalidInput, InvalidState, NotFound

PROPOSE: Final = "periodPropose"
CONFIRM: Final = "periodConfirm"
WITHDRAW: Final = "periodWithdraw"
_WHY_MAX: Final = 500
PATIENCE_SECONDS: Final = 4.0
_LOOK_SECONDS: Final = 0.05
_PATH: Final = ["input", "closingId"]
# The same name as in the trigger that guards closed months.
_ALONE: Final = "SELECT pg_try_advisory_xact_lock(hashtextextended('closing/' || $1::uuid, 0)) AS alone"
_ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended('closings/' || $1::uuid, 0))"
_CONFIRM: Final = (
    "UPDATE period_closings SET confirmed_at = now(), confirmed_by = $2, confirmed_by_id = $3, last_entry = $4, "
    "chain_position = $5, chain_hash = $6, digest = $7 WHERE id = $1 AND confirmed_at IS NULL AND withdrawn_at IS NULL"
)
_WITHDRAW: Final = (
    "UPDATE period_closings SET withdrawn_at = now(), withdrawn_by = $2 "
    "WHERE id = $1 AND confirmed_at IS NULL AND withdrawn_at IS NULL"
)


def readable(whose: Whose) -> QuerySet[PeriodClosing]:
    """What was proposed, closed and withdrawn. It is of all stores: whoever reads some sees none. Raises Forbidden."""
    scope = scope_of(whose, Permission.READ_LEDGER)
    found = PeriodClosing.filter(merchant_id=scope.merchant_id)
    return found if scope.is_whole else found.filter(id=None)


async def closed(whose: Whose, month: Month) -> PeriodClosing | None:
    """The closing of a month; None: it is open."""
    return await readable(whose).filter(last_day=month.last_day, confirmed_at__isnull=False).get_or_none()


async def last_closed(merchant_id: UUID) -> date | None:
    """The last day of the last month that is closed."""
    found = (
        await PeriodClosing.filter(merchant_id=merchant_id, confirmed_at__isnull=False).order_by("-last_day").first()
    )
    return found.last_day if found else None


async def propose(principal: Principal, month: Month, why: str | None, key: str, cause: Cause) -> PeriodClosing:
    """Have another person close this month. `why`: it is closed although something stands against it.

    What was proposed before counts no more. Raises Forbidden, InvalidInput, InvalidState, IdempotencyConflict.
    """
    principal.require_everywhere(Permission.CLOSE_PERIODS)
    word = (why or "").strip() or None
    if word is not None and (len(word) > _WHY_MAX or not word.isprintable()):
        raise InvalidInput(f"why takes at most {_WHY_MAX} printable characters.", path=["input", "why"])
    merchant_id, closing_id = principal.merchant_id, uuid4()
    async with transaction():
        facts = {"month": str(month), "why": word}
        if stored := await idempotency.claim(merchant_id, PROPOSE, key, facts, closing_id, cause):
            return await PeriodClosing.get(id=stored)
        await execute(_ONE_AT_A_TIME, merchant_id)
        await _check_next(merchant_id, month)
        against = [one.kept() for one in await preview.against(merchant_id, month)]
        _check_word(against, word)
        for older in await PeriodClosing.filter(merchant_id=merchant_id, confirmed_at=None, withdrawn_at=None):
            await _end(older, principal)
        row = await PeriodClosing.create(
            id=closing_id,
            merchant_id=merchant_id,
            first_day=month.first_day,
            last_day=month.last_day,
            against=against,
            why=word,
            proposed_by=principal.holder[:200],
            proposed_by_id=principal.party,
        )
        await deeds.note(merchant_id, PROPOSE, Of("period", row.id), cause, deeds.changed({}, facts))
    return row


async def confirm(
    principal: Principal, closing_id: UUID, cause: Cause, *, patience_seconds: float = PATIENCE_SECONDS
) -> PeriodClosing:
    """Close the month that another person has proposed. Raises Forbidden, NotFound, InvalidState.

    `patience_seconds`: how long whoever books just now is waited for, twice.
    """
    principal.require_everywhere(Permission.CLOSE_PERIODS)
    proposed = await _proposed(principal, closing_id)
    if await vouching.is_same(principal, proposed.proposed_by_id, proposed.proposed_at) or same_person(
        proposed.proposed_by, principal.holder
    ):
        raise Forbidden(
            f"You proposed it yourself; another person with CLOSE_PERIODS must close it ({vouching.ADVICE}).",
            path=_PATH,
        )
    await second.check_first_counts(proposed.proposed_by_id, _PATH)
    # Whatever was booked before the month could be closed is there, or undone, when nobody of now still writes.
    if await marks.settled(["ledger_entries"], patience_seconds=patience_seconds) is None:
        raise _busy()
    async with transaction():
        await execute(_ONE_AT_A_TIME, proposed.merchant_id)
        await _alone(proposed.merchant_id, patience_seconds)
        row = await _proposed(principal, closing_id)
        await _check_next(row.merchant_id, Month.of(row.first_day))
        against = [one.kept() for one in await preview.against(row.merchant_id, Month.of(row.first_day))]
        _check_word(against, row.why)
        _check_known(against, row.against)
        await _close(row, principal)
        facts = {"month": [None, str(Month.of(row.first_day))], "proposed_by": [None, row.proposed_by]}
        await deeds.note(row.merchant_id, CONFIRM, Of("period", row.id), cause, facts)
    return await PeriodClosing.get(id=closing_id)


async def withdraw(principal: Principal, closing_id: UUID, cause: Cause) -> PeriodClosing:
    """Take back, or refuse, what was proposed. Raises Forbidden, NotFound, InvalidState."""
    principal.require_everywhere(Permission.CLOSE_PERIODS)
    async with transaction():
        await execute(_ONE_AT_A_TIME, principal.merchant_id)
        row = await _proposed(principal, closing_id)
        await _end(row, principal)
        facts = {"month": [str(Month.of(row.first_day)), None]}
        await deeds.note(row.merchant_id, WITHDRAW, Of("period", row.id), cause, facts)
    return await PeriodClosing.get(id=closing_id)


async def _close(row: PeriodClosing, principal: Principal) -> None:
    await kept.keep(row)
    (last,) = await rows(kept.LAST_ENTRY, row.merchant_id, row.last_day)
    head = await seals.head(row.merchant_id)
    digest = await kept.digest_of(row, last["id"], head.position, head.hash)
    who = (principal.holder[:200], principal.party)
    if await execute(_CONFIRM, row.id, *who, last["id"], head.position, head.hash, digest) != 1:
        raise RuntimeError("The month was not closed: its row was not there to be changed.")


async def _alone(merchant_id: UUID, patience_seconds: float) -> None:
    """Nobody else books into an old month until the caller's transaction ends. Nobody is held up by the waiting."""
    give_up = time.monotonic() + patience_seconds
    while not (await rows(_ALONE, merchant_id))[0]["alone"]:
        if time.monotonic() >= give_up:
            raise _busy()
        await asyncio.sleep(_LOOK_SECONDS)


def _busy() -> InvalidState:
    return InvalidState(
        "Somebody books just now, a night perhaps; close the month when that has ended.",
        path=_PATH,
        current_state="BUSY",
    )


async def _proposed(principal: Principal, closing_id: UUID) -> PeriodClosing:
    row = await PeriodClosing.get_or_none(id=closing_id, merchant_id=principal.merchant_id)
    if row is None:
        raise NotFound("There is no such closing; `periods` lists yours.", path=_PATH)
    if row.confirmed_at is not None or row.withdrawn_at is not None:
        state = "CLOSED" if row.confirmed_at is not None else "WITHDRAWN"
        raise InvalidState("It waits for nobody any more.", path=_PATH, current_state=state)
    return row


async def _end(row: PeriodClosing, principal: Principal) -> None:
    if await execute(_WITHDRAW, row.id, principal.holder[:200]) != 1:
        raise RuntimeError("The proposal was not withdrawn: its row was not there to be changed.")


async def _check_next(merchant_id: UUID, month: Month) -> None:
    """Months are closed in their order, when they are over. Raises InvalidInput, InvalidState."""
    (clock,) = await rows("SELECT (now() AT TIME ZONE 'UTC')::date AS today")
    if clock["today"] < month.closable_from:
        raise InvalidInput(f"{month} can be closed from {month.closable_from} on.", path=["input", "month"])
    last = await last_closed(merchant_id)
    if last is not None and last >= month.last_day:
        raise InvalidState(f"{month} is closed.", path=["input", "month"], current_state="CLOSED")
    if last is not None and Month.of(last).next != month:
        raise InvalidInput(f"{Month.of(last).next} comes first.", path=["input", "month"])


def _check_word(against: list[dict[str, object]], word: str | None) -> None:
    if against and word is None:
        said = ", ".join(f"{one['obstacle']} ({one['count']})" for one in against)
        raise InvalidInput(
            f"Against closing it stand: {said}. End them, or propose it with a word why it is closed all the same.",
            path=["input", "why"],
        )


def _check_known(against: list[dict[str, object]], told: list[dict[str, object]]) -> None:
    """The word was said of what stood against it then, which is what is kept. Raises InvalidState for another kind."""
    known = {one["obstacle"] for one in told}
    said = ", ".join(f"{one['obstacle']} ({one['count']})" for one in against if one["obstacle"] not in known)
    if said:
        raise InvalidState(
            f"Against closing it stands since: {said}. End it, or propose the month anew with a word that says so.",
            path=_PATH,
            current_state="CHANGED",
        )
