"""The Conekta connector without a network: what it sends, and what each answer, each page and each webhook means."""

import base64
import json
from collections.abc import Generator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from domain.languages import LOCALES
from domain.money import Money
from domain.pse import explanations
from domain.pse.capabilities import Route
from domain.pse.conekta.connector import Conekta
from domain.pse.reporting import REPORT_SCHEMA, BadReport, Built, ReadReport, ReportFile, Unknown
from domain.pse.vocabulary import (
    Accepted,
    BadAnswer,
    BadNotice,
    BadSignature,
    Credentials,
    Declined,
    InDoubt,
    Method,
    NotUnderstood,
    Outcome,
    Period,
    RefundOrder,
    Returned,
    Succeeded,
    TellsOfRefund,
    Unsent,
    WebhookRequest,
)
from tests.domain.pse.fuzz import JSON, check_reading
from tests.schemas import conekta as schemas

CONEKTA = Conekta()
CREATED = 1_790_000_000
ORDER = RefundOrder(
    base_url="https://api.conekta.io",
    reference="abcdefghij0123456789",
    payment_reference="ord_2Ab",
    pse_refund_reference=None,
    method=Method.CARD,
    amount=Money(789, "MXN"),
    captured=Money(10_000, "MXN"),
    attempt=1,
    succeeded=False,
    not_ours=frozenset({"before"}),
)
KNOWN = replace(ORDER, pse_refund_reference="ours")
STATUSES: list[tuple[str | None, type[Outcome], str]] = [
    (None, Succeeded, "refunded"),
    ("refunded", Succeeded, "refunded"),
    ("paid", Succeeded, "paid"),
    ("available", Succeeded, "available"),
    ("paid_out", Succeeded, "paid_out"),
    ("pending", Accepted, "pending"),
    ("unprocessed", Accepted, "unprocessed"),
    ("declined", Declined, "declined"),
    ("voided", Declined, "voided"),
    ("canceled", Declined, "canceled"),
    ("expired", Declined, "expired"),
    ("reversed", Declined, "reversed"),
    ("another", InDoubt, "UNREADABLE"),
]


def a_refund(name: str = "ours", amount: int = -789, status: str | None = None, **more: Any) -> dict[str, Any]:
    made = {"id": name, "object": "refund", "amount": amount, "created_at": CREATED, **more}
    return made if status is None else {**made, "status": status}


def a_list(*listed: object, **more: Any) -> dict[str, Any]:
    return {"object": "list", "has_more": False, "data": list(listed), **more}


def an_order(*refunds: object, **more: Any) -> dict[str, Any]:
    charge = {
        "id": "charge1",
        "object": "charge",
        "amount": 10_000,
        "created_at": CREATED,
        "currency": "MXN",
        "livemode": False,
        "order_id": "ord_2Ab",
        "paid_at": CREATED,
        "payment_method": {"object": "card_payment"},
        "refunds": a_list(*refunds),
        "status": "paid",
    }
    body = {"id": "ord_2Ab", "object": "order", "amount": 10_000, "currency": "MXN", "created_at": CREATED}
    return {**body, "livemode": False, "charges": a_list(charge), **more}


def answer(status: int, body: object = None) -> httpx.Response:
    return httpx.Response(status, json=body)


def an_error(status: int, kind: str) -> httpx.Response:
    details = [{"code": "conekta.errors.x", "message": "m"}]
    return answer(status, {"details": details, "type": kind, "log_id": "log1", "object": "error"})


# What is sent


def test_a_refund_is_posted_to_its_order_in_cents() -> None:
    request = CONEKTA.refund(ORDER)
    assert (request.method, str(request.url)) == ("POST", "https://api.conekta.io/orders/ord_2Ab/refunds")
    body = json.loads(request.content)
    schemas.check(schemas.REFUND_REQUEST, body)
    assert body["amount"] == 789
    assert request.headers["accept"] == "application/vnd.conekta-v2.3.0+json"


def test_the_key_is_sent_as_a_bearer() -> None:
    request = next(CONEKTA.auth(CREDENTIALS).sync_auth_flow(CONEKTA.refund(ORDER)))
    assert request.headers["authorization"] == "Bearer key_k"


