"""What refuses a request knows nothing of pages: here a person gets one all the same, in a language of theirs."""

from html import escape
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import refused_pages
from api.customer.pages import PREFIX, locale_of, page
from api.customer.texts import text

# 404 is an address with more behind the link; whether the link is known nobody learns by it.
_TEXTS: Final = {404: "closed", 429: "often", 503: "away"}
_REPLACED: Final = frozenset({"content-type", "content-length"})


class PageMiddleware:
    """Answers to a customer's page that are refusals for programs become short pages; their other headers stay."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self.app(scope, receive, send)
            return
        await refused_pages.answer(self.app, scope, receive, send, _page_of)


def _page_of(scope: Scope, start: Message) -> Response:
    given = Headers(raw=start["headers"])
    locale, seconds = locale_of(HTTPConnection(scope), None), given.get("retry-after", "")
    said = text(_TEXTS.get(start["status"], "failed"), locale, seconds=seconds)
    answer = page(locale, f"<p>{escape(said)}</p>", start["status"])
    for name, value in given.items():
        if name not in _REPLACED:
            answer.headers.setdefault(name, value)
    return answer
