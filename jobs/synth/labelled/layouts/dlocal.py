"""dLocal's "Cross-border Payins" file: a settlement in USD a day, whose HEADER adds its rows up.

A refund's row has another spelling of its id than the API, and is approved at midnight: it has a date and no time.
"""

from decimal import ROUND_HALF_UP, Decimal
from typing import Final, TypeVar

import polars as pl

from jobs.synth.labelled import names
from jobs.synth.labelled.layouts.sheet import Paid, Sheet, columns, local, major, signed, text, told_payment

_TOTALS: Final = columns(
    "ROW_TYPE,SETTLEMENT_CURRENCY,NUMBER_OF_ITEMS,GROSS_TOTAL_AMOUNT,FEE_TOTAL_AMOUNT,NET_TOTAL_AMOUNT,TRANSFER_DATE,"
    "TRANSFER_ID"
)
_COLUMNS: Final = columns(
    "ROW_TYPE,MID,LOGIN,COUNTRY,CREATION_DATE,APPROVED_DATE,TRANSACTION_ID,DLOCAL_TRANSACTION_ID,LOCAL_AMOUNT,"
    "LOCAL_CURRENCY,FX_RATE,GROSS_AMOUNT,FEE_AMOUNT,NET_AMOUNT,PAYMENT_TYPE,PAYMENT_METHOD_CODE,CARD_BIN,CARD_TYPE,"
    "INSTALLMENTS,STATUS,STATUS_CODE,STATUS_DETAILS,USER_DOCUMENT,USER_EMAIL,DESCRIPTION"
)
_TYPES: Final = {
    "CAPTURE": "PAYMENT",
    "REFUND": "REFUND",
    "RETURN": "REFUND",
    "CHARGEBACK": "CHARGEBACK",
    "CHARGEBACK_REVERSED": "CHARGEBACK",
    "FEE": "SETTLEMENT_FEE",
}
RATE_THOUSANDTHS: Final = 5_200  # BRL for a dollar
REFERENCE: Final = Decimal("0.192308")  # what a real is worth in dollars, as it is published
_BRAZIL_THOUSANDTHS: Final = 965  # published Brazilian rows come to less than LOCAL / FX
OFF_PERCENT: Final = 5  # so far off the reference a rate may lie by the contract: those rows, and what the PSE earns
REFUND_FEE: Final = 50  # cents
_MICRO: Final = 1_000_000
_Number = TypeVar("_Number", int, pl.Expr)