def test_before_the_first_send_and_in_doubt_the_order_is_read() -> None:
    for request in (CONEKTA.snapshot(ORDER), CONEKTA.look_up(ORDER), CONEKTA.look_up(KNOWN)):
        assert request is not None
        assert (request.method, str(request.url)) == ("GET", "https://api.conekta.io/orders/ord_2Ab")
    listed = answer(200, an_order(a_refund("a"), a_refund("b", -1)))
    assert CONEKTA.read_snapshot(ORDER, listed) == {"a", "b"}
    assert CONEKTA.read_snapshot(ORDER, answer(200, an_order(charges=None))) == frozenset()


@pytest.mark.parametrize(
    "said",
    [
        answer(404),
        answer(200),
        answer(200, []),
        answer(200, an_order(id="ord_other")),
        answer(200, an_order(currency="USD")),
        answer(200, an_order(7)),
        answer(200, an_order({"id": None})),
        answer(200, an_order(charges=a_list(has_more=True))),
        answer(200, an_order(charges=a_list({"refunds": a_list(has_more=None)}))),
    ],
)
def test_a_snapshot_that_may_miss_a_refund_is_none(said: httpx.Response) -> None:
    with pytest.raises(BadAnswer):
        CONEKTA.read_snapshot(ORDER, said)


# What answers mean


@pytest.mark.parametrize(("status", "meaning", "code"), STATUSES)
def test_every_status_has_a_meaning(status: str | None, meaning: type[Outcome], code: str) -> None:
    body = an_order(a_refund("before"), a_refund("other", -788), a_refund(status=status))
    for outcome in (
        CONEKTA.read_refund(ORDER, answer(200, body)),
        CONEKTA.read_look_up(ORDER, answer(200, body)),
        CONEKTA.read_look_up(KNOWN, answer(200, body)),
    ):
        assert (type(outcome), outcome.code) == (meaning, code)


def test_money_has_left_when_conekta_made_the_refund() -> None:
    outcome = CONEKTA.read_refund(ORDER, answer(200, an_order(a_refund())))
    assert outcome == Succeeded("ours", datetime.fromtimestamp(CREATED, UTC), "refunded")


@pytest.mark.parametrize("status", ["declined", "voided", "canceled", "expired", "reversed"])
def test_failed_after_success_means_that_the_money_came_back(status: str) -> None:
    outcome = CONEKTA.read_look_up(replace(KNOWN, succeeded=True), answer(200, an_order(a_refund(status=status))))
    assert isinstance(outcome, Returned)


ERRORS: list[tuple[int, httpx.Response, type[Outcome], str]] = [
    (1, an_error(401, "authentication_error"), Unsent, "authentication_error"),
    (1, answer(403), Unsent, "authentication_error"),
    (1, an_error(429, "rate_limit_error"), Unsent, "TOO_MANY_REQUESTS"),
    (1, an_error(402, "processing_error"), Declined, "processing_error"),
    (2, an_error(402, "processing_error"), InDoubt, "processing_error"),
    (1, an_error(404, "resource_not_found_error"), Declined, "resource_not_found_error"),
    (1, an_error(422, "parameter_validation_error"), Declined, "parameter_validation_error"),
    (2, an_error(422, "parameter_validation_error"), InDoubt, "parameter_validation_error"),
    (1, answer(422, {"details": 1}), Declined, "parameter_validation_error"),
    (1, an_error(500, "api_error"), InDoubt, "api_error"),
    (1, httpx.Response(502, text="<html>"), InDoubt, "api_error"),
    (1, httpx.Response(302), InDoubt, "UNREADABLE"),
    (1, answer(409), InDoubt, "UNREADABLE"),
    (1, httpx.Response(200, text="<html>"), InDoubt, "UNREADABLE"),
    (1, answer(200, {}), InDoubt, "UNREADABLE"),
    (1, answer(200, an_order(id="ord_other")), InDoubt, "UNREADABLE"),
    (1, answer(200, an_order(currency="USD")), InDoubt, "UNREADABLE"),
    (1, answer(200, an_order(a_refund("before"))), InDoubt, "UNREADABLE"),
    (1, answer(200, an_order(a_refund(amount=-790))), InDoubt, "UNREADABLE"),
]


