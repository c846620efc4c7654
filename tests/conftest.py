"""Real servers for the tests: one throw-away PostgreSQL and Valkey per run, shared by the xdist workers.

Each test that asks for `books` finds an empty database (tests/kit/databases).
"""

import asyncio
import gc
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import hypothesis
import pytest
import pytest_asyncio
import structlog
from redis.asyncio import Redis

from domain.platform import bell, database, migrate
from domain.pse import registry
from jobs.machine.children import Child
from jobs.machine.ports import free_port
from jobs.machine.servers import APPLICATION, OWNER, SUPERUSER, Postgres, Valkey
from tests.kit import databases
from tests.kit.databases import OwnDatabase, with_name
from tests.kit.days import seconds_to_a_new_day
from tests.kit.drawn import draw_from_no_source, know_what_utf8_encodes
from tests.kit.drivers_once import build_models_once, describe_types_once, share_authorities
from tests.kit.family import keep, keep_for_later, made_before
from tests.kit.forked import forked_python, has_zygote, nursery, zygote

# Else every process that a test starts would compile anew what it imports, and every worker all the tests.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
os.environ.setdefault("POLARS_MAX_THREADS", "1")  # frames of a few lines: waking others costs more than it saves
os.environ.setdefault("PGSSLMODE", "disable")  # ours speaks no TLS, and each connection would prepare for it first
# For each request httpcore looks whether sniffio was installed meanwhile, on all of the path: it never is.
sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]  # None: there is no such module
# What a test itself asks sees everything; what it calls by a door of the product says anew for whom it asks.
database.stand_for_all("a test looks at everything")
build_models_once()
describe_types_once()
share_authorities()
know_what_utf8_encodes()
SHARED = Path(__file__).resolve().parents[2] / "shared" / "facts"
# The gate plays the same examples everywhere and no test of it asserts a time: a few drawn ones, beside those that are
# written down. `search` (`make fuzz`) looks for new ones.
hypothesis.settings.register_profile("house", deadline=None, derandomize=True, max_examples=25)
hypothesis.settings.register_profile("search", deadline=None, max_examples=1_000)
_PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "house")
hypothesis.settings.load_profile(_PROFILE)
# Rich tracebacks, structlog's default at a terminal, cost seconds each.
structlog.configure(
    processors=[structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]
)
_ADDRESSES = "TEST_SERVERS"
# What takes longest and mostly waits begins first, so that no worker is left alone with it at the end.
_LONGEST = (
    "crash",
    "chaos",
    "test_simulation.py",
    "test_up.py",
    "test_crashes.py",
    "attack",
    "clients",
    "planted",
    "test_webhook_orders.py",
)
_VALKEY_DATABASES = 16


@dataclass(frozen=True, slots=True)
class Servers:
    """Addresses of the run's servers."""

    superuser_url: str
    owner_url: str
    application_url: str
    redis_url: str


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-servers", action="store_true", help="Start none: for tests that need no database.")


def pytest_configure(config: pytest.Config) -> None:
    """Start the servers once, in the process that the workers come from: they end with it, however it ends."""
    config.pluginmanager.register(PublishedSpecifications())
    if _PROFILE == "house":
        draw_from_no_source()
    none = config.option.collectonly or config.getoption("--no-servers")
    if none or hasattr(config, "workerinput") or _ADDRESSES in os.environ:
        return
    home = tempfile.TemporaryDirectory(prefix="estorno-tests-")
    os.chmod(home.name, 0o711)  # noqa: S103 - the servers' user must come through, and see nothing
    children = start_servers(Path(home.name))

    def end() -> None:
        for child in reversed(children):
            child.stop()
        home.cleanup()
        os.environ.pop(_ADDRESSES, None)

    config.add_cleanup(end)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config, specs: list[Any]) -> None:
    """The workers are forked from a process that has imported the product, its libraries and the tests."""
    if has_zygote():
        mother = nursery(config.args)
        mother.start()
        config.add_cleanup(mother.stop)
        specs[:] = [type(spec)(f"popen//id={spec.id}//python={forked_python()}") for spec in specs]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is collected stays to the end: the collector of garbage need not look through it again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """A test is of one day: what it prepares and what it asks for do not lie on two sides of midnight."""
    time.sleep(seconds_to_a_new_day(datetime.now(UTC)))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first; the others stay in their order."""
    places = {name: number for number, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: min((places[part] for part in item.path.parts if part in places), default=len(places)))


def start_servers(home: Path) -> list[Child]:
    """Start a throw-away PostgreSQL and Valkey, with a migrated template, and a zygote, and say where they are."""
    postgres = _migrated(home)
    valkey = Valkey(home, home / "valkey.log", free_port())
    children = [postgres.child(), valkey.child(), zygote(home)]
    for child in children:
        child.start()
    urls = (postgres.url(SUPERUSER, "postgres"), postgres.url(OWNER), postgres.url(APPLICATION), valkey.url)
    os.environ[_ADDRESSES] = " ".join(urls)
    return children


def _migrated(home: Path) -> Postgres:
    """A cluster with the migrated template; tests whose servers are their own begin with a copy of it."""
    postgres = Postgres(home, home / "postgres.log", free_port(), durable=False)
    if not made_before(home):
        child = postgres.child()
        child.start()
        asyncio.run(migrate.run(postgres.url(OWNER), APPLICATION))
        asyncio.run(databases.let_anybody_give(postgres.url(OWNER)))
        child.stop()
        keep_for_later(home)
    keep(postgres, home / "ready")
    return postgres


class PublishedSpecifications:
    """Where the published specifications lie beside the checkout, a run that skipped their tests has not passed."""

    def __init__(self) -> None:
        self.skipped: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and "test_published" in report.nodeid and SHARED.is_dir():
            self.skipped.append(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.skipped:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for node in self.skipped:
            terminalreporter.write_line(f"SKIPPED although the specification is there: {node}", red=True)


def servers_of_the_run() -> Servers:
    """The servers that were started."""
    return Servers(*os.environ[_ADDRESSES].split(" "))


@pytest.fixture(scope="session")
def servers() -> Servers:
    return servers_of_the_run()


@pytest.fixture(autouse=True)
def connectors_of_the_product() -> Iterator[None]:
    """What a test adds to the registry is gone after it: others read the registry whole."""
    before = dict(registry._CONNECTORS)
    yield
    registry._CONNECTORS.clear()
    registry._CONNECTORS.update(before)


@dataclass(frozen=True, slots=True)
class Database:
    """A database of one test's own, by both roles."""

    owner_url: str
    application_url: str


