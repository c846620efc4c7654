"""News that comes at a bad moment: during a look-up, during its own application, before the payment, after the end."""

import asyncio
import json
from datetime import UTC, datetime

import pytest

from domain import invariants
from domain.findings.findings import FindingKind
from domain.models import Event, Finding, Notice, Payment, Refund
from domain.models.refunds import State
from domain.money import Money
from domain.notices import inbox, listings
from domain.platform.database import rows, transaction
from domain.pse.capabilities import LookUp
from domain.pse.vocabulary import Accepted, Declined, InDoubt, KnownRefund, Outcome, Succeeded, WebhookRequest
from domain.refunds import intervals, next_step, refresh, schedule
from domain.refunds.moves import lock
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from domain.refunds.work import Ask
from jobs import notices as jobs
from tests.kit.factories import CAUSE, KEY, a_payment, a_refund, a_shop, an_answer
from tests.kit.family import until
from tests.kit.lab_connector import Lab
from tests.kit.world import Lay, World


async def _store(world: World, payment: str, refund: str) -> Notice:
    body = json.dumps({"pix": [{"endToEndId": payment, "devolucoes": [{"id": refund}]}]}).encode()
    path = f"/webhooks/{world.shop.connection.id}/hook-secret-of-the-test/pix"
    request = WebhookRequest("POST", path, "", {}, body)
    notice_id = await inbox.store(world.shop.connection.id, request, "request-of-the-webhook", KEY)
    assert notice_id is not None
    return await Notice.get(id=notice_id)


async def _is_due(table: str, row_id: object) -> bool:
    (row,) = await rows(f"SELECT due_at <= now() AS yes FROM {table} WHERE id = $1", row_id)  # noqa: S608 - ours
    return row["yes"] is True


async def _somebody_waits() -> bool:
    """Whether a session of this test's database waits for another one's lock."""
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return bool(await rows(waiting))


async def _ended(world: World, payment: str) -> Notice:
    """A webhook of a payment that nobody has registered, and whose schedule has ended."""
    notice = await _store(world, payment, "x")
    for _ in range(len(intervals.NOTICE.delays)):
        await rows("UPDATE notices SET due_at = now() WHERE id = $1 RETURNING id", notice.id)
        await jobs.apply(notice.id, world.sender)
    notice = await Notice.get(id=notice.id)
    assert (notice.due_at, notice.applied_at) == (None, None)
    return notice


@pytest.mark.parametrize(
    "answer", [Accepted("D1"), InDoubt("HTTP_500", "?"), InDoubt("ODD", "?", needs_person=True), None]
)
async def test_a_refund_that_falls_due_during_its_look_up_stays_due(world: World, answer: Outcome | None) -> None:
    refund = await world.step(await a_refund(world.shop, await world.payment("pending")))
    await schedule.postpone(refund.id, 0)
    work = await next_step.take(refund.id, lease_seconds=60, send_seconds=20)
    assert isinstance(work, Ask)
    await refresh.refresh(world.shop.id, refund.id)  # as a webhook does
    outcome = answer or Accepted(None)
    await record(refund.id, outcome, Source(Door.LOOK_UP, work.attempt, work.asked_at), work.cause)
    assert await _is_due("refunds", refund.id)


async def test_news_that_agrees_calls_off_no_question_that_another_worker_is_asking(world: World) -> None:
    """That worker may die, and what it was to ask about, such as money that came back, would never be asked again."""
    refund = await a_refund(world.shop, await world.payment())
    await an_answer(refund, Succeeded("D1"))
    await refresh.refresh(world.shop.id, refund.id)  # as news does that says something else
    work = await next_step.take(refund.id, lease_seconds=60, send_seconds=20)
    assert isinstance(work, Ask)
    await record(refund.id, Succeeded("D1"), Source(Door.NOTICE), CAUSE)
    leased = (await Refund.get(id=refund.id)).due_at
    assert leased is not None, "The question is forgotten with the worker that was asking it."
    await record(refund.id, Succeeded("D1"), Source(Door.LOOK_UP, work.attempt, work.asked_at), work.cause)
    assert (await Refund.get(id=refund.id)).due_at is None


async def test_the_same_bytes_while_they_are_applied_are_applied_again(world: World) -> None:
    payment = await world.payment("pending")
    refund = await world.step(await a_refund(world.shop, payment))
    notice = await _store(world, payment.pse_reference, refund.reference)
    locked, go_on = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with transaction():
            await lock(refund.id)
            locked.set()
            await go_on.wait()

    holding = asyncio.create_task(hold())
    await locked.wait()
    applying = asyncio.create_task(jobs.apply(notice.id, world.sender))
    await until(_somebody_waits, "the notice is read, and waits for the refund")
    await _store(world, payment.pse_reference, refund.reference)
    go_on.set()
    await asyncio.gather(holding, applying)
    assert await _is_due("notices", notice.id)
    await jobs.apply(notice.id, world.sender)
    assert (await Notice.get(id=notice.id)).applied_at is not None


