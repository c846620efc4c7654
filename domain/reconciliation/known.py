"""What the books know of the payments that a report names: the open side of the match, as tables."""

from typing import Final

import polars as pl

from domain.models import Connection
from domain.payments import external
from domain.platform.database import rows
from domain.pse.capabilities import LookUp
from domain.pse.registry import connector
from domain.reconciliation.match import PAYMENT_SCHEMA, REFUND_SCHEMA, SETTLED_SCHEMA
from domain.reconciliation.nameless import SUSPENSE_SCHEMA

_LOOKED_AT: Final = 100  # payments that say what currency an account has


async def books_for(connection: Connection, lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The payments and refunds of ours that the lines name, in the schemas of reconciliation/match."""
    named = pl.concat([lines["payment_reference"], lines["payment_alias"]]).drop_nulls().unique().to_list()
    payments = await rows(
        "SELECT pse_reference AS known_reference, order_reference AS known_order, id::text AS payment_id, "
        "  store_id::text AS store_id, currency AS payment_currency, captured AS payment_captured, "
        "  taken_by_bank > 0 AS payment_taken "
        "FROM payments WHERE connection_id = $1 AND (pse_reference = ANY($2) OR order_reference = ANY($3)) "
        "  AND withdrawn_at IS NULL",
        connection.id,
        named,
        lines["order_reference"].drop_nulls().unique().to_list(),
    )
    refunds = await rows(
        "SELECT r.id::text AS refund_id, r.payment_id::text AS refund_payment_id, r.reference AS refund_reference, "
        "  r.pse_refund_reference AS refund_pse_reference, r.state AS refund_state, r.amount AS refund_amount, "
        "  r.tax_amount AS refund_tax, coalesce(r.succeeded_at, r.created_at) AS refund_at, "
        "  r.created_at AS refund_made, r.paid_by_bank_transfer AS refund_by_bank, "
        "  EXISTS (SELECT 1 FROM attempts a WHERE a.refund_id = r.id "
        "    AND coalesce(a.outcome, '') NOT IN ('UNSENT', 'DECLINED')) AS refund_sent, "
        "  r.state <> 'MANUAL' AND (p.method = ANY($3) OR (p.method = ANY($4) AND r.pse_refund_reference IS NOT NULL)) "
        "    AS refund_askable "
        "FROM refunds r JOIN payments p ON p.id = r.payment_id "
        "WHERE r.connection_id = $1 AND r.payment_id = ANY($2::uuid[])",
        connection.id,
        [row["payment_id"] for row in payments],
        _asked_by(connection, LookUp.BY_REFERENCE, LookUp.BY_LISTING),
        _asked_by(connection, LookUp.BY_PSE_REFERENCE),
    )
    return pl.DataFrame(payments, schema=PAYMENT_SCHEMA), pl.DataFrame(refunds, schema=REFUND_SCHEMA)


def _asked_by(connection: Connection, *ways: LookUp) -> list[str]:
    """The methods whose refunds the PSE can be asked about in one of these ways."""
    able = connector(connection.pse).capabilities
    return [method.value for method, one in able.items() if one.look_up in ways]


async def settled_elsewhere(connection: Connection, name: str, payments: pl.DataFrame) -> pl.DataFrame:
    """What the other valid reports have of these payments of ours, in reconciliation/match.SETTLED_SCHEMA."""
    found = await rows(
        "SELECT l.payment_id::text AS payment_id, coalesce(l.reference, l.pse_refund_reference) AS name, l.type, "
        "  l.state, l.by_amount, l.amount, l.kind, l.booked_at, l.effect, l.refund_id::text AS refund_id "
        "FROM settlement_lines l JOIN reports r ON r.id = l.report_id "
        "WHERE r.connection_id = $1 AND r.name <> $2 AND r.superseded_at IS NULL AND l.voided_at IS NULL "
        "  AND (l.effect <> 'NONE' OR (l.by_amount AND l.type = 'REFUND' AND l.state IN ('SUCCEEDED', 'RETURNED')) "
        "    OR (l.type = 'CAPTURE' AND l.state = 'SUCCEEDED')) AND l.payment_id = ANY($3::uuid[])",
        connection.id,
        name,
        payments["payment_id"].to_list(),
    )
    return pl.DataFrame(found, schema=SETTLED_SCHEMA)


async def suspense_of(connection: Connection, payments: pl.DataFrame) -> pl.DataFrame:
    """What is booked as taken of these payments of ours, in reconciliation/nameless.SUSPENSE_SCHEMA."""
    found = await rows(
        "SELECT e.payment_id::text AS payment_id, e.amount, "
        "  sum(CASE e.entry WHEN 'TAKEN' THEN 1 ELSE -1 END)::bigint AS suspense_open, "
        "  coalesce(array_agg(split_part(substr(e.cause, length(t.prefix) + 1), $3, 1)) FILTER ( "
        "    WHERE e.entry = 'TAKEN' AND starts_with(e.cause, t.prefix) AND NOT EXISTS (SELECT 1 FROM ledger_entries o "
        "      WHERE o.cause = e.cause || '/ours')), '{}') AS suspense_names, "
        "  coalesce(sum(CASE e.entry WHEN 'TAKEN' THEN 1 ELSE -1 END) "
        "    FILTER (WHERE starts_with(e.cause, t.prefix)), 0)::bigint AS suspense_nameless, "
        "  coalesce(array_agg(split_part(substr(left(e.cause, -5), length(t.prefix) + 1), $3, 1)) FILTER ( "
        "    WHERE starts_with(e.cause, t.prefix) AND right(e.cause, 5) = '/back'), '{}') AS suspense_backs "
        "FROM ledger_entries e JOIN payments p ON p.id = e.payment_id "
        "CROSS JOIN LATERAL (SELECT format('taken/%s/%s/by-amount/', p.connection_id, p.pse_reference) AS prefix) t "
        "WHERE p.connection_id = $1 AND p.id = ANY($2::uuid[]) AND e.entry IN ('TAKEN', 'TAKEN_BACK') GROUP BY 1, 2",
        connection.id,
        payments["payment_id"].to_list(),
        external.AGAIN,
    )
    return pl.DataFrame(found, schema=SUSPENSE_SCHEMA)


async def currency_of(connection: Connection) -> str | None:
    """The currency of the payments that are registered on the connection, if it is one; the first ones tell."""
    found = await rows(
        "SELECT DISTINCT currency FROM (SELECT currency FROM payments WHERE connection_id = $1 "
        "  AND withdrawn_at IS NULL ORDER BY pse_reference LIMIT $2) p",
        connection.id,
        _LOOKED_AT,
    )
    return found[0]["currency"] if len(found) == 1 else None
