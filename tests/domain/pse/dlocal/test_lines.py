"""dLocal's cross-border file: what its rows are in canonical columns, and how a broken one is refused."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from domain.pse.dlocal.connector import DLocal
from domain.pse.reporting import REPORT_SCHEMA, BadReport, ReadReport, ReportFile, Unknown
from domain.pse.vocabulary import Period
from domain.reconciliation.effects import with_effects
from domain.reconciliation.match import PAYMENT_SCHEMA, REFUND_SCHEMA, SETTLED_SCHEMA, match
from domain.reconciliation.nameless import SUSPENSE_SCHEMA

PERIOD = Period(
    "https://x", datetime(2026, 2, 3, 3, tzinfo=UTC), datetime(2026, 2, 4, 3, tzinfo=UTC), "America/Sao_Paulo"
)
TOTALS = [
    *("ROW_TYPE", "SETTLEMENT_CURRENCY", "NUMBER_OF_ITEMS", "GROSS_TOTAL_AMOUNT", "FEE_TOTAL_AMOUNT"),
    *("NET_TOTAL_AMOUNT", "TRANSFER_DATE", "TRANSFER_ID"),
]
COLUMNS = [
    *("ROW_TYPE", "MID", "LOGIN", "COUNTRY", "CREATION_DATE", "APPROVED_DATE", "TRANSACTION_ID"),
    *("DLOCAL_TRANSACTION_ID", "LOCAL_AMOUNT", "LOCAL_CURRENCY", "FX_RATE", "GROSS_AMOUNT", "FEE_AMOUNT"),
    *("NET_AMOUNT", "PAYMENT_TYPE", "PAYMENT_METHOD_CODE", "CARD_BIN", "CARD_TYPE", "INSTALLMENTS", "STATUS"),
    *("STATUS_CODE", "STATUS_DETAILS", "USER_DOCUMENT", "USER_EMAIL", "DESCRIPTION"),
]
Row = dict[str, str]


def a_row(kind: str, local: str, gross: str, fee: str = "0", **more: str) -> Row:
    net = str(Decimal(gross or 0) + Decimal(fee or 0))
    return {
        "ROW_TYPE": kind,
        "CREATION_DATE": "2026-02-02 17:12:01",
        "APPROVED_DATE": "2026-02-03 01:00:00",
        "TRANSACTION_ID": "order-1",
        "DLOCAL_TRANSACTION_ID": f"{kind[:3]}-648-1",
        "LOCAL_AMOUNT": local,
        "LOCAL_CURRENCY": "BRL",
        "FX_RATE": "6.263293",
        "GROSS_AMOUNT": gross,
        "FEE_AMOUNT": fee,
        "NET_AMOUNT": net,
        "STATUS": "SUCCESS" if kind == "REFUND" else "PAID",
        **more,
    }


ROWS = [
    a_row("PAYMENT", "124.8", "19.227903", "-0.31"),
    a_row("REFUND", "-24.8", "-3.820965", "-1"),
    a_row("CHARGEBACK", "-26", "-4.825", "-10", STATUS="COMPLETED"),
    a_row("ADJUSTMENT", "0", "-1.5", LOCAL_CURRENCY="", TRANSACTION_ID="", STATUS=""),
    a_row("SETTLEMENT_FEE", "", "0", "-2.000001", LOCAL_CURRENCY="", STATUS=""),
]


def a_file(
    folder: Path,
    rows: list[Row],
    *,
    columns: list[str] = COLUMNS,
    mark: str = ",",
    end: str = "\n",
    start: str = "",
    header: Row | None = None,
) -> ReportFile:
    def total(column: str) -> str:
        return str(sum((Decimal(row[column] or 0) for row in rows), Decimal(0)))

    values = {
        "ROW_TYPE": "HEADER",
        "SETTLEMENT_CURRENCY": "USD",
        "NUMBER_OF_ITEMS": str(len(rows)),
        "GROSS_TOTAL_AMOUNT": total("GROSS_AMOUNT"),
        "FEE_TOTAL_AMOUNT": total("FEE_AMOUNT"),
        "NET_TOTAL_AMOUNT": total("NET_AMOUNT"),
        "TRANSFER_DATE": "2026-02-03",
        "TRANSFER_ID": "900100",
        **(header or {}),
    }
    lines = [TOTALS, [values[name] for name in TOTALS], columns]
    lines += [[row.get(name, "") for name in columns] for row in rows]
    text = start + "".join(mark.join([*line, *[""] * (len(COLUMNS) - len(line))]) + end for line in lines)
    path = folder / "x_cross_border_report_20260203_020000.csv"
    path.write_text(text, encoding="utf-8", newline="")
    return ReportFile(path.name, "text/csv", path)


def read(file: ReportFile) -> tuple[list[dict[str, Any]], ReadReport]:
    report = DLocal().read_report(file, PERIOD)
    frame = report.lines.collect()
    assert frame.schema == dict(REPORT_SCHEMA)
    return frame.to_dicts(), report


def test_every_kind_of_row_has_its_canonical_line_and_the_totals_prove_the_file_whole(tmp_path: Path) -> None:
    lines, report = read(a_file(tmp_path, ROWS))
    assert [(line["type"], line["state"], line["amount"], line["currency"]) for line in lines] == [
        ("CAPTURE", "SUCCEEDED", 12_480, "BRL"),
        ("REFUND", "SUCCEEDED", 2_480, "BRL"),
        ("CHARGEBACK", "SUCCEEDED", 2_600, "BRL"),
        ("CORRECTION", "SUCCEEDED", 0, "USD"),
        ("FEE", "SUCCEEDED", 0, "USD"),
    ]
    capture, refund = lines[:2]
    assert (capture["payment_reference"], capture["order_reference"]) == ("PAY-648-1", "order-1")
    assert (capture["pse_refund_reference"], capture["by_amount"]) == (None, False)
    assert (refund["payment_reference"], refund["order_reference"]) == (None, "order-1")
    assert (refund["pse_refund_reference"], refund["by_amount"], refund["kind"]) == ("REF-648-1", True, "REFUND")
    settled = ("settled_gross", "settled_fee", "settled_net", "settled_currency", "payout_reference")
    assert [str(refund[name]).rstrip("0") for name in settled] == ["-3.820965", "-1.", "-4.820965", "USD", "900100"[:4]]
    assert [line["line"] for line in lines] == [4, 5, 6, 7, 8]
    assert report.completeness is not None
    assert "NUMBER_OF_ITEMS (5)" in report.completeness


def test_times_are_utc_and_the_business_date_is_the_merchants(tmp_path: Path) -> None:
    (line, _), _ = read(a_file(tmp_path, [*ROWS[:1], a_row("CAPTURE", "1", "1", APPROVED_DATE="")]))
    assert line["booked_at"] == datetime(2026, 2, 3, 1, tzinfo=UTC)
    assert line["business_date"] == date(2026, 2, 2)  # 22:00 in São Paulo


def test_without_an_approval_the_creation_is_the_time(tmp_path: Path) -> None:
    ((line), *_), _ = read(a_file(tmp_path, [a_row("CAPTURE", "1", "1", APPROVED_DATE="")]))
    assert line["booked_at"] == datetime(2026, 2, 2, 17, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "local", "state"),
    [
        ("SUCCESS", "-1.00", "SUCCEEDED"),
        ("PENDING", "-1.00", "PENDING"),
        ("REJECTED", "-1.00", "FAILED"),
        ("CANCELLED", "-1.00", "FAILED"),
        ("REJECTED", "1.00", "RETURNED"),  # it gives the merchant the money back
    ],
)
def test_the_states_of_a_refund_row(tmp_path: Path, status: str, local: str, state: str) -> None:
    (line,), _ = read(a_file(tmp_path, [a_row("REFUND", local, "-0.1", STATUS=status)]))
    assert (line["state"], line["amount"]) == (state, 100)


def test_a_chargeback_that_was_won_is_reversed(tmp_path: Path) -> None:
    (line,), _ = read(a_file(tmp_path, [a_row("CHARGEBACK", "26", "4.825")]))
    assert line["type"] == "CHARGEBACK_REVERSED"


def test_currencies_have_their_own_decimals(tmp_path: Path) -> None:
    rows = [
        a_row("PAYMENT", amount, "1", LOCAL_CURRENCY=currency) for amount, currency in (("10500", "CLP"), ("3", "COP"))
    ]
    lines, _ = read(a_file(tmp_path, rows))
    assert [line["amount"] for line in lines] == [10_500, 300]


@pytest.mark.parametrize("mark", [",", ";"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("columns", [COLUMNS, COLUMNS[::-1]])
def test_separator_line_ends_bom_and_order_of_columns_do_not_matter(
    tmp_path: Path, mark: str, end: str, start: str, columns: list[str]
) -> None:
    plain, _ = read(a_file(tmp_path, ROWS))
    other, _ = read(a_file(tmp_path, ROWS, mark=mark, end=end, start=start, columns=columns))
    assert other == plain


def test_a_last_line_without_its_break_is_whole_because_the_totals_say_so(tmp_path: Path) -> None:
    file = a_file(tmp_path, ROWS)
    file.path.write_bytes(file.path.read_bytes().rstrip(b"\n"))
    assert len(read(file)[0]) == len(ROWS)


def test_a_settlement_of_nothing_is_empty(tmp_path: Path) -> None:
    lines, report = read(a_file(tmp_path, []))
    assert lines == []
    assert report.completeness is not None


def test_gross_is_never_recomputed_and_may_be_less_than_the_rate_makes_it(tmp_path: Path) -> None:
    (line,), _ = read(a_file(tmp_path, [a_row("PAYMENT", "520", "96.5", FX_RATE="5.2")]))
    assert line["settled_gross"] == Decimal("96.5")


@pytest.mark.parametrize("off", ["0.000005", "-0.000005"])
def test_totals_may_be_off_by_the_rounding_of_the_rows(tmp_path: Path, off: str) -> None:
    total = sum((Decimal(row["GROSS_AMOUNT"]) for row in ROWS), Decimal(off))
    assert read(a_file(tmp_path, ROWS, header={"GROSS_TOTAL_AMOUNT": str(total)}))


def _refusal(file: ReportFile) -> tuple[int | None, str | None, str]:
    with pytest.raises(BadReport) as raised:
        DLocal().read_report(file, PERIOD)
    return raised.value.line, raised.value.column, str(raised.value)


@pytest.mark.parametrize("total", ["GROSS", "FEE", "NET"])
def test_totals_that_do_not_add_up_say_both_numbers(tmp_path: Path, total: str) -> None:
    held = sum((Decimal(row[f"{total}_AMOUNT"]) for row in ROWS), Decimal(0))
    said = held + Decimal("0.000006")
    _, report = read(a_file(tmp_path, ROWS, header={f"{total}_TOTAL_AMOUNT": str(said)}))
    assert report.contradicted is not None
    assert str(said) in report.contradicted
    assert str(held) in report.contradicted


def test_a_file_that_lost_its_last_row_is_refused(tmp_path: Path) -> None:
    file = a_file(tmp_path, ROWS)
    file.path.write_text("".join(file.path.read_text().splitlines(keepends=True)[:-1]))
    assert _refusal(file)[:2] == (2, "NUMBER_OF_ITEMS")


ODD: list[tuple[Row, str, str]] = [
    ({"LOCAL_AMOUNT": "-24.801"}, "LOCAL_AMOUNT", "REFUND with an unusable LOCAL_AMOUNT"),
    ({"LOCAL_AMOUNT": "-1,5"}, "LOCAL_AMOUNT", "REFUND with an unusable LOCAL_AMOUNT"),
    ({"LOCAL_AMOUNT": "9" * 29}, "LOCAL_AMOUNT", "REFUND with an unusable LOCAL_AMOUNT"),
    ({"GROSS_AMOUNT": "1.0000001"}, "GROSS_AMOUNT", "REFUND with an unusable GROSS_AMOUNT"),
    ({"APPROVED_DATE": "03/02/2026"}, "APPROVED_DATE", "REFUND with an unusable APPROVED_DATE"),
    ({"APPROVED_DATE": "0001-01-01 00:00:00"}, "APPROVED_DATE", "REFUND with an unusable APPROVED_DATE"),
    ({"APPROVED_DATE": "2026-02-30 00:00:00"}, "APPROVED_DATE", "REFUND with an unusable APPROVED_DATE"),
    ({"APPROVED_DATE": "", "CREATION_DATE": ""}, "CREATION_DATE", "REFUND with an unusable CREATION_DATE"),
    ({"ROW_TYPE": "PAYMENT"}, "LOCAL_AMOUNT", "PAYMENT of the wrong sign"),
    ({"LOCAL_CURRENCY": "Reais"}, "LOCAL_CURRENCY", "REFUND with an unusable LOCAL_CURRENCY"),
]


@pytest.mark.parametrize(("changed", "column", "words"), ODD)
def test_a_row_with_a_cell_that_cannot_be_used_is_other_and_most_such_rows_are_refused(
    tmp_path: Path, changed: Row, column: str, words: str
) -> None:
    bad = {**ROWS[1], **changed}
    lines, report = read(a_file(tmp_path, [ROWS[0], bad], mark=";"))
    assert [(one["type"], one["state"], one["by_amount"]) for one in lines[1:]] == [("OTHER", "SUCCEEDED", False)]
    assert (lines[1]["kind"], list(report.unknown)) == (words, [Unknown(words, 1, 5)])
    assert (report.completeness is None) == (column == "GROSS_AMOUNT")
    line, named, text = _refusal(a_file(tmp_path, [bad, ROWS[0], bad], mark=";"))
    assert (line, named) == (4, column)
    assert ".csv, line 4" in text


@pytest.mark.parametrize("name", ["LOCAL_AMOUNT", "TRANSACTION_ID", "STATUS"])
def test_a_missing_column_is_named(tmp_path: Path, name: str) -> None:
    file = a_file(tmp_path, ROWS, columns=[column for column in COLUMNS if column != name])
    assert _refusal(file)[:2] == (3, name)


@pytest.mark.parametrize("name", ["NUMBER_OF_ITEMS", "TRANSFER_ID"])
def test_a_missing_total_is_named(tmp_path: Path, name: str) -> None:
    file = a_file(tmp_path, ROWS)
    file.path.write_text(file.path.read_text().replace(name, "OTHER"))
    assert _refusal(file)[:2] == (1, name)


@pytest.mark.parametrize("change", ["short", "long", "header"])
def test_a_row_of_another_length_is_refused(tmp_path: Path, change: str) -> None:
    file = a_file(tmp_path, ROWS)
    lines = file.path.read_text().splitlines()
    place = 1 if change == "header" else 4
    lines[place] = lines[place].rpartition(",")[0] if change == "short" else lines[place] + ","
    file.path.write_text("\n".join(lines) + "\n")
    assert _refusal(file)[0] == place + 1


@pytest.mark.parametrize("line", [2, 5])
def test_a_line_that_is_not_utf_8_is_named(tmp_path: Path, line: int) -> None:
    file = a_file(tmp_path, ROWS)
    lines = file.path.read_bytes().splitlines(keepends=True)
    lines[line - 1] = lines[line - 1].replace(b"\n", b"\xe9\n")
    file.path.write_bytes(b"".join(lines))
    assert _refusal(file)[0] == line


@pytest.mark.parametrize("kept", [0, 1, 2, 3])
def test_an_empty_file_and_one_that_was_cut_in_its_headers_are_refused(tmp_path: Path, kept: int) -> None:
    file = a_file(tmp_path, ROWS)
    file.path.write_text("".join(file.path.read_text().splitlines(keepends=True)[:kept]))
    with pytest.raises(BadReport):
        DLocal().read_report(file, PERIOD)


# Matching


def _matched(folder: Path, ids: list[str], rows: list[Row]) -> list[str | None]:
    lines = read(a_file(folder, rows))[1].lines.collect()
    payment = {"known_reference": "D-4-1", "known_order": "order-1", "payment_id": "p", "store_id": "s"}
    payments = pl.DataFrame([{**payment, "payment_currency": "BRL", "payment_captured": 9_000}], schema=PAYMENT_SCHEMA)
    refunds = [
        {
            "refund_id": f"r{number}",
            "refund_payment_id": "p",
            "refund_reference": f"ours{number}",
            "refund_pse_reference": name,
            "refund_state": "SUCCEEDED",
            "refund_amount": 100,
            "refund_tax": 0,
            "refund_at": datetime(2026, 2, 1, number, tzinfo=UTC),
            "refund_by_bank": False,
        }
        for number, name in enumerate(ids)
    ]
    settled = pl.DataFrame([], schema=SETTLED_SCHEMA)
    suspense = pl.DataFrame([], schema=SUSPENSE_SCHEMA)
    found = match(lines, payments, pl.DataFrame(refunds, schema=REFUND_SCHEMA), settled, suspense)
    effects = with_effects(found, settled).sort("line")
    assert set(effects["effect"]) <= {"REFUND", "TAKEN"}
    return effects["refund_id"].to_list()


def _refund_rows(*ids: str) -> list[Row]:
    return [a_row("REFUND", "-1.00", "-0.2", DLOCAL_TRANSACTION_ID=name) for name in ids]


def test_refunds_are_matched_by_id_where_it_is_the_same_else_by_order_and_amount(tmp_path: Path) -> None:
    assert _matched(tmp_path, ["REF1", "REF2"], _refund_rows("REF-648-a", "REF-648-b")) == ["r0", "r1"]
    assert _matched(tmp_path, ["REF1", "REF2"], _refund_rows("REF2", "REF1")) == ["r1", "r0"]


def test_a_refund_that_is_named_by_its_id_is_not_given_to_another_row_too(tmp_path: Path) -> None:
    assert _matched(tmp_path, ["REF1", "REF2"], _refund_rows("REF-648-a", "REF1")) == ["r1", "r0"]
    assert _matched(tmp_path, ["REF1"], _refund_rows("REF1", "REF-648-b")) == ["r0", None]
