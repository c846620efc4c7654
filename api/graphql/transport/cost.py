"""Counting what an operation asks for, in time linear to the document's size: each fragment is counted once.

The counts of a fragment are numbers (and, for the cost, a straight line over the page size around it), so spreading it
adds numbers instead of walking it again: fifty fragments that each spread the next one twice cost fifty additions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_composite_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)

_PAGE_ARGUMENTS: Final = frozenset({"first", "last"})
_LEAVES_OF_A_LIST: Final = 10  # lists of plain values take no `first`, and each of ours is short
_LEVELS: Final = 5  # nested selection sets (inline fragments and spreads too) for each allowed level of fields


@dataclass(frozen=True, slots=True)
class Limits:
    """What a document may hold. Fragments count as often as they are spread."""

    characters: int = 15_000
    lines: int = 1_000
    tokens: int = 2_000
    depth: int = 10  # fields within fields; introspection has graphql-core's own rule
    fields: int = 1_000
    aliases: int = 30
    directives: int = 50  # in the text
    fragments: int = 50  # definitions in the text
    spreads: int = 10  # fragments within fragments: each rule of validation walks a chain once for each of its members
    operations: int = 10  # in the text: only one of them runs, and each costs a walk
    literals: int = 300  # values in the text, in lists and objects too
    values: int = 1_000  # in the variables
    string: int = 4_000  # characters of one in the variables
    file: int = 700_000  # characters of 512 KiB in base64, which is longer than any other text
    files: frozenset[str] = frozenset({"fileContent"})  # the input fields and variables that take it
    cost: int = 5_000  # objects that the answer may hold; a mutation counts ten
    leaves: int = 20_000  # values that the answer may hold: each is completed without a pause for others
    types: int = 10  # `__type` in an operation; `__schema`, which is some hundred kilobytes, once
    list_size: int = 100  # what a list without `first` may hold
    sizes: Mapping[str, int] = field(default_factory=dict)  # fields whose lists hold less, whatever is asked
    page_size: int = 100  # assumed for a `first` that nobody gave
    weights: Mapping[str, int] = field(default_factory=dict)  # fields of one value that take the work of many objects
    moving_money: frozenset[str] = frozenset()  # mutation fields of which a request may name one, once

    def told(self, count: "Count") -> dict[str, int]:
        """What an operation asks for, and how much it may: as an answer's `extensions.cost`."""
        objects, values = count.cost.fixed, count.leaves.fixed
        return {"objects": objects, "objectsMax": self.cost, "values": values, "valuesMax": self.leaves}


class LinearCost(NamedTuple):
    """Objects or values as a straight line: `fixed + per_item * page`; page is the `first` of the field around."""

    fixed: int = 0
    per_item: int = 0

    def plus(self, other: "LinearCost") -> "LinearCost":
        """Both together, beside each other on one page."""
        return LinearCost(self.fixed + other.fixed, self.per_item + other.per_item)

    def around(self, page: int) -> "LinearCost":
        """Where the page is known."""
        return LinearCost(self.fixed + self.per_item * page)


class Introspection(NamedTuple):
    """What a part of a document asks about the schema itself."""

    schemas: int = 0
    types: int = 0
    aliases: int = 0  # within it: each list once more

    def plus(self, other: "Introspection") -> "Introspection":
        """Both together."""
        return Introspection(self.schemas + other.schemas, self.types + other.types, self.aliases + other.aliases)


