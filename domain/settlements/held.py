"""Many lines on their way into their table: held in a table of the session's own, and inserted from it.

PostgreSQL takes no COPY into a table whose rows have an owner (row-level security). A table of this session has no
owner to ask, no index and no log: the second way of the rows is the cheaper one. What most lines say alike is not
copied: a column that says the same of all is said once, and columns of few words are copied as one number.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import polars as pl

from domain.platform import copying
from domain.platform.database import connection as current

# Columns of few words, as a rule. PSEs have words of their own in `kind`, and may have many.
_WORDS: Final = ("type", "state", "currency", "settled_currency", "kind", "effect", "booked_as")
_SAID_MAX: Final = 100  # different rows of these words: of more, each column is copied
_SAID: Final = "said"  # the column of their number
# Copied as microseconds since 1970: PostgreSQL reads a moment's text ten times as long as a number.
_MOMENTS: Final = {"booked_at": "'epoch'::timestamptz + booked_at * interval '1 microsecond'"}
_KINDS: Final = {**dict.fromkeys(_MOMENTS, "bigint"), _SAID: "smallint"}


@dataclass(frozen=True, slots=True)
class HeldLines:
    """Lines in a table of the session's own; `columns`: what stands in each of theirs, as SQL has it of that table."""

    table: str
    rows: int
    columns: Mapping[str, str]


async def hold(lines: pl.DataFrame, number: int) -> HeldLines:
    """Copy lines, in columns of settlement_lines, into a table that only this session sees: nothing is written yet."""
    alike, table = _alike(lines), f"told_lines_{number}"
    words, said = _words(lines.select(name for name in _WORDS if name in lines.columns and name not in alike))
    told = lines.drop(*alike, *words).with_columns(pl.col(pl.Datetime).dt.epoch("us"), *said)
    names = (f"NULL::{_KINDS[name]} AS {name}" if name in _KINDS else name for name in told.columns)
    async with current().acquire_connection() as raw:
        await raw.execute(
            f"CREATE TEMPORARY TABLE {table} ON COMMIT DROP AS SELECT {', '.join(names)} FROM settlement_lines "  # noqa: S608 - ours
            "WITH NO DATA"
        )
        await copying.into(raw, table, told)
    copied = {name: _MOMENTS.get(name, name) for name in lines.columns if name not in {*alike, *words}}
    return HeldLines(table, lines.height, {**alike, **words, **copied})


async def arrive(report_id: UUID, held: HeldLines) -> None:
    """Insert them as that report's. Raises CutCopy."""
    said = {"report_id": copying.literal(report_id), **held.columns}
    async with current().acquire_connection() as raw:
        added = await raw.execute(
            f"INSERT INTO settlement_lines ({', '.join(said)}) SELECT {', '.join(said.values())} FROM {held.table}"  # noqa: S608 - ours
        )
        copying.whole(int(added.rpartition(" ")[2]), held.rows)
        await raw.execute(f"DROP TABLE {held.table}")


def _alike(lines: pl.DataFrame) -> dict[str, str]:
    """The columns that say the same of all lines, with what they say."""
    same = lines.select(pl.col(name).eq_missing(pl.col(name).first()).all() for name in lines.columns)
    names = [name for name in lines.columns if name != "line" and same[name].item()]
    said = lines.head(1).select(pl.col(name).cast(pl.String) for name in names)
    return {name: _literal(said[name].item()) for name in names}


def _words(words: pl.DataFrame) -> tuple[dict[str, str], list[pl.Series]]:
    """These columns by the number of what a line says in all of them, and that number; nothing where it saves nothing.

    To read a number and to look up its words takes PostgreSQL less than to read two words.
    """
    each = words.unique()
    if words.width < 2 or each.height > _SAID_MAX:
        return {}, []
    numbered = each.with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int16).alias(_SAID))
    said = words.join(numbered, on=words.columns, how="left", nulls_equal=True, maintain_order="left")[_SAID]
    return {one.name: f"(ARRAY[{', '.join(map(_literal, one))}]::text[])[{_SAID}]" for one in each}, [said]


def _literal(value: str | None) -> str:
    return "NULL" if value is None else copying.literal(value)
