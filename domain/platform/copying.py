"""Tables of columns copied out of PostgreSQL and into it. A copy is whole, or it raises: both sides are counted.

No row becomes a row of Python on its way, and no list of names a parameter of a statement.
"""

import asyncio
import io
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID

import polars as pl
from tortoise.backends.base.client import TransactionalDBClient

from domain.platform.database import connection

Schema = Mapping[str, type[pl.DataType] | pl.DataType]
_NULL: Final = "\\N"  # what is written so in a cell has its backslash escaped
_PARAMETER: Final = re.compile(r"\$([0-9]{1,2})")
_PIECE_BYTES: Final = 16 << 20
_AT_ONCE: Final = 100_000  # rows that are text at a time
# What PostgreSQL writes for characters that would end a cell or a row.
_ESCAPED: Final[Mapping[str, str]] = {
    "\\\\": "\\",
    "\\b": "\b",
    "\\f": "\f",
    "\\n": "\n",
    "\\r": "\r",
    "\\t": "\t",
    "\\v": "\v",
}


class CutCopy(RuntimeError):
    """Fewer or more rows came than were sent: nothing of them may be used."""


@asynccontextmanager
async def aside() -> AsyncIterator[Any]:
    """A connection beside the transaction that is open, if one is: what it makes for itself is no write of that one,
    so nobody waits for it. It sees what is committed.
    """
    client = connection()
    pool: Any = client._parent if isinstance(client, TransactionalDBClient) else client
    async with pool.acquire_connection() as raw:
        yield raw


async def out(raw: Any, query: str, *values: Any, schema: Schema) -> pl.DataFrame:
    """The rows of a query in columns of this schema, in its order; a moment is given as microseconds since 1970 (UTC).

    Raises CutCopy.
    """
    frames: list[pl.DataFrame] = []
    await pieces(raw, query, *values, schema=schema, take=frames.append)
    return pl.concat(frames) if frames else pl.DataFrame(schema=schema)


async def pieces(raw: Any, query: str, *values: Any, schema: Schema, take: Callable[[pl.DataFrame], object]) -> None:
    """As `out`, each piece given to `take` as it comes. Raises CutCopy at the end: nothing of them may be used then."""
    coming = _Pieces(schema, take)
    # COPY takes no parameters, and asyncpg would prepare a statement to have PostgreSQL write them as text.
    told = await raw.copy_from_query(
        _PARAMETER.sub(lambda one: literal(values[int(one[1]) - 1]), query), output=coming.take
    )
    coming.end(_rows(told))


def literal(value: UUID | str | Sequence[str]) -> str:
    """The value as SQL has it."""
    if isinstance(value, str | UUID):
        return "'" + str(value).replace("'", "''") + "'"
    return f"ARRAY[{', '.join(literal(one) for one in value)}]::text[]"


class _Pieces:
    """Text as it comes, made into columns piece by piece: the whole text is never there at once."""

    def __init__(self, schema: Schema, give: Callable[[pl.DataFrame], object]) -> None:
        self._schema = schema
        self._text = bytearray()
        self._give = give
        self._given = 0

    async def take(self, text: bytes) -> None:
        self._text += text
        if len(self._text) >= _PIECE_BYTES:
            end = self._text.rindex(b"\n") + 1  # a line break inside a cell is escaped
            piece = bytes(self._text[:end])
            del self._text[:end]
            self._made(await asyncio.to_thread(_columns, piece, self._schema))

    def end(self, rows: int) -> None:
        if self._text:
            self._made(_columns(bytes(self._text), self._schema))
        if self._given != rows:
            raise CutCopy(f"PostgreSQL sent {rows} rows, and {self._given} came.")

    def _made(self, frame: pl.DataFrame) -> None:
        self._given += frame.height
        self._give(frame)


def _columns(text: bytes, schema: Schema) -> pl.DataFrame:
    as_text = {name: _as_text(kind) for name, kind in schema.items()}
    found = pl.read_csv(
        io.BytesIO(text),
        has_header=False,
        schema=as_text,
        separator="\t",
        quote_char=None,
        null_values=_NULL,
        empty_string_is_null=False,
    )
    if text.count(b"\\") > text.count(b"\\N"):
        written = pl.col(pl.String).str.replace_many(list(_ESCAPED), list(_ESCAPED.values()), leftmost=True)
        found = found.with_columns(written)
    flags = [name for name, kind in schema.items() if kind == pl.Boolean]
    return found.with_columns(pl.col(name) == "t" for name in flags).cast(pl.Schema(schema))


def _as_text(kind: type[pl.DataType] | pl.DataType) -> type[pl.DataType]:
    if kind in (pl.Int64, pl.Datetime):
        return pl.Int64
    return pl.String


async def into(raw: Any, table: str, lines: pl.DataFrame) -> None:
    """Copy all rows into a table's columns of the same names. Raises CutCopy."""
    told = await raw.copy_to_table(table, source=_text_of(lines), columns=lines.columns, format="csv")
    whole(_rows(told), lines.height)


def whole(rows: int, wanted: int) -> None:
    """Raises CutCopy unless as many rows were written as there are."""
    if rows != wanted:
        raise CutCopy(f"{wanted} rows were to be written, and {rows} were.")


async def _text_of(lines: pl.DataFrame) -> AsyncIterator[bytes]:
    for part in lines.iter_slices(_AT_ONCE):
        # Text is quoted and nothing is not: so what is empty and what is not there stay two things.
        yield await asyncio.to_thread(_written, part)


def _written(part: pl.DataFrame) -> bytes:
    return part.write_csv(include_header=False, quote_style="non_numeric", null_value="").encode()


def _rows(told: str) -> int:
    return int(told.removeprefix("COPY "))
