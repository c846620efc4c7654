"""Pages about the API that are read without running anything: `python -m api.graphql.schema_pages` writes docs/schema.

They say what schema.graphql says, an entry a type, with links between them. The same schema gives the same pages.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    get_named_type,
    print_ast,
)

FOLDER: Final = Path("docs/schema")
_SOURCE: Final = Path("schema.graphql")
_MADE: Final = "<!-- Made by `make docs` from schema.graphql. -->"
_ROOTS: Final = {
    "Query": ("queries", "What can be read"),
    "Mutation": ("mutations", "What can be done"),
    "Subscription": ("subscriptions", "What is told live"),
}
_KINDS: Final[tuple[tuple[type[GraphQLNamedType], str, str], ...]] = (
    (GraphQLObjectType, "objects", "Objects"),
    (GraphQLInterfaceType, "interfaces", "Interfaces and unions"),
    (GraphQLUnionType, "interfaces", "Interfaces and unions"),
    (GraphQLInputObjectType, "inputs", "Input objects"),
    (GraphQLEnumType, "enums", "Enums"),
    (GraphQLScalarType, "scalars", "Scalars"),
)
_SPECIFIED: Final = frozenset({"String", "Int", "Float", "Boolean", "ID"})


def pages(schema: GraphQLSchema) -> Mapping[str, str]:
    """The pages by their names."""
    ours = (name for name in sorted(schema.type_map) if not name.startswith("__") and name not in _SPECIFIED)
    own = [schema.type_map[name] for name in ours]
    found: dict[str, list[str]] = {}
    titles: dict[str, str] = {}
    for type_ in own:
        page, title = _page_of(type_)
        titles[page] = title
        found.setdefault(page, []).extend(_entries(type_))
    made = {f"{page}.md": _page(titles[page], parts) for page, parts in found.items()}
    return {**made, "README.md": _contents(titles, found)}


def _page_of(type_: GraphQLNamedType) -> tuple[str, str]:
    if type_.name in _ROOTS:
        return _ROOTS[type_.name]
    return next((page, title) for kind, page, title in _KINDS if isinstance(type_, kind))


def _entries(type_: GraphQLNamedType) -> Iterable[str]:
    """A root's fields are entries of their own; every other type is one."""
    if type_.name in _ROOTS and isinstance(type_, GraphQLObjectType):
        yield _said(type_.description)
        for name, field in sorted(type_.fields.items()):
            yield f"## {name}\n\n{_said(field.description)}\n\nGives {_link(field.type)}.\n{_arguments(field.args)}"
    else:
        yield f"## {type_.name}\n\n{_said(type_.description)}\n{_BODIES[_page_of(type_)[0]](type_)}"


def _fields(type_: Any) -> str:
    of = [f"`{one.name}`" for one in getattr(type_, "interfaces", ())]
    head = f"\nIs {_listed(of)}.\n" if of else ""
    return head + _table(
        (f"`{name}`{_given(field.args)}", _link(field.type), _said(field.description))
        for name, field in sorted(type_.fields.items())
    )


def _either(type_: Any) -> str:
    if isinstance(type_, GraphQLUnionType):
        return f"\nOne of {_listed(sorted(_link(one) for one in type_.types))}.\n"
    return _fields(type_)


def _arguments(arguments: Mapping[str, Any]) -> str:
    rows = [(_input(name, one), _link(one.type), _said(one.description)) for name, one in sorted(arguments.items())]
    return _table(rows) if rows else ""


def _inputs(type_: Any) -> str:
    exactly = "\nExactly one of its fields is given (`@oneOf`).\n" if type_.is_one_of else ""
    return exactly + _arguments(type_.fields)


def _values(type_: Any) -> str:
    return _table((f"`{name}`", _said(value.description)) for name, value in sorted(type_.values.items()))


def _specified(type_: Any) -> str:
    return f"\nSpecified by <{type_.specified_by_url}>.\n" if type_.specified_by_url else ""


_BODIES: Final[Mapping[str, Callable[[Any], str]]] = {
    "objects": _fields,
    "interfaces": _either,
    "inputs": _inputs,
    "enums": _values,
    "scalars": _specified,
}


def _input(name: str, one: Any) -> str:
    default = one.ast_node.default_value if one.ast_node else None
    return f"`{name}` = `{print_ast(default)}`" if default is not None else f"`{name}`"


def _given(arguments: Mapping[str, Any]) -> str:
    told = [f"{_input(name, one)}: {_link(one.type)}" for name, one in sorted(arguments.items())]
    return f" ({', '.join(told)})" if told else ""


def _link(type_: Any) -> str:
    named = get_named_type(type_)
    if named.name in _SPECIFIED:
        return f"`{type_}`"
    return f"[`{type_}`]({_page_of(named)[0]}.md#{named.name.lower()})"


def _said(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|").replace("<", "&lt;")


def _listed(parts: Iterable[str]) -> str:
    return ", ".join(parts)


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    return "\n" + "".join(f"- {': '.join((' '.join(row[:-1]), row[-1]))}\n" for row in rows)


def _page(title: str, parts: Iterable[str]) -> str:
    return f"{_MADE}\n\n# {title}\n\n" + "\n".join(part.rstrip() + "\n" for part in parts)


def _contents(titles: Mapping[str, str], found: Mapping[str, list[str]]) -> str:
    told = "".join(f"- [{titles[page]}]({page}.md): {_count(parts)}\n" for page, parts in sorted(found.items()))
    return (
        f"{_MADE}\n\n# The API\n\nEvery query, mutation, subscription and type of `/graphql`, as `schema.graphql` has "
        f"them. How to ask, follow, retry and page is in [frontend.md](../frontend.md), what one client may cost in "
        f"[limits.md](../limits.md).\n\n{told}"
    )


def _count(parts: list[str]) -> str:
    count = sum(part.startswith("## ") for part in parts)
    return f"{count} entr{'y' if count == 1 else 'ies'}"


def main() -> None:
    """Write the pages; those that are no more are removed."""
    made = pages(build_schema(_SOURCE.read_text()))
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.md"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
