"""What Tortoise, asyncpg and httpx find out anew for each pool, connection and client, and what never changes in a run.

A process of tests opens thousands of each. Processes of ours that a test starts are as they are, but that forks have
their models built (kit/zygote).
"""

import ssl
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any, Final

from asyncpg import Connection
from httpx._transports import default
from tortoise.apps import Apps
from tortoise.models import Model

_NOTHING_SENT: Final = SimpleNamespace(name="nothing was sent")
_FIRST_OWN_OID: Final = 16_384  # types below it are PostgreSQL's own, alike in every database


def build_models_once() -> None:
    """The queries and filters of the models depend on models and dialect alone: only others than the last are built."""
    build: Callable[[Apps], None] = Apps._build_initial_querysets
    built: list[type[Model]] = []

    def once(self: Apps) -> None:
        models = [model for app in self.apps.values() for model in app.values()]
        if models != built:
            build(self)
            built[:] = models

    Apps._build_initial_querysets = once  # type: ignore[method-assign]


def describe_types_once() -> None:
    """A connection asks PostgreSQL what an array of texts is: a query of many tables, to plan which takes milliseconds.

    asyncpg wants to see the statement, too: one without a name would have taken the place of the one that it prepares.
    """
    ask = Connection._introspect_types
    known: dict[frozenset[int], Any] = {}

    async def once(self: Any, typeoids: Any, seconds: float | None) -> Any:
        types = frozenset(typeoids)
        if types not in known:
            found, statement = await ask(self, typeoids, seconds)
            if max(types) >= _FIRST_OWN_OID:
                return found, statement
            known[types] = found
        return known[types], _NOTHING_SENT

    Connection._introspect_types = once


def share_authorities() -> None:
    """A client that is told of no authorities reads all of the world's, also for plain HTTP: a fortieth of a second."""
    make: Callable[..., ssl.SSLContext] = default.create_ssl_context  # type: ignore[attr-defined]
    usual = cache(lambda: make())

    def shared(verify: Any = True, cert: Any = None, trust_env: bool = True) -> ssl.SSLContext:
        is_usual = verify is True and cert is None and trust_env
        return usual() if is_usual else make(verify=verify, cert=cert, trust_env=trust_env)

    default.create_ssl_context = shared  # type: ignore[attr-defined]
