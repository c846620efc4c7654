"""What of a field's answer is asked for: what nobody asks for need not be read."""

from collections.abc import Mapping

from graphql import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, InlineFragmentNode, SelectionSetNode

from api.graphql.context import Info


def asks_for(info: Info, name: str) -> bool:
    """Whether the selection of this field has the field `name`, be it under another name or in a fragment.

    It says yes too where a directive takes it out again: that costs a statement and nothing else.
    """
    raw = info._raw_info
    return any(node.selection_set and _has(node.selection_set, name, raw.fragments) for node in raw.field_nodes)


def _has(selected: SelectionSetNode, name: str, fragments: Mapping[str, FragmentDefinitionNode]) -> bool:
    """Fragments that hold themselves do not come here: such a document is refused."""
    for one in selected.selections:
        if isinstance(one, FieldNode) and one.name.value == name:
            return True
        if isinstance(one, FragmentSpreadNode) and _has(fragments[one.name.value].selection_set, name, fragments):
            return True
        if isinstance(one, InlineFragmentNode) and _has(one.selection_set, name, fragments):
            return True
    return False
