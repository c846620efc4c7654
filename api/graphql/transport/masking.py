"""What a client may read of an error: what was written for clients, and one sentence in the place of all else."""

import re
from typing import Any, Final

import structlog
from graphql import GraphQLError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.graphql import OperationType

from api.graphql.spoken.languages import locale_of
from api.graphql.spoken.messages import in_words
from api.graphql.transport.codes import INVALID_INPUT, OPERATION_NOT_TAKEN, OPERATION_UNKNOWN, coded
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


def requested() -> dict[str, Any]:
    """The `extensions` of an answer: the ID of the request, where there is one."""
    return {"requestId": request_id()} if request_id() else {}


def foreseen(error: GraphQLError) -> bool:
    """Whether it was written for clients: it says the same to each of them, and is not masked."""
    cause = _cause(error)
    return cause is None or isinstance(cause, Problem | InvalidOperationTypeError | CannotGetOperationTypeError)


def presented(error: GraphQLError) -> GraphQLError:
    """The error as a client may read it; what nobody foresaw is logged and masked."""
    cause = _cause(error)
    if isinstance(cause, Problem):
        return _reworded(error, in_words(cause.message, cause.code, locale_of(None)), {"code": cause.code})
    if isinstance(cause, InvalidOperationTypeError):
        return _reworded(error, NOT_TAKEN_HERE[cause.operation_type], {"code": OPERATION_NOT_TAKEN})
    if cause is None or isinstance(cause, CannotGetOperationTypeError):
        # What has no code by now is a value that is none of its type.
        coded(error, INVALID_INPUT if cause is None else OPERATION_UNKNOWN)
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
