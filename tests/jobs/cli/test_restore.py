"""A backup is the database and the key: restored elsewhere with both, the books are in order and all opens."""

import asyncio
import subprocess
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from domain.history import seals
from domain.platform import database
from jobs.cli.app import app
from jobs.machine.servers import OWNER, Postgres
from tests.conftest import Database, Servers
from tests.domain.keys.shops import a_shop_with_all
from tests.jobs.cli.test_keys import WRONG, variables
from tests.kit import databases
from tests.kit.databases import with_name
from tests.kit.factories import KEY


async def _live(url: str) -> None:
    async with database.connected(url):
        await a_shop_with_all()
        while await seals.seal():
            pass


def _postgres(name: str, *arguments: str, home: Path) -> None:
    program = Postgres(home, home / "log", 0)._program(name)
    done = subprocess.run([program, *arguments], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def restored(own_database: Database, servers: Servers, tmp_path: Path) -> Database:
    """The database of a shop, dumped by its owner and restored into an empty one, as docs/operations.md says."""
    asyncio.run(_live(own_database.application_url))
    name, dump = f"restored_{uuid4().hex[:12]}", str(tmp_path / "estorno.dump")
    other = Database(with_name(servers.owner_url, name), with_name(servers.application_url, name))
    _postgres("pg_dump", "--format=custom", f"--file={dump}", own_database.owner_url, home=tmp_path)
    asyncio.run(_empty(servers.superuser_url, name))
    _postgres("pg_restore", "--exit-on-error", f"--dbname={other.owner_url}", dump, home=tmp_path)
    return other


async def _empty(superuser_url: str, name: str) -> None:
    root = await asyncpg.connect(superuser_url)
    await root.execute(f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE template0")
    await root.close()


def test_a_backup_is_restored_with_its_key_and_only_with_it(
    restored: Database, servers: Servers, redis_url: str, tmp_path: Path
) -> None:
    def check(key: bytes) -> Result:
        return CliRunner().invoke(app, ["check", "--chain"], env=variables(restored, redis_url, tmp_path, key))

    with_its_key, with_another = check(KEY), check(WRONG)
    name = restored.owner_url.rsplit("/", 1)[1]
    asyncio.run(databases.drop(servers.superuser_url, name))
    assert (with_its_key.exit_code, with_its_key.output) == (0, "The books are in order.\n")
    assert (with_another.exit_code, "keys: ESTORNO_SECRET_KEY opens" in with_another.output) == (1, True)
