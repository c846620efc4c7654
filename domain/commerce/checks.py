"""The preflight of a shop: what it says before refunds depend on it, every day and whenever it is asked for."""

import json
from collections.abc import Sequence
from typing import Final
from uuid import UUID, uuid4

from tortoise.queryset import QuerySet

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.cause import WORKER, Cause
from domain.commerce import shops, turns
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.models import Shop, ShopCheck
from domain.models.shops import ShopState
from domain.platform import ids, pace
from domain.platform.database import execute, for_all, rows, transaction
from domain.problems import InvalidState
from domain.pse.checking import CheckCode, Checked, CheckOutcome

PREFLIGHT: Final = "shopPreflight"
CLOCK_SECONDS_MAX: Final = 30.0
TRIES_MAX: Final = 3
LEASE_SECONDS: Final = 120.0
_DAY_SECONDS: Final = 24 * 3600.0
_SAID_MAX: Final = 2_000


def readable(principal: Principal) -> QuerySet[ShopCheck]:
    """The preflights that may be read, by who reads calls in all stores. Raises Forbidden."""
    principal.require_everywhere(Permission.READ_CALLS)
    return ShopCheck.filter(merchant_id=principal.merchant_id)


async def ask_for(principal: Principal, shop_id: UUID, cause: Cause) -> ShopCheck:
    """Have the shop's preflight run now; one that runs already is given. Raises NotFound, InvalidState, RateLimited."""
    async with transaction():
        shop = await shops.managed(principal, shop_id)
        if shop.state is ShopState.RETIRED:
            said = "The shop is retired."
            raise InvalidState(said, path=["input", "shopId"], current_state=shop.state.value)
        await pace.keep({f"preflight/{shop.id}": pace.PREFLIGHTS_OF_CONNECTION}, "preflights")
        run = await begin(shop, cause)
        await deeds.note(shop.merchant_id, PREFLIGHT, Of("shop", shop.id), cause, {"run": [None, str(run.id)]})
    return run


async def begin(shop: Shop, cause: Cause) -> ShopCheck:
    """Ask for a run, due at once; one that is under way is given instead."""
    await execute(
        "INSERT INTO shop_checks (id, merchant_id, shop_id, asked_by, request_id, due_at, tries, created_at) "
        "VALUES ($1, $2, $3, $4, $5, now(), 0, now()) ON CONFLICT (shop_id) WHERE finished_at IS NULL DO NOTHING",
        ids.time_ordered(),
        shop.merchant_id,
        shop.id,
        cause.actor[:200],
        cause.request_id[:64],
    )
    newest = await ShopCheck.filter(shop_id=shop.id).order_by("-created_at", "-id").first()
    assert newest is not None, "There is the one that was just written, or the one that kept it from being written."
    return newest


async def ring_all() -> list[UUID]:
    """Ask for a preflight of each shop that had none for a day; the runs."""
    found = await rows(
        "SELECT s.id FROM shops s WHERE s.state = 'ACTIVE' AND NOT EXISTS (SELECT 1 FROM shop_checks c "
        "WHERE c.shop_id = s.id AND c.created_at > now() - make_interval(secs => $1::float8))",
        _DAY_SECONDS,
    )
    cause = Cause(f"preflight-{uuid4()}", WORKER)
    return [(await begin(await Shop.get(id=row["id"]), cause)).id for row in found]


@for_all("whose a shop's preflight is that was rung for")
async def take(run_id: UUID) -> tuple[ShopCheck, Shop] | None:
    """Claim a run that is due; None: it is not, or somebody else has it."""
    taken = await rows(
        "UPDATE shop_checks SET tries = tries + 1, due_at = now() + make_interval(secs => $2::float8) "
        "WHERE id = $1 AND due_at <= now() AND finished_at IS NULL RETURNING id",
        run_id,
        LEASE_SECONDS,
    )
    if not taken:
        return None
    run = await ShopCheck.get(id=run_id)
    return run, await Shop.get(id=run.shop_id)


def clock(seconds: Sequence[float]) -> Checked:
    """What the shop's answers say of the clocks, in seconds: signatures carry the time."""
    if not seconds:
        return Checked(CheckCode.CLOCK, CheckOutcome.UNKNOWN, "No answer said what time it is.", "")
    worst = max(seconds, key=abs)
    saw = f"The shop's clock and ours are {abs(worst):.0f} seconds apart."
    if abs(worst) <= CLOCK_SECONDS_MAX:
        return Checked(CheckCode.CLOCK, CheckOutcome.PASSED, saw, "")
    return Checked(CheckCode.CLOCK, CheckOutcome.FAILED, saw, "Set this machine's clock by NTP, or the shop's.")


def outcome_of(checks: Sequence[Checked]) -> CheckOutcome:
    """FAILED where one failed, PASSED where nothing that can be told is unknown."""
    outcomes = {check.outcome for check in checks}
    for one in (CheckOutcome.FAILED, CheckOutcome.UNKNOWN):
        if one in outcomes:
            return one
    return CheckOutcome.PASSED


async def finish(run: ShopCheck, shop: Shop, checks: Sequence[Checked]) -> None:
    """Keep what was seen; a shop that refuses us, or is well again, is marked so."""
    told = [
        {
            "code": one.code.value,
            "outcome": one.outcome.value,
            "saw": _plain(one.saw),
            "what_to_do": _plain(one.what_to_do),
        }
        for one in checks
    ]
    await _end(run.id, outcome_of(checks).value, json.dumps(told), None)
    broken = [one for one in checks if one.outcome is CheckOutcome.FAILED]
    if broken:
        await turns.failing(shop.id, f"{broken[0].code.value}: {broken[0].saw}")
    elif outcome_of(checks) is CheckOutcome.PASSED:
        await turns.well(shop.id)


async def fail(run: ShopCheck, why: str) -> None:
    """The run could not be made; `why` is a sentence."""
    await _end(run.id, CheckOutcome.UNKNOWN.value, None, _plain(why)[:500])


async def _end(run_id: UUID, outcome: str, checks: str | None, error: str | None) -> None:
    await execute(
        "UPDATE shop_checks SET outcome = $2, checks = $3::jsonb, error = $4, finished_at = now(), due_at = NULL "
        "WHERE id = $1 AND finished_at IS NULL",
        run_id,
        outcome,
        checks,
        error,
    )


def _plain(text: str) -> str:
    return text.replace("\x00", "")[:_SAID_MAX]
