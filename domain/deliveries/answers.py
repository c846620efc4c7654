"""What a channel's answer means for a delivery: one of four, and what is not known to be success is none."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sent:
    """It has arrived, by the channel's own word for it. `code`: of the answer; `detail`: what it said, if anything."""

    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Later:
    """It may arrive yet: the same is sent again after at least so many seconds (0: by our schedule alone)."""

    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class Broken:
    """Nothing arrives on this endpoint until a person mends it: it is stopped, and what is due is kept for a replay."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """This message will never be taken, others may be: it is given up."""

    reason: str


Answer = Sent | Later | Broken | Refused