@pytest.mark.parametrize(("attempt", "said", "meaning", "code"), ERRORS)
def test_what_an_answer_means(attempt: int, said: httpx.Response, meaning: type[Outcome], code: str) -> None:
    outcome = CONEKTA.read_refund(replace(ORDER, attempt=attempt), said)
    assert (type(outcome), outcome.code) == (meaning, code)


def test_a_refusal_of_a_second_send_is_looked_up() -> None:
    outcome = CONEKTA.read_refund(replace(ORDER, attempt=2), an_error(422, "parameter_validation_error"))
    assert isinstance(outcome, InDoubt)
    assert outcome.refusal


def test_of_two_new_refunds_the_answer_made_the_newest_and_a_look_up_cannot_tell() -> None:
    body = an_order(a_refund("theirs", created_at=CREATED - 60), a_refund())
    answered = CONEKTA.read_refund(ORDER, answer(200, body))
    assert isinstance(answered, Succeeded)
    assert answered.pse_refund_reference == "ours"
    asked = CONEKTA.read_look_up(ORDER, answer(200, body))
    assert isinstance(asked, InDoubt)
    assert (asked.code, asked.needs_person) == ("ECHO_MISMATCH", True)


def test_a_look_up_says_unknown_only_of_a_whole_list() -> None:
    listed = an_order(a_refund("before"), a_refund("other", -1))
    outcome = CONEKTA.read_look_up(ORDER, answer(200, listed))
    assert (type(outcome), outcome.code) == (Unsent, "NOT_LISTED")
    cut = an_order(charges=a_list(has_more=True))
    for said in (answer(200, cut), answer(404), answer(401), answer(429), answer(500), answer(200, [])):
        assert isinstance(CONEKTA.read_look_up(ORDER, said), InDoubt)


def test_a_refund_that_is_gone_or_another_is_a_persons_to_sort_out() -> None:
    for body, code in ((an_order(), "REFUND_GONE"), (an_order(a_refund(amount=-790)), "ECHO_MISMATCH")):
        outcome = CONEKTA.read_look_up(KNOWN, answer(200, body))
        assert isinstance(outcome, InDoubt)
        assert (outcome.code, outcome.needs_person) == (code, True)


_keys = st.sampled_from(["id", "object", "amount", "currency", "status", "created_at", "charges", "details", "type"])
_changed = st.dictionaries(_keys, JSON)
_bodies = (
    JSON
    | _changed
    | _changed.map(lambda changed: {**an_order(a_refund()), **changed})
    | _changed.map(lambda changed: an_order({**a_refund(), **changed}))
)


@given(
    st.integers(100, 599),
    st.binary(max_size=60) | _bodies.map(lambda body: json.dumps(body).encode()),
    st.integers(1, 3),
    st.booleans(),
)
def test_nothing_that_a_server_can_send_breaks_the_reading(
    status: int, body: bytes, attempt: int, succeeded: bool
) -> None:
    for order in (ORDER, KNOWN):
        check_reading(CONEKTA, order, status, body, attempt=attempt, succeeded=succeeded)


# Payments

START = datetime.fromtimestamp(CREATED, UTC) - timedelta(hours=6)
DAY = Period("https://api.conekta.io", START, START + timedelta(days=1), "America/Mexico_City")


def play(steps: Generator[Any, httpx.Response, Any], answers: list[httpx.Response]) -> tuple[Any, list[httpx.Request]]:
    asked = [next(steps)]
    try:
        for one in answers:
            asked.append(steps.send(one))
    except StopIteration as done:
        return done.value, asked
    raise AssertionError("The listing wants more pages than there are.")


def a_page(*listed: object, following: str | None = None) -> httpx.Response:
    more = {"has_more": True, "next_page_url": f"https://evil.example/x?limit=1&next={following}"} if following else {}
    return answer(200, a_list(*listed, **more))


def test_the_orders_that_were_paid_in_the_period_are_listed_with_their_refunds() -> None:
    early = an_order(id="ord_early")
    early["charges"]["data"][0]["paid_at"] = CREATED - 86_400
    unpaid = an_order(id="ord_unpaid")
    unpaid["charges"]["data"][0]["paid_at"] = None
    other = an_order(id="ord_other")
    other["charges"]["data"][0]["payment_method"] = {"object": "bnpl_payment"}
    answers = [a_page(an_order(a_refund()), early, following="ord_early"), a_page(unpaid, other)]
    (payment,), asked = play(CONEKTA.payments(DAY), answers)
    assert (payment.reference, payment.method, payment.amount) == ("ord_2Ab", Method.CARD, Money(10_000, "MXN"))
    assert [(one.reference, type(one.outcome)) for one in payment.refunds] == [("ours", Succeeded)]
    first, second = (dict(request.url.params) for request in asked)
    assert first["updated_at.gte"] == str(int(DAY.start.timestamp()))
    assert second == {**first, "next": "ord_early"}
    assert {request.url.host for request in asked} == {"api.conekta.io"}


