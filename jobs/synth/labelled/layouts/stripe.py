"""Stripe's itemized payout reconciliation: what moved in a day is paid out, with the payout's own row."""

from datetime import date
from pathlib import Path
from typing import Final

import polars as pl

from jobs.synth.labelled import names
from jobs.synth.labelled.layouts.sheet import Bent, Paid, Sheet, columns, cost, local, major, signed, text, told_payment
from jobs.synth.labelled.shape import Place

_COLUMNS: Final = columns(
    "balance_transaction_id,created_utc,available_on_utc,currency,gross,fee,net,reporting_category,source_id,"
    "description,customer_facing_amount,customer_facing_currency,automatic_payout_id,automatic_payout_effective_at_utc,"
    "charge_id,payment_intent_id"
)
_CATEGORIES: Final = {
    "CAPTURE": "charge",
    "REFUND": "refund",
    "RETURN": "refund_failure",
    "CHARGEBACK": "dispute",
    "CHARGEBACK_REVERSED": "dispute_reversal",
    "FEE": "fee",
    "PAYOUT": "payout",
}


# What the bank sent, or gave back: in a payout's rows, and a movement of its own at the bank.
AT_THE_BANK: Final = ("topup", "payout_reversal")


class StripeSheet(Sheet):
    """`style` chooses the byte order mark, the line ends and the case of currencies."""

    def __init__(self, place: Place, day: date, number: int, path: Path, bent: Bent) -> None:
        super().__init__(place, day, number, path, bent)
        self._sent: list[Paid] = []

    def add(self, movements: pl.DataFrame) -> None:
        # A fee's row has what was taken as its gross.
        net = signed() - cost()
        self.count(movements, net)
        refund = pl.col("type").is_in(["REFUND", "RETURN"])
        of_payment = pl.col("payment").is_not_null()
        currency, number = pl.col("currency"), pl.int_range(pl.len()) + self.rows
        at_the_bank = movements.select("word", "amount", "currency", number.alias("number")).filter(
            pl.col("word").is_in(list(AT_THE_BANK))
        )
        self._sent += [
            Paid("stripe", f"{word} {word}_{self.number}_{row}", -units, code, self.day)
            for word, units, code, row in at_the_bank.iter_rows()
        ]
        said_of: dict[str, pl.Expr | str] = {
            "balance_transaction_id": pl.format("txn_{}_{}", pl.lit(self.number), number),
            "created_utc": local(pl.col("at"), 0),
            "available_on_utc": pl.format("{} 00:00:00", pl.lit(str(self.day))),
            "currency": currency if self.bent.style % 2 else currency.str.to_lowercase(),
            "gross": major(signed(), currency),
            "fee": major(cost(), currency),
            "net": major(net, currency),
            "reporting_category": pl.coalesce(
                "word", pl.col("type").replace_strict(_CATEGORIES, default=None, return_dtype=pl.String)
            ),
            "source_id": pl.when(refund)
            .then(names.refund("stripe", pl.col("refund")))
            .when(pl.col("case").is_not_null())
            .then(pl.format("dp_{}", "case"))
            .when(of_payment)
            .then(names.alias("stripe", pl.col("payment")))
            .when(pl.col("word").is_in(list(AT_THE_BANK)))
            .then(pl.format("{}_{}_{}", "word", pl.lit(self.number), number)),
            "customer_facing_amount": pl.when(of_payment).then(major(signed(), currency)),
            "customer_facing_currency": pl.when(of_payment).then(currency.str.to_lowercase()),
            "automatic_payout_id": self._payout_id,
            "charge_id": pl.when(of_payment).then(names.alias("stripe", pl.col("payment"))),
            "payment_intent_id": pl.when(of_payment).then(told_payment(self.place)),
        }
        self.write(text(movements, said_of, _COLUMNS), ending=self._ending)

    def _nameless(self) -> None:
        fee = major(pl.lit(-self.bent.nameless_fee))
        said_of: dict[str, pl.Expr | str] = {
            "balance_transaction_id": f"txn_{self.number}_fee",
            "created_utc": local(pl.lit(self.closed_at), 0),
            "currency": self.place.currency.lower(),
            "gross": fee,
            "fee": "0.00",
            "net": fee,
            "reporting_category": "fee",
        }
        self.write(text(pl.DataFrame({"one": [1]}), said_of, _COLUMNS), ending=self._ending)

    @property
    def _payout_id(self) -> str:
        if self.bent.is_open:
            return ""
        return f"po_{self.day:%Y%m%d}_{self.number}"

    @property
    def _ending(self) -> str:
        return "\r\n" if self.bent.style % 3 else "\n"

    def close(self) -> list[Paid]:
        paid = list(self._sent)
        for currency, units in sorted(self.nets.items()):
            if units and not self.bent.is_open:  # what is owed is taken from the bank
                paid.append(Paid("stripe", self._payout_id, units + self.bent.off, currency, self.day))
                amount = pl.lit(-units - self.bent.off)
                row = pl.select(
                    created_utc=local(pl.lit(self.closed_at), 0), currency=pl.lit(currency.lower()), amount=amount
                )
                said_of: dict[str, pl.Expr | str] = {
                    "balance_transaction_id": f"txn_{self.number}_payout",
                    "created_utc": pl.col("created_utc"),
                    "currency": pl.col("currency"),
                    "gross": major(pl.col("amount"), pl.col("currency").str.to_uppercase()),
                    "fee": major(pl.lit(0), pl.col("currency").str.to_uppercase()),
                    "net": major(pl.col("amount"), pl.col("currency").str.to_uppercase()),
                    "reporting_category": "payout",
                    "source_id": self._payout_id,
                    "automatic_payout_id": self._payout_id,
                }
                self.write(text(row, said_of, _COLUMNS), ending=self._ending)
        if self.bent.nameless_fee:
            self._nameless()
        mark = b"\xef\xbb\xbf" if self.bent.style % 2 else b""
        self.finish(mark + (",".join(_COLUMNS) + self._ending).encode())
        return paid
