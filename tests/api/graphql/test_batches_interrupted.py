"""Sheets of refunds whose worker died between claiming a row and its refund: what others did meanwhile is seen."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from domain.access.tokens import Role
from domain.commerce import settle
from domain.commerce.vocabulary import SaidRefund, ShopKind
from domain.models import Refund, UsagePlan
from domain.models.shops import ShopRefundState
from domain.money import Money
from domain.platform.database import execute
from domain.platform.settings import Settings
from domain.problems import QuotaExceeded
from domain.usage import quotas
from jobs import batches as jobs
from jobs import usage as usage_jobs
from tests.api.conftest import Enter
from tests.api.graphql.batches import CANCEL, SHOW, applied, confirmed, judged, orders, outcomes, sheet_of
from tests.conftest import Database
from tests.kit.factories import OwnerRows, a_refund
from tests.kit.family import until
from tests.kit.shops import connected
from tests.sandbox.shops.erp import SECRET

_REVOKED = """UPDATE tokens SET revoked_at = now()
WHERE id IN (SELECT token_id FROM grants WHERE merchant_id = $1 AND role = 'REQUESTER')"""
_CLAIM = "UPDATE batch_rows SET claimed_at = now() WHERE batch_id = $1"


async def test_a_claimed_row_is_not_paid_beside_what_a_person_refunded_since(enter: Enter, settings: Settings) -> None:
    asker = await enter(Role.REQUESTER)
    first, _ = await orders(asker.shop, 10_000, 20_000)
    batch = await judged(asker, settings, sheet_of("A1;10,00;BRL", "A2;10,00;BRL"))
    assert (await confirmed(asker, batch))["errors"] == []
    await execute(_CLAIM, UUID(batch["id"]))  # and then the worker was killed
    await a_refund(asker.shop, first, 1_000)  # by a person, who sees that nothing happens
    await jobs.batch(UUID(batch["id"]), settings)
    found = await asker.ask(SHOW, id=batch["id"])
    assert outcomes(found) == [("LEFT", "LIKELY_DUPLICATE"), ("ASKED", None)]


@pytest.mark.parametrize("at_once", [False, True])
async def test_a_refund_number_that_a_spreadsheet_has_changed_is_no_other_refund(
    enter: Enter, settings: Settings, at_once: bool
) -> None:
    """A sheet that was handed in and saved again has lost the zeros in front; a copied cell brings what nobody sees."""
    asker = await enter(Role.REQUESTER)
    await orders(asker.shop, 10_000, 10_000)
    told = [sheet_of(f"A1;10,00;BRL;{one}", "A2;10,00;BRL;R-2") for one in ("000123", "123", "１２３")]
    batches = []
    for given in told:
        batch = await judged(asker, settings, given)
        batches.append(batch if at_once else await applied(asker, settings, batch))
    if at_once:
        assert {row["verdict"] for one in batches for row in one["rows"]} == {"GOES"}
        batches = [await applied(asker, settings, one) for one in batches]
    assert await Refund.all().count() == 2
    assert {one["rows"][0]["code"] for one in batches[1:]} == {"LIKELY_DUPLICATE"}
    assert [one["rows"][1]["outcome"] for one in batches] == ["ASKED", "ALREADY", "ALREADY"]
    others = await judged(asker, settings, sheet_of("A1;10,00;BRL;R-124", "A1;10,00;BRL;0124", "A1;10,00;BRL;124"))
    assert [row["verdict"] for row in others["rows"]] == ["GOES", "GOES", "DUPLICATE"]


async def test_a_sheet_that_was_called_off_in_the_middle_blocks_no_later_one(enter: Enter, settings: Settings) -> None:
    asker = await enter(Role.REQUESTER)
    await orders(asker.shop, 10_000)
    batch = await judged(asker, settings, sheet_of("A1;10,00;BRL"))
    assert (await confirmed(asker, batch))["errors"] == []
    await execute(_CLAIM, UUID(batch["id"]))
    assert (await asker.ask(CANCEL, input={"batchId": batch["id"]}))["errors"] == []
    # For as long as its worker may be in the middle of it, it counts.
    early = await applied(asker, settings, await judged(asker, settings, sheet_of("A1;10,00;BRL;;;early")))
    assert outcomes(early) == [("LEFT", "LIKELY_DUPLICATE")]
    await execute("UPDATE batches SET ended_at = now() - interval '1 hour' WHERE id = $1", UUID(batch["id"]))
    late = await applied(asker, settings, await judged(asker, settings, sheet_of("A1;10,00;BRL;;;late")))
    assert outcomes(late) == [("ASKED", None)]


async def test_what_a_sheet_is_asking_for_this_moment_a_shop_does_not_ask_for_beside_it(
    enter: Enter, settings: Settings
) -> None:
    asker = await enter(Role.REQUESTER)
    await orders(asker.shop, 10_000)
    shop = await connected(asker.shop, ShopKind.GENERIC, {"webhook_secret": SECRET})
    batch = await judged(asker, settings, sheet_of("A1;10,00;BRL"))
    assert (await confirmed(asker, batch))["errors"] == []
    await execute(_CLAIM, UUID(batch["id"]))  # and it is about to be asked for
    said = SaidRefund("R-1", order="A1", amount=Money(1_000, "BRL"))
    row = await settle.take_in(shop, said, "meanwhile")
    assert row is not None
    assert (row.state, row.why) == (ShopRefundState.WAITING, "ALREADY_REFUNDED")
    await jobs.batch(UUID(batch["id"]), settings)
    assert await Refund.filter(merchant_id=asker.shop.id).count() == 1


@pytest.mark.parametrize(
    ("change", "state", "code"),
    [
        (_REVOKED, "FAILED", "FORBIDDEN"),
        ("UPDATE grants SET role = 'AUDITOR' WHERE merchant_id = $1 AND role = 'REQUESTER'", "DONE", "FORBIDDEN"),
    ],
    ids=["revoked", "demoted"],
)
async def test_whoever_may_not_any_more_sends_no_further_row_and_each_says_why(
    enter: Enter, settings: Settings, owner_rows: OwnerRows, own_database: Database, change: str, state: str, code: str
) -> None:
    asker = await enter(Role.REQUESTER)
    reader = await enter(Role.ADMIN, asker.shop)
    payments = await orders(asker.shop, *[10_000] * 4)
    batch = await judged(asker, settings, sheet_of(*(f"A{one};10,00;BRL" for one in range(1, 5))))
    assert (await confirmed(asker, batch))["errors"] == []
    holder = await asyncpg.connect(own_database.owner_url)
    held = holder.transaction()
    await held.start()
    # The second row waits for this, behind the look at who asks.
    await holder.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"asking/{payments[1].id}")
    working = asyncio.create_task(jobs.batch(UUID(batch["id"]), settings))

    async def waits() -> bool:
        assert not working.done()
        blocked = "SELECT 1 FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
        return bool(await holder.fetch(blocked))

    await until(waits, "the second row waits")
    await owner_rows(change, asker.shop.id)
    await held.rollback()
    await working
    await holder.close()
    found = await reader.ask(SHOW, id=batch["id"])
    assert found["state"] == state
    assert outcomes(found) == [("ASKED", None), ("ASKED", None), ("REFUSED", code), ("REFUSED", code)]
    assert await Refund.all().count() == 2


async def test_a_hard_quota_that_is_reached_in_the_middle_of_a_sheet_stops_the_next_sheet_until_the_month_turns(
    enter: Enter, settings: Settings, owner_rows: OwnerRows
) -> None:
    asker = await enter(Role.REQUESTER)
    shop = asker.shop
    await orders(shop, *[10_000] * 5)
    first = await judged(asker, settings, sheet_of("A1;10,00;BRL", "A2;10,00;BRL", "A3;10,00;BRL"))
    second = await judged(asker, settings, sheet_of("A4;10,00;BRL"))
    two = {"REFUNDS": {"limit": 2, "hard": True}}
    given: dict[str, Any] = {
        "plan": "STARTER",
        "support": "STANDARD",
        "quotas": two,
        "set_by": "platform",
        "set_by_id": uuid4(),
    }
    await UsagePlan.create(id=uuid4(), merchant_id=shop.id, **given)
    await quotas.refresh()
    assert (await confirmed(asker, first))["errors"] == []
    await jobs.batch(UUID(first["id"]), settings)
    found = await asker.ask(SHOW, id=first["id"])
    assert [one for one, _ in outcomes(found)] == ["ASKED"] * 3, "What was begun goes on, above the quota as well."
    await usage_jobs.count()
    await quotas.refresh()
    (said,) = (await confirmed(asker, second))["errors"]
    assert said["code"] == "QUOTA_EXCEEDED"
    assert (await confirmed(asker, first))["errors"] == [], "It was confirmed, and the answer may have been lost."
    # The month turns, and nobody has asked anew yet: what is remembered has its end.
    (above,) = quotas._above[shop.id]
    quotas.check(shop.id, "batchConfirm", above.renews_at)
    with pytest.raises(QuotaExceeded):
        quotas.check(shop.id, "batchConfirm", above.renews_at - timedelta(seconds=1))
    # And what was counted is the old one's.
    await owner_rows("UPDATE usage_months SET month = month - interval '1 month' WHERE merchant_id = $1", shop.id)
    await quotas.refresh()
    assert (await confirmed(asker, second))["errors"] == []
    await jobs.batch(UUID(second["id"]), settings)
    found = await asker.ask(SHOW, id=second["id"])
    assert [one for one, _ in outcomes(found)] == ["ASKED"]
