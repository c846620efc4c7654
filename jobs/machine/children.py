"""Child processes that never outlive us: not Ctrl-C, not SIGTERM, not even SIGKILL of the parent leaves one behind."""

import ctypes
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

_PR_SET_PDEATHSIG: Final = 1
_LINUX: Final = sys.platform == "linux"
_POLL_SECONDS: Final = 0.05


class ChildError(RuntimeError):
    """A child process did not come up; the message says which and shows its last words."""


@dataclass(slots=True)
class Child:
    """A program to run. `ready` tells whether it serves; `once_ready` runs each time it has come up."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None  # run as this user (only root may say so)
    stdin: str | None = None
    log: Path | None = None  # where its output goes; None: to ours
    stop_signal: signal.Signals = signal.SIGTERM
    ready: Callable[[], bool] = lambda: True
    once_ready: Callable[[], None] = lambda: None
    ready_seconds_max: float = 60.0  # a busy machine is slow, not broken
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it is ready. Call it from the main thread: its death is tied to the calling thread.

        Raises ChildError.
        """
        self.spawn()
        give_up = time.monotonic() + self.ready_seconds_max
        while not self.ready():
            if self.exit_code() is not None:
                raise ChildError(f"{self.name} ended with {self.exit_code()} instead of starting.{self._last_words()}")
            if time.monotonic() > give_up:
                self.stop()
                raise ChildError(f"{self.name} was not ready after {self.ready_seconds_max:.0f} s.{self._last_words()}")
            time.sleep(_POLL_SECONDS)
        self.once_ready()

    def spawn(self) -> None:
        """Start it without waiting."""
        output = self._output()
        argv = list(self.argv) if _LINUX else [sys.executable, "-m", "jobs.machine.guard", *self.argv]
        self.process = subprocess.Popen(  # noqa: S603 - our own programs
            argv,
            env={**environment_of(self.user), **self.env},
            stdin=subprocess.PIPE if self.stdin is not None or not _LINUX else subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output is not None else None,
            process_group=0,  # Ctrl-C reaches the supervisor alone, which stops the others in order
            preexec_fn=_death_wish(os.getpid(), self.stop_signal) if _LINUX else None,
            **as_user(self.user),
        )
        if output is not None:
            output.close()
        if self.stdin is not None and self.process.stdin is not None:
            self.process.stdin.write(self.stdin.encode())
            if _LINUX:
                self.process.stdin.close()

    def exit_code(self) -> int | None:
        """None while it runs."""
        return None if self.process is None else self.process.poll()

    def stop(self, seconds: float = 15.0) -> None:
        """Ask it to end, and after so many seconds make it."""
        process = self.process
        if process is None or process.poll() is not None:
            return
        process.send_signal(self.stop_signal)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _output(self) -> IO[bytes] | None:
        if self.log is None:
            return None
        self.log.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        os.fchmod(descriptor, 0o600)  # one that an earlier version left open to others
        return os.fdopen(descriptor, "ab")

    def _last_words(self) -> str:
        if self.log is None or not self.log.exists():
            return ""
        return "\n" + "\n".join(self.log.read_text(errors="replace").splitlines()[-8:])


def as_user(user: str | None) -> dict[str, Any]:
    """The arguments that make a subprocess run as `user`, with that user's own group only; none for None."""
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}


def environment_of(user: str | None) -> dict[str, str]:
    """Our environment, for another user only what tells a program where it is: others of that user can read it."""
    kept = ("PATH", "HOME", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH")
    return {name: value for name, value in os.environ.items() if user is None or name in kept}


def _death_wish(parent: int, stop_signal: signal.Signals) -> Callable[[], None]:
    """Runs in the child between fork and exec, after the user was changed (which would clear the wish)."""
    libc = ctypes.CDLL(None)

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(stop_signal))
        if os.getppid() != parent:  # the parent died before we could ask
            os._exit(1)

    return ask
