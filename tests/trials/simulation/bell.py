"""The bell as arq would have it: jobs that may be lost, doubled or taken in any order."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

from domain.platform import bell


class Rung(NamedTuple):
    """A job in the queue."""

    job: str
    subject: str


class SimulatedBell:
    """Stands where the pool of Valkey stands."""

    def __init__(self) -> None:
        self.rung: list[Rung] = []

    async def enqueue_job(self, job: str, subject: str, **_: Any) -> None:
        if Rung(job, subject) not in self.rung:
            self.rung.append(Rung(job, subject))

    async def publish(self, channel: str, message: bytes) -> None:
        """Live readers are not simulated."""

    async def aclose(self, **_: Any) -> None:
        self.rung.clear()


@contextmanager
def hung() -> Iterator[SimulatedBell]:
    """The simulated bell in the real one's place."""
    simulated = SimulatedBell()
    bell._pool = cast(Any, simulated)
    try:
        yield simulated
    finally:
        bell._pool = None
