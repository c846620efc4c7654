"""The processes that are to die: one for each point, armed with its name, and started again unarmed in its place."""

import signal
from dataclasses import dataclass
from pathlib import Path

from domain.crash import POINTS, VARIABLE
from domain.settings import Settings
from jobs.children import Child
from jobs.servers import free_port
from tests.family import program

API = ("request.", "notice.verified", "notice.stored", "notice.rung")
_MODULES = {
    "api": ("uvicorn", "api.app:app", "--no-access-log", "--port"),
    "worker": ("jobs.worker", "refunds"),
    "batch": ("jobs.worker", "batch"),
    "timetable": ("jobs.timetable",),
}


def role_of(point: str) -> str:
    """Which of our programs passes the point."""
    if point.startswith(API):
        return "api"
    if point.startswith("reconcile."):
        return "batch"
    return "timetable" if point.startswith("seal.") else "worker"


@dataclass(slots=True)
class Victim:
    """One process. `killed` says that it died at its point."""

    point: str
    passes: int
    child: Child
    port: int | None = None
    killed: bool = False

    def look(self) -> bool:
        """Whether it has just died; anything but SIGKILL is a failure of its own."""
        code = self.child.exit_code()
        if self.killed or code is None:
            return False
        assert code == -signal.SIGKILL, f"{self.point}: ended with {code} instead of dying at its point"
        self.killed = True
        return True

    def revive(self) -> None:
        """In its place again, unarmed."""
        self.child.env = {name: value for name, value in self.child.env.items() if name != VARIABLE}
        self.child.spawn()


def victims(settings: Settings, logs: Path, passes: int) -> list[Victim]:
    """One for each point, to die when it passes it for the `passes`-th time."""
    return [_victim(point, settings, logs, passes) for point in POINTS]


def _victim(point: str, settings: Settings, logs: Path, passes: int) -> Victim:
    role = role_of(point)
    port = free_port() if role == "api" else None
    argv = (*_MODULES[role], *([str(port)] if port else []))
    child = program(point, settings, *argv, log=logs / f"{point}.log")
    child.env = {**child.env, VARIABLE: f"{point}:{passes}"}
    return Victim(point, passes, child, port)


def healthy(role: str, settings: Settings, logs: Path) -> Child:
    """One of our programs as in production."""
    return program(f"healthy-{role}", settings, *_MODULES[role], log=logs / f"healthy-{role}.log")
