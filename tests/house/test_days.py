"""Whichever hour the gate is run at: no test keeps a day from its import, begins at a day's end, or mixes two days."""

import ast
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest

from tests.kit.days import ZONES, earlier, seconds_to_a_new_day

CHECKOUT = Path(__file__).resolve().parents[2]
KIT = CHECKOUT / "tests" / "kit"
_READ_THE_CLOCK = {"now", "today", "utcnow"}
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _called_at_import(tree: ast.AST) -> Iterator[ast.Call]:
    """Not what stands in a function, but its defaults and decorators; nor what only a main program does."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "__main__" in ast.dump(node.test):
            continue
        if isinstance(node, ast.Call):
            yield node
        if isinstance(node, _Function):
            for part in (*node.decorator_list, node.args):
                yield from _called_at_import(ast.Expression(part))  # type: ignore[arg-type]  # no expression is built
        elif not isinstance(node, ast.Lambda):
            yield from _called_at_import(node)


def _readers(kit: Iterable[ast.AST]) -> set[str]:
    """The clock's own functions, and those of the kit that ask them."""
    functions = [one for tree in kit for one in ast.iter_child_nodes(tree) if isinstance(one, _Function)]
    return _READ_THE_CLOCK | {one.name for one in functions if _asks(one, _READ_THE_CLOCK)}


def _asks(function: ast.AST, readers: set[str]) -> bool:
    """Whether it does so itself: what it only prepares may be done later."""
    for node in ast.iter_child_nodes(function):
        if isinstance(node, ast.Call) and _name(node) in readers:
            return True
        if not isinstance(node, (*get_args(_Function), ast.Lambda)) and _asks(node, readers):
            return True
    return False


def _kept(tree: ast.AST, readers: set[str]) -> list[int]:
    """The lines that read the clock when the module is imported, by themselves or by a function of the module."""
    own = {one.name for one in ast.iter_child_nodes(tree) if isinstance(one, _Function) and _asks(one, readers)}
    return [call.lineno for call in _called_at_import(tree) if _name(call) in readers | own]


def test_no_day_is_kept_from_the_import() -> None:
    """A run that began yesterday would have the wrong one; a worker imports all tests as it starts."""
    texts = {path: path.read_text() for path in (CHECKOUT / "tests").rglob("*.py")}
    readers = _readers([ast.parse(text) for path, text in texts.items() if KIT in path.parents])
    called = re.compile(rf"\b({'|'.join(sorted(readers))})\s*\(")  # of other files the tree need not be made
    trees = {path: ast.parse(text) for path, text in texts.items() if called.search(text)}
    kept = {str(path.relative_to(CHECKOUT)): lines for path, tree in trees.items() if (lines := _kept(tree, readers))}
    assert kept == {}, "Ask for the day where it is used (tests/kit/days)."


@pytest.mark.parametrize(
    "line",
    [
        "TODAY = datetime.now(UTC).date()",
        "class A:\n    day: date = date.today()",
        "def test_a(day: date = utc_today()) -> None: ...",
        "@pytest.mark.parametrize('day', [today(), today(-1)])\ndef test_a(day: date) -> None: ...",
        "def _noon() -> datetime:\n    return datetime.now(UTC)\n\n\nNOON = f'{_noon()}'",
    ],
)
def test_a_kept_day_is_seen(line: str) -> None:
    assert _kept(ast.parse(line), _READ_THE_CLOCK | {"utc_today"}) != []


def test_a_day_that_is_asked_for_in_a_test_is_none_that_is_kept() -> None:
    source = "def test_a() -> None:\n    assert datetime.now(UTC)\n\n\nLATER = lambda: datetime.now(UTC)\n"
    assert _kept(ast.parse(source), _READ_THE_CLOCK) == []


@pytest.mark.parametrize("midnight", ["2026-03-01T00:00:00Z", "2026-03-01T03:00:00Z"])
def test_minutes_ago_is_today_and_days_ago_are_as_many(midnight: str) -> None:
    for seconds in (0, 1, 60, 3_600):
        now = datetime.fromisoformat(midnight) + timedelta(seconds=seconds)
        for zone in ZONES:
            assert earlier(0.01, now).astimezone(zone).date() == now.astimezone(zone).date()
        assert earlier(0.01, now) <= now
        assert now - earlier(3, now) == timedelta(days=3)


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        ("2026-02-28T23:59:39Z", 0),
        ("2026-02-28T23:59:50Z", 10),
        ("2026-03-01T00:00:00Z", 0),
        ("2026-03-01T02:59:59Z", 1),
        ("2026-03-01T03:00:00Z", 0),
        ("2026-03-01T12:00:00Z", 0),
    ],
)
def test_a_test_waits_for_a_day_that_is_about_to_begin(moment: str, seconds: float) -> None:
    assert seconds_to_a_new_day(datetime.fromisoformat(moment).astimezone(UTC)) == seconds
