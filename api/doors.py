"""Who is let in just now: how many requests are worked on at once, and how often an address may ask."""

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from api.customer.pages import PREFIX
from api.http import RETRY_AFTER, UNAVAILABLE, problem
from api.places import EVERYBODY, SHARE, HeldPlace, Newcomers, Places, Shares
from api.rates import Left, Rates
from domain.platform.settings import Settings

RATE_LIMITED: Final = "RATE_LIMITED"
BUSY: Final = "Too much is asked of us at once; nothing was executed. Send the same again in a moment."
_STRANGERS: Final = 2  # so many places of merchants' requests make one more for those without a token
_KNOWN: Final = 3  # so many places of sockets make one more for those whose token has not come yet
PROBES: Final = frozenset({"/healthz", "/readyz"})
GRAPHQL_PATH: Final = "/graphql"
_SIGN_IN: Final = "/sign-in/link/"
_LEAVING: Final = "/unsubscribe/"
_ANSWERS_MAX: Final = 5  # of the identity provider, to one attempt
_RETURNS: Final = 5  # for each try to sign in that an address has, so many answers to attempts of ours
_WEBHOOKS: Final = ("/webhooks/", "/shops/")


def too_often(seconds: float) -> str:
    """What is said to one who asks too often."""
    return f"You ask too often; nothing was executed. Send the same again in {math.ceil(seconds)} seconds."


def limited(seconds: float, left: Left | None = None) -> Response:
    """429, typed, with the seconds to wait; `left`: of the limit that was met."""
    waiting = {"retry-after": str(math.ceil(seconds))}
    more = {"rateLimit": left.told()} if left else {}
    return problem(429, too_often(seconds), headers=waiting, code=RATE_LIMITED, extensions=more)


def busy() -> Response:
    """503, typed, with the seconds to wait."""
    return problem(503, BUSY, headers=RETRY_AFTER, code=UNAVAILABLE)


def address_of(connection: HTTPConnection) -> str:
    """Whom an address stands for: itself, or its /64, because one subscriber line has all of those."""
    return network_of(connection.client.host if connection.client else "")


def network_of(host: str) -> str:
    """As `address_of`, of an address as text."""
    try:
        known = ip_address(host)
    except ValueError:
        return host
    if isinstance(known, IPv6Address) and known.ipv4_mapped:
        return str(known.ipv4_mapped)  # as a proxy on both families tells it: all of IPv4 has one /64 there
    return str(ip_network((known, 64), strict=False)) if isinstance(known, IPv6Address) else host


async def deny(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer so, also instead of a WebSocket handshake."""
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).send_denial_response(response)
    else:
        await response(scope, receive, send)


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose places they are: a token's, and of all tokens of its merchant a share."""

    token: str
    merchant: str

    @property
    def places(self) -> dict[str, str]:
        """For `Places.take`."""
        return {"process": EVERYBODY, "token": self.token, SHARE: self.merchant}


@dataclass(frozen=True, slots=True)
class Gate:
    """What a GraphQL client passes beside its token: how often it may ask, and what it may keep open."""

    rates: Rates
    sockets: Places  # of an `address`, a `token`, a merchant and the `process`; a stream over HTTP is one too
    subscriptions: Places  # of a `token`, a merchant and the `process`
    executions: Places  # the same, of live subscriptions that see something else than all others
    requests: Shares  # of merchants: nobody takes all that the process works on, by bodies that do not come, say
    newcomers: Newcomers  # sockets before their token has come
    strangers: Shares  # of addresses whose requests come without a token: however many they are, merchants keep theirs
    arriving: Newcomers  # such requests, until their bodies are here

    @classmethod
    def of(cls, settings: Settings, rates: Rates) -> "Gate":
        """The gate that the settings describe."""
        address, token = settings.sockets_per_address, settings.sockets_per_token
        strangers = max(1, settings.requests_max // _STRANGERS)
        return cls(
            rates,
            Places({"address": address, "token": token, "process": settings.sockets_max}),
            Places({"token": settings.subscriptions_per_token, "process": settings.subscriptions_max}),
            Places({"token": settings.live_executions_per_token, "process": settings.live_executions_max}),
            Shares(settings.requests_max),
            Newcomers(max(1, settings.sockets_max // _KNOWN)),
            Shares(strangers),
            Newcomers(strangers),
        )

    def take_stream(self, address: str, holder: Holder) -> tuple[HeldPlace, HeldPlace] | None:
        """The places of a stream over HTTP, which is a socket with one subscription; None where there is none left."""
        socket = self.sockets.take({**holder.places, "address": address})
        subscription = self.subscriptions.take(holder.places) if socket else None
        if socket is None or subscription is None:
            if socket:
                socket.leave()
            return None
        return socket, subscription


def rates_of(settings: Settings) -> Rates:
    """The rates that the settings describe."""
    limits = {
        "token": settings.rate_per_token,
        "address": settings.rate_per_address,
        "link": settings.rate_per_link,
        "webhook": settings.rate_per_webhook,
        "document": settings.rate_new_documents,
        "merchant_document": settings.rate_merchant_documents,
        "sign_in": settings.rate_sign_in,
        # Answers of the provider to attempts of ours: each asks it something, so one attempt and one address bring few.
        "sign_in_attempt": _ANSWERS_MAX if settings.rate_sign_in else 0,
        "sign_in_return": settings.rate_sign_in * _RETURNS,
        "customer_page": settings.rate_customer_pages,
    }
    return Rates(settings.redis_url, limits)


def open_gate() -> Gate:
    """One that lets everybody in, for an application without settings."""
    most, free = sys.maxsize, Places({})
    return Gate(Rates("", {}), free, free, free, Shares(most), Newcomers(most), Shares(most), Newcomers(most))


class RateMiddleware:
    """Counts requests and handshakes by address, and those to a customer's page or to a webhook's by its path too.

    Of signing in it counts whoever uses a link: pages are for looking at. The provider's answers are counted by who
    reads them (api/sign_in/pages), since only there is known whose they are.
    """

    def __init__(self, app: ASGIApp, *, rates: Rates) -> None:
        self.app = app
        self._rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and scope["path"] not in PROBES:
            for kind, subject in _subjects(HTTPConnection(scope)):
                seconds = await self._rates.seconds_to_wait(kind, subject)
                if seconds:
                    left = self._rates.left(kind, subject) if scope["path"] == GRAPHQL_PATH else None
                    await deny(limited(seconds, left), scope, receive, send)
                    return
        await self.app(scope, receive, send)


def _subjects(connection: HTTPConnection) -> Iterator[tuple[str, str]]:
    path, address = connection.scope["path"], address_of(connection)
    yield "address", address
    if path.startswith(_SIGN_IN) and connection.scope.get("method") == "POST":
        yield "sign_in", address
    if path.startswith(PREFIX):
        yield "customer_page", address
    for prefix in (PREFIX, _SIGN_IN, _LEAVING):
        if path.startswith(prefix):
            yield "link", path.removeprefix(prefix)
    for prefix in _WEBHOOKS:
        if path.startswith(prefix):
            # By the address too: whoever floods a path that is not theirs must not shut the PSE or shop out of it.
            yield "webhook", f"{path.removeprefix(prefix).split('/')[0]} {address}"
