"""The reports of Mercado Pago, read as its documents have them, or refused with one clear error."""

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.pse.mercadopago.connector import MercadoPago
from domain.pse.reporting import REPORT_SCHEMA, BadReport, ReadReport, ReportFile, Unknown
from domain.pse.vocabulary import Period

PSE = MercadoPago()
START = datetime(2026, 11, 23, 3, tzinfo=UTC)
DAY = Period("https://api.example.com", START, START + timedelta(days=1), "America/Sao_Paulo", currency="BRL")
RELEASE = (
    "DATE", "SOURCE_ID", "EXTERNAL_REFERENCE", "RECORD_TYPE", "DESCRIPTION", "NET_CREDIT_AMOUNT", "NET_DEBIT_AMOUNT",
    "GROSS_AMOUNT", "CURRENCY", "METADATA", "BALANCE_AMOUNT",
)  # fmt: skip
SETTLEMENT = (
    "EXTERNAL_REFERENCE", "SOURCE_ID", "TRANSACTION_TYPE", "TRANSACTION_AMOUNT", "TRANSACTION_CURRENCY",
    "TRANSACTION_DATE", "SETTLEMENT_NET_AMOUNT", "METADATA",
)  # fmt: skip
Row = dict[str, str]


def _row(record: str = "release", description: str = "", credit: str = "0.00", debit: str = "0.00", **more: str) -> Row:
    plain = {"DATE": "2026-11-23T10:00:00.000-04:00", "CURRENCY": "BRL"}
    amounts = {"NET_CREDIT_AMOUNT": credit, "NET_DEBIT_AMOUNT": debit}
    return {**plain, "RECORD_TYPE": record, "DESCRIPTION": description, **amounts, **more}


ROWS = (
    _row("initial_available_balance", credit="100.00", BALANCE_AMOUNT="100.00"),
    _row(description="payment", credit="99.01", GROSS_AMOUNT="100.00", SOURCE_ID="1", BALANCE_AMOUNT="199.01"),
    _row(description="refund", debit="40.00", GROSS_AMOUNT="-40.00", SOURCE_ID="1", BALANCE_AMOUNT="159.01"),
    _row("total", credit="99.01", debit="40.00"),
    _row("available_balance", credit="159.01", BALANCE_AMOUNT="159.01"),
)


def _text(
    rows: Sequence[Mapping[str, str]] = ROWS, columns: Sequence[str] = RELEASE, separator: str = ";", end: str = "\r\n"
) -> str:
    lines = [separator.join(columns), *(separator.join(row.get(name, "") for name in columns) for row in rows)]
    return end.join(lines) + end


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str | bytes], tuple[ReadReport, list[dict[str, Any]]]]:
    def read(content: str | bytes) -> tuple[ReadReport, list[dict[str, Any]]]:
        path = tmp_path / "report"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        report = PSE.read_report(ReportFile("release.csv", "text/csv", path), DAY)
        frame = report.lines.collect()
        assert frame.schema == dict(REPORT_SCHEMA)
        return report, frame.to_dicts()

    return read


Read = Callable[[str | bytes], tuple[ReadReport, list[dict[str, Any]]]]


def test_a_release_report_is_read_and_proves_itself(read: Read) -> None:
    report, (capture, refund) = read(_text())
    assert report.completeness is not None
    assert "total" in report.completeness
    assert "available_balance" in report.completeness
    assert (capture["type"], capture["amount"], capture["payment_reference"], capture["line"]) == (
        "CAPTURE",
        10_000,
        "1",
        3,
    )
    settled = [capture[name] for name in ("settled_gross", "settled_fee", "settled_net")]
    assert settled == [Decimal("100"), Decimal("-0.99"), Decimal("99.01")]
    assert (refund["type"], refund["state"], refund["amount"], refund["by_amount"]) == (
        "REFUND",
        "SUCCEEDED",
        4_000,
        True,
    )
    assert refund["reference"] == "20261123T140000.000000Z/4000/1"
    assert str(refund["booked_at"]) == "2026-11-23 14:00:00+00:00"
    assert str(refund["business_date"]) == "2026-11-23"


@pytest.mark.parametrize(
    "content",
    [
        _text(columns=RELEASE[::-1]),
        _text(separator=","),
        _text(end="\n"),
        "\ufeff" + _text(),
        _text(columns=[*RELEASE, "ANOTHER_COLUMN"]),
        _text(columns=RELEASE[:-1]),
        _text([{**row, "DATE": "2026-11-23T10:00:00.000-0400"} for row in ROWS]),
        _text([{**row, "DATE": "2026-11-23T14:00:00Z"} for row in ROWS]),
        _text([{**row, "EXTERNAL_REFERENCE": '"a;b,c"'} for row in ROWS]),
    ],
)
def test_columns_are_found_by_name_however_the_file_is_written(read: Read, content: str) -> None:
    report, lines = read(content)
    assert [line["reference"] for line in lines] == [None, "20261123T140000.000000Z/4000/1"]
    assert report.completeness


