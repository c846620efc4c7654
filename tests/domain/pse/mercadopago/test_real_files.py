"""Reports of Mercado Pago as accounts really get them, which is not as the documents have them."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.pse.reporting import REPORT_SCHEMA, BadReport, ReadReport, ReportFile, Unknown
from tests.domain.pse.mercadopago.test_configuration import DEFAULT
from tests.domain.pse.mercadopago.test_lines import DAY, PSE

# As an Argentinian account has configured it.
FULL = (
    "DATE", "SOURCE_ID", "EXTERNAL_REFERENCE", "RECORD_TYPE", "DESCRIPTION", "NET_CREDIT_AMOUNT", "NET_DEBIT_AMOUNT",
    "GROSS_AMOUNT", "MP_FEE_AMOUNT", "FINANCING_FEE_AMOUNT", "SHIPPING_FEE_AMOUNT", "TAXES_AMOUNT", "COUPON_AMOUNT",
    "INSTALLMENTS", "PAYMENT_METHOD", "TAX_DETAIL", "TRANSACTION_APPROVAL_DATE", "CURRENCY", "TAXES_DISAGGREGATED",
    "ORDER_ID", "METADATA", "BALANCE_AMOUNT", "PAYMENT_METHOD_TYPE",
)  # fmt: skip
Row = dict[str, str]
OURS = "k3v9x2m7q1w8e5r4t6y0"


def moved(said: str, net: str, gross: str | None = None, source: str = "71000000001", **more: str) -> Row:
    """A movement of `net` (signed)."""
    debit = net.startswith("-")
    sides = {
        "NET_CREDIT_AMOUNT": "0.00" if debit else net,
        "NET_DEBIT_AMOUNT": net.removeprefix("-") if debit else "0.00",
    }
    named = {"DATE": "2026-11-23T11:20:30.000-03:00", "SOURCE_ID": source, "DESCRIPTION": said, "CURRENCY": "BRL"}
    return {**named, **sides, "RECORD_TYPE": "release", "GROSS_AMOUNT": net if gross is None else gross, **more}


def opening(balance: str, **more: str) -> Row:
    amounts = dict.fromkeys(("NET_CREDIT_AMOUNT", "GROSS_AMOUNT", "BALANCE_AMOUNT"), balance)
    told = {"DATE": "2026-11-23T00:00:00.000-03:00", "RECORD_TYPE": "initial_available_balance", "INSTALLMENTS": "1"}
    return {**told, "NET_DEBIT_AMOUNT": "0.00", **amounts, **more}


def total(credit: str, debit: str = "0.00", **more: str) -> Row:
    return {
        "RECORD_TYPE": "total",
        "NET_CREDIT_AMOUNT": credit,
        "NET_DEBIT_AMOUNT": debit,
        "BALANCE_AMOUNT": "0.00",
        **more,
    }


SALE = moved("payment", "99.01", "100.00", BALANCE_AMOUNT="149.01")
REFUND = moved("refund", "-40.00", BALANCE_AMOUNT="109.01")
DAYS = (opening("50.00"), SALE, REFUND, total("109.01"))


def written(rows: Sequence[Mapping[str, str]], columns: Sequence[str] = FULL, end: str = "\r\n") -> str:
    lines = [";".join(columns), *(";".join(row.get(name, "") for name in columns) for row in rows)]
    return end.join(lines) + end


def read(
    content: str, content_type: str = "text/csv", known: str | None = "BRL"
) -> tuple[ReadReport, list[dict[str, Any]]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report"
        path.write_text(content, newline="")
        report = PSE.read_report(ReportFile("release.csv", content_type, path), replace(DAY, currency=known))
        frame = report.lines.collect()
    assert frame.schema == dict(REPORT_SCHEMA)
    return report, frame.to_dicts()


def line_of(row: Row, content_type: str = "text/csv") -> tuple[dict[str, Any], Sequence[Unknown]]:
    report, (line,) = read(written([row]), content_type)
    return line, report.unknown


# Layouts


@pytest.mark.parametrize("columns", [DEFAULT, FULL, [name for name in FULL if name != "CURRENCY"]])
@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_day_is_read_and_proven_in_every_layout_that_was_seen(columns: Sequence[str], end: str, mark: str) -> None:
    report, (sale, refund) = read(mark + written(DAYS, columns, end))
    assert report.completeness == ("The row total is the closing balance: the opening one and all credits and debits.")
    assert (report.contradicted, report.unknown) == (None, [])
    assert [(line["type"], line["amount"], line["currency"]) for line in (sale, refund)] == [
        ("CAPTURE", 10_000, "BRL"),
        ("REFUND", 4_000, "BRL"),
    ]
    assert (sale["settled_fee"], refund["payment_reference"]) == (Decimal("-0.99"), "71000000001")


@pytest.mark.parametrize(
    ("known", "content_type", "currency"),
    [
        ("ARS", "text/csv", "ARS"),
        (None, "text/csv; currency=COP", "COP"),
        ("BRL", "text/csv; currency=UYU; refunds=detailed", "UYU"),
        ("BRL", "text/csv; currency=XTS", "BRL"),
    ],
)
def test_without_its_column_the_currency_is_the_accounts(known: str | None, content_type: str, currency: str) -> None:
    _, (sale, _) = read(written(DAYS, DEFAULT), content_type, known)
    assert (sale["currency"], sale["settled_currency"]) == (currency, currency)


def test_a_currency_that_nothing_tells_is_not_guessed() -> None:
    with pytest.raises(BadReport, match="add the column CURRENCY"):
        read(written(DAYS, DEFAULT), known=None)


def test_the_files_own_currency_is_stronger_than_the_accounts() -> None:
    rows = [{**row, "CURRENCY": "ARS"} if row.get("CURRENCY") else row for row in DAYS]
    assert read(written(rows))[1][0]["currency"] == "ARS"


@pytest.mark.parametrize(("known", "rows"), [("BRL", 1), (None, 2)])
def test_rows_of_another_currency_at_the_beginning_hold_up_none_of_the_accounts_own(
    known: str | None, rows: int
) -> None:
    """Where nothing but the file tells the account's currency, it is that of most of the rows."""
    others = [moved("payment", "7.00", CURRENCY="USD")]
    report, lines = read(
        written([DAYS[0], *others, *[SALE, REFUND][:rows], total("149.01" if rows == 1 else "109.01")]), known=known
    )
    assert [(line["type"], line["currency"]) for line in lines[1:]] == [("CAPTURE", "BRL"), ("REFUND", "BRL")][:rows]
    assert report.completeness is not None


