"""The sentences of the code that people read: templates with {} where a fact is filled in."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from domain import problems
from domain.problems import Problem

CHECKOUT = Path(__file__).resolve().parents[2]
_FACT = "{}"
_Trees = list[tuple[str, ast.Module]]
# By these names a call is given what people are told: of findings, of a refund's history, of costs.
TOLD = frozenset({"explanation", "message", "action", "unknown", "saw"})


# Errors that are no problems, and whose sentence stands in a refusal, or in what a file or a night says of itself.
READING = frozenset({"AddressRefused", "BadAnswer", "UnreadableDocument", "UnreadableText"})


def _problems() -> frozenset[str]:
    kinds = (one for one in vars(problems).values() if isinstance(one, type) and issubclass(one, Problem))
    return frozenset(one.__name__ for one in kinds)


def _refusals(trees: _Trees) -> frozenset[str]:
    """Problems, those that a room has of its own too, and READING."""
    bases = {
        one.name: {_name(base) for base in one.bases}
        for _, tree in trees
        for one in ast.walk(tree)
        if isinstance(one, ast.ClassDef)
    }
    found = set(_problems() | READING)
    while more := {name for name, above in bases.items() if above & found} - found:
        found |= more
    return frozenset(found)


@cache
def templates() -> Mapping[str, str]:
    """Each sentence of a refusal, and a file that says it."""
    trees = list(_trees("domain", "api"))
    names = _refusals(trees)
    return {text: place for place, tree in trees for text in _of(tree, names)}


@cache
def told() -> Mapping[str, str]:
    """Each sentence that is given by one of the names of TOLD, and a file that says it."""
    trees = list(_trees("domain", "jobs"))
    places = _places(trees)
    return {text: place for place, tree in trees for text in _given(tree, places)}


def _trees(*rooms: str) -> Iterator[tuple[str, ast.Module]]:
    for room in rooms:
        for path in sorted((CHECKOUT / room).rglob("*.py")):
            if "migrations" not in path.parts:
                yield str(path.relative_to(CHECKOUT)), ast.parse(path.read_text())


def _given(tree: ast.Module, places: Mapping[str, int]) -> Iterator[str]:
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            nodes = list(ast.walk(function))
            given = [one for call in nodes if isinstance(call, ast.Call) for one in _arguments(call, places)]
            assigned = dict(_assigned(nodes)) if any(isinstance(one, ast.Name) for one in given) else {}
            for one in given:
                yield from assigned.get(one.id, ()) if isinstance(one, ast.Name) else texts_of(one)


def _arguments(call: ast.Call, places: Mapping[str, int]) -> Iterator[ast.expr]:
    """What a call is given by one of the names of TOLD, or stands at its place; shortened or not."""
    at = places.get(_name(call.func) or "")
    given = [keyword.value for keyword in call.keywords if keyword.arg in TOLD]
    for one in [*given, *(call.args[at : at + 1] if at is not None else ())]:
        yield one.args[0] if isinstance(one, ast.Call) and one.args else one


def _places(trees: _Trees) -> dict[str, int]:
    """At which place a function of ours takes what is told."""
    found: dict[str, int] = {}
    for _, tree in trees:
        for one in ast.walk(tree):
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
                names = [argument.arg for argument in one.args.args if argument.arg not in ("self", "cls")]
                found |= dict.fromkeys([one.name], next((at for at, name in enumerate(names) if name in TOLD), -1))
    return {name: at for name, at in found.items() if at >= 0}


def _of(tree: ast.Module, names: frozenset[str]) -> Iterator[str]:
    constants = dict(_constants(tree))
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _returned(function)
            nodes = list(ast.walk(function))
            calls = [one for one in nodes if isinstance(one, ast.Call) and one.args and _name(one.func) in names]
            assigned = dict(_assigned(nodes)) if any(isinstance(one.args[0], ast.Name) for one in calls) else {}
            for argument in (one.args[0] for one in calls):
                if isinstance(argument, ast.Name):
                    yield from assigned.get(argument.id, constants.get(argument.id, ()))
                else:
                    yield from texts_of(argument)


def _returned(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """What a function says that is asked why something is none: its caller refuses with that."""
    if function.name == "why_not":
        for one in ast.walk(function):
            if isinstance(one, ast.Return) and one.value is not None:
                yield from texts_of(one.value)


def _assigned(nodes: list[ast.AST]) -> Iterator[tuple[str, list[str]]]:
    """What a name of the function with these nodes is set to, where that is a sentence."""
    for one in nodes:
        if isinstance(one, ast.Assign) and len(one.targets) == 1 and isinstance(one.targets[0], ast.Name):
            texts = texts_of(one.value)
            if texts:
                yield one.targets[0].id, texts


def _constants(tree: ast.Module) -> Iterator[tuple[str, list[str]]]:
    """What a name of the module is set to, where that is a sentence."""
    for one in tree.body:
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name) and one.value is not None:
            yield one.target.id, texts_of(one.value)


def _name(function: ast.expr) -> str | None:
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", None)


def texts_of(node: ast.expr) -> list[str]:
    """The sentences of an expression; none where it is no text of ours."""
    if isinstance(node, ast.IfExp):
        return [*texts_of(node.body), *texts_of(node.orelse)]
    text = _text(node)
    return [text] if text and text != _FACT else []


def _text(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(str(one.value) if isinstance(one, ast.Constant) else _FACT for one in node.values)
    return None