class DlocalSheet(Sheet):
    """`style` chooses the separator and whether the totals are rounded to cents."""

    gross = fees = 0  # millionths of a dollar

    def add(self, movements: pl.DataFrame) -> None:
        kind, at, of_payment = pl.col("type"), pl.col("at"), pl.col("payment").is_not_null()
        rate = RATE_THOUSANDTHS + pl.col("rate_off").fill_null(0)
        # Minor units times a million, by rate and by a hundred.
        moved = _converted(signed(), rate)
        micro = pl.when(of_payment).then(moved).otherwise(0)
        fee = self._fee(micro)
        sums = movements.select(micro.sum().alias("gross"), fee.sum().alias("fees")).row(0)
        self.gross, self.fees = self.gross + sums[0], self.fees + sums[1]
        moment = local(at, 0)
        midnight = pl.format("{} 00:00:00", pl.col("day"))
        said = pl.coalesce("word", kind.replace_strict(_TYPES, default=None, return_dtype=pl.String))
        spelled = names.refund("dlocal", pl.col("refund")).str.replace("REF", "REF-648-")
        captured = kind == "CAPTURE"
        said_of: dict[str, pl.Expr | str] = {
            "ROW_TYPE": said,
            "MID": "648",
            "LOGIN": "synthetic",
            "COUNTRY": "Brazil",
            "CREATION_DATE": pl.when(of_payment).then(moment),
            "APPROVED_DATE": pl.when(captured).then(moment).when(of_payment).then(midnight),
            "TRANSACTION_ID": pl.when(of_payment).then(names.order(pl.col("payment"))),
            "DLOCAL_TRANSACTION_ID": pl.when(captured)
            .then(told_payment(self.place))
            .when(pl.col("case").is_not_null())
            .then(pl.format("CB-648-{}", "case"))
            .when(of_payment)
            .then(spelled),
            "LOCAL_AMOUNT": pl.when(of_payment).then(major(signed(), pl.col("currency"))),
            "LOCAL_CURRENCY": pl.when(of_payment).then(pl.col("currency")),
            "FX_RATE": pl.when(of_payment).then(
                pl.format("{}.{}", rate // 1000, (rate % 1000).cast(pl.String).str.zfill(3))
            ),
            "GROSS_AMOUNT": _micros(micro),
            "FEE_AMOUNT": _micros(fee),
            "NET_AMOUNT": _micros(micro + fee),
            "PAYMENT_TYPE": "CARD",
            "PAYMENT_METHOD_CODE": "MC",
            "STATUS": pl.coalesce("status", pl.when(captured).then(pl.lit("PAID")).otherwise(pl.lit("SUCCESS"))),
            "USER_EMAIL": "payer@example.org",
            "DESCRIPTION": "synthetic",
        }
        self.write(text(movements, said_of, _COLUMNS), separator=self._separator)

    def _fee(self, micro: pl.Expr) -> pl.Expr:
        """What a row costs, in millionths of a dollar below zero; `micro`: what it moves."""
        kind = pl.col("type")
        taken = -(micro * self.place.fee[0] + 5_000) // 10_000
        of_kind = pl.when(kind == "CAPTURE").then(taken).when(kind == "REFUND").then(-REFUND_FEE * 10_000).otherwise(0)
        alone = -pl.col("amount") * 10_000
        return pl.when(kind == "FEE").then(alone).otherwise(of_kind - pl.col("fee_off").fill_null(0) * 10_000)

    @property
    def _separator(self) -> str:
        return ";" if self.bent.style % 2 else ","

    def close(self) -> list[Paid]:
        net = self.gross + self.fees
        transfer = f"{self.day:%y%m%d}{self.number:03}"
        totals = [_total(one, rounded=self.bent.style % 3 == 1) for one in (self.gross, self.fees, net)]
        if self.bent.off:
            totals[0] = _total(self.gross + self.bent.off * 10_000, rounded=False)
        values = ["HEADER", "USD", str(self.rows), *totals, f"{self.day}", transfer]
        blank = [""] * (len(_COLUMNS) - len(_TOTALS))
        lines = [[*_TOTALS, *blank], [*values, *blank], _COLUMNS]
        self.finish("".join(self._separator.join(line) + "\n" for line in lines).encode())
        units = (net + 5_000) // 10_000  # a bank has whole cents
        return [Paid("dlocal", transfer, units, "USD", self.day)] if units > 0 else []


def _converted(units: _Number, rate: _Number) -> _Number:
    """Minor units of BRL in millionths of a dollar, at so many thousandths."""
    return units * _BRAZIL_THOUSANDTHS * 10_000 // rate


def apart(amount: int, rate_off: int) -> int:
    """How much (cents) a payment of so many centavos was settled off the reference, half up."""
    got = Decimal(_converted(amount, RATE_THOUSANDTHS + rate_off)) / 10_000
    return int(abs(got - amount * REFERENCE).quantize(Decimal(1), ROUND_HALF_UP))


def _micros(units: pl.Expr) -> pl.Expr:
    size = units.abs()
    sign = pl.when(units < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    whole = pl.format("{}{}.{}", sign, size // _MICRO, (size % _MICRO).cast(pl.String).str.zfill(6))
    return whole.str.strip_chars_end("0").str.strip_chars_end(".")


def _total(micros: int, *, rounded: bool) -> str:
    number = Decimal(micros).scaleb(-6)
    return f"{number.quantize(Decimal('0.01'), ROUND_HALF_UP)}" if rounded else f"{number:f}"