@pytest.mark.parametrize("zone", ["-03:00", "-04:00"])
def test_a_date_is_read_in_the_zone_that_it_names(zone: str) -> None:
    line, _ = line_of({**SALE, "DATE": f"2026-11-23T23:30:00.000{zone}"})
    assert line["booked_at"] == datetime.fromisoformat(f"2026-11-23T23:30:00{zone}")


# Opening and total


@pytest.mark.parametrize(
    ("last", "proof"),
    [
        (total("109.01"), "closing balance"),
        (total("99.01", "40.00"), "sum of all credits and debits"),
        (total("59.01"), "difference of all credits and debits"),
        (total("109.01", RECORD_TYPE=""), "closing balance"),
    ],
)
def test_the_total_may_be_written_in_three_ways_and_the_proof_says_which(last: Row, proof: str) -> None:
    report, lines = read(written([*DAYS[:3], last]))
    assert proof in str(report.completeness)
    assert len(lines) == 2


@pytest.mark.parametrize("last", [total("109.02"), total("99.01", "40.01"), total("99.01", "50.00")])
def test_a_total_that_the_rows_contradict_refuses_the_file(last: Row) -> None:
    with pytest.raises(BadReport, match="closing balance of BRL 109.01"):
        read(written([*DAYS[:3], last]))


def test_a_debt_is_a_closing_balance_too() -> None:
    rows = [opening("0.00"), moved("chargeback", "-7.00", BALANCE_AMOUNT="-7.00"), total("0.00", "7.00")]
    assert "total" in str(read(written(rows))[0].completeness)


