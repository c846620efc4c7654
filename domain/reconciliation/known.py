"""What the books know of the payments that a report names: the open side of the match, as tables of columns.

What a few lines name is asked for by its names. What many name is copied: their names into a table that only this
session sees, and what is known of them out of it, so that no statement has a million parameters.
"""

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from domain.models import Connection
from domain.payments import external
from domain.platform import copying
from domain.platform.copying import Schema
from domain.platform.database import rows
from domain.pse.capabilities import LookUp
from domain.pse.registry import connector
from domain.reconciliation.match import PAYMENT_SCHEMA, REFUND_SCHEMA, SETTLED_SCHEMA
from domain.reconciliation.nameless import SUSPENSE_SCHEMA

FEW_LINES: Final = 1_000  # of so many, the names are parameters
_LOOKED_AT: Final = 100  # payments that say what currency an account has
_NAMES: Final = ("told_names", "told_orders", "told_payments")

_OF_PAYMENT: Final = (
    "p.pse_reference AS known_reference, p.order_reference AS known_order, p.id::text AS payment_id, "
    "p.store_id::text AS store_id, p.currency AS payment_currency, p.captured AS payment_captured, "
    "p.taken_by_bank > 0 AS payment_taken"
)
_PAYMENTS: Final = f"""SELECT {_OF_PAYMENT} FROM payments p
  WHERE p.connection_id = $1 AND (p.pse_reference = ANY($2) OR p.order_reference = ANY($3))
    AND p.withdrawn_at IS NULL"""  # noqa: S608 - the columns are ours
# The same of the names in the session's own tables; the id is a value of ours.
_MANY_PAYMENTS: Final = f"""CREATE TEMPORARY TABLE told_payments AS
  SELECT p.id, {_OF_PAYMENT} FROM told_names t JOIN payments p
    ON p.connection_id = '{{connection}}' AND p.pse_reference = t.name WHERE p.withdrawn_at IS NULL
  UNION ALL SELECT p.id, {_OF_PAYMENT} FROM told_orders t JOIN payments p
    ON p.connection_id = '{{connection}}' AND p.order_reference = t.name WHERE p.withdrawn_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM told_names n WHERE n.name = p.pse_reference)"""  # noqa: S608
_REFUNDS: Final = """SELECT r.id::text AS refund_id, r.payment_id::text AS refund_payment_id,
    r.reference AS refund_reference, r.pse_refund_reference AS refund_pse_reference, r.state AS refund_state,
    r.amount AS refund_amount, r.tax_amount AS refund_tax, {refund_at} AS refund_at, {refund_made} AS refund_made,
    EXISTS (SELECT 1 FROM attempts a WHERE a.refund_id = r.id
      AND coalesce(a.outcome, '') NOT IN ('UNSENT', 'DECLINED')) AS refund_sent,
    r.paid_by_bank_transfer AS refund_by_bank,
    r.state <> 'MANUAL' AND (p.method = ANY($2) OR (p.method = ANY($3) AND r.pse_refund_reference IS NOT NULL))
      AS refund_askable
  FROM refunds r JOIN payments p ON p.id = r.payment_id WHERE r.connection_id = $1 AND r.payment_id {in_payments}"""
_SETTLED: Final = """SELECT l.payment_id::text AS payment_id, coalesce(l.reference, l.pse_refund_reference) AS name,
    l.type, l.state, l.by_amount, l.amount, l.kind, {booked_at} AS booked_at, l.effect, l.refund_id::text AS refund_id,
    l.id AS line_id, (l.effect <> 'NONE' AND l.booked_as = 'NONE') AS plain
  FROM settlement_lines l JOIN reports r ON r.id = l.report_id
  WHERE r.connection_id = $1 AND r.name <> $2 AND r.superseded_at IS NULL AND l.voided_at IS NULL
    AND (l.effect <> 'NONE' OR (l.by_amount AND l.type = 'REFUND' AND l.state IN ('SUCCEEDED', 'RETURNED'))
      OR (l.type = 'CAPTURE' AND l.state = 'SUCCEEDED')) AND l.payment_id {in_payments}"""
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
  WHERE p.connection_id = $1 AND p.id {in_payments} GROUP BY 1, 2"""
# Each of both has an index of its own, of few rows.
_TAKEN: Final = " UNION ALL ".join(
    f"SELECT connection_id, payment_id, amount, entry, cause FROM ledger_entries WHERE entry = '{one}'"  # noqa: S608
    for one in ("TAKEN", "TAKEN_BACK")
)
# What else of the connection moves lines: reports that were stored or superseded, and money of nobody.
_MOVED: Final = f"""SELECT count(*) AS reports, count(superseded_at) AS superseded, max(created_at) AS last,
    (SELECT count(*) FROM ({_TAKEN}) e WHERE e.connection_id = $1) AS taken
  FROM reports WHERE connection_id = $1 AND name <> $2"""  # noqa: S608
_RULES: Final = 1  # of the match: another number, and every report is matched anew


@dataclass(frozen=True, slots=True)
class Known:
    """The open side of a report's match. `settled`: what the other valid reports have of these payments."""

    payments: pl.DataFrame  # reconciliation/match.PAYMENT_SCHEMA
    refunds: pl.DataFrame  # REFUND_SCHEMA
    settled: pl.DataFrame  # SETTLED_SCHEMA
    suspense: pl.DataFrame  # reconciliation/nameless.SUSPENSE_SCHEMA


