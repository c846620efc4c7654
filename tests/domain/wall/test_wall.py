"""The wall in the database: as the application's role, every table shows a merchant's rows to that merchant only."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from domain.platform import migrate, policies
from domain.platform.grants import GRANTS
from tests.conftest import Database, Servers
from tests.domain.wall.rows_of_all import Table, catalogue, laid_open, told

MINE, THEIRS = UUID(int=7), UUID(int=11)
_REFUSED = "row-level security"


@dataclass(frozen=True, slots=True)
class Walled:
    """A database with a row of two merchants in every table; `thief` is connected as the application's role."""

    tables: Mapping[str, Table]
    owner: Any
    thief: Any

    @property
    def behind(self) -> dict[str, Table]:
        return {name: table for name, table in self.tables.items() if name not in policies.OUTSIDE}

    async def seen(self, table: Table) -> set[str]:
        """The keys that the thief sees, as literals."""
        key = next(iter(table.columns))
        quoted = f"quote_literal({key}::text)" if "'" in table.key(MINE) else f"{key}::text"
        # The key of digests is nobody's, everybody's to read, and made by whoever needs it first.
        of_somebody = " WHERE merchant_id IS NOT NULL" if table.name == "data_keys" else ""
        found = await self.thief.fetch(f"SELECT {quoted} AS key FROM {table.name}{of_somebody}")  # noqa: S608 - of the catalogue
        return {row["key"] for row in found}

    async def refused(self, statement: str) -> bool:
        """Whether it was the wall that refused it. What else goes wrong (a column that may not be changed) says so."""
        try:
            async with self.thief.transaction():
                await self.thief.execute(statement)
        except asyncpg.InsufficientPrivilegeError as error:
            return _REFUSED in str(error)
        except asyncpg.UniqueViolationError:
            return False
        return False


@pytest.fixture
async def walled(fresh_database: Database, servers: Servers) -> AsyncIterator[Walled]:
    owner = await asyncpg.connect(fresh_database.owner_url)
    thief = await asyncpg.connect(fresh_database.application_url)
    tables = await catalogue(owner)
    await laid_open(owner, tables)
    for table in tables.values():
        for merchant in (MINE, THEIRS):
            if table.name not in policies.OUTSIDE:
                await owner.execute(table.insert(tables, merchant))
    yield Walled(tables, owner, thief)
    await thief.close()
    await owner.close()


# No merchant's own: all of the books compared, and the key of digests.
NOT_A_MERCHANTS = {"checks"}


async def test_every_table_is_behind_the_wall_or_is_said_to_be_no_merchants(owner_rows: Any) -> None:
    open_ones = await owner_rows(
        "SELECT relname FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT ("
        "  relrowsecurity AND (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid AND polpermissive "
        "    AND polcmd IN ('r', 'a', 'w') AND 'false' NOT IN (coalesce(pg_get_expr(polqual, polrelid), ''), "
        "    coalesce(pg_get_expr(polwithcheck, polrelid), ''))) = 3)"
    )
    assert {row["relname"] for row in open_ones} == policies.OUTSIDE


async def test_a_new_table_shows_nothing_until_somebody_says_whose_its_rows_are() -> None:
    assert policies.policy("novelties", frozenset({"id", "refund_id"})) is None
    assert policies.statements("novelties", frozenset({"id", "refund_id"}))[0].endswith("ENABLE ROW LEVEL SECURITY")
    assert policies.policy("novelties", frozenset({"id", "merchant_id"})) is not None


async def test_the_application_is_neither_owner_nor_superuser_nor_may_it_step_around_the_wall(owner_rows: Any) -> None:
    (role,) = await owner_rows(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, pg_has_role(rolname, 'estorno_owner', 'MEMBER') AS member "
        "FROM pg_roles WHERE rolname = 'estorno_app'"
    )
    assert dict(role) == {"rolsuper": False, "rolbypassrls": False, "rolcreaterole": False, "member": False}
    assert not await owner_rows("SELECT 1 FROM pg_views WHERE schemaname = 'public'")  # it would see as its owner


async def test_who_asks_for_a_merchant_sees_its_rows_who_asks_for_nobody_sees_none(walled: Walled) -> None:
    for table in walled.behind.values():
        both = {table.key(MINE), table.key(THEIRS)}
        assert await walled.seen(table) == set(), f"{table.name} shows something to nobody"
        for whose, expected in ((MINE, {table.key(MINE)}), (THEIRS, {table.key(THEIRS)}), (UUID(int=1), set())):
            await told(walled.thief, str(whose))
            shown = set() if table.name in NOT_A_MERCHANTS else expected
            assert await walled.seen(table) == shown, f"{table.name} as {whose}"
        await told(walled.thief, "*")
        assert await walled.seen(table) == both, f"{table.name} for all"
        await told(walled.thief, "")


async def test_who_asks_for_a_merchant_adds_and_changes_its_rows_only(walled: Walled) -> None:
    for number, table in enumerate(walled.behind.values(), 1):
        if "INSERT" not in GRANTS.get(table.name, ()) or table.name in NOT_A_MERCHANTS:
            continue
        await told(walled.thief, str(MINE))
        theirs = table.insert(walled.tables, THEIRS, number)
        assert await walled.refused(theirs), f"{table.name} takes another merchant's row"
        if table.name != "merchants":  # one that its platform makes
            mine = table.insert(walled.tables, MINE, number)
            assert not await walled.refused(mine), f"{table.name} takes not even one's own"
        await told(walled.thief, "")
        assert await walled.refused(theirs), f"{table.name} takes a row from nobody"


async def test_who_asks_for_a_merchant_changes_no_others_row(walled: Walled) -> None:
    for table in walled.behind.values():
        changed = [one for one in GRANTS.get(table.name, ()) if one.startswith("UPDATE")]
        if not changed or table.name in NOT_A_MERCHANTS:
            continue
        column = changed[0].partition("(")[2].rstrip(")").split(",")[0] or list(table.columns)[-1]
        statement = f"UPDATE {table.name} SET {column} = {column}"  # noqa: S608 - of the catalogue
        await told(walled.thief, "")
        assert await walled.thief.execute(statement) == "UPDATE 0"
        await told(walled.thief, str(MINE))
        assert await walled.thief.execute(statement) == "UPDATE 1", f"{table.name}: one's own, and no other"


async def test_a_row_cannot_be_given_to_another_merchant(walled: Walled) -> None:
    await told(walled.thief, str(MINE))
    for table in ("connections", "reconciliation_runs"):  # of these every column may be changed
        assert await walled.refused(f"UPDATE {table} SET merchant_id = '{THEIRS}'")  # noqa: S608 - ours


async def test_what_comes_after_another_migration_is_walled_once(fresh_database: Database, servers: Servers) -> None:
    owner = await asyncpg.connect(fresh_database.owner_url)
    before = await owner.fetch("SELECT oid FROM pg_policy ORDER BY oid")
    await owner.execute("CREATE TABLE novelties (id uuid PRIMARY KEY, refund_id uuid)")
    await migrate.run(fresh_database.owner_url, "estorno_app")
    made = "SELECT oid FROM pg_policy WHERE polrelid <> 'novelties'::regclass ORDER BY oid"
    assert await owner.fetch(made) == before  # no table is locked to be put behind the wall that it is behind
    assert await owner.fetchval("SELECT relrowsecurity FROM pg_class WHERE relname = 'novelties'")
    await owner.close()
