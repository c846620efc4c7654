"""The results of live subscriptions: which operations are live, and how their items are executed."""

import inspect
import json
from collections.abc import AsyncGenerator, Callable, Hashable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, cast

from graphql import (
    SKIP,
    DocumentNode,
    Executor,
    FieldNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    Visitor,
    create_source_event_stream,
    execute_subscription_event,
    get_operation_ast,
    visit,
)
from graphql import ExecutionResult as CoreResult
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from api.doors import RATE_LIMITED
from api.graphql.transport.documents import DocumentCache, KnownText, reader
from api.graphql.transport.feeds import Room
from api.graphql.transport.follow import Item
from api.graphql.transport.live import LIVE, Followed, Rendered, SeeingAlike, TooSlow, told
from api.graphql.transport.masking import foreseen, presented, requested
from api.places import HeldPlace, Places

TOO_SLOW: Final = "TOO_SLOW"
_TOO_SLOW: Final = "You read too slowly; subscribe again behind the last cursor that you have."
_TOO_MANY: Final = (
    "Too many different live documents are executed; send the same document and variables as others, or end one."
)
_MISSING: Final = object()
Result = ExecutionResult | PreExecutionError | Rendered


@dataclass(frozen=True, slots=True)
class _LiveOperation:
    """An operation of a live field, and the variables that its results depend on.

    Those that only the field's own arguments use say what is followed, and from where on: that is in the room already.
    """

    root: FieldNode
    variables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LiveRequest:
    """What one subscription sent."""

    text: str
    document: DocumentNode
    operation_name: str | None
    variables: Mapping[str, Any]


async def live_results(
    schema: Any, documents: DocumentCache, known: KnownText, asked: LiveRequest, context: Any
) -> AsyncGenerator[Result, None] | None:
    """The results of a live subscription; None: it is none, or is refused, and Strawberry answers."""
    operation = _live_operation(schema, known, asked)
    if operation is None or documents.errors(schema, known, asked.operation_name, asked.variables, context):
        return None
    executor = _executor(schema, asked, context)
    if executor is None:
        return None
    source: Any = create_source_event_stream(executor)
    if inspect.isawaitable(source):
        source = await source
    if isinstance(source, CoreResult):
        return _refused([presented(error) for error in source.errors or ()])
    seen = {name: asked.variables[name] for name in operation.variables if name in asked.variables}
    key = (asked.text, asked.operation_name, json.dumps(seen, sort_keys=True), source.scope)
    return _results(source, key, _Executors(schema, asked, context))


def _live_operation(schema: Any, known: KnownText, asked: LiveRequest) -> _LiveOperation | None:
    found = known.live.get(asked.operation_name, _MISSING)
    if found is _MISSING:
        found = _found(schema, known.document, asked.operation_name) if known.document and not known.errors else None
        if found is not None:
            known.live[asked.operation_name] = found  # Others are bounded by nothing: any name may be asked for.
    return cast("_LiveOperation | None", found)


def _found(schema: Any, document: DocumentNode, name: str | None) -> _LiveOperation | None:
    operation = get_operation_ast(document, name)
    if operation is None or operation.operation is not OperationType.SUBSCRIPTION or schema.subscription_type is None:
        return None
    root = _only_field(operation)
    field = schema.subscription_type.fields.get(root.name.value) if root else None
    definition = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF) if field else None
    if root is None or definition is None or not LIVE.items() <= (definition.metadata or {}).items():
        return None
    variables = _Variables(root)
    visit(document, variables)
    return _LiveOperation(root, tuple(sorted(variables.names)))


def _only_field(operation: OperationDefinitionNode) -> FieldNode | None:
    selections = operation.selection_set.selections
    root = selections[0] if len(selections) == 1 else None
    return root if isinstance(root, FieldNode) and not root.directives else None


class _Variables(Visitor):
    """The variables of a document, beside those in the arguments of its root field."""

    def __init__(self, root: FieldNode) -> None:
        super().__init__()
        self._root = root
        self.names: set[str] = set()

    def enter_variable_definition(self, *_: Any) -> Any:
        return SKIP

    def enter_argument(self, node: Any, *_: Any) -> Any:
        return SKIP if any(node is one for one in self._root.arguments or ()) else None

    def enter_variable(self, node: Any, *_: Any) -> None:
        self.names.add(node.name.value)


