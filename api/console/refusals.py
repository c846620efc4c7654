"""What refuses a request before it is a page's (too often, too large, away) speaks JSON: here a person gets a page."""

from typing import Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import refused_pages
from api.console import statics
from api.console.person import PREFIX, look_of
from api.console.rendering import Frame, state_page
from api.http import REQUEST_ID_HEADER

_PAGES: Final = {404: "gone", 413: "unsent", 429: "many", 503: "away"}
_REPLACED: Final = frozenset({"content-type", "content-length", "content-security-policy"})


class ConsoleMiddleware:
    """Refusals on an address of the console become its pages, without what needs to know who asks."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        if not path.startswith(PREFIX) or path.startswith(statics.PREFIX) or path.endswith("/live"):
            await self.app(scope, receive, send)
            return
        await refused_pages.answer(self.app, scope, receive, send, _page_of)


def _page_of(scope: Scope, start: Message) -> Response:
    request, given = Request(scope), Headers(raw=start["headers"])
    look = look_of(request, scope["app"].state.settings)
    frame = Frame(look, None, (), "", PREFIX, "")
    seconds = given.get("retry-after", "")
    values = {"seconds": int(seconds) if seconds.isdigit() else 2, "request_id": given.get(REQUEST_ID_HEADER, "")}
    status = start["status"]
    answer = state_page(_PAGES.get(status, "wrong"), frame, status, message="", **values)
    for name, value in given.items():
        if name not in _REPLACED:
            answer.headers.setdefault(name, value)
    return answer
