"""Plain rows of a settlement details report are read many at a time, and mean what they mean row by row."""

from collections.abc import Sequence

from hypothesis import example, given
from hypothesis import strategies as st

from domain.pse.reporting import ReadReport, ReportFile
from tests.domain.pse.adyen.test_lines import ACCOUNT, ADYEN, BATCH, a_period, booked, credit, debit, written
from tests.kit.both_ways import in_pieces, row_by_row, said

Row = dict[str, str]
_AMOUNTS = ("", "0", "0.00", "5", "5.00", "100.00", "1.005", "0.123456789", "-5.00", "1e2", " 5.00", "5,00", "9" * 25)
HOSTILE = {
    "Merchant Account": (ACCOUNT, ACCOUNT, ACCOUNT, "Another"),
    "Batch Number": ("42", "42", "43", "", "x"),
    "Type": ("Settled", "refunded", "MerchantPayout", "Fee", "Chargeback", "TypeOfTomorrow", ""),
    "Gross Currency": ("BRL", "CLP", "USD", "JPY", "", "brl"),
    "Net Currency": ("BRL", "BRL", "USD", "GBP", "", "brl"),
    "TimeZone": ("BRT", "CET", "America/Bogota", "UTC-3", "IST", "", "é"),
    "Creation Date": ("2026-03-05 23:30:00", "2026-02-30 10:00:00", "", "1970-01-01 00:00:00", "2026-03-05T23:30:00"),
    "Psp Reference": ("PAYMENTREFERENCE", "", "ü"),
    "Merchant Reference": ("order-1", 'an "order", or two', ""),
    "Modification Reference": ("REFUNDREFERENCE1", ""),
    "Gross Debit (GC)": _AMOUNTS,
    "Gross Credit (GC)": _AMOUNTS,
    "Net Debit (NC)": _AMOUNTS,
    "Net Credit (NC)": _AMOUNTS,
    "Commission (NC)": ("", "0.01", "1.00", "x"),
    "Markup (NC)": ("", "0.10", "0.123456789"),
}
_CHANGED = st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in HOSTILE.items()})
_ROWS = st.lists(st.tuples(st.sampled_from(BATCH), _CHANGED), min_size=1, max_size=8)


def _read(file: ReportFile) -> ReadReport:
    return ADYEN.read_report(file, a_period())


@given(rows=_ROWS, end=st.sampled_from(["\n", "\r\n"]))
@example(rows=[(one, {}) for one in BATCH], end="\n")
@example(rows=[(one, {"Merchant Reference": 'of "two", or three'}) for one in BATCH], end="\r\n")
@example(rows=[(BATCH[0], {"Commission (NC)": "7.00"}), (BATCH[1], {"Type": "Novelty"})], end="\n")
def test_a_file_means_the_same_read_at_once_and_row_by_row(rows: Sequence[tuple[Row, Row]], end: str) -> None:
    content = written([{**row, **changed} for row, changed in rows], end=end)
    assert said(_read, content) == row_by_row(_read, content)


def test_a_batch_of_many_pieces_is_one_batch() -> None:
    many = [
        credit("Settled", "10.00", "9.90", **{"Commission (NC)": "0.10", "Psp Reference": f"P{n}"}) for n in range(40)
    ]
    many += [debit("Refunded", "5.00", **{"TimeZone": zone}) for zone in ("CET", "America/Bogota", "BRT")]
    content = written([*many, booked("MerchantPayout", "381.00")])
    whole = row_by_row(_read, content)
    assert in_pieces(_read, content, 600) == whole
    assert whole[1] is not None, "its totals prove it"
