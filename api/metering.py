"""What programs ask of us is counted, and who has used up a hard quota is known, in the background of each process."""

import asyncio
from typing import Final

import structlog

from domain.usage import quotas
from domain.usage.calls import Calls

_SECONDS: Final = 20.0
_log = structlog.get_logger()


class Metering:
    """Of one process."""

    def __init__(self, seconds: float = _SECONDS) -> None:
        self._seconds = seconds
        self.calls = Calls()

    async def beat(self) -> None:
        """Write what was counted, and ask who is above; what fails is done with the next beat."""
        try:
            await self.calls.flush()
            await quotas.refresh_where_asked()
        except Exception as error:
            _log.warning("metering.late", error=str(error))

    async def run(self) -> None:
        """In the background."""
        while True:
            await asyncio.sleep(self._seconds)
            await self.beat()
