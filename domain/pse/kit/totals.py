"""Control totals: what a report says that its columns add up to (`totals` of its layout), and what they do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from domain.pse.kit import cells, exact
from domain.pse.kit.cells import BadCell, Row

_DECIMALS: Final = 6
_ROUNDED_DECIMALS: Final = 2  # the fewest that a total is rounded to


@dataclass(slots=True)
class Sums:
    """The rows that were read, and what each of `columns` comes to in them, in major units."""

    columns: Mapping[str, str]  # by the total that says it
    rows: int = 0
    of: dict[str, Decimal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.of = dict.fromkeys(self.columns.values(), Decimal(0))

    def add(self, row: Row) -> None:
        """Count a row, and add its amounts unless one of them cannot be read: then it raises BadRow."""
        self.rows += 1
        for column, amount in [(column, cells.decimal_of(row, column, _DECIMALS) or 0) for column in self.of]:
            self.of[column] += amount

    def against(self, said: Row, row_rounding: Decimal) -> list[str]:
        """The totals that are not the sums of their columns by more than rounding makes, in words.

        `row_rounding`: by how much a row may be rounded otherwise than the total that it is part of.
        """
        allowed = Decimal(5).scaleb(-self._decimals(said) - 1) + row_rounding * self.rows
        wrong = []
        for name, column in self.columns.items():
            total = total_of(said, name)
            if total is None or abs(total - self.of[column]) > allowed:
                sums = exact.written(self.of[column])
                wrong.append(f"{name} {said[name][:40]} (the rows' {column} add up to {sums})")
        return wrong

    def _decimals(self, said: Row) -> int:
        """Zeros at the end are left out, so the total with the most decimals tells how all are rounded."""
        found = [len(said[name].partition(".")[2]) for name in self.columns if total_of(said, name) is not None]
        return max([_ROUNDED_DECIMALS, *found])


def total_of(said: Row, name: str) -> Decimal | None:
    """A total; None where it is not there, or cannot be read."""
    try:
        return cells.decimal_of(said, name, _DECIMALS)
    except BadCell:
        return None
