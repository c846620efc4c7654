"""GraphQL over HTTP and WebSocket: Strawberry's view, kept to the GraphQL-over-HTTP draft and to our own rules.

Where the draft has moved past its audit (422 for validation errors, 294 for partial data) the audit's 400 and 200 stay.
"""

import json
from collections.abc import AsyncIterator, Callable, Hashable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, Generic, TypeVar, cast

from cross_web import AsyncHTTPRequestAdapter, HTTPException
from graphql import ExecutionResult as CoreExecutionResult
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.exceptions import MissingQueryError
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData, process_result
from strawberry.http.base import BaseRequestProtocol
from strawberry.http.streaming import HTTPStreamTransport, MultipartSubscriptionTransport, SSETransport
from strawberry.schema import BaseSchema
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.subscriptions import (
    GRAPHQL_SSE_PROTOCOL,
    GRAPHQL_TRANSPORT_WS_PROTOCOL,
    MULTIPART_SUBSCRIPTION_PROTOCOL,
)
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from api.doors import Gate, Holder, address_of, busy, deny, limited, open_gate
from api.graphql.transport import accept
from api.graphql.transport.authority import Authenticate, Authenticated, Watches, bearer
from api.graphql.transport.bounds import AT_ONCE, WAITING_MAX, ClientGone, OperationBounds
from api.graphql.transport.codes import OPERATION_NOT_TAKEN, OPERATION_UNKNOWN
from api.graphql.transport.documents import Reader, TooManyDocuments, reader
from api.graphql.transport.masking import NOT_TAKEN_HERE, presented
from api.graphql.transport.parameters import (
    WrittenRefusal,
    checked,
    is_json,
    parameters_of,
    refusal,
    refuse_input,
    refused,
)
from api.graphql.transport.sockets import SocketAdapter, SocketHandler
from api.graphql.transport.statuses import come_back, failure_status
from api.graphql.transport.streams import EventStream, HeldStream, SharedResults, until
from api.graphql.transport.trusted import TrustedDocuments
from api.graphql.transport.turns import Turns
from api.graphql.transport.values import refused_json
from api.http import RETRY_AFTER, request_id
from api.places import EVERYBODY
from api.socket_protocol import ABORTING
from domain.platform import metrics

C = TypeVar("C")
P = TypeVar("P", bound=Authenticated)

INIT_SECONDS: Final = 5.0
RECHECK_SECONDS: Final = 2.0
SUBSCRIPTIONS_MAX: Final = 20
_PROTOCOLS: Final = (GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_SSE_PROTOCOL, MULTIPART_SUBSCRIPTION_PROTOCOL)
_STREAMS: Final = {
    accept.EVENT_STREAM: SSETransport.protocol,
    accept.MULTIPART: MultipartSubscriptionTransport.protocol,
}
_PLACE: Final = "estorno.place"  # in the scope: one of the requests that are worked on
_LEFT: Final = "estorno.left"  # in the scope: what is left of the token's rate
_TAKEN: Final = {
    "GET": {OperationType.QUERY},
    "POST": {OperationType.QUERY, OperationType.MUTATION},
}


class _Draft(Response):
    """The answer in the making: its media type, and whose stream it will be."""

    def __init__(self, media_type: str) -> None:
        super().__init__()
        del self.headers["content-length"]
        self.chosen = media_type
        self.authority: tuple[str | None, Authenticated] | None = None


