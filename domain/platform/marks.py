"""How far tables that are only added to can be read once and for all: no row below a mark can still come.

Ids are given before their transactions commit, so the greatest one that is seen is not yet a mark. Whoever might still
commit a lower one holds the lock of a writer on its table; when all who held it have ended, it is one.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from domain.platform.database import rows

_LOOK_SECONDS: Final = 0.05
# A prepared transaction holds its locks without a process, and is named here like any other.
_WRITERS: Final = (
    "SELECT DISTINCT virtualtransaction AS writer FROM pg_locks WHERE locktype = 'relation' AND granted "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND mode = 'RowExclusiveLock' AND relation = ANY($1::text[]::regclass[]::oid[]) "
    "AND pid IS DISTINCT FROM pg_backend_pid()"  # what the asking one itself has written it sees
)


async def settled(tables: Sequence[str], *, patience_seconds: float) -> Mapping[str, int] | None:
    """The id up to which each table's rows are all there, 0 where it is empty; outside of any transaction.

    None when a transaction that writes to one of them did not end for `patience_seconds`. Nobody is held up.
    """
    found = {table: await _greatest(table) for table in tables}
    # Asked after the ids: a writer of that moment who is not found any more has ended.
    waiting = await _writers(tables)
    give_up = asyncio.get_running_loop().time() + patience_seconds
    while waiting:
        if asyncio.get_running_loop().time() >= give_up:
            return None
        await asyncio.sleep(_LOOK_SECONDS)
        waiting &= await _writers(tables)
    return found


async def _greatest(table: str) -> int:
    (row,) = await rows(f"SELECT coalesce(max(id), 0) AS id FROM {table}")  # noqa: S608 - a name of ours
    return int(row["id"])


async def _writers(tables: Sequence[str]) -> set[str]:
    return {row["writer"] for row in await rows(_WRITERS, list(tables))}
