"""`estorno` as people start it: the demo day, the signals that end it, and the sentences when it cannot start."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx
import psutil
import pytest

from domain.access.permissions import Role
from domain.pse import registry
from jobs.machine.ports import free_port
from jobs.machine.serve import came_out
from tests.conftest import Servers
from tests.kit.family import begun
from tests.kit.forked import told

_SECONDS_MAX = 300  # a busy machine is slow, not broken
_WORDS = "words"  # what `up` says on standard error
_CLEAN = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("ESTORNO_", "DATABASE_", "REDIS_", "PGSSL"))
}
CHECKOUT = Path(__file__).resolve().parents[3]


def _environment(home: Path, **more: str) -> dict[str, str]:
    return {**_CLEAN, "ESTORNO_HOME": str(home), "ESTORNO_PORT": str(free_port()), "COLUMNS": "160", **more}


def _told(home: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Where the start of the program is not the subject it is forked, and imports nothing anew."""
    return told(["jobs.cli.app", *arguments], _environment(home, **more), _SECONDS_MAX)


def _family(parent: int) -> Sequence[psutil.Process]:
    return psutil.Process(parent).children(recursive=True)


def _gone(processes: Sequence[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=20)
    return not alive


@contextmanager
def _started(home: Path, *arguments: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    home.mkdir(exist_ok=True)
    with (home / _WORDS).open("w") as words:
        yield from _popened(home, words, *arguments, **more)


def _popened(home: Path, words: IO[str], *arguments: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "jobs.cli.app", "up", *arguments],
        env=_environment(home, **more),
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=words,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _wait_until_it_serves(home: Path, process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert "serves at" in process.stdout.readline(), (home / _WORDS).read_text()


# What stands around the merchant on that day: a shop, a sheet, channels, and a server of its own.
_AROUND = (
    "its status stands on the order in Shopify: estorno-succeeded",
    "the good row is refunded, the bad one holds nothing up",
    "an alert comes by e-mail: ",
    "and on DingTalk's robot: ",
    "and on WeCom's robot: ",
    "the merchant's server verifies our webhooks with the official library",
)
# What a changed number of the log breaks.
_BROKEN = (
    "all 63 payments agree with the log, to the cent",
    "PSE_BALANCE and PSE_CLEARING together are what the log says",
)


def test_the_demo_day_comes_out_as_it_must_until_one_number_is_changed_opens_the_console_and_leaves_nothing_running(
    home: Path,
) -> None:
    with _started(home, "--demo", COLUMNS="80") as process:
        said = list(_said_until_the_link(process))
        assert [line for line in said if len(line.rstrip("\n")) > 80] == []
        good = " ".join(" ".join(said).split())
        assert "our books and the sandbox's log are equal" in good
        assert "✗" not in good
        assert all(f"✓ {promise}" in good for promise in _AROUND), good
        _fails_when_tampered_with(home)
        _shows_the_refunds(said[-1].strip())
        _leaves_nothing(process, signal.SIGTERM, 0)  # of a day that came out well
    card = home / "demo.json"
    assert stat.S_IMODE(card.stat().st_mode) == 0o600
    assert set(json.loads(card.read_text())["tokens"]) == set(Role)
    assert not [p for p in psutil.process_iter(["cmdline"]) if str(home) in " ".join(p.info["cmdline"] or [])]


@pytest.mark.parametrize(
    ("results", "once", "good"),
    [([True], True, True), ([True], False, True), ([False], True, False), ([], True, False), ([], False, True)],
)
def test_its_exit_status_is_the_days_and_one_that_was_to_be_played_and_was_not_has_failed(
    results: list[bool], once: bool, good: bool
) -> None:
    assert came_out(results, once=once) is good


def _fails_when_tampered_with(home: Path) -> None:
    """What `--tamper` does at the end of its day, done to the day that was played."""
    done = told(["-c", _TAMPER, str(home)], _environment(home, COLUMNS="80"), _SECONDS_MAX)
    assert done.returncode == 1, done.stderr
    tampered = " ".join(done.stdout.split())
    assert "One number in the sandbox's log was changed" in tampered
    assert tampered.count("✗") == len(_BROKEN)
    assert all(f"✗ {promise}" in tampered for promise in _BROKEN), tampered
    assert all(f"✓ {pse}: all" in tampered for pse in registry.connectors() if pse != "pix"), tampered
    assert "Broken: " + " Broken: ".join(_BROKEN) + " The demo day did not come out as it must" in tampered


_TAMPER = """
import asyncio, json, sys
import httpx
from rich.console import Console
from domain.models import Connection
from domain.platform.database import connected
from domain.platform.settings import Settings
from jobs.demo.course import Day
from jobs.demo.day import prove_tampered
from jobs.demo.others import DemoAccount
from jobs.demo.stage import Addresses, Stage
from jobs.machine.up import as_running
async def main():
    settings = as_running(Settings.read())
    card = json.loads((settings.home / "demo.json").read_text())
    addresses = Addresses(card["graphql"], card["websocket"], "", card["sandbox"])
    async with (
        connected(settings.database_url, all_because="a test looks at everything"),
        httpx.AsyncClient(timeout=30) as http,
    ):
        pix = await Connection.get(id=card["connection"]).select_related("merchant")
        others = await Connection.filter(merchant_id=pix.merchant.id).exclude(id=pix.id)
        day = Day(Stage(addresses, pix.merchant, pix, {}, "", []), settings, http, Console(file=sys.stdout))
        await prove_tampered(day, [DemoAccount(other.pse, {}, other) for other in others])
        sys.exit(1 if day.broken else 0)
asyncio.run(main())
"""


def _said_until_the_link(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout is not None
    for line in process.stdout:
        yield line
        if "/sign-in/link/" in line:
            return
    raise AssertionError("It ended without a link.")


def _shows_the_refunds(link: str) -> None:
    """The link signs somebody in, once, and leads to a page with the day's refunds."""
    with httpx.Client(follow_redirects=True) as browser:
        shown = browser.post(link)
        assert (shown.status_code, shown.url.path.startswith("/console")) == (200, True), shown.text
        refunds = browser.get("/".join([*link.split("/")[:3], "console", "refunds"]))
        assert (refunds.status_code, "data-row" in refunds.text) == (200, True)
    assert httpx.get(link).status_code == 410


def test_what_dies_is_started_again_with_its_data_a_second_one_is_refused_and_nothing_is_left_running(
    home: Path,
) -> None:
    begun(home)
    with _started(home) as process:
        _wait_until_it_serves(home, process)
        done = _told(home, "up")
        assert (done.returncode, "Another `estorno up` runs" in done.stderr) == (1, True)
        for name in ("valkey-server", "jobs.worker", "postgres"):
            victim = _wait_for_child(process.pid, name)
            victim.kill()
            victim.wait(10)
            _wait_for_child(process.pid, name, victim.pid)
        done = _run_until_good(home, "check")
        assert "The books are in order." in done.stdout
        _leaves_nothing(process, signal.SIGKILL)
    with _started(home) as process:
        _wait_until_it_serves(home, process)
        _leaves_nothing(process, signal.SIGINT)


def _leaves_nothing(process: subprocess.Popen[str], ending: signal.Signals, status: int = 0) -> None:
    """However it ends: the demo day is ended by SIGTERM."""
    family = _family(process.pid)
    assert len(family) >= 6  # two servers, api, two workers, timetable
    process.send_signal(ending)
    assert process.wait(30) == (-9 if ending is signal.SIGKILL else status)
    assert _gone(family)


def _is(process: psutil.Process, parent: int, name: str) -> bool:
    """Whether it is the living child of that name."""
    try:
        return process.ppid() == parent and name in " ".join(process.cmdline())
    except psutil.Error:  # it ended while we looked
        return False


def _wait_for_child(parent: int, name: str, but: int = 0) -> psutil.Process:
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        for process in _family(parent):
            if _is(process, parent, name) and process.pid != but:
                return process
        time.sleep(0.1)
    raise AssertionError(f"{name} was not started")


def _run_until_good(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = _told(home, *arguments)
    for _ in range(20):
        if done.returncode == 0:
            break
        time.sleep(0.5)
        done = _told(home, *arguments)
    return done


def _one_sentence(done: subprocess.CompletedProcess[str], words: str) -> None:
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert words in " ".join(done.stderr.split())


KEY = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="


def test_a_port_in_use_is_one_sentence(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        _one_sentence(_told(home, "up", ESTORNO_PORT=str(taken.getsockname()[1])), "set ESTORNO_PORT to a free one")


def test_a_database_that_is_not_there_is_one_sentence(home: Path) -> None:
    more = {"DATABASE_URL": "postgres://a@127.0.0.1:1/b", "REDIS_URL": "redis://127.0.0.1:1", "ESTORNO_SECRET_KEY": KEY}
    _one_sentence(_told(home, "worker", **more), "start it or correct DATABASE_URL")


def test_a_valkey_that_is_not_there_is_one_sentence(home: Path, servers: Servers) -> None:
    more = {"DATABASE_URL": servers.application_url, "REDIS_URL": "redis://127.0.0.1:1", "ESTORNO_SECRET_KEY": KEY}
    _one_sentence(_told(home, "worker", **more), "start it or correct REDIS_URL")


def test_an_old_database_is_one_sentence(home: Path, servers: Servers) -> None:
    more = {"DATABASE_URL": servers.superuser_url, "REDIS_URL": servers.redis_url, "ESTORNO_SECRET_KEY": KEY}
    _one_sentence(_told(home, "worker", **more), "run `estorno migrate` first")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("check",), "Set DATABASE_URL"),
        (("up", "--once"), "--once and --tamper go with --demo"),
        (("worker", "--queue", "x"), "there are refunds and batch"),
    ],
)
def test_what_is_missing_is_said(home: Path, arguments: tuple[str, ...], words: str) -> None:
    _one_sentence(_told(home, *arguments), words)


def test_a_demo_refuses_a_database_that_is_somebody_elses(home: Path, servers: Servers, own_database: object) -> None:
    from tests.conftest import Database

    assert isinstance(own_database, Database)
    made = told(["-c", _MERCHANT, own_database.application_url], _environment(home), _SECONDS_MAX)
    assert made.returncode == 0, made.stderr
    more = {
        "DATABASE_URL": own_database.application_url,
        "ESTORNO_OWNER_DATABASE_URL": own_database.owner_url,
        "REDIS_URL": servers.redis_url,
        "ESTORNO_SECRET_KEY": KEY,
    }
    _one_sentence(_told(home, "up", "--demo", "--once", **more), "use an empty one for `--demo`")


_MERCHANT = """
import asyncio, sys
from domain.access.tokens import Role
from domain.platform import database
from tests.kit.factories import a_shop
async def main():
    async with database.connected(sys.argv[-1], all_because="a test looks at everything"):
        await a_shop()
asyncio.run(main())
"""


def test_settings_are_shown_without_secrets(home: Path) -> None:
    more = {
        "DATABASE_URL": "postgres://app:hunter2@db/estorno",
        "REDIS_URL": "redis://:s3cret@r",
        "ESTORNO_SECRET_KEY": KEY,
    }
    done = _told(home, "settings", **more)
    assert done.returncode == 0
    assert not {"hunter2", "s3cret", KEY} & set(done.stdout.replace("│", " ").split())
    assert "hunter2" not in done.stdout
    assert "ESTORNO_LEASE_SECONDS" in done.stdout
