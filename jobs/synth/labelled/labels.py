"""Labels with the names under which a night knows what they are about."""

import polars as pl

from jobs.synth.labelled import names
from jobs.synth.labelled.teller import Teller


def named(teller: Teller) -> pl.DataFrame:
    """All labels of a place; `name` is our reference of a refund, the PSE's of a payment, or the thing's own.

    Of a payment whose row names its order alone, it is the order.
    """
    told, payments = teller.frame("labels"), teller.frame("payments").select("number", "at")
    number, subject = pl.col("number"), pl.col("subject")
    sold = told.join(payments, on="number", how="left", maintain_order="left")
    return sold.with_columns(
        name=pl.when(subject == "refund")
        .then(names.reference(number))
        .when((subject == "payment") & number.is_not_null())
        .then(names.payment(teller.pse, number, pl.col("at")))
        .otherwise("name")
    ).drop("at")