class EventExecutor(StrawberryGraphQLCoreExecutionContext):
    """Forgets with an event what was collected for it: graphql-core 3.3.2 keeps that as long as the subscription."""

    def build_per_event_executor(self, payload: Any) -> Executor[Any]:
        made: Executor[Any] = super().build_per_event_executor(payload)
        made._relevant_sub_fields = {}
        return made


def _executor(schema: Any, asked: LiveRequest, context: Any) -> Executor[Any] | None:
    made = EventExecutor.build(
        schema, asked.document, None, context, dict(asked.variables), asked.operation_name, hide_suggestions=True
    )
    return None if isinstance(made, list) else made


async def _executed(executor: Executor[Any], shown: Any) -> CoreResult:
    result = execute_subscription_event(executor.build_per_event_executor(shown))
    return await result if inspect.isawaitable(result) else result


class Renderer:
    """Renders items for all who see the same."""

    __slots__ = ("__weakref__", "_executor", "_shown")

    def __init__(self, executor: Executor[Any], shown: Callable[[Any], Any]) -> None:
        self._executor = executor
        self._shown = shown

    async def __call__(self, item: Item[Any]) -> Rendered | None:
        """None: it must be told, logged and masked where each executes for itself."""
        try:
            result = await _executed(self._executor, self._shown(item))
            errors = result.errors or []
            if not all(foreseen(error) for error in errors):
                return None
            return Rendered.of(result.data, [presented(error).formatted for error in errors])
        except Exception:
            return None


class _Executors:
    """What executes an operation, made when it is needed: few followers need their own once they have caught up."""

    __slots__ = ("_asked", "_context", "_schema")

    def __init__(self, schema: Any, asked: LiveRequest, context: Any) -> None:
        self._schema = schema
        self._asked = asked
        self._context = context

    async def own(self, shown: Any) -> ExecutionResult:
        """The result for this follower alone."""
        result = await _executed(self._made(self._context), shown)
        errors = [presented(error) for error in result.errors or ()]
        return ExecutionResult(data=result.data, errors=errors or None, extensions=requested())

    def shared(self, source: Followed[Any, Any], key: Hashable) -> Renderer:
        """What renders for all who see the same, also of other things that are followed."""
        renderer = source.feed.renderers.get(key)
        if renderer is None:
            renderer = source.feed.renderers[key] = Renderer(self._made(source.shared), source.shown)
        return renderer

    def _made(self, context: Any) -> Executor[Any]:
        executor = _executor(self._schema, self._asked, context)
        assert executor is not None, "It was made before, when the operation began."
        return executor


async def _results(source: Followed[Any, Any], key: Hashable, executors: _Executors) -> AsyncGenerator[Result, None]:
    room = source.enter()
    group: SeeingAlike | None = None
    try:
        group = _group(source, room, key, executors)
        if group is None:
            yield _failure([GraphQLError(_TOO_MANY, extensions={"code": RATE_LIMITED})], PreExecutionError)
            return
        async with aclosing(told(source, room, group)) as news:
            async for one in news:
                yield one if isinstance(one, Rendered) else await executors.own(source.shown(one))
    except TooSlow:
        yield _failure([GraphQLError(_TOO_SLOW, extensions={"code": TOO_SLOW})])
    except Exception as error:
        yield _failure([presented(GraphQLError(str(error), original_error=error))])
    finally:
        if group is not None and group.leave():
            del room.audiences[key]
        source.feed.leave(room)


def _group(source: Followed[Any, Any], room: Room[Any], key: Hashable, executors: _Executors) -> SeeingAlike | None:
    """Those who see the same, and one more; None: nobody does, and there is no place for another execution."""
    group = cast("SeeingAlike | None", room.audiences.get(key))
    if group is None:
        held = _place()
        if held is None:
            return None
        group = room.audiences[key] = SeeingAlike(executors.shared(source, key), held)
    group.inside += 1
    return group


def _place() -> HeldPlace | None:
    asking = reader.get()
    return asking.executions.take(asking.holder.places) if asking else Places({}).take({})


def _failure(errors: list[GraphQLError], kind: type[ExecutionResult] = ExecutionResult) -> ExecutionResult:
    return kind(data=None, errors=errors, extensions=requested())


async def _refused(errors: list[GraphQLError]) -> AsyncGenerator[Result, None]:
    yield _failure(errors, PreExecutionError)
