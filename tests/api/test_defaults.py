"""What holds without a setting: the numbers of docs/limits.md, written out, and how the server starts."""

import asyncio
import os
import sys
from dataclasses import fields
from pathlib import Path

from domain.platform.settings import Settings
from jobs.machine.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
LIMITS = {
    "head_seconds": 10,
    "body_limit_bytes": 1024 * 1024,
    "body_seconds": 30,
    "connections_max": 500,
    "idle_per_address": 100,
    "requests_max": 200,
    "sockets_max": 300,
    "sockets_per_address": 100,
    "sockets_per_token": 20,
    "subscriptions_max": 500,
    "subscriptions_per_token": 60,
    "rate_per_token": 3_000,
    "rate_per_address": 6_000,
    "rate_per_link": 30,
    "rate_per_webhook": 3_000,
    "rate_new_documents": 300,
    "rate_merchant_documents": 600,
    "rate_sign_in": 60,
    "rate_customer_pages": 600,
    "rate_customer_tokens": 1_000,
    "operation_seconds": 10,
    "operations_per_merchant": 5,
    "lock_seconds": 2,
    "job_timeout_seconds": 30,
    "database_pool": 10,
    "send_limit_seconds": 20,
}
FROZEN = """
import gc, os, signal
from api.server import main

def make(settings):
    async def app(scope, receive, send):
        assert scope["type"] == "lifespan"
        await receive()
        print(gc.get_freeze_count(), flush=True)
        await send({"type": "lifespan.startup.complete"})
        os.kill(os.getpid(), signal.SIGTERM)
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
    return app

main(make)
"""


def test_a_limit_that_nobody_sets_is_what_the_documentation_says() -> None:
    defaults = {one.name: one.default for one in fields(Settings)}
    assert {name: defaults[name] for name in LIMITS} == LIMITS
    written = (ROOT / "docs" / "limits.md").read_text()
    assert [name for name in LIMITS if f"`{name.upper()}`" not in written] == []


async def test_what_the_server_starts_with_is_never_looked_through_again(tmp_path: Path) -> None:
    environment = {**os.environ, "ESTORNO_HOME": str(tmp_path), "ESTORNO_PORT": str(free_port())}
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", FROZEN), cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await asyncio.wait_for(server.communicate(), 60)
    assert int(said.splitlines()[0]) > 50_000  # objects: the modules, and the schema
