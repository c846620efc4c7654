"""Who is to die where, in what order, and which refunds make them pass there."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from domain.platform.crash import POINTS
from tests.sandbox.server import MOODS
from tests.trials.crash.stage import PSES

AT_RANDOM = "at random"
_API = ("request.", "notice.verified", "notice.stored", "notice.rung")
_SECONDS = {
    "pending": 1.5,
    "in_process_400": 1.5,
    "returned": 1.0,
    "late_request": 1.0,
    "slow": 0.3,
    "hang": 5.0,
    "look_up_lag": 1.0,
}
_UNKNOWN_AT_FIRST = ("lost_answer", "applied_then_500", "half_response", "hang", "look_up_lag", "bad_gateway")
_ASKED = ("pix", "stripe", "mercadopago", "conekta")
# Where a point is passed by some PSEs or in some moods only. The others are met by any refund.
_NEEDS: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "payment.": (("conekta", "dlocal", "ebanx", "mercadopago", "pix", "stripe"), sorted(MOODS)),
    "snapshot.": (("conekta", "mercadopago"), sorted(MOODS)),
    "resend.": (("adyen", "dlocal"), ("lost_answer", "lost_request", "applied_then_500", "half_response")),
    "ask.": (_ASKED, _UNKNOWN_AT_FIRST),
    "notice.waits": (("pix",), ("ok",)),
    "reconcile.": (("pix", "stripe"), sorted(MOODS)),
}


@dataclass(slots=True, eq=False)
class Kill:
    """One death, what was asked for around it, and what came of that."""

    role: str  # api, worker, batch or timetable
    point: str
    passes: int
    pse: str
    moods: Sequence[str]
    payments: dict[str, Any] = field(default_factory=dict)  # the PSE's reference -> our payment's id
    asked: int = 0  # refunds
    in_flight: int = 0  # of them, when the process died
    reached: bool = False
    doubles: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    unbalanced: list[str] = field(default_factory=list)
    lost_webhooks: list[str] = field(default_factory=list)
    seconds_until_quiet: float | None = None

    @property
    def violations(self) -> list[str]:
        never = [] if self.reached else ["never reached"]
        found = [*never, *self.doubles, *self.stuck, *self.unbalanced, *self.lost_webhooks]
        return [f"{self.point} ({self.pse}, {', '.join(self.moods)}): {what}" for what in found]


def role_of(point: str) -> str:
    """Which of our programs passes the point."""
    if point.startswith(_API):
        return "api"
    if point.startswith("reconcile."):
        return "batch"
    return "timetable" if point.startswith("seal.") else "worker"


def plan(dice: random.Random, rounds: int, at_random: int) -> list[Kill]:
    """Every point once a round, `at_random` more at any moment; moods and PSEs take turns, so that all of them meet."""
    turns = [(pse, mood) for pse in PSES for mood in sorted(MOODS)]
    dice.shuffle(turns)
    made: list[Kill] = []
    for number in range(rounds):
        for point in (*POINTS, *[AT_RANDOM] * at_random):
            role = role_of(point) if point != AT_RANDOM else dice.choice(["api", "worker", "batch"])
            pse, mood = _turn(turns, point)
            made.append(Kill(role, point, 1 + number % 3, pse, [mood, dice.choice(["ok", mood])]))
    return made


def _turn(turns: list[tuple[str, str]], point: str) -> tuple[str, str]:
    """The next turn that makes a process pass the point; it goes to the end of the queue."""
    pses, moods = next((need for name, need in _NEEDS.items() if point.startswith(name)), (PSES, sorted(MOODS)))
    found = next(turn for turn in turns if turn[0] in pses and turn[1] in moods)
    turns.remove(found)
    turns.append(found)
    return found


def seconds_of(moods: Iterable[str]) -> list[dict[str, Any]]:
    """The moods as the sandbox takes them."""
    return [{"name": mood, **({"seconds": _SECONDS[mood]} if mood in _SECONDS else {})} for mood in moods]
