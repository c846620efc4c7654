"""Which lines prove a chargeback: what another report has proven is not proven again."""

from typing import Final

import polars as pl

from domain.models import Connection
from domain.models.settlements import Effect
from domain.payments.chargeback_facts import TYPES
from domain.platform.database import rows

_PROVEN_SCHEMA: Final = {
    **dict.fromkeys(("payment_id", "type", "reference"), pl.String),
    "amount": pl.Int64,
    **dict.fromkeys(("kind", "effect"), pl.String),
}


async def proven_elsewhere(connection: Connection, name: str, lines: pl.DataFrame) -> pl.DataFrame:
    """The chargebacks of these payments in the other valid reports, with what each line of them has proven."""
    concerned = lines.filter(pl.col("type").is_in(TYPES))["payment_id"].drop_nulls().unique().to_list()
    found = await rows(
        "SELECT l.payment_id::text AS payment_id, l.type, l.reference, l.amount, l.kind, l.effect "
        "FROM settlement_lines l JOIN reports r ON r.id = l.report_id "
        "WHERE r.connection_id = $1 AND r.name <> $2 AND r.superseded_at IS NULL AND l.voided_at IS NULL "
        "  AND l.payment_id = ANY($3::uuid[]) AND l.type = ANY($4) AND l.state = 'SUCCEEDED'",
        connection.id,
        name,
        concerned,
        list(TYPES),
    )
    return pl.DataFrame(found, schema=_PROVEN_SCHEMA)


def with_effects(lines: pl.DataFrame, elsewhere: pl.DataFrame) -> pl.DataFrame:
    """The lines with the effect of their chargebacks: what another report has proven is not proven again."""
    moved = pl.col("type").is_in(TYPES) & (pl.col("state") == "SUCCEEDED") & pl.col("payment_id").is_not_null()
    if lines.filter(moved).is_empty():
        return lines
    proven = elsewhere.filter(pl.col("effect") != Effect.NONE.value)
    named = proven.filter(pl.col("reference").is_not_null()).select("payment_id", "type", "reference").unique()
    same = ["payment_id", "type", "amount"]
    nameless = elsewhere.filter(pl.col("reference").is_null())
    of_kind = nameless.group_by(*same, "kind").agg(pl.len().alias("_told"))
    in_all = nameless.filter(pl.col("effect") != Effect.NONE.value).group_by(same).agg(pl.len().alias("_proven"))
    turn = pl.int_range(1, pl.len() + 1).over("payment_id", "type", "amount", "kind", "reference")
    fresh = pl.col("_told").fill_null(0) + turn > pl.col("_proven").fill_null(0)
    proves = pl.when(pl.col("reference").is_null()).then(fresh).otherwise(~pl.col("_named").fill_null(value=False))
    return (
        lines.join(named.with_columns(_named=pl.lit(value=True)), on=["payment_id", "type", "reference"], how="left")
        .join(of_kind, on=[*same, "kind"], how="left")
        .join(in_all, on=same, how="left")
        .sort("line")
        .with_columns(effect=pl.when(moved & proves).then(pl.col("type")).otherwise(pl.col("effect")))
        .drop("_named", "_told", "_proven")
    )
