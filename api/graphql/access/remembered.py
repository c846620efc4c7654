"""The principal of each bearer token, looked up once and remembered for seconds."""

import asyncio
import hashlib
import time
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import structlog

from api.graphql.transport.follow import Waker
from domain.access.principal import Principal
from domain.access.tokens import authenticate, mark_used
from domain.platform.bell import TOKENS_CHANNEL

REMEMBERED_SECONDS: Final = 2.5
_REMEMBERED_MAX: Final = 10_000
_WRITTEN_SECONDS: Final = 30.0
_log = structlog.get_logger()


class Uses:
    """Which tokens were used, written once in a while: no request waits for it."""

    def __init__(self, seconds: float = _WRITTEN_SECONDS) -> None:
        self._seconds = seconds
        self._used: set[UUID] = set()

    def note(self, token_id: UUID) -> None:
        """It was used just now."""
        self._used.add(token_id)

    async def flush(self) -> None:
        """Write what was noted since the last time; what cannot be written just now is noted again."""
        used, self._used = self._used, set()
        if not used:
            return
        try:
            await mark_used(used)
        except Exception as error:
            self._used |= used
            _log.warning("tokens.use_unwritten", error=str(error))

    async def run(self) -> None:
        """Write in the background."""
        while True:
            await asyncio.sleep(self._seconds)
            await self.flush()


class Remembered:
    """The principal of a bearer token, None when it is unknown, expired or revoked, remembered for `seconds`.

    A revocation is heard through Valkey at once; where it is not heard, the token ends so many seconds later.
    """

    def __init__(
        self,
        waker: Waker,
        seconds: float = REMEMBERED_SECONDS,
        uses: Uses | None = None,
        *,
        second_factor: bool = False,
    ) -> None:
        self._second_factor = second_factor
        self._seconds = seconds
        self._uses = uses or Uses()
        self._revoked = waker.listen(TOKENS_CHANNEL)
        self._known: dict[bytes, tuple[Principal, float]] = {}
        self._generation = 0  # of what is remembered

    async def __call__(self, token: str | None) -> Principal | None:
        self._hear()
        key = hashlib.sha256((token or "").encode("utf-8", "replace")).digest()
        principal, until = self._known.get(key, (None, 0.0))
        if principal is not None and time.monotonic() < until and datetime.now(UTC) < principal.expires_at:
            self._uses.note(principal.token_id)
            return principal
        generation = self._generation
        principal = await authenticate(token, second_factor=self._second_factor)
        self._hear()
        if principal is not None and generation == self._generation:  # else it may have been revoked meanwhile
            self._known[key] = (principal, time.monotonic() + self._seconds)
            self._uses.note(principal.token_id)
        return principal

    def _hear(self) -> None:
        if self._revoked.woken() or len(self._known) > _REMEMBERED_MAX:
            self._known.clear()
            self._generation += 1
