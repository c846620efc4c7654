"""Programs of ours that the run's zygote forks (kit/zygote): as real as those that are started, and cheaper."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jobs.machine.children import Child, environment_of
from tests.kit.zygote import MESSAGE_BYTES_MAX

PROGRAMS: Final = ("api.server", "jobs.cli.app", "jobs.worker", "jobs.timetable", "tests.sandbox", "uvicorn")
_ZYGOTE: Final = "TEST_ZYGOTE"
_NURSERY: Final = "TEST_NURSERY"
_IMPORT_SECONDS_MAX: Final = 600.0


def zygote(home: Path) -> Child:
    """The process that the programs of this run are forked from, started as soon as this one is."""
    path = home / "zygote"
    os.environ[_ZYGOTE] = str(path)
    return Child("zygote", [sys.executable, "-m", "tests.kit.zygote", str(path)], ready=path.exists)


def nursery(paths: Sequence[str]) -> Child:
    """The process that the workers of this run are forked from, with the tests below these paths."""
    path = Path(os.environ[_ZYGOTE]).with_name("nursery")
    os.environ[_NURSERY] = str(path)
    argv = ["tests.kit.nursery", str(path), *paths]
    return ForkedChild("nursery", argv, ready=path.exists, ready_seconds_max=_IMPORT_SECONDS_MAX)


def forked_python() -> str:
    """A command that takes Python's own arguments and runs them in a fork of the nursery (kit/worker)."""
    return f"{sys.executable} -I -S {Path(__file__).with_name('worker.py')}"


def has_zygote() -> bool:
    """Whether this run has one; a run of tests that need no server has none."""
    return _ZYGOTE in os.environ


def can_fork(module: str) -> bool:
    """Whether this run has a zygote, and it has imported that program."""
    return module in PROGRAMS and has_zygote()


class Forked(subprocess.Popen[bytes]):
    """A fork, with the hands of a process that was started: its real parent tells how it has ended."""

    def __init__(self, argv: list[str], env: dict[str, str], death: signal.Signals, files: tuple[int, ...]) -> None:
        self.args = argv
        self.stdin = self.stdout = self.stderr = None
        self.returncode = None  # while it runs
        self._once = threading.Lock()
        wish = json.dumps({"argv": argv, "env": env, "place": os.getcwd(), "death": int(death)}).encode()
        assert len(wish) < MESSAGE_BYTES_MAX, "The environment is too large to be told."
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._line.connect(os.environ[_ZYGOTE])
        socket.send_fds(self._line, [wish], list(files))
        self.pid = int(self._line.recv(64))

    def poll(self) -> int | None:
        """Its exit status; None while it runs."""
        with self._once:
            if self.returncode is None and self._heard(0):
                self.returncode = int(self._line.recv(64) or -signal.SIGKILL)  # a zygote takes all its forks along
                self._line.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, when it has one. Raises subprocess.TimeoutExpired after so many seconds."""
        if self.poll() is None and not self._heard(None if timeout is None else timeout * 1_000):
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        status = self.poll()
        assert status is not None
        return status

    def _heard(self, milliseconds: float | None) -> bool:
        """Whether its end is told, at the latest so much later."""
        ear = select.poll()
        ear.register(self._line, select.POLLIN)
        return bool(ear.poll(milliseconds))


def told(
    argv: list[str], env: dict[str, str], seconds_max: float, typed: str = ""
) -> "subprocess.CompletedProcess[str]":
    """A program to its end, and what it has said, as subprocess.run gives it. Raises subprocess.TimeoutExpired."""
    with (
        tempfile.TemporaryFile("w+") as out,
        tempfile.TemporaryFile("w+") as errors,
        tempfile.TemporaryFile("w+") as keys,
    ):
        keys.write(typed)
        keys.seek(0)
        process = Forked(argv, env, signal.SIGKILL, (out.fileno(), errors.fileno(), keys.fileno()))
        try:
            status = process.wait(seconds_max)
        finally:
            process.kill()
            process.wait()
        for file in (out, errors):
            file.seek(0)
        return subprocess.CompletedProcess(argv, status, out.read(), errors.read())


@dataclass(slots=True)
class ForkedChild(Child):
    """A child whose `argv` is a module and its arguments."""

    def spawn(self) -> None:
        """Start it without waiting."""
        log = self._output()
        output = (1, 2) if log is None else (log.fileno(), log.fileno())
        self.process = Forked(list(self.argv), {**environment_of(None), **self.env}, self.stop_signal, output)
        if log is not None:
            log.close()


def forked(child: Child) -> Child:
    """The same program of ours (`python -m`), not started yet, as a fork where that can be."""
    _, _, *argv = child.argv
    if not can_fork(argv[0]):
        return child
    return ForkedChild(child.name, argv, env=child.env, log=child.log, ready=child.ready)
