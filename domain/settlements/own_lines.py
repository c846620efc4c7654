"""A refund's own line takes the place of a nameless one that the refund was given from the same kind of report.

One kind of report tells of each money once, so the nameless line is about other money: its report is read again
(docs/decisions/014-when-a-line-is-given-to-a-refund.md).
"""

from typing import Final

import polars as pl

from domain.models.settlements import Effect
from domain.platform.in_columns import is_empty

# Of the connection $1, the lines given to the refunds $2 of the kinds $3 in other reports than $4.
GIVEN: Final = """type = 'REFUND' AND state = 'SUCCEEDED' AND by_amount AND report_id <> $4
  AND report_id IN (SELECT id FROM reports WHERE connection_id = $1)
  AND EXISTS (SELECT 1 FROM unnest($2::uuid[], $3::text[]) AS own (refund_id, kind)
    JOIN refunds f ON f.id = own.refund_id WHERE own.refund_id = settlement_lines.refund_id
      AND own.kind IS NOT DISTINCT FROM settlement_lines.kind
      AND coalesce(settlement_lines.reference, settlement_lines.pse_refund_reference)
        NOT IN (f.reference, coalesce(f.pse_refund_reference, f.reference)))"""


def of(lines: pl.DataFrame) -> pl.DataFrame:
    """The lines that say by name that a refund of ours left. `lines`: as reconciliation/match gives them."""
    ours, theirs = pl.col("refund_reference"), pl.col("refund_pse_reference")
    by_name = (pl.col("reference") == ours) | (pl.col("pse_refund_reference") == theirs)
    told = (pl.col("type") == "REFUND") & (pl.col("state") == "SUCCEEDED") & pl.col("refund_id").is_not_null()
    return lines.filter(told & by_name)


def giving(lines: pl.DataFrame, settled: pl.DataFrame) -> pl.DataFrame:
    """Refund and kind of those of these lines that take the place of a nameless one that the refund was given."""
    if is_empty(settled["refund_id"]) or not settled["by_amount"].any():
        return lines[["refund_id", "kind"]].clear()
    nameless = settled.filter(pl.col("by_amount") & pl.col("refund_id").is_not_null()).select("refund_id").unique()
    own = of(lines).filter(pl.col("effect") == Effect.REFUND.value)
    return own.join(nameless, on="refund_id", how="semi").select("refund_id", "kind")


def without_given(settled: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """What other reports have (reconciliation/match.SETTLED_SCHEMA), without what refunds of these lines give up."""
    if not settled["by_amount"].any():  # nothing was given without a name
        return settled
    names = of(lines).select("refund_id", "kind", "refund_reference", "refund_pse_reference")
    told = settled.join(names.unique(["refund_id", "kind"]), on=["refund_id", "kind"], how="left", nulls_equal=True)
    ours, theirs = pl.col("refund_reference"), pl.coalesce("refund_pse_reference", "refund_reference")
    anothers = ((pl.col("name") != ours) & (pl.col("name") != theirs)).fill_null(value=False)
    given = pl.col("by_amount") & (pl.col("state") == "SUCCEEDED") & anothers
    return told.filter(~given).select(settled.columns)
