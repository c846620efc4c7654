"""Whose secret is shown to the database when somebody is given something: a token, a part, a link (migration 0032).

The database believes no role of the application's, only a bearer token, a session or a link whose digest it holds.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from domain.platform.database import rows

_secret: ContextVar[str | None] = ContextVar("estorno_giver", default=None)


def hold(secret: str | None) -> None:
    """What is given by this task from now on is given with this secret: a request's own bearer token."""
    _secret.set(secret)


@contextmanager
def giving(secret: str) -> Iterator[None]:
    """What is given in here is given with this secret, in clear: of a token, a session or a one-time link."""
    reset = _secret.set(secret)
    try:
        yield
    finally:
        _secret.reset(reset)


async def show() -> None:
    """Show it to the database until the caller's transaction ends. The owner needs none."""
    secret = _secret.get()
    if secret:
        await rows("SELECT set_config('estorno.giver', $1, true)", secret)
