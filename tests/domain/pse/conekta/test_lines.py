"""Conekta's transactions of a day as lines."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.pse.reporting import REPORT_SCHEMA, BadReport, Built, ReadReport, ReportFile, Unknown
from domain.pse.vocabulary import BadAnswer
from tests.domain.pse.conekta.answers import CONEKTA, CREATED, DAY, a_page, a_refund, an_order, play


def a_transaction(name: str, kind: str, amount: int, fee: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "object": "transaction",
        "livemode": False,
        "type": kind,
        "status": "pending",
        "amount": amount,
        "fee": fee,
        "net": amount - fee,
        "currency": "MXN",
        "charge": "charge1",
        "created_at": CREATED,
        **more,
    }


def the_report(tmp_path: Path, transactions: list[dict[str, Any]], *orders: dict[str, Any]) -> ReadReport:
    (built,), _ = play(CONEKTA.reports(DAY), [a_page(*transactions), a_page(*orders)])
    assert isinstance(built, Built)
    path = tmp_path / "report"
    path.write_bytes(built.content)
    return CONEKTA.read_report(ReportFile(built.name, built.content_type, path), DAY)


def the_lines(tmp_path: Path, transactions: list[dict[str, Any]], *orders: dict[str, Any]) -> list[dict[str, Any]]:
    report = the_report(tmp_path, transactions, *orders)
    assert report.completeness is None
    frame = report.lines.collect()
    assert frame.schema == dict(REPORT_SCHEMA)
    return frame.to_dicts()


def test_the_transactions_of_a_day_are_its_lines(tmp_path: Path) -> None:
    day = [
        a_transaction("t1", "capture", 10_000, 630),
        a_transaction("t2", "refund", -789),
        a_transaction("t3", "refund_reversal", 789),
        a_transaction("t4", "payout", -5_000),
        a_transaction("t5", "chargeback", -100),
        a_transaction("t6", "won_chargeback", 100),
        a_transaction("t7", "rounding_adjustment", 1),
        a_transaction("t8", "refund", -100, status="voided", charge="unknown"),
        a_transaction("t9", "capture", 100, created_at=CREATED - 86_400),
    ]
    lines = the_lines(tmp_path, day, an_order(a_refund()))
    assert [(one["type"], one["state"], one["amount"]) for one in lines] == [
        ("CAPTURE", "SUCCEEDED", 10_000),
        ("REFUND", "SUCCEEDED", 789),
        ("REFUND", "RETURNED", 789),
        ("PAYOUT", "SUCCEEDED", 5_000),
        ("CHARGEBACK", "SUCCEEDED", 100),
        ("CHARGEBACK_REVERSED", "SUCCEEDED", 100),
        ("ADJUSTMENT", "SUCCEEDED", 1),
        ("REFUND", "FAILED", 100),
    ]
    assert [one["pse_refund_reference"] for one in lines[:3]] == [None, "ours", "ours"]
    assert {one["payment_reference"] for one in lines[:7]} == {"ord_2Ab"}
    assert (lines[7]["payment_reference"], lines[7]["payment_alias"], lines[7]["by_amount"]) == (None, "unknown", True)
    assert [lines[0][f"settled_{name}"] for name in ("gross", "fee", "net")] == [
        Decimal("100.00"),
        Decimal("-6.30"),
        Decimal("93.70"),
    ]
    assert lines[0]["business_date"] == date.fromisoformat(str(DAY.business_date))


def test_money_that_goes_out_lowers_the_balance_whatever_its_sign(tmp_path: Path) -> None:
    signed, plain = the_lines(
        tmp_path, [a_transaction("t1", "refund", -789), a_transaction("t2", "refund", 789)], an_order(a_refund())
    )
    assert signed["settled_net"] == plain["settled_net"] == Decimal("-7.89")


def test_refunds_of_one_amount_are_told_apart_by_their_place_in_time(tmp_path: Path) -> None:
    twins = [a_refund("one"), a_refund("two", created_at=CREATED + 5)]
    day = [a_transaction("t2", "refund", -789, created_at=CREATED + 6), a_transaction("t1", "refund", -789)]
    lines = the_lines(tmp_path, day, an_order(*twins))
    assert [(one["pse_refund_reference"], one["by_amount"]) for one in lines] == [("one", False), ("two", False)]
    (alone,) = the_lines(tmp_path, day[:1], an_order(*twins))
    assert (alone["pse_refund_reference"], alone["reference"], alone["by_amount"]) == (None, "t2", True)


def test_a_listing_that_is_newest_first_is_read_no_further_than_the_day() -> None:
    old, older = (a_transaction(name, "capture", 1, created_at=CREATED - 90_000 - n) for n, name in enumerate("ab"))
    new = a_transaction("c", "capture", 1)
    one, asked = play(CONEKTA.reports(DAY), [a_page(new, old, older, following="b"), a_page()])
    assert [request.url.path for request in asked] == ["/transactions", "/orders"]
    unordered = [a_page(old, new, older, following="b"), a_page(a_transaction("d", "capture", 1)), a_page()]
    two, asked = play(CONEKTA.reports(DAY), unordered)
    assert [request.url.path for request in asked] == ["/transactions", "/transactions", "/orders"]
    assert (one[0].content.count(b'"id"'), two[0].content.count(b'"id"')) == (1, 2)


def test_the_same_content_gives_the_same_bytes() -> None:
    one, two = a_transaction("t1", "capture", 5), a_transaction("t2", "refund", -5)
    first, _ = play(CONEKTA.reports(DAY), [a_page(one, two), a_page(an_order())])
    second, _ = play(CONEKTA.reports(DAY), [a_page(two, one), a_page(an_order())])
    assert first == second
    assert first[0].name == f"conekta-transactions-{DAY.business_date}.json"


@pytest.mark.parametrize("wrong", [{"amount": "1"}, {"fee": None}, {"charge": 7}, {"created_at": True}, {"id": None}])
def test_a_transaction_that_cannot_be_read_says_so(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer, match=next(iter(wrong))):
        play(CONEKTA.reports(DAY), [a_page(a_transaction("t1", "capture", 5) | wrong), a_page()])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"net": 1}, "amount 10000 less fee 630 is 9370, and net is 1"),
        ({"currency": "pesos"}, "line 1, column currency"),
        ({"amount": 2**70, "net": 2**70 - 630}, "larger than any amount"),
    ],
)
def test_a_transaction_that_does_not_add_up_says_the_numbers(tmp_path: Path, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(BadReport) as caught:
        the_lines(tmp_path, [a_transaction("t1", "capture", 10_000, 630) | wrong])
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "words", "amount", "settled"),
    [
        ({"currency": "XXX"}, "refund in XXX", 0, None),
        ({"status": "frozen"}, "refund with status frozen", 789, Decimal("-7.89")),
        ({"type": "cashback"}, "cashback", 789, Decimal("-7.89")),
    ],
)
def test_a_transaction_that_nobody_understands_is_kept_as_other_with_its_words(
    tmp_path: Path, wrong: dict[str, Any], words: str, amount: int, settled: Decimal | None
) -> None:
    day = [a_transaction("t1", "capture", 10_000), a_transaction("t2", "refund", -789) | wrong]
    report = the_report(tmp_path, day, an_order(a_refund()))
    capture, other = report.lines.collect().to_dicts()
    assert capture["type"] == "CAPTURE"
    assert (other["type"], other["state"], other["kind"]) == ("OTHER", "SUCCEEDED", words)
    assert (other["amount"], other["settled_net"], other["currency"]) == (amount, settled, wrong.get("currency", "MXN"))
    assert (other["pse_refund_reference"], other["reference"], other["by_amount"]) == (None, None, False)
    assert list(report.unknown) == [Unknown(words, rows=1, line=2)]


def test_what_conekta_publishes_and_we_do_not_settle_by_is_other_and_known(tmp_path: Path) -> None:
    assert list(the_report(tmp_path, [a_transaction("t1", "rounding_adjustment", 1)]).unknown) == []


def test_a_day_without_transactions_has_no_lines(tmp_path: Path) -> None:
    assert the_lines(tmp_path, []) == []
