"""Planting a bug: a function's code is replaced by that of its changed source, wherever it was imported to."""

import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import FunctionType
from typing import Any


@dataclass(frozen=True, slots=True)
class Edit:
    """In the source of `function`, `before` (which must be there exactly once) becomes `after`."""

    function: Callable[..., Any]
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Mutation:
    """A bug. `without` drops what would refuse it in the database, so that the simulation itself must see it.

    It must be found within STEPS_MAX steps from `seed` in the histories of `focus`, a name of simulation/focus.py.
    The gate plants those marked `gate`; `make planted` plants all.
    """

    name: str
    found: str  # a pattern of what the simulation says when it finds it
    edits: tuple[Edit, ...]
    without: tuple[str, ...] = ()
    gate: bool = False
    seed: int = 1
    focus: str = "plain"


class SourceChanged(AssertionError):
    """The code that a mutation changes is not there any more: write the mutation anew."""


@contextmanager
def planted(mutation: Mutation) -> Iterator[None]:
    """The bug is in the code. Raises SourceChanged."""
    with ExitStack() as stack:
        for edit in mutation.edits:
            stack.enter_context(_edited(edit))
        yield


@contextmanager
def _edited(edit: Edit) -> Iterator[None]:
    function = edit.function
    assert isinstance(function, FunctionType)
    sound = function.__code__
    function.__code__ = _changed(function, edit)
    try:
        yield
    finally:
        function.__code__ = sound


def _changed(function: FunctionType, edit: Edit) -> Any:
    source = textwrap.dedent(inspect.getsource(function))
    if source.count(edit.before) != 1:
        raise SourceChanged(f"{function.__module__}.{function.__name__} does not have once: {edit.before!r}")
    names: dict[str, Any] = dict(function.__globals__)
    exec(compile(source.replace(edit.before, edit.after), inspect.getfile(function), "exec"), names)  # noqa: S102
    return names[function.__name__].__code__
