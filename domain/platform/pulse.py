"""The pulse of a program that nobody can ask over the network: a file that is touched as long as its loop turns."""

import asyncio
from pathlib import Path
from typing import Final

import structlog

SECONDS: Final = 5.0
_log = structlog.get_logger()


async def beat(path: Path | None, seconds: float = SECONDS) -> None:
    """Touch the file every so many seconds until cancelled; None: there is nobody who looks."""
    while path is not None:
        try:
            path.touch()  # noqa: ASYNC240 - one system call, mostly in memory
        except OSError as error:
            _log.warning("pulse.lost", file=str(path), error=str(error))
        await asyncio.sleep(seconds)
