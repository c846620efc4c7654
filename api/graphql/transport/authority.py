"""Whose token it is, and until when what was opened with it may go on."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Generic, Protocol, TypeVar

import structlog

# graphql-ws stops for good on 4401 and comes back after 1012. (It also comes back after 4403, so that is not used.)
UNAUTHORIZED: Final = 4401
TRY_AGAIN: Final = 1012
_log = structlog.get_logger()


class Authenticated(Protocol):
    """Whoever holds a token, as far as the transport cares."""

    @property
    def expires_at(self) -> datetime | None:
        """When the token ends (UTC); None: never."""


P = TypeVar("P", bound=Authenticated)
Authenticate = Callable[[str | None], Awaitable[P | None]]


def bearer(header: str | None) -> str | None:
    """The token of an `Authorization: Bearer ...`; None when there is none."""
    scheme, _, token = (header or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


class Watches(Generic[P]):
    """Looks at each token again every `recheck_seconds`, once for all that is open with it."""

    def __init__(self, authenticate: Callable[[str | None], Awaitable[P | None]], recheck_seconds: float) -> None:
        self._authenticate = authenticate
        self._recheck_seconds = recheck_seconds
        self._watched: dict[tuple[str | None, P], _Watched] = {}

    def watch(self, token: str | None, principal: P, end: Callable[[int], None]) -> Callable[[], None]:
        """Call `end`, with the close code, when the token has expired, was revoked or stands for something else.

        Gives what is to be called when nobody need be told any more.
        """
        key = token, principal
        watched = self._watched.get(key)
        if watched is None:
            # In no context: it must not speak in the name of whoever came first.
            looking = asyncio.create_task(self._look(token, principal), name="authority", context=Context())
            watched = self._watched[key] = _Watched(looking)
        watched.open[end] = None

        def forget() -> None:
            watched.open.pop(end, None)
            if not watched.open and self._watched.get(key) is watched:
                del self._watched[key]
                watched.looking.cancel()

        return forget

    @property
    def count(self) -> int:
        """How many tokens are looked at."""
        return len(self._watched)

    async def _look(self, token: str | None, principal: P) -> None:
        code = await authority_ended(self._authenticate, token, principal, self._recheck_seconds)
        watched = self._watched.pop((token, principal))  # Who comes from now on is looked at anew.
        for end in list(watched.open):
            end(code)

    async def ended(self, token: str | None, principal: P) -> int:
        """Wait until the token has ended; the close code."""
        code: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        forget = self.watch(token, principal, lambda given: None if code.done() else code.set_result(given))
        try:
            return await code
        finally:
            forget()


@dataclass(slots=True)
class _Watched:
    looking: asyncio.Task[None]
    open: dict[Callable[[int], None], None] = field(default_factory=dict)


async def authority_ended(
    authenticate: Authenticate[P], token: str | None, principal: P, recheck_seconds: float
) -> int:
    """Wait until the token has expired, was revoked, or stands for something else; the close code to end with.

    A look-up that fails (a database that restarts) ends nothing before the token's own time is over.
    """
    while True:
        left = _seconds_left(principal)
        if left <= 0:
            return UNAUTHORIZED
        await asyncio.sleep(min(recheck_seconds, left))
        try:
            now = await authenticate(token)
        except Exception:
            _log.exception("socket.recheck_failed")
            continue
        if now is None:
            return UNAUTHORIZED
        if now != principal:
            return TRY_AGAIN


def _seconds_left(principal: Authenticated) -> float:
    return float("inf") if principal.expires_at is None else (principal.expires_at - datetime.now(UTC)).total_seconds()