class GraphQLView(SharedResults, GraphQL[C, None], Generic[C, P]):
    """An ASGI app for one path, HTTP and WebSocket.

    `authenticate` finds the principal of a bearer token; `make_context(principal, request_id)` makes the context of one
    operation (also on a socket, where Strawberry would keep one for the whole connection). A socket or stream ends at
    most `recheck_seconds` after its token expired, was revoked or changed. `bounds` hold every operation over HTTP;
    those of principals with the same `share_of` take turns.
    """

    graphql_transport_ws_handler_class = SocketHandler
    websocket_adapter_class = SocketAdapter
    stream_transport_classes_by_protocol: Mapping[str, type[HTTPStreamTransport]] = {
        GRAPHQL_SSE_PROTOCOL: EventStream,
        MULTIPART_SUBSCRIPTION_PROTOCOL: MultipartSubscriptionTransport,
    }

    def __init__(
        self,
        schema: BaseSchema,
        *,
        authenticate: Authenticate[P],
        make_context: Callable[[P, str], C],
        allowed_origins: Sequence[str] = (),
        init_seconds: float = INIT_SECONDS,
        recheck_seconds: float = RECHECK_SECONDS,
        subscriptions_max: int = SUBSCRIPTIONS_MAX,
        gate: Gate | None = None,
        bounds: OperationBounds | None = None,
        share_of: Callable[[P], Hashable] = lambda principal: None,
        trusted: TrustedDocuments | None = None,
    ) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
            allow_queries_via_get=True,
            subscription_protocols=_PROTOCOLS,
            connection_init_wait_timeout=timedelta(seconds=init_seconds),
            multipart_uploads_enabled=False,
            max_subscriptions_per_connection=subscriptions_max,
            allowed_origins=allowed_origins,
        )
        self.authenticate = authenticate
        self.make_context = make_context
        self.watches = Watches(authenticate, recheck_seconds)
        self.gate = gate or open_gate()
        self.bounds = bounds or OperationBounds(Turns(AT_ONCE, WAITING_MAX))
        self.share_of = share_of
        self.trusted = trusted or TrustedDocuments()

    def new_context(self, principal: P) -> C:
        """A context for one operation, with the ID of the request that is being served."""
        return self.make_context(principal, request_id())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                response = await self._answer(Request(scope, receive))
                if isinstance(response, HeldStream):
                    _leave(scope)  # It counts among the sockets.
                await response(scope, receive, send)
            finally:
                _leave(scope)
        else:
            await self._serve_socket(WebSocket(scope, receive, send))

    async def _answer(self, request: Request) -> Response:
        try:
            return await self.run(request)
        except HTTPException as why:
            return refusal(request, why)

    async def _serve_socket(self, socket: WebSocket) -> None:
        # The process's own place is taken when the token has come: without one nobody takes it from those who have one.
        full = self.gate.sockets.full("process", EVERYBODY)
        held = None if full else self.gate.sockets.take({"address": address_of(socket)})
        if held is None:
            await deny(busy(), socket.scope, socket.receive, socket.send)
            return
        try:
            await self.run(socket)
        finally:  # A connection that was told to close, and does not, is still one of its address.
            socket.scope.get("extensions", {}).get(ABORTING, {"when_lost": _at_once})["when_lost"](held.leave)

    async def get_sub_response(self, request: Request | WebSocket) -> Response:
        """A draft that knows in which media type is answered. Raises HTTPException: 405 and 406."""
        if request.scope["method"] not in _TAKEN:
            raise HTTPException(405, "GraphQL is asked by GET (queries) or POST.")
        media_type = accept.preferred(", ".join(request.headers.getlist("accept")))
        if media_type is None:
            raise HTTPException(406, f"We answer in {accept.GRAPHQL_RESPONSE} or {accept.JSON}; accept one of them.")
        return _Draft(media_type)

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> C:
        """Who asks, by the bearer token, as a context; None for a WebSocket. Raises HTTPException, WrittenRefusal."""
        if isinstance(request, WebSocket):
            # The token may come after the handshake: the handler makes a context for each operation.
            return cast("C", None)
        token = bearer(request.headers.get("authorization"))
        principal = await self.authenticate(token)
        if principal is None:
            raise HTTPException(401, "Send a valid token: `Authorization: Bearer <token>`.")
        holder = Holder(token or "", str(self.share_of(principal)))
        reader.set(Reader(self.gate.rates, holder, self.gate.executions))
        seconds = await self.gate.rates.seconds_to_wait("token", holder.token)
        request.scope[_LEFT] = left = self.gate.rates.left("token", holder.token)
        if seconds:
            raise WrittenRefusal(limited(seconds, left))
        request.scope[_PLACE] = self.gate.requests.take(holder.merchant)
        if request.scope[_PLACE] is None:
            raise WrittenRefusal(busy())
        cast("_Draft", response).authority = (token, principal)
        return self.new_context(principal)

    def should_render_graphql_ide(self, request: BaseRequestProtocol) -> bool:
        """No: the pages for people are the console's."""
        return False

    def decode_json(self, data: str | bytes) -> object:
        """JSON, or JSONDecodeError: also for bad UTF-8, numbers of thousands of digits and endless nesting."""
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise json.JSONDecodeError(str(error), "", 0) from None

    def _get_stream_transport_from_headers(self, headers: Mapping[str, str]) -> HTTPStreamTransport | None:
        """A stream only for a client that likes it best: urql lists text/event-stream, last, on every plain query."""
        protocol = _STREAMS.get(accept.preferred(headers.get("accept")) or "")
        return self._get_stream_transport(protocol) if protocol else None

    async def parse_http_body(self, request: AsyncHTTPRequestAdapter) -> GraphQLRequestData:
        """The operation that is asked for, by GET or POST. Raises HTTPException where it cannot be read."""
        if request.method == "GET":
            asked = self.parse_query_params(request.query_params)
            data: object = {name: value for name, value in asked.items() if value != ""}
        elif is_json(request.content_type):
            body = await request.get_body()
            refuse_input(refused_json(body))
            data = self.parse_json(body)
        else:
            raise HTTPException(415, "Send the request as `Content-Type: application/json`.")
        given = checked(data)
        transport = self._get_stream_transport_from_headers(request.headers)
        return parameters_of(self.trusted.text_of(given), given, transport)

    async def execute_operation(self, *arguments: Any, **more: Any) -> Any:
        """The library's; too many new documents of one reader are answered 429."""
        try:
            return await super().execute_operation(*arguments, **more)
        except TooManyDocuments as said:
            raise WrittenRefusal(limited(said.seconds)) from None

    async def execute_single(
        self,
        request: Request,
        request_adapter: AsyncHTTPRequestAdapter,
        sub_response: Response,
        context: C,
        root_value: None,
        request_data: GraphQLRequestData,
    ) -> ExecutionResult:
        async def execute() -> ExecutionResult:
            return await self.schema.execute(
                request_data.query,
                variable_values=request_data.variables,
                context_value=context,
                operation_name=request_data.operation_name,
                allowed_operation_types=_TAKEN[request_adapter.method],
                operation_extensions=request_data.extensions,
            )

        _, principal = cast("tuple[str | None, P]", cast("_Draft", sub_response).authority)
        try:
            with metrics.operation() as outcome:
                done = await self.bounds.within(self.share_of(principal), request.receive, execute)
                outcome.append("errors" if getattr(done, "errors", None) else "answered")
                return done
        except ClientGone:
            raise HTTPException(400, "The client has gone.") from None
        except CannotGetOperationTypeError as error:
            raise refused(error.as_http_error_reason(), OPERATION_UNKNOWN) from None
        except InvalidOperationTypeError as error:
            raise refused(NOT_TAKEN_HERE[error.operation_type], OPERATION_NOT_TAKEN) from None
        except MissingQueryError:
            raise HTTPException(400, "The request has no `query`.") from None

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        """What is answered, errors masked; `data` is left out where nothing was executed, or a database went away."""
        if result.errors:
            # Errors of extensions pass by the one that masks.
            result.errors = [presented(error) for error in result.errors]
        response = process_result(cast("CoreExecutionResult", result))
        failed_before_execution = result.data is None and not any(error.path for error in result.errors or ())
        if failed_before_execution or come_back(response):
            del response["data"]  # Part of an answer, cut short by a database that went away, would be a half-truth.
        if left := request.scope.get(_LEFT):
            response["extensions"] = {**(response.get("extensions") or {}), "rateLimit": left.told()}
        return response

    def create_response(
        self, response_data: GraphQLHTTPResponse | list[GraphQLHTTPResponse], sub_response: Response
    ) -> Response:
        """200, or in the newer media type the status of what failed; 503 wherever coming back helps."""
        chosen = cast("_Draft", sub_response).chosen
        answer = cast("GraphQLHTTPResponse", response_data)
        strict = chosen == accept.GRAPHQL_RESPONSE
        away = come_back(answer)  # 503 in every media type: clients and proxies know to come back
        status = failure_status(answer) if away or (strict and "data" not in answer) else 200
        media_type = f"{chosen}; charset=utf-8" if strict else accept.JSON
        return Response(self.encode_json(answer), status, RETRY_AFTER if away else None, media_type)

    async def create_streaming_response(
        self,
        request: Request | WebSocket,
        stream: Callable[[], AsyncIterator[str]],
        sub_response: Response,
        headers: Mapping[str, str],
    ) -> Response:
        """Events, held open within the places of who asks. Raises WrittenRefusal where none is free."""
        token, principal = cast("tuple[str | None, P]", cast("_Draft", sub_response).authority)
        holder = Holder(token or "", str(self.share_of(principal)))
        held = self.gate.take_stream(address_of(request), holder)
        if held is None:
            raise WrittenRefusal(busy())
        return HeldStream(held, until(self.watches.ended(token, principal), stream()), headers)


def _at_once(do: Callable[[], None]) -> None:
    do()


def _leave(scope: Scope) -> None:
    if held := scope.pop(_PLACE, None):
        held.leave()
