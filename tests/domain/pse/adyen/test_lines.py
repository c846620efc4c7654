"""Adyen's settlement details report: how a row is read, what proves a batch whole, what makes a file unusable."""

import csv
import io
import random
import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.pse.adyen.connector import Adyen
from domain.pse.reporting import REPORT_SCHEMA, BadReport, ReadReport, ReportFile
from domain.pse.vocabulary import Period

ADYEN = Adyen()
ACCOUNT, OURS = "LojaBR", "abcdefghij0123456789"
REPORTS = f"https://ca-test.adyen.com/reports/download/MerchantAccount/{ACCOUNT}"
HEADER = (
    "Company Account,Merchant Account,Psp Reference,Merchant Reference,Payment Method,Creation Date,TimeZone,Type,"
    "Modification Reference,Gross Currency,Gross Debit (GC),Gross Credit (GC),Exchange Rate,Net Currency,"
    "Net Debit (NC),Net Credit (NC),Commission (NC),Markup (NC),Scheme Fees (NC),Interchange (NC),"
    "Payment Method Variant,Modification Merchant Reference,Batch Number"
)
COLUMNS = HEADER.split(",")


def a_period(**more: Any) -> Period:
    facts = {"zone": "America/Sao_Paulo", "client_id": ACCOUNT, "report_url": REPORTS, **more}
    start, end = datetime(2026, 3, 6, 3, tzinfo=UTC), datetime(2026, 3, 7, 3, tzinfo=UTC)
    return Period("https://checkout-test.adyen.com/v72", start, end, **facts)


def a_row(kind: str, **more: str) -> dict[str, str]:
    row = {
        "Company Account": "Loja",
        "Merchant Account": ACCOUNT,
        "Psp Reference": "PAYMENTREFERENCE",
        "Merchant Reference": "order-1",
        "Creation Date": "2026-03-05 23:30:00",
        "TimeZone": "BRT",
        "Type": kind,
        "Modification Reference": "REFUNDREFERENCE1",
        "Gross Currency": "BRL",
        "Net Currency": "BRL",
        "Batch Number": "42",
    }
    return {**row, **more}


def debit(kind: str, gross: str, net: str | None = None, **more: str) -> dict[str, str]:
    return a_row(kind, **{"Gross Debit (GC)": gross, "Net Debit (NC)": net or gross}, **more)


def credit(kind: str, gross: str, net: str | None = None, **more: str) -> dict[str, str]:
    return a_row(kind, **{"Gross Credit (GC)": gross, "Net Credit (NC)": net or gross}, **more)


def booked(kind: str, amount: str, **more: str) -> dict[str, str]:
    """A row without a payment: it has a net debit alone."""
    none = {"Psp Reference": "", "Merchant Reference": "", "Modification Reference": "TX1 batch 42, LojaBR"}
    return a_row(kind, **none, **{"Net Debit (NC)": amount}, **more)


BATCH = [
    credit("Settled", "100.00", "99.00", **{"Commission (NC)": "1.00", "Modification Reference": "PAYMENTREFERENCE"}),
    debit("Refunded", "40.00", "40.10", **{"Markup (NC)": "0.10", "Modification Merchant Reference": OURS}),
    credit("RefundedReversed", "40.00", **{"Modification Merchant Reference": OURS}),
    booked("Fee", "1.80"),
    booked("MerchantPayout", "97.10"),
]


def written(rows: Sequence[dict[str, str]], columns: Sequence[str] = COLUMNS, end: str = "\n") -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator=end)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def read(content: bytes, **more: Any) -> tuple[list[dict[str, Any]], str | None]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report"
        path.write_bytes(content)
        report: ReadReport = ADYEN.read_report(ReportFile("batch_42.csv", "text/csv", path), a_period(**more))
        frame = report.lines.collect()
    assert frame.schema == dict(REPORT_SCHEMA)
    return frame.to_dicts(), report.completeness


def line_of(row: dict[str, str], **more: Any) -> dict[str, Any]:
    return read(written([row]), **more)[0][0]


# Lines


def test_a_closed_batch_is_read_and_its_totals_prove_it_whole() -> None:
    lines, completeness = read(written(BATCH))
    assert [(line["line"], line["type"], line["state"], line["amount"]) for line in lines] == [
        (2, "CAPTURE", "SUCCEEDED", 10_000),
        (3, "REFUND", "SUCCEEDED", 4_000),
        (4, "REFUND", "RETURNED", 4_000),
        (5, "FEE", "SUCCEEDED", 180),
        (6, "PAYOUT", "SUCCEEDED", 9_710),
    ]
    assert completeness is not None
    assert "MerchantPayout" in completeness


