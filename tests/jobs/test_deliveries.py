"""Deliveries on a real wire: what arrives, what is tried again, and a dead receiver that slows nobody else."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import standardwebhooks

from domain.access.tokens import Role
from domain.deliveries import endpoints, replay, rotation
from domain.deliveries.endpoints import Made, NewEndpoint
from domain.deliveries.replay import Filter
from domain.languages import LOCALES
from domain.models import Delivery, DeliveryTry, Endpoint
from domain.models.deliveries import DeliveryState, EndpointKind, EndpointState
from domain.platform.database import execute, rows
from domain.pse.vocabulary import Declined, Succeeded
from jobs import deliveries
from jobs.deliveries import Tools
from jobs.wire.abroad import Abroad
from tests.domain.deliveries.places import all_due, an_endpoint, made
from tests.kit.factories import CAUSE, KEY, Shop, a_payment, a_person, a_refund, a_shop, an_answer
from tests.kit.receiver import receiving
from tests.kit.sealing import sealed
from tests.kit.world import served as serving
from tests.sandbox.channels.app import Channels

pytestmark = pytest.mark.usefixtures("books")


@pytest.fixture
async def tools() -> AsyncIterator[Tools]:
    abroad = Abroad()
    yield Tools(abroad, KEY)
    await abroad.close()


async def _history(shop: Shop, refunds: int = 2) -> None:
    for number in range(refunds):
        refund = await a_refund(shop, await a_payment(shop), 1_000)
        await an_answer(refund, Succeeded("D1") if number % 2 else Declined("NO", "no"))
    await sealed(shop)


async def _deliver(made: Made, tools: Tools) -> Endpoint:
    """Whatever is due now, and what it makes due."""
    await deliveries.deliver(made.endpoint.id, tools)
    return await Endpoint.get(id=made.endpoint.id)


async def test_what_arrives_is_believed_by_the_official_library_and_keeps_each_refunds_order(tools: Tools) -> None:
    shop = await a_shop()
    await _history(shop)
    async with receiving() as server:
        one = await an_endpoint(shop, ["refund.*"], url=server.url())
        await _deliver(one, tools)
        assert one.secret is not None
        bodies = [
            standardwebhooks.Webhook(one.secret).verify(taken.body.decode(), taken.headers) for taken in server.took
        ]
    orders: dict[str, list[int]] = {}
    for body in bodies:
        orders.setdefault(body["data"]["id"], []).append(body["data"]["sequence"])
    assert len(orders) == 2
    assert all(order == sorted(order) for order in orders.values())
    assert {body["type"] for body in bodies} >= {"refund.success", "refund.failed", "refund.requested"}
    assert len({taken.headers["webhook-id"] for taken in server.took}) == len(server.took)
    assert {one.state for one in await Delivery.filter(endpoint_id=one.endpoint.id)} == {DeliveryState.SENT}


async def test_a_rotated_secret_signs_beside_the_old_one_until_its_end_and_then_alone(tools: Tools) -> None:
    shop = await a_shop()
    admin = a_person(shop, "dev", Role.ADMIN)
    async with receiving() as server:
        one = await an_endpoint(shop, ["night.late"], url=server.url())
        two = await rotation.rotate(admin, one.endpoint.id, 1, KEY, CAUSE)
        await endpoints.try_out(admin, one.endpoint.id, KEY, CAUSE)
        await _deliver(one, tools)
        await Endpoint.filter(id=one.endpoint.id).update(old_valid_until=datetime.now(UTC) - timedelta(seconds=1))
        await endpoints.try_out(admin, one.endpoint.id, KEY, CAUSE)
        await _deliver(one, tools)
    both, alone = server.took
    for secret in (one.secret, two.secret):
        assert secret is not None
        told = standardwebhooks.Webhook(secret).verify(both.body.decode(), both.headers)
        assert told["type"] == "estorno.test"
    assert len(both.headers["webhook-signature"].split(" ")) == 2
    assert len(alone.headers["webhook-signature"].split(" ")) == 1
    assert two.secret is not None
    standardwebhooks.Webhook(two.secret).verify(alone.body.decode(), alone.headers)
    assert await rotation.forget_old_secrets() == 1


class _Held(Abroad):
    """Sends as ever, but nothing before it is let go: by then a try is claimed and signed."""

    def __init__(self) -> None:
        super().__init__()
        self.signed, self.let_go = asyncio.Event(), asyncio.Event()

    async def send(self, *given: Any) -> Any:
        self.signed.set()
        await self.let_go.wait()
        return await super().send(*given)


async def test_a_try_that_was_claimed_under_the_old_secret_is_sent_with_it_and_again_with_the_new_where_that_is_refused(
    tools: Tools,
) -> None:
    shop, held = await a_shop(), _Held()
    admin = a_person(shop, "dev", Role.ADMIN)
    async with receiving() as server:
        server.moods["/hooks"] = "401"  # the receiver has the new secret by now
        one = await an_endpoint(shop, ["night.late"], url=server.url())
        await endpoints.try_out(admin, one.endpoint.id, KEY, CAUSE)
        under_way = asyncio.create_task(deliveries.deliver(one.endpoint.id, Tools(held, KEY)))
        await held.signed.wait()
        new = await rotation.rotate(admin, one.endpoint.id, 0, KEY, CAUSE)
        held.let_go.set()
        await under_way
        server.moods["/hooks"] = "204"
        await all_due(one.endpoint.id)
        await _deliver(one, tools)
        await held.close()
    first, second = server.took
    assert one.secret is not None
    assert new.secret is not None
    standardwebhooks.Webhook(one.secret).verify(first.body.decode(), first.headers)
    standardwebhooks.Webhook(new.secret).verify(second.body.decode(), second.headers)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    (row,) = await Delivery.filter(endpoint_id=one.endpoint.id)
    assert (row.state, row.tries) == (DeliveryState.SENT, 2)


async def test_a_test_is_told_in_the_language_of_the_channel() -> None:
    shop, channels = await a_shop(), Channels()
    admin = a_person(shop, "dev", Role.ADMIN)
    tools = Tools(Abroad(), KEY)
    async with serving(channels.app()) as url:
        for language in LOCALES:
            robot = NewEndpoint(
                EndpointKind.WECOM, language, url + channels.paths()["WECOM"], options={"language": language}
            )
            one = await endpoints.create(admin, robot, KEY, CAUSE)
            await endpoints.try_out(admin, one.endpoint.id, KEY, CAUSE)
            await _deliver(one, tools)
        await tools.abroad.close()
    told = [one["markdown"]["content"].split("\n\n")[1] for one in channels.wecom.delivered]
    assert told == [
        "This is a test of Estorno.", "这是 Estorno 的测试消息。", "Esta es una prueba de Estorno.",
        "Este é um teste do Estorno.",
    ]  # fmt: skip


async def test_a_robot_that_refuses_the_signature_of_before_is_not_broken_when_its_secret_was_just_replaced() -> None:
    shop, held, channels = await a_shop(), _Held(), Channels()
    admin = a_person(shop, "dev", Role.ADMIN)
    async with serving(channels.app()) as url:
        channels.dingtalk.secret = "SEC-1"
        robot = NewEndpoint(EndpointKind.DINGTALK, "group", url + channels.paths()["DINGTALK"], "SEC-1")
        one = await endpoints.create(admin, robot, KEY, CAUSE)
        await endpoints.try_out(admin, one.endpoint.id, KEY, CAUSE)
        under_way = asyncio.create_task(deliveries.deliver(one.endpoint.id, Tools(held, KEY)))
        await held.signed.wait()
        channels.dingtalk.secret = "SEC-2"
        await rotation.rotate(admin, one.endpoint.id, 0, KEY, CAUSE, "SEC-2")
        held.let_go.set()
        await under_way
        await all_due(one.endpoint.id)
        row = await _deliver(one, Tools(held, KEY))
        await held.close()
    assert row.state is EndpointState.ACTIVE, "The robot that is there now has refused nothing."
    assert [one.outcome for one in await DeliveryTry.all().order_by("number")] == ["BROKEN", "SENT"]


MOODS = {
    "500": ("Your server answered 500.", 500),
    "closes": ("200", 200),  # the status had come
    "hangs up": ("Your server closed the connection without an answer.", None),
    "endless": ("200", 200),
    "bomb": ("200", 200),
    "429": ("Your server answered 429.", 429),
    "302 http://127.0.0.1:1/": ("Your server answered 302; a redirect is not followed: set the address itself.", 302),
}


async def test_each_mood_of_a_receiver_is_told_in_plain_words_and_nothing_is_followed(tools: Tools) -> None:
    shop = await a_shop()
    admin = a_person(shop, "dev", Role.ADMIN)
    async with receiving() as server:
        for number, mood in enumerate(MOODS):
            server.moods[f"/{number}"] = mood
        places = [
            await an_endpoint(shop, ["night.late"], url=server.url(f"/{number}"), name=mood)
            for number, mood in enumerate(MOODS)
        ]
        nobody = await an_endpoint(shop, ["night.late"], url="http://127.0.0.1:1/", name="nobody")
        for one in (*places, nobody):
            await endpoints.try_out(admin, one.endpoint.id, KEY, CAUSE)
        await asyncio.gather(*(_deliver(one, tools) for one in (*places, nobody)))
        for one, (said, status) in zip(places, MOODS.values(), strict=True):
            (row,) = await DeliveryTry.filter(delivery__endpoint_id=one.endpoint.id)
            assert (row.said, row.status) == (said, status), one.endpoint.name
        assert len(server.took) == len(MOODS)
    (row,) = await DeliveryTry.filter(delivery__endpoint_id=nobody.endpoint.id)
    assert (row.said, row.status) == (
        "Your server could not be reached: its name is not known, or nobody listens there.", None,
    )  # fmt: skip


async def test_one_that_is_silent_and_one_that_is_slow_hold_up_nobody_else(tools: Tools) -> None:
    """Their tries are under way the whole time that the others are told everything."""
    shop = await a_shop()
    await _history(shop, 6)
    async with receiving() as server:
        server.moods.update({"/dead": "silent", "/slow": "slow"})
        dead, slow, well = [
            await an_endpoint(shop, ["refund.*"], url=server.url(f"/{name}")) for name in ("dead", "slow", "well")
        ]
        hanging = [asyncio.create_task(_deliver(one, tools)) for one in (dead, slow)]
        await _deliver(well, tools)
        all_of_it = await Delivery.filter(endpoint_id=well.endpoint.id).count()
        assert len(server.of("/well")) == all_of_it > 10
        assert len(server.of("/slow")) < all_of_it
        assert not hanging[0].done()
        assert server.most_under_way["/dead"] <= 2
        assert server.most_under_way["/slow"] <= 2
        await hanging[1]
        assert len(server.of("/slow")) == all_of_it
        hanging[0].cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
        sent = [one.state for one in await Delivery.filter(endpoint_id=dead.endpoint.id)]
        assert set(sent) == {DeliveryState.PENDING}


async def test_what_failed_and_what_was_missed_arrives_when_the_endpoint_is_resumed(tools: Tools) -> None:
    shop = await a_shop()
    admin = a_person(shop, "dev", Role.ADMIN)
    async with receiving() as server:
        server.moods["/hooks"] = "410"
        one = await an_endpoint(shop, ["refund.*"], url=server.url())
        await _history(shop, 1)
        row = await _deliver(one, tools)
        assert row.state is EndpointState.BROKEN
        await _history(shop, 1)
        server.took.clear()
        server.moods["/hooks"] = "204"
        assert (await _deliver(one, tools)).state is EndpointState.BROKEN
        assert server.took == []
        await replay.resume(admin, one.endpoint.id, CAUSE, missed=True)
        await _deliver(one, tools)
        bodies = [json.loads(taken.body) for taken in server.took]
    assert len({body["data"]["id"] for body in bodies}) == 2
    assert {one.state for one in await Delivery.filter(endpoint_id=one.endpoint.id)} == {DeliveryState.SENT}


async def test_resumed_from_now_on_nothing_of_before_arrives(tools: Tools) -> None:
    shop = await a_shop()
    admin = a_person(shop, "dev", Role.ADMIN)
    async with receiving() as server:
        one = await an_endpoint(shop, ["refund.*"], url=server.url())
        await endpoints.pause(admin, one.endpoint.id, "We move.", CAUSE)
        await _history(shop, 1)
        await _deliver(one, tools)
        await replay.resume(admin, one.endpoint.id, CAUSE, missed=False)
        await _deliver(one, tools)
        assert server.took == []
        await _history(shop, 1)
        await _deliver(one, tools)
        assert len({json.loads(taken.body)["data"]["id"] for taken in server.took}) == 1


async def test_a_replay_of_one_of_a_filter_and_of_a_position_sends_the_same_ids_in_the_same_order(tools: Tools) -> None:
    shop = await a_shop()
    admin = a_person(shop, "dev", Role.ADMIN)
    await _history(shop)
    async with receiving() as server:
        one = await an_endpoint(shop, ["refund.*"], url=server.url())
        await _deliver(one, tools)
        first = [(taken.headers["webhook-id"], taken.body) for taken in server.took]
        for wanted, count in (
            (Filter(message_ids=[first[0][0]]), 1),
            (Filter(types=["refund.success"]), 1),
            (Filter(states=[DeliveryState.FAILED]), 0),
            (Filter(ordering_key=f"refund/{json.loads(first[0][1])['data']['id']}"), len(first) // 2),
            (Filter(since=datetime.now(UTC) + timedelta(hours=1)), 0),
        ):
            server.took.clear()
            done = await replay.replay(admin, one.endpoint.id, wanted, CAUSE)
            assert (done.count, done.is_whole) == (count, True)
            await _deliver(one, tools)
            assert len(server.took) == count
        server.took.clear()
        await replay.replay_behind(admin, one.endpoint.id, 0, CAUSE)
        await _deliver(one, tools)
        again = [(taken.headers["webhook-id"], taken.body) for taken in server.took]
    assert sorted(again) == sorted(first), "The same, byte by byte."
    assert await Delivery.filter(endpoint_id=one.endpoint.id).count() == len(first)
    sequences: dict[str, list[int]] = {}
    for _, body in again:
        told = json.loads(body)["data"]
        sequences.setdefault(told["id"], []).append(told["sequence"])
    assert all(order == sorted(order) for order in sequences.values())


async def test_neither_secret_nor_address_stands_in_a_log_a_row_or_an_answer_that_echoes_them(
    tools: Tools, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """A receiver that answers with all that it was sent, and one that nobody can reach."""
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "tortoise"):  # as the product has it (platform/log)
        caplog.set_level(logging.WARNING, name)
    shop = await a_shop()
    admin = a_person(shop, "dev", Role.ADMIN)
    path = "/services/T0000/B0000/hidden-word-of-the-path"
    async with receiving() as server:
        server.moods[path] = "echo"
        made_ones = [
            await an_endpoint(shop, ["night.late"], url=server.url(path)),
            await an_endpoint(shop, ["night.late"], url=f"http://127.0.0.1:1{path}"),
        ]
        for one in made_ones:
            await endpoints.try_out(admin, one.endpoint.id, KEY, CAUSE)
            await _deliver(one, tools)
    assert len(server.took) == 1
    signature = server.took[0].headers["webhook-signature"]
    kept = [await rows(f"SELECT * FROM {name}") for name in ("delivery_tries", "deliveries", "endpoints", "deeds")]  # noqa: S608
    said = "\n".join([repr(kept), caplog.text, *capsys.readouterr()])
    for secret in ("hidden-word-of-the-path", signature, *(one.secret or "" for one in made_ones)):
        assert secret
        assert secret not in said


async def test_what_a_place_inside_answers_is_not_shown(tools: Tools) -> None:
    """Only the operator can have opened it; who makes an endpoint there reads none of its answers."""
    shop = await a_shop()
    async with receiving() as server:
        server.moods["/hooks"] = "echo"
        one = await an_endpoint(shop, ["night.late"], url=server.url())
        await endpoints.try_out(a_person(shop, "dev", Role.ADMIN), one.endpoint.id, KEY, CAUSE)
        await _deliver(one, tools)
    (row,) = await DeliveryTry.all()
    assert (row.status, row.body) == (500, "")


async def test_a_message_whose_secrets_open_no_more_is_kept_and_says_so(tools: Tools) -> None:
    shop = await a_shop()
    one = await an_endpoint(shop, ["refund.*"])
    await _history(shop, 1)
    await execute("UPDATE endpoints SET sealed_secrets = $2 WHERE id = $1", one.endpoint.id, b"\x03" + b"x" * 40)
    await _deliver(one, tools)
    first = (await made(shop, one.endpoint.id))[0]
    assert first.state is DeliveryState.PENDING
    assert first.said == "The endpoint's secrets cannot be opened here; its operator is told."
    await all_due(one.endpoint.id)


async def test_the_timetable_rings_for_what_has_something_to_do_and_a_worker_looks_after_it(tools: Tools) -> None:
    from domain.platform.settings import Settings

    shop = await a_shop()
    async with receiving() as server:
        one = await an_endpoint(shop, ["refund.*"], url=server.url())
        await _history(shop, 1)
        assert await deliveries.ring() == 1
        deliverer = deliveries.Deliverer(Settings.read({}).with_(secret_key=KEY))
        for _ in range(3):
            deliverer.begin(one.endpoint.id)
        await deliverer.close()
        assert len(server.took) == await Delivery.filter(endpoint_id=one.endpoint.id).count() > 0
    assert await deliveries.ring() == 0
