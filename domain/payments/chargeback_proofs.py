"""Which lines prove a chargeback: what another report has proven is not proven again."""

from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from domain.models import Connection
from domain.models.settlements import Effect
from domain.payments.chargeback_facts import TYPES
from domain.platform.database import rows
from domain.platform.in_columns import says

_PROVEN_SCHEMA: Final[Mapping[str, type[pl.DataType] | pl.DataType]] = {
    **dict.fromkeys(("report_id", "payment_id", "type", "reference"), pl.String),
    "amount": pl.Int64,
    **dict.fromkeys(("kind", "effect"), pl.String),
    "booked_at": pl.Datetime("us", "UTC"),
}
_EQUAL: Final = ["payment_id", "type", "amount"]
_OF_KIND: Final = [*_EQUAL, "kind"]
_ONE: Final = [*_OF_KIND, "booked_at"]  # however many files tell it: a week's has the day's again


async def proven_elsewhere(
    connection: Connection, name: str, lines: pl.DataFrame, given_up: Sequence[int] = ()
) -> pl.DataFrame:
    """The chargebacks of these payments in the other valid reports, with what each line of them has proven.

    `given_up`: ids of lines that say nothing any more when these lines are stored.
    """
    if not says(lines, "type", *TYPES):  # so are most reports: nobody disputes
        return pl.DataFrame(schema=_PROVEN_SCHEMA)
    concerned = lines.filter(pl.col("type").is_in(TYPES))["payment_id"].drop_nulls().unique().to_list()
    found = await rows(
        "SELECT r.id::text AS report_id, l.payment_id::text AS payment_id, l.type, l.reference, l.amount, l.kind, "
        "  l.effect, l.booked_at "
        "FROM settlement_lines l JOIN reports r ON r.id = l.report_id "
        "WHERE r.connection_id = $1 AND r.name <> $2 AND r.superseded_at IS NULL AND l.voided_at IS NULL "
        "  AND l.payment_id = ANY($3::uuid[]) AND l.type = ANY($4) AND l.state = 'SUCCEEDED' "
        "  AND l.id <> ALL($5::bigint[])",
        connection.id,
        name,
        concerned,
        list(TYPES),
        list(given_up),
    )
    return pl.DataFrame(found, schema=_PROVEN_SCHEMA)


def with_effects(lines: pl.DataFrame, elsewhere: pl.DataFrame) -> pl.DataFrame:
    """The lines with the effect of their chargebacks: what another report has proven is not proven again."""
    moved = pl.col("type").is_in(TYPES) & (pl.col("state") == "SUCCEEDED") & pl.col("payment_id").is_not_null()
    if not says(lines, "type", *TYPES) or lines.filter(moved).is_empty():
        return lines
    proven = elsewhere.filter(pl.col("effect") != Effect.NONE.value)
    named = proven.filter(pl.col("reference").is_not_null()).select("payment_id", "type", "reference").unique()
    fresh = _fresh(lines.filter(moved & pl.col("reference").is_null()), elsewhere.filter(pl.col("reference").is_null()))
    proves = pl.when(pl.col("reference").is_null()).then("_fresh").otherwise(~pl.col("_named").fill_null(value=False))
    return (
        lines.join(named.with_columns(_named=pl.lit(value=True)), on=["payment_id", "type", "reference"], how="left")
        .join(fresh, on="line", how="left")
        .sort("line")
        .with_columns(effect=pl.when(moved & proves).then(pl.col("type")).otherwise(pl.col("effect")))
        .drop("_named", "_fresh")
    )


def _fresh(nameless: pl.DataFrame, elsewhere: pl.DataFrame) -> pl.DataFrame:
    """Per `line`: whether it proves. Together the reports prove as many as the lines of its kind tell, each moment's
    counted where most of them are told; what has no name may be the one that another kind of report has proven.
    """
    there = elsewhere.group_by("report_id", *_ONE).agg(_told=pl.len()).drop("report_id")
    here = nameless.group_by(_ONE).agg(_told=pl.len())
    most = pl.concat([there, here.select(there.columns)]).group_by(_ONE).agg(pl.col("_told").max())
    told = most.group_by(_OF_KIND).agg(pl.col("_told").cast(pl.Int64).sum())
    proven = elsewhere.filter(pl.col("effect") != Effect.NONE.value)
    turn = pl.int_range(1, pl.len() + 1).over(_OF_KIND)
    return (
        nameless.sort("line")
        .with_columns(_turn=pl.int_range(1, pl.len() + 1).over(_ONE))
        .join(proven.group_by(_ONE).agg(_same=pl.len()), on=_ONE, how="left", nulls_equal=True)
        .filter(pl.col("_turn") > pl.col("_same").fill_null(0))
        .join(told, on=_OF_KIND, how="left", nulls_equal=True)
        .join(proven.group_by(_EQUAL).agg(_proven=pl.len().cast(pl.Int64)), on=_EQUAL, how="left")
        .sort("line")
        .with_columns(_open=pl.col("_told") - pl.col("_proven").fill_null(0))
        .select("line", _fresh=turn > pl.len().over(_OF_KIND).cast(pl.Int64) - pl.col("_open"))
    )