def test_a_refund_names_its_payment_itself_and_our_reference() -> None:
    line = line_of(BATCH[1])
    assert (line["payment_reference"], line["pse_refund_reference"], line["reference"], line["order_reference"]) == (
        "PAYMENTREFERENCE",
        "REFUNDREFERENCE1",
        OURS,
        "order-1",
    )
    assert (line["kind"], line["payout_reference"], line["by_bank"]) == ("Refunded", "batch 42", False)


def test_a_reference_that_is_not_one_of_ours_names_no_refund() -> None:
    line = line_of(debit("Refunded", "40.00", **{"Modification Merchant Reference": "order-1"}))
    assert (line["reference"], line["pse_refund_reference"]) == (None, "REFUNDREFERENCE1")


def test_what_a_row_did_to_the_balance_is_signed_and_adds_up() -> None:
    settled = [
        (line["settled_gross"], line["settled_fee"], line["settled_net"], line["settled_currency"])
        for line in read(written(BATCH))[0]
    ]
    assert settled == [
        (Decimal(100), Decimal(-1), Decimal(99), "BRL"),
        (Decimal(-40), Decimal("-0.10"), Decimal("-40.10"), "BRL"),
        (Decimal(40), Decimal(0), Decimal(40), "BRL"),
        (Decimal(0), Decimal("-1.80"), Decimal("-1.80"), "BRL"),
        (Decimal("-97.10"), Decimal(0), Decimal("-97.10"), "BRL"),
    ]


def test_fees_above_the_gross_leave_a_net_debit_of_a_capture() -> None:
    row = a_row("Settled", **{"Gross Credit (GC)": "0.10", "Net Debit (NC)": "0.40"})
    line = line_of(row)
    assert (line["type"], line["settled_gross"], line["settled_fee"]) == ("CAPTURE", Decimal("0.1"), Decimal("-0.5"))


def test_a_payment_in_another_currency_than_the_payout_keeps_both() -> None:
    other = {"Gross Currency": "USD", "Commission (NC)": "0.50", "Scheme Fees (NC)": "0.25", "Exchange Rate": "5.1"}
    line = line_of(credit("Settled", "10.00", "50.25", **other))
    assert (line["amount"], line["currency"]) == (1_000, "USD")
    assert (line["settled_gross"], line["settled_fee"], line["settled_currency"]) == (
        Decimal(51),
        Decimal("-0.75"),
        "BRL",
    )


def test_pesos_of_chile_are_written_with_two_decimals_and_counted_without() -> None:
    line = line_of(debit("Refunded", "5990.00", **{"Gross Currency": "CLP", "Net Currency": "CLP"}))
    assert (line["amount"], line["currency"], line["settled_net"]) == (5_990, "CLP", Decimal(-5_990))


def test_centavos_of_chile_that_adyen_books_itself_stay_in_what_was_settled() -> None:
    pesos = {"Gross Currency": "CLP", "Net Currency": "CLP"}
    for text, amount in (("0.10", 0), ("15830.90", 15_830), ("15830.00", 15_830)):
        line = line_of(booked("Fee", text, **pesos))
        assert (line["amount"], line["settled_net"]) == (amount, -Decimal(text))


def test_the_largest_amount_is_exact() -> None:
    assert line_of(debit("Refunded", "92233720368547758.07"))["amount"] == 2**63 - 1


@pytest.mark.parametrize(
    ("kind", "type_"),
    [
        ("Chargeback", "CHARGEBACK"),
        ("SecondChargeback", "CHARGEBACK"),
        ("MiscCosts", "FEE"),
        ("PaymentCost", "FEE"),
        ("InvoiceDeduction", "FEE"),
        ("SettleCost", "FEE"),
        ("AuthorisationSchemeFee", "FEE"),
        ("InternalCompanyPayout", "PAYOUT"),
        ("DepositCorrection", "CORRECTION"),
        ("MatchedStatement", "ADJUSTMENT"),
        ("ManualCorrected", "CORRECTION"),
        ("BankInstructionReturned", "PAYOUT"),
        ("EpaPaid", "ADJUSTMENT"),
        ("Balancetransfer", "TRANSFER"),
        ("ReserveAdjustment", "RESERVE"),
        ("PaidOut", "ADJUSTMENT"),
        ("PaidOutReversed", "ADJUSTMENT"),
        ("TypeOfTomorrow", "OTHER"),
    ],
)
def test_every_type_is_kept(kind: str, type_: str) -> None:
    line = line_of(debit(kind, "1.00"))
    assert (line["type"], line["state"], line["kind"], line["amount"]) == (type_, "SUCCEEDED", kind, 100)
    assert line["pse_refund_reference"] is None
    back = line_of(credit("ChargebackReversed", "1.00"))
    assert (back["type"], back["reference"][-20:]) == ("CHARGEBACK_REVERSED", "/CHARGEBACK_REVERSED")


