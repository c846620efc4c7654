"""Adyen's settlement details report: a batch a day, from payout to payout."""

from typing import Final

import polars as pl

from jobs.synth.labelled import names
from jobs.synth.labelled.chance import draw
from jobs.synth.labelled.layouts.sheet import Paid, Sheet, columns, cost, local, major, signed, text, told_payment
from jobs.synth.labelled.shape import ACCOUNT

_COLUMNS: Final = columns(
    "Company Account,Merchant Account,Psp Reference,Merchant Reference,Payment Method,Creation Date,TimeZone,Type,"
    "Modification Reference,Gross Currency,Gross Debit (GC),Gross Credit (GC),Exchange Rate,Net Currency,"
    "Net Debit (NC),Net Credit (NC),Commission (NC),Markup (NC),Scheme Fees (NC),Interchange (NC),"
    "Payment Method Variant,Modification Merchant Reference,Batch Number,"
    "Reserved4,Reserved5,Reserved6,Reserved7,Reserved8,Reserved9,Reserved10"
)
_TYPES: Final = {
    "CAPTURE": "Settled",
    "REFUND": "Refunded",
    "RETURN": "RefundedReversed",
    "CHARGEBACK": "Chargeback",
    "CHARGEBACK_REVERSED": "ChargebackReversed",
    "FEE": "MiscCosts",
    "PAYOUT": "MerchantPayout",
}
_ZONES: Final = (("UTC", 0), ("BRT", -3), ("CET", 1), ("PST", -8), ("UTC-3", -3))
_OF_NOBODY: Final = ("FEE", "PAYOUT", "OTHER", "OTHER_IN")


class AdyenSheet(Sheet):
    """`style` chooses the zone, lower case types, another order of columns, a missing last line feed."""

    def add(self, movements: pl.DataFrame) -> None:
        net = signed() - cost()
        self.count(movements, net)
        self._rows(movements, net)

    def _rows(self, movements: pl.DataFrame, net: pl.Expr) -> None:
        zone, hours = _ZONES[self.bent.style % len(_ZONES)]
        of_payment = ~pl.col("type").is_in(_OF_NOBODY)
        known = pl.col("type").replace_strict(_TYPES, default=None, return_dtype=pl.String)
        kind = pl.coalesce("word", known.str.to_lowercase() if self.bent.style % 2 else known)
        paid_in = pl.coalesce(pl.col("status"), pl.col("currency"))  # a shopper's currency that is converted
        gross, own = signed(), pl.col("currency")
        refund = pl.col("refund").is_not_null() & pl.col("type").is_in(["REFUND", "RETURN"])
        said_of: dict[str, pl.Expr | str] = {
            "Company Account": "SyntheticCompany",
            "Merchant Account": ACCOUNT,
            "Psp Reference": pl.when(of_payment).then(told_payment(self.place)),
            "Merchant Reference": pl.when(of_payment).then(names.order(pl.col("payment"))),
            "Payment Method": pl.when(of_payment).then(pl.lit("visa")),
            "Creation Date": local(pl.col("at"), hours),
            "TimeZone": zone,
            "Type": kind,
            "Modification Reference": pl.when(refund)
            .then(names.refund("adyen", pl.col("refund")))
            .when(pl.col("case").is_not_null())
            .then(pl.format("case{}", "case"))
            .when(of_payment)
            .then(told_payment(self.place))
            .otherwise(pl.format("Fees {}", pl.col("at").dt.strftime("%B %Y"))),
            "Gross Currency": paid_in,
            "Gross Debit (GC)": pl.when(of_payment & (gross < 0)).then(major(-gross, paid_in)),
            "Gross Credit (GC)": pl.when(of_payment & (gross > 0)).then(major(gross, paid_in)),
            "Exchange Rate": pl.when(of_payment).then(pl.lit("1")),
            "Net Currency": own,
            "Net Debit (NC)": pl.when(net < 0).then(major(-net, own)),
            "Net Credit (NC)": pl.when(net > 0).then(major(net, own)),
            "Commission (NC)": pl.when(cost() != 0).then(major(cost() + self.bent.fee_told, own)),
            "Payment Method Variant": pl.when(of_payment).then(pl.lit("visaclassic")),
            "Modification Merchant Reference": pl.when(refund & ~pl.col("foreign"))
            .then(names.reference(pl.col("refund")))
            .when(of_payment)
            .then(names.order(pl.col("payment"))),
            "Batch Number": str(self.number),
        }
        self.write(text(movements, said_of, self._order()))

    def _order(self) -> list[str]:
        if self.bent.style % 3 != 2:
            return _COLUMNS
        return sorted(_COLUMNS, key=lambda name: draw(_COLUMNS.index(name), self.bent.style, 9, 1 << 30))

    def close(self) -> list[Paid]:
        paid = []
        for currency, units in sorted(self.nets.items()):
            if units > 0 and not self.bent.is_open:
                name = f"TX{self.number:010}XT batch {self.number}, {ACCOUNT}"
                paid.append(Paid("adyen", f"batch {self.number}", units, currency, self.day))
                row = pl.DataFrame({"at": [self.closed_at], "currency": [currency], "amount": [units + self.bent.off]})
                self._payout(row, name)
        head = ",".join(self._order()).encode() + b"\n"
        self.finish(head)
        if self.bent.style % 4 == 3 and paid:
            self.path.write_bytes(self.path.read_bytes().removesuffix(b"\n"))
        return paid

    def _payout(self, row: pl.DataFrame, name: str) -> None:
        zone, hours = _ZONES[self.bent.style % len(_ZONES)]
        said_of: dict[str, pl.Expr | str] = {
            "Company Account": "SyntheticCompany",
            "Merchant Account": ACCOUNT,
            "Creation Date": local(pl.col("at"), hours),
            "TimeZone": zone,
            "Type": "MerchantPayout",
            "Modification Reference": name,
            "Gross Currency": pl.col("currency"),
            "Net Currency": pl.col("currency"),
            "Net Debit (NC)": major(pl.col("amount"), pl.col("currency")),
            "Batch Number": str(self.number),
        }
        self.write(text(row, said_of, self._order()))
