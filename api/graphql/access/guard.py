"""Applies the table of policies to the schema: who may ask for a field is asked before anything of it is done.

Mutations answer a refusal as a typed error, so theirs is asked within (transport/answering). A customer's document that
names a field which is not there for customers is refused whole, as what does not exist is.
"""

from collections.abc import Callable
from functools import wraps
from inspect import isawaitable
from typing import Any, Final

from graphql import (
    SKIP,
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    visit,
)

from api.graphql.context import Context
from api.graphql.spoken.languages import locale_of
from api.graphql.spoken.messages import in_words
from api.graphql.transport import noted
from domain.access import policies
from domain.access.policies import POLICIES, READ_LISTS
from domain.deeds import deeds
from domain.problems import Forbidden, NotFound

_MUTATION: Final = "Mutation"
_HIDDEN_TOLD: Final = 10  # fields that are named at once
_ROOTS: Final = ("Query", "Mutation", "Subscription")


def guard(schema: GraphQLSchema) -> None:
    """Have every field of the table, but mutations, asked for with its permission."""
    for type_name, fields in POLICIES.items():
        type_ = schema.get_type(type_name)
        if type_name == _MUTATION or not isinstance(type_, GraphQLObjectType):
            continue
        for name in fields:
            field = type_.fields[name]
            if field.subscribe is not None:
                field.subscribe = _asked(type_name, name, field.subscribe)
            else:
                assert field.resolve is not None, "Strawberry gives every field a resolver."
                field.resolve = _asked(type_name, name, field.resolve)


def _asked(type_name: str, name: str, resolve: Callable[..., Any]) -> Callable[..., Any]:
    operation = name if type_name in _ROOTS else f"{type_name}.{name}"

    @wraps(resolve)
    def asked(source: Any, info: Any, **arguments: Any) -> Any:
        try:
            policies.check(info.context.principal, type_name, name)
        except Forbidden as problem:
            return noted.refuse(info.context, operation, problem)
        found = resolve(source, info, **arguments)
        if name in READ_LISTS and type_name in _ROOTS:
            return _read(found, info.context, operation)
        return noted.watched(found, info.context, operation) if isawaitable(found) else found

    return asked


async def _read(found: Any, context: Context, operation: str) -> Any:
    """A list of what is sensitive: that it was read is a deed about the merchant whose it is."""
    given = await noted.watched(found, context, operation) if isawaitable(found) else found
    whose = context.principal.merchant_id
    await deeds.read(whose, operation, "merchant", [whose], context.cause)
    return given


def hidden(schema: GraphQLSchema, document: DocumentNode, context: Context) -> list[GraphQLError]:
    """What is wrong with a document because a customer sent it."""
    if not context.principal.is_customer:
        return []
    types = TypeInfo(schema)
    found = _Hidden(types)
    visit(document, TypeInfoVisitor(types, found))
    return found.errors[:_HIDDEN_TOLD]


def _is_hidden(type_name: str, node: FieldNode) -> GraphQLError:
    """The field, and what a customer's token may name in its place: all of it is public (docs/frontend.md)."""
    field, others = f"{type_name}.{node.name.value}", ", ".join(sorted(policies.CUSTOMERS_SEE[type_name]))
    problem = NotFound(f"A customer's token may not name {field}: nothing of {type_name} is there for customers.")
    if others:
        problem = NotFound(f"A customer's token may not name {field}; of {type_name} it may name {others}.")
    told = in_words(problem.message, problem.code, locale_of(None))
    return GraphQLError(told, node, extensions={"code": problem.code, "field": field})


class _Hidden(Visitor):
    """Which fields of a document are not there for customers."""

    def __init__(self, types: TypeInfo) -> None:
        super().__init__()
        self._types = types
        self.errors: list[GraphQLError] = []

    def enter_field(self, node: FieldNode, *_: Any) -> Any:
        parent = self._types.get_parent_type()
        if parent is None or policies.is_shown_to_customers(parent.name, node.name.value):
            return None
        self.errors.append(_is_hidden(parent.name, node))
        return SKIP  # what is within is hidden with it
