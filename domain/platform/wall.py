"""The second wall: what PostgreSQL shows to whom, as the application's role, whatever a statement forgets to ask.

A statement is asked for one merchant (`for_merchant`), or for all of them (`for_all`, which says why); else it raises.
PostgreSQL is told by the setting `estorno.merchant`, which a connection of the pool remembers. The first wall is the
condition in each statement; this one is for the day when one is forgotten.
"""

from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar
from uuid import UUID

P = ParamSpec("P")
T = TypeVar("T")
SETTING: Final = "estorno.merchant"
NOBODY: Final = ""  # no row of any merchant
EVERYBODY: Final = "*"
_whose: ContextVar[str | None] = ContextVar("estorno_merchant", default=None)


class NoMerchant(RuntimeError):
    """A statement is asked, and nobody has said for whom: a bug of ours, which shows nothing to anybody."""


class AnotherMerchant(RuntimeError):
    """What is done for one merchant turned to another one: a bug of ours."""


def whose() -> str:
    """For whom the current task asks: a merchant's id, EVERYBODY or NOBODY. Raises NoMerchant."""
    wanted = _whose.get()
    if wanted is None:
        raise NoMerchant("Say for whom: database.for_merchant(id), or database.for_all(why) where it is for many.")
    return wanted


def wanted() -> str | None:
    """As `whose`, None where nobody has said it."""
    return _whose.get()


@contextmanager
def for_merchant(merchant_id: UUID) -> Iterator[None]:
    """What is asked in here is asked for this merchant. Raises AnotherMerchant inside of another one's."""
    reset = _whose.set(_narrowed(merchant_id))
    try:
        yield
    finally:
        _whose.reset(reset)


class for_all:
    """What is asked in here sees all merchants: `with for_all(why):`, or above a coroutine function, all of it.

    `why` is for whoever reads the code, or searches it for where the wall has a gate.
    """

    def __init__(self, why: str) -> None:
        self.why = why
        self._resets: list[Token[str | None]] = []

    def __enter__(self) -> None:
        self._resets.append(_whose.set(EVERYBODY))

    def __exit__(self, *_: object) -> None:
        _whose.reset(self._resets.pop())

    def __call__(self, work: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
        @wraps(work)
        async def widened(*arguments: P.args, **named: P.kwargs) -> T:
            with for_all(self.why):
                return await work(*arguments, **named)

        return widened


@contextmanager
def for_nobody() -> Iterator[None]:
    """What is asked in here needs no merchant's row, and sees none."""
    reset = _whose.set(NOBODY)
    try:
        yield
    finally:
        _whose.reset(reset)


def stand_for(merchant_id: UUID) -> None:
    """As `for_merchant`, for all that this task still does: a request, once it is known whose. Raises as it does."""
    _whose.set(_narrowed(merchant_id))


def stand_for_all(why: str) -> None:
    """As `for_all`, for all that this process or task still does: a command of the operator's."""
    _whose.set(EVERYBODY)


@contextmanager
def unsaid() -> Iterator[None]:
    """A door: whoever called it has said nothing to whom it lets in."""
    reset = _whose.set(None)
    try:
        yield
    finally:
        _whose.reset(reset)


def door(work: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """A job, which says itself for whom it asks, wherever it is called from."""

    @wraps(work)
    async def entered(*arguments: P.args, **named: P.kwargs) -> T:
        with unsaid():
            return await work(*arguments, **named)

    return entered


def _narrowed(merchant_id: UUID) -> str:
    now, then = _whose.get(), str(merchant_id)
    if now not in (None, EVERYBODY, NOBODY, then):
        raise AnotherMerchant("This is done for one merchant and turns to another one.")
    return then
