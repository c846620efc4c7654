"""The GraphQL documents of the pages, as they lie beside their templates.

A query may spread `...Shell` (on Viewer): what the frame around every page shows is asked for with the page itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from graphql import FieldNode, OperationDefinitionNode, parse

HERE: Final = Path(__file__).parent
_SHELL: Final = (HERE / "shared" / "shell.graphql").read_text()
_MARK: Final = "...Shell"
_MAY: Final = "may"


@dataclass(frozen=True, slots=True)
class PageDocument:
    """A document's text, the names of its variables, and the permission that each `$may…` of them stands for."""

    name: str
    text: str
    variables: frozenset[str]
    permissions: tuple[tuple[str, str], ...]

    @property
    def root(self) -> str:
        """The first field of the operation, or the name that it has there."""
        (operation,) = _operations(self.text)
        (field, *_) = (one for one in operation.selection_set.selections)
        return _response_name(field)


@lru_cache(maxsize=512)
def document(name: str) -> PageDocument:
    """The document `<noun>/<page>`."""
    text = _path(name).read_text()
    if _MARK in text:
        text = f"{text}\n{_SHELL}"
    (operation,) = _operations(text)
    variables = frozenset(one.variable.name.value for one in operation.variable_definitions or ())
    # $mayReadCalls stands for READ_CALLS.
    asked = sorted(one for one in variables if one.startswith(_MAY) and one[len(_MAY) : len(_MAY) + 1].isupper())
    return PageDocument(name, text, variables, tuple((one, _permission(one)) for one in asked))


@cache
def all_names() -> Sequence[str]:
    """Every document that there is, by name."""
    return tuple(
        sorted(str(path.relative_to(HERE).with_suffix("")) for path in HERE.rglob("*.graphql") if path.stem != "shell")
    )


def _path(name: str) -> Path:
    return HERE / f"{name}.graphql"


def _operations(text: str) -> list[OperationDefinitionNode]:
    return [one for one in parse(text).definitions if isinstance(one, OperationDefinitionNode)]


def _response_name(field: object) -> str:
    if not isinstance(field, FieldNode):
        raise TypeError("A document begins with a field.")
    return (field.alias or field.name).value


def _permission(variable: str) -> str:
    letters = (f"_{one}" if one.isupper() else one.upper() for one in variable[len(_MAY) :])
    return "".join(letters).lstrip("_")