@pytest.mark.parametrize(
    "row", [debit("Settled", "5.00"), credit("Refunded", "5.00"), debit("RefundedReversed", "5.00")]
)
def test_money_that_went_the_other_way_than_its_type_says_proves_nothing(row: dict[str, str]) -> None:
    line = line_of(row)
    sign = 1 if row.get("Gross Credit (GC)") else -1
    words = f"{row['Type']} with a gross {'credit' if sign > 0 else 'debit'}"
    assert (line["type"], line["kind"], line["settled_net"]) == ("OTHER", words, Decimal(5 * sign))
    assert line["pse_refund_reference"] is None


# Times


@pytest.mark.parametrize(
    ("zone", "hour"),
    [("UTC", 23), ("CET", 22), ("CEST", 21), ("BRT", 26), ("ART", 26), ("COT", 28), ("PST", 31), ("PDT", 30)],
)
def test_a_time_is_read_in_its_own_zone(zone: str, hour: int) -> None:
    line = line_of(debit("Refunded", "1.00", TimeZone=zone))
    assert line["booked_at"] == datetime(2026, 3, 5 + hour // 24, hour % 24, 30, tzinfo=UTC)


def test_the_business_date_is_the_merchants() -> None:
    assert line_of(debit("Refunded", "1.00"))["business_date"] == date(2026, 3, 5)
    assert line_of(debit("Refunded", "1.00", TimeZone="PST"))["business_date"] == date(2026, 3, 6)


def test_an_abbreviation_of_many_zones_is_read_as_the_merchants_own_and_never_guessed() -> None:
    row = debit("Refunded", "1.00", TimeZone="CST")
    assert line_of(row, zone="America/Mexico_City")["booked_at"] == datetime(2026, 3, 6, 5, 30, tzinfo=UTC)
    assert line_of(row, zone="Asia/Shanghai")["booked_at"] == datetime(2026, 3, 5, 15, 30, tzinfo=UTC)
    with pytest.raises(BadReport, match="does not name one time zone"):
        line_of(row)


# Totals


def test_a_batch_that_does_not_add_up_says_both_numbers() -> None:
    with pytest.raises(BadReport, match=r"batch 42 has BRL 139\.00 of net credit and 98\.90 of net debit"):
        read(written([row for row in BATCH if row["Type"] != "Refunded"]))


def test_each_currency_of_a_batch_adds_up_by_itself() -> None:
    dollars = {"Gross Currency": "USD", "Net Currency": "USD"}
    paid = [credit("Settled", "10.00", **dollars), booked("MerchantPayout", "10.00", **dollars)]
    assert read(written([*BATCH, *paid]))[1] is not None
    with pytest.raises(BadReport, match=r"USD 10\.00 of net credit and 9\.00"):
        read(written([*BATCH, paid[0], {**paid[1], "Net Debit (NC)": "9.00"}]))


def test_a_batch_that_was_not_paid_out_is_unproven() -> None:
    assert read(written(BATCH[:-1]))[1] is None
    dollars = {"Gross Currency": "USD", "Net Currency": "USD"}
    assert read(written([*BATCH, credit("Settled", "10.00", **dollars)]))[1] is None


def test_a_report_without_rows_proves_nothing() -> None:
    assert read(written([])) == ([], None)


# Files


def test_columns_may_stand_in_any_order_and_new_ones_may_come() -> None:
    shuffled = [*COLUMNS, "Booking Date", "Metadata", "Balance Currency"]
    random.Random(7).shuffle(shuffled)
    rows = [{**row, "Metadata": '{"a": "b, c"}'} for row in BATCH]
    assert read(written(rows, shuffled)) == read(written(BATCH))


def test_a_byte_order_mark_and_windows_line_ends_change_nothing() -> None:
    assert read(b"\xef\xbb\xbf" + written(BATCH, end="\r\n")) == read(written(BATCH))


@pytest.mark.parametrize("column", sorted(set(COLUMNS) - {"Company Account", "Payment Method", "Exchange Rate"}))
def test_a_missing_column_is_named(column: str) -> None:
    if column == "Payment Method Variant":
        assert read(written(BATCH, [name for name in COLUMNS if name != column])) == read(written(BATCH))
        return
    rows = [{name: cell for name, cell in row.items() if name != column} for row in BATCH]
    with pytest.raises(BadReport, match="column is missing") as refused:
        read(written(rows, [name for name in COLUMNS if name != column]))
    assert (refused.value.line, refused.value.column) == (1, column)


WHOLE = written(BATCH)


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        (b"", None, "empty"),
        (WHOLE[:-5], 6, "21 fields"),
        (written(BATCH[:2])[:-1], None, "cut"),
        (WHOLE.replace(b"order-1,", b"", 1), 2, "22 fields"),
        (WHOLE.replace(b"order-1,", b"order-1,,", 1), 2, "24 fields"),
        (WHOLE.replace(b"order-1", "pedido-é".encode("latin-1"), 1), 2, "not UTF-8"),
        (WHOLE.replace(b",", b";"), 1, "column is missing"),
    ],
)
def test_a_broken_file_says_where(content: bytes, line: int | None, said: str) -> None:
    with pytest.raises(BadReport, match=said) as refused:
        read(content)
    assert refused.value.line == line


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        ("Gross Debit (GC)", "40,00", "not a decimal"),
        ("Gross Debit (GC)", "9" * 20, "larger than any"),
        ("Net Debit (NC)", "1e3", "not a decimal"),
        ("Net Debit (NC)", "1.000.000,00", "not a decimal"),
        ("Markup (NC)", "x", "not a decimal"),
        ("Creation Date", "2026-02-30 10:00:00", "not a time"),
        ("Creation Date", "2026-03-05", "not a time"),
        ("Creation Date", "0001-01-01 00:00:00", "not a time"),
        ("Creation Date", "05/03/2026 10:00:00", "not a time"),
        ("TimeZone", "", "time zone"),
        ("TimeZone", "XYZ", "time zone"),
        ("Gross Currency", "reais", "not a currency"),
        ("Gross Currency", "", "not a currency"),
    ],
)
def test_a_row_with_a_cell_that_cannot_be_used_is_other_and_most_such_rows_are_refused(
    column: str, cell: str, said: str
) -> None:
    odd = {**BATCH[1], column: cell}
    (_, line), proof = read(written([BATCH[0], odd]))
    words = f"Refunded with an unusable {column}"
    assert (line["type"], line["kind"], line["pse_refund_reference"], proof) == ("OTHER", words, None, None)
    with pytest.raises(BadReport, match=said) as refused:
        read(written([BATCH[0], odd, odd]))
    assert (refused.value.line, refused.value.column) == (3, column)


