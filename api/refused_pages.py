"""What refuses a request knows nothing of pages and speaks JSON: on a person's address it becomes a page."""

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send


async def answer(
    app: ASGIApp, scope: Scope, receive: Receive, send: Send, page_of: Callable[[Scope, Message], Response]
) -> None:
    """What the app answers; of a refusal the page that `page_of` makes of its beginning."""
    refused = False

    async def send_page(message: Message) -> None:
        nonlocal refused
        if message["type"] == "http.response.start" and _is_refusal(message):
            refused = True
            await page_of(scope, message)(scope, receive, send)
        elif not refused:
            await send(message)

    await app(scope, receive, send_page)


def _is_refusal(start: Message) -> bool:
    html = Headers(raw=start["headers"]).get("content-type", "").startswith("text/html")
    return start["status"] >= 400 and not html
