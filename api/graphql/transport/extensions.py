"""What surrounds every GraphQL operation: documents checked once and kept, unexpected errors masked, the request ID."""

from collections.abc import AsyncGenerator, Iterable, Iterator
from copy import copy
from typing import Any, cast

import strawberry
from graphql import GraphQLError
from strawberry.extensions import MaskErrors
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext, ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from api.graphql.transport.cost import Count
from api.graphql.transport.documents import DocumentCache, KnownText
from api.graphql.transport.limits import Limits
from api.graphql.transport.live_results import EventExecutor, LiveRequest, live_results
from api.graphql.transport.masking import presented, requested
from api.graphql.transport.scalars import SCALARS


class Around(MaskErrors):
    """All of it in one: for each extension Strawberry looks for its hooks four times an operation.

    It parses and checks within the limits, from the cache where the text is known; it lets through what was written
    for clients, and puts one sentence in the place of every other error; and it says `extensions.requestId` and `cost`.
    """

    def __init__(self, cache: DocumentCache) -> None:
        super().__init__()  # Every error passes `presented`, which leaves alone what may stay as it is.
        self._cache = cache
        self._known: KnownText | None = None
        self._count: Count | None = None

    def on_operation(self) -> Iterator[None]:
        # Strawberry's own type of these options knows one of them only.
        cast("dict[str, int]", self.execution_context.parse_options).update(self._cache.parse_options)
        yield from super().on_operation()

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
            context.pre_execution_errors, self._count = self._cache.verdict(
                context.schema._schema, self._known, context.operation_name, context.variables, context.context
            )
            if self._count and context.operation_type is OperationType.SUBSCRIPTION:
                self._count = None  # It would be told with each event.
        yield

    def _process_result(self, result: object) -> None:
        if getattr(result, "errors", None):  # Strawberry asks a protocol first whether there can be any
            super()._process_result(result)

    def anonymise_error(self, error: GraphQLError) -> GraphQLError:
        return presented(error)

    def get_results(self) -> dict[str, Any]:
        return {"cost": self._cache.limits.told(self._count), **requested()} if self._count else requested()


class Schema(strawberry.Schema):
    """A schema that logs an error where it is masked, and not every typing mistake of a client.

    A document that is new to it waits for its turn to be read, before anything else. Raises TooManyDocuments.
    """

    documents: DocumentCache

    def remembering(self, documents: DocumentCache) -> "Schema":
        """The same types, beside documents of its own."""
        other = copy(self)
        other.extensions = (lambda: Around(documents),)
        other.documents = documents
        return other

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        pass

    async def execute(self, query: str | None, *arguments: Any, **more: Any) -> Any:
        unreadable = _why_unreadable(await self._known(query))
        if unreadable:
            return ExecutionResult(data=None, errors=unreadable, extensions=requested())
        return await super().execute(query, *arguments, **more)

    async def stream(
        self,
        query: str | None,
        variable_values: dict[str, Any] | None = None,
        context_value: Any = None,
        root_value: Any = None,
        operation_name: str | None = None,
        *arguments: Any,
        **more: Any,
    ) -> Any:
        known = await self._known(query)
        unreadable = _why_unreadable(known)
        if unreadable:
            return _refused(unreadable)
        if query and known and known.document:
            asked = LiveRequest(query, known.document, operation_name, variable_values or {})
            live = await live_results(self._schema, self.documents, known, asked, context_value)
            if live is not None:
                return live
        return await super().stream(
            query, variable_values, context_value, root_value, operation_name, *arguments, **more
        )

    async def _known(self, text: str | None) -> KnownText | None:
        return await self.documents.known(self._schema, text) if text else None


def _why_unreadable(known: KnownText | None) -> list[GraphQLError]:
    """Why it cannot be parsed. Everything else that is wrong with it is said later, of one of its operations."""
    return [presented(error) for error in known.errors] if known and known.document is None else []


async def _refused(errors: list[GraphQLError]) -> AsyncGenerator[PreExecutionError, None]:
    yield PreExecutionError(data=None, errors=errors, extensions=requested())


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
        extensions=[lambda: Around(cache)],
        execution_context_class=EventExecutor,
        config=StrawberryConfig(scalar_map=SCALARS, disable_field_suggestions=True),
    )
    schema.documents = cache
    return schema
