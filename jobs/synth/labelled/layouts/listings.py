"""What a PSE without a report file lists of a day: Conekta's transactions, and the Pix with their devolucoes."""

import json
from typing import IO, Final

import polars as pl

from jobs.synth.labelled import names
from jobs.synth.labelled.layouts.sheet import Paid, Sheet, cost, major, signed, told_payment

_TYPES: Final = {
    "CAPTURE": "payment",
    "REFUND": "refund",
    "RETURN": "refund_reversal",
    "CHARGEBACK": "chargeback",
    "CHARGEBACK_REVERSED": "won_chargeback",
    "PAYOUT": "payout",
    "FEE": "rounding_adjustment",
}


def _json(body: IO[bytes], entries: pl.DataFrame, first: bool) -> None:
    """Entries, parted by commas: a struct each."""
    lines = entries.select(pl.struct(pl.all()).struct.json_encode().alias("one"))["one"]
    text = ",".join(lines.to_list())
    body.write(("" if first else ",").encode() + text.encode())


class ConektaSheet(Sheet):
    """The transactions of a day, in minor units, each with its order and, where that is known, its refund."""

    def add(self, movements: pl.DataFrame) -> None:
        if movements.is_empty():
            return
        self.count(movements, signed() - cost())
        refund = pl.col("type").is_in(["REFUND", "RETURN"])
        of_payment = pl.col("payment").is_not_null()
        told = signed()
        kind = pl.coalesce("word", pl.col("type").replace_strict(_TYPES, default=None, return_dtype=pl.String))
        number = pl.int_range(pl.len()) + self.rows
        entries = movements.select(
            amount=told,
            charge=pl.when(of_payment).then(names.alias("conekta", pl.col("payment"))).otherwise(pl.lit("")),
            created_at=pl.col("at").dt.epoch("s"),
            currency=pl.col("currency"),
            fee=cost(),
            id=pl.when(pl.col("case").is_not_null())
            .then(pl.format("txn_case_{}_{}", "case", number))
            .otherwise(pl.format("txn_{}_{}_{}", pl.lit(f"{self.day:%Y%m%d}"), pl.lit(self.number), number)),
            net=told - cost(),
            order=pl.when(of_payment).then(told_payment(self.place)),
            refund=pl.when(refund).then(names.refund("conekta", pl.col("refund"))),
            status=pl.coalesce("status", pl.lit("available")),
            type=kind,
        )
        _json(self._body, entries, self.rows == 0)
        self.rows += entries.height

    def close(self) -> list[Paid]:
        units = self.nets[self.place.currency]
        paid = [self._payout(units)] if units > 0 and not self.bent.is_open else []
        self.finish(b'{"transactions":[', b"]}")
        return paid

    def _payout(self, units: int) -> Paid:
        name = f"txn_{self.day:%Y%m%d}_{self.number}_payout"
        entry = {
            "amount": -units,
            "charge": "",
            "created_at": int(self.closed_at.timestamp()),
            "currency": self.place.currency,
            "fee": 0,
            "id": name,
            "net": -units,
            "order": None,
            "refund": None,
            "status": "paid_out",
            "type": "payout",
        }
        self._body.write(("," if self.rows else "").encode() + json.dumps(entry).encode())
        self.rows += 1
        return Paid("conekta", name, units, self.place.currency, self.day)


class PixSheet(Sheet):
    """The Pix of which something happened on the day, with their refunds as they stand at its end."""

    def add(self, movements: pl.DataFrame) -> None:
        if movements.is_empty():
            return
        self.count(movements, signed())
        moment = "%Y-%m-%dT%H:%M:%S.000Z"
        at = pl.col("at").dt.strftime(moment)
        kind = pl.coalesce("word", pl.lit("ORIGINAL"))
        med = kind.str.starts_with("MED_")
        name = (
            pl.when(med | pl.col("foreign"))
            .then(pl.format("psp{}", "refund"))
            .otherwise(names.reference(pl.col("refund")))
        )
        back = pl.col("type") == "RETURN"
        status = pl.coalesce("status", pl.when(back).then(pl.lit("NAO_REALIZADO")).otherwise(pl.lit("DEVOLVIDO")))
        given = pl.struct(
            horario=pl.struct(solicitacao=at, liquidacao=pl.when(status == "DEVOLVIDO").then(at)),
            id=name,
            natureza=kind,
            rtrId=names.refund("pix", pl.col("refund")),
            status=status,
            valor=major(pl.col("amount")),
        )
        # What a listing says of a Pix it says once: all of the day's rows of a payment are one entry.
        captured = pl.when(pl.col("type") == "CAPTURE").then(pl.col("amount"))
        entries = (
            movements.group_by("payment", "sold_at", "sold", maintain_order=True)
            .agg(given.filter(pl.col("type") != "CAPTURE").alias("devolucoes"), captured.max().alias("told"))
            .select(
                devolucoes="devolucoes",
                endToEndId=told_payment(self.place),
                horario=pl.col("sold_at").dt.strftime(moment),
                txid=pl.format("order{}", pl.col("payment").cast(pl.String).str.zfill(21)),
                valor=major(pl.coalesce("told", "sold")),
            )
        )
        _json(self._body, entries, self.rows == 0)
        self.rows += entries.height

    def close(self) -> list[Paid]:
        self.finish(b'{"pix":[', b"]}")
        return []
