"""`python -m tests.kit.zygote SOCKET`: has imported our programs once, and forks one for whoever asks (kit/forked).

A fork is a process like one that was started: its own id, group, environment, output, place and signals, and nothing
of ours is open in it. What it is spared is to import again what every program of ours imports.

No loop, connection or thread of Python's may be there at a fork. (Polars brings threads that sleep until frames grow.)
"""

import asyncio
import atexit
import ctypes
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, NoReturn

sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]  # as jobs/wire/outside says, for all programs
MESSAGE_BYTES_MAX: Final = 180_000  # below what a socket of this kind takes at once
_FILES: Final = 3
_PR_SET_PDEATHSIG: Final = 1
_WARM: Final = (
    "anyio._backends._asyncio",
    "anyio.streams.tls",
    "api.server",
    "jobs.cli.app",
    "jobs.timetable",
    "jobs.worker",
    "rich._emoji_codes",
    "tests.sandbox.app",
    "typer._adapters",
    "typer._click.decorators",
    "typer.rich_utils",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.main",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
    "uvloop",
)


@dataclass(frozen=True, slots=True)
class Wish:
    """A program that somebody wants: `argv` is a module and its arguments."""

    argv: list[str]
    env: dict[str, str]
    place: str
    death: int  # the signal that it gets when we are gone
    files: list[int]  # what become its descriptors 1 and 2; where there are three, 0 is the last


class Zygote:
    """Answers wishes. Each asker keeps its line: it is told the id, then the exit status; if it hangs up, it ends."""

    def __init__(self, path: str) -> None:
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._door.bind(path)
        self._door.listen(64)
        self._watch = select.epoll()
        self._watch.register(self._door, select.EPOLLIN)
        self._ends: dict[int, tuple[int, socket.socket]] = {}  # descriptor of a process -> its id and its asker
        self._lines: dict[int, tuple[int, int]] = {}  # descriptor of an asker -> the id of its process, its signal
        self._silent: dict[int, socket.socket] = {}  # askers that have said nothing yet: nobody else waits for them

    def serve(self) -> Wish:
        """Never comes back to the zygote: in each fork it returns what was wished for."""
        while True:
            for file, _ in self._watch.poll(maxevents=1):  # of two, the first may give its number to somebody new
                if file == self._door.fileno():
                    line, _ = self._door.accept()
                    self._silent[line.fileno()] = line
                    self._watch.register(line, select.EPOLLIN)
                elif file in self._silent:
                    line = self._silent.pop(file)
                    self._watch.unregister(line)
                    wish = _heard(line)
                    if wish is not None and self._forked(wish, line):
                        return wish
                elif file in self._ends:
                    self._tell_end(file)
                elif file in self._lines:
                    self._hung_up(file)

    def _forked(self, wish: Wish, line: socket.socket) -> bool:
        """Whether we are the fork."""
        _warm()
        mother = os.getpid()
        child = os.fork()
        if child == 0:
            _become(wish, mother)
            self._let_go(line)
            return True
        for file in wish.files:
            os.close(file)
        end = os.pidfd_open(child)
        self._ends[end] = child, line
        self._lines[line.fileno()] = child, wish.death
        self._watch.register(end, select.EPOLLIN)
        self._watch.register(line, select.EPOLLIN | select.EPOLLRDHUP)
        _say(line, child)
        return False

    def _tell_end(self, end: int) -> None:
        child, line = self._ends.pop(end)
        self._watch.unregister(end)
        os.close(end)
        _, status = os.waitpid(child, 0)
        if self._lines.pop(line.fileno(), None) is not None:
            self._watch.unregister(line)
            _say(line, os.waitstatus_to_exitcode(status))
        line.close()

    def _hung_up(self, file: int) -> None:
        child, death = self._lines.pop(file)
        self._watch.unregister(file)
        os.kill(child, signal.SIGCONT)
        os.kill(child, death)

    def _let_go(self, line: socket.socket) -> None:
        """Nothing of ours is open in a fork."""
        line.close()
        self._door.close()
        self._watch.close()
        for end, (_, other) in self._ends.items():
            os.close(end)
            other.close()
        for silent in self._silent.values():
            silent.close()


def _heard(line: socket.socket) -> Wish | None:
    """What an asker wants; None when it has gone again."""
    told, files, _, _ = socket.recv_fds(line, MESSAGE_BYTES_MAX, _FILES)
    if not told:
        line.close()
        return None
    return Wish(**json.loads(told), files=files)


def _say(line: socket.socket, number: int) -> None:
    """Tell an asker; that it has hung up meanwhile is seen at the next look."""
    with suppress(OSError):
        line.send(str(number).encode())


def _warm() -> None:
    """Import and build what the programs and the tests do; the first asker waits for it."""
    if _WARM[0] in sys.modules:
        return
    for name in _WARM:
        importlib.import_module(name)
    importlib.import_module("api.graphql.schema").make()  # its types are kept
    templates = importlib.import_module("api.console.rendering").environment  # each would be compiled when first shown
    for name in templates.list_templates(extensions=["html"]):
        templates.get_template(name)
    asyncio.run(_build_models())
    gc.collect()
    gc.freeze()  # what a fork never writes to stays one for all


async def _build_models() -> None:
    """What Tortoise builds of all models each time that a pool is opened; nothing is connected to."""
    importlib.import_module("tests.kit.drivers_once").build_models_once()
    tortoise = importlib.import_module("tortoise").Tortoise
    await tortoise.init(config=importlib.import_module("domain.platform.database").TORTOISE_CONFIG)
    await tortoise.close_connections()


def _become(wish: Wish, mother: int) -> None:
    """The fork's surroundings, as `jobs.machine.children` gives them to a program that it starts."""
    os.setpgid(0, 0)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, wish.death)
    if os.getppid() != mother:
        os._exit(1)
    os.chdir(wish.place)
    os.environ.clear()
    os.environ.update(wish.env)
    time.tzset()
    for number, file in zip((1, 2, 0), wish.files, strict=False):
        os.dup2(file, number)
        os.close(file)


def run(wish: Wish) -> NoReturn:
    """As Python runs a program to its end, but for taking apart what is imported: that would copy it first, by pages.

    An end that is neither its own nor asked for is Python's to tell.
    """
    try:
        _play(wish)
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            raise
        _leave(end.code or 0)
    _leave(0)


def _leave(status: int) -> NoReturn:
    """What Python does at the end of a program, in its order."""
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads
    atexit._run_exitfuncs()
    for file in (sys.stdout, sys.stderr):
        with suppress(OSError):  # nobody reads any more
            file.flush()
    os._exit(status)


def _play(wish: Wish) -> None:
    """As `python -m` does it. What the environment says at an import is read again."""
    crash: Any = importlib.import_module("domain.platform.crash")
    crash._name, crash._left = crash._armed(os.environ.get(crash.VARIABLE, ""))
    sys.argv = list(wish.argv)
    if wish.argv[0] == "-c":
        exec(wish.argv[1], vars(sys.modules["__main__"]))  # noqa: S102 - as Python itself does it
        return
    if not hasattr(sys.modules.get(wish.argv[0]), "__path__"):  # of a package another module is the main program
        sys.modules.pop(wish.argv[0], None)  # the main program is imported by nobody
    runpy.run_module(wish.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    run(Zygote(sys.argv[1]).serve())
