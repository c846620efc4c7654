"""`python -m tests.trials.chaos.skewed SECONDS MODULE ARGUMENT ...`: runs a module in a process whose clock is off.

Off is the wall clock (`time.time`, `datetime.now`); the monotonic one is right, as on a machine with the wrong time.
"""

import datetime
import runpy
import sys
import time
from typing import Any

import tortoise.fields  # noqa: F401 - derives a class from the real datetime, so it must come first

_real = datetime.datetime
_real_time = time.time
_real_time_ns = time.time_ns


def shift(seconds: float) -> None:
    """Move this process's wall clock. Call it before anything else is imported, because names are copied."""

    class Kind(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, _real)  # what C code makes is of the real class

    class Skewed(_real, metaclass=Kind):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Any:
            return _real.now(tz) + datetime.timedelta(seconds=seconds)

        @classmethod
        def utcnow(cls) -> Any:
            return _real.now(datetime.UTC).replace(tzinfo=None) + datetime.timedelta(seconds=seconds)

    time.time = lambda: _real_time() + seconds
    time.time_ns = lambda: _real_time_ns() + round(seconds * 1e9)
    datetime.datetime = Skewed  # type: ignore[misc]


if __name__ == "__main__":
    shift(float(sys.argv[1]))
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
