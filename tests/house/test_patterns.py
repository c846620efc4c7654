"""Every pattern of the product takes time in proportion to the text it reads, whatever the text.

Two looks, because neither is enough: the parse tree must hold no unbounded repeat within another one (those grow
exponentially, and no input of a useful size would ever come back), and each pattern is fed texts made of its own
parts, four times as long the second time. The engine counts nothing that we could read, so the measure is CPU over CPU.
"""

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from domain.pse import registry
from domain.pse.kit.base import Base
from tests.kit.work import LINEAR_MAX, growth

ROOT = Path(__file__).resolve().parents[2]
SCRUBBING = ROOT / "domain" / "pse" / "kit" / "scrubbing.py"  # it compiles what the tables of words have
_CALLS = {"compile", "fullmatch", "match", "search", "sub", "subn", "split", "findall", "finditer"}
_MAY_HAVE_ONE = re.compile(rf"\bre\.({'|'.join(sorted(_CALLS))})\(")
_UNBOUNDED = re._constants.MAXREPEAT  # type: ignore[attr-defined]  # the engine's own parser, see the module's text
_REPEATS = {"MAX_REPEAT", "MIN_REPEAT"}  # a possessive one never tries again
_SIZE = 1_500
_CHARACTERS = "aAzZ09_-+.,:;/@\"'\\=<>()[]{}&?% \n\t\u00e9"


@dataclass(frozen=True, slots=True)
class Found:
    """A pattern, where it stands, and whether it may begin anywhere in the text."""

    place: str
    pattern: re.Pattern[str]

    def __str__(self) -> str:
        return self.place


def patterns() -> Iterator[Found]:
    """Every regular expression in the source and tables of api, domain and jobs, compiled or used where it stands."""
    for name, connector in registry.connectors().items():
        for number, (pattern, _) in enumerate(getattr(connector, "scrubbed", ()), start=1):
            yield Found(f"{name}/words.toml: scrubbed {number}", pattern)
        if isinstance(connector, Base):
            yield Found(f"{name}/words.toml: hidden", connector.words.hidden)
    for room in ("api", "domain", "jobs"):
        for path in sorted((ROOT / room).rglob("*.py")):
            if "migrations" in path.parts or path == SCRUBBING:
                continue
            text = path.read_text()
            if _MAY_HAVE_ONE.search(text) is None:
                continue  # parsing is what takes the time, in every process that collects
            tree = ast.parse(text)
            for node in ast.walk(tree):
                if _is_pattern(node):
                    yield from _compiled(path, node)


def _is_pattern(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "re"
        and node.func.attr in _CALLS
    )


def _compiled(path: Path, node: Any) -> Iterator[Found]:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    flags = [word.value for word in node.keywords if word.arg == "flags"]
    flags += node.args[1:2] if node.func.attr == "compile" else []
    space = vars(importlib.import_module(name))
    values = [eval(compile(ast.Expression(one), name, "eval"), space) for one in (node.args[0], *flags)]  # noqa: S307
    yield Found(f"{name}:{node.lineno}", re.compile(*values))


def _tree(pattern: str, flags: int) -> Any:
    return re._parser.parse(pattern, flags)  # type: ignore[attr-defined]  # as above


def _inner(value: Any) -> Iterator[Any]:
    """The subtrees of a node's value."""
    if isinstance(value, re._parser.SubPattern):  # type: ignore[attr-defined]
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _inner(one)


def _nested(tree: Any, *, within: bool = False) -> bool:
    """Whether an unbounded repeat stands in another one whose turns it could share out in more than one way."""
    for operation, value in tree:
        unbounded = str(operation) in _REPEATS and value[1] is _UNBOUNDED
        if unbounded and within:
            return True
        for inner in _inner(value):
            # Turns that begin with a mark of their own can be shared out in one way only.
            shared = unbounded and not _begins_with_a_mark(inner)
            if _nested(inner, within=within or shared):
                return True
    return False


