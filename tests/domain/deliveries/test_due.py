"""What is due: one try at a time, in order, at the endpoint's pace, and no answer that is old moves anything."""

import asyncio
from uuid import UUID

import pytest

from domain import invariants
from domain.access.tokens import Role
from domain.alerts import opening
from domain.deliveries import due, replay, schedule
from domain.deliveries.answers import Answer, Broken, Later, Refused, Sent
from domain.deliveries.channels.channel import Message
from domain.deliveries.due import Answered, ClaimedTry
from domain.deliveries.post import post
from domain.models import Alert, Delivery, DeliveryTry, Endpoint, News
from domain.models.alerts import AlertKind
from domain.models.deliveries import DeliveryState, EndpointKind, EndpointState
from domain.platform.database import execute, rows
from domain.pse.vocabulary import Succeeded
from tests.domain.deliveries.places import all_due, an_endpoint, made
from tests.kit.factories import CAUSE, OwnerRows, Shop, a_payment, a_person, a_refund, a_shop, an_answer

pytestmark = pytest.mark.usefixtures("books")
LATER = Later(0, "Your server answered 500.")


async def claimed(endpoint_id: UUID) -> ClaimedTry:
    found = await due.claim(endpoint_id)
    if isinstance(found, float):  # its pace: the tries before were made in no time
        await asyncio.sleep(found)
        found = await due.claim(endpoint_id)
    assert isinstance(found, ClaimedTry), found
    return found


async def tried(endpoint_id: UUID, answer: Answer, status: int | None = 500) -> Delivery:
    """The next try, answered so."""
    one = await claimed(endpoint_id)
    await due.record(one, Answered(answer, status, "body", 5))
    return await Delivery.get(id=one.delivery.id)


async def a_told_shop() -> tuple[Shop, Endpoint, list[Delivery]]:
    """A shop with one refund that has succeeded, and an endpoint that is to be told of it."""
    shop = await a_shop()
    await an_answer(await a_refund(shop, await a_payment(shop), 1_000), Succeeded("D1"))
    endpoint = (await an_endpoint(shop, ["refund.*"])).endpoint
    return shop, endpoint, await made(shop, endpoint.id)


async def test_a_refunds_moves_go_one_behind_another_and_each_try_is_written_before_it_leaves() -> None:
    _, endpoint, found = await a_told_shop()
    assert len(found) >= 3
    for one in found:
        first = await claimed(endpoint.id)
        assert first.delivery.id == one.id
        assert await due.claim(endpoint.id) is None, "The next of the key waits for this one."
        (row,) = await DeliveryTry.filter(delivery_id=one.id)
        assert (row.number, row.answered_at, row.outcome) == (1, None, None)
        await due.record(first, Answered(Sent("200"), 200, "ok", 12))
        (row,) = await DeliveryTry.filter(delivery_id=one.id)
        assert (row.outcome, row.status, row.body, row.duration_ms) == ("SENT", 200, "ok", 12)
    assert await due.claim(endpoint.id) is None
    assert {one.state for one in await Delivery.filter(endpoint_id=endpoint.id)} == {DeliveryState.SENT}


async def test_the_schedule_is_the_published_one_and_at_its_end_the_next_of_the_key_has_its_turn() -> None:
    _, endpoint, found = await a_told_shop()
    waits = []
    for number in range(1, schedule.TRIES_MAX + 1):
        one = await tried(endpoint.id, LATER)
        assert (one.id, one.tries) == (found[0].id, number)
        if one.due_at is not None:
            (row,) = await rows(
                "SELECT extract(epoch FROM due_at - now())::float8 AS s FROM deliveries WHERE id = $1", one.id
            )
            waits.append(row["s"])
        await all_due(endpoint.id)
    assert one.state is DeliveryState.FAILED
    assert all(0.89 * plain <= wait <= 1.11 * plain for plain, wait in zip(schedule.DELAYS, waits, strict=True))
    assert (await claimed(endpoint.id)).delivery.id == found[1].id


