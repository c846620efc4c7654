"""Whose token it is, and until when what was opened with it may go on."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final, Protocol, TypeVar

import structlog

# graphql-ws stops for good on 4401 and comes back after 1012. (It also comes back after 4403, so that is not used.)
UNAUTHORIZED: Final = 4401
TRY_AGAIN: Final = 1012
_log = structlog.get_logger()


class Principal(Protocol):
    """Whoever holds a token, as far as the transport cares."""

    @property
    def expires_at(self) -> datetime | None:
        """When the token ends (UTC); None: never."""


P = TypeVar("P", bound=Principal)
Authenticate = Callable[[str | None], Awaitable[P | None]]


def bearer(header: str | None) -> str | None:
    """The token of an `Authorization: Bearer ...`; None when there is none."""
    scheme, _, token = (header or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


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


def _seconds_left(principal: Principal) -> float:
    return float("inf") if principal.expires_at is None else (principal.expires_at - datetime.now(UTC)).total_seconds()