def _begins_with_a_mark(tree: Any) -> bool:
    while len(tree) and str(tree[0][0]) == "SUBPATTERN":
        tree = tree[0][1][3]
    return bool(len(tree)) and str(tree[0][0]) == "LITERAL"


def _sample(tree: Any, again: int = 1) -> str:
    """A text that the tree matches, nearly: enough to lead the engine to the repeats."""
    parts: list[str] = []
    for operation, value in tree:
        name = str(operation)
        if name == "LITERAL":
            parts.append(chr(value))
        elif name == "IN":
            parts.append(_of_class(operation, value))
        elif name == "ANY":
            parts.append("a")
        elif name in _REPEATS:
            parts.append(_sample(value[2]) * max(value[0], min(again, value[1])))
        elif name == "SUBPATTERN":
            parts.append(_sample(value[3]))
        elif name == "BRANCH":
            parts.append(_sample(value[1][0]))
    return "".join(parts)


def _of_class(operation: Any, value: Any) -> str:
    one = _alone(operation, value)
    return next((letter for letter in _CHARACTERS if one.match(letter)), "a")


def _hostile(found: Found) -> set[tuple[str, str, str]]:
    """Begin, what is repeated, end. Empty where every repeat is bounded: then so is the work of each place."""
    tree = _tree(found.pattern.pattern, found.pattern.flags)
    if not _unbounded(tree):
        return set()
    begins = {""} | {_sample(tree[:length]) for length in range(1, len(tree)) if _unbounded(tree[length : length + 1])}
    turns = _letters(tree) | {begin for begin in begins if 1 < len(begin) <= 60}
    return {(begin, turn, "\x00") for begin in begins for turn in turns}


def _unbounded(tree: Any) -> bool:
    return any(
        (str(operation) in _REPEATS and value[1] is _UNBOUNDED) or any(map(_unbounded, _inner(value)))
        for operation, value in tree
    )


def _letters(tree: Any) -> set[str]:
    """One letter of each kind that the pattern tells apart."""
    atoms = list(_atoms(tree))
    kinds = {tuple(atom.match(letter) is not None for atom in atoms): letter for letter in _CHARACTERS}
    return set(kinds.values())


def _atoms(tree: Any) -> Iterator[re.Pattern[str]]:
    for operation, value in tree:
        if str(operation) in ("LITERAL", "NOT_LITERAL", "IN"):
            yield _alone(operation, value)
        for inner in _inner(value):
            yield from _atoms(inner)


def _alone(operation: Any, value: Any) -> re.Pattern[str]:
    parsed = re._parser.SubPattern(re._parser.State(), [(operation, value)])  # type: ignore[attr-defined]
    alone: re.Pattern[str] = re._compiler.compile(parsed)  # type: ignore[attr-defined]
    return alone


EVERY = list(patterns())


def test_the_patterns_are_found() -> None:
    places = {found.place.split(":")[0] for found in EVERY}
    assert {
        "domain.platform.log",
        "api.graphql.transport.scalars",
        "domain.money",
        "domain.pse.adyen.webhooks",
        "adyen/words.toml",
        "domain.platform.variables",
    } <= places
    assert len(EVERY) > 60


@pytest.mark.parametrize("found", EVERY, ids=str)
def test_a_pattern_has_no_repeat_within_a_repeat(found: Found) -> None:
    assert not _nested(_tree(found.pattern.pattern, found.pattern.flags)), found.pattern.pattern


@pytest.mark.parametrize("found", EVERY, ids=str)
def test_a_pattern_takes_time_in_proportion_to_the_text(found: Found) -> None:
    slow = next((text for text in sorted(_hostile(found)) if _grows(found.pattern, text)), None)
    assert slow is None, f"{found.pattern.pattern} on {slow}"


def _grows(pattern: re.Pattern[str], text: tuple[str, str, str]) -> bool:
    begin, turn, end = text

    def run(size: int) -> None:
        pattern.sub("", begin + turn * (size // len(turn)) + end)

    return growth(run, _SIZE) > LINEAR_MAX
