"""No module needs itself by way of others: what looks like two nouns would be one that nobody can read alone."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
# GraphQL types name each other: a payment its refunds, and a refund its payment. A checker of types sees both.
NAME_EACH_OTHER = {"api.graphql.payments", "api.graphql.refunds.types"}


@cache
def _modules() -> Mapping[str, Path]:
    paths = [path for name in ("api", "domain", "jobs") for path in (CHECKOUT / name).rglob("*.py")]
    return {_name(path.relative_to(CHECKOUT)): path for path in paths if path.parent.name != "migrations"}


def _name(path: Path) -> str:
    return ".".join((path.parent if path.name == "__init__.py" else path.with_suffix("")).parts)


def _imported(tree: ast.AST) -> Iterator[str]:
    """Wherever it stands: an import within a function hides a circle and does not open it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield node.module
                yield f"{node.module}.{alias.name}"


@cache
def _needs(module: str) -> set[str]:
    tree = ast.parse(_modules()[module].read_text())
    found = {name for name in _imported(tree) if name in _modules() and name != module}
    # `from package import module` needs the module: what a package's own file imports is for others.
    return {name for name in found if _modules()[name].name != "__init__.py" or not _is_folder_of(name, found)}


def _is_folder_of(package: str, found: set[str]) -> bool:
    return any(one.startswith(f"{package}.") for one in found)


def _circles(needs: Mapping[str, set[str]]) -> set[str]:
    """What is on a circle. It is looked for among those that are left when all that needs nothing, or that nothing
    needs, is gone: beside circles, what lies between two of them.
    """
    left = dict(needs)
    while True:
        needed = {name for wanted in left.values() for name in wanted}
        kept = {name: wanted & left.keys() for name, wanted in left.items() if wanted & left.keys() and name in needed}
        if kept == left:
            return {name for name in kept if name in _reached(kept, name)}
        left = kept


def _reached(needs: Mapping[str, set[str]], name: str) -> set[str]:
    reached: set[str] = set()
    ahead = [name]
    while ahead:
        further = needs[ahead.pop()] - reached
        reached |= further
        ahead += further
    return reached


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert _circles({module: _needs(module) for module in _modules()}) == NAME_EACH_OTHER


def test_no_package_imports_itself_by_way_of_others() -> None:
    needs: dict[str, set[str]] = {}
    for module in _modules():
        ours = _package(module)
        for theirs in map(_package, _needs(module)):
            if not f"{ours}.".startswith(f"{theirs}.") and not f"{theirs}.".startswith(f"{ours}."):
                needs.setdefault(ours, set()).add(theirs)
    assert _circles(needs) == set()


def _package(module: str) -> str:
    return module if _modules()[module].name == "__init__.py" else module.rpartition(".")[0]


def test_a_circle_would_be_seen() -> None:
    needs = {"a": {"b"}, "b": {"c"}, "c": {"b", "f"}, "d": {"a"}, "e": set(), "f": {"g"}, "g": {"h"}, "h": {"g"}}
    assert _circles(needs) == {"b", "c", "g", "h"}
    within = ast.parse("def f() -> None:\n    from domain.books import ledger\n")
    assert set(_imported(within)) == {"domain.books", "domain.books.ledger"}
