"""Stripe's reports and events as real accounts get them: where they differ from the documents, they are read too."""

from decimal import Decimal
from pathlib import Path

import pytest

from domain.pse.reporting import BadReport, Unknown
from domain.pse.vocabulary import NotUnderstood, TellsOfRefund
from tests.domain.pse.stripe.answers import ORDER, STRIPE, a_refund
from tests.domain.pse.stripe.test_reports import CHARGE, REFUND, read, row, text
from tests.domain.pse.stripe.test_webhooks import event, hook

PAID = row("payout", "-58.81", source_id="po_1", customer_facing_amount="", customer_facing_currency="")
FEE = row("fee", "0.00", "0.50", customer_facing_amount="", customer_facing_currency="", automatic_payout_id="")


def test_currencies_may_be_in_upper_case(tmp_path: Path) -> None:
    upper = {"currency": "BRL", "customer_facing_currency": "BRL"}
    lines, report = read(tmp_path, text(CHARGE | upper, REFUND, PAID | {"currency": "BRL"}))
    assert lines == read(tmp_path, text(CHARGE, REFUND, PAID))[0]
    assert report.completeness is not None


@pytest.mark.parametrize(
    ("currency", "gross"), [("inr", "5000.00"), ("JPY", "5000"), ("kwd", "5000.125"), ("usdc", "17.5")]
)
def test_a_payment_in_a_currency_that_we_do_not_know_is_other_by_what_it_settled_in(
    tmp_path: Path, currency: str, gross: str
) -> None:
    foreign = CHARGE | {"customer_facing_amount": gross, "customer_facing_currency": currency}
    (line, _), report = read(tmp_path, text(foreign, REFUND))
    words = f"charge in {currency.upper()}"
    assert (line["type"], line["kind"], line["amount"], line["currency"]) == ("OTHER", words, 0, "BRL")
    assert (line["settled_net"], line["settled_currency"]) == (Decimal("98.81"), "BRL")
    assert list(report.unknown) == [Unknown(words, rows=1, line=2)]


def test_a_row_that_settles_in_a_currency_that_we_do_not_know_is_other_and_counts_in_its_payout(tmp_path: Path) -> None:
    rupees = {"currency": "inr", "customer_facing_currency": "inr", "automatic_payout_id": "po_2"}
    paid = PAID | {"automatic_payout_id": "po_2", "gross": "-98.81", "net": "-98.81", "currency": "inr"}
    (refund, line, payout), report = read(tmp_path, text(REFUND, CHARGE | rupees, paid))
    assert (refund["type"], refund["amount"]) == ("REFUND", 4_000)
    assert (line["type"], line["kind"], line["amount"], line["currency"]) == ("OTHER", "charge in INR", 0, "INR")
    assert (line["settled_gross"], line["settled_currency"]) == (Decimal("100.00"), "INR")
    assert (payout["type"], payout["kind"]) == ("OTHER", "payout in INR")
    assert [one.words for one in report.unknown] == ["charge in INR", "payout in INR"]
    assert report.completeness is None  # po_1 has no row of its own
    assert report.contradicted is None


def test_a_category_that_is_not_published_is_counted_and_a_published_one_is_not(tmp_path: Path) -> None:
    new = row("cashback", "5.00", customer_facing_amount="", customer_facing_currency="")
    lines, report = read(tmp_path, text(CHARGE, new, new, row("partial_capture_reversal", "-5.00")))
    assert [line["type"] for line in lines] == ["CAPTURE", "OTHER", "OTHER", "OTHER"]
    assert (lines[1]["kind"], lines[1]["amount"]) == ("cashback", 500)
    assert list(report.unknown) == [Unknown("cashback", rows=2, line=3)]


def test_a_refund_that_does_not_name_itself_is_other(tmp_path: Path) -> None:
    (_, line), report = read(tmp_path, text(CHARGE, REFUND | {"source_id": ""}))
    assert (line["type"], line["kind"]) == ("OTHER", "refund without source_id")
    assert [one.line for one in report.unknown] == [3]


def test_a_fee_that_names_no_payout_may_be_beside_it_or_within(tmp_path: Path) -> None:
    _, beside = read(tmp_path, text(CHARGE, REFUND, FEE, PAID))
    _, within = read(tmp_path, text(CHARGE, REFUND, FEE, PAID | {"gross": "-58.31", "net": "-58.31"}))
    assert (beside.contradicted, within.contradicted) == (None, None)
    assert beside.completeness is not None
    assert within.completeness is not None
    assert "name no payout" in within.completeness


def test_a_payout_that_no_row_explains_is_told_where_rows_name_no_payout(tmp_path: Path) -> None:
    lines, report = read(tmp_path, text(CHARGE, REFUND, FEE, PAID | {"gross": "-58.00", "net": "-58.00"}))
    assert len(lines) == 4
    assert report.completeness is None
    assert report.contradicted is not None
    assert "po_1" in report.contradicted


@pytest.mark.parametrize(
    ("header", "named"),
    [
        (
            "id,Type,Source,Amount,Fee,Destination Platform Fee,Net,Currency,Created (UTC),Available On (UTC)",
            "balance history",
        ),
        ("reporting_category,currency,count,gross,fee,net", "summary"),
        ("category,description,net_amount,currency", "summary"),
        ("id,Created date (UTC),Amount,Amount Refunded,Currency,Captured,Status", "payments"),
        ('"balance_transaction_id","created_utc","available_on_utc","currency","gross","fee","net"', "column"),
    ],
)
def test_another_csv_of_stripe_is_named_together_with_the_one_that_is_wanted(
    tmp_path: Path, header: str, named: str
) -> None:
    with pytest.raises(BadReport, match="payout_reconciliation.itemized.5") as caught:
        read(tmp_path, header + "\n" + ",".join("x" for _ in header.split(",")) + "\n")
    assert named in str(caught.value)


@pytest.mark.parametrize("currency", ["inr", "usdc"])
def test_an_event_in_a_currency_that_we_do_not_know_makes_us_ask(currency: str) -> None:
    (told,) = STRIPE.read_webhook(hook(event("refund.updated", a_refund(currency=currency))))
    assert isinstance(told, TellsOfRefund)
    assert (told.payment_reference, told.payment_alias, told.reference) == ("pi_3Ab", "ch_3Ab", ORDER.reference)
    assert (told.pse_refund_reference, told.outcome, told.amount) == ("re_1Ab", None, None)


def test_a_dispute_in_a_currency_that_we_do_not_know_is_kept_and_shown() -> None:
    dispute = {"object": "dispute", "id": "dp_1", "charge": "ch_1", "amount": 5_000, "currency": "inr"}
    (told,) = STRIPE.read_webhook(hook(event("charge.dispute.funds_withdrawn", dispute)))
    assert isinstance(told, NotUnderstood)
    assert "INR" in told.what
    assert "ch_1" in told.what


def test_a_number_larger_than_any_amount_of_money_is_named_whatever_its_currency(tmp_path: Path) -> None:
    long = CHARGE | {"gross": "9" * 25, "net": "9" * 25, "fee": "0", "currency": "inr"}
    with pytest.raises(BadReport, match="larger than any amount"):
        read(tmp_path, text(long))


@pytest.mark.parametrize("amount", ["abc", "9" * 17, "1.1234567890"])
def test_an_amount_that_is_none_is_named_also_where_the_row_is_not_understood(tmp_path: Path, amount: str) -> None:
    with pytest.raises(BadReport, match="customer_facing_amount"):
        read(tmp_path, text(row("cashback", "5.00", customer_facing_amount=amount)))