def test_a_default_layout_without_its_last_row_was_cut() -> None:
    with pytest.raises(BadReport, match="it was cut"):
        read(written(DAYS[:3], DEFAULT))


@pytest.mark.parametrize("changed", [{"BALANCE_AMOUNT": "149.02"}])
def test_a_balance_that_does_not_agree_is_said_and_the_rows_are_used(changed: Row) -> None:
    report, lines = read(written([DAYS[0], {**SALE, **changed}, *DAYS[2:]]))
    assert report.contradicted == "In line 3, BALANCE_AMOUNT says BRL 149.02, and the rows above give BRL 149.01."
    assert (len(lines), report.completeness is not None) == (2, True)


def test_an_available_balance_that_does_not_agree_is_said() -> None:
    last = {"RECORD_TYPE": "available_balance", "NET_CREDIT_AMOUNT": "109.02"}
    report, _ = read(written([*DAYS, last]))
    assert report.contradicted == "In line 6, available_balance says BRL 109.02, and the rows above give BRL 109.01."
    assert "available_balance" not in str(report.completeness)


def test_a_balance_in_the_middle_of_the_default_layout_is_no_movement() -> None:
    told = opening("149.01", DATE="2026-11-23T12:00:00.000-03:00")
    report, lines = read(written([*DAYS[:2], told, *DAYS[2:]], DEFAULT))
    assert ([line["type"] for line in lines], report.unknown) == (["CAPTURE", "REFUND"], [])


# Money that is not a sale


def test_a_purchase_of_the_account_and_what_comes_back_of_it_are_nobodys_refund() -> None:
    bought, back = moved("payment", "-30.00", source="8"), moved("refund", "30.00", source="8")
    report, lines = read(written([opening("50.00"), bought, back, total("50.00")]))
    assert [(line["type"], line["kind"], line["payment_reference"]) for line in lines] == [
        ("ADJUSTMENT", "payment", None),
        ("ADJUSTMENT", "refund", None),
    ]
    assert [line["settled_net"] for line in lines] == [Decimal(-30), Decimal(30)]
    assert report.unknown == []


def test_a_refund_with_a_credit_whose_purchase_is_not_in_the_file_came_back_if_the_books_know_its_payment() -> None:
    line, unknown = line_of(moved("refund", "30.00"))
    assert (line["type"], line["state"], unknown) == ("REFUND", "RETURNED", [])


def test_fees_above_the_gross_leave_a_debit_of_a_sale() -> None:
    line, _ = line_of(moved("payment", "-0.10", "0.50"))
    assert (line["type"], line["amount"], line["settled_fee"]) == ("CAPTURE", 50, Decimal("-0.60"))


def test_reserves_come_in_pairs_that_cancel() -> None:
    rows = [moved(f"reserve_for_{what}", f"{sign}30.00") for what in ("payout", "payment") for sign in ("-", "")]
    report, lines = read(written([opening("50.00"), *rows, total("50.00")]))
    assert {line["type"] for line in lines} == {"RESERVE"}
    assert sum(line["settled_net"] for line in lines) == 0
    assert (report.unknown, report.completeness is not None) == ([], True)


def test_a_payout_in_cash_has_a_fee() -> None:
    line, _ = line_of(moved("payouts_cash", "-401599.00", "-400000.00", MP_FEE_AMOUNT="-1599.00"))
    assert (line["type"], line["amount"], line["payout_reference"]) == ("PAYOUT", 40_000_000, "71000000001")
    assert (line["settled_fee"], line["settled_net"]) == (Decimal(-1599), Decimal(-401_599))


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("payout", "PAYOUT"), ("withdrawal", "PAYOUT"), ("tax_withholding", "FEE"), ("tax_payment_iibb", "FEE"),
        ("fee_release_in_advance", "FEE"), ("shipping", "FEE"), ("chargeback", "CHARGEBACK"), ("dispute", "RESERVE"),
        ("mediation", "RESERVE"), ("asset_management", "ADJUSTMENT"),
    ],
)  # fmt: skip
def test_the_words_that_were_seen_are_understood(said: str, kind: str) -> None:
    line, unknown = line_of(moved(said, "-7.00"))
    assert (line["type"], line["kind"], unknown) == (kind, said, [])


