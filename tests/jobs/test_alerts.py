"""Alerts all the way: looked for, said on a robot, in a group and by mail over the real wire, and over."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from domain.access.permissions import Role
from domain.alerts import digest as digests
from domain.deliveries.endpoints import NewEndpoint, create
from domain.models import Alert, AlertMark, Delivery, Endpoint
from domain.models.alerts import AlertKind
from domain.models.deliveries import DeliveryState, EndpointKind, EndpointState
from domain.platform.database import for_all
from domain.platform.settings import Settings
from domain.pse.vocabulary import Declined, Succeeded
from jobs import alerts
from jobs.deliveries import Tools, deliver
from jobs.machine.ports import free_port
from jobs.wire.abroad import Abroad
from tests.kit.factories import CAUSE, KEY, OwnerRows, Shop, a_payment, a_person, a_refund, a_shop, an_answer
from tests.kit.sealing import sealed
from tests.kit.world import served as serving
from tests.sandbox.channels.app import Channels
from tests.sandbox.channels.mail import Relay
from tests.sandbox.channels.mail import served as relaying

pytestmark = pytest.mark.usefixtures("books")


@asynccontextmanager
async def _everything() -> AsyncIterator[tuple[Channels, Relay, Tools, str]]:
    channels = Channels()
    with relaying(Relay(), free_port()) as relay:
        mail: dict[str, Any] = {"smtp_host": "127.0.0.1", "smtp_port": relay.port, "smtp_tls": "none"}
        settings = Settings(secret_key=KEY, public_url="https://estorno.example", smtp_from="a@estorno.example", **mail)
        tools = Tools(Abroad(), KEY, settings)
        async with serving(channels.app()) as url:
            yield channels, relay, tools, url
            await tools.abroad.close()


async def _channel(shop: Shop, kind: EndpointKind, url: str, secret: str | None = None, **options: str) -> Endpoint:
    new = NewEndpoint(kind, f"{kind} {uuid4().hex[:4]}", url, secret, options)
    return (await create(a_person(shop, "dev", Role.ADMIN), new, KEY, CAUSE)).endpoint


async def _sent(tools: Tools, *endpoints: Endpoint) -> None:
    for one in endpoints:
        await deliver(one.id, tools)


async def test_an_outage_is_told_on_a_robot_in_a_group_and_by_mail_and_so_is_its_end(owner_rows: OwnerRows) -> None:
    async with _everything() as (channels, relay, tools, url):
        assert tools.settings is not None
        shop, paths = await a_shop(), channels.paths()
        channels.dingtalk.secret, channels.dingtalk.keyword = "SEC-1", "退款"
        ding = await _channel(
            shop, EndpointKind.DINGTALK, url + paths["DINGTALK"], "SEC-1", language="zh-CN", keyword="退款"
        )
        group = await _channel(shop, EndpointKind.WECOM, url + paths["WECOM"], language="es")
        pager = await _channel(shop, EndpointKind.PAGERDUTY, url + paths["PAGERDUTY"], "token-1")
        post = await _channel(shop, EndpointKind.EMAIL, "desk@shop.example", language="pt-BR")
        everywhere = (ding, group, pager, post)
        down = "UPDATE connections SET down_since = now() - interval '2 minutes' WHERE id = $1"
        await owner_rows(down, shop.connection.id)
        assert await alerts.look(tools.settings) == (1, 4)
        assert await alerts.look(tools.settings) == (1, 0)
        await _sent(tools, *everywhere)
        (told,) = channels.dingtalk.delivered
        assert "pix-main 无响应" in told["markdown"]["title"]
        assert "处理办法" in told["markdown"]["text"]
        assert "pix-main no responde" in channels.wecom.delivered[0]["markdown"]["content"]
        ((_, mail),) = relay.got
        assert mail["Subject"] == "✕ Crítico: pix-main não responde"
        assert channels.pagerduty.delivered[0]["event_action"] == "trigger"
        await owner_rows("UPDATE connections SET down_since = NULL")
        assert await alerts.look(tools.settings) == (0, 4)
        await _sent(tools, *everywhere)
        assert channels.pagerduty.delivered[1]["event_action"] == "resolve"
        assert channels.pagerduty.delivered[1]["dedup_key"] == channels.pagerduty.delivered[0]["dedup_key"]
        assert relay.got[1][1]["References"] == mail["References"]
        states = {one.state for one in await Delivery.filter(merchant_id=shop.id)}
        assert states == {DeliveryState.SENT}


async def test_a_channel_that_says_it_is_gone_is_stopped_and_told_on_another_one(owner_rows: OwnerRows) -> None:
    async with _everything() as (channels, relay, tools, url):
        assert tools.settings is not None
        shop = await a_shop()
        robot = await _channel(shop, EndpointKind.DINGTALK, url + channels.paths()["DINGTALK"])
        post = await _channel(shop, EndpointKind.EMAIL, "desk@shop.example")
        channels.dingtalk.mood = "stopped"
        await owner_rows(
            "UPDATE connections SET down_since = now() - interval '2 minutes' WHERE id = $1", shop.connection.id
        )
        await alerts.look(tools.settings)
        await _sent(tools, robot, post)
        row = await Endpoint.get(id=robot.id)
        assert (row.state, row.why) == (EndpointState.BROKEN, "400102: bot is stopped")
        await alerts.look(tools.settings)
        await _sent(tools, post)
        subjects = [mail["Subject"] for _, mail in relay.got]
        assert subjects[0] == "✕ Critical: pix-main does not answer"
        assert subjects[1] == f"✕ Critical: News does not arrive at {robot.name}"
        found = await Alert.filter(merchant_id=shop.id, kind=AlertKind.CHANNEL_FAILING)
        assert [one.endpoint_id for one in found] == [robot.id]


async def test_a_muted_robot_is_told_once_of_all_that_came_up_meanwhile(owner_rows: OwnerRows) -> None:
    async with _everything() as (channels, _, tools, url):
        assert tools.settings is not None
        shop = await a_shop()
        robot = await _channel(shop, EndpointKind.WECOM, url + channels.paths()["WECOM"])
        channels.wecom.mood = "busy"
        turns: list[tuple[str, str]] = [
            ("down_since = now() - interval '2 minutes'", "PSE_DOWN"),
            ("refused_since = now(), down_since = NULL", "ACCESS_REFUSED"),
        ]
        for change, kind in turns:
            await owner_rows(f"UPDATE connections SET {change} WHERE id = $1", shop.connection.id)  # noqa: S608
            await alerts.look(tools.settings)
            await _sent(tools, robot)
            assert await Alert.filter(merchant_id=shop.id, kind=kind).exists()
        assert await Delivery.filter(endpoint_id=robot.id).count() == 1
        channels.wecom.mood = "ok"
        for _ in range(2):
            await owner_rows("UPDATE deliveries SET due_at = now() WHERE state = 'PENDING'")
            await owner_rows("UPDATE endpoints SET paced_until = NULL")
            await _sent(tools, robot)
            await alerts.say(tools.settings)
        assert len(channels.wecom.delivered) == 2
        assert "Alert" not in channels.wecom.delivered[0]["markdown"]["content"]


async def test_the_digest_goes_out_once_in_the_merchants_morning_and_only_if_there_is_something_in_it(
    owner_rows: OwnerRows,
) -> None:
    async with _everything() as (_, relay, tools, _url):
        assert tools.settings is not None
        shop, empty = await a_shop(), await a_shop(name="empty")
        post = await _channel(shop, EndpointKind.EMAIL, "desk@shop.example", language="pt-BR")
        nobody = await _channel(empty, EndpointKind.EMAIL, "desk@empty.example")
        for outcome in (Succeeded("D1"), Declined("NO", "no")):
            await an_answer(await a_refund(shop, await a_payment(shop), 1_500), outcome)
        await a_refund(shop, await a_payment(shop), 700)
        await sealed(shop)
        await alerts.look(tools.settings)
        zone = ZoneInfo("America/Sao_Paulo")
        tomorrow = datetime.now(UTC).astimezone(zone).date() + timedelta(days=1)

        async def at(hour: int, minute: int) -> int:
            moment = datetime(tomorrow.year, tomorrow.month, tomorrow.day, hour, minute, tzinfo=zone)
            assert tools.settings is not None
            with for_all("the test's clock"):
                return await digests.send(tools.settings, moment.astimezone(UTC))

        assert [await at(8, 29), await at(8, 30), await at(8, 35)] == [0, 1, 0]
        assert await Delivery.filter(endpoint_id=post.id, type="alert.digest").count() == 1
        assert {one.digest_on for one in await AlertMark.filter(merchant_id__in=[shop.id, empty.id])} == {tomorrow}
        assert await Delivery.filter(endpoint_id=nobody.id).count() == 0
        await _sent(tools, post)
        mail = relay.got[-1][1]
        assert mail["Subject"].startswith("Estornos de Loja: ")
        (text, _html) = mail.iter_parts()
        told = text.get_content().replace("\xa0", " ")
        assert "Saíram para os clientes: 1 (R$ 15,00)" in told
        assert "Recusados pela instituição: 1 (R$ 15,00)" in told
        assert "Em andamento agora: 1 (R$ 7,00)" in told
        assert "Alertas abertos" in told
        assert "Os mais antigos" in told
