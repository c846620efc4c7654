"""`estorno endpoints`, `deliveries` and `events`, against the API over HTTP."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from api.app import create
from domain.access.tokens import Role, create_token
from domain.deliveries.catalogue import TYPES
from domain.deliveries.opened import address_of
from domain.models import AlertRule, Endpoint
from domain.pse.vocabulary import Succeeded
from jobs import deliveries
from jobs.cli.printing import folded
from jobs.deliveries import Tools
from jobs.wire.abroad import Abroad
from tests.conftest import Database
from tests.domain.deliveries.places import made
from tests.kit.factories import CAUSE, KEY, a_payment, a_refund, a_shop, an_answer
from tests.kit.forked import told
from tests.kit.receiver import receiving
from tests.kit.world import quick_settings, served

Command = Callable[..., Any]


@pytest.fixture
async def command(books: Database, redis_url: str) -> AsyncIterator[Command]:
    """Runs `estorno` with a token of a developer's; gives what it said."""
    settings = quick_settings(database_url=books.application_url, redis_url=redis_url, secret_key=KEY)
    async with served(create(settings)) as url:

        async def run(*arguments: str, token: str, status: int = 0) -> str:
            given = {**os.environ, "ESTORNO_URL": url, "ESTORNO_TOKEN": token, "COLUMNS": "80"}
            done = await asyncio.to_thread(told, ["jobs.cli.app", *arguments], given, 60)
            assert done.returncode == status, done.stdout + done.stderr
            assert "Traceback" not in done.stderr
            assert max(map(len, done.stdout.splitlines()), default=0) <= 80 or "--format" in arguments
            return done.stdout + done.stderr if status else done.stdout

        yield run


async def test_an_endpoint_is_made_tried_out_replayed_paused_and_deleted_at_a_terminal(command: Command) -> None:
    shop = await a_shop()
    token = await create_token(shop.id, Role.DEVELOPER, "dev", timedelta(hours=1), CAUSE)
    refund = await a_refund(shop, await a_payment(shop), 1_000)
    await an_answer(refund, Succeeded("D1"))
    abroad = Abroad()
    async with receiving() as server:
        run = command
        given = ("orders", "--url", server.url(), "--event", "refund.*", "--behind", "0", "--format", "json")
        done = json.loads(await run("endpoints", "create", *given, token=token))
        endpoint_id = UUID(done["endpoint"]["id"])
        assert done["secret"].startswith("whsec_")
        assert "orders" in await run("endpoints", "list", token=token)
        assert done["secret"] not in await run("endpoints", "list", "--format", "json", token=token)
        await made(shop, endpoint_id)
        await run("endpoints", "test", "orders", token=token)
        await deliveries.deliver(endpoint_id, Tools(abroad, KEY))
        listed = await run("deliveries", "list", "--endpoint", "orders", "--refund", str(refund.id), token=token)
        assert "refund.success" in listed
        first = server.took[0].headers["webhook-id"]
        assert '"type":"refund.' in (await run("deliveries", "show", "orders", first, token=token)).replace(
            "\n    ", ""
        )
        assert "1 deliveries are due" in await run("deliveries", "replay", "orders", "--message", first, token=token)
        assert "all behind 0" in await run("deliveries", "replay", "orders", "--behind", "0", token=token)
        assert "Its secret" in await run("endpoints", "rotate", "orders", "--hours", "1", token=token)
        assert "ids alone" in await run("endpoints", "change", "orders", "--thin", token=token)
        assert "PAUSED" in await run("endpoints", "pause", "orders", "--why", "We move.", token=token)
        assert "ACTIVE" in await run("endpoints", "resume", "orders", "--missed", token=token)
        assert "OFF" in await run("endpoints", "delete", "orders", token=token)
        assert "There are no endpoints" in await run("endpoints", "list", token=token)
        assert "There is no endpoint orders" in await run("endpoints", "test", "orders", token=token, status=1)
        said = await run("endpoints", "create", "x", "--url", "http://10.0.0.1/", "--event", "*", token=token, status=1)
        assert "no https address" in said
    await abroad.close()
    row = await Endpoint.get(id=endpoint_id)
    assert (row.state, row.sealed_secrets) == ("OFF", None)
    every = await run("events", "list", token="")
    assert all(one.name in every for one in TYPES)
    assert json.loads(await run("events", "sample", "refund.success", token=""))["data"]["state"] == "SUCCEEDED"
    assert json.loads(await run("events", "schema", "night.late", token=""))["title"] == "night.late"
    assert "There is no event" in await run("events", "sample", "refund.sucess", token="", status=1)


async def test_a_channel_is_changed_and_named_in_a_rule_at_a_terminal(command: Command, tmp_path: Path) -> None:
    shop = await a_shop()
    token = await create_token(shop.id, Role.ADMIN, "ana", timedelta(hours=1), CAUSE)
    robot, secret = tmp_path / "robot.txt", tmp_path / "sec.txt"
    robot.write_text("https://oapi.dingtalk.com/robot/send?access_token=t1\n")
    secret.write_text("SEC-new\n")
    given = ("--kind", "DINGTALK", "--url-file", str(robot), "--option", "keyword=K", "--option", "language=es")
    await command("endpoints", "create", "ops", *given, token=token)
    assert "SEC-new" not in await command("endpoints", "rotate", "ops", "--secret-file", str(secret), token=token)
    await command("endpoints", "change", "ops", "--option", "keyword=", token=token)
    row = await Endpoint.get(merchant_id=shop.id)
    to = await address_of(row, KEY)
    assert (to.secrets, to.options) == (("SEC-new",), {"language": "es"})
    assert "has no option" in await command("endpoints", "change", "ops", "--option", "words=x", token=token, status=1)
    named = ("--connection", shop.connection.name, "--endpoint", "ops", "--next", str(row.id), "--no-escalates")
    told = await command("alerts", "rules", "set", "REFUND_STUCK", *named, token=token)
    rule = await AlertRule.get(merchant_id=shop.id, ended_at=None)
    assert (rule.connection_ids, rule.endpoint_ids, rule.next_ids, rule.escalates) == (
        [shop.connection.id], [row.id], [row.id], False,
    )  # fmt: skip
    assert "ops (" in told
    assert str(row.id) in " ".join(told.split())
    assert "ops (" in await command("alerts", "rules", "list", token=token)
    for option, where in (("--endpoint", "estorno endpoints list"), ("--connection", "estorno connection list")):
        refused = await command("alerts", "rules", "set", "REFUND_STUCK", option, "nobody", token=token, status=1)
        assert "nobody" in refused
        assert where in refused
    assert "no amount" not in await command("batches", "limits", token=token)
    assert "both" in await command("batches", "limits", "--rows", "5", token=token, status=1)
    proposed = await command("batches", "limits", "--rows", "40", "--amount", "BRL=100000", token=token)
    assert "stands since" in proposed or "waits for another person" in proposed


def test_lines_end_between_words_and_a_longer_word_is_cut() -> None:
    told = folded(f"  {'words of ' * 12}{'x' * 90} 退款" + "退" * 90)
    assert max(map(len, told)) == 80
    assert all(line.startswith("      ") for line in told)
    assert told[0].endswith((" words", " of"))
    assert "".join(line.strip() for line in told).endswith("退" * 90)
    assert folded("") == ["    "]