def test_a_sale_carries_its_fees_and_its_withheld_taxes() -> None:
    json_cell = '"[{""detail"":""tax_withholding_sirtac"",""amount"":-3932.55,""financial_entity"":""sirtac""}]"'
    fees = {"MP_FEE_AMOUNT": "-9975.57", "FINANCING_FEE_AMOUNT": "-16638.49", "TAXES_AMOUNT": "-3932.55"}
    line, _ = line_of(moved("payment", "100538.42", "131085.03", **fees, TAXES_DISAGGREGATED=json_cell))
    assert (line["amount"], line["settled_net"]) == (13_108_503, Decimal("100538.42"))
    assert (line["settled_fee"], line["settled_withheld"]) == (Decimal("-26614.06"), Decimal("-3932.55"))
    taxes, _ = line_of(moved("tax_withholding", "-7.00"))
    assert (taxes["settled_fee"], taxes["settled_withheld"], taxes["settled_net"]) == (0, -7, -7)


# What nobody knows


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"DESCRIPTION": "word_of_tomorrow"}, "word_of_tomorrow"),
        ({"DESCRIPTION": "taxi_ride"}, "taxi_ride"),
        ({"DESCRIPTION": "feedback"}, "feedback"),
        ({"DESCRIPTION": ""}, "a row without words"),
        ({"DESCRIPTION": "payment", "SOURCE_ID": ""}, "payment without SOURCE_ID"),
        ({"DESCRIPTION": "payment", "SOURCE_ID": "1" * 101}, "payment without SOURCE_ID"),
        ({"DESCRIPTION": "payment", "GROSS_AMOUNT": ""}, "payment without GROSS_AMOUNT"),
        ({"DESCRIPTION": "payment", "DATE": ""}, "payment without DATE"),
        ({"RECORD_TYPE": "subtotal", "DESCRIPTION": "payment"}, "subtotal payment"),
        ({"DESCRIPTION": "payment", "CURRENCY": "JPY"}, "payment JPY"),
        ({"DESCRIPTION": "payment", "CURRENCY": "USD"}, "payment USD"),
    ],
)
def test_a_row_that_nobody_understands_is_kept_with_its_words_and_counted(changed: Row, words: str) -> None:
    report, lines = read(written([SALE, moved("", "5.00", **{"GROSS_AMOUNT": "5.00", **changed}), SALE]))
    assert [line["type"] for line in lines] == ["CAPTURE", "OTHER", "CAPTURE"]
    assert (lines[1]["kind"], lines[1]["settled_net"]) == (words, Decimal(5))
    assert lines[1]["payment_reference"] is None
    assert report.unknown == [Unknown(words, 1, 3)]


def test_a_row_of_another_currency_carries_its_money_beside_and_counts_for_nothing() -> None:
    rows = [*DAYS[:2], moved("payment", "5000.123", CURRENCY="JPY"), *DAYS[2:]]
    report, lines = read(written(rows))
    assert (lines[1]["amount"], lines[1]["currency"]) == (0, "BRL")
    assert (lines[1]["settled_net"], lines[1]["settled_currency"]) == (Decimal("5000.123"), "JPY")
    assert report.completeness is not None


def test_new_words_are_told_once_each_with_how_often_and_where_first() -> None:
    rows = [moved("novelty", "1.00"), SALE, moved("novelty", "-1.00"), moved("wonder", "1.00")]
    assert read(written(rows))[0].unknown == [Unknown("novelty", 2, 2), Unknown("wonder", 1, 5)]


@pytest.mark.parametrize("last", [total("109.01"), total("114.01")])
def test_whether_an_undocumented_row_counts_is_told_by_the_total(last: Row) -> None:
    rows = [*DAYS[:3], moved("", "5.00", RECORD_TYPE="adjusted"), last]
    assert read(written(rows))[0].completeness is not None


# The refund's own reference


