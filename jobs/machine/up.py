"""`estorno up`: everything on one machine, with servers of our own where none are given."""

import fcntl
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.request import urlopen

from domain.keys import trial
from domain.platform.database import OPERATOR, connected
from domain.platform.settings import Settings
from jobs.machine.children import Child, ChildError
from jobs.machine.ports import free_port
from jobs.machine.servers import APPLICATION, OWNER, Postgres, Valkey

CHECKOUT: Final = Path(__file__).resolve().parents[2]
_CARD: Final = "running.json"
_HEALTH_SECONDS: Final = 1.0
# Where what is kept is, and what opens it: of the one that runs, whatever a command is told.
_LENT: Final = frozenset(
    {"ESTORNO_HOME", "DATABASE_URL", "ESTORNO_OWNER_DATABASE_URL", "REDIS_URL", "ESTORNO_SECRET_KEY"}
)


@dataclass(frozen=True, slots=True)
class Family:
    """The servers of our own (none where they are given), and how the others find them."""

    servers: list[Child]
    settings: Settings


async def try_key(settings: Settings) -> None:
    """Raises WrongKey when what the database holds does not open."""
    async with connected(settings.database_url, pool_max=1, all_because=OPERATOR):
        await trial.try_key(settings.secret_key)


@contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Hold ESTORNO_HOME for this process. Raises ChildError when another one runs there."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = (home / "lock").open("w")
    except OSError as error:
        raise ChildError(
            f"ESTORNO_HOME ({home}) cannot be written: {error.strerror}; name a folder of yours."
        ) from None
    with lock as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ChildError(f"Another `estorno up` runs in {home}; stop it or set ESTORNO_HOME.") from None
        yield


def family(settings: Settings) -> Family:
    """Our own servers for what the settings leave open."""
    logs = settings.home / "logs"
    servers: list[Child] = []
    if not settings.database_url:
        postgres = Postgres(settings.home, logs / "postgres.log", free_port())
        servers.append(postgres.child())
        settings = settings.with_(database_url=postgres.url(APPLICATION), owner_database_url=postgres.url(OWNER))
    if not settings.redis_url:
        valkey = Valkey(settings.home, logs / "valkey.log", free_port())
        servers.append(valkey.child())
        settings = settings.with_(redis_url=valkey.url)
    return Family(servers, settings)


@contextmanager
def card_of(settings: Settings) -> Iterator[None]:
    """While we run, say in ESTORNO_HOME (readable by us alone) where our servers are: other commands find them."""
    path = settings.home / _CARD
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        json.dump(settings.environment(), file)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def as_running(settings: Settings, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings with the servers of the `estorno up` that runs in ESTORNO_HOME, if one does. Raises ChildError.

    What the environment (this process's by default) says of anything else goes before what that one was told.
    """
    path = settings.home / _CARD
    if settings.database_url:
        return settings
    try:
        card = path.read_text() if path.exists() else ""
    except OSError as error:
        raise ChildError(f"{path} cannot be read: {error.strerror}; name a folder of yours (ESTORNO_HOME).") from None
    if not card:
        return settings
    given = os.environ if environ is None else environ
    own = {name: text for name, text in given.items() if text and name not in _LENT}
    return Settings.read({**json.loads(card), **own, "ESTORNO_HOME": str(settings.home)})


def serving(settings: Settings) -> dict[str, str]:
    """The environment of what serves, and owns nothing."""
    return {name: text for name, text in settings.environment().items() if name != "ESTORNO_OWNER_DATABASE_URL"}


def workers(settings: Settings, *, quiet: bool) -> list[Child]:
    """The API, the workers and the timetable. `quiet`: their logs go to files."""
    environment = serving(settings)
    health = f"http://{settings.host}:{settings.port}/readyz"
    own = [{**environment, **_metrics_port(settings, number)} for number in range(3)]
    return [
        _python(settings, "api", quiet, environment, "api.server", health=health),
        _python(settings, "worker", quiet, own[0], "jobs.worker", "refunds"),
        _python(settings, "batch", quiet, own[1], "jobs.worker", "batch"),
        _python(settings, "timetable", quiet, own[2], "jobs.timetable"),
    ]


def _metrics_port(settings: Settings, number: int) -> dict[str, str]:
    """On one machine each process has its own: the first is the one of the settings."""
    return {"ESTORNO_METRICS_PORT": str(settings.metrics_port + number)} if settings.metrics_port else {}


def sandbox(settings: Settings, port: int) -> Child:
    """The other side of the wire, the mail relay of the settings too. Raises ChildError when this is no checkout."""
    if not (CHECKOUT / "tests" / "sandbox").is_dir():
        raise ChildError("The sandbox is part of the checkout, which is not here: clone the repository.")
    if find_spec("aiosmtpd") is None:
        raise ChildError("The sandbox needs the packages of the tests: install Estorno with its extra `dev`.")
    health, ports = f"http://127.0.0.1:{port}/healthz", ("--port", str(port), "--smtp", str(settings.smtp_port))
    return _python(settings, "sandbox", True, {}, "tests.sandbox", *ports, health=health)


def _python(
    settings: Settings, name: str, quiet: bool, env: Mapping[str, str], module: str, *arguments: str, health: str = ""
) -> Child:
    return Child(
        name=name,
        argv=[sys.executable, "-m", module, *arguments],
        env={
            **env,
            "PYTHONPATH": os.pathsep.join([str(CHECKOUT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
        },
        log=settings.home / "logs" / f"{name}.log" if quiet else None,
        ready=(lambda: _healthy(health)) if health else (lambda: True),
    )


def _healthy(url: str) -> bool:
    try:
        with urlopen(url, timeout=_HEALTH_SECONDS) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except OSError:
        return False
