"""The cookies of sign-in: no script reads them, no other site sends them with a form, and no other host sets them.

Over plain HTTP, to this machine only, they have a plain name: a browser keeps no `__Host-` cookie there.
"""

import hmac
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import Response

from domain.platform.settings import Settings

SESSION: Final = "estorno-session"
ATTEMPT: Final = "estorno-sign-in"
ATTEMPT_SECONDS: Final = 600
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})


def is_secure(settings: Settings) -> bool:
    """Whether people reach us by https, directly or through a proxy."""
    return settings.public_url.startswith("https:")


def is_allowed(connection: HTTPConnection, settings: Settings) -> bool:
    """Whether a cookie may be set at all: by https, or to this machine."""
    if is_secure(settings):
        return True
    here = connection.client is not None and connection.client.host in _LOOPBACK
    return here and connection.url.hostname in (*_LOOPBACK, "localhost")  # no proxy of another name stands before us


def read(connection: HTTPConnection, settings: Settings, name: str) -> str | None:
    """What the browser has under this name."""
    return connection.cookies.get(_named(settings, name))


def give(response: Response, settings: Settings, name: str, value: str, seconds: float) -> None:
    """Have the browser keep it for so many seconds."""
    response.set_cookie(
        _named(settings, name),
        value,
        max_age=int(seconds),
        path="/",
        secure=is_secure(settings),
        httponly=True,
        samesite="lax",
    )


def take(response: Response, settings: Settings, name: str) -> None:
    """Have the browser forget it."""
    response.delete_cookie(_named(settings, name), path="/", secure=is_secure(settings), httponly=True, samesite="lax")


def is_our_form(connection: HTTPConnection, settings: Settings) -> bool:
    """Whether a form was sent from a page of ours: browsers say from where, and no other page can say so for them."""
    site, origin = connection.headers.get("sec-fetch-site"), connection.headers.get("origin")
    if site is not None and site not in ("same-origin", "none"):
        return False
    return origin is None or hmac.compare_digest(origin.encode(), _origin(connection, settings).encode())


def _origin(connection: HTTPConnection, settings: Settings) -> str:
    parts = urlsplit(settings.public_url or str(connection.base_url))
    return f"{parts.scheme}://{parts.netloc}"


def _named(settings: Settings, name: str) -> str:
    return f"__Host-{name}" if is_secure(settings) else name
