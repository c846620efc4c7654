"""Who watches the API: every answer is counted by its route, and `/metrics` tells Prometheus, whoever has the token."""

import hmac
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, Final

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http import REQUEST_ID_HEADER, problem
from domain.platform import metrics, traces
from domain.watching.standing import Census

PATH: Final = "/metrics"
_UNROUTED: Final = "unrouted"  # no such path, or refused before it was looked at
_log = structlog.get_logger()


class CountingMiddleware:
    """Counts requests by the template of the route that answered them, and traces them where that is wanted."""

    def __init__(self, app: ASGIApp, *, templates: dict[int, str]) -> None:
        self.app = app
        self._templates = templates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, request_id, watch, began_ns = 500, "", metrics.Stopwatch(), time.time_ns()

        async def send_seen(message: Message) -> None:
            nonlocal status, request_id
            if message["type"] == "http.response.start":
                status = message["status"]
                request_id = Headers(raw=message["headers"]).get(REQUEST_ID_HEADER, "")
            await send(message)

        try:
            await self.app(scope, receive, send_seen)
        finally:
            route = self._templates.get(id(scope.get("endpoint")), _UNROUTED)
            method = metrics.answered(route, scope["method"], status, watch.seconds)
            if request_id and traces.is_on():
                told: traces.Attributes = {
                    "http.request.method": method,
                    "http.route": route,
                    "http.response.status_code": status,
                }
                caller = Headers(scope=scope).get("traceparent")
                traces.request(request_id, f"{method} {route}", began_ns, caller, told)
                _log.info(
                    "http.request",
                    method=method,
                    route=route,
                    status=status,
                    milliseconds=int(watch.seconds * 1000),
                    request_id=request_id,
                    trace_id=traces.trace_id(request_id),
                )


def templates_of(routes: Iterable[BaseRoute]) -> dict[int, str]:
    """The template of each endpoint; one that stands at several routes is known by the first."""
    found: dict[int, str] = {}
    for endpoint, path in _endpoints(routes, ""):
        found.setdefault(id(endpoint), path)
    return found


def _endpoints(routes: Iterable[BaseRoute], prefix: str) -> Iterator[tuple[Any, str]]:
    for route in routes:
        if isinstance(route, Mount):
            yield from _endpoints(route.routes, prefix + route.path)
            yield route.app, prefix + route.path
        elif isinstance(route, Route):
            yield route.endpoint, prefix + route.path


def telling(token: str, census: Census | None = None) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint. The database is asked once in a while, however many ask here."""
    stands = census or Census()
    whole = CollectorRegistry(auto_describe=True)
    whole.register(stands)

    async def tell(request: Request) -> Response:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
            return problem(
                401, "Metrics want the token of ESTORNO_METRICS_TOKEN.", headers={"www-authenticate": "Bearer"}
            )
        await stands.refresh()
        return Response(generate_latest(metrics.REGISTRY) + generate_latest(whole), media_type=CONTENT_TYPE_LATEST)

    return tell
