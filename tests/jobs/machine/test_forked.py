"""A forked program is as real as one that was started: its own process, environment, end and death."""

import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from domain.platform.crash import VARIABLE
from tests.conftest import Database
from tests.kit.family import program, until
from tests.kit.forked import Forked, ForkedChild
from tests.kit.world import quick_settings


def _child(books: Database, redis_url: str, log: Path, *argv: str) -> ForkedChild:
    settings = quick_settings(database_url=books.application_url, redis_url=redis_url)
    child = program("one", settings, *(argv or ("jobs.worker", "refunds")), log=log)
    assert isinstance(child, ForkedChild)
    return child


async def test_it_is_a_process_of_its_own_that_ends_when_it_is_told_to(
    books: Database, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    log = tmp_path / "log"
    child = _child(books, redis_url, log)
    child.start()
    assert child.process is not None
    await until(lambda: "worker.ready" in log.read_text(), "it serves")
    process = psutil.Process(child.process.pid)
    assert os.getpgid(process.pid) == process.pid
    assert Path(process.cwd()) == tmp_path
    files = {Path(file).name for file in os.listdir(f"/proc/{process.pid}/fd")}
    assert not {os.readlink(f"/proc/{process.pid}/fd/{file}") for file in files if int(file) < 3} - {
        "/dev/null",
        str(log),
    }
    with pytest.raises(subprocess.TimeoutExpired):
        child.process.wait(0.01)
    assert child.exit_code() is None
    child.stop()
    assert child.exit_code() == 0
    assert not process.is_running()


async def test_it_tells_the_signal_that_killed_it(books: Database, redis_url: str, tmp_path: Path) -> None:
    child = _child(books, redis_url, tmp_path / "log")
    child.start()
    assert child.process is not None
    child.process.kill()
    assert child.process.wait(20) == -signal.SIGKILL


@pytest.mark.parametrize("module", ["jobs.worker", "jobs.timetable"])
async def test_it_reads_its_crash_point_and_fails_with_its_traceback(
    books: Database, redis_url: str, tmp_path: Path, module: str
) -> None:
    child = _child(books, redis_url, log := tmp_path / "log", module)
    child.env = {**child.env, VARIABLE: "nowhere:1"}
    child.spawn()
    await until(lambda: child.exit_code() is not None, "it refuses to start")
    assert child.exit_code() == 1
    assert "SettingsError: ESTORNO_CRASH takes NAME:N" in log.read_text()


async def test_it_ends_when_whoever_asked_for_it_is_gone(books: Database, redis_url: str, tmp_path: Path) -> None:
    child = _child(books, redis_url, log := tmp_path / "log")
    child.start()
    assert isinstance(child.process, Forked)
    await until(lambda: "worker.ready" in log.read_text(), "it serves")
    process = psutil.Process(child.process.pid)
    child.process._line.close()  # as the kernel does when we die
    await until(lambda: not process.is_running(), "it ends")
