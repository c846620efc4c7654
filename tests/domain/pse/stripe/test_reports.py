"""Stripe's report: how it is ordered and fetched, and what its rows mean."""

from collections.abc import Generator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain.pse.reporting import REPORT_SCHEMA, BadReport, ReadReport, ReportDownload, ReportFile
from domain.pse.stripe.connector import Stripe
from domain.pse.vocabulary import BadAnswer, Period, Wait
from tests.schemas import stripe as schemas

STRIPE = Stripe()
NOON = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
DAY = Period("https://api.stripe.com/v1", NOON - timedelta(hours=12), NOON + timedelta(hours=12), "America/Sao_Paulo")
FILE_URL = "https://files.stripe.com/v1/files/file_1/contents"
COLUMNS = (
    "balance_transaction_id",
    "created_utc",
    "currency",
    "gross",
    "fee",
    "net",
    "reporting_category",
    "source_id",
    "customer_facing_amount",
    "customer_facing_currency",
    "automatic_payout_id",
    "charge_id",
    "payment_intent_id",
)


def a_run(status: str = "succeeded", url: str | None = FILE_URL, **more: Any) -> httpx.Response:
    result = {"id": "file_1", "object": "file", "url": url}
    body = {"id": "frr_1", "object": "reporting.report_run", "status": status, "error": None, "result": result, **more}
    return httpx.Response(200, json=body)


def play(
    steps: Generator[Any, httpx.Response, Any], answers: list[httpx.Response]
) -> tuple[Any, list[httpx.Request | Wait]]:
    asked = [next(steps)]
    waiting = list(answers)
    try:
        while True:
            asked.append(steps.send(httpx.Response(204) if isinstance(asked[-1], Wait) else waiting.pop(0)))
    except StopIteration as done:
        return done.value, asked


def test_the_report_is_ordered_waited_for_and_fetched() -> None:
    (made,), asked = play(STRIPE.reports(DAY), [a_run("pending", None), a_run("pending", None), a_run()])
    order, first_wait, poll, second_wait, _ = asked
    assert isinstance(order, httpx.Request)
    form = schemas.form_of(order)
    schemas.check(schemas.RUN_REQUEST, form)
    assert form["parameters[interval_start]"] == str(int(DAY.start.timestamp()))
    assert form["parameters[interval_end]"] == str(int(DAY.end.timestamp()))
    assert isinstance(first_wait, Wait)
    assert isinstance(second_wait, Wait)
    assert isinstance(poll, httpx.Request)
    assert poll.url.path == "/v1/reporting/report_runs/frr_1"
    assert isinstance(made, ReportDownload)
    assert (made.name, str(made.request.url)) == ("stripe-payout-reconciliation-2026-11-23.csv", FILE_URL)


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "https://evil.example/v1/files/file_1/contents",
        "http://files.stripe.com/v1/files/file_1/contents",
        "https://files.stripe.com.evil.example/x",
        "https://files.stripe.com@evil.example/x",
        "https://files.stripe.com:8443/x",
        "https://api.stripe.com:444/x",
        "/v1/files/file_1/contents",
        "https://[",
    ],
)
def test_the_key_goes_to_no_other_host(url: str | None) -> None:
    with pytest.raises(BadAnswer, match="host"):
        play(STRIPE.reports(DAY), [a_run(url=url)])


def test_the_apis_own_host_may_have_the_file() -> None:
    (made,), _ = play(STRIPE.reports(DAY), [a_run(url="https://api.stripe.com/v1/files/file_1/contents")])
    assert made.request.url.host == "api.stripe.com"


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([httpx.Response(400, json={"error": {"message": "interval_end is too late"}})], "interval_end is too late"),
        ([httpx.Response(400)], "400"),
        ([httpx.Response(200, text="<html>")], "200"),
        ([httpx.Response(200, json={"id": "a/b", "status": "pending"})], "no id"),
        ([a_run("failed", error="no data")], "no data"),
        ([a_run("pending")] * 100, "still"),
    ],
)
def test_a_report_that_cannot_be_made_says_why(answers: list[httpx.Response], said: str) -> None:
    with pytest.raises(BadAnswer, match=said):
        play(STRIPE.reports(DAY), answers)


# Rows


def row(category: str, gross: str, fee: str = "0.00", **more: str) -> dict[str, str]:
    net = more.pop("net", str(Decimal(gross) - Decimal(fee)))
    return {
        "balance_transaction_id": "txn_1",
        "created_utc": "2026-11-23 12:00:00",
        "currency": "brl",
        "gross": gross,
        "fee": fee,
        "net": net,
        "reporting_category": category,
        "source_id": "re_1",
        "customer_facing_amount": gross,
        "customer_facing_currency": "brl",
        "automatic_payout_id": "po_1",
        "charge_id": "ch_1",
        "payment_intent_id": "pi_1",
        **more,
    }


