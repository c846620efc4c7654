"""What of a page lives: one subscription, rendered as server-sent events that the browser puts in their place.

A stream is one of the places that the person's session has for sockets and subscriptions, and ends with the session.
It is resumed by the browser: `Last-Event-ID` is the cursor of the last event that was shown.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api.console.asking import Reply
from api.console.documents import document
from api.console.forms import FilledForm
from api.console.page import Asked, Live, Page
from api.console.person import authenticated, chosen
from api.console.rendering import HEADERS, reading, render
from api.console.serving import Visit
from api.doors import address_of, busy
from api.graphql.transport.authority import Watches
from api.graphql.transport.bounds import ClientGone
from api.graphql.transport.live_results import TOO_SLOW
from api.graphql.transport.streams import HeldStream, until
from domain.access.principal import Principal
from domain.platform.settings import Settings

RECHECK_SECONDS = 2.0
_END = "event: end\ndata:\n\n"  # nothing more comes: the browser need not ask again
_STREAM_HEADERS = {**HEADERS, "content-type": "text/event-stream; charset=utf-8", "x-accel-buffering": "no"}


def streamed(page: Page, live: Live) -> Callable[[Visit], Any]:
    """GET …/live: the page's events, until they end, the session does, or the browser goes. 503: no place is left."""

    async def stream(visit: Visit) -> Response:
        asking, request = visit.asking, visit.request
        held = asking.gate.take_stream(address_of(request), asking.holder(visit.person))
        if held is None:
            return busy()
        watches = Watches(_looking(visit.settings, request), RECHECK_SECONDS)
        ended = watches.ended(visit.person.secret, visit.person.principal)
        return HeldStream(held, until(ended, _events(visit, page, live)), _STREAM_HEADERS)

    return stream


def _looking(settings: Settings, request: Request) -> Callable[[str | None], Any]:
    merchant_id = chosen(request, settings)

    async def look(secret: str | None) -> Principal | None:
        return await authenticated(secret, settings, merchant_id, seen=False)

    return look


async def _events(visit: Visit, page: Page, live: Live) -> AsyncIterator[str]:
    asked = visit.asked()
    after = visit.request.headers.get("last-event-id") or asked.text("after")
    variables = {**live.variables(asked), "after": after}
    following = visit.asking.follow(visit.person, document(f"{page.name}.live"), variables)
    frame = await visit.frame_alone(page)
    count = 0
    yield "retry: 3000\n\n"
    async with aclosing(following) as answers:  # type: ignore[type-var]  # a generator, as `follow` is written
        async for one in answers:
            cursor = live.cursor(one.data) if one.data else None
            if one.data is None:
                if TOO_SLOW not in one.codes:
                    yield _END
                return  # who reads too slowly comes again, behind what it has
            if cursor is None:
                yield ":\n\n"  # a heartbeat keeps proxies from closing it
                continue
            count += 1
            try:
                values = await _values(visit, page, live, asked, one)
            except ClientGone:
                return  # while the page was read again; it comes back behind what it has
            if values is None:
                break
            yield event(cursor, render(f"{page.name}.live.html", frame, {**values, "count": count}))
    yield _END


async def _values(visit: Visit, page: Page, live: Live, asked: Asked, one: Reply) -> Mapping[str, Any] | None:
    """What the fragment is made of; None: the page's own document is refused by now."""
    values: dict[str, Any] = {"event": one.data, "asked": asked, "page": page, "may": asked.may}
    if not live.fresh:
        return values
    told = await visit.asking.ask(visit.request, visit.person, document(page.name), page.variables(asked))
    if told.data is None or (page.found and told.data[page.found] is None):
        return None
    with reading(page.noun, visit.look.language, asked.zone):
        return {**values, "data": told.data, "form": FilledForm(), **page.view(asked, told.data)}


def event(cursor: str, html: str) -> str:
    """One server-sent event; the position is its ID."""
    lines = "".join(f"data: {line}\n" for line in html.splitlines() if line.strip())
    return f"id: {cursor}\n{lines}\n"
