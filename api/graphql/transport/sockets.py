"""GraphQL over WebSocket (graphql-transport-ws): who may connect, what may be sent, and when the socket must close."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Callable, Hashable, Mapping
from typing import Any, Final, Protocol, cast

from graphql import GraphQLError
from starlette.websockets import WebSocketDisconnect, WebSocketState
from starlette.websockets import WebSocketDisconnected as ClosedAlready
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.http.exceptions import NonJsonMessageReceived, NonTextMessageReceived, WebSocketDisconnected
from strawberry.schema import BaseSchema
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler, Operation
from strawberry.subscriptions.protocols.graphql_transport_ws.types import ConnectionInitMessage, Message
from strawberry.types.execution import PreExecutionError

from api.doors import Gate, Holder, address_of
from api.graphql.transport.authority import TRY_AGAIN, UNAUTHORIZED, Authenticate, Watches, bearer
from api.graphql.transport.live import Rendered, encoded, outlet
from api.graphql.transport.masking import requested
from api.graphql.transport.subscribing import SubscriptionsOnly
from api.graphql.transport.trusted import TrustedDocuments
from api.places import HeldPlace, Newcomer
from api.socket_protocol import ABORTING
from domain.platform.database import unavailable

TOO_LARGE: Final = 1009
TOO_MANY: Final = 4429
# A document, its variables and some room; nobody unknown needs more than a token.
MESSAGE_BYTES_MAX: Final = 65_536
INIT_CHARACTERS_MAX: Final = 4_096
INIT_MESSAGES_MAX: Final = 10
ID_CHARACTERS_MAX: Final = 64
_REASON_BYTES_MAX: Final = 123  # of a close frame (RFC 6455, section 5.5)


class View(Protocol):
    """What a socket needs of the endpoint that it belongs to."""

    authenticate: Authenticate[Any]
    share_of: Callable[[Any], Hashable]
    schema: BaseSchema
    gate: Gate
    watches: Watches[Any]
    trusted: TrustedDocuments

    def new_context(self, principal: Any) -> Any:
        """What the resolvers of one operation are given."""


class SocketAdapter(ASGIWebSocketAdapter):
    """The messages of a socket, small ones until its client is known, and close frames that can be sent."""

    characters_max = INIT_CHARACTERS_MAX
    _messages = 0  # before the client is known

    async def iter_json(self, *, ignore_parsing_errors: bool = False) -> AsyncGenerator[object, None]:
        while self.ws.application_state != WebSocketState.DISCONNECTED:
            message = await self.ws.receive()
            if message["type"] != "websocket.receive":
                return
            text = message.get("text")
            if text is None:
                raise NonTextMessageReceived
            if len(text) > self.characters_max:
                await self.close(TOO_LARGE, f"A message has at most {self.characters_max} characters")
                return
            self._messages += self.characters_max == INIT_CHARACTERS_MAX
            if self._messages > INIT_MESSAGES_MAX:
                await self.close(TOO_MANY, "Say who you are first")
                return
            yield self._decoded(text)
            await asyncio.sleep(0)  # many messages that came in one read are many turns of the loop, not one

    def _decoded(self, text: str) -> object:
        try:
            return self.view.decode_json(text)
        except json.JSONDecodeError as error:
            raise NonJsonMessageReceived from error

    async def close(self, code: int, reason: str) -> None:
        """Close with a reason, cut to what a frame holds; one that has gone already is no error."""
        # Reasons quote the client, and a longer one would be an error of ours.
        cut = reason.encode("utf-8", "replace")[:_REASON_BYTES_MAX].decode("utf-8", "ignore")
        with contextlib.suppress(WebSocketDisconnect, ClosedAlready):  # It has gone by itself, or was closed before.
            await super().close(code, cut)

    async def send_json(self, message: Mapping[str, object]) -> None:
        await self.send_text(self.view.encode_json_string(message))

    async def send_text(self, text: str) -> None:
        try:
            await self.ws.send_text(text)
        except (ClosedAlready, WebSocketDisconnect) as error:
            raise WebSocketDisconnected from error


class SocketHandler(BaseGraphQLTransportWSHandler[Any, None]):
    """One connection. The token comes in the connection-init payload, or as the handshake's Authorization header."""

    _unwatched: Callable[[], None] | None = None
    _closing: asyncio.Task[None] | None = None
    _place: HeldPlace | None = None
    _newcomer: Newcomer | None = None
    _dropping: asyncio.Task[None] | None = None

    def on_request_accepted(self) -> None:
        super().on_request_accepted()
        address = address_of(cast("Any", self.websocket).ws)
        self._newcomer = cast("View", self.view).gate.newcomers.enter(address, self._drop)

    def _drop(self) -> None:
        """Another takes the place of this one, whose client has not said who it is."""
        aborting = cast("Any", self.websocket).ws.scope.get("extensions", {}).get(ABORTING)
        if aborting is not None:
            aborting["abort"]()  # A closing handshake would wait for the client, and so would the connection.
        else:
            self._dropping = asyncio.create_task(self.websocket.close(code=TRY_AGAIN, reason="Connect again"))

    @staticmethod
    def _get_pre_execution_close_reason(error: GraphQLError) -> str | None:
        """None: a document with a typing mistake gets its error, and the socket's other operations go on."""
        return None

    async def handle_task_exception(self, error: Exception) -> None:
        if not isinstance(error, WebSocketDisconnected):  # Nobody is there to be told, and nothing of ours has failed.
            await super().handle_task_exception(error)

    async def handle_message(self, message: Message) -> None:
        if _well_formed(message):
            await super().handle_message(message)
        else:
            await self.handle_invalid_message("Failed to parse message")

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        if not self.connection_init_received and not self.connection_timed_out and not await self._admitted(message):
            return
        await super().handle_connection_init(message)

    async def _admitted(self, message: ConnectionInitMessage) -> bool:
        view = cast("View", self.view)
        token = _token(message.get("payload"), cast("Any", self.websocket).ws.headers)
        try:
            principal = await view.authenticate(token)
        except Exception as error:
            if not unavailable(error):
                raise
            await self.websocket.close(code=TRY_AGAIN, reason="Connect again")
            return False
        if principal is None or self.connection_timed_out:
            await self.websocket.close(code=UNAUTHORIZED, reason="Unauthorized")
            return False
        holder = Holder(token or "", str(view.share_of(principal)))
        self._place = view.gate.sockets.take(holder.places)
        if self._place is None and view.gate.sockets.full("token", holder.token):
            await self.websocket.close(code=TOO_MANY, reason="Too many sockets of this token are open")
            return False
        if self._place is None:
            await self.websocket.close(code=TRY_AGAIN, reason="Connect again")
            return False
        self._no_newcomer()
        extensions = cast("Any", self.websocket).ws.scope.get("extensions", {})
        extensions.get(ABORTING, {"is_known": lambda: None})["is_known"]()
        cast("SocketAdapter", self.websocket).characters_max = MESSAGE_BYTES_MAX
        subscriptions = SubscriptionsOnly(
            view.schema, lambda: view.new_context(principal), view.gate, holder, view.trusted
        )
        self.schema = cast("BaseSchema", subscriptions)
        self._unwatched = view.watches.watch(token, principal, self._end)
        return True

    def _end(self, code: int) -> None:
        self._closing = asyncio.create_task(self._close_all(code), name="socket-authority")

    async def _close_all(self, code: int) -> None:
        # First the operations: one that sends after the close would fail.
        for operation_id in list(self.operations):
            await self.cleanup_operation(operation_id)
        with contextlib.suppress(WebSocketDisconnect, WebSocketDisconnected, RuntimeError):
            await self.websocket.close(code=code, reason="Unauthorized" if code == UNAUTHORIZED else "Connect again")

    def _no_newcomer(self) -> None:
        if self._newcomer is not None:
            self._newcomer.leave()

    async def shutdown(self) -> None:
        self._no_newcomer()
        if self._place is not None:
            self._place.leave()
        if self._unwatched is not None:
            self._unwatched()
        if self._closing is not None:
            self._closing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._closing
        await super().shutdown()

    async def run_operation(self, operation: Operation[Any, None]) -> None:
        push = cast("Any", self.websocket).ws.scope.get("extensions", {}).get(ABORTING, {}).get("push")
        if push is not None:
            outlet.set(_Outlet(push, operation.id))
        await super().run_operation(operation)

    async def _send_result_stream(self, operation: Operation[Any, None], result_source: Any) -> None:
        """As Strawberry sends it, and what was rendered for all as it is."""
        first = True
        async for result in result_source:
            if isinstance(result, Rendered):
                head, tail = _around(operation.id)
                await cast("SocketAdapter", self.websocket).send_text((head + result.json + tail).decode())
            elif first and isinstance(result, PreExecutionError):
                await self._handle_pre_execution_error(operation, result)
                return
            else:
                await operation.send_next(result)
            first = False


