"""The server in front of the application: how it is configured, and how it starts. `python -m api.server`."""

import asyncio
import gc
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp

from api.app import create
from api.doors import GRAPHQL_PATH
from api.graphql.transport.sockets import MESSAGE_BYTES_MAX
from api.http_protocol import HttpProtocol, RequestBounds
from api.idle import Idle
from api.socket_protocol import SocketProtocol
from domain.keys import trial
from domain.platform.log import configure
from domain.platform.settings import Settings


def configuration(app: ASGIApp, settings: Settings, **more: Any) -> uvicorn.Config:
    """uvicorn's configuration for the application; `more` goes to it too."""
    bounds = RequestBounds(settings.head_seconds, settings.body_seconds, settings.connections_max, GRAPHQL_PATH)
    idle = Idle(settings.idle_per_address)
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=cast("type[asyncio.Protocol]", partial(HttpProtocol, bounds=bounds, idle=idle)),
        ws=cast("type[asyncio.Protocol]", partial(SocketProtocol, unread_seconds=settings.body_seconds, idle=idle)),
        ws_max_size=MESSAGE_BYTES_MAX,
        ws_per_message_deflate=False,  # a kilobyte of it can be a megabyte
        ws_ping_interval=20.0,
        log_config=None,
        access_log=False,
        **{"timeout_graceful_shutdown": 10, **more},
    )


def main(make: Callable[[Settings], ASGIApp] = create) -> None:
    """Serve until a signal."""
    settings = Settings.read()
    configure(settings)
    server = uvicorn.Server(configuration(make(settings), settings))
    gc.collect()
    gc.freeze()  # the schema and all modules: else each large input has the collector walk through them again and again
    server.run()


if __name__ == "__main__":
    trial.or_stop(Settings.read())
    main()
