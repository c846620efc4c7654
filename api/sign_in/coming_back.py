"""Where somebody goes who had to sign in first: back to the page that they wanted, and to no other host.

The page is kept in the browser while they are at the identity provider, or look for their link.
"""

from typing import Final

from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response

from api.sign_in import cookies
from domain.platform.settings import Settings

HOME: Final = "/console"
_WANTED: Final = "estorno-wanted"
_SECONDS: Final = 1_800
_LENGTH_MAX: Final = 1_000


def is_ours(path: str) -> bool:
    """Whether a path is a page of the console, and no other host however a browser reads it."""
    if not (path.isascii() and path.isprintable() and len(path) <= _LENGTH_MAX) or {"\\", "#", " "} & set(path):
        return False
    before = path.split("?")[0]  # no address of ours is written with `%`, and a browser reads `%2e%2e` as `..`
    return (before == HOME or before.startswith(f"{HOME}/")) and not any(one in before for one in ("//", "..", "%"))


def to_sign_in(wanted: str, settings: Settings) -> Response:
    """To the page for signing in (303); then to what was wanted."""
    answer = RedirectResponse("/sign-in", 303)
    if is_ours(wanted):
        cookies.give(answer, settings, _WANTED, wanted, _SECONDS)
    return answer


def back(connection: HTTPConnection, settings: Settings) -> Response:
    """To what was wanted (303), else to the console's first page."""
    wanted = cookies.read(connection, settings, _WANTED) or ""
    answer = RedirectResponse(wanted if is_ours(wanted) else HOME, 303)
    if wanted:
        cookies.take(answer, settings, _WANTED)
    return answer
