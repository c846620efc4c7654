"""The schema as text, sorted, so that a change of it is a change of a committed file and nothing else is."""

from graphql import (
    ConstDirectiveNode,
    InputObjectTypeDefinitionNode,
    InputValueDefinitionNode,
    NameNode,
    NullValueNode,
    Visitor,
    is_input_object_type,
    lexicographic_sort_schema,
    parse,
    print_ast,
    print_schema,
    visit,
)
from strawberry import Schema
from strawberry.schema.schema_converter import GraphQLCoreConverter


def print_sorted(schema: Schema) -> str:
    """The SDL, sorted by name, with one newline at its end.

    Sorted in print only: Strawberry's own `sort_schema=True` breaks enums and unions at run time. `= null` on what is
    optional anyway says nothing, and Strawberry writes it or not depending on how the default was declared. `@oneOf` is
    kept by Strawberry beside the schema, so it is written here.
    """
    printed = print_schema(lexicographic_sort_schema(schema._schema))
    document = visit(visit(parse(printed), _WithoutNullDefaults()), _WithOneOf(_one_of(schema)))
    return print_ast(document).strip() + "\n"


def _one_of(schema: Schema) -> frozenset[str]:
    """The input types of which exactly one field is given."""
    inputs = {name: type_ for name, type_ in schema._schema.type_map.items() if is_input_object_type(type_)}
    definitions = {name: type_.extensions[GraphQLCoreConverter.DEFINITION_BACKREF] for name, type_ in inputs.items()}
    return frozenset(name for name, one in definitions.items() if one.is_one_of)


class _WithOneOf(Visitor):
    def __init__(self, names: frozenset[str]) -> None:
        super().__init__()
        self._names = names

    def enter_input_object_type_definition(
        self, node: InputObjectTypeDefinitionNode, *_: object
    ) -> InputObjectTypeDefinitionNode | None:
        if node.name.value not in self._names or node.directives:
            return None
        directive = ConstDirectiveNode(name=NameNode(value="oneOf"), arguments=())
        return InputObjectTypeDefinitionNode(
            description=node.description, name=node.name, directives=(directive,), fields=node.fields
        )


class _WithoutNullDefaults(Visitor):
    def enter_input_value_definition(
        self, node: InputValueDefinitionNode, *_: object
    ) -> InputValueDefinitionNode | None:
        if not isinstance(node.default_value, NullValueNode):
            return None
        return InputValueDefinitionNode(
            description=node.description, name=node.name, type=node.type, directives=node.directives
        )