async def test_a_webhook_whose_schedule_has_ended_is_tried_again_when_it_comes_again(world: World) -> None:
    reference = "E" + "0" * 31
    notice = await _ended(world, reference)
    await _store(world, reference, "x")
    assert await _is_due("notices", notice.id)


async def test_registering_a_payment_revives_the_webhooks_that_name_it_and_no_others(world: World) -> None:
    mine, others = await _ended(world, "E" + "0" * 31), await _ended(world, "E" + "1" * 31)
    await a_payment(world.shop, reference="E" + "0" * 31)
    assert (await _is_due("notices", mine.id), await _is_due("notices", others.id)) == (True, False)


async def test_a_disabled_connection_still_hears_of_refunds_that_were_sent(world: World) -> None:
    payment = await world.payment("pending")
    refund = await world.step(await a_refund(world.shop, payment))
    await rows("UPDATE connections SET enabled = false WHERE id = $1 RETURNING id", world.shop.connection.id)
    notice = await _store(world, payment.pse_reference, refund.reference)
    await jobs.apply(notice.id, world.sender)
    assert await _is_due("refunds", refund.id)


async def test_a_listing_that_names_our_reference_with_another_amount_is_not_believed(world: World) -> None:
    payment = await world.payment("lost_request")
    refund = await world.step(await a_refund(world.shop, payment, 3_000))
    listed = KnownRefund(
        reference=refund.reference,
        pse_refund_reference="D1",
        amount=Money(2_999, "BRL"),
        outcome=Succeeded("D1"),
        by_bank=False,
        kind="ORIGINAL",
        requested_at=None,
        settled_at=None,
    )
    await listings.take_in_all(payment, [listed], CAUSE)
    refund = await Refund.get(id=refund.id)
    assert (refund.state, refund.needs_person_since is not None) == (State.SUBMITTED, True)
    assert await Finding.filter(kind="DOUBT_UNRESOLVED", refund_id=refund.id).exists()


async def _paid_where_nobody_can_be_asked(lay: Lay) -> Refund:
    world = await lay(Lab(look_up=LookUp.NONE, key_lifetime=None))
    refund = await world.step(await a_refund(world.shop, await world.payment(), 3_000))
    assert refund.state is State.SUCCEEDED
    return refund


@pytest.mark.parametrize(
    "news", [Declined("REFUSED", "no"), InDoubt("ECHO_MISMATCH", "another amount", needs_person=True)]
)
async def test_news_that_does_not_fit_an_end_is_a_finding_where_nobody_can_be_asked(
    lay: Lay, news: Declined | InDoubt
) -> None:
    refund = await _paid_where_nobody_can_be_asked(lay)
    for _ in range(2):
        await record(refund.id, news, Source(Door.NOTICE), CAUSE)
    assert await Event.filter(refund_id=refund.id, kind="CONTRADICTION", code=news.code).count() == 1
    assert await Finding.filter(refund_id=refund.id, kind=FindingKind.STATUS_MISMATCH).count() == 1
    refund = await Refund.get(id=refund.id)
    assert (refund.state, refund.due_at) == (State.SUCCEEDED, None)


async def test_money_that_left_after_a_failure_is_booked_where_nobody_can_be_asked(lay: Lay) -> None:
    world = await lay(Lab(look_up=LookUp.NONE, key_lifetime=None))
    payment = await world.payment("refused")
    refund = await world.step(await a_refund(world.shop, payment, 3_000))
    assert refund.state is State.FAILED
    await record(refund.id, Succeeded("L9"), Source(Door.NOTICE), CAUSE)
    await payment.refresh_from_db()
    assert payment.taken_by_bank == 3_000
    assert await Finding.filter(kind=FindingKind.CONTRADICTION).count() == 1
    assert await invariants.check() == []


@pytest.mark.usefixtures("books")
async def test_a_name_of_the_pse_that_another_refund_has_is_a_doubt_and_not_an_error() -> None:
    shop = await a_shop()
    payment = await a_payment(shop)
    one, two = await a_refund(shop, payment, 1_000), await a_refund(shop, payment, 1_000)
    await an_answer(one, Succeeded("D1", datetime.now(UTC)))
    assert (await an_answer(two, Succeeded("D1"))).state is State.SUBMITTED
    two = await Refund.get(id=two.id)
    assert (two.needs_person_since is not None, two.pse_refund_reference) == (True, None)
    assert (await Payment.get(id=payment.id)).refunded == 1_000
