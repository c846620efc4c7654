"""A webhook of a refund that is not ours, of a registered payment that the PSE cannot be asked about."""

import json

import pytest

from domain.models import Finding, Notice, Refund
from domain.models.refunds import State
from domain.notices import inbox
from domain.platform.database import rows
from domain.pse.vocabulary import WebhookRequest
from domain.refunds import intervals
from jobs import notices as jobs
from tests.kit.factories import KEY, a_refund
from tests.kit.lab_connector import Lab
from tests.kit.world import Lay
from tests.sandbox.lab.server import signature


async def test_a_person_is_called_at_the_end_of_the_schedule(lay: Lay) -> None:
    world = await lay(Lab())
    payment = await world.payment()
    told = {"reference": "by-hand", "id": "L9", "status": "done", "payment": payment.pse_reference}
    body = json.dumps({"events": [told]}).encode()
    request = WebhookRequest("POST", "/", "", {"x-lab-signature": signature(body)}, body)
    notice_id = await inbox.store(world.shop.connection.id, request, "request-of-the-webhook", KEY)
    assert notice_id is not None
    for _ in range(len(intervals.NOTICE.delays) + 1):
        await rows("UPDATE notices SET due_at = now() WHERE id = $1 RETURNING id", notice_id)
        await jobs.apply(notice_id, world.sender)
    assert await Finding.filter(kind="NOTICE_UNMATCHED").count() == 1
    assert (await Notice.get(id=notice_id)).due_at is None


async def test_what_raises_of_one_event_of_a_webhook_holds_up_no_other_event_of_it(lay: Lay) -> None:
    world = await lay(Lab())
    payment = await world.payment("pending")
    refund = await world.step(await a_refund(world.shop, payment, 4_000))
    assert refund.state is State.PENDING
    bad = {"reference": "a\x00", "id": "L9", "status": "done", "payment": payment.pse_reference}
    good = {"reference": refund.reference, "id": "L8", "status": "done", "payment": payment.pse_reference}
    body = json.dumps({"events": [bad, good]}).encode()
    request = WebhookRequest("POST", "/", "", {"x-lab-signature": signature(body)}, body)
    notice_id = await inbox.store(world.shop.connection.id, request, "request-of-the-webhook", KEY)
    assert notice_id is not None
    with pytest.raises(Exception, match="0x00"):
        await jobs.apply(notice_id, world.sender)
    assert (await Refund.get(id=refund.id)).state is State.SUCCEEDED
    assert (await Notice.get(id=notice_id)).applied_at is None
