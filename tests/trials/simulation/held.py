"""What the simulated PSE holds, what comes in there, and the log of money that is the oracle."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final


class Mood(StrEnum):
    """What becomes of one request and its answer."""

    OK = "OK"
    LOST_REQUEST = "LOST_REQUEST"
    LOST_ANSWER = "LOST_ANSWER"
    APPLIED_THEN_500 = "APPLIED_THEN_500"
    DOWN = "DOWN"
    LATE_REQUEST = "LATE_REQUEST"
    UNREACHABLE = "UNREACHABLE"
    # The wide histories only:
    VERY_LATE = "VERY_LATE"  # later than its word says
    TOO_MANY = "TOO_MANY"  # 429: not taken
    IN_PROGRESS = "IN_PROGRESS"  # 409: the order before it is still being worked on
    IN_PROCESS_400 = "IN_PROCESS_400"  # it has the order, and answers 400
    REPLAY_ERROR = "REPLAY_ERROR"  # the same order again is an error instead of the first answer


PLAIN_MOODS: Final = (
    Mood.OK,
    Mood.LOST_REQUEST,
    Mood.LOST_ANSWER,
    Mood.APPLIED_THEN_500,
    Mood.DOWN,
    Mood.LATE_REQUEST,
    Mood.UNREACHABLE,
)


class Status(StrEnum):
    """The PSE's own word for where a refund is."""

    QUEUED = "queued"
    DONE = "done"
    REFUSED = "refused"
    RETURNED = "returned"


class Way(StrEnum):
    """Who made money leave without us."""

    BANK = "MED"
    BACK_OFFICE = "BACK_OFFICE"
    CHARGEBACK = "CHARGEBACK"


@dataclass(slots=True)
class Held:
    """A refund that the PSE has."""

    id: str
    reference: str
    payment: str
    amount: int
    status: Status
    asked_at: datetime
    visible_from: datetime
    settled_at: datetime | None = None
    by_bank: bool = False  # nobody of ours asked for it
    way: Way | None = None  # and who did
    listed: bool = True  # what the bank took is no refund; what somebody did in the panel is one
    returned_at: datetime | None = None
    told_as: int | None = None  # the amount that reports tell until they are revised
    lines: int = 1  # how often a report has its line
    broke_word: bool = False
    says: Status | None = None  # another word for its status than the usual one

    def told(self) -> dict[str, Any]:
        return {
            "reference": self.reference,
            "id": self.id,
            "amount": self.amount,
            "status": (self.says or self.status).value,
        }


@dataclass(frozen=True, slots=True)
class Order:
    """A request for a refund as it leaves us, and what the PSE will make of it."""

    body: bytes
    key: str
    decision: Status
    left_at: datetime
    lags: bool
    beyond: timedelta = timedelta(0)  # how much later than its word it may be known


@dataclass(slots=True)
class Oracle:
    """Money that moved, per reference: minor units out, back, and how often it was paid."""

    out: dict[str, int] = field(default_factory=dict)
    back: dict[str, int] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)

    def net(self, reference: str) -> int:
        return self.out.get(reference, 0) - self.back.get(reference, 0)