class Count(NamedTuple):
    """What a part of a document asks for."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    cost: LinearCost = LinearCost()  # objects
    leaves: LinearCost = LinearCost()
    introspection: Introspection = Introspection()
    moving_money: int = 0
    spreads: int = 0  # how deep fragments lie within fragments

    def plus(self, other: "Count") -> "Count":
        """Beside each other: the deepest and the widest of both, and the sum of what adds up."""
        return Count(
            max(self.depth, other.depth),
            self.fields + other.fields,
            self.aliases + other.aliases,
            self.cost.plus(other.cost),
            self.leaves.plus(other.leaves),
            self.introspection.plus(other.introspection),
            self.moving_money + other.moving_money,
            max(self.spreads, other.spreads),
        )


class Counter:
    """The counts of operations with the same variables. Fragments are counted once for all of them."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        limits: Limits,
        variables: Mapping[str, Any],
    ) -> None:
        self.met_variable = False
        self._schema = schema
        self._limits = limits
        self._variables = variables
        self._fragments = fragments
        self._counted: dict[str, Count] = {}
        self._open: set[str] = set()
        self._level = 0

    def operation(self, operation: OperationDefinitionNode) -> Count:
        """What one operation asks for, from its root. A list without `first` counts `list_size` items."""
        root = self._schema.get_root_type(operation.operation)
        count = self._selections(operation.selection_set, root, operation.operation is OperationType.MUTATION)
        # Around the root there is no page, so its lists count as lists without `first`.
        page = self._limits.list_size
        return count._replace(cost=count.cost.around(page), leaves=count.leaves.around(page))

    def _selections(
        self, selection_set: SelectionSetNode, parent: GraphQLCompositeType | None, in_mutation: bool = False
    ) -> Count:
        if self._level > _LEVELS * self._limits.depth:
            return Count(depth=self._limits.depth + 1)  # Deeper would end at the interpreter's recursion limit.
        self._level += 1
        total = Count()
        for selection in selection_set.selections:
            if isinstance(selection, FieldNode):
                total = total.plus(self._field(selection, parent, in_mutation))
            elif isinstance(selection, FragmentSpreadNode):
                total = total.plus(self._spread(selection.name.value, in_mutation))
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                inner = self._composite(condition.name.value) if condition else parent
                total = total.plus(self._selections(selection.selection_set, inner, in_mutation))
        self._level -= 1
        return total

    def _spread(self, name: str, in_mutation: bool) -> Count:
        """A fragment's count. One that is missing or spreads itself counts nothing: other rules refuse it."""
        counted = self._counted.get(name)
        if counted is not None:
            return counted
        fragment = self._fragments.get(name)
        if fragment is None or name in self._open:
            return Count()
        self._open.add(name)
        parent = self._composite(fragment.type_condition.name.value)
        # A fragment on the mutation type can only be spread at the root of a mutation.
        inner = self._selections(fragment.selection_set, parent, parent is self._schema.mutation_type)
        counted = inner._replace(spreads=inner.spreads + 1)
        self._open.discard(name)
        self._counted[name] = counted
        return counted

    def _composite(self, name: str) -> GraphQLCompositeType | None:
        found = self._schema.get_type(name)
        return found if is_composite_type(found) else None

    def _field(self, field: FieldNode, parent: GraphQLCompositeType | None, in_mutation: bool) -> Count:
        name = field.name.value
        definition = _field_of(parent, name)
        inner = Count()
        if field.selection_set is not None:
            named = get_named_type(definition.type) if definition else None
            inner = self._selections(field.selection_set, named if is_composite_type(named) else None)
        # Introspection is answered from memory, so its objects are free and its depth is left to its own rule.
        introspection = name.startswith("__")
        cost, leaves = self._answered(field, definition, inner, in_mutation)
        return Count(
            depth=1 if introspection else 1 + inner.depth,
            fields=1 + inner.fields,
            aliases=(1 if field.alias else 0) + inner.aliases,
            cost=cost,
            leaves=leaves,
            introspection=_introspection(name, inner),
            moving_money=1 if in_mutation and name in self._limits.moving_money else 0,
            spreads=inner.spreads,
        )

    def _answered(
        self, field: FieldNode, definition: GraphQLField | None, inner: Count, in_mutation: bool
    ) -> tuple[LinearCost, LinearCost]:
        """The objects and the values that the answer holds for a field."""
        if field.name.value == "__typename":
            return LinearCost(), LinearCost(1)
        if definition is None or field.name.value.startswith("__"):
            return LinearCost(), LinearCost()
        is_list = _is_list(definition.type)
        if is_leaf_type(get_named_type(definition.type)):
            weight = self._limits.weights.get(field.name.value, 0)
            return LinearCost(weight), LinearCost(_LEAVES_OF_A_LIST if is_list else 1)
        own_page = self._limits.sizes.get(field.name.value) or self._page(field)
        if own_page is None and _PAGE_ARGUMENTS & definition.args.keys():
            own_page = _default_page(definition) or self._limits.page_size
        # `first` bounds the list itself, or, on a connection, the lists directly within it.
        within = own_page if own_page is not None and not is_list else self._limits.list_size
        objects = (10 if in_mutation else 1) + inner.cost.around(within).fixed
        leaves = inner.leaves.around(within).fixed
        if not is_list:
            return LinearCost(objects), LinearCost(leaves)
        if own_page is None:
            return LinearCost(per_item=objects), LinearCost(per_item=leaves)
        return LinearCost(objects * own_page), LinearCost(leaves * own_page)

    def _page(self, field: FieldNode) -> int | None:
        """How many `first` asks for: never less than one, so that no negative number lowers a cost."""
        pages = [
            self._integer(argument.value)
            for argument in field.arguments or ()
            if argument.name.value in _PAGE_ARGUMENTS
        ]
        return max((max(1, page) for page in pages if page is not None), default=None)

    def _integer(self, value: ValueNode) -> int | None:
        if isinstance(value, IntValueNode):
            return int(value.value[:10])
        if isinstance(value, VariableNode):
            self.met_variable = True
            given = self._variables.get(value.name.value)
            return given if isinstance(given, int) and not isinstance(given, bool) else None
        return None


def _introspection(name: str, inner: Count) -> Introspection:
    if name not in ("__schema", "__type"):
        return inner.introspection
    within = Introspection(aliases=inner.aliases)
    return within._replace(schemas=1) if name == "__schema" else within._replace(types=1)


def _default_page(definition: GraphQLField) -> int | None:
    defaults = (definition.args[name].default_value for name in _PAGE_ARGUMENTS & definition.args.keys())
    return max((given for given in defaults if isinstance(given, int)), default=None)


def _is_list(type_: GraphQLOutputType) -> bool:
    return is_list_type(type_.of_type if is_non_null_type(type_) else type_)


def _field_of(parent: GraphQLCompositeType | None, name: str) -> GraphQLField | None:
    if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
        field: GraphQLField | None = parent.fields.get(name)
        return field
    return None
