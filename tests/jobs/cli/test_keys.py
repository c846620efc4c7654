"""`estorno keys`, and what a wrong key stops."""

import asyncio
import base64
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from domain.keys import rotate
from domain.platform import database
from jobs.cli.app import app
from jobs.cli.commands import ERRORS
from tests.conftest import Database
from tests.domain.keys.shops import a_shop_with_all
from tests.kit.factories import KEY
from tests.kit.forked import told

WRONG = bytes(32)


def variables(books: Database, redis_url: str, home: Path, key: bytes) -> dict[str, str]:
    return {
        "ESTORNO_HOME": str(home),
        "DATABASE_URL": books.application_url,
        "REDIS_URL": redis_url,
        "ESTORNO_SECRET_KEY": base64.urlsafe_b64encode(key).decode(),
        "COLUMNS": "160",
    }


Run = Callable[..., Result]


@pytest.fixture
def run(own_database: Database, redis_url: str, tmp_path: Path) -> Run:
    """A command on a database with one shop."""

    async def fill() -> None:
        async with database.connected(own_database.application_url):
            await a_shop_with_all()

    asyncio.run(fill())

    def invoke(*arguments: str, key: bytes = KEY) -> Result:
        return CliRunner().invoke(app, arguments, env=variables(own_database, redis_url, tmp_path, key))

    return invoke


@pytest.mark.parametrize("module", ["api.server", "jobs.worker", "jobs.timetable"])
def test_a_wrong_key_stops_each_program(
    run: Run, own_database: Database, redis_url: str, tmp_path: Path, module: str
) -> None:
    done = told([module], {**os.environ, **variables(own_database, redis_url, tmp_path, WRONG)}, 60)
    assert done.returncode != 0
    assert "The secret key does not open this database" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_wrong_key_is_one_sentence_of_a_command_and_named_by_the_check(run: Run) -> None:
    for command in (["worker"], ["token", "create", "--merchant=x", "--role=ADMINISTRATOR", "--holder=y"]):
        refused = run(*command, key=WRONG)
        assert isinstance(refused.exception, ERRORS)
        assert "set the right ESTORNO_SECRET_KEY" in str(refused.exception)
    said = run("check", key=WRONG)
    assert (said.exit_code, "keys: ESTORNO_SECRET_KEY opens this database" in said.output) == (1, True)
    assert run("check").exit_code == 0


def test_keys_are_rotated_and_listed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotate, "SETTLE_SECONDS", 0.1)
    done = run("keys", "rotate", "--merchant", "Loja")
    assert "1 new keys; 0 keys wrapped anew; 10 values sealed anew; 1 old keys retired." in done.output
    listed = run("keys", "list")
    assert listed.output.count("Loja") == 2
    assert "(digests)" in listed.output
    assert "local:" in listed.output
    assert "0 values sealed anew" in run("keys", "rotate", "--only-wrap").output
    assert run("keys", "rotate", "--merchant", "Nobody").exit_code == 1
    assert run("check").exit_code == 0