async def state_of(connection: Connection, name: str, lines: pl.DataFrame, known: Known) -> str:
    """The lines of the report of that name as they are read now, and all that they are compared with, in a few numbers:
    if these are the same, so is what comes of it. Rows have no order there, so they are added up.
    """
    (moved,) = await rows(_MOVED, connection.id, name)
    suspense = known.suspense.with_columns(pl.col(pl.List).list.sort().list.join("\x00"))
    frames = (lines, known.payments, known.refunds, known.settled, suspense)
    sums = [_sums(one, seed) for one in frames for seed in (1, 2)]
    told = json.dumps([_RULES, pl.__version__, *moved.values(), *(one.height for one in frames), *sums], default=str)
    return hashlib.sha256(told.encode()).hexdigest()


def _sums(frame: pl.DataFrame, seed: int) -> int:
    return int(frame.hash_rows(seed=seed).cast(pl.Int128).sum())


async def known_of(connection: Connection, name: str, lines: pl.DataFrame) -> Known:
    """What is known of the payments that the lines of the report of that name tell of."""
    if lines.height > FEW_LINES:
        return await _of_many(connection, name, lines)
    names = pl.concat([lines["payment_reference"], lines["payment_alias"]]).drop_nulls().unique().to_list()
    orders = lines["order_reference"].drop_nulls().unique().to_list()
    payments = await rows(_PAYMENTS, connection.id, names, orders)
    if not payments:
        return Known(*(pl.DataFrame(schema=one) for one in _SCHEMAS))
    ids = [row["payment_id"] for row in payments]
    refunds = await rows(_few(_REFUNDS, 4), connection.id, *_asked_by(connection), ids)
    settled = await rows(_few(_SETTLED, 3), connection.id, name, ids)
    suspense = await rows(_few(_SUSPENSE, 3), connection.id, external.AGAIN, ids)
    found = zip((payments, refunds, settled, suspense), _SCHEMAS, strict=True)
    return Known(*(pl.DataFrame(some, schema=schema) for some, schema in found))


_SCHEMAS: Final[tuple[Schema, ...]] = (PAYMENT_SCHEMA, REFUND_SCHEMA, SETTLED_SCHEMA, SUSPENSE_SCHEMA)


def _few(query: str, number: int) -> str:
    """Of the payments in that parameter."""
    return query.format(
        taken=f"({_TAKEN})",
        in_payments=f"= ANY(${number}::uuid[])",
        refund_at="coalesce(r.succeeded_at, r.created_at)",
        refund_made="r.created_at",
        booked_at="l.booked_at",
    )


def _many(query: str) -> str:
    """Of the payments in the session's own table; moments as microseconds (copying.out)."""
    moment = "(extract(epoch FROM {}) * 1000000)::bigint"
    return query.format(
        taken=f"({_TAKEN})",
        in_payments="IN (SELECT id FROM told_payments)",
        refund_at=moment.format("coalesce(r.succeeded_at, r.created_at)"),
        refund_made=moment.format("r.created_at"),
        booked_at=moment.format("l.booked_at"),
    )


async def _of_many(connection: Connection, name: str, lines: pl.DataFrame) -> Known:
    async with copying.aside() as raw, _named(raw, connection, lines):
        payments = await copying.out(
            raw,
            f"SELECT {', '.join(PAYMENT_SCHEMA)} FROM told_payments",  # noqa: S608 - ours
            schema=PAYMENT_SCHEMA,
        )
        refunds = await copying.out(raw, _many(_REFUNDS), connection.id, *_asked_by(connection), schema=REFUND_SCHEMA)
        settled = await copying.out(raw, _many(_SETTLED), connection.id, name, schema=SETTLED_SCHEMA)
        taken = [dict(row) for row in await raw.fetch(_many(_SUSPENSE), connection.id, external.AGAIN)]
    return Known(payments, refunds, settled, pl.DataFrame(taken, schema=SUSPENSE_SCHEMA))


@asynccontextmanager
async def _named(raw: Any, connection: Connection, lines: pl.DataFrame) -> AsyncIterator[None]:
    """The payments that the lines name, in a table of the session's own; the pool's next user finds none of it."""
    names = pl.concat([lines["payment_reference"], lines["payment_alias"]]).drop_nulls().unique()
    orders = lines["order_reference"].drop_nulls().unique()
    try:
        for table, told in (("told_names", names), ("told_orders", orders)):
            await raw.execute(f"CREATE TEMPORARY TABLE {table} (name text NOT NULL)")
            await copying.into(raw, table, told.to_frame("name"))
            await raw.execute(f"ANALYZE {table}")
        await raw.execute(_MANY_PAYMENTS.format(connection=connection.id))
        await raw.execute("ANALYZE told_payments")
        yield
        await raw.execute(f"DROP TABLE {', '.join(_NAMES)}")
    except BaseException:
        raw.terminate()  # whatever is left of them ends with the session
        raise


def _asked_by(connection: Connection) -> tuple[list[str], list[str]]:
    """The methods whose refunds the PSE can be asked about by our reference, and those by its own alone."""
    able = connector(connection.pse).capabilities.items()
    always = [method.value for method, one in able if one.look_up in (LookUp.BY_REFERENCE, LookUp.BY_LISTING)]
    return always, [method.value for method, one in able if one.look_up is LookUp.BY_PSE_REFERENCE]


async def currency_of(connection: Connection) -> str | None:
    """The currency of the payments that are registered on the connection, if it is one; the first ones tell."""
    found = await rows(
        "SELECT DISTINCT currency FROM (SELECT currency FROM payments WHERE connection_id = $1 "
        "  AND withdrawn_at IS NULL ORDER BY pse_reference LIMIT $2) p",
        connection.id,
        _LOOKED_AT,
    )
    return found[0]["currency"] if len(found) == 1 else None