def test_a_refund_row_is_told_apart_by_its_own_reference_where_the_account_has_it_so() -> None:
    rows = [moved("payment", "99.01", "100.00", EXTERNAL_REFERENCE="order-1")]
    rows += [moved("refund", "-40.00", EXTERNAL_REFERENCE=name) for name in (OURS, OURS[::-1], "order-1", "")]
    _, lines = read(written(rows), "text/csv; refunds=detailed")
    assert [line["reference"] for line in lines[1:3]] == [OURS, OURS[::-1]]
    assert [line["reference"].endswith(("/3", "/4")) for line in lines[3:]] == [True, True]
    assert {line["by_amount"] for line in lines[1:]} == {True}


def test_an_order_that_looks_like_a_reference_of_ours_names_no_refund() -> None:
    rows = [moved("payment", "99.01", "100.00", EXTERNAL_REFERENCE=OURS)]
    rows.append(moved("refund", "-40.00", EXTERNAL_REFERENCE=OURS))
    for content_type, told in (("text/csv", rows[1:]), ("text/csv; refunds=detailed", rows)):
        assert OURS not in [line["reference"] for line in read(written(told), content_type)[1]]


# Settlement


SETTLEMENT = (
    "EXTERNAL_REFERENCE", "SOURCE_ID", "TRANSACTION_TYPE", "TRANSACTION_AMOUNT", "TRANSACTION_CURRENCY",
    "TRANSACTION_DATE", "SETTLEMENT_NET_AMOUNT", "MONEY_RELEASE_DATE", "IS_RELEASED",
)  # fmt: skip


def operation(kind: str, amount: str, **more: str) -> Row:
    told = {"SOURCE_ID": "71000000001", "TRANSACTION_CURRENCY": "BRL", "EXTERNAL_REFERENCE": '"2999"'}
    amounts = {"TRANSACTION_AMOUNT": amount, "SETTLEMENT_NET_AMOUNT": amount}
    at = {"TRANSACTION_DATE": "2026-11-23T11:20:30.000-04:00", "IS_RELEASED": "false"}
    return {**told, **amounts, **at, "TRANSACTION_TYPE": kind, **more}


@pytest.mark.parametrize(
    ("row", "type_", "unknown"),
    [
        (operation("SETTLEMENT", "10.00"), "CAPTURE", False),
        (operation("SETTLEMENT", "10.00", EXTERNAL_REFERENCE=""), "CAPTURE", False),
        (operation("SETTLEMENT", "-10.00"), "ADJUSTMENT", False),  # the account's own purchase
        (operation("PAYOUTS", "-10.00", EXTERNAL_REFERENCE="", SOURCE_ID=""), "PAYOUT", False),
        (operation("REFUND", "-10.00"), "REFUND", False),
        (operation("DISPUTE", "-10.00"), "RESERVE", False),
        (operation("REFUND_SHIPPING", "-10.00"), "OTHER", True),
        (operation("TYPE_OF_TOMORROW", "1.00"), "OTHER", True),
        (operation("", "1.00"), "OTHER", True),
        (operation("REFUND", "-10.00", SOURCE_ID=""), "OTHER", True),
        (operation("REFUND", "-10.00", TRANSACTION_DATE=""), "OTHER", True),
        (operation("REFUND", "-10.00", TRANSACTION_CURRENCY="JPY"), "OTHER", True),
    ],
)
def test_operations_of_the_settlement_report_as_they_were_seen(row: Row, type_: str, unknown: bool) -> None:
    report, (line,) = read(written([row], SETTLEMENT))
    assert (line["type"], bool(report.unknown)) == (type_, unknown)
    assert abs(line["settled_net"]) in (Decimal(10), Decimal(1))


def test_a_settlement_report_without_currencies_is_in_the_accounts() -> None:
    columns = [name for name in SETTLEMENT if name != "TRANSACTION_CURRENCY"]
    rows = [operation("REFUND", "-10.00", TRANSACTION_CURRENCY="")]
    assert [read(written(rows, one))[1][0]["currency"] for one in (columns, SETTLEMENT)] == ["BRL", "BRL"]
    with pytest.raises(BadReport, match="says its currency"):
        read(written(rows, columns), known=None)
