"""The HEADER of dLocal's "Cross-border Payins" file: what it says of the settlement, and whether the rows agree."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from domain.pse.dlocal.objects import WORDS
from domain.pse.kit import cells, exact, moments, tables
from domain.pse.kit.cells import BadCell, Row
from domain.pse.reporting import BadReport, PaidOut, ReportFile

TOTALS: Final = WORDS.layouts["cross_border_payins"].totals
_DECIMALS: Final = 6
_ROUNDED_DECIMALS: Final = 2  # the fewest that a HEADER rounds to
_ROW_ROUNDING: Final = Decimal("0.000001")  # per row: dLocal rounds each row, and its totals before that


@dataclass(frozen=True, slots=True)
class ProofHeader:
    """`values` by name; a name that the file does not have is ""."""

    file: ReportFile
    values: Row

    @property
    def transferred(self) -> str | None:
        """The day of the transfer, as a time at midnight; None where there is none that can be read."""
        day = moments.day(self.values["TRANSFER_DATE"])
        return None if day is None else f"{day} 00:00:00"

    def compare_count(self, rows: int) -> None:
        """Raises BadReport where the file has other rows than were written."""
        said = self.values["NUMBER_OF_ITEMS"]
        if said != str(rows):
            words = f"the HEADER tells of {said[:20]!r} rows, the file has {rows}; fetch it again."
            raise BadReport(self.file.name, words, line=2, column="NUMBER_OF_ITEMS")

    def contradiction(self, sums: Mapping[str, Decimal], rows: int) -> str | None:
        """Which totals are not the sums of their columns, by more than rounding makes; None: they are."""
        allowed = Decimal(5).scaleb(-self._decimals() - 1) + _ROW_ROUNDING * rows
        wrong = []
        for name, column in TOTALS.items():
            said = self._total(name)
            if said is None or abs(said - sums[column]) > allowed:
                wrong.append(
                    f"{name} {self.values[name][:40]} (the rows' {column} add up to {exact.written(sums[column])})"
                )
        return f"The HEADER does not agree with its rows: {'; '.join(wrong)}." if wrong else None

    def paid_out(self, lines: Decimal) -> list[PaidOut]:
        """All that its rows come to (`lines`) is transferred, unless it is owed to dLocal; the HEADER says how much."""
        reference, said = self.values["TRANSFER_ID"], self._total("NET_TOTAL_AMOUNT")
        if not reference or said is None or said <= 0:
            return []
        on = moments.day(self.values["TRANSFER_DATE"])
        return [PaidOut(reference, self.values["SETTLEMENT_CURRENCY"], said, lines, on)]

    def _decimals(self) -> int:
        """Zeros at the end are left out, so the total with the most decimals tells how all are rounded."""
        found = [len(self.values[name].partition(".")[2]) for name in TOTALS if self._total(name) is not None]
        return max([_ROUNDED_DECIMALS, *found])

    def _total(self, name: str) -> Decimal | None:
        try:
            return cells.decimal_of(self.values, name, _DECIMALS)
        except BadCell:
            return None


def read_header(file: ReportFile) -> ProofHeader:
    """Lines 1 and 2. Raises BadReport."""
    return ProofHeader(file, tables.first_row(file, WORDS.layouts["header"], _check))


def _check(_: int, row: Row) -> None:
    cells.currency_of(row, "SETTLEMENT_CURRENCY")