@pytest.mark.parametrize(
    "said",
    [
        answer(404),
        answer(200, {}),
        answer(200, a_list(7)),
        answer(200, {"data": []}),
        answer(200, a_list(has_more=True)),
        answer(200, a_list(has_more=True, next_page_url="https://[")),
        a_page(an_order(charges=a_list(has_more=True))),
        a_page(an_order(a_refund(status="another"))),
        a_page(an_order(currency="pesos")),
    ],
)
def test_a_broken_page_says_so(said: httpx.Response) -> None:
    with pytest.raises(BadAnswer):
        play(CONEKTA.payments(DAY), [said])


def test_an_order_in_a_currency_that_we_do_not_know_does_not_hold_up_the_others() -> None:
    listed, _ = play(CONEKTA.payments(DAY), [a_page(an_order(currency="INR"), an_order(id="ord_3"))])
    assert [payment.reference for payment in listed] == ["ord_3"]


def test_a_listing_that_goes_round_in_a_circle_ends() -> None:
    page = a_page(an_order(), following="ord_2Ab")
    with pytest.raises(BadAnswer, match="nothing new"):
        play(CONEKTA.payments(DAY), [page] * 3)


def test_one_payment_is_read_with_its_refunds() -> None:
    found = CONEKTA.read_payment(answer(200, an_order(a_refund(status="declined"))))
    assert found is not None
    assert isinstance(found.refunds[0].outcome, Declined)
    assert CONEKTA.read_payment(answer(404)) is None
    for said in (answer(500), answer(200, {}), answer(200, an_order(charges=None))):
        with pytest.raises(BadAnswer):
            CONEKTA.read_payment(said)


# The report


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


# Webhooks

KEY, OLD_KEY = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


CREDENTIALS = Credentials(
    "https://api.conekta.io",
    "company",
    {"api_key": "key_k", "webhook_public_key": pem(KEY), "old_webhook_public_key": pem(OLD_KEY)},
)


def event(kind: str, about: object) -> bytes:
    return json.dumps({"id": "e1", "object": "event", "type": kind, "data": {"object": about}}).encode()


def hook(body: bytes, digest: str | None = None) -> WebhookRequest:
    return WebhookRequest("POST", "/webhooks/1", "", {} if digest is None else {"digest": digest}, body)


def signature(body: bytes, key: rsa.RSAPrivateKey = KEY) -> str:
    return base64.b64encode(key.sign(body, PKCS1v15(), SHA256())).decode()


BODY = event("order.refunded", an_order(a_refund()))


@pytest.mark.parametrize("key", [KEY, OLD_KEY], ids=["new", "old"])
def test_a_webhook_signed_with_the_key_or_the_one_before_is_authentic(key: rsa.RSAPrivateKey) -> None:
    CONEKTA.verify_webhook(CREDENTIALS, hook(BODY, signature(BODY, key)), NOW)


def test_a_key_with_written_line_breaks_is_read() -> None:
    secrets = {"api_key": "k", "webhook_public_key": pem(KEY).replace("\n", "\\n")}
    CONEKTA.verify_webhook(replace(CREDENTIALS, secrets=secrets), hook(BODY, signature(BODY)), NOW)


@pytest.mark.parametrize(
    "digest",
    [
        None,
        "",
        "%%%",
        "é",
        "AAAA",
        signature(BODY + b" "),
        signature(BODY, rsa.generate_private_key(public_exponent=65537, key_size=2048)),
    ],
    ids=["missing", "empty", "no base64", "no ASCII", "too short", "of another body", "by another key"],
)
def test_a_webhook_that_is_not_proven_is_nobodys(digest: str | None) -> None:
    with pytest.raises(BadSignature):
        CONEKTA.verify_webhook(CREDENTIALS, hook(BODY, digest), NOW)


