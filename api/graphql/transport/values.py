"""What the values of a request may be, in its text and in its variables: said before anything looks at one of them."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from graphql import DocumentNode, GraphQLError, Node, StringValueNode, ValueNode

from api.graphql.transport.codes import INVALID_INPUT, exceeded
from api.graphql.transport.cost import Limits

_INVALID_INPUT: Final = {"code": INVALID_INPUT}


# Of a body: as many as a document has characters, and more. Larger ones cost tens of plain requests to be parsed.
_MARKS_MAX: Final = 20_000
_EXTENSIONS_VALUES_MAX: Final = 100
_EXTENSIONS_CHARACTERS_MAX: Final = 4_000


def refused_json(body: bytes) -> str:
    """Why a body is not even parsed: each value stands before a comma or is the first within its bracket."""
    counted = sum(body.count(mark) for mark in (b",", b"[", b"{"))
    return f"The request has more than {_MARKS_MAX} values; nothing was executed." if counted > _MARKS_MAX else ""


def refused_extensions(extensions: Mapping[str, Any] | None) -> str:
    """Why the extensions of a request are not taken. Nothing of ours reads them."""
    count = 0
    stack: list[Any] = [extensions or {}]
    while stack:
        value = stack.pop()
        count += 1
        inner = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else ()
        if count + len(stack) + len(inner) > _EXTENSIONS_VALUES_MAX:
            return f"`extensions` has more than {_EXTENSIONS_VALUES_MAX} values."
        if isinstance(value, str) and len(value) > _EXTENSIONS_CHARACTERS_MAX:
            return f"A text in `extensions` has more than {_EXTENSIONS_CHARACTERS_MAX} characters."
        stack.extend(inner)
    return ""


def refused_literals(document: DocumentNode, limits: Limits) -> GraphQLError | None:
    """Too many values in the text, or a string that nothing of ours can keep."""
    count = 0
    for node in _nodes(document):
        count += isinstance(node, ValueNode)
        if count > limits.literals:
            said = f"The document has more than {limits.literals} values; send them as variables."
            return exceeded("literals", limits.literals, said)
        if isinstance(node, StringValueNode) and not storable(node.value):
            return GraphQLError("A string has a NUL or half a character; leave it out.", extensions=_INVALID_INPUT)
    return None


def _nodes(document: DocumentNode) -> Iterator[Node]:
    stack: list[Node] = [document]
    while stack:
        node = stack.pop()
        yield node
        for key in node.keys:
            child = getattr(node, key, None)
            if isinstance(child, Node):
                stack.append(child)
            elif isinstance(child, list | tuple):
                stack.extend(one for one in child if isinstance(one, Node))


def refused_variables(variables: Mapping[str, Any] | None, limits: Limits) -> GraphQLError | None:
    """Too many values, a string that is too long, or one that nothing of ours can keep. Names the variable."""
    count = 0
    stack: list[tuple[str, Any]] = [(f"${name}", value) for name, value in (variables or {}).items()]
    while stack:
        name, value = stack.pop()
        count += 1
        inner = len(value) if isinstance(value, dict | list) else 0
        if count + len(stack) + inner > limits.values:
            return _refused(name, f"the variables have more than {limits.values} values")
        if isinstance(value, str) and len(value) > (longest := _longest(name, limits)):
            return _refused(name, f"a text has more than {longest} characters")
        if isinstance(value, str) and not storable(value):
            return _refused(name, "a text has a NUL or half a character (a lone surrogate)")
        if isinstance(value, dict):
            stack.extend((f"{name}.{key}"[:200], one) for key, one in value.items())
        elif isinstance(value, list):
            stack.extend((name, one) for one in value)
    return None


def _longest(name: str, limits: Limits) -> int:
    return limits.file if name.rpartition(".")[2].removeprefix("$") in limits.files else limits.string


def _refused(name: str, why: str) -> GraphQLError:
    shown = name if storable(name) else "a variable"
    return GraphQLError(f"At {shown}: {why}; nothing was executed.", extensions=_INVALID_INPUT)


def storable(text: str) -> bool:
    """Whether PostgreSQL and every encoding of ours can hold it: no NUL, no lone surrogate."""
    return text.isascii() and "\x00" not in text or not any(c == "\x00" or "\ud800" <= c <= "\udfff" for c in text)
