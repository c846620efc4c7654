"""When to ask or send again, in seconds. Every schedule has an end, and at its end a finding is opened."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

MINUTE: Final = 60.0
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Schedule:
    """`delays` one after the other, then `after_end` for ever."""

    delays: Sequence[float]
    after_end: float

    def ended(self, tries: int) -> bool:
        """Whether, after so many tries, the timetable is used up and `after_end` holds."""
        return tries >= len(self.delays)

    def delay(self, tries: int) -> float:
        """Seconds until the next try after `tries` tries, jittered by a fifth so that a crowd spreads out."""
        plain = self.after_end if self.ended(tries) else self.delays[tries]
        return plain * random.uniform(0.8, 1.2)  # noqa: S311 - spreading load is no secret


# In doubt: soon and often, because a customer waits and most doubt is a lost answer.
IN_DOUBT: Final = Schedule((1, 2, 4, 8, 15, 30, *[MINUTE] * 5, *[5 * MINUTE] * 6, *[HOUR] * 23), after_end=DAY)
# The PSE has it and works on it: it will also tell us by webhook.
PENDING: Final = Schedule((2, 5, 15, MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 6 * HOUR, *[DAY] * 7), after_end=DAY)
# It never left: the PSE is down, or refuses our access.
UNSENT: Final = Schedule((1, 2, 5, 15, 30, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR), after_end=HOUR)
# A webhook that could not be applied yet.
NOTICE: Final = Schedule((1, 2, 5, 15, MINUTE, 5 * MINUTE, HOUR, 6 * HOUR, DAY), after_end=DAY)
# A night that failed, rung for by the hour: soon again, then ever more rarely, and never forgotten.
NIGHT: Final = Schedule((40 * MINUTE, 40 * MINUTE, 40 * MINUTE, 2 * HOUR, 4 * HOUR, 8 * HOUR, 16 * HOUR), after_end=DAY)
# How often a refund looks whether its payment's other refund, which is in doubt, has come out.
TURN_SECONDS: Final = 5.0
# How often an order that must not go out, until a person has looked, is looked at again.
HELD_SECONDS: Final = 5 * MINUTE
# How long a refund waits for its destination or its approval, and how long before the end it is reminded of.
WAITING_SECONDS: Final = 30 * DAY
REMINDER_SECONDS: Final = 3 * DAY
# How long a refund waits because its PSE is left alone, until a person is called.
RESTING_FINDING: Final = timedelta(minutes=15)
# How often a person is reminded of a doubt that only a person can end.
ESCALATION_SECONDS: Final = DAY