@pytest.mark.parametrize(
    "key", ["", "no pem", pem(ec.generate_private_key(ec.SECP256R1()))], ids=["none", "no PEM", "no RSA"]
)
def test_without_a_key_of_ours_no_webhook_is_authentic(key: str) -> None:
    secrets = {"api_key": "k", "webhook_public_key": key}
    with pytest.raises(BadSignature):
        CONEKTA.verify_webhook(replace(CREDENTIALS, secrets=secrets), hook(BODY, signature(BODY)), NOW)


def test_an_event_only_makes_us_ask_about_each_refund_of_its_order() -> None:
    order = an_order(a_refund("a"), a_refund("b", status="pending"))
    for body in (event("order.partially_refunded", order), event("charge.refunded", order["charges"]["data"][0])):
        assert CONEKTA.read_webhook(hook(body)) == [TellsOfRefund("ord_2Ab", None, name, None) for name in ("a", "b")]


@pytest.mark.parametrize(
    "body",
    [event("order.pending_payment", an_order()), event("webhook_ping", {}), event("customer.created", {"object": "c"})],
)
def test_other_events_move_nothing(body: bytes) -> None:
    (told,) = CONEKTA.read_webhook(hook(body))
    assert isinstance(told, NotUnderstood)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        event("order.refunded", None),
        event("order.refunded", an_order(7)),
        event("order.refunded", an_order(a_refund(), id=None)),
        event("order.refunded", an_order({"id": 7})),
        event("charge.refunded", {"object": "charge", "refunds": a_list(has_more=True)}),
    ],
)
def test_an_unreadable_webhook_says_what_is_wrong(body: bytes) -> None:
    with pytest.raises(BadNotice):
        CONEKTA.read_webhook(hook(body))


# Words


def test_every_code_that_can_come_is_explained_in_every_language() -> None:
    said = [CONEKTA.read_look_up(KNOWN, answer(200, an_order(a_refund(status=status)))) for status, _, _ in STATUSES]
    said += [CONEKTA.read_refund(replace(ORDER, attempt=attempt), one) for attempt, one, _, _ in ERRORS]
    said += [CONEKTA.read_look_up(order, answer(200, an_order())) for order in (ORDER, KNOWN)]
    said.append(CONEKTA.read_look_up(KNOWN, answer(200, an_order(a_refund(amount=-1)))))
    codes = {outcome.code for outcome in said if outcome.code is not None}
    assert codes >= {"NOT_LISTED", "REFUND_GONE", "ECHO_MISMATCH", "api_error", "processing_error"}
    known = explanations.of_pse("conekta")
    for code in codes:
        assert set(known[code].meaning) == set(known[code].action) == set(LOCALES)
        assert all([*known[code].meaning.values(), *known[code].action.values()])


def test_what_conekta_cannot_refund_says_why_and_what_else() -> None:
    for method in (Method.OXXO, Method.SPEI):
        able = CONEKTA.capabilities[method]
        assert able.route is Route.PAYOUT_WITH_DESTINATION
        assert able.reason
        assert able.instead


def test_personal_data_and_secrets_are_scrubbed() -> None:
    order = an_order(
        customer_info={
            "email": "ana@example.com",
            "name": 'Ana "A" Lima',
            "phone": "+52155",
            "tax_id": "XAXX010101000",
        },
        shipping_contact={"receiver": "Bia", "address": {"street1": "Nuevo Leon 4", "postal_code": "06100"}},
        payment_method={"last4": "4607", "auth_code": 867372, "clabe": "646180111805034237"},
    )
    scrubbed = CONEKTA.scrub(json.dumps(order) + " Bearer key_c4n4ry key_c4n4ry")
    for secret in ("ana@", "Lima", "+52155", "XAXX", "Bia", "Nuevo", "06100", "4607", "867372", "64618011", "c4n4ry"):
        assert secret not in scrubbed
    assert '"amount": 10000' in scrubbed


def test_the_id_of_a_failed_exchange_is_kept_for_conektas_support() -> None:
    assert CONEKTA.request_id(an_error(422, "parameter_validation_error")) == "log1"
    assert CONEKTA.request_id(answer(200, an_order())) is None
    assert CONEKTA.request_id(answer(500)) is None
