"""What the books know of the payments that a report names: the open side of the match, as tables of columns.

What a few lines name is asked for by its names. What many name is copied: their names into a table that only this
session sees, and what is known of them out of it, so that no statement has a million parameters.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import polars as pl

from domain.models import Connection
from domain.payments import external
from domain.platform import copying
from domain.platform.copying import Schema
from domain.platform.database import rows
from domain.pse.capabilities import LookUp
from domain.pse.registry import connector
from domain.reconciliation import near
from domain.reconciliation.frame_index import FrameIndex, hashed
from domain.reconciliation.match import PAYMENT_SCHEMA, REFUND_SCHEMA, SETTLED_SCHEMA, orders_of
from domain.reconciliation.nameless import SUSPENSE_SCHEMA
from domain.reconciliation.near import FRAME
from domain.settlements.frames import Frames, Sorted, in_memory, whole_of

FEW_LINES: Final = 1_000  # of so many, the names are parameters
_TABLES: Final = ("told_names", "told_payments")
_MEMORY: Final = "64MB"  # of a join with many names: with PostgreSQL's own 4 MB it is written to disk in between

_OF_PAYMENT: Final = (
    "p.pse_reference AS known_reference, p.order_reference AS known_order, p.id::text AS payment_id, "
    "p.store_id::text AS store_id, p.currency AS payment_currency, p.captured AS payment_captured, "
    "p.taken_by_bank > 0 AS payment_taken"
)
_PAYMENTS: Final = f"""SELECT {_OF_PAYMENT} FROM payments p
  WHERE p.connection_id = $1 AND (p.pse_reference = ANY($2) OR p.order_reference = ANY($3))
    AND p.withdrawn_at IS NULL"""  # noqa: S608 - the columns are ours
# The same of the names in the session's own table. What is found is kept there, for all that is asked of it; the id of
# the connection is a value of ours.
_MANY_PAYMENTS: Final = f"""INSERT INTO told_payments (id, {FRAME}, known_reference, known_order, payment_id, store_id,
    payment_currency, payment_captured, payment_taken)
  SELECT p.id, t.frame, {_OF_PAYMENT} FROM told_names t JOIN payments p
    ON p.connection_id = '{{connection}}' AND p.{{column}} = t.name WHERE p.withdrawn_at IS NULL
  RETURNING {", ".join((*PAYMENT_SCHEMA, FRAME))}"""  # noqa: S608
# Whether any payment lies among the names. Seldom does one among second names: a shop registers one name of each.
_AMONG: Final = """SELECT EXISTS (SELECT 1 FROM payments WHERE connection_id = $1 AND withdrawn_at IS NULL
  AND pse_reference BETWEEN $2 AND $3)"""
# Whether names are in an index by their bytes, as they are here.
_BY_BYTES: Final = """SELECT datlocprovider = 'b' OR (datlocprovider = 'c'
    AND datcollate IN ('C', 'POSIX', 'C.UTF-8', 'C.utf8')) FROM pg_database WHERE datname = current_database()"""
_REFUNDS: Final = """SELECT r.id::text AS refund_id, r.payment_id::text AS refund_payment_id,
    r.reference AS refund_reference, r.pse_refund_reference AS refund_pse_reference, r.state AS refund_state,
    r.amount AS refund_amount, r.tax_amount AS refund_tax, {refund_at} AS refund_at, {refund_made} AS refund_made,
    EXISTS (SELECT 1 FROM attempts a WHERE a.refund_id = r.id
      AND coalesce(a.outcome, '') NOT IN ('UNSENT', 'DECLINED')) AS refund_sent,
    r.paid_by_bank_transfer AS refund_by_bank,
    r.state <> 'MANUAL' AND (p.method = ANY($2) OR (p.method = ANY($3) AND r.pse_refund_reference IS NOT NULL))
      AS refund_askable
  FROM refunds r JOIN payments p ON p.id = r.payment_id WHERE r.connection_id = $1 AND {of_r}"""
_SETTLED: Final = """SELECT l.payment_id::text AS payment_id, coalesce(l.reference, l.pse_refund_reference) AS name,
    l.type, l.state, l.by_amount, l.amount, l.kind, {booked_at} AS booked_at, l.effect, l.refund_id::text AS refund_id,
    l.id AS line_id, (l.effect <> 'NONE' AND l.booked_as = 'NONE') AS plain,
    l.pse_refund_reference, l.payout_reference, l.booked_as, uuid_hash(l.report_id)::bigint AS report,
    l.settled_net IS NULL AS unsettled, CASE WHEN l.type = 'REFUND' AND l.refund_id IS NULL AND NOT l.by_amount
      THEN trim_scale(l.settled_net)::text END AS net
  FROM settlement_lines l JOIN reports r ON r.id = l.report_id
  WHERE r.connection_id = $1 AND r.name <> $2 AND r.superseded_at IS NULL AND l.voided_at IS NULL
    AND (l.effect <> 'NONE' OR (l.type = 'REFUND' AND l.state IN ('SUCCEEDED', 'RETURNED'))
      OR (l.booked_as = 'UNEXPLAINED' AND l.type = 'REFUND')
      OR (l.type = 'CAPTURE' AND l.state = 'SUCCEEDED')) AND {of_l}"""
_SUSPENSE: Final = """SELECT e.payment_id::text AS payment_id, e.amount,
    sum(CASE e.entry WHEN 'TAKEN' THEN 1 ELSE -1 END)::bigint AS suspense_open,
    coalesce(array_agg(split_part(substr(e.cause, length(t.prefix) + 1), $2, 1)) FILTER (
      WHERE e.entry = 'TAKEN' AND starts_with(e.cause, t.prefix) AND NOT EXISTS (SELECT 1 FROM ledger_entries o
        WHERE o.cause = e.cause || '/ours')), '{{}}') AS suspense_names,
    coalesce(array_agg(split_part(substr(left(e.cause, -5), length(t.prefix) + 1), $2, 1)) FILTER (
      WHERE starts_with(e.cause, t.prefix) AND right(e.cause, 5) = '/back'), '{{}}') AS suspense_backs,
    coalesce(sum(CASE e.entry WHEN 'TAKEN' THEN 1 ELSE -1 END)
      FILTER (WHERE starts_with(e.cause, t.prefix)), 0)::bigint AS suspense_nameless
  FROM {taken} e JOIN payments p ON p.id = e.payment_id
  CROSS JOIN LATERAL (SELECT format('taken/%s/%s/by-amount/', p.connection_id, p.pse_reference) AS prefix) t
  WHERE p.connection_id = $1 AND {of_p} GROUP BY 1, 2"""
# Each of both has an index of its own, of few rows.
TAKEN: Final = " UNION ALL ".join(
    f"SELECT connection_id, payment_id, amount, entry, cause FROM ledger_entries WHERE entry = '{one}'"  # noqa: S608
    for one in ("TAKEN", "TAKEN_BACK")
)
_TOLD: Final = "SELECT 1 FROM told_payments t WHERE t.id = p.id"


@dataclass(frozen=True, slots=True)
class Known:
    """The open side of a report's match. `settled`: what the other valid reports have of these payments."""

    payments: pl.DataFrame  # reconciliation/match.PAYMENT_SCHEMA
    refunds: pl.DataFrame  # REFUND_SCHEMA
    settled: pl.DataFrame  # SETTLED_SCHEMA
    suspense: pl.DataFrame  # reconciliation/nameless.SUSPENSE_SCHEMA

    def without(self, given_up: Sequence[int]) -> "Known":
        """The same without what these lines (ids) of other reports do.

        Rows of refunds by name are told all the same (told_rows), but for plain ones, whose very row is told here.
        """
        if not given_up:
            return self
        gone = pl.col("line_id").is_in(given_up)
        told = (pl.col("type") == "REFUND") & ~pl.col("by_amount") & ~pl.col("plain")
        nothing = {name: pl.when(gone).then(pl.lit("NONE")).otherwise(name) for name in ("effect", "booked_as")}
        return replace(self, settled=self.settled.filter(~gone | told).with_columns(**nothing))


