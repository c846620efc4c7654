"""The clients that frontend teams use, as npm has them, against the product's own API: one process of it for all.

They are installed by `make clients`. Where they are not, the tests are skipped, but not where CI is set: a run that
could not try them has not passed.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from api.app import create
from domain.access.tokens import Role, create_token
from tests.api.conftest import global_id
from tests.conftest import Database
from tests.kit.factories import a_payment, a_shop
from tests.kit.world import quick_settings, served

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
INSTALLED = CHECKOUT / ".venv" / "clients"
FOLLOWED = {"cut and resumed", "expired token"}
ASKED = {"query", "mutation", "typed error"}
CLIENTS = {
    "urql": ASKED | FOLLOWED,
    "apollo": ASKED | FOLLOWED,
    "relay": ASKED | FOLLOWED | {"node"},
    "graphql_ws": FOLLOWED | {"token that expires"},
    "graphql_sse": FOLLOWED,
    "readme": {"README's snippet, cut and resumed"},
}
AUDITED = 61
NODE_MIN = 20
_SECONDS = 120


@pytest.fixture(scope="module")
def work() -> Iterator[Path]:
    """A folder of its own beside what npm installed, with our scripts, where node finds both."""
    lacking = None if _node() >= NODE_MIN else f"node {NODE_MIN} or newer"
    if not (INSTALLED / "node_modules" / "graphql-ws").is_dir():
        lacking = lacking or "the npm packages: make clients"
    if lacking is not None:
        if os.environ.get("CI"):
            pytest.fail(f"There is no {lacking}, and CI is set.")
        pytest.skip(f"There is no {lacking}.")
    folder = INSTALLED / f"run-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__", "package*"))
    shutil.copy(CHECKOUT / "schema.graphql", folder)
    (folder / "package.json").write_text('{ "type": "module" }')
    (folder / "relay" / "package.json").write_text('{ "type": "commonjs" }')
    (folder / "readme.mjs").write_text(_of_readme())
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def _node() -> int:
    """The first number of node's version; 0: there is none."""
    node = shutil.which("node")
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout if node else ""
    return int((re.findall(r"^v(\d+)", told) or ["0"])[0])


def _of_readme() -> str:
    """README's snippet as it stands there, in a script that cuts its wire."""
    found = re.search(r"(?s)```js\n(.*?)```", (CHECKOUT / "README.md").read_text())
    assert found is not None
    imported, snippet = found[1].split("\n\n", 1)
    assert imported == 'import { createClient } from "graphql-ws";'
    snippet = re.sub(r'"ws://[^"]+"', "at.websocket", snippet)
    return f"""{imported}
import {{ WebSocket, check, given, resumes, tell }} from "./shared.mjs";
globalThis.WebSocket = WebSocket;
const token = given.token;
const read = async (refundId, at, heard) => {{
{snippet.replace("const message = data.refundEvents;", "const message = data.refundEvents; heard(message);")}
}};
await check("README's snippet, cut and resumed", () =>
  resumes((refundId, at, heard, ended) => read(refundId, at, heard).then(() => ended(), ended)));
tell();
"""


async def _run(folder: Path, *command: str, **given: Any) -> str:
    """What a program prints; fails with all that it says where it fails."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "GIVEN": json.dumps(given), "NO_COLOR": "1", "CI": "1"},
    )
    try:
        told, said = await asyncio.wait_for(process.communicate(), _SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, f"{' '.join(command)}\n{told.decode()}\n{said.decode()}"
    return told.decode()


def _tool(name: str) -> str:
    return str(INSTALLED / "node_modules" / ".bin" / name)


async def test_each_client_asks_follows_resumes_and_learns_of_its_tokens_end(
    work: Path, own_database: Database, redis_url: str, tmp_path: Path
) -> None:
    await _run(work / "relay", _tool("relay-compiler"), "relay.config.json")
    settings = quick_settings(
        database_url=own_database.application_url,
        redis_url=redis_url,
        introspection=True,
        files=str(tmp_path / "files"),
    )
    async with served(create(settings)) as url:
        shop = await a_shop()
        payment = await a_payment(shop, amount=1_000_000)

        async def token(seconds: float, name: str) -> str:
            return await create_token(shop.id, Role.ADMINISTRATOR, name, timedelta(seconds=seconds))

        given = {
            "url": f"{url}/graphql",
            "websocket": f"{url}/graphql".replace("http", "ws", 1),
            "payment": global_id(payment),
            "token": await token(3_600, "frontend"),
            "expired": await token(-1, "expired"),
        }
        audited = json.loads(await _run(work, "node", "audit.mjs", **given))
        given["expiring"] = await token(8, "expiring")
        running = (_run(work, "node", f"{name}.mjs", **given) for name in CLIENTS)
        told = await asyncio.gather(*running, return_exceptions=True)
    assert [str(one) for one in told if isinstance(one, BaseException)] == []
    assert {name: set(json.loads(str(one))) for name, one in zip(CLIENTS, told, strict=True)} == CLIENTS
    assert [one for one in audited if one["status"] != "ok"] == []
    assert len(audited) == AUDITED


async def test_a_generated_client_of_the_schema_has_no_mistake_of_types(work: Path) -> None:
    await _run(work, _tool("graphql-codegen"), "--config", "codegen.json")
    checks = (
        "--strict",
        "--noEmit",
        "--module",
        "esnext",
        "--moduleResolution",
        "bundler",
        "--target",
        "es2022",
        "--skipLibCheck",
        "false",
    )
    await _run(work, _tool("tsc"), *checks, "typed/use.ts", "typed/documents.ts", "typed/schema.ts")
    persisted = json.loads((work / "typed" / "gql" / "persisted-documents.json").read_text())
    assert len(persisted) == 2
    wrong = 'import type { Money } from "./schema.js";\nexport const wrong: Money["minorUnits"] = 1050;\n'
    (work / "typed" / "wrong.ts").write_text(wrong)
    with pytest.raises(AssertionError, match="TS2322"):
        await _run(work, _tool("tsc"), *checks, "typed/wrong.ts")
