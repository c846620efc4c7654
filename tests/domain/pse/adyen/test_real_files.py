"""Settlement details reports as accounts really get them, which is not always as the documents have them."""

import random
import tempfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.pse.reporting import REPORT_SCHEMA, BadReport, ReadReport, ReportFile, Unknown
from tests.domain.pse.adyen.test_lines import (
    ADYEN,
    BATCH,
    COLUMNS,
    OURS,
    a_period,
    a_row,
    booked,
    credit,
    debit,
    written,
)

Row = dict[str, str]


def read(content: bytes, **more: Any) -> tuple[ReadReport, list[dict[str, Any]]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report"
        path.write_bytes(content)
        report = ADYEN.read_report(ReportFile("batch_42.csv", "text/csv", path), a_period(**more))
        frame = report.lines.collect()
    assert frame.schema == dict(REPORT_SCHEMA)
    return report, frame.to_dicts()


# Currencies


@pytest.mark.parametrize("currency", ["JPY", "GBP", "CAD", "INR", "USDC"])
def test_a_shopper_may_pay_in_any_currency_and_holds_up_no_batch(currency: str) -> None:
    paid = credit("Settled", "10800", "350.25", **{"Gross Currency": currency, "Commission (NC)": "3.50"})
    taken = debit("Refunded", "5400", "175.00", **{"Gross Currency": currency})
    rows = [paid, taken, *BATCH[:-1], booked("MerchantPayout", "272.35")]
    report, lines = read(written(rows))
    assert [(line["type"], line["kind"]) for line in lines[:2]] == [
        ("OTHER", f"Settled {currency}"),
        ("OTHER", f"Refunded {currency}"),
    ]
    first = lines[0]
    assert (first["amount"], first["currency"], first["settled_currency"]) == (0, "BRL", "BRL")
    assert (first["settled_gross"], first["settled_fee"], first["settled_net"]) == (
        Decimal("353.75"),
        Decimal("-3.50"),
        Decimal("350.25"),
    )
    assert lines[1]["pse_refund_reference"] is None
    assert "MerchantPayout" in str(report.completeness)
    assert report.unknown == []


def test_an_account_may_settle_in_a_currency_that_we_do_not_refund_in() -> None:
    pounds = {"Net Currency": "GBP"}
    rows = [credit("Settled", "10.00", "1.40", **pounds), booked("MerchantPayout", "1.40", **pounds)]
    report, (sale, payout) = read(written(rows))
    assert (sale["type"], sale["amount"], sale["settled_currency"]) == ("CAPTURE", 1_000, "GBP")
    assert (payout["type"], payout["amount"], payout["settled_net"]) == ("OTHER", 0, Decimal("-1.40"))
    assert report.completeness is not None


# Types


def test_a_type_in_lower_case_is_the_same_type() -> None:
    small = [{**row, "Type": row["Type"].lower()} for row in BATCH]
    report, lines = read(written(small))
    told, as_documented = read(written(BATCH))
    kinds = [line.pop("kind") for line in lines]
    assert kinds == [line.pop("kind").lower() for line in as_documented]
    assert lines == as_documented
    assert (report.completeness, report.unknown) == (told.completeness, [])


def test_a_dispute_in_lower_case_has_the_name_of_its_webhook() -> None:
    _, (line,) = read(written([debit("chargeback", "5.00")]))
    assert (line["type"], line["reference"]) == ("CHARGEBACK", "REFUNDREFERENCE1/CHARGEBACK")


@pytest.mark.parametrize(
    ("kind", "type_"),
    [
        ("DepositCorrection", "CORRECTION"), ("InvoiceDeduction", "FEE"), ("Fee", "FEE"), ("MerchantPayout", "PAYOUT"),
        ("ReserveAdjustment", "RESERVE"), ("Balancetransfer", "TRANSFER"), ("BalanceTransfer", "TRANSFER"),
    ],
)  # fmt: skip
def test_what_a_batch_may_hold_besides_is_known(kind: str, type_: str) -> None:
    report, lines = read(written([credit("Settled", "5.00"), booked(kind, "5.00")]))
    assert (lines[1]["type"], lines[1]["kind"], report.unknown) == (type_, kind, [])


def test_money_that_came_back_is_a_return_and_a_chargeback_reversed() -> None:
    rows = [credit("RefundedReversed", "5.00"), credit("ChargebackReversed", "5.00")]
    report, (back, won) = read(written(rows))
    assert (back["type"], back["state"], won["type"]) == ("REFUND", "RETURNED", "CHARGEBACK_REVERSED")
    assert report.unknown == []


# Layout


def test_columns_come_in_any_order_with_types_in_lower_case_and_no_last_line_break() -> None:
    shuffled = [*COLUMNS, "Payment Fees (NC)", "Shopper Country", "ARN"]
    random.Random(11).shuffle(shuffled)
    report, lines = read(written(BATCH, shuffled)[:-1])
    assert (report.completeness is not None, report.contradicted) == (True, None)
    assert lines == read(written(BATCH))[1]


def test_a_last_line_break_may_be_missing_only_where_the_totals_prove_the_file() -> None:
    assert read(written(BATCH)[:-1])[0].completeness is not None
    with pytest.raises(BadReport, match="it was cut"):
        read(written(BATCH[:-1])[:-1])
    with pytest.raises(BadReport, match="must be equal"):
        read(written([*BATCH[:-1], booked("MerchantPayout", "97.1")])[:-1].replace(b"97.1,", b"9,"))


def test_a_batch_that_is_still_open_is_read_and_unproven() -> None:
    report, lines = read(written(BATCH[:-1]))
    assert (len(lines), report.completeness, report.contradicted) == (4, None, None)


def test_the_payments_accounting_report_is_named_and_so_is_the_one_that_is_wanted() -> None:
    header = "Company Account,Merchant Account,Psp Reference,Merchant Reference,Payment Method,Booking Date,TimeZone,"
    header += "Record Type,Modification Psp Reference,Main Currency,Main Amount,Payment Currency,Received (PC)\n"
    with pytest.raises(BadReport, match="payments accounting report") as refused:
        read(header.encode())
    assert "settlement_detail_report_batch_" in str(refused.value)


# Zones


@pytest.mark.parametrize(
    ("zone", "at", "utc"),
    [
        ("UTC", "2026-03-05 23:30:00", (3, 5, 23, 30)),
        ("CET", "2026-03-05 23:30:00", (3, 5, 22, 30)),
        ("PST", "2026-03-05 23:30:00", (3, 6, 7, 30)),
        ("MXT", "2026-03-05 23:30:00", (3, 6, 5, 30)),
        ("SGT", "2026-03-05 23:30:00", (3, 5, 15, 30)),
        ("UTC-3", "2026-03-05 23:30:00", (3, 6, 2, 30)),
        ("UTC+05:30", "2026-03-05 23:30:00", (3, 5, 18, 0)),
        ("GMT-0330", "2026-03-05 23:30:00", (3, 6, 3, 0)),
        ("America/Bogota", "2026-03-05 23:30:00", (3, 6, 4, 30)),
        ("Europe/Amsterdam", "2026-03-05 23:30:00", (3, 5, 22, 30)),
        ("Europe/Amsterdam", "2026-07-05 23:30:00", (7, 5, 21, 30)),
        ("Europe/Amsterdam", "2026-03-29 02:30:00", (3, 29, 1, 30)),  # an hour that the clock left out
        ("Europe/Amsterdam", "2026-10-25 02:30:00", (10, 25, 0, 30)),  # and one that it showed twice
    ],
)
def test_a_time_is_read_in_the_zone_that_is_named(zone: str, at: str, utc: tuple[int, int, int, int]) -> None:
    other = debit("Refunded", "1.00", TimeZone="CEST")
    _, (_, line) = read(written([other, debit("Refunded", "1.00", TimeZone=zone, **{"Creation Date": at})]))
    assert line["booked_at"] == datetime(2026, *utc, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["IST", "UTC-3x", "UTC+30", "Mars/Olympus", "../etc/passwd", "posixrules"])
def test_a_zone_that_may_be_several_or_is_none_is_not_guessed(zone: str) -> None:
    with pytest.raises(BadReport, match="does not name one time zone"):
        read(written([debit("Refunded", "1.00", TimeZone=zone)]))


# What contradicts itself


def test_a_net_that_is_not_gross_less_fees_is_the_truth_and_a_person_is_told() -> None:
    odd = credit("Settled", "100.00", "97.00", **{"Commission (NC)": "1.00"})
    rows = [BATCH[0], odd, odd, booked("MerchantPayout", "293.00")]
    report, lines = read(written(rows))
    assert (lines[1]["settled_net"], lines[1]["settled_fee"], lines[1]["amount"]) == (Decimal(97), Decimal(-3), 10_000)
    assert report.contradicted == (
        "The net of 2 rows is not their gross less their fees: line 3 has a net of BRL 97.00, its gross less its fees "
        "is 99.00. The net is taken."
    )
    assert report.completeness is not None


@pytest.mark.parametrize(
    "row",
    [
        credit("Settled", "100.00", "98.50", **{"Commission (NC)": "1.00", "Payment Fees (NC)": "0.50"}),
        credit("Settled", "100.00", "99.99", **{"Scheme Fees (NC)": "0.0123"}),
        credit("Settled", "10.00", "50.00", **{"Gross Currency": "USD", "Exchange Rate": "5.1"}),
        debit("Refunded", "40.00", "40.10", **{"Markup (NC)": "0.10"}),
        booked("Fee", "5.00"),
    ],
)
def test_what_fees_roundings_and_exchanges_explain_contradicts_nothing(row: Row) -> None:
    assert read(written([row], [*COLUMNS, "Payment Fees (NC)", "DCC Markup (NC)"]))[0].contradicted is None


# What nobody knows


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (debit("TypeOfTomorrow", "5.00"), "TypeOfTomorrow"),
        (debit("", "5.00"), "a row without Type"),
        (credit("Refunded", "5.00"), "Refunded with a gross credit"),
        (debit("Settled", "5.00"), "Settled with a gross debit"),
        (a_row("Refunded", **{"Net Debit (NC)": "5.00"}), "Refunded without a gross amount"),
        (debit("Refunded", "5.00", **{"Psp Reference": ""}), "Refunded without Psp Reference"),
        (debit("Refunded", "5.00", **{"Modification Reference": ""}), "Refunded without Modification Reference"),
        (debit("Refunded", "5.001", "5.00"), "Refunded with parts of a minor unit"),
        (debit("Refunded", "5.00", **{"Gross Credit (GC)": "1.00"}), "Refunded with both a debit and a credit"),
        (debit("Refunded", "-5.00"), "Refunded with a negative amount"),
        (debit("Refunded", "5990.50", **{"Gross Currency": "CLP"}), "Refunded with parts of a minor unit"),
    ],
)
def test_a_row_that_nobody_understands_is_kept_with_its_words_and_holds_up_no_other(row: Row, words: str) -> None:
    own = {"Modification Merchant Reference": OURS}
    report, (first, odd, last) = read(written([BATCH[0], row, debit("Refunded", "40.00", **own)]))
    assert [(line["type"], line["kind"]) for line in (first, odd, last)] == [
        ("CAPTURE", "Settled"),
        ("OTHER", words),
        ("REFUND", "Refunded"),
    ]
    assert (odd["reference"], odd["pse_refund_reference"]) == (None, None)
    assert report.unknown == [Unknown(words, 1, 3)]


def test_new_types_are_told_once_each_with_how_often_and_where_first() -> None:
    rows = [booked("Novelty", "1.00"), BATCH[0], booked("Novelty", "1.00"), booked("Wonder", "1.00")]
    assert read(written(rows))[0].unknown == [Unknown("Novelty", 2, 2), Unknown("Wonder", 1, 5)]