async def known_of(connection: Connection, name: str, lines: pl.DataFrame) -> Known:
    """What is known of the payments that the lines of the report of that name tell of."""
    if lines.height > FEW_LINES:
        return await _of_many(connection, name, lines)
    payments = await rows(_PAYMENTS, connection.id, names_of(lines), orders_of(lines).to_list())
    if not payments:
        return Known(*(pl.DataFrame(schema=one) for one in _SCHEMAS))
    ids = [row["payment_id"] for row in payments]
    refunds = await rows(_few(_REFUNDS, 4), connection.id, *_asked_by(connection), ids)
    settled = await rows(_few(_SETTLED, 3), connection.id, name, ids)
    suspense = await rows(_few(_SUSPENSE, 3), connection.id, external.AGAIN, ids)
    found = zip((payments, refunds, settled, suspense), _SCHEMAS, strict=True)
    return Known(*(pl.DataFrame(some, schema=schema) for some, schema in found))


_NAMES: Final = ("payment_reference", "payment_alias")
_Seconds = Callable[[], Iterator[pl.DataFrame]]  # frame by frame, second names with their FRAME
_FRAMED_SCHEMA: Final[Schema] = {**PAYMENT_SCHEMA, FRAME: pl.Int64}
_SCHEMAS: Final[tuple[Schema, ...]] = (PAYMENT_SCHEMA, REFUND_SCHEMA, SETTLED_SCHEMA, SUSPENSE_SCHEMA)


