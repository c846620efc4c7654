"""What an answer, or none, comes to before a connector reads it."""

from typing import Final

import httpx

from domain.connections.calls import About
from domain.pse.kit import exact
from domain.pse.vocabulary import InDoubt, Unsent
from jobs.wire.exchange import Exchange

_ABOUT_REFUNDS: Final = ("REFUND", "LOOK_UP")
_ABOUT_ACCESS: Final = (401, 403, 408, 425, 429)
NEVER_LEFT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


def outcome(answer: httpx.Response | Unsent | InDoubt) -> str:
    """For who counts."""
    if not isinstance(answer, httpx.Response):
        return "unsent" if isinstance(answer, Unsent) else "in_doubt"
    return "accepted" if answer.is_success else "failed" if answer.status_code >= 500 else "refused"


def from_somebody_else(answer: httpx.Response, about: About) -> bool:
    """Whether a refusal about a refund is none of the PSE's: every PSE explains itself in JSON.

    A wrong address, or a gateway before the PSE, answers so, and no other refund fares better.
    """
    return (
        about.purpose in _ABOUT_REFUNDS
        and 400 <= answer.status_code < 500
        and answer.status_code not in _ABOUT_ACCESS
        and not exact.explained(answer.content)
    )


def meaning_of(error: Exception, exchange: Exchange) -> Unsent | InDoubt:
    """Of a send that has no answer: nothing left, or it may have arrived."""
    said = f"{type(error).__name__}: {error}".rstrip(": ")
    if not exchange.began or isinstance(error, (*NEVER_LEFT, httpx.InvalidURL)):
        return Unsent(_code(error), f"Never sent: {said}")
    return InDoubt(_code(error), f"No answer: {said}")


def _code(error: Exception) -> str:
    return "TIMEOUT" if isinstance(error, TimeoutError | httpx.TimeoutException) else type(error).__name__.upper()
