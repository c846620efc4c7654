"""The state that a report and what is known of its payments are in: the same again, and nothing else comes of it."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Final

import polars as pl

from domain.models import Connection
from domain.platform.database import rows
from domain.reconciliation.known import TAKEN, Known
from domain.reconciliation.match import orders_of
from domain.settlements.frames import AddedUp

# What else of the connection moves lines: reports that were stored or superseded, and money of nobody.
_MOVED: Final = f"""SELECT count(*) AS reports, count(superseded_at) AS superseded, max(created_at) AS last,
    (SELECT count(*) FROM ({TAKEN}) e WHERE e.connection_id = $1) AS taken
  FROM reports WHERE connection_id = $1 AND name <> $2"""  # noqa: S608
_RULES: Final = 9  # of the match: another number, and every report is matched anew


class BooksState:
    """The lines of a report as they are read now, and all that they are compared with, in a few numbers: if these are
    the same, so is what comes of it. Rows have no order there, so they are added up, part by part.
    """

    def __init__(self, moved: Sequence[Any]) -> None:
        self._moved = moved
        self._summed = [AddedUp() for _ in range(5)]  # the lines, and the four of Known

    def add(self, lines: pl.DataFrame, known: Known) -> None:
        """Count a part in."""
        suspense = known.suspense.with_columns(pl.col(pl.List).list.sort().list.join("\x00"))
        # Orders are told, or not, as the payments were found: without one that is asked for they say nothing.
        payments = known.payments
        if orders_of(lines).is_empty():
            payments = payments.with_columns(pl.lit(None, pl.String).alias("known_order"))
        frames = (lines, payments, known.refunds, known.settled, suspense)
        for one, frame in zip(self._summed, frames, strict=True):
            one.add(frame)

    def told(self) -> str:
        """Of the parts that were added."""
        told = json.dumps([_RULES, pl.__version__, *self._moved, *(one.told() for one in self._summed)], default=str)
        return hashlib.sha256(told.encode()).hexdigest()


async def state_of(connection: Connection, name: str) -> BooksState:
    """That of the report of that name, to which its parts are still to be added."""
    (moved,) = await rows(_MOVED, connection.id, name)
    return BooksState(list(moved.values()))
