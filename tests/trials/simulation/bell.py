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

    async def zcount(self, queue: str, lowest: str, highest: int) -> int:
        return len(self.rung)

    async def eval(self, script: str, keys: int, *said: Any) -> None:
        """What the bell's script does with what is said in one turn. Live readers are not simulated."""
        at = 0
        while at < len(said):
            if said[at] == bell.WAKE:
                at += 2
                continue
            told = bell.deserialize(said[at + 3])
            await self.enqueue_job(told["f"], told["a"][0])
            at += 9

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