def _into(named: Sorted) -> Callable[[pl.DataFrame], None]:
    """Puts payments with their FRAME there."""
    return lambda some: named.add(some, some[FRAME])


def _few(query: str, number: int) -> str:
    """Of the payments in that parameter."""
    return query.format(
        taken=f"({TAKEN})",
        **_by_column(f"= ANY(${number}::uuid[])"),
        refund_at="coalesce(r.succeeded_at, r.created_at)",
        refund_made="r.created_at",
        booked_at="l.booked_at",
    )


def names_of(lines: pl.DataFrame) -> list[str]:
    """The names of payments in the lines, which are few."""
    told = dict.fromkeys(name for column in _NAMES for name in lines[column].to_list())
    return [name for name in told if name is not None]


def _ends_of(names: pl.DataFrame) -> pl.DataFrame:
    """The first and last of the names, by their bytes."""
    return names.select(pl.min("name").alias("low"), pl.max("name").alias("high"))


_BY: Final = {"of_r": "r.payment_id", "of_l": "l.payment_id", "of_p": "p.id"}  # where a query names its payments


def _by_column(condition: str) -> dict[str, str]:
    return {name: f"{column} {condition}" for name, column in _BY.items()}


def _many(query: str, among: Mapping[str, str]) -> str:
    """Of these payments (`_by_column`); moments as microseconds (copying.out)."""
    moment = "(extract(epoch FROM {}) * 1000000)::bigint"
    return query.format(
        taken=f"({TAKEN})",
        **among,
        refund_at=moment.format("coalesce(r.succeeded_at, r.created_at)"),
        refund_made=moment.format("r.created_at"),
        booked_at=moment.format("l.booked_at"),
    )


async def _of_many(connection: Connection, name: str, lines: pl.DataFrame) -> Known:
    async with copying.aside() as raw, NamedByLines(raw, connection) as asked:
        found = Sorted(None, 1, PAYMENT_SCHEMA)
        await asked.of_frames(in_memory(lines), found)
        payments = found.of(0)
        orders = orders_of(lines)
        if not orders.is_empty():
            payments = pl.concat([payments, await asked.of_orders(orders)]).unique()
        refunds, settled = list[pl.DataFrame](), list[pl.DataFrame]()
        suspense = await asked.rest(name, refunds.append, settled.append)
    return Known(
        payments,
        near.only(payments, "refund_payment_id", whole_of(refunds, REFUND_SCHEMA)),
        near.only(payments, "payment_id", whole_of(settled, SETTLED_SCHEMA)),
        near.only(payments, "payment_id", suspense),
    )


