"""Plain rows of both reports are read many at a time, and mean what they mean row by row, one below the other."""

from collections.abc import Sequence

from hypothesis import example, given
from hypothesis import strategies as st

from domain.pse.reporting import ReadReport, ReportFile
from tests.domain.pse.mercadopago.test_lines import DAY, PSE, SETTLEMENT
from tests.domain.pse.mercadopago.test_real_files import DAYS, FULL, REFUND, SALE, Row, moved, opening, total, written
from tests.kit.both_ways import in_pieces, row_by_row, said

_AMOUNTS = ("", "0.00", "5.00", "-5.00", "1.000", "15.990", "5", "1e2", "5,00", "9" * 20, "9999999999999.00")
_MOMENTS = (
    "", "2026-11-23T10:00:00.000-04:00", "2026-11-23T10:00:00Z", "2026-02-30T10:00:00Z", "2026-11-23 10:00:00",
    "1970-01-01T00:00:00Z",
)  # fmt: skip
_METADATA = ("", '"{""a"":""b; c""}"', '"{"a":"b; c"}"', "{}")
RELEASE = {
    "DATE": _MOMENTS,
    "SOURCE_ID": ("71000000001", "", "7" * 101),
    "EXTERNAL_REFERENCE": ("order-1", "k3v9x2m7q1w8e5r4t6y0", ""),
    "RECORD_TYPE": ("release", "release", "", "total", "available_balance", "novelty", "initial_available_balance"),
    "DESCRIPTION": ("payment", "refund", "payout", "tax_withholding", "reserve_for_refund", "novelty", ""),
    "NET_CREDIT_AMOUNT": _AMOUNTS,
    "NET_DEBIT_AMOUNT": _AMOUNTS,
    "GROSS_AMOUNT": _AMOUNTS,
    "CURRENCY": ("BRL", "BRL", "", "CLP", "XYZ", "brl"),
    "BALANCE_AMOUNT": ("", "149.01", "0.00", "x"),
    "METADATA": _METADATA,
}
SETTLED = {
    "EXTERNAL_REFERENCE": ("order-1", ""),
    "SOURCE_ID": ("71000000001", ""),
    "TRANSACTION_TYPE": ("SETTLEMENT", "REFUND", "CHARGEBACK", "WITHDRAWAL", "NOVELTY", ""),
    "TRANSACTION_AMOUNT": _AMOUNTS,
    "SETTLEMENT_NET_AMOUNT": _AMOUNTS,
    "TRANSACTION_CURRENCY": ("BRL", "BRL", "CLP", "", "XYZ", "brl"),
    "TRANSACTION_DATE": _MOMENTS,
    "METADATA": _METADATA,
}
_SETTLED = {
    "SOURCE_ID": "71000000001", "TRANSACTION_TYPE": "SETTLEMENT", "TRANSACTION_AMOUNT": "100.00",
    "TRANSACTION_CURRENCY": "BRL", "TRANSACTION_DATE": "2026-11-23T10:00:00.000-04:00",
    "SETTLEMENT_NET_AMOUNT": "99.01",
}  # fmt: skip


def _changed(hostile: dict[str, tuple[str, ...]]) -> st.SearchStrategy[Row]:
    return st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in hostile.items()})


def _read(file: ReportFile) -> ReadReport:
    return PSE.read_report(file, DAY)


_ROWS = st.lists(st.tuples(st.sampled_from([*DAYS, SALE, REFUND]), _changed(RELEASE)), min_size=1, max_size=8)


@given(rows=_ROWS, proven=st.booleans())
@example(rows=[(DAYS[0], {}), (SALE, {"BALANCE_AMOUNT": "149.02"}), (SALE, {}), (REFUND, {})], proven=True)
@example(rows=[(one, {"METADATA": '"{""a"":""b; c""}"'}) for one in DAYS], proven=False)
def test_a_release_report_means_the_same_read_at_once_and_row_by_row(
    rows: Sequence[tuple[Row, Row]], *, proven: bool
) -> None:
    made = [{**row, **changed} for row, changed in rows]
    content = written([opening("50.00"), *made] if proven else made, FULL).encode()
    assert said(_read, content) == row_by_row(_read, content)


@given(changes=st.lists(_changed(SETTLED), min_size=1, max_size=8))
@example(changes=[{}, {"METADATA": '"{""a"":""b; c""}"'}])
def test_a_settlement_report_means_the_same_read_at_once_and_row_by_row(changes: Sequence[Row]) -> None:
    content = written([{**_SETTLED, **changed} for changed in changes], SETTLEMENT).encode()
    assert said(_read, content) == row_by_row(_read, content)


def test_a_balance_is_followed_from_piece_to_piece() -> None:
    sales = [
        moved("payment", "1.00", source=str(number), BALANCE_AMOUNT=f"{51 + number}.00" if number % 3 else "")
        for number in range(40)
    ]
    content = written([opening("50.00"), *sales, total("90.00")], FULL).encode()
    whole = row_by_row(_read, content)
    assert in_pieces(_read, content, 400) == whole
    assert (whole[1] is not None, whole[2]) == (True, None), "it is proven, and nothing contradicts it"
    wrong = content.replace(b";70.00;", b";70.01;")
    assert wrong != content
    assert in_pieces(_read, wrong, 400) == row_by_row(_read, wrong)
    assert row_by_row(_read, wrong)[2] is not None