def test_equal_refunds_have_names_of_their_own_and_the_same_every_time(read: Read) -> None:
    one = _row(description="refund", debit="5.00", GROSS_AMOUNT="-5.00", SOURCE_ID="1")
    rows = [one, {**one, "SOURCE_ID": "2"}, one, {**one, "DATE": "2026-11-23T10:00:01.000-04:00"}]
    names = [line["reference"] for line in read(_text(rows))[1]]
    assert names == [line["reference"] for line in read(_text(rows))[1]]
    ends = [name.partition("T")[2] for name in names]
    assert ends == ["140000.000000Z/500/1", "140000.000000Z/500/1", "140000.000000Z/500/2", "140001.000000Z/500/1"]


@pytest.mark.parametrize(
    ("description", "credit", "debit", "kind"),
    [
        ("reserve_for_refund", "0.00", "7.00", "RESERVE"),
        ("reserve_for_refund", "7.00", "0.00", "RESERVE"),
        ("mediation", "0.00", "7.00", "RESERVE"),
        ("chargeback", "0.00", "7.00", "CHARGEBACK"),
        ("chargeback", "7.00", "0.00", "CHARGEBACK_REVERSED"),
        ("payout", "0.00", "7.00", "PAYOUT"),
        ("tax_withholding", "0.00", "7.00", "FEE"),
        ("shipping", "0.00", "7.00", "FEE"),
        ("asset_management", "7.00", "0.00", "ADJUSTMENT"),
    ],
)
def test_what_is_no_capture_or_refund_keeps_its_type(
    read: Read, description: str, credit: str, debit: str, kind: str
) -> None:
    _, (line,) = read(_text([_row(description=description, credit=credit, debit=debit, SOURCE_ID="9")]))
    assert (line["type"], line["amount"], line["kind"], line["by_amount"]) == (kind, 700, description, False)
    assert line["settled_net"] == Decimal(credit) - Decimal(debit)
    assert line["payout_reference"] == ("9" if kind == "PAYOUT" else None)


def test_a_refund_that_adds_to_the_balance_came_back(read: Read) -> None:
    _, (line,) = read(_text([_row(description="refund", credit="5.00", GROSS_AMOUNT="5.00", SOURCE_ID="1")]))
    assert (line["type"], line["state"], line["amount"]) == ("REFUND", "RETURNED", 500)


def _settled(kind: str, amount: str, net: str) -> Row:
    named = {"SOURCE_ID": "1", "TRANSACTION_CURRENCY": "BRL", "TRANSACTION_DATE": "2026-11-23T23:30:00.000-04:00"}
    return {**named, "TRANSACTION_TYPE": kind, "TRANSACTION_AMOUNT": amount, "SETTLEMENT_NET_AMOUNT": net}


@pytest.mark.parametrize(
    ("kind", "amount", "words"),
    [
        ("CHARGEBACK", "5.00", "CHARGEBACK of the wrong sign"),
        ("CHARGEBACK_CANCEL", "-5.00", "CHARGEBACK_CANCEL of the wrong sign"),
    ],
)
def test_a_chargeback_of_the_wrong_sign_is_counted_neither_way(read: Read, kind: str, amount: str, words: str) -> None:
    rows = [_settled("SETTLEMENT", "100.00", "99.01"), _settled(kind, amount, amount)]
    report, (_, line) = read(_text(rows, SETTLEMENT))
    assert (line["type"], line["kind"], line["payment_reference"]) == ("OTHER", words, None)
    assert line["settled_net"] == Decimal(amount)
    assert [(one.words, one.rows, one.line) for one in report.unknown] == [(words, 1, 3)]


def test_a_settlement_report_is_read_and_proves_nothing(read: Read) -> None:
    row = _settled
    rows = [
        row("SETTLEMENT", "100.00", "99.01"), row("REFUND", "-40.00", "-40.00"), row("REFUND", "40.00", "40.00"),
        row("CHARGEBACK", "-5.00", "-5.00"), row("CHARGEBACK_CANCEL", "5.00", "5.00"),
        row("WITHDRAWAL", "-9.00", "-9.00"), row("CASHBACK", "1.00", "1.00"),
    ]  # fmt: skip
    report, lines = read(_text(rows, SETTLEMENT))
    assert report.completeness is None
    assert [(line["type"], line["state"], line["amount"]) for line in lines] == [
        ("CAPTURE", "SUCCEEDED", 10_000),
        ("REFUND", "SUCCEEDED", 4_000),
        ("REFUND", "RETURNED", 4_000),
        ("CHARGEBACK", "SUCCEEDED", 500),
        ("CHARGEBACK_REVERSED", "SUCCEEDED", 500),
        ("PAYOUT", "SUCCEEDED", 900),
        ("ADJUSTMENT", "SUCCEEDED", 100),
    ]
    assert str(lines[0]["business_date"]) == "2026-11-24"  # half past midnight where the merchant is
    with pytest.raises(BadReport, match="TRANSACTION_AMOUNT"):
        read(_text([row("REFUND", "", "")], SETTLEMENT))