async def test_an_answer_of_a_try_whose_lease_was_over_is_kept_and_moves_nothing() -> None:
    _, endpoint, found = await a_told_shop()
    late = await claimed(endpoint.id)
    await execute("UPDATE deliveries SET due_at = now(), claimed_until = now() WHERE id = $1", late.delivery.id)
    again = await claimed(endpoint.id)
    assert (again.delivery.id, again.delivery.number) == (found[0].id, 2)
    await due.record(again, Answered(Sent("200"), 200))
    await due.record(late, Answered(LATER, 500))
    one = await Delivery.get(id=found[0].id)
    assert one.state is DeliveryState.SENT
    assert [row.outcome for row in await DeliveryTry.filter(delivery_id=one.id).order_by("number")] == ["LATER", "SENT"]
    assert (await Endpoint.get(id=endpoint.id)).failures == 0


async def test_a_refused_message_is_given_up_at_once_and_a_broken_endpoint_keeps_all_for_later() -> None:
    shop, endpoint, found = await a_told_shop()
    assert (await tried(endpoint.id, Refused("too long"), 400)).state is DeliveryState.FAILED
    one = await tried(endpoint.id, Broken("Your server answered 410 (Gone), which asks us to stop."), 410)
    assert (one.id, one.state, one.tries) == (found[1].id, DeliveryState.PENDING, 0)
    row = await Endpoint.get(id=endpoint.id)
    assert (row.state, row.why) == (EndpointState.BROKEN, "Your server answered 410 (Gone), which asks us to stop.")
    assert await due.claim(endpoint.id) is None
    assert await News.filter(merchant_id=shop.id, kind="endpoint.paused").count() == 1


async def test_an_endpoint_that_fails_is_probed_by_one_and_warned_of_and_paused_and_a_success_ends_it() -> None:
    shop, endpoint, _ = await a_told_shop()
    for _ in range(5):
        await tried(endpoint.id, LATER)
        await all_due(endpoint.id)
    await post(endpoint, Message("other_1", "estorno.test"))
    await post(endpoint, Message("other_2", "estorno.test"))
    probe = await claimed(endpoint.id)
    assert await due.claim(endpoint.id) is None, "After five failures in a row one try is under way at a time."
    assert schedule.probe_rest(5) == 5
    assert schedule.probe_rest(500) == 300
    await due.record(probe, Answered(LATER, 500))
    for hours, warned in ((0.5, 0), (1.1, 1), (2, 1), (25, 2), (73, 3)):
        await _failing_for(endpoint, hours)
        await all_due(endpoint.id)
        await tried(endpoint.id, LATER)
        assert (await Endpoint.get(id=endpoint.id)).warned == warned
    await all_due(endpoint.id)
    await tried(endpoint.id, Sent("200"), 200)
    row = await Endpoint.get(id=endpoint.id)
    assert (row.failures, row.failing_since, row.warned) == (0, None, 0)
    await tried(endpoint.id, LATER)
    await _failing_for(endpoint, 121)
    await all_due(endpoint.id)
    await tried(endpoint.id, LATER)
    row = await Endpoint.get(id=endpoint.id)
    assert row.state is EndpointState.PAUSED
    assert [one.kind for one in await News.filter(merchant_id=shop.id, subject_kind="endpoint").order_by("id")] == [
        "endpoint.failing", "endpoint.failing", "endpoint.failing", "endpoint.recovered", "endpoint.paused",
    ]  # fmt: skip


async def test_what_was_given_up_since_it_fails_is_due_when_it_is_resumed_though_it_was_made_before_that() -> None:
    shop, endpoint, found = await a_told_shop()
    for _ in range(schedule.TRIES_MAX):
        await tried(endpoint.id, LATER)
        await all_due(endpoint.id)
    assert (await Delivery.get(id=found[0].id)).state is DeliveryState.FAILED
    row = await Endpoint.get(id=endpoint.id)
    assert row.failing_since is not None
    assert row.failing_since > found[0].made_at, "Nothing fails before it is made."
    await execute("UPDATE endpoints SET state = 'PAUSED', why = 'It has been failing.' WHERE id = $1", endpoint.id)
    await replay.resume(a_person(shop, "dev", Role.ADMIN), endpoint.id, CAUSE, missed=True)
    assert (await claimed(endpoint.id)).delivery.id == found[0].id


