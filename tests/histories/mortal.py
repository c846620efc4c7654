"""A worker that dies between the steps of a history, at one named crash point, and another that goes on after it.

The point is armed as ESTORNO_CRASH arms it; only the last act, the SIGKILL of the process, is an exception here.
"""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, NoReturn

import pytest

from domain.models import Refund
from domain.models.refunds import State
from domain.platform import crash
from domain.platform.database import rows
from domain.refunds import schedule
from jobs import notices, refunds
from tests.kit.factories import OwnerRows, sent_earlier
from tests.kit.world import World

# The moments of a worker's life that differ for a history; the crash harness kills real processes at every point.
DEATHS: Final = (
    "take.committed",
    "send.left",
    "send.after",
    "ask.committed",
    "record.before_commit",
    "record.committed",
    "notice.taken",
    "notice.applied",
)
History = Callable[[World], Awaitable[None]]


class Died(BaseException):
    """The worker's process is gone."""


def _die(*_: object) -> NoReturn:
    raise Died


@dataclass(frozen=True, slots=True)
class MortalWorld(World):
    """What is taken by a worker that dies is taken up by the next one, as if its lease had run out at once."""

    owner_rows: OwnerRows

    async def step(self, refund: Refund) -> Refund:
        try:
            return await World.step(self, refund)
        except Died:
            await sent_earlier(self.owner_rows, "1 minute")
            await schedule.postpone(refund.id, 0)
            await refunds.step(refund.id, self.sender, self.settings)
            return await Refund.get(id=refund.id)

    async def finish(
        self, refund: Refund, owner_rows: OwnerRows | None = None, *, wait_for: State | None = None
    ) -> Refund:
        return await World.finish(self, refund, owner_rows or self.owner_rows, wait_for=wait_for)

    async def apply_notices(self) -> None:
        found = await rows("SELECT id FROM notices WHERE due_at <= now() AND applied_at IS NULL ORDER BY received_at")
        for row in found:
            try:
                await notices.apply(row["id"], self.sender)
            except Died:
                await rows(
                    "UPDATE notices SET due_at = now() WHERE applied_at IS NULL AND id = $1 RETURNING id", row["id"]
                )
                await notices.apply(row["id"], self.sender)


@dataclass(frozen=True, slots=True)
class Deaths:
    """What a history is played with."""

    monkeypatch: pytest.MonkeyPatch
    owner_rows: OwnerRows

    async def at_every_point(self, world: World, history: History, only: str | tuple[str, ...] = "") -> set[str]:
        """Play the history without a death, then once for each point that a worker can die at; the points it passed.

        `history` makes a payment of its own and checks the end itself. `only`: points whose names begin so.
        """
        mortal = MortalWorld(world.shop, world.sandbox, world.sender, world.settings, self.owner_rows)
        self.monkeypatch.setattr(os, "kill", _die)
        await history(mortal)
        passed = set()
        for point in DEATHS:
            if not point.startswith(only):
                continue
            self.monkeypatch.setattr(crash, "_name", point)
            self.monkeypatch.setattr(crash, "_left", 1)
            try:
                await history(mortal)
            except AssertionError as error:
                raise AssertionError(f"The worker died at {point}: {error}") from error
            if crash._left < 1:
                passed.add(point)
        self.monkeypatch.setattr(crash, "_name", "")
        return passed
