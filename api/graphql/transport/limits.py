"""How much one GraphQL document may ask for: said before any rule of the specification walks through it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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

from api.graphql.transport.cost import Count, Counter, Limits
from api.graphql.transport.values import refused_literals

__all__ = ["Limits", "DocumentVerdict", "check", "check_cost"]


@dataclass(frozen=True, slots=True)
class DocumentVerdict:
    """What is wrong with a document, and whether its cost depends on the values of its variables."""

    errors: tuple[GraphQLError, ...]
    cost_depends_on_variables: bool


def check(schema: GraphQLSchema, document: DocumentNode, limits: Limits) -> DocumentVerdict:
    """Count every operation of the document, before any other rule looks at it.

    A cost that depends on variables is left to `check_cost`.
    """
    refused = _refused_text(document, limits)
    if refused is not None:
        return DocumentVerdict((refused,), cost_depends_on_variables=False)
    errors: list[GraphQLError] = []
    counter = Counter(schema, _fragments(document), limits, {})
    for operation in _operations(document):
        count = counter.operation(operation)
        # A variable in one of them leaves the cost of the later ones to `check_cost` too, which counts what runs.
        errors.extend(_exceeded(operation, count, limits, with_cost=not counter.met_variable))
    return DocumentVerdict(tuple(errors), counter.met_variable)


def check_cost(
    schema: GraphQLSchema, document: DocumentNode, limits: Limits, name: str | None, variables: Mapping[str, Any]
) -> list[GraphQLError]:
    """Count the operation that is about to run with the variables it will run with: this verdict is never cached."""
    for operation in _operations(document):
        if name is None or (operation.name and operation.name.value == name):
            counter = Counter(schema, _fragments(document), limits, {**_defaults(operation), **variables})
            return _exceeded(operation, counter.operation(operation), limits, with_cost=True)
    return []


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
    if sum(1 for _ in _operations(document)) > limits.operations:
        return GraphQLError(f"The document has more than {limits.operations} operations; split it.")
    if len(_fragments(document)) > limits.fragments:
        return GraphQLError(f"The document has more than {limits.fragments} fragments; split it.")
    if _directives(document) > limits.directives:
        return GraphQLError(f"The document has more than {limits.directives} directives; leave some out.")
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
    cost, leaves = (count.cost.fixed, count.leaves.fixed) if with_cost else (0, 0)
    asked = count.introspection
    verdicts = (
        (count.depth > limits.depth, f"The operation nests deeper than {limits.depth} fields; ask in two steps."),
        (count.spreads > limits.spreads, f"Fragments lie deeper than {limits.spreads} within fragments; nest fewer."),
        (
            count.fields > limits.fields,
            f"The operation has {_shown(count.fields)} fields; {limits.fields} are allowed.",
        ),
        (
            count.aliases > limits.aliases,
            f"The operation has {_shown(count.aliases)} aliases; {limits.aliases} are allowed.",
        ),
        (
            cost > limits.cost,
            f"The operation may return {_shown(cost)} objects; {limits.cost} are allowed. Lower `first`.",
        ),
        (
            leaves > limits.leaves,
            f"The operation may return {_shown(leaves)} values; {limits.leaves} are allowed. "
            "Lower `first` or select fewer fields.",
        ),
        (asked.schemas > 1, "`__schema` may be asked for once in an operation."),
        (asked.types > limits.types, f"`__type` may be asked for {limits.types} times in an operation."),
        (asked.aliases > 0, "No field may have an alias within `__schema` or `__type`."),
        (
            count.moving_money > 1,
            "One request moves money once: send each of these mutations in a request of its own, "
            "so that each has its own answer and can be tried again alone.",
        ),
    )
    return [GraphQLError(message, operation) for exceeded, message in verdicts if exceeded]


def _shown(number: int) -> str:
    """Doubling fragments make numbers of hundreds of digits."""
    return str(number) if number < 1_000_000 else "more than a million"