# Amounts by the rule of their currency


@pytest.mark.parametrize(
    ("currency", "written", "units"),
    [
        ("CLP", "15.990", 15_990),
        ("CLP", "1.215.990", 1_215_990),
        ("CLP", "15990", 15_990),
        ("CLP", "15990.00", 15_990),
        ("PYG", "1.000", 1_000),
        ("BRL", "15.99", 1_599),
        ("COP", "15990.5", 1_599_050),
        ("BRL", "0.500", 50),
        ("BRL", "1234.500", 123_450),
    ],
)
def test_a_point_means_what_the_currency_says(read: Read, currency: str, written: str, units: int) -> None:
    row = _row(description="refund", credit="0", debit=written, GROSS_AMOUNT=written, SOURCE_ID="1", CURRENCY=currency)
    _, (line,) = read(_text([row]))
    assert line["amount"] == units


@pytest.mark.parametrize(
    ("currency", "written"),
    [("COP", "15.990"), ("BRL", "1.000"), ("BRL", "1.234.567"), ("CLP", "15.9"), ("CLP", "0.990"), ("CLP", "15.99"),
     ("BRL", "1,50"), ("BRL", "1e3"), ("BRL", "1.999")],
)  # fmt: skip
def test_a_number_that_may_be_two_is_refused_with_its_place(read: Read, currency: str, written: str) -> None:
    quoted = f'"{written}"'
    row = _row(description="refund", debit=quoted, GROSS_AMOUNT=quoted, SOURCE_ID="1", CURRENCY=currency)
    with pytest.raises(BadReport) as refused:
        read(_text([row]))
    assert refused.value.line == 2
    assert refused.value.column in ("NET_CREDIT_AMOUNT", "NET_DEBIT_AMOUNT")


# JSON cells


@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize(
    "cell",
    [
        '"{"order":"1, 2; 3","list":[{"a":"b"},{"c":1}]}"',
        '{"order":"1, 2; 3","list":[{"a":"b"},{"c":1}]}',
        '"[{"a":"x"},{"b":"y"}]"',
        '"{""order"":""1, 2; 3""}"',
        '"[]"',
        "{}",
    ],
)
def test_json_whose_quotes_are_not_doubled_is_one_cell(read: Read, separator: str, cell: str) -> None:
    rows = [{**row, "METADATA": cell} for row in ROWS]
    report, lines = read(_text(rows, separator=separator))
    assert [line["amount"] for line in lines] == [10_000, 4_000]
    assert report.completeness


def test_json_that_does_not_end_is_refused_with_its_line(read: Read) -> None:
    rows = [*ROWS[:2], {**ROWS[2], "METADATA": '"{"order":"1, 2'}, *ROWS[3:]]
    with pytest.raises(BadReport, match="line 4"):
        read(_text(rows, separator=","))


# What cannot be used


def _without(column: str) -> str:
    return _text(columns=[name for name in RELEASE if name != column])


def _with(number: int, **changed: str) -> str:
    return _text([{**row, **changed} if place == number else row for place, row in enumerate(ROWS)])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"PK\x03\x04and so on", "XLSX"),
        (_text(ROWS[1:3])[:-2], "cut"),
        (_text(ROWS[:3]), "cut"),
        (_text(ROWS[:1]), "cut"),
        (_text(ROWS[:2] + ROWS[3:]), "the rows give BRL 99.01 and BRL 0.00, or a closing balance of BRL 199.01"),
        (_text(ROWS[:1] + ROWS), "opens twice"),
        (_without("GROSS_AMOUNT"), "column GROSS_AMOUNT: the column is missing"),
        (_text(columns=[*RELEASE, "SOURCE_ID"]), "there twice"),
        (_with(2, CURRENCY="reais"), "line 4, column CURRENCY"),
        (_text().replace("BRL;;\r\n", "BRL;\r\n"), "fields"),
        (_text().replace("BRL;;\r\n", "BRL;;;;\r\n"), "fields"),
        (_text().encode("utf-16"), "fetch it again"),
        (_text([{**ROWS[0], "EXTERNAL_REFERENCE": "São"}]).encode("latin-1"), "line 2: the line is not UTF-8"),
        (_with(2, NET_DEBIT_AMOUNT="40.001"), "the rows give BRL 99.01 and BRL 0.00"),
        (_with(2, NET_DEBIT_AMOUNT="-40.00"), "the rows give BRL 99.01 and BRL -40.00"),
        (_text([{**ROWS[2], "DATE": "23/11/2026"}] * 2), "line 2, column DATE"),
        (_with(2, METADATA='"a"b'), "line 4"),
    ],
)  # fmt: skip
def test_a_report_that_cannot_be_used_says_where_and_why(read: Read, content: str | bytes, said: str) -> None:
    with pytest.raises(BadReport, match=said.replace(".", r"\.")):
        read(content)


