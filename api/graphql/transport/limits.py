"""How much one GraphQL document may ask for: said before any rule of the specification walks through it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    IntValueNode,
    Node,
    OperationDefinitionNode,
)

from api.graphql.transport.codes import exceeded
from api.graphql.transport.cost import Count, Counter, Limits
from api.graphql.transport.values import refused_literals

__all__ = ["Limits", "DocumentVerdict", "check", "check_cost"]
_Verdict = tuple[str, int, int, str]  # of what, how much there is, how much there may be, and what is said then


@dataclass(frozen=True, slots=True)
class DocumentVerdict:
    """What is wrong with a document, and whether its cost depends on the values of its variables.

    `counts`: what each operation asks for, by its name, where that depends on nothing.
    """

    errors: tuple[GraphQLError, ...]
    cost_depends_on_variables: bool
    counts: Mapping[str | None, Count] = field(default_factory=dict)


def check(schema: GraphQLSchema, document: DocumentNode, limits: Limits) -> DocumentVerdict:
    """Count every operation of the document, before any other rule looks at it.

    A cost that depends on variables is left to `check_cost`.
    """
    refused = _refused_text(document, limits)
    if refused is not None:
        return DocumentVerdict((refused,), cost_depends_on_variables=False)
    errors: list[GraphQLError] = []
    counts: dict[str | None, Count] = {}
    counter = Counter(schema, _fragments(document), limits, {})
    for operation in _operations(document):
        count = counts[operation.name.value if operation.name else None] = counter.operation(operation)
        # A variable in one of them leaves the cost of the later ones to `check_cost` too, which counts what runs.
        errors.extend(_exceeded(operation, count, limits, with_cost=not counter.met_variable))
    return DocumentVerdict(tuple(errors), counter.met_variable, {} if counter.met_variable else counts)


def check_cost(
    schema: GraphQLSchema, document: DocumentNode, limits: Limits, name: str | None, variables: Mapping[str, Any]
) -> tuple[list[GraphQLError], Count | None]:
    """Count the operation that is about to run with the variables it will run with: this verdict is never cached."""
    for operation in _operations(document):
        if name is None or (operation.name and operation.name.value == name):
            counter = Counter(schema, _fragments(document), limits, {**_defaults(operation), **variables})
            count = counter.operation(operation)
            return _exceeded(operation, count, limits, with_cost=True), count
    return [], None


def _operations(document: DocumentNode) -> Iterator[OperationDefinitionNode]:
    return (definition for definition in document.definitions if isinstance(definition, OperationDefinitionNode))


def _fragments(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    found = (definition for definition in document.definitions if isinstance(definition, FragmentDefinitionNode))
    return {fragment.name.value: fragment for fragment in found}


def _defaults(operation: OperationDefinitionNode) -> dict[str, Any]:
    return {
        definition.variable.name.value: int(definition.default_value.value)
        for definition in operation.variable_definitions or ()
        if isinstance(definition.default_value, IntValueNode)
    }


def _refused_text(document: DocumentNode, limits: Limits) -> GraphQLError | None:
    """The limits on the text itself, which bound the work of everything that follows."""
    for name, count, allowed, advice in (
        ("operations", sum(1 for _ in _operations(document)), limits.operations, "split it"),
        ("fragments", len(_fragments(document)), limits.fragments, "split it"),
        ("directives", _directives(document), limits.directives, "leave some out"),
    ):
        if count > allowed:
            return exceeded(name, allowed, f"The document has more than {allowed} {name}; {advice}.")
    return refused_literals(document, limits)


def _directives(document: DocumentNode) -> int:
    count = 0
    stack: list[Node] = list(document.definitions)
    while stack:
        node = stack.pop()
        count += len(getattr(node, "directives", None) or ())
        stack.extend(getattr(node, "variable_definitions", None) or ())
        selection_set = getattr(node, "selection_set", None)
        if selection_set is not None:
            stack.extend(selection_set.selections)
    return count


def _exceeded(
    operation: OperationDefinitionNode, count: Count, limits: Limits, *, with_cost: bool
) -> list[GraphQLError]:
    verdicts = (
        *_of_fields(count, limits),
        *(_of_answers(count, limits) if with_cost else ()),
        *_of_deeds(count, limits),
    )
    return [exceeded(name, most, message, operation) for name, found, most, message in verdicts if found > most]


def _of_fields(count: Count, limits: Limits) -> Sequence[_Verdict]:
    """How it is written."""
    return (
        (
            "depth",
            count.depth,
            limits.depth,
            f"The operation nests deeper than {limits.depth} fields; ask in two steps.",
        ),
        (
            "spreads",
            count.spreads,
            limits.spreads,
            f"Fragments lie deeper than {limits.spreads} within fragments; nest fewer.",
        ),
        (
            "fields",
            count.fields,
            limits.fields,
            f"The operation has {_shown(count.fields)} fields; {limits.fields} are allowed.",
        ),
        (
            "aliases",
            count.aliases,
            limits.aliases,
            f"The operation has {_shown(count.aliases)} aliases; {limits.aliases} are allowed.",
        ),
    )


def _of_answers(count: Count, limits: Limits) -> Sequence[_Verdict]:
    """How much it may be answered."""
    cost, leaves = count.cost.fixed, count.leaves.fixed
    return (
        (
            "objects",
            cost,
            limits.cost,
            f"The operation may return {_shown(cost)} objects; {limits.cost} are allowed. Lower `first`.",
        ),
        (
            "values",
            leaves,
            limits.leaves,
            f"The operation may return {_shown(leaves)} values; {limits.leaves} are allowed. "
            "Lower `first` or select fewer fields.",
        ),
    )


def _of_deeds(count: Count, limits: Limits) -> Sequence[_Verdict]:
    """What is asked for once in a request."""
    asked = count.introspection
    return (
        ("schemas", asked.schemas, 1, "`__schema` may be asked for once in an operation."),
        ("types", asked.types, limits.types, f"`__type` may be asked for {limits.types} times in an operation."),
        ("introspectionAliases", asked.aliases, 0, "No field may have an alias within `__schema` or `__type`."),
        (
            "movingMoney",
            count.moving_money,
            1,
            "One request moves money once: send each of these mutations in a request of its own, "
            "so that each has its own answer and can be tried again alone.",
        ),
    )


def _shown(number: int) -> str:
    """Doubling fragments make numbers of hundreds of digits."""
    return str(number) if number < 1_000_000 else "more than a million"