def text(*rows: dict[str, str], columns: tuple[str, ...] = COLUMNS, end: str = "\n") -> str:
    return end.join([",".join(columns), *(",".join(one[name] for name in columns) for one in rows), ""])


def read(tmp_path: Path, content: str | bytes) -> tuple[list[dict[str, Any]], ReadReport]:
    path = tmp_path / "report"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    report = STRIPE.read_report(ReportFile("report.csv", "text/csv", path), DAY)
    frame = report.lines.collect()
    assert frame.schema == dict(REPORT_SCHEMA)
    return frame.to_dicts(), report


CHARGE = row("charge", "100.00", "1.19", source_id="ch_1")
REFUND = row("refund", "-40.00")
BACK = row("refund_failure", "40.00")


def test_charges_refunds_and_failures_become_lines(tmp_path: Path) -> None:
    capture, refund, back = read(tmp_path, text(CHARGE, REFUND, BACK))[0]
    assert [(one["type"], one["state"], one["amount"], one["currency"]) for one in (capture, refund, back)] == [
        ("CAPTURE", "SUCCEEDED", 10_000, "BRL"),
        ("REFUND", "SUCCEEDED", 4_000, "BRL"),
        ("REFUND", "RETURNED", 4_000, "BRL"),
    ]
    assert (capture["payment_reference"], capture["payment_alias"], capture["payout_reference"]) == (
        "pi_1",
        "ch_1",
        "po_1",
    )
    assert (capture["pse_refund_reference"], refund["pse_refund_reference"]) == (None, "re_1")
    assert [capture[f"settled_{name}"] for name in ("gross", "fee", "net", "currency")] == [
        Decimal("100.00"),
        Decimal("-1.19"),
        Decimal("98.81"),
        "BRL",
    ]
    assert capture["settled_gross"] + capture["settled_fee"] == capture["settled_net"]
    assert refund["booked_at"] == datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_a_charge_without_an_intent_names_the_payment_itself(tmp_path: Path) -> None:
    (line,) = read(tmp_path, text(REFUND | {"payment_intent_id": ""}))[0]
    assert (line["payment_reference"], line["payment_alias"]) == ("ch_1", None)


def test_the_amount_is_what_the_customer_paid_and_the_settlement_what_the_balance_got(tmp_path: Path) -> None:
    charge = CHARGE | {"customer_facing_amount": "15000", "customer_facing_currency": "clp"}
    (line,) = read(tmp_path, text(charge))[0]
    assert (line["amount"], line["currency"], line["settled_currency"]) == (15_000, "CLP", "BRL")


def test_a_currency_without_cents_is_not_a_hundred_times_as_much(tmp_path: Path) -> None:
    clp = {"currency": "clp", "customer_facing_amount": "", "customer_facing_currency": ""}
    (line,) = read(tmp_path, text(row("charge", "15000", "500", **clp)))[0]
    assert (line["amount"], line["currency"]) == (15_000, "CLP")


@pytest.mark.parametrize(
    ("category", "gross", "kind"),
    [
        ("dispute", "-10.00", "CHARGEBACK"),
        ("dispute_reversal", "10.00", "CHARGEBACK_REVERSED"),
        ("fee", "-1.00", "FEE"),
        ("network_cost", "-1.00", "FEE"),
        ("tax", "-1.00", "FEE"),
        ("partial_capture_reversal", "-5.00", "OTHER"),
        ("other_adjustment", "-5.00", "CORRECTION"),
        ("a_new_one", "5.00", "OTHER"),
    ],
)
def test_what_is_no_capture_and_no_refund_is_kept_by_its_kind(
    tmp_path: Path, category: str, gross: str, kind: str
) -> None:
    other = row(category, gross, customer_facing_amount="", customer_facing_currency="", automatic_payout_id="")
    (line,) = read(tmp_path, text(other))[0]
    assert (line["type"], line["kind"], line["pse_refund_reference"]) == (kind, category, None)
    assert line["amount"] > 0


def test_columns_may_come_in_any_order_with_a_byte_order_mark_and_crlf(tmp_path: Path) -> None:
    wanted = read(tmp_path, text(CHARGE, REFUND))[0]
    turned = text(CHARGE, REFUND, columns=tuple(reversed(COLUMNS)), end="\r\n")
    assert read(tmp_path, b"\xef\xbb\xbf" + turned.encode())[0] == wanted


def test_the_date_of_a_line_is_the_merchants(tmp_path: Path) -> None:
    (line,) = read(tmp_path, text(REFUND | {"created_utc": "2026-11-24 02:30:00"}))[0]
    assert line["business_date"] == date(2026, 11, 23)


