"""What a PSE says is recorded even where the database could not hold its words, and never raises for ever."""

import json

import pytest

from domain.models import Finding, Notice, Refund
from domain.models.refunds import State
from domain.notices import inbox
from domain.platform.database import rows
from domain.pse.vocabulary import Declined, InDoubt, Outcome, Succeeded, WebhookRequest
from domain.refunds import intervals, next_step
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from jobs import notices as jobs
from tests.kit.factories import KEY, a_refund
from tests.kit.lab_connector import Lab
from tests.kit.world import Lay
from tests.sandbox.lab.server import signature


@pytest.mark.parametrize(
    ("outcome", "state", "person"),
    [
        (Declined("A\x00", "b\x00\ud800"), State.FAILED, False),
        (InDoubt("A\x00", "\x00b"), State.SUBMITTED, False),
        (Succeeded("a\x00b"), State.SUBMITTED, True),
        (Succeeded("\ud800"), State.SUBMITTED, True),
        (Succeeded("x" * 101), State.SUBMITTED, True),
    ],
)
async def test_every_answer_can_be_recorded(lay: Lay, outcome: Outcome, state: State, person: bool) -> None:
    world = await lay(Lab())
    refund = await a_refund(world.shop, await world.payment(), 3_000)
    work = await next_step.take(refund.id, lease_seconds=60, send_seconds=20)
    assert work is not None
    await record(refund.id, outcome, Source(Door.ANSWER, attempt=work.attempt), work.cause)
    refund = await Refund.get(id=refund.id)
    assert (refund.state, refund.needs_person_since is not None) == (state, person)


async def test_a_webhook_that_raises_whenever_it_is_applied_calls_a_person_in_the_end(lay: Lay) -> None:
    world = await lay(Lab())
    body = json.dumps({"events": [{"reference": "a\x00", "id": [1], "status": "done", "payment": "b\x00"}]}).encode()
    request = WebhookRequest("POST", "/", "", {"x-lab-signature": signature(body)}, body)
    notice_id = await inbox.store(world.shop.connection.id, request, "request-of-the-webhook", KEY)
    assert notice_id is not None
    for _ in intervals.NOTICE.delays:
        await rows("UPDATE notices SET due_at = now() WHERE id = $1 RETURNING id", notice_id)
        with pytest.raises(Exception, match=r"0x00|expected str"):
            await jobs.apply(notice_id, world.sender)
    assert (await Notice.get(id=notice_id)).due_at is None
    assert await Finding.filter(kind="NOTICE_UNMATCHED").count() == 1
