"""The receivers of docs/webhooks.md, each with its language's official library, are told a refund by our sender."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain.access.tokens import Role
from domain.deliveries import endpoints
from domain.models import Delivery, DeliveryTry
from domain.models.deliveries import DeliveryState
from domain.pse.vocabulary import Succeeded
from jobs import deliveries
from jobs.deliveries import Tools
from jobs.machine.ports import free_port
from jobs.wire.abroad import Abroad
from tests.domain.deliveries.places import an_endpoint, told
from tests.kit.factories import CAUSE, KEY, a_payment, a_person, a_refund, a_shop, an_answer
from tests.kit.sealing import sealed

pytestmark = pytest.mark.usefixtures("books")
HERE = Path(__file__).parent
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
_STARTS_SECONDS = 30
_INSTALLS_SECONDS = 120


def _python(_: Path) -> Sequence[str]:
    return [sys.executable, str(HERE / "receiver.py")]


def _node(place: Path) -> Sequence[str]:
    """With what its lock names, exactly."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("There is no Node here.")
    for name in ("package.json", "package-lock.json", "receiver.mjs"):
        shutil.copy(HERE / name, place)
    asked = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(asked, cwd=place, capture_output=True, text=True, timeout=_INSTALLS_SECONDS, check=False)
    if done.returncode:
        pytest.skip(f"The registry of npm gave nothing: {done.stderr[-200:]}")
    return ["node", str(place / "receiver.mjs")]


def _php(place: Path) -> Sequence[str]:
    if not (shutil.which("php") and shutil.which("composer")):
        pytest.skip("There is no PHP here.")
    shutil.copy(HERE / "receiver.php", place)
    asked = ["composer", "require", "standard-webhooks/standard-webhooks"]
    done = subprocess.run(asked, cwd=place, capture_output=True, text=True, timeout=_INSTALLS_SECONDS, check=False)
    if done.returncode:
        pytest.skip(f"The registry of Composer gave nothing: {done.stderr[-200:]}")
    port = free_port()
    return ["sh", "-c", f"echo {port}; exec php -S 127.0.0.1:{port} receiver.php 2>/dev/null"]


@asynccontextmanager
async def _running(command: Sequence[str], place: Path) -> AsyncIterator[tuple[int, asyncio.StreamReader]]:
    child = await asyncio.create_subprocess_exec(
        *command, cwd=place, stdout=asyncio.subprocess.PIPE, env={**os.environ, "SECRETS": SECRET}
    )
    try:
        assert child.stdout is not None
        async with asyncio.timeout(_STARTS_SECONDS):
            port = int(await child.stdout.readline())
        yield port, child.stdout
    finally:
        child.kill()
        await child.wait()


@pytest.mark.parametrize("command", [_python, _node, _php], ids=["python", "node", "php"])
async def test_a_receiver_with_the_official_library_believes_ours_once_and_nobody_elses(
    command: Callable[[Path], Sequence[str]], tmp_path: Path
) -> None:
    asked = await asyncio.to_thread(command, tmp_path)
    shop = await a_shop()
    refund = await a_refund(shop, await a_payment(shop), 1_000)
    await an_answer(refund, Succeeded("D1"))
    await sealed(shop)
    abroad = Abroad()
    async with _running(asked, tmp_path) as (port, output):
        url = f"http://127.0.0.1:{port}/hooks"
        right = (await an_endpoint(shop, ["refund.*"], url=url, secret=SECRET)).endpoint
        forged = (await an_endpoint(shop, ["night.late"], url=url)).endpoint
        await endpoints.try_out(a_person(shop, "dev", Role.ADMIN), forged.id, KEY, CAUSE)
        for endpoint in (right, forged):
            await deliveries.deliver(endpoint.id, Tools(abroad, KEY))
        made = await Delivery.filter(endpoint_id=right.id).order_by("id")
        async with asyncio.timeout(_STARTS_SECONDS):
            took: list[Any] = [json.loads(await output.readline()) for _ in made]
        async with httpx.AsyncClient() as stranger:
            answer = await stranger.post(
                url, content=b"{}", headers={"webhook-id": "x", "webhook-signature": "nonsense"}
            )
    await abroad.close()
    assert [one["id"] for one in took] == [one.message_id for one in made]
    assert [one["data"] for one in took] == [told(one)["data"] for one in made]
    assert {one.state for one in made} == {DeliveryState.SENT}
    assert answer.status_code == 401
    (row,) = await DeliveryTry.filter(delivery__endpoint_id=forged.id)
    assert row.status == 401
