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
_AT_ONCE: Final = 20_000  # rows that are text at a time: more of it would be new memory each time
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


_MARKS: Final = b"\\\t\n\r"
_TO_ESCAPE: Final = {of: escape for escape, of in _ESCAPED.items() if of in "\\\n\r\t"}


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
    told = await raw.copy_to_table(table, source=_text_of(lines), columns=lines.columns)
    whole(_rows(told), lines.height)


def whole(rows: int, wanted: int) -> None:
    """Raises CutCopy unless as many rows were written as there are."""
    if rows != wanted:
        raise CutCopy(f"{wanted} rows were to be written, and {rows} were.")


async def _text_of(lines: pl.DataFrame) -> AsyncIterator[bytes]:
    """The rows as text, part by part: the next one is written while PostgreSQL takes the one before."""
    writing: asyncio.Task[bytes] | None = None
    try:
        for part in lines.iter_slices(_AT_ONCE):
            one, writing = writing, asyncio.create_task(asyncio.to_thread(_written, part))
            if one is not None:
                yield await one
        if writing is not None:
            yield await writing
    finally:
        if writing is not None:
            await asyncio.wait([writing])


def _written(part: pl.DataFrame) -> bytes:
    told = part.with_columns(_moments(one) for one in part.select(pl.col(pl.Datetime)))
    text = _as_rows(told)
    # A mark in a cell is one more than there are of cells and rows: all of them in one pass.
    marks = sum(one.null_count() for one in told) + told.height * told.width
    if len(text) - len(text.translate(None, _MARKS)) == marks:
        return text
    escaped = pl.col(pl.String).str.replace_many(list(_TO_ESCAPE), list(_TO_ESCAPE.values()), leftmost=True)
    return _as_rows(told.with_columns(escaped))


def _moments(column: pl.Series) -> pl.Series:
    """Moments as text: of a day's lines many say the same second, and to write it takes longer than to look it up."""
    each = column.unique()
    if each.len() * 2 > column.len():
        return column
    said = each.to_frame().with_columns(each.cast(pl.String).alias("said"))
    return column.to_frame().join(said, on=column.name, how="left", maintain_order="left")["said"].alias(column.name)


def _as_rows(part: pl.DataFrame) -> bytes:
    into = io.BytesIO()
    part.write_csv(into, include_header=False, separator="\t", quote_style="never", null_value=_NULL)
    return into.getvalue()


def _rows(told: str) -> int:
    return int(told.removeprefix("COPY "))