class _Outlet:
    """Where a socket takes what was rendered for all: a message of this operation, written at once."""

    __slots__ = ("_head", "_push", "_tail")

    def __init__(self, push: Callable[[bytes], None], operation_id: str) -> None:
        self._push = push
        self._head, self._tail = _around(operation_id)

    def __call__(self, rendered: Rendered) -> None:
        self._push(b"".join((self._head, rendered.json, self._tail)))


def _around(operation_id: str) -> tuple[bytes, bytes]:
    """What stands before and behind a result in its message."""
    head = f'{{"id":{encoded(operation_id)},"type":"next","payload":{{'
    return head.encode(), f',"extensions":{encoded(requested())}}}}}'.encode()


def _token(payload: object, headers: Mapping[str, str]) -> str | None:
    """Browsers cannot set headers on a WebSocket, so the payload comes first."""
    if isinstance(payload, dict):
        for name, value in payload.items():
            if isinstance(value, str) and str(name).lower() in ("authorization", "token"):
                return bearer(value) or value
    return bearer(headers.get("authorization"))


def _well_formed(message: object) -> bool:
    """Strawberry takes the shape of a message for granted; a client need not keep to it."""
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return False
    if message["type"] in ("subscribe", "complete") and not _is_id(message.get("id")):
        return False
    if message["type"] != "subscribe":
        return True
    payload = message.get("payload")
    return (
        isinstance(payload, dict)
        and isinstance(payload.get("query"), str)
        and isinstance(payload.get("variables"), dict | None)
        and isinstance(payload.get("operationName"), str | None)
    )


def _is_id(given: object) -> bool:
    return isinstance(given, str) and len(given) <= ID_CHARACTERS_MAX