async def _failing_for(endpoint: Endpoint, hours: float) -> None:
    statement = "UPDATE endpoints SET failing_since = now() - make_interval(secs => $2::float8) WHERE id = $1"
    await execute(statement, endpoint.id, hours * 3600)


async def test_a_server_that_asks_to_be_left_alone_is_and_is_not_ill_for_that() -> None:
    _, endpoint, found = await a_told_shop()
    one = await tried(endpoint.id, Later(600, "Your server answered 429."), 429)
    row = await Endpoint.get(id=endpoint.id)
    assert (row.failures, row.failing_since) == (0, None)
    await execute("UPDATE deliveries SET due_at = now() WHERE id = $1", one.id)
    assert await due.claim(endpoint.id) is None
    assert endpoint.id not in await _busy()
    await execute("UPDATE endpoints SET rests_until = now() WHERE id = $1", endpoint.id)
    assert (await claimed(endpoint.id)).delivery.id == one.id == found[0].id


async def _busy() -> list[UUID]:
    from domain.deliveries import outbox

    return await outbox.busy(100)


async def test_the_pace_is_kept_by_whoever_sends_and_two_are_under_way_at_most() -> None:
    shop = await a_shop()
    slow = (await an_endpoint(shop, ["night.late"], per_minute=30)).endpoint
    quick = (await an_endpoint(shop, ["night.late"], per_minute=6_000)).endpoint
    for number in range(4):
        for endpoint in (slow, quick):
            await post(endpoint, Message(f"m_{number}", "estorno.test"))
    await tried(slow.id, Sent("200"), 200)
    wait = await due.claim(slow.id)
    assert isinstance(wait, float)
    assert 1 < wait <= 2, "Thirty a minute: one every two seconds."
    first, second = await claimed(quick.id), await claimed(quick.id)
    assert await due.claim(quick.id) is None
    await due.record(first, Answered(Sent("200"), 200))
    assert (await claimed(quick.id)).delivery.id not in (first.delivery.id, second.delivery.id)


async def test_what_is_posted_twice_is_there_once_and_keeps_the_order_of_its_key() -> None:
    shop = await a_shop()
    endpoint = (await an_endpoint(shop, ["night.late"])).endpoint
    first = await post(endpoint, Message("alert_1", "alert.raised", text="Down.", key="psp_down/1"))
    assert await post(endpoint, Message("alert_1", "alert.raised", text="Again.", key="psp_down/1")) is None
    second = await post(endpoint, Message("alert_2", "alert.resolved", text="Up.", key="psp_down/1", resolves=True))
    assert (await Delivery.get(id=second)).due_at is None
    assert (await tried(endpoint.id, Sent("200"), 200)).id == first
    assert (await tried(endpoint.id, Sent("200"), 200)).id == second


async def test_a_head_that_is_never_due_is_found_by_the_check_of_the_books(owner_rows: OwnerRows) -> None:
    _, endpoint, found = await a_told_shop()
    assert await invariants.check() == []
    await tried(endpoint.id, LATER)  # put off, its followers wait behind it
    assert await invariants.check() == []
    await execute("UPDATE deliveries SET due_at = NULL WHERE id = $1", found[0].id)
    (broken,) = await invariants.check()
    assert broken.name.startswith("deliveries:")
    assert str(found[0].id) in broken.detail
    await owner_rows("UPDATE deliveries SET ordering_key = NULL WHERE id = $1", found[0].id)
    assert any("waits for none" in one.detail for one in await invariants.check_few([]))