class NamedByLines:
    """What many lines name, in tables of the session's own; the pool's next user finds none of it."""

    def __init__(self, raw: Any, connection: Connection) -> None:
        self._raw = raw
        self._connection = connection
        self._days: near.CaptureDays | None = None

    async def __aenter__(self) -> "NamedByLines":
        try:
            await self._raw.execute(f"SET work_mem = '{_MEMORY}'")
            await self._raw.execute(f"CREATE TEMPORARY TABLE told_names (name text NOT NULL, {FRAME} bigint NOT NULL)")
            await self._raw.execute(
                f"CREATE TEMPORARY TABLE told_payments AS SELECT p.id, 0::bigint AS {FRAME}, {_OF_PAYMENT} "  # noqa: S608 - ours
                "FROM payments p WITH NO DATA"
            )
        except BaseException:
            self._raw.terminate()
            raise
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                await self._raw.execute(f"DROP TABLE {', '.join(_TABLES)}; RESET work_mem")
        except BaseException:
            self._raw.terminate()
            raise
        if kind is not None:
            self._raw.terminate()  # whatever is left of them ends with the session

    async def of_orders(self, orders: pl.Series) -> pl.DataFrame:
        """The payments that have one of these orders."""
        found = list[pl.DataFrame]()
        await self._raw.execute("TRUNCATE told_names")
        await self._tell(orders.to_frame("name").with_columns(pl.lit(0, pl.Int64).alias(FRAME)))
        await self._found("order_reference", found.append)
        return whole_of(found, _FRAMED_SCHEMA).drop(FRAME)

    async def of_frames(self, lines: Frames, named: Sorted) -> None:
        """The payments that the frames name, put into `named` by the number of the frame.

        Asked frame by frame, PostgreSQL would read all payments as often as there are frames.
        """
        near_ones = self._near if len(lines) == 1 else self._near_by_frame
        others, seconds = await near_ones(lines, named)
        await self._raw.execute("TRUNCATE told_names")
        for some in others:
            await self._tell(some.filter(~pl.col("second")))
        await self._found("pse_reference", _into(named))
        if await self._are_any(seconds):
            await self._raw.execute("TRUNCATE told_names")
            for some in seconds():
                await self._tell(some.unique())
            await self._found("pse_reference", _into(named))
        others.forget()

    async def _near(self, lines: Frames, named: Sorted) -> tuple[Frames, _Seconds]:
        """The names of the one frame that nobody has who was near, and its second ones: those that are, are taken."""
        (names,) = (near.names_of(some, 0) for some in lines.only(_NAMES))
        payments = list[pl.DataFrame]()
        await self._copy_near(lines, payments.append)
        if self._days is None:
            others = near.asked(names)
        else:
            found, others = near.told(whole_of(payments, PAYMENT_SCHEMA), names)
            _into(named)(found)
        return in_memory(others), lambda: iter((others.filter("second"),))

    async def _near_by_frame(self, lines: Frames, named: Sorted) -> tuple[Frames, _Seconds]:
        """The same of several frames, and all of their second names."""
        others = Frames(lines.folder)
        index = FrameIndex([hashed(some["payment_reference"].drop_nulls()).unique() for some in lines.only(_NAMES)])
        await self._copy_near(lines, lambda some: _into(named)(index.of_all(some, "known_reference", FRAME)))
        for number, some in enumerate(lines.only(_NAMES)):
            names = some.select(pl.col("payment_reference").alias("name"), pl.lit(number, pl.Int64).alias(FRAME))
            first = names.drop_nulls("name")
            if self._days is not None:
                known = named.of(number).select(name="known_reference")
                first = first.join(known, on="name", how="anti")
            others.add(first.unique().with_columns(second=pl.lit(value=False)))
        return others, lambda: (near.seconds(some, number) for number, some in enumerate(lines.only(_NAMES)))

    async def _copy_near(self, lines: Frames, take: Callable[[pl.DataFrame], object]) -> None:
        """Copy the payments of the lines' days, if these are worth it. Statistics are of before: there may be more.

        So some may be taken that nobody is near to any more, and found by their names again.
        """
        self._days = days = await near.days_of(self._raw, self._connection, lines)
        if days is None:
            return
        asked = f"SELECT {self._near_columns(lines)} FROM payments p WHERE {days.condition()} LIMIT {days.most + 1}"  # noqa: S608
        store, count = pl.col("store_id").fill_null(days.store), 0

        def taken(some: pl.DataFrame) -> None:
            nonlocal count
            count += some.height
            take(some.with_columns(store))

        await copying.pieces(self._raw, asked, schema=PAYMENT_SCHEMA, take=taken)
        if count > days.most:
            self._days = None

    def _near_columns(self, lines: Frames) -> str:
        """Those of a payment; the store in which most of them were made is not told, nor orders that nobody asks for.

        To write and to read an id takes longer than all the rest of a row.
        """
        assert self._days is not None
        told = _OF_PAYMENT.replace("p.store_id", f"NULLIF(p.store_id, {copying.literal(self._days.store)})")
        asked = any(not orders_of(some).is_empty() for some in lines.only((*_NAMES, "order_reference")))
        return told if asked else told.replace("p.order_reference", "NULL")

    async def _tell(self, names: pl.DataFrame) -> None:
        if names.height:
            await copying.into(self._raw, "told_names", names.select("name", FRAME))

    async def _are_any(self, seconds: _Seconds) -> bool:
        """Whether a payment has one of the second names, perhaps: whether there is one between them in its index."""
        if await self._raw.fetchval(_BY_BYTES):
            ends = pl.concat(map(_ends_of, seconds())).select(pl.min("low"), pl.max("high")).row(0)
        else:
            await self._raw.execute("TRUNCATE told_names")
            for some in seconds():
                await self._tell(some)
            ends = await self._raw.fetchrow("SELECT min(name), max(name) FROM told_names")
        return ends[0] is not None and bool(await self._raw.fetchval(_AMONG, self._connection.id, *ends))

    async def _found(self, column: str, take: Callable[[pl.DataFrame], object]) -> None:
        asked = _MANY_PAYMENTS.format(connection=self._connection.id, column=column)
        await copying.pieces(self._raw, asked, schema=_FRAMED_SCHEMA, take=take)

    async def rest(
        self, name: str, refunds: Callable[[pl.DataFrame], object], settled: Callable[[pl.DataFrame], object]
    ) -> pl.DataFrame:
        """What else is known of all these payments: given piece by piece, but what is in SUSPENSE.

        `name`: of the report whose lines they are.
        """
        # By its ids what else is known is found: of how many, PostgreSQL would guess wrong. Of the names it does not.
        await self._raw.execute("ANALYZE told_payments (id)")
        of, asked_by = self._connection.id, _asked_by(self._connection)
        taken = list[dict[str, Any]]()
        for ids in self._among():
            await copying.pieces(self._raw, _many(_REFUNDS, ids), of, *asked_by, schema=REFUND_SCHEMA, take=refunds)
            await copying.pieces(self._raw, _many(_SETTLED, ids), of, name, schema=SETTLED_SCHEMA, take=settled)
            taken += [dict(row) for row in await self._raw.fetch(_many(_SUSPENSE, ids), of, external.AGAIN)]
        return pl.DataFrame(taken, schema=SUSPENSE_SCHEMA)

    def _among(self) -> Sequence[Mapping[str, str]]:
        """Conditions of all these payments, each of them in one. Of two in one PostgreSQL knows too little."""
        told = _by_column("IN (SELECT id FROM told_payments)")
        if self._days is None:
            return [told]
        others = f"NOT EXISTS ({_TOLD})"
        # Where the payment is joined already, PostgreSQL would look for all of them twice.
        joined = dict.fromkeys(("of_r", "of_p"), f"{self._days.condition()} AND {others}")
        return [told, {**_by_column(f"IN ({self._days.ids()} AND {others})"), **joined}]


def _asked_by(connection: Connection) -> tuple[list[str], list[str]]:
    """The methods whose refunds the PSE can be asked about by our reference, and those by its own alone."""
    able = connector(connection.pse).capabilities.items()
    always = [method.value for method, one in able if one.look_up in (LookUp.BY_REFERENCE, LookUp.BY_LISTING)]
    return always, [method.value for method, one in able if one.look_up is LookUp.BY_PSE_REFERENCE]
