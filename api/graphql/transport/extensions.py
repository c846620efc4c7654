"""What surrounds every GraphQL operation: documents checked once and kept, unexpected errors masked, the request ID."""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, cast

import strawberry
import structlog
from graphql import (
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    parse,
    specified_rules,
    validate,
)
from graphql.validation.rules import overlapping_fields_can_be_merged
from strawberry.extensions import MaskErrors, SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule
from strawberry.types import ExecutionContext
from strawberry.types.graphql import OperationType

from api.graphql.transport.limits import Limits, check, check_cost
from api.graphql.transport.scalars import SCALARS
from api.graphql.transport.values import refused_variables
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
_DOCUMENTS_KEPT: Final = 128
_HINT = re.compile(r"\s{0,3}Did you mean [^?]{0,300}\?")
_MESSAGE_MAX: Final = 1_000  # characters; graphql-core quotes the whole value that it refuses
_log = structlog.get_logger()

# graphql-core compares fields of the same name pairwise, up to this budget; its default is seconds of CPU for one
# document. What our limits let through stays far below this one.
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = 10_000


@dataclass(slots=True)
class _Known:
    """A document of a text that was sent before, and what validation said of it."""

    document: DocumentNode
    errors: list[GraphQLError] | None = None
    cost_depends_on_variables: bool = False


class DocumentCache:
    """Documents by their text, least recently used ones forgotten. One for each schema, shared by its requests."""

    def __init__(self, limits: Limits, *, introspection: bool = True) -> None:
        self.limits = limits
        extra: tuple[type[ASTValidationRule], ...] = (MaybeNullValidationRule, OneOfInputValidationRule)
        if not introspection:
            extra = (*extra, NoSchemaIntrospectionCustomRule)
        self._rules = (*specified_rules, *extra)
        self.get = lru_cache(maxsize=_DOCUMENTS_KEPT)(self._parse)

    @property
    def parse_options(self) -> dict[str, int]:
        return {"max_tokens": self.limits.tokens, "max_source_length": self.limits.characters}

    def _parse(self, text: str) -> _Known:
        limits = self.limits
        return _Known(parse(text, max_tokens=limits.tokens, max_source_length=limits.characters))

    def errors(self, schema: GraphQLSchema, known: _Known, name: str | None, variables: Any) -> list[GraphQLError]:
        """What is wrong with the operation `name`. Only the part that variables cannot change is remembered."""
        given = variables if isinstance(variables, dict) else {}
        refused = refused_variables(given, self.limits)
        if refused is not None:
            return [refused]
        if known.errors is None:
            verdict = check(schema, known.document, self.limits)
            known.cost_depends_on_variables = verdict.cost_depends_on_variables
            # Our limits come first: they bound what the rules of the specification have to walk through.
            known.errors = list(verdict.errors) or validate(schema, known.document, self._rules, hide_suggestions=True)
        if known.errors or not known.cost_depends_on_variables:
            return list(known.errors)
        return check_cost(schema, known.document, self.limits, name, given)


class Documents(SchemaExtension):
    """Parses and checks within the limits, from the cache where the text is known."""

    def __init__(self, cache: DocumentCache) -> None:
        self._cache = cache
        self._known: _Known | None = None

    def on_operation(self) -> Iterator[None]:
        # Strawberry's own type of these options knows one of them only.
        cast("dict[str, int]", self.execution_context.parse_options).update(self._cache.parse_options)
        yield

    def on_parse(self) -> Iterator[None]:
        # A syntax error is left to Strawberry, which parses again and reports it: one raised here would end a
        # WebSocket operation without a word.
        with suppress(GraphQLError):
            self._known = self._cache.get(self.execution_context.query or "")
            self.execution_context.graphql_document = self._known.document
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
        return {"requestId": request_id()} if request_id() else {}


class Schema(strawberry.Schema):
    """A schema that logs an error where it is masked, and not every typing mistake of a client."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        pass


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
    return Schema(
        query=query,
        mutation=mutation,
        subscription=subscription,
        types=types,
        extensions=[Masking, lambda: Documents(cache), RequestIdExtension],
        config=StrawberryConfig(scalar_map=SCALARS, disable_field_suggestions=True),
    )


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