def test_a_payout_that_is_there_proves_its_rows(tmp_path: Path) -> None:
    paid = row("payout", "-58.81", source_id="po_1", customer_facing_amount="", customer_facing_currency="")
    lines, report = read(tmp_path, text(CHARGE, REFUND, paid))
    assert report.completeness == "The nets of each payout add up to what it paid."
    assert lines[2]["type"] == "PAYOUT"
    assert read(tmp_path, text(CHARGE, REFUND, paid)[:-1])[1].completeness == report.completeness
    assert read(tmp_path, text(CHARGE, REFUND))[1].completeness is None
    assert read(tmp_path, text(CHARGE, REFUND, paid, CHARGE | {"automatic_payout_id": "po_2"}))[1].completeness is None


def test_a_payout_that_does_not_add_up_says_the_two_numbers(tmp_path: Path) -> None:
    paid = row("payout", "-58.80", source_id="po_1")
    with pytest.raises(BadReport, match=r"po_1 add up to 58\.81 BRL, and it paid 58\.80"):
        read(tmp_path, text(CHARGE, REFUND, paid))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"fee": "1.190001"}, "charge with an unusable fee"),
        ({"gross": ""}, "charge with an unusable gross"),
        ({"net": "98.80"}, "charge whose net is not its gross less its fee"),
        ({"gross": "-100.00", "net": "-101.19"}, "charge of the wrong sign"),
        ({"customer_facing_amount": "1.234"}, "charge with an unusable customer_facing_amount"),
        ({"customer_facing_currency": "reais!"}, "charge with an unusable customer_facing_currency"),
        ({"created_utc": "2026-02-30 00:00:00"}, "charge with an unusable created_utc"),
        ({"created_utc": "0001-01-01 00:00:00"}, "charge with an unusable created_utc"),
    ],
)
def test_a_row_that_cannot_be_read_is_other_and_is_told(tmp_path: Path, changed: dict[str, str], words: str) -> None:
    lines, report = read(tmp_path, text(CHARGE, REFUND, CHARGE | changed))
    assert (lines[2]["type"], lines[2]["kind"], lines[2]["state"]) == ("OTHER", words, "SUCCEEDED")
    assert [(one.words, one.line) for one in report.unknown] == [(words, 4)]
    assert [one["type"] for one in lines[:2]] == ["CAPTURE", "REFUND"]


def test_a_row_that_cannot_be_added_up_proves_no_payout(tmp_path: Path) -> None:
    paid = row("payout", "-58.81", source_id="po_1", customer_facing_amount="", customer_facing_currency="")
    with pytest.raises(BadReport, match=r"po_1 add up to -40\.00 BRL, and it paid 58\.81"):
        read(tmp_path, text(CHARGE | {"net": "1e2"}, REFUND, paid))
    odd = CHARGE | {"net": "1e2", "automatic_payout_id": "po_2"}
    assert read(tmp_path, text(CHARGE, REFUND, paid, odd))[1].completeness is None


def test_a_day_without_payouts_has_no_lines(tmp_path: Path) -> None:
    assert read(tmp_path, text())[0] == []


GOOD = text(CHARGE, REFUND)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (GOOD[:-1].encode(), "cut"),
        (text(CHARGE, columns=COLUMNS[1:-1]).encode(), "column payment_intent_id: the column is missing"),
        ((GOOD + "txn_2,x\n").encode(), "line 4: the row has 2 fields, the header 13"),
        ((GOOD + GOOD.splitlines()[1] + ",more\n").encode(), "line 4: the row has 14 fields"),
        (GOOD.replace("re_1", "ré_1").encode("latin-1"), "line 3: the line is not UTF-8"),
        (text(CHARGE | {"fee": "1.190001"}).encode(), "line 2, column fee: '1.190001' has more than 2 decimals"),
        (text(CHARGE | {"gross": "1,19"}, columns=COLUMNS).encode(), "fields"),
        (text(CHARGE | {"gross": ""}).encode(), "column gross: the amount is missing"),
        (text(CHARGE | {"net": "98.80"}).encode(), "column net: gross 100.00 less fee 1.19 is 98.81, and net is 98.80"),
        (text(row("refund", "40.00")).encode(), "column gross: 40.00 has the wrong sign for a refund"),
        (text(row("refund_failure", "-40.00")).encode(), "wrong sign"),
        (text(CHARGE | {"currency": "reais"}).encode(), "column currency"),
        (text(CHARGE | {"currency": ""}).encode(), "column currency"),
        (text(CHARGE | {"customer_facing_currency": ""}).encode(), "column customer_facing_currency"),
        (text(CHARGE | {"customer_facing_amount": "1.234"}).encode(), "column customer_facing_amount"),
        (text(CHARGE | {"created_utc": "2026-02-30 00:00:00"}).encode(), "column created_utc"),
        (text(CHARGE | {"created_utc": "23/11/2026"}).encode(), "column created_utc"),
    ],
)
def test_a_broken_report_says_where_and_what(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(BadReport) as caught:
        read(tmp_path, content)
    assert said in str(caught.value)
