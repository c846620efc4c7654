"""What surrounds every GraphQL operation: documents checked once and kept, unexpected errors masked, the request ID."""

import re
from collections.abc import AsyncGenerator, Iterable, Iterator
from typing import Any, Final, cast

import strawberry
import structlog
from graphql import GraphQLError
from strawberry.extensions import MaskErrors, SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionContext, ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from api.graphql.transport.documents import DocumentCache, Known
from api.graphql.transport.limits import Limits
from api.graphql.transport.scalars import SCALARS
from api.http import COME_BACK, UNAVAILABLE, request_id
from domain.platform.database import overtime, unavailable
from domain.problems import Problem

UNEXPECTED: Final = "Unexpected error; quote the requestId to support."
INTERNAL_ERROR: Final = "INTERNAL_ERROR"
NOT_TAKEN_HERE: Final = {
    OperationType.QUERY: "Queries are not taken here; send them by HTTP POST.",
    OperationType.MUTATION: "Mutations are not taken here; send them by HTTP POST.",
    OperationType.SUBSCRIPTION: (
        "A subscription needs a stream: use a WebSocket (graphql-transport-ws), or ask for text/event-stream or "
        "multipart/mixed;subscriptionSpec=1.0 first in Accept."
    ),
}
_HINT = re.compile(r"\s{0,3}Did you mean [^?]{0,300}\?")
_MESSAGE_MAX: Final = 1_000  # characters; graphql-core quotes the whole value that it refuses
_log = structlog.get_logger()


class Documents(SchemaExtension):
    """Parses and checks within the limits, from the cache where the text is known."""

    def __init__(self, cache: DocumentCache) -> None:
        self._cache = cache
        self._known: Known | None = None

    def on_operation(self) -> Iterator[None]:
        # Strawberry's own type of these options knows one of them only.
        cast("dict[str, int]", self.execution_context.parse_options).update(self._cache.parse_options)
        yield

    def on_parse(self) -> Iterator[None]:
        known = self._cache.read(self.execution_context.schema._schema, self.execution_context.query or "")
        if known.document is None:
            raise known.errors[0].with_traceback(None)  # Only `execute_sync` comes here with what cannot be parsed.
        self._known = known
        self.execution_context.graphql_document = known.document
        yield

    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        if self._known is not None:
            context.pre_execution_errors = self._cache.errors(
                context.schema._schema, self._known, context.operation_name, context.variables
            )
        yield


class Masking(MaskErrors):
    """Lets through what was written for clients, and puts one sentence in the place of everything else."""

    def __init__(self) -> None:
        super().__init__()  # Every error passes `presented`, which leaves alone what may stay as it is.

    def anonymise_error(self, error: GraphQLError) -> GraphQLError:
        return presented(error)


class RequestIdExtension(SchemaExtension):
    """`extensions.requestId` on every answer."""

    def get_results(self) -> dict[str, Any]:
        return _told()


class Schema(strawberry.Schema):
    """A schema that logs an error where it is masked, and not every typing mistake of a client.

    A document that is new to it waits for its turn to be read, before anything else. Raises TooManyDocuments.
    """

    documents: DocumentCache

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        pass

    async def execute(self, query: str | None, *arguments: Any, **more: Any) -> Any:
        unreadable = await self._unreadable(query)
        if unreadable:
            return ExecutionResult(data=None, errors=unreadable, extensions=_told())
        return await super().execute(query, *arguments, **more)

    async def stream(self, query: str | None, *arguments: Any, **more: Any) -> Any:
        unreadable = await self._unreadable(query)
        return _refused(unreadable) if unreadable else await super().stream(query, *arguments, **more)

    async def _unreadable(self, text: str | None) -> list[GraphQLError]:
        """Why it cannot be parsed. Everything else that is wrong with it is said later, of one of its operations."""
        known = await self.documents.known(self._schema, text) if text else None
        return [presented(error) for error in known.errors] if known and known.document is None else []


async def _refused(errors: list[GraphQLError]) -> AsyncGenerator[PreExecutionError, None]:
    yield PreExecutionError(data=None, errors=errors, extensions=_told())


def _told() -> dict[str, Any]:
    return {"requestId": request_id()} if request_id() else {}


def build_schema(
    query: type,
    mutation: type | None = None,
    subscription: type | None = None,
    *,
    types: Iterable[type] = (),
    documents: DocumentCache | None = None,
) -> Schema:
    """A schema with our scalars, limits, masking and request IDs. `documents` holds the limits where it is given."""
    cache = documents or DocumentCache(Limits())
    schema = Schema(
        query=query,
        mutation=mutation,
        subscription=subscription,
        types=types,
        extensions=[Masking, lambda: Documents(cache), RequestIdExtension],
        config=StrawberryConfig(scalar_map=SCALARS, disable_field_suggestions=True),
    )
    schema.documents = cache
    return schema


def presented(error: GraphQLError) -> GraphQLError:
    """The error as a client may read it; what nobody foresaw is logged and masked."""
    cause = _cause(error)
    if isinstance(cause, Problem):
        return _reworded(error, cause.message, {"code": cause.code})
    if isinstance(cause, InvalidOperationTypeError):
        return _reworded(error, NOT_TAKEN_HERE[cause.operation_type])
    if cause is None or isinstance(cause, CannotGetOperationTypeError):
        worded = _HINT.sub("", error.message[:_MESSAGE_MAX])
        return error if worded == error.message else _reworded(error, worded, error.extensions)
    if unavailable(cause) or overtime(cause):
        _log.warning("graphql.unavailable", path=error.path, error=str(cause))
        return _reworded(error, COME_BACK, {"code": UNAVAILABLE, "requestId": request_id()})
    _log.error("graphql.failed", path=error.path, exc_info=cause)
    return _reworded(error, UNEXPECTED, {"code": INTERNAL_ERROR, "requestId": request_id()})


def _cause(error: GraphQLError) -> Exception | None:
    """The exception behind an error that is not a GraphQL error itself."""
    cause: Exception | None = error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause


def _reworded(error: GraphQLError, message: str, extensions: dict[str, Any] | None = None) -> GraphQLError:
    return GraphQLError(message, error.nodes, error.source, error.positions, error.path, extensions=extensions or None)
