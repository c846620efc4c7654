"""The HEADER of dLocal's "Cross-border Payins" file: what it says of the settlement, and whether the rows agree."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from domain.pse.dlocal.objects import WORDS
from domain.pse.kit import cells, moments, tables
from domain.pse.kit.cells import Row
from domain.pse.kit.totals import Sums, total_of
from domain.pse.reporting import BadReport, PaidOut, ReportFile

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

    def contradiction(self, sums: Sums) -> str | None:
        """Which totals are not the sums of their columns, by more than rounding makes; None: they are."""
        wrong = sums.against(self.values, _ROW_ROUNDING)
        return f"The HEADER does not agree with its rows: {'; '.join(wrong)}." if wrong else None

    def paid_out(self, lines: Decimal) -> list[PaidOut]:
        """All that its rows come to (`lines`) is transferred, unless it is owed to dLocal; the HEADER says how much."""
        reference, said = self.values["TRANSFER_ID"], total_of(self.values, "NET_TOTAL_AMOUNT")
        if not reference or said is None or said <= 0:
            return []
        on = moments.day(self.values["TRANSFER_DATE"])
        return [PaidOut(reference, self.values["SETTLEMENT_CURRENCY"], said, lines, on)]


def read_header(file: ReportFile) -> ProofHeader:
    """Lines 1 and 2. Raises BadReport."""
    return ProofHeader(file, tables.first_row(file, WORDS.layouts["header"], _check))


def _check(_: int, row: Row) -> None:
    cells.currency_of(row, "SETTLEMENT_CURRENCY")
