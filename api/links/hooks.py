"""REST hooks: subscribe, list, unsubscribe, and a sample of each event. What they make is an endpoint as any other.

Zapier, Make and n8n know this way: they POST the address that they listen at, keep the `id` of the answer, and DELETE
it when the flow is switched off. Described in openapi.json; all else is asked of GraphQL, with the same token.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.doors import Gate, limited
from api.graphql.context import cause_of
from api.graphql.transport.authority import bearer
from api.http import RETRY_AFTER, problem, request_id
from domain.access.tokens import Principal
from domain.deliveries import catalogue, endpoints, find
from domain.deliveries.endpoints import NewEndpoint
from domain.deliveries.samples import sample
from domain.models import Endpoint, Merchant
from domain.models.deliveries import EndpointKind, EndpointState
from domain.platform.database import for_merchant
from domain.platform.secrets import Unsealable
from domain.platform.settings import Settings
from domain.platform.wrapping import KeyServiceAway
from domain.problems import Forbidden, InvalidInput, InvalidState, NotFound, Problem

PREFIX: Final = "/hooks/v1"
_STATUSES: Final[Mapping[type[Problem], int]] = {Forbidden: 403, NotFound: 404, InvalidState: 409}  # else 422
_TYPES_MAX: Final = 50
_URL_MAX: Final = 2_000
_log = structlog.get_logger()
Authenticate = Callable[[str | None], Awaitable[Principal | None]]
_Asked = Callable[[Request, Principal], Awaitable[Response]]


class _Malformed(ValueError):
    """The body is not what openapi.json says; the sentence is for whoever sent it."""


def routes(authenticate: Authenticate, gate: Gate) -> Sequence[Route]:
    """All of them. `authenticate`: who holds a token, as GraphQL knows them."""

    def at(path: str, method: str, answer: _Asked) -> Route:
        return Route(PREFIX + path, _entered(answer, authenticate, gate), methods=[method])

    return [
        Route(f"{PREFIX}/openapi.json", _described, methods=["GET"]),
        at("/me", "GET", _me),
        at("/events", "GET", _events),
        at("/samples/{event}", "GET", _sample),
        at("/subscriptions", "GET", _list),
        at("/subscriptions", "POST", _subscribe),
        at("/subscriptions/{id:uuid}", "GET", _show),
        at("/subscriptions/{id:uuid}", "DELETE", _unsubscribe),
    ]


def _entered(answer: _Asked, authenticate: Authenticate, gate: Gate) -> Callable[[Request], Awaitable[Response]]:
    """With a token that is known, and not too often; a refusal of the domain as its status."""

    async def enter(request: Request) -> Response:
        token = bearer(request.headers.get("authorization"))
        principal = await authenticate(token)
        if principal is None or token is None or principal.is_customer:  # to a customer nothing is here
            return problem(401, "Send a valid token: `Authorization: Bearer <token>`.")
        if seconds := await gate.rates.seconds_to_wait("token", token):
            return limited(seconds, gate.rates.left("token", token))
        try:
            with for_merchant(principal.merchant_id):
                return await answer(request, principal)
        except _Malformed as refused:
            return problem(400, str(refused))
        except Problem as refused:
            return problem(_STATUSES.get(type(refused), 422), refused.message, code=refused.code)
        except (Unsealable, KeyServiceAway) as error:
            _log.error("hooks.unsealable", error=str(error))
            return problem(503, "Secrets cannot be sealed just now; send the same again.", headers=RETRY_AFTER)

    return enter


@lru_cache(maxsize=1)
def description() -> str:
    """What these routes take and give (OpenAPI 3.1)."""
    return Path(__file__).with_name("openapi.json").read_text()


async def _described(request: Request) -> Response:
    return Response(description(), media_type="application/json")


async def _me(request: Request, principal: Principal) -> Response:
    """What a tool asks first: whether the token works, and what to call the connection."""
    merchant = await Merchant.get(id=principal.merchant_id)
    return JSONResponse({"id": str(merchant.id), "name": merchant.name, "token": principal.holder})


async def _events(request: Request, principal: Principal) -> Response:
    found = [{"id": name, "object": one.object} for name, one in sorted(catalogue.BY_NAME.items())]
    return JSONResponse(found)


async def _sample(request: Request, principal: Principal) -> Response:
    """An array, as a poll would answer: each with an id of its own that stays."""
    name = request.path_params["event"]
    if name not in catalogue.BY_NAME:
        return problem(404, "There is no such event; GET /hooks/v1/events lists them.")
    return JSONResponse([{"id": f"sample-{name}", **sample(name)}])


async def _list(request: Request, principal: Principal) -> Response:
    """All webhooks, the newest first; `?url=`: those of this address that were subscribed to here."""
    if strange := [name for name, _ in request.query_params.multi_items() if name != "url"]:
        # An address that was not escaped falls apart at its first &, and would be found nowhere.
        raise _Malformed(f"`?url=` alone is known here, and not {strange[0][:64]!r}: percent-encode the whole address.")
    if len(request.query_params.multi_items()) > 1:
        raise _Malformed("`?url=` is given once.")
    found = find.endpoints(principal).filter(kind=EndpointKind.WEBHOOK).order_by("-created_at", "-id")
    rows = await found
    if (url := request.query_params.get("url")) is not None:
        rows = [one for one in rows if one.name.endswith(_mark(url))]
    return JSONResponse([_told(one) for one in rows])


async def _show(request: Request, principal: Principal) -> Response:
    return JSONResponse(_told(await _mine(request, principal)))


async def _subscribe(request: Request, principal: Principal) -> Response:
    """201 with the secret, this once; the same address and events again: 200 with what is there, and no secret."""
    body = await _body(request)
    url, types = _url(body.get("targetUrl")), _types(body.get("events"))
    name = _name(url, types)
    known = await find.endpoints(principal).filter(name=name).first()
    if known is not None:
        return JSONResponse(_told(known))
    settings: Settings = request.app.state.settings
    new = NewEndpoint(EndpointKind.WEBHOOK, name, url, types=types, thin=body.get("thin") is True)
    try:
        made = await endpoints.create(principal, new, settings.secret_key, cause_of(principal, request_id()))
    except InvalidInput:
        known = await find.endpoints(principal).filter(name=name).first()
        if known is None:
            raise
        return JSONResponse(_told(known))  # somebody was quicker, with the same
    return JSONResponse({**_told(made.endpoint), "secret": made.secret}, HTTPStatus.CREATED)


async def _unsubscribe(request: Request, principal: Principal) -> Response:
    """204, also the second time."""
    row = await endpoints.mine(principal, request.path_params["id"])
    if row.state is not EndpointState.OFF:
        await endpoints.delete(principal, row.id, cause_of(principal, request_id()))
    return Response(status_code=HTTPStatus.NO_CONTENT)


async def _mine(request: Request, principal: Principal) -> Endpoint:
    wanted: UUID = request.path_params["id"]
    found = await find.endpoints(principal).filter(id=wanted, kind=EndpointKind.WEBHOOK).first()
    if found is None:
        raise NotFound("There is no such endpoint.")
    return found


def _told(row: Endpoint) -> dict[str, Any]:
    """As a list shows it. The address is masked: of many tools it is the password."""
    return {
        "id": str(row.id),
        "target": row.shown,
        "events": list(row.types),
        "thin": row.thin,
        "state": row.state.value,
        "createdAt": row.created_at.isoformat(),
    }


async def _body(request: Request) -> Mapping[str, Any]:
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise _Malformed("The body is no JSON.") from None
    if not isinstance(body, dict):
        raise _Malformed("The body is no object.")
    return body


def _url(given: object) -> str:
    if not isinstance(given, str) or not 0 < len(given) <= _URL_MAX:
        raise _Malformed("`targetUrl` is the https address that is told.")
    return given


def _types(given: object) -> Sequence[str]:
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, list) or not names or len(names) > _TYPES_MAX:
        raise _Malformed("`events` is a list of events, as GET /hooks/v1/events has them.")
    if not all(isinstance(one, str) for one in names):
        raise _Malformed("`events` is a list of texts.")
    return list(dict.fromkeys(names))


def _name(url: str, types: Sequence[str]) -> str:
    """Where it goes and what for: the same twice has the same name, and a merchant has each name once."""
    try:
        host = urlsplit(url).hostname or "hook"
    except ValueError:
        host = "hook"
    plain = "".join(one for one in host if one.isascii() and one.isprintable())
    return f"{plain[:30]} {_digest(' '.join(sorted(types)))[:8]} {_mark(url)}"


def _mark(url: str) -> str:
    return f"#{_digest(url)[:16]}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
