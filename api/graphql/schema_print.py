"""The schema as text, sorted, so that a change of it is a change of a committed file and nothing else is."""

from graphql import (
    InputValueDefinitionNode,
    NullValueNode,
    Visitor,
    lexicographic_sort_schema,
    parse,
    print_ast,
    print_schema,
    visit,
)
from strawberry import Schema


def print_sorted(schema: Schema) -> str:
    """The SDL, sorted by name, with one newline at its end.

    Sorted in print only: Strawberry's own `sort_schema=True` breaks enums and unions at run time. `= null` on what is
    optional anyway says nothing, and Strawberry writes it or not depending on how the default was declared.
    """
    printed = print_schema(lexicographic_sort_schema(schema._schema))
    document = visit(parse(printed), _WithoutNullDefaults())
    return print_ast(document).strip() + "\n"


class _WithoutNullDefaults(Visitor):
    def enter_input_value_definition(
        self, node: InputValueDefinitionNode, *_: object
    ) -> InputValueDefinitionNode | None:
        if not isinstance(node.default_value, NullValueNode):
            return None
        return InputValueDefinitionNode(
            description=node.description, name=node.name, type=node.type, directives=node.directives
        )
