"""The table of doubt, row by row, at a laboratory PSE whose abilities the test sets."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from domain import invariants
from domain.models import Attempt, Finding, Payment, Refund
from domain.models.refunds import State
from domain.notices import inbox
from domain.pse.capabilities import LookUp
from domain.pse.vocabulary import BadSignature, WebhookRequest
from domain.refunds import listing, next_step, schedule, withdraw
from domain.refunds.work import Snapshot
from jobs import notices as notice_jobs
from tests.kit.factories import CAUSE, KEY, OwnerRows, a_key, a_payment, a_refund, sent_earlier
from tests.kit.lab_connector import Lab
from tests.kit.world import Lay, World
from tests.sandbox.lab.server import signature


async def _sent(world: World) -> list[dict[str, str]]:
    seen = (await world.sandbox.get("requests"))["requests"]
    return [request for request in seen if request["method"] == "POST"]


async def _doubtful(world: World, mood: str = "lost_answer") -> tuple[Payment, Refund]:
    payment = await world.payment(mood)
    refund = await world.step(await a_refund(world.shop, payment, 3_000))
    assert refund.state is State.SUBMITTED
    return payment, refund


@pytest.mark.parametrize("mood", ["lost_answer", "applied_then_500", "half_response", "lost_request", "unavailable"])
async def test_a_key_without_a_look_up_is_sent_again_the_same_bytes_and_paid_once(lay: Lay, mood: str) -> None:
    world = await lay(Lab(look_up=LookUp.NONE))
    payment, refund = await _doubtful(world, mood)
    refund = await world.finish(refund)
    assert refund.state is State.SUCCEEDED
    assert await world.sandbox.paid(payment.pse_reference) == 3_000
    first, second = await _sent(world)
    assert (first["key"], first["body"]) == (second["key"], second["body"]) == (refund.reference, first["body"])
    assert await invariants.check() == []


async def test_a_key_whose_life_is_over_is_never_sent_again(lay: Lay, owner_rows: OwnerRows) -> None:
    world = await lay(Lab(look_up=LookUp.NONE, key_lifetime=timedelta(days=1)))
    payment, refund = await _doubtful(world)
    await sent_earlier(owner_rows, "25 hours")
    refund = await world.finish(refund)
    assert refund.needs_person_since is not None
    assert len(await _sent(world)) == 1
    assert await world.sandbox.paid(payment.pse_reference) == 3_000


async def test_the_last_of_a_keys_life_is_not_used(lay: Lay, owner_rows: OwnerRows) -> None:
    world = await lay(Lab(look_up=LookUp.NONE, key_lifetime=timedelta(days=1)))
    _, refund = await _doubtful(world)
    await sent_earlier(owner_rows, "23 hours 30 minutes")
    await world.finish(refund)
    assert len(await _sent(world)) == 1


async def test_a_pse_that_stays_silent_is_sent_the_same_bytes_less_and_less_often(lay: Lay) -> None:
    world = await lay(Lab(look_up=LookUp.NONE))
    payment = await world.payment(*["lost_request"] * 6)
    refund = await a_refund(world.shop, payment, 3_000)
    waits = []
    for _ in range(6):
        refund = await world.step(refund)
        assert refund.due_at is not None
        waits.append((refund.due_at - refund.updated_at).total_seconds())
    assert waits[-1] > 4 * waits[0]


async def test_neither_key_nor_look_up_is_never_sent_again_and_a_person_is_called(lay: Lay) -> None:
    world = await lay(Lab(look_up=LookUp.NONE, key_lifetime=None))
    payment, refund = await _doubtful(world)
    for _ in range(5):
        refund = await world.step(refund)
    assert (refund.state, refund.needs_person_since is not None) == (State.SUBMITTED, True)
    assert len(await _sent(world)) == 1
    assert await world.sandbox.paid(payment.pse_reference) == 3_000
    finding = await Finding.get(kind="DOUBT_UNRESOLVED", refund_id=refund.id)
    assert "two people decide" in finding.action
    await payment.refresh_from_db()
    assert payment.reserved == 3_000


@pytest.mark.parametrize("key_lifetime", [None, timedelta(days=1)])
@pytest.mark.parametrize(("mood", "sends"), [("lost_answer", 1), ("lost_request", 2)])
async def test_a_look_up_is_asked_first_and_decides(
    lay: Lay, key_lifetime: timedelta | None, mood: str, sends: int
) -> None:
    world = await lay(Lab(key_lifetime=key_lifetime))
    payment, refund = await _doubtful(world, mood)
    assert (await world.finish(refund)).state is State.SUCCEEDED
    assert len(await _sent(world)) == sends
    assert await world.sandbox.paid(payment.pse_reference) == 3_000


async def test_unknown_within_the_grace_does_not_lead_to_a_send_at_a_pse_without_keys(lay: Lay) -> None:
    world = await lay(Lab(key_lifetime=None, look_up_grace=timedelta(hours=1)))
    _, refund = await _doubtful(world, "lost_request")
    for _ in range(5):
        refund = await world.step(refund)
    assert (refund.state, len(await _sent(world))) == (State.SUBMITTED, 1)


async def test_a_second_send_that_never_left_keeps_the_doubt_of_the_first(lay: Lay, owner_rows: OwnerRows) -> None:
    world = await lay(Lab(look_up=LookUp.NONE))
    _, refund = await _doubtful(world)
    await owner_rows("UPDATE connections SET base_url = 'http://127.0.0.1:1'")
    refund = await world.step(refund)
    assert refund.state is State.SUBMITTED
    assert (await Attempt.get(refund_id=refund.id, number=2)).outcome == "UNSENT"


async def test_a_signed_webhook_is_believed_and_moves_the_refund(lay: Lay) -> None:
    world = await lay(Lab(look_up=LookUp.NONE, key_lifetime=None))
    payment = await world.payment("pending")
    refund = await world.step(await a_refund(world.shop, payment, 3_000))
    for status, state in (("done", State.SUCCEEDED), ("queued", State.SUCCEEDED), ("returned", State.RETURNED)):
        body = json.dumps({"events": [{"reference": refund.reference, "status": status}]}).encode()
        headers = {"x-lab-signature": signature(body)}
        request = WebhookRequest("POST", "/x", "", headers, body)
        notice_id = await inbox.store(world.shop.connection.id, request, "request", KEY)
        assert notice_id is not None
        await notice_jobs.apply(notice_id, world.sender)
        assert (await Refund.get(id=refund.id)).state is state
    assert await invariants.check() == []


@pytest.mark.parametrize("wrong", ["", "t=1,v1=00", "old", "other body"])
async def test_a_webhook_with_a_wrong_or_old_signature_is_refused(lay: Lay, wrong: str) -> None:
    world = await lay(Lab())
    body = b'{"events": []}'
    old = int(datetime.now(UTC).timestamp()) - 3600
    header = {"old": signature(body, old), "other body": signature(b"{}")}.get(wrong, wrong)
    request = WebhookRequest("POST", "/x", "", {"x-lab-signature": header}, body)
    with pytest.raises(BadSignature):
        await inbox.store(world.shop.connection.id, request, "request", KEY)


async def test_a_pending_refund_that_can_not_be_asked_about_waits_and_calls_a_person_in_the_end(lay: Lay) -> None:
    world = await lay(Lab(look_up=LookUp.NONE))
    payment = await world.payment("pending")
    refund = await world.step(await a_refund(world.shop, payment, 3_000))
    assert refund.state is State.PENDING
    for _ in range(20):
        await schedule.postpone(refund.id, 0)
        refund = await world.step(refund)
    assert await Finding.filter(kind="PENDING_TOO_LONG", refund_id=refund.id).count() == 1
    assert refund.due_at is not None
    assert isinstance(await a_payment(world.shop), Payment)


async def test_a_refund_that_was_never_sent_is_not_taken_for_another_of_its_amount_in_a_listing(lay: Lay) -> None:
    world = await lay(Lab(key_lifetime=None, look_up=LookUp.BY_LISTING))
    payment = await world.payment()
    withdrawn = await a_refund(world.shop, payment, 3_000)
    await withdraw.cancel(world.shop.id, withdrawn.id, None, a_key(), CAUSE)
    sent = await a_refund(world.shop, payment, 3_000)
    while (await Refund.get(id=sent.id)).state is not State.SUBMITTED:
        work = await next_step.take(sent.id, lease_seconds=60, send_seconds=20)
        if isinstance(work, Snapshot):
            await listing.keep_snapshot(sent.id, frozenset(), work.asked_at)
    await schedule.postpone(withdrawn.id, 0)
    assert await next_step.take(withdrawn.id, lease_seconds=60, send_seconds=20) is None
    assert (await Refund.get(id=withdrawn.id)).due_at is None
