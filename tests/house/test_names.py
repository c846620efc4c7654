"""One name, one thing: who has understood a class once knows it wherever it stands."""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


@cache
def _named() -> Mapping[str, Sequence[tuple[Path, bool]]]:
    """The public classes by name: where each stands, and whether it is a type of the API."""
    found: defaultdict[str, list[tuple[Path, bool]]] = defaultdict(list)
    for folder in ("api", "domain", "jobs"):
        for path in sorted((CHECKOUT / folder).rglob("*.py")):
            if path.parent.name != "migrations":
                for name, is_shown in _classes(ast.parse(path.read_text())):
                    found[name].append((path.relative_to(CHECKOUT), is_shown))
    return found


def _classes(tree: ast.Module) -> Iterator[tuple[str, bool]]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node.name, any("strawberry." in ast.unparse(mark) for mark in node.decorator_list)


def _means_two_things(places: Sequence[tuple[Path, bool]]) -> bool:
    """A type of the API shows one thing of the domain and may have its name."""
    shown = [path for path, is_shown in places if is_shown]
    return len(shown) > 1 or len(places) - len(shown) > 1


def test_no_class_has_the_name_of_another_thing() -> None:
    twice = {name: [str(path) for path, _ in places] for name, places in _named().items() if _means_two_things(places)}
    assert twice == {}


def test_a_second_meaning_would_be_seen() -> None:
    (first, second) = _classes(ast.parse("@strawberry.type\nclass Refund: ...\nclass Door: ...\nclass _Own: ..."))
    assert (first, second) == (("Refund", True), ("Door", False))
    room = Path("x.py")
    assert not _means_two_things([(room, True), (room, False)])
    assert _means_two_things([(room, False), (room, False)])
    assert _means_two_things([(room, True), (room, True)])
