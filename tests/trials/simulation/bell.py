"""The bell as arq would have it: jobs that may be lost, doubled or taken in any order."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Self, cast

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

    async def zcount(self, queue: str, lowest: str, highest: int) -> int:
        return len(self.rung)

    def pipeline(self, **_: Any) -> "_Pipeline":
        return _Pipeline(self)

    async def aclose(self, **_: Any) -> None:
        self.rung.clear()


class _Pipeline:
    """What is told in one turn. Live readers are not simulated."""

    def __init__(self, simulated: SimulatedBell) -> None:
        self._simulated = simulated
        self._jobs: list[Rung] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    def psetex(self, name: str, milliseconds: int, job: bytes) -> None:
        told = bell.deserialize(job)
        self._jobs.append(Rung(told["f"], told["a"][0]))

    def zadd(self, queue: str, scores: dict[str, int]) -> None:
        pass

    def rpush(self, name: str, ring: str) -> None:
        pass

    def expire(self, name: str, seconds: int) -> None:
        pass

    def publish(self, channel: str, message: bytes) -> None:
        pass

    async def execute(self) -> None:
        for job in self._jobs:
            await self._simulated.enqueue_job(*job)


@contextmanager
def hung() -> Iterator[SimulatedBell]:
    """The simulated bell in the real one's place."""
    simulated = SimulatedBell()
    bell._pool = cast(Any, simulated)
    try:
        yield simulated
    finally:
        bell._pool = None
