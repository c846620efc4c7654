"""A row of two merchants in every table of the catalogue, so that no table can be forgotten."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid5

import asyncpg

_NAMES: Final = UUID("0f0e0d0c-0b0a-4908-8706-050403020100")
_COLUMNS: Final = """SELECT c.relname AS table, a.attname AS name, format_type(a.atttypid, NULL) AS type,
    coalesce((SELECT p.relname FROM pg_constraint f JOIN pg_class p ON p.oid = f.confrelid
      WHERE f.contype = 'f' AND f.conrelid = c.oid AND a.attnum = ANY(f.conkey) AND a.attname LIKE '%_id'
        AND a.attname <> 'merchant_id' ORDER BY cardinality(f.conkey) LIMIT 1), $1::jsonb ->> a.attname) AS parent
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attgenerated = ''
  ORDER BY c.relname, a.attnum"""
_NO_KEY: Final = '{"report_id": "reports"}'  # a settlement line's parent, which is no foreign key
_PLAIN: Final[Mapping[str, str]] = {
    "boolean": "false",
    "jsonb": "'{{}}'::jsonb",
    "bytea": "'\\x00'::bytea",
    "date": "current_date + {n}",
    "timestamp with time zone": "now() + interval '{n} hours'",
    "xid8": "'{n}'::xid8",
    "uuid": "gen_random_uuid()",
}


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the catalogue and its columns: name -> (type, parent table or None)."""

    name: str
    columns: Mapping[str, tuple[str, str | None]]

    def key(self, merchant: UUID, number: int = 0) -> str:
        """The primary key, as a literal, of a merchant's row."""
        if self.name == "merchants" and not number:
            return f"'{merchant}'"
        key = next(iter(self.columns))
        if key == "merchant_id":  # the first of several columns that are its key
            return f"'{merchant}'"
        kind = self.columns[key][0]
        made = uuid5(_NAMES, f"{self.name}/{merchant}/{number}")
        return f"'{made}'" if kind in ("uuid", "character varying", "text") else str(made.int % 2**30)

    def insert(self, tables: Mapping[str, "Table"], merchant: UUID, number: int = 0) -> str:
        """The statement that adds a merchant's row."""
        n = int(merchant) % 10_000 + number
        values = [self._value(name, tables, merchant, number, n) for name in self.columns]
        return (
            f"INSERT INTO {self.name} ({', '.join(self.columns)}) OVERRIDING SYSTEM VALUE VALUES ({', '.join(values)})"  # noqa: S608
        )

    def _value(self, name: str, tables: Mapping[str, "Table"], merchant: UUID, number: int, n: int) -> str:
        kind, parent = self.columns[name]
        if name == next(iter(self.columns)):
            return self.key(merchant, number)
        if name == "merchant_id":
            return f"'{merchant}'"
        if name in ("platform_id", "maker_id"):
            return "NULL"
        if parent is not None:
            return tables[parent].key(merchant)
        if kind.endswith("[]"):
            return "'{}'"
        if kind == "character varying":
            return f"'{_short(n)}'"
        return _PLAIN.get(kind, "'{n}'").format(n=n) + (f"::{kind}" if kind in ("numeric", "bigint") else "")


def _short(number: int) -> str:
    """A number below 1296 in two signs: no text is shorter than a country's."""
    signs = "0123456789abcdefghijklmnopqrstuvwxyz"
    return signs[number // 36 % 36] + signs[number % 36]


async def catalogue(hand: Any) -> dict[str, Table]:
    """Every table there is."""
    found: dict[str, dict[str, tuple[str, str | None]]] = {}
    for row in await hand.fetch(_COLUMNS, _NO_KEY):
        found.setdefault(row["table"], {})[row["name"]] = row["type"], row["parent"]
    return {name: Table(name, columns) for name, columns in found.items()}


async def laid_open(owner: Any, tables: Mapping[str, Table]) -> None:
    """Nothing but the wall is left in the way: no check, no foreign key, no trigger, no unique index."""
    for row in await owner.fetch(
        "SELECT conrelid::regclass::text AS t, conname FROM pg_constraint WHERE contype IN ('f', 'c') "
        "AND connamespace = 'public'::regnamespace"
    ):
        await owner.execute(f'ALTER TABLE {row["t"]} DROP CONSTRAINT "{row["conname"]}"')
    for table in tables:
        await owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")


async def told(hand: "asyncpg.Connection[Any]", whose: str) -> None:
    """For whom the connection asks from now on."""
    await hand.execute("SELECT set_config('estorno.merchant', $1, false)", whose)