@pytest.fixture(scope="session")
def kept_database(servers: Servers, worker_id: str) -> Iterator[OwnDatabase]:
    kept = OwnDatabase(servers.superuser_url, f"test_{worker_id}")
    yield kept
    kept.close()


@pytest.fixture
def own_database(servers: Servers, worker_id: str, kept_database: OwnDatabase) -> Database:
    """An empty database with the migrated schema, this worker's own; nothing of ours is connected to it yet."""
    kept_database.empty()
    return _database(servers, f"test_{worker_id}")


@pytest.fixture
async def fresh_database(servers: Servers) -> AsyncIterator[Database]:
    """A clone that no test has used before: where the files or statistics of the database are the subject."""
    name = f"test_{uuid4().hex[:16]}"
    await databases.create(servers.superuser_url, name)
    yield _database(servers, name)
    await databases.drop(servers.superuser_url, name)


def _database(servers: Servers, name: str) -> Database:
    return Database(with_name(servers.owner_url, name), with_name(servers.application_url, name))


@pytest.fixture
async def books(own_database: Database) -> AsyncIterator[Database]:
    """The test's own database, with the application's pool open on it."""
    async with database.connected(own_database.application_url, pool_max=20):
        yield own_database


@pytest.fixture(scope="module")
def lasting_database(servers: Servers, worker_id: str, kept_database: OwnDatabase) -> Database:
    """As `own_database`, for all the tests of a module: they leave their rows to each other."""
    kept_database.empty()
    return _database(servers, f"test_{worker_id}")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lasting_books(lasting_database: Database) -> AsyncIterator[Database]:
    """As `books`, for all the tests of a module, each of which moves only what it has made itself."""
    async with database.connected(lasting_database.application_url, pool_max=20):
        yield lasting_database


@asynccontextmanager
async def _owner_of(owned: Database) -> AsyncIterator[Any]:
    owner = await asyncpg.connect(owned.owner_url)
    try:
        yield owner.fetch
    finally:
        await owner.close()


@pytest.fixture
async def owner_rows(own_database: Database) -> AsyncIterator[Any]:
    """SQL as the owner: the test's hand on what the application may not touch."""
    async with _owner_of(own_database) as fetch:
        yield fetch


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lasting_owner_rows(lasting_database: Database) -> AsyncIterator[Any]:
    """As `owner_rows`, beside `lasting_books`."""
    async with _owner_of(lasting_database) as fetch:
        yield fetch


@pytest.fixture
async def unguarded_rows(own_database: Database, servers: Servers) -> AsyncIterator[Any]:
    """SQL that no trigger of the database sees: to do harm without changing the schema, which would cost a clone."""
    url = with_name(servers.superuser_url, own_database.owner_url.rsplit("/", 1)[1])
    hand = await asyncpg.connect(url, server_settings={"session_replication_role": "replica"})
    try:
        yield hand.fetch
    finally:
        await hand.close()


@pytest.fixture
async def redis_url(servers: Servers, worker_id: str) -> str:
    """A Valkey database of this xdist worker's own, empty."""
    number = int(worker_id.removeprefix("gw") or 0) % _VALKEY_DATABASES if worker_id.startswith("gw") else 0
    url = with_name(servers.redis_url, str(number))
    client = Redis.from_url(url)
    await client.flushdb()
    await client.aclose()
    return url


@pytest.fixture
async def ringing(redis_url: str) -> AsyncIterator[str]:
    """The bell connected to Valkey."""
    await bell.connect(redis_url)
    yield redis_url
    await bell.close()


@pytest.fixture
def home() -> Iterator[Path]:
    """An ESTORNO_HOME that the servers' own user can reach, gone after the test."""
    with tempfile.TemporaryDirectory(prefix="estorno-home-") as folder:
        os.chmod(folder, 0o711)  # noqa: S103 - the servers' user must come through, and see nothing
        yield Path(folder) / "home"
