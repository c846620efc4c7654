"""The second wall: what PostgreSQL shows to whom, as the application's role, whatever a statement forgets to ask.

A statement is asked for one merchant (`for_merchant`), or for all of them (`for_all`, which says why); else it raises.
PostgreSQL is told by the setting `estorno.merchant`, which a connection of the pool remembers. The first wall is the
condition in each statement; this one is for the day when one is forgotten.
"""

from collections.abc import Callable, Coroutine, Iterator, Mapping
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


# The policies

_MINE: Final = f"(SELECT nullif(nullif(current_setting('{SETTING}', true), ''), '{EVERYBODY}')::uuid)"
_ALL: Final = f"(SELECT current_setting('{SETTING}', true) = '{EVERYBODY}')"
# No merchant's: what was applied, what the demo keeps, and how soon somebody may ask again.
OUTSIDE: Final = frozenset({"tortoise_migrations", "demo_marks", "paces"})
# Every table with a column `merchant_id` is behind the wall by it. These are by the row that they hang on.
PARENTS: Final[Mapping[str, tuple[str, str]]] = {
    "announced_reports": ("connection_id", "connections"),
    "answers": ("call_id", "calls"),
    "attempts": ("refund_id", "refunds"),
    "certification_cases": ("run_id", "certification_runs"),
    "listed_money": ("payment_id", "payments"),
    "notice_refunds": ("refund_id", "refunds"),
    "notices": ("connection_id", "connections"),
    "onboarding_documents": ("connection_id", "connections"),
    "onboarding_steps": ("connection_id", "connections"),
    "preflight_checks": ("run_id", "preflight_runs"),
    "refused_webhooks": ("connection_id", "connections"),
    "report_news": ("connection_id", "connections"),
    "settlement_lines": ("report_id", "reports"),
}
_MERCHANT: Final = f"merchant_id = {_MINE} OR {_ALL}"
_PERSON: Final = f"EXISTS (SELECT 1 FROM people p WHERE p.id = person_id AND p.merchant_id = {_MINE}) OR {_ALL}"  # noqa: S608
# Table -> (what may be seen, what may be written).
_OWN: Final[Mapping[str, tuple[str, str]]] = {
    "merchants": (f"id = {_MINE} OR platform_id = {_MINE} OR {_ALL}", f"platform_id = {_MINE} OR {_ALL}"),
    # Who has a part in a merchant may be another one's person; only their own merchant writes about them.
    "people": (f"{_MERCHANT} OR EXISTS (SELECT 1 FROM grants g WHERE g.person_id = people.id)", _MERCHANT),  # noqa: S608
    "sessions": (_PERSON, _PERSON),
    "sign_in_links": (_PERSON, _PERSON),
    "data_keys": (f"{_MERCHANT} OR merchant_id IS NULL", _MERCHANT),  # of nobody: the key of digests
    "checks": (_ALL, _ALL),  # all of the books, compared
}


def policy(table: str, columns: frozenset[str]) -> tuple[str, str] | None:
    """Who may see a row of this table, and who may write one; None: nobody has said it, so nobody may either."""
    if table in _OWN:
        return _OWN[table]
    if table in PARENTS:
        column, parent = PARENTS[table]
        through = f"{_ALL} OR EXISTS (SELECT 1 FROM {parent} p WHERE p.id = {table}.{column})"  # noqa: S608 - ours
        return through, through
    return (_MERCHANT, _MERCHANT) if "merchant_id" in columns else None


def statements(table: str, columns: frozenset[str]) -> list[str]:
    """What puts a table behind the wall, be it new or behind an earlier one."""
    if table in OUTSIDE:
        return []
    told = [f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"]
    told += [f"DROP POLICY IF EXISTS {name} ON {table}" for name in ("wall_seen", "wall_added", "wall_changed")]
    seen, written = policy(table, columns) or ("false", "false")
    told.append(f"CREATE POLICY wall_seen ON {table} FOR SELECT USING ({seen})")
    told.append(f"CREATE POLICY wall_added ON {table} FOR INSERT WITH CHECK ({written})")
    told.append(f"CREATE POLICY wall_changed ON {table} FOR UPDATE USING ({written}) WITH CHECK ({written})")
    return told
