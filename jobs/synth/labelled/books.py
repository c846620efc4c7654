"""What the books know: payments and refunds with their names, in files of columns."""

from pathlib import Path

import polars as pl

from jobs.synth.labelled import names
from jobs.synth.labelled.shape import Place


class Books:
    """The books of one place, written in parts."""

    def __init__(self, folder: Path, place: Place) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._place, self._parts = folder, place, 0

    def add(self, payments: pl.DataFrame, refunds: pl.DataFrame) -> None:
        """A part of both; a payment that nobody registered is in no books."""
        pse, number = self._place.pse, pl.col("number")
        known = payments.filter("registered").with_columns(
            id=names.payment_id(number),
            pse_reference=names.payment(pse, number, pl.col("at")),
            order_reference=names.order(number),
            method=pl.lit(self._place.method),
            currency=pl.lit(self._place.currency),
        )
        ours = refunds.with_columns(
            id=names.refund_id(number),
            payment_id=names.payment_id(pl.col("payment")),
            reference=names.reference(number),
            # In doubt nobody has told us yet what the PSE calls it.
            pse_refund_reference=pl.when((pl.col("state") != "SUBMITTED") & ~pl.col("by_bank")).then(
                names.refund(pse, number)
            ),
            currency=pl.lit(self._place.currency),
        )
        self._parts += 1
        for noun, frame in (("payments", known), ("refunds", ours)):
            frame.write_parquet(self._folder / f"{pse}-{noun}-{self._parts:05}.parquet")
