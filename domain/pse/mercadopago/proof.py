"""What a release report says of itself: its opening, its balances and its total, compared with its rows.

Real files differ from the documents. RECORD_TYPE, CURRENCY and the total's date may be missing; the total may be the
closing balance, the difference of both sides, or both sums: any of them proves the file, and which one did is said.
"""

from decimal import Decimal
from typing import Final

import polars as pl

from domain.money import AMOUNT_MAX, exponent_of
from domain.pse.kit import plain
from domain.pse.kit.cells import BadCell, BadRow, Row
from domain.pse.kit.plain import Plain
from domain.pse.mercadopago.canonical import check_foreign, check_moment, is_moment
from domain.pse.mercadopago.cells import units_of
from domain.pse.reporting import BadReport, Balance

OPENING, MOVEMENT, TOTAL, CLOSING = "initial_available_balance", "release", "total", "available_balance"
AMOUNTS: Final = ("NET_CREDIT_AMOUNT", "NET_DEBIT_AMOUNT", "GROSS_AMOUNT")
_RECORDS: Final = (OPENING, MOVEMENT, TOTAL, CLOSING)


def _check_date(row: Row) -> None:
    if row["DATE"]:
        check_moment(row, "DATE")


class Control:
    """The rows added up as they are read, in minor units of `currency`.

    `lines`: of the rows that are no movements. `purchases`: ids of payments that the account itself made.
    """

    def __init__(self, name: str, currency: str) -> None:
        self.lines: list[int] = []
        self.purchases: set[str] = set()
        self.contradicted: str | None = None
        self._name, self._currency = name, currency
        self._began = self._opened = False
        self._opening = self._credits = self._debits = 0
        # Rows of a RECORD_TYPE that no document names: whether the balance counts them, only the total can tell.
        self._unclear = (0, 0)
        self._total: str | None = None
        self._closing: str | None = None
        self._said: int | None = None  # the balance as the file told it last
        self.counts_unclear = True

    def check(self, line: int, row: Row) -> None:
        """Raises BadRow for a row that cannot be read, BadCell for what is two files, BadReport for a total that the
        rows contradict.
        """
        if row["CURRENCY"] not in ("", self._currency):
            check_foreign(row, "CURRENCY", AMOUNTS)
            _check_date(row)
            return  # of another currency: kept as it is, and no part of this account's balance
        credit, debit = self._net(row)
        record = self._record(row, credit - debit)
        self._began = True
        if record != MOVEMENT:
            self.lines.append(line)
        self._take(record, line, row, credit, debit)
        if record != TOTAL:  # there, the column is nothing
            self._compare_balance(line, row)
        gross = units_of(row, "GROSS_AMOUNT", self._currency) or 0
        if record == MOVEMENT and row["DESCRIPTION"] == "payment" and gross < 0:
            self.purchases.add(row["SOURCE_ID"])
        _check_date(row)
        if record == MOVEMENT and (credit < 0 or debit < 0):
            column = "NET_CREDIT_AMOUNT" if credit < 0 else "NET_DEBIT_AMOUNT"
            raise BadRow(column, "the amount is below zero.", f"with a {column} below zero")

    def plain(self) -> Plain:
        """The same of many movements at once."""
        return Plain(self._is_plain(), self._add_all, in_order=True)

    def _is_plain(self) -> pl.Expr:
        """Whether a row is a movement of this account of which `check` would say nothing."""
        credit, debit, gross = (self._units(name) for name in AMOUNTS)
        record, named = pl.col("RECORD_TYPE"), (pl.col("SOURCE_ID") != "") | (pl.col("DESCRIPTION") != "")
        return (
            pl.col("CURRENCY").is_in(["", self._currency])
            & ((record == MOVEMENT) | ((record == "") & named))
            & credit.is_between(0, AMOUNT_MAX)  # so many fit into the sum of a piece
            & debit.is_between(0, AMOUNT_MAX)
            & gross.is_not_null()
            & self._units("BALANCE_AMOUNT").is_not_null()
            & is_moment("DATE")
        )

    def _units(self, column: str) -> pl.Expr:
        """A plain amount; 0 where the cell is empty."""
        places = pl.lit(exponent_of(self._currency), pl.Int64)
        return pl.when(pl.col(column) == "").then(0).otherwise(plain.minor_units(column, places))

    def _add_all(self, rows: pl.DataFrame) -> None:
        credit, debit, gross = (self._units(name) for name in AMOUNTS)
        said = pl.when(pl.col("BALANCE_AMOUNT") != "").then(self._units("BALANCE_AMOUNT"))
        moved = rows.select("line", said=said, given=(credit - debit).cum_sum(), credit=credit, debit=debit)
        self._began = True
        told = moved.filter(pl.col("said").is_not_null())
        if not told.is_empty():
            self._said = told["said"][-1]
        if self._opened and self._unclear == (0, 0):
            for row in told.filter(pl.col("said") - self._balance != pl.col("given")).head(1).iter_rows(named=True):
                self._contradict(row["line"], "BALANCE_AMOUNT", row["said"], self._balance + row["given"])
        self._credits, self._debits = (
            self._credits + int(moved["credit"].sum()),
            self._debits + int(moved["debit"].sum()),
        )
        self._total = self._closing = None
        bought = rows.filter((pl.col("DESCRIPTION") == "payment") & (gross < 0))
        self.purchases.update(bought["SOURCE_ID"].to_list())

    def _net(self, row: Row) -> tuple[int, int]:
        """What the row gives and takes. Where that cannot be read, nothing above proves the file. Raises BadRow."""
        try:
            credit, debit = (units_of(row, name, self._currency) or 0 for name in AMOUNTS[:2])
        except BadRow:
            self._total = self._closing = None
            raise
        return credit, debit

    def _record(self, row: Row, net: int) -> str:
        """The row's RECORD_TYPE; without one, a row that names nothing is the opening, a balance, or the total."""
        told = row["RECORD_TYPE"]
        if told in _RECORDS:
            return told
        if told or row["SOURCE_ID"] or row["DESCRIPTION"]:
            return MOVEMENT
        if not row["DATE"]:
            return TOTAL
        if not self._began:
            return OPENING
        return CLOSING if self._opened and net == self._balance else MOVEMENT

    def _take(self, record: str, line: int, row: Row, credit: int, debit: int) -> None:
        if record == OPENING:
            if self._opened:
                raise BadCell("RECORD_TYPE", "the file opens twice: it is two files.")
            self._opened, self._opening = True, credit - debit
        elif record == TOTAL:
            self._total = self._proof(line, credit, debit)
            self._said = self._balance + (self._unclear[0] - self._unclear[1] if self.counts_unclear else 0)
        elif record == CLOSING:
            self._close(line, credit - debit)
        elif row["RECORD_TYPE"] in ("", MOVEMENT):
            self._credits, self._debits = self._credits + credit, self._debits + debit
            self._total = self._closing = None  # what was proven above does not cover this row
        else:
            self._unclear = self._unclear[0] + credit, self._unclear[1] + debit

    @property
    def _balance(self) -> int:
        return self._opening + self._credits - self._debits

    def _proof(self, line: int, credit: int, debit: int) -> str:
        """Which of the ways to write a total this one is. Raises BadReport if it is none."""
        more, less = self._unclear
        for credits, debits in ((self._credits, self._debits), (self._credits + more, self._debits + less)):
            self.counts_unclear = self._unclear == (0, 0) or (credits, debits) != (self._credits, self._debits)
            if (credit, debit) == (credits, debits):
                return "The row total is the sum of all credits and debits"
            if credit and debit:
                continue
            if self._opened and credit - debit == self._opening + credits - debits:
                return "The row total is the closing balance: the opening one and all credits and debits"
            if credit - debit == credits - debits:
                return "The row total is the difference of all credits and debits"
        said = f"total says {self._written(credit)} of credit and {self._written(debit)} of debit, the rows give"
        sums = f"{self._written(self._credits)} and {self._written(self._debits)}"
        ends = f", or a closing balance of {self._written(self._balance)}" if self._opened else ""
        words = f"{said} {sums}{ends}; fetch the file again."
        raise BadReport(self._name, words, line=line, column="NET_CREDIT_AMOUNT")

    def _close(self, line: int, said: int) -> None:
        """A balance is told before each withdrawal too, and only for information: alone it proves no end."""
        if not self._opened:
            return
        self._said = said
        if said == self._balance:
            self._closing = "initial_available_balance and all credits and debits give available_balance"
        else:
            self._contradict(line, "available_balance", said, self._balance)

    def _compare_balance(self, line: int, row: Row) -> None:
        said = units_of(row, "BALANCE_AMOUNT", self._currency)
        self._said = self._said if said is None else said
        if self._opened and said is not None and said != self._balance and self._unclear == (0, 0):
            self._contradict(line, "BALANCE_AMOUNT", said, self._balance)

    def _contradict(self, line: int, what: str, said: int, given: int) -> None:
        if self.contradicted is None:
            above = self._written(given)
            self.contradicted = f"In line {line}, {what} says {self._written(said)}, and the rows above give {above}."

    def _written(self, amount: int) -> str:
        return f"{self._currency} {Decimal(amount).scaleb(-exponent_of(self._currency)):f}"

    def balances(self) -> list[Balance]:
        """What the account had before the rows and after them, where the file opens."""
        if not self._opened:
            return []
        return [Balance(self._currency, self._major(self._opening), self._major(self._said))]

    def _major(self, amount: int | None) -> Decimal | None:
        return None if amount is None else Decimal(amount).scaleb(-exponent_of(self._currency))

    def completeness(self) -> str | None:
        """What proves the file to be whole. Raises BadReport for a file that opens and does not close."""
        if self._total is None:
            if self._opened and self._closing is None:
                raise BadReport(self._name, "the file opens with a balance, but no total closes it: it was cut.")
            return None
        return "; ".join(proof for proof in (self._total, self._closing) if proof is not None) + "."
