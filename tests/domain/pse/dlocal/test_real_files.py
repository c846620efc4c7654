"""dLocal's cross-border file as real accounts get it: where it differs from the documents, it is read all the same."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from domain.pse.dlocal.connector import DLocal
from domain.pse.reporting import BadReport, ReportFile, Unknown
from tests.domain.pse.dlocal.test_lines import PERIOD, ROWS, Row, a_file, a_row, read

FEE = a_row(
    "SETTLEMENT_FEE", "", "0", "-2", LOCAL_CURRENCY="", TRANSACTION_ID="", STATUS="", CREATION_DATE="", APPROVED_DATE=""
)
REFUND = ROWS[1]


@pytest.mark.parametrize("transfer", ["2026-02-03", "2026-02-03 00:00:00", "2026-02-03 04:10:00"])
def test_a_fee_of_the_settlement_without_dates_is_of_the_day_of_the_transfer(tmp_path: Path, transfer: str) -> None:
    (_, fee), _ = read(a_file(tmp_path, [REFUND, FEE], header={"TRANSFER_DATE": transfer}))
    assert (fee["type"], fee["business_date"]) == ("FEE", date(2026, 2, 3))


@pytest.mark.parametrize("transfer", ["", "03/02/2026", "2026-02-30", "soon"])
def test_a_row_without_dates_in_a_settlement_without_one_is_other_and_holds_up_no_row_beside_it(
    tmp_path: Path, transfer: str
) -> None:
    header = {"TRANSFER_DATE": transfer}
    (refund, fee), report = read(a_file(tmp_path, [REFUND, FEE], header=header))
    words = "SETTLEMENT_FEE without a date"
    assert (refund["type"], fee["type"], fee["kind"], fee["business_date"]) == (
        "REFUND",
        "OTHER",
        words,
        PERIOD.business_date,
    )
    assert (list(report.unknown), report.completeness is not None) == ([Unknown(words, 1, 5)], True)
    with pytest.raises(BadReport, match="TRANSFER_DATE"):
        read(a_file(tmp_path, [REFUND, FEE, FEE], header=header))


def test_a_transfer_date_that_no_row_needs_may_be_anything(tmp_path: Path) -> None:
    assert len(read(a_file(tmp_path, [REFUND], header={"TRANSFER_DATE": ""}))[0]) == 1


def test_a_refund_at_midnight_has_a_date_and_no_zone_moves_it(tmp_path: Path) -> None:
    (line,), _ = read(a_file(tmp_path, [a_row("REFUND", "-1", "-0.2", APPROVED_DATE="2026-02-03 00:00:00")]))
    assert line["business_date"] == date(2026, 2, 3)
    assert line["booked_at"] == datetime(2026, 2, 3, 3, tzinfo=UTC)  # when that day begins in São Paulo


def test_a_payment_at_midnight_has_a_moment(tmp_path: Path) -> None:
    (line,), _ = read(a_file(tmp_path, [a_row("PAYMENT", "1", "0.2", APPROVED_DATE="2026-02-03 00:00:00")]))
    assert (line["business_date"], line["booked_at"]) == (date(2026, 2, 2), datetime(2026, 2, 3, tzinfo=UTC))


def test_a_date_whose_midnight_the_clocks_skip_is_that_date(tmp_path: Path) -> None:
    santiago = type(PERIOD)(PERIOD.base_url, PERIOD.start, PERIOD.end, "America/Santiago")
    row = a_row("REFUND", "-1", "-0.2", LOCAL_CURRENCY="CLP", APPROVED_DATE="2026-09-06 00:00:00")
    (line,) = DLocal().read_report(a_file(tmp_path, [row]), santiago).lines.collect().to_dicts()
    assert line["business_date"] == date(2026, 9, 6)


ROUNDED = {"GROSS_TOTAL_AMOUNT": "9.08", "FEE_TOTAL_AMOUNT": "-13.31", "NET_TOTAL_AMOUNT": "-4.23"}


def test_totals_that_are_rounded_to_cents_prove_rows_of_six_decimals(tmp_path: Path) -> None:
    _, report = read(a_file(tmp_path, ROWS, header=ROUNDED))
    assert report.contradicted is None
    assert report.completeness is not None


@pytest.mark.parametrize("total", list(ROUNDED))
@pytest.mark.parametrize("off", [1, -1])
def test_what_does_not_add_up_by_more_than_the_rounding_is_told_and_the_rows_are_kept(
    tmp_path: Path, total: str, off: int
) -> None:
    said = f"{float(ROUNDED[total]) + off / 100:.2f}"
    lines, report = read(a_file(tmp_path, ROWS, header=ROUNDED | {total: said}))
    assert len(lines) == len(ROWS)
    assert report.completeness is None
    assert report.contradicted is not None
    assert f"{total} {said}" in report.contradicted


def test_a_total_whose_zeros_are_left_out_is_not_taken_for_a_rounder_one(tmp_path: Path) -> None:
    rows = [a_row("PAYMENT", "124.8", "19.54", "-0.31")]
    _, report = read(a_file(tmp_path, rows, header={"GROSS_TOTAL_AMOUNT": "19.5"}))
    assert report.contradicted is not None


@pytest.mark.parametrize("total", list(ROUNDED))
def test_a_total_that_is_no_number_is_told_and_the_rows_are_kept(tmp_path: Path, total: str) -> None:
    lines, report = read(a_file(tmp_path, ROWS, header=ROUNDED | {total: "n/a"}))
    assert len(lines) == len(ROWS)
    assert report.completeness is None
    assert total in str(report.contradicted)


@pytest.mark.parametrize("count", ["4", "6", "", "five"])
def test_a_header_that_counts_other_rows_is_refused(tmp_path: Path, count: str) -> None:
    with pytest.raises(BadReport, match="NUMBER_OF_ITEMS"):
        read(a_file(tmp_path, ROWS, header={"NUMBER_OF_ITEMS": count}))


def test_a_header_that_names_a_total_twice_is_refused(tmp_path: Path) -> None:
    file = a_file(tmp_path, ROWS)
    names, values, *rest = file.path.read_text().split("\n")
    names, values = names.replace(",,", ",TRANSFER_ID,", 1), values.replace(",,", ",900200,", 1)
    file.path.write_text("\n".join([names, values, *rest]))
    with pytest.raises(BadReport, match="line 1, column TRANSFER_ID: the column is there twice"):
        read(file)


def _raw(folder: Path, text: str) -> ReportFile:
    path = folder / "report.csv"
    path.write_text(text)
    return ReportFile(path.name, "text/csv", path)


@pytest.mark.parametrize("mark", [";", ","])
def test_the_layout_of_2015_is_named_and_so_is_the_one_that_is_wanted(tmp_path: Path, mark: str) -> None:
    header = mark.join(["Type", "Creation date", "Settlement date", "Reference", "Invoice", "Country", "Currency"])
    row = mark.join(["Credit", "2015-03-01 10:00:00", "2015-03-05", "1", "o-1", "BR", "BRL"])
    with pytest.raises(BadReport, match="layout of 2015") as caught:
        DLocal().read_report(_raw(tmp_path, f"{header}\n{row}\n{row}\n"), PERIOD)
    assert "Cross-border Payins" in str(caught.value)
    assert caught.value.line == 1


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"ROW_TYPE": "REVERSAL"}, "REVERSAL"),
        ({"ROW_TYPE": "REVERSAL", "APPROVED_DATE": "", "CREATION_DATE": ""}, "REVERSAL"),
        ({"STATUS": "ON_HOLD"}, "REFUND with STATUS ON_HOLD"),
        ({"LOCAL_CURRENCY": "INR"}, "REFUND in INR"),
        ({"LOCAL_CURRENCY": "USDT"}, "REFUND in USDT"),
        ({"LOCAL_CURRENCY": "KWD", "LOCAL_AMOUNT": "-1.234"}, "REFUND in KWD"),
        ({"TRANSACTION_ID": ""}, "REFUND without TRANSACTION_ID"),
        ({"DLOCAL_TRANSACTION_ID": ""}, "REFUND without DLOCAL_TRANSACTION_ID"),
    ],
)
def test_a_row_that_nobody_understands_is_kept_as_other_with_its_words(
    tmp_path: Path, changed: Row, words: str
) -> None:
    lines, report = read(a_file(tmp_path, [ROWS[0], REFUND | changed, REFUND | changed, ROWS[2]]))
    assert [line["type"] for line in lines] == ["CAPTURE", "OTHER", "OTHER", "CHARGEBACK"]
    other = lines[1]
    assert (other["kind"], other["state"], other["pse_refund_reference"], other["by_amount"]) == (
        words,
        "SUCCEEDED",
        None,
        False,
    )
    assert (str(other["settled_gross"]).rstrip("0"), other["settled_currency"]) == ("-3.820965", "USD")
    assert list(report.unknown) == [Unknown(words, rows=2, line=5)]
    assert report.completeness is not None


def test_other_of_a_currency_that_nobody_refunds_in_has_its_money_in_that_of_the_settlement(tmp_path: Path) -> None:
    (line,), _ = read(a_file(tmp_path, [REFUND | {"LOCAL_CURRENCY": "INR"}]))
    assert (line["amount"], line["currency"]) == (0, "USD")


def test_an_adjustment_is_known_and_of_no_payment(tmp_path: Path) -> None:
    lines, report = read(a_file(tmp_path, ROWS))
    assert (lines[3]["type"], lines[3]["kind"], list(report.unknown)) == ("CORRECTION", "ADJUSTMENT", [])


def test_a_settlement_in_a_currency_that_is_no_code_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadReport, match="SETTLEMENT_CURRENCY"):
        read(a_file(tmp_path, ROWS, header={"SETTLEMENT_CURRENCY": "Dollars"}))


@pytest.mark.parametrize("amount", ["abc", "9" * 17, "1.1234567890"])
def test_an_amount_that_is_none_is_named_also_where_the_row_is_not_understood(tmp_path: Path, amount: str) -> None:
    with pytest.raises(BadReport, match="LOCAL_AMOUNT"):
        read(a_file(tmp_path, [REFUND | {"ROW_TYPE": "REVERSAL", "LOCAL_AMOUNT": amount}]))


def test_the_largest_amount_of_a_row_that_is_not_understood_is_kept(tmp_path: Path) -> None:
    (line,), _ = read(a_file(tmp_path, [REFUND | {"ROW_TYPE": "REVERSAL", "LOCAL_AMOUNT": "9" * 16}]))
    assert line["amount"] == int("9" * 16 + "00")