async def test_what_is_given_up_is_said_though_the_endpoint_takes_others_or_is_only_busy() -> None:
    shop, endpoint, found = await a_told_shop()
    for _ in range(schedule.TRIES_MAX):
        await tried(endpoint.id, Later(0, "Your server answered 429."), 429)
        await all_due(endpoint.id)
    assert (await Delivery.get(id=found[0].id)).state is DeliveryState.FAILED
    assert (await Endpoint.get(id=endpoint.id)).failing_since is None, "Being busy is no illness."
    await tried(endpoint.id, Sent("200"), 200)
    await opening.look()
    alert = await Alert.get(merchant_id=shop.id, kind=AlertKind.CHANNEL_FAILING, resolved_at=None)
    assert (alert.endpoint_id, alert.facts["why"]) == (endpoint.id, "given up: 1, the last: Your server answered 429.")
    dev = a_person(shop, "dev", Role.ADMIN)
    await replay.replay(dev, endpoint.id, replay.Filter(states=[DeliveryState.FAILED]), CAUSE)
    await opening.look()
    assert not await Alert.exists(merchant_id=shop.id, kind=AlertKind.CHANNEL_FAILING, resolved_at=None)


async def test_a_channel_that_refuses_what_it_is_sent_is_said_until_it_takes_something_again() -> None:
    """A relay that takes no mail of ours for spam answers each, and none arrives."""
    shop = await a_shop()
    desk = (await an_endpoint(shop, (), url="desk@loja.test", kind=EndpointKind.EMAIL)).endpoint
    answers: list[Answer] = [Sent("250"), Refused("554: 5.7.1 rejected as spam"), Sent("250")]
    for number, answer in enumerate(answers):
        await post(desk, Message(f"alert_{number}", "alert.opened", text="The PSE is down."))
        await tried(desk.id, answer, None)
        await opening.look()
        found = await Alert.get_or_none(merchant_id=shop.id, kind=AlertKind.CHANNEL_FAILING, resolved_at=None)
        refused = isinstance(answer, Refused)
        assert (found is not None and found.endpoint_id == desk.id) is refused
        if found is not None:
            assert found.facts["why"] == "given up: 1, the last: 554: 5.7.1 rejected as spam"


async def test_what_people_read_is_tried_again_within_minutes_however_long_the_channel_was_away() -> None:
    """Nothing else is said there meanwhile: what is critical would wait for hours, though the channel is well again."""
    shop = await a_shop()
    desk = (await an_endpoint(shop, (), url="desk@loja.test", kind=EndpointKind.EMAIL)).endpoint
    await post(desk, Message("alert_1", "alert.opened", text="The PSE is down."))
    for _ in range(12):
        await all_due(desk.id)
        one = await tried(desk.id, Later(0, "The relay did not take it."), None)
        assert one.state is DeliveryState.PENDING
        (waits,) = await rows("SELECT due_at < now() + interval '20 minutes' AS soon FROM deliveries")
        assert waits["soon"]


async def test_what_was_under_way_when_an_earlier_one_is_sent_again_waits_behind_it() -> None:
    shop, endpoint, found = await a_told_shop()
    await tried(endpoint.id, Sent("200"), 200)
    second = await claimed(endpoint.id)
    wanted = replay.Filter(message_ids=[found[0].message_id])
    await replay.replay(a_person(shop, "dev", Role.ADMIN), endpoint.id, wanted, CAUSE)
    await due.record(second, Answered(LATER, 500))
    assert (await tried(endpoint.id, LATER)).id == found[0].id
    pending = {one.id: one.due_at is not None for one in await Delivery.filter(state=DeliveryState.PENDING)}
    assert [pending[one.id] for one in found[:2]] == [True, False], "The second waits for the first."
    await all_due(endpoint.id)
    assert (await tried(endpoint.id, Sent("200"), 200)).id == found[0].id
    await all_due(endpoint.id)
    assert (await claimed(endpoint.id)).delivery.id == found[1].id