@pytest.mark.parametrize("written", ["2026-11-23T10:00:00.000", "2026-13-23T10:00:00.000Z", "23/11/2026"])
def test_a_row_with_a_date_that_is_none_is_other_and_counts_in_the_total(read: Read, written: str) -> None:
    report, lines = read(_with(2, DATE=written))
    words = "refund with an unusable DATE"
    assert [(line["type"], line["kind"]) for line in lines] == [("CAPTURE", "payment"), ("OTHER", words)]
    assert (list(report.unknown), report.completeness is not None) == ([Unknown(words, 1, 4)], True)


def test_a_row_with_an_amount_that_is_none_is_other_where_no_total_contradicts(read: Read) -> None:
    odd = [{**ROWS[2], "NET_DEBIT_AMOUNT": cell} for cell in ("40.001", "-40.00")]
    report, lines = read(_text([ROWS[1], ROWS[1], *odd]))
    assert [(line["type"], line["kind"]) for line in lines[2:]] == [
        ("OTHER", "refund with an unusable NET_DEBIT_AMOUNT"),
        ("OTHER", "refund with a NET_DEBIT_AMOUNT below zero"),
    ]
    assert report.completeness is None
    grossless = _with(2, GROSS_AMOUNT="-4e1")
    assert [line["type"] for line in read(grossless)[1]] == ["CAPTURE", "OTHER"]
    assert read(grossless)[0].completeness is not None, "What it gives and takes is read and added up."
    with pytest.raises(BadReport, match="it was cut"):
        read(_text([*ROWS, odd[0]]))


def test_a_last_line_break_may_be_missing_where_the_total_proves_the_file(read: Read) -> None:
    assert read(_text()[:-2])[0].completeness is not None


def test_a_report_without_its_controls_is_read_and_unproven(read: Read) -> None:
    assert read(_text(ROWS[1:3]))[0].completeness is None
    # A balance is told before each withdrawal too: it does not prove that the file ends there.
    assert read(_text([*ROWS[:3], ROWS[4]]))[0].completeness is None
    assert read(_text(ROWS[:0]))[1] == []


# Many rows

_ROWS = 300_000  # as objects of Python they would take 500 MB
_MANY = """
import resource, sys
from pathlib import Path
from tests.domain.pse.mercadopago.test_lines import DAY, PSE
from domain.pse.reporting import ReportFile
import polars as pl

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

before = peak()
report = PSE.read_report(ReportFile("release.csv", "text/csv", Path(sys.argv[1])), DAY)
grown = peak() - before
rows = report.lines.select(pl.len()).collect(engine="streaming").item()
print(rows, report.completeness is not None, grown)
"""


def test_many_rows_are_read_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "release.csv"
    with path.open("w", newline="") as file:
        file.write(_text(ROWS[:1], RELEASE))
        for number in range(_ROWS):
            side = "1.00;0.00;1.00" if number % 2 == 0 else "0.00;1.00;-1.00"
            kind = "payment" if number % 2 == 0 else "refund"
            balance = "101.00" if number % 2 == 0 else "100.00"
            at = f"2026-11-23T10:{number // 60_000 % 60:02}:{number // 1000 % 60:02}.{number % 1000:03}-04:00"
            file.write(f"{at};{90_000_000_000 + number // 2};;release;{kind};{side};BRL;{{}};{balance}\r\n")
        last = [
            _row("total", credit=f"{_ROWS // 2}.00", debit=f"{_ROWS // 2}.00"),
            _row("available_balance", credit="100.00"),
        ]
        file.write(_text(last).partition("\r\n")[2])
    done = subprocess.run([sys.executable, "-c", _MANY, str(path)], capture_output=True, text=True, check=True)
    rows, proven, grown = done.stdout.split()
    assert (rows, proven) == (str(_ROWS), "True")
    assert int(grown) < 200, f"Reading the report took {grown} MB."
