"""The way out to what somebody else has named: each address is judged, resolved once, and connected to as judged.

A name that resolves to something else a moment later gains nothing by it: nobody asks again between the judgement and
the connection. SNI and certificate are checked by the name all the same. No proxy of the environment stands between.
"""

import asyncio
import ssl
import sys
import time
from collections.abc import Iterable
from typing import Final
from uuid import UUID

import httpcore
import httpx
from httpcore import SOCKET_OPTION

from domain.addresses import names
from domain.addresses.names import AddressRefused
from jobs.wire.look_ups import LookUps

_TRIED_MAX: Final = 4  # of the addresses of a name
# Some ten times a request httpcore looks on all of the path whether sniffio has come meanwhile. It is not in our lock.
sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]  # None: there is no such module


class Outside(httpx.AsyncHTTPTransport):
    """A transport that reaches the public internet by https, and what the operator has opened to this merchant.

    Raises AddressRefused. Redirects are not followed by a transport; whoever follows one comes back here with it.
    """

    def __init__(self, tls: ssl.SSLContext, limits: httpx.Limits, merchant_id: UUID, look_ups: LookUps) -> None:
        super().__init__(verify=tls, trust_env=False)
        self._merchant_id = merchant_id
        # httpx has no argument for it: its pool is replaced by one that connects our way. A test holds that it is used.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            http2=True,
            retries=0,
            network_backend=Judging(merchant_id, look_ups),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        if url.userinfo:
            raise AddressRefused("It has a user in it (what stands before @).")
        port = names.port_of(url.scheme) if url.port is None else url.port
        names.check_place(url.scheme, url.raw_host.decode("ascii"), port, self._merchant_id)
        return await super().handle_async_request(request)


class Judging(httpcore.AsyncNetworkBackend):
    """Opens a connection to what a name resolved to, once all of it was judged."""

    def __init__(self, merchant_id: UUID, look_ups: LookUps) -> None:
        self._inner = httpcore.AnyIOBackend()
        self._merchant_id = merchant_id
        self._look_ups = look_ups

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        until = None if timeout is None else time.monotonic() + timeout
        is_open = names.is_open(host, port, self._merchant_id)
        if not is_open:
            names.check_place("https", host, port, self._merchant_id)
        found = await self._look_ups.addresses(self._merchant_id, host, timeout)
        if not is_open:
            names.check_resolved(found)  # what is remembered too: each connection is judged by itself
        error: Exception | None = None
        for tried, address in enumerate(found[:_TRIED_MAX]):
            try:
                share = _share(until, min(len(found), _TRIED_MAX) - tried)
                return await self._inner.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                error = failed
        raise error or httpcore.ConnectError(f"{host} has no address.")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise AddressRefused("Nothing is sent to a socket of this machine.")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def _share(until: float | None, left: int) -> float | None:
    """Seconds for one of so many addresses, so that the first that is silent does not use up all."""
    return None if until is None else max(0.01, (until - time.monotonic()) / left)
