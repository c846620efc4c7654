"""Applies the table of policies to the schema: who may ask for a field is asked before anything of it is done.

Mutations answer a refusal as a typed error, so theirs is asked within (transport/answering). A customer's document that
names a field which is not there for customers is refused whole, as what does not exist is.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from graphql import (
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
from domain.access import policies
from domain.access.policies import POLICIES
from domain.problems import NotFound

_MUTATION: Final = "Mutation"


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
    @wraps(resolve)
    def asked(source: Any, info: Any, **arguments: Any) -> Any:
        policies.check(info.context.principal, type_name, name)
        return resolve(source, info, **arguments)

    return asked


def hidden(schema: GraphQLSchema, document: DocumentNode, context: Context) -> list[GraphQLError]:
    """What is wrong with a document because a customer sent it."""
    if not context.principal.is_customer:
        return []
    types = TypeInfo(schema)
    found = _Hidden(types)
    visit(document, TypeInfoVisitor(types, found))
    if not found.any:
        return []
    problem = NotFound("There is nothing of that kind.")
    return [GraphQLError(problem.message, extensions={"code": problem.code})]


class _Hidden(Visitor):
    """Whether a document names a field that is not there for customers."""

    def __init__(self, types: TypeInfo) -> None:
        super().__init__()
        self._types = types
        self.any = False

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        parent = self._types.get_parent_type()
        if parent is not None and not policies.is_shown_to_customers(parent.name, node.name.value):
            self.any = True
