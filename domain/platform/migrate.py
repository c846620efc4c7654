"""The migrations, and who may do what to which table.

The owner migrates; the application's role owns nothing and holds exactly the grants of `GRANTS`.
"""

from pkgutil import iter_modules
from typing import TYPE_CHECKING, Final

from tortoise import Tortoise
from tortoise.connection import get_connection

from domain import migrations
from domain.platform import policies
from domain.platform.database import config, for_all, reached
from domain.platform.executor import Executor
from domain.platform.grants import GRANTS

if TYPE_CHECKING:
    import asyncpg

_LOCK: Final = 0x657374  # any number will do, as long as every migrating process takes the same one


async def pending(url: str) -> list[str]:
    """The names of the migrations that the database at `url` still lacks.

    Every program asks at its start: nothing is built of models and migrations for it.
    """
    hand = await reached(url)
    try:
        return sorted({one.name for one in iter_modules(migrations.__path__)} - await _applied(hand))
    finally:
        await hand.close()


async def _applied(hand: "asyncpg.Connection") -> set[str]:
    if not await hand.fetchval("SELECT 1 FROM pg_tables WHERE tablename = 'tortoise_migrations'"):
        return set()
    return {row["name"] for row in await hand.fetch("SELECT name FROM tortoise_migrations")}


async def run(owner_url: str, app_role: str, *, provider: bool = False) -> list[str]:
    """Bring the database up to date as its owner and grant the application's role what `GRANTS` says.

    `provider`: whether an identity provider says who signs in, so that a session needs no link's secret.
    Safe to run by several processes at once. Gives the names of the migrations it applied.
    """
    guard = await reached(owner_url)
    try:
        await guard.execute("SELECT pg_advisory_lock($1)", _LOCK)
        lacking = await pending(owner_url)
        if lacking:
            await _apply(owner_url)
        await policies.build(guard)
        await policies.let_sign_in(guard, provider)
        await _grant(guard, app_role)
        return lacking
    finally:
        await guard.close()


async def _apply(owner_url: str) -> None:
    await Tortoise.init(config=config(owner_url, pool_max=1), _enable_global_fallback=True)
    try:
        executor = Executor(get_connection("default"), config(owner_url)["apps"])
        with for_all("migrations are the owner's, of whom the wall keeps nothing"):
            await executor.migrate(direction="forward")
    finally:
        await Tortoise.close_connections()


async def _grant(owner: "asyncpg.Connection", app_role: str) -> None:
    if await owner.fetchval("SELECT current_user") == app_role:
        return
    role = await owner.fetchval("SELECT quote_ident($1)", app_role)
    database = await owner.fetchval("SELECT quote_ident(current_database())")
    async with owner.transaction():
        await owner.execute(f"GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {role}")
        await owner.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
        await owner.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}")
        await owner.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}")
        for table, privileges in GRANTS.items():
            await owner.execute(f"GRANT {', '.join(privileges)} ON {table} TO {role}")
