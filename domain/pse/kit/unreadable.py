"""What every connector raises for an object of its PSE that it cannot read, and what becomes of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

_Read = TypeVar("_Read")


class Unreadable(Exception):
    """A PSE's object that does not mean what its documents say: the words say which part."""


@contextmanager
def told_as(error: Callable[[str], Exception], what: str) -> Iterator[None]:
    """Within, what cannot be read is an `error` about `what`, the subject of its sentence: an order, an event."""
    try:
        yield
    except Unreadable as unreadable:
        raise error(f"{what}: {unreadable}.") from unreadable


def or_none(read: Callable[[], _Read]) -> _Read | None:
    """What `read` gives; None where it raises Unreadable."""
    try:
        return read()
    except Unreadable:
        return None