def test_a_row_that_cannot_be_added_up_leaves_its_closed_batch_refused_and_one_without_a_date_does_not() -> None:
    for column, cell in (("Net Debit (NC)", "40,00"), ("Net Debit (NC)", "1.0.0")):
        with pytest.raises(BadReport, match="must be equal"):
            read(written([BATCH[0], {**BATCH[1], column: cell}, *BATCH[2:]]))
    nameless = {**BATCH[1], "Gross Currency": ""}
    assert read(written([BATCH[0], nameless, *BATCH[2:]]))[1] is not None
    dollars = credit("Settled", "1e3", **{"Gross Currency": "USD", "Net Currency": "USD"})
    assert read(written([*BATCH, dollars]))[1] is None
    lines, proof = read(written([*BATCH[:-1], BATCH[-1] | {"Creation Date": "", "TimeZone": ""}]))
    assert (lines[-1]["type"], proof is not None) == ("OTHER", True)


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        ("Net Currency", "", "not a currency"),
        ("Batch Number", "", "not a number"),
        ("Merchant Account", "OtherAccount", "OtherAccount"),
    ],
)
def test_a_cell_that_cannot_be_used_is_named_with_its_line(column: str, cell: str, said: str) -> None:
    with pytest.raises(BadReport, match=said) as refused:
        read(written([BATCH[0], {**BATCH[1], column: cell}]))
    assert refused.value.line == 3
    assert refused.value.column == column
    assert "batch_42.csv, line 3" in str(refused.value)
