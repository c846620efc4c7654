"""Mercado Pago's release report: all that touched the balance, between its opening and its total.

A refund's row names the payment and no refund. A payout empties the account at the end of the day.
"""

from typing import Final

import polars as pl

from jobs.synth.labelled import names
from jobs.synth.labelled.layouts.sheet import Paid, Sheet, columns, cost, major, signed, text, told_payment

_BRAZIL: Final = columns(
    "DATE SOURCE_ID DESCRIPTION NET_CREDIT_AMOUNT NET_DEBIT_AMOUNT GROSS_AMOUNT MP_FEE_AMOUNT TAXES_AMOUNT "
    "PAYMENT_METHOD TRANSACTION_APPROVAL_DATE BUSINESS_UNIT SUB_UNIT BALANCE_AMOUNT PAYMENT_METHOD_TYPE PURCHASE_ID"
)
_FULL: Final = columns(
    "DATE SOURCE_ID EXTERNAL_REFERENCE RECORD_TYPE DESCRIPTION NET_CREDIT_AMOUNT NET_DEBIT_AMOUNT GROSS_AMOUNT "
    "MP_FEE_AMOUNT FINANCING_FEE_AMOUNT SHIPPING_FEE_AMOUNT TAXES_AMOUNT COUPON_AMOUNT INSTALLMENTS PAYMENT_METHOD "
    "TAX_DETAIL TRANSACTION_APPROVAL_DATE CURRENCY TAXES_DISAGGREGATED ORDER_ID METADATA BALANCE_AMOUNT "
    "PAYMENT_METHOD_TYPE"
)
_WORDS: Final = {
    "CAPTURE": "payment",
    "REFUND": "refund",
    "RETURN": "refund",
    "CHARGEBACK": "chargeback",
    "CHARGEBACK_REVERSED": "chargeback",
    "FEE": "fee_release_in_advance",
    "PAYOUT": "payout",
}
_HOURS: Final = (-3, -4)


class MercadoPagoSheet(Sheet):
    """`style` chooses the layout, the zone, the line ends and how the total is written."""

    def add(self, movements: pl.DataFrame) -> None:
        net, gross = signed() - cost(), signed()
        before = self.opening + self.nets[self.place.currency]
        self.count(movements, net)
        of_payment = pl.col("payment").is_not_null()
        said = pl.coalesce("word", pl.col("type").replace_strict(_WORDS, default=None, return_dtype=pl.String))
        said_of: dict[str, pl.Expr | str] = {
            "DATE": self._moment(pl.col("at")),
            "SOURCE_ID": pl.when(of_payment)
            .then(told_payment(self.place))
            .otherwise(pl.format("9{}{}", pl.lit(self.number), pl.int_range(pl.len()) + self.rows + 100_000)),
            "EXTERNAL_REFERENCE": pl.when(of_payment).then(names.order(pl.col("payment"))),
            "RECORD_TYPE": "release",
            "DESCRIPTION": said,
            "NET_CREDIT_AMOUNT": major(pl.when(net > 0).then(net).otherwise(0)),
            "NET_DEBIT_AMOUNT": major(pl.when(net < 0).then(-net).otherwise(0)),
            "GROSS_AMOUNT": major(gross),
            "MP_FEE_AMOUNT": major(-cost()),
            "TAXES_AMOUNT": "0.00",
            "INSTALLMENTS": "1",
            "PAYMENT_METHOD": pl.when(of_payment).then(pl.lit("visa")),
            "CURRENCY": pl.col("currency"),
            "TAXES_DISAGGREGATED": "[]",
            "BALANCE_AMOUNT": major(net.cum_sum() + before),
            "PAYMENT_METHOD_TYPE": pl.when(of_payment).then(pl.lit("credit_card")),
        }
        self.write(text(movements, said_of, self._columns), separator=";", ending=self._ending)

    @property
    def _columns(self) -> list[str]:
        return _FULL if self.bent.style % 2 else _BRAZIL

    @property
    def _ending(self) -> str:
        return "\r\n" if self.bent.style % 3 else "\n"

    def _moment(self, at: pl.Expr) -> pl.Expr:
        hours = _HOURS[self.bent.style % 2]
        return pl.format("{}.000-0{}:00", (at + pl.duration(hours=hours)).dt.strftime("%Y-%m-%dT%H:%M:%S"), -hours)

    def close(self) -> list[Paid]:
        paid = []
        balance = self.opening + self.nets[self.place.currency]
        if balance > 0 and not self.bent.is_open:
            name = f"7{self.day:%Y%m%d}{self.number:03}"
            paid.append(Paid("mercadopago", name, balance, self.place.currency, self.day))
            row = pl.select(
                at=pl.lit(self.closed_at),
                name=pl.lit(name),
                amount=pl.lit(balance),
                currency=pl.lit(self.place.currency),
            )
            amount = pl.col("amount")
            said_of: dict[str, pl.Expr | str] = {
                "DATE": self._moment(pl.col("at")),
                "SOURCE_ID": pl.col("name"),
                "RECORD_TYPE": "release",
                "DESCRIPTION": "payout",
                "NET_CREDIT_AMOUNT": "0.00",
                "NET_DEBIT_AMOUNT": major(amount),
                "GROSS_AMOUNT": major(-amount),
                "MP_FEE_AMOUNT": "0.00",
                "CURRENCY": pl.col("currency"),
                "BALANCE_AMOUNT": "0.00",
            }
            self.write(text(row, said_of, self._columns), separator=";", ending=self._ending)
            balance = 0
        self.left = balance
        head, tail = self._control(self.opening, "initial_available_balance"), b""
        if not self.bent.is_open:
            tail = self._control(balance + self.bent.off, "total")
        self.finish(";".join(self._columns).encode() + self._ending.encode() + head, tail)
        return paid

    def _control(self, units: int, record: str) -> bytes:
        first = record != "total"
        row = pl.select(
            at=pl.lit(self.closed_at),
            start=pl.lit(self.closed_at).dt.truncate("1d"),
            units=pl.lit(units),
            zero=pl.lit(0),
        )
        units_of, start = pl.col("units"), self._moment(pl.col("at") - pl.duration(hours=23, minutes=59, seconds=30))
        said_of: dict[str, pl.Expr | str] = {
            "DATE": start if first else "",
            "RECORD_TYPE": record,
            "NET_CREDIT_AMOUNT": major(pl.when(units_of > 0).then(units_of).otherwise(0)),
            "NET_DEBIT_AMOUNT": major(pl.when(units_of < 0).then(-units_of).otherwise(0)),
            "GROSS_AMOUNT": major(units_of) if first else "",
            "INSTALLMENTS": "1" if first else "",
            "BALANCE_AMOUNT": major(units_of) if first else "0.00",
        }
        made = text(row, said_of, self._columns)
        return made.write_csv(include_header=False, separator=";", line_terminator=self._ending).encode()
