"""What guards tables and makes them quick, taken off while they are filled and put on again as the catalogue had it.

Rows that are copied beside their indexes and foreign keys cost ten times as much as building those once. Putting them
on again looks at every row: what does not fit is refused, and the transaction with it.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

_KEYS: Final = """
SELECT conrelid::regclass::text AS table, quote_ident(conname) AS name, contype::text AS type,
       pg_get_constraintdef(oid) AS definition
FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND (
    (contype = 'f' AND (conrelid = ANY($1::text[]::regclass[]) OR confrelid = ANY($1::text[]::regclass[])))
    OR (contype IN ('p', 'u') AND conrelid = ANY($1::text[]::regclass[])))
ORDER BY contype = 'f', conname"""
# PostgreSQL writes a condition with a list in another way each time it reads one: those, which hold few rows, stay.
_INDEXES: Final = """
SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition FROM pg_index i
WHERE indrelid = ANY($1::text[]::regclass[]) AND pg_get_indexdef(indexrelid) NOT LIKE '%ARRAY[%'
  AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u'))
ORDER BY 1"""


@asynccontextmanager
async def bare(owner: Any, tables: Iterable[str]) -> AsyncIterator[None]:
    """The tables without keys, indexes and triggers of ours, inside the owner's open transaction."""
    names = list(tables)
    keys = await owner.fetch(_KEYS, names)
    indexes = await owner.fetch(_INDEXES, names)
    await _run(owner, [f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in names])
    # Foreign keys stand on the unique ones: they go first and come last.
    await _run(owner, [f"ALTER TABLE {one['table']} DROP CONSTRAINT {one['name']}" for one in reversed(keys)])
    await _run(owner, [f"DROP INDEX {one['name']}" for one in indexes])
    yield
    made = [f"ALTER TABLE {one['table']} ADD CONSTRAINT {one['name']} {one['definition']}" for one in keys]
    unique = [text for one, text in zip(keys, made, strict=True) if one["type"] != "f"]
    await _run(owner, unique)
    await _run(owner, [one["definition"] for one in indexes])
    await _run(owner, made[len(unique) :])
    await _run(owner, [f"ALTER TABLE {table} ENABLE TRIGGER USER" for table in names])


async def _run(owner: Any, statements: Sequence[str]) -> None:
    for statement in statements:
        await owner.execute(statement)
