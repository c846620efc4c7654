"""The Mercado Pago connector without a network: what it sends, what each answer means, and what it leaves in logs."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.languages import LOCALES
from domain.money import Money
from domain.pse import explanations
from domain.pse.capabilities import Route
from domain.pse.mercadopago import objects
from domain.pse.vocabulary import (
    Accepted,
    BadAnswer,
    Declined,
    InDoubt,
    Method,
    Outcome,
    Period,
    RefundOrder,
    Returned,
    Succeeded,
    Unsent,
)
from tests.domain.pse.fuzz import JSON, check_reading
from tests.domain.pse.mercadopago.answers import ANY_OBJECT, CREDENTIALS, PSE, SECRET
from tests.schemas import mercadopago as schemas

ORDER = RefundOrder(
    base_url="https://api.example.com",
    reference="abcdefghij0123456789",
    payment_reference="17014025134",
    pse_refund_reference=None,
    method=Method.PIX,
    amount=Money(5880, "BRL"),
    captured=Money(10_000, "BRL"),
    attempt=1,
    succeeded=False,
)
CREATED = datetime(2026, 11, 23, 12, 0, 1, 500_000, tzinfo=UTC)


def _refund(status: str = "approved", **more: Any) -> dict[str, Any]:
    return {
        "id": 1091618291,
        "payment_id": 17014025134,
        "amount": 58.80,
        "date_created": "2026-11-23T09:00:01.500-03:00",
        "status": status,
        **more,
    }


def _answer(status: int, body: object = None) -> httpx.Response:
    return httpx.Response(status, json=body)


def _problem(status: int, code: int | str | None) -> httpx.Response:
    cause = [] if code is None else [{"code": code, "description": "why"}]
    return _answer(status, {"message": "m", "error": "bad_request", "status": status, "cause": cause})


# Sending


def test_the_request_is_what_the_documents_say() -> None:
    request = PSE.refund(ORDER)
    assert request.method == "POST"
    assert str(request.url) == "https://api.example.com/v1/payments/17014025134/refunds"
    assert request.headers["x-idempotency-key"] == ORDER.reference
    assert request.headers["x-render-in-process-refunds"] == "true"
    assert request.headers["content-type"] == "application/json"
    schemas.check(schemas.REFUND_REQUEST, json.loads(request.content))


def test_a_whole_refund_names_its_amount_too() -> None:
    assert PSE.refund(replace(ORDER, amount=ORDER.captured)).content == b'{"amount":100.00}'


@given(st.integers(1, 2**63 - 1), st.sampled_from(["BRL", "CLP", "MXN", "COP", "PYG"]))
def test_every_amount_is_sent_and_read_exactly(minor_units: int, currency: str) -> None:
    order = replace(ORDER, amount=Money(minor_units, currency))
    sent = json.loads(PSE.refund(order).content, parse_float=Decimal)["amount"]
    assert (currency in ("CLP", "PYG")) is isinstance(sent, int)
    echo = json.dumps(_refund(amount="@")).replace('"@"', str(sent)).encode()
    assert PSE.read_refund(order, httpx.Response(201, content=echo)) == Succeeded("1091618291", CREATED, "approved")


@pytest.mark.parametrize("written", ["15990", "15990.0", "15990.00", "1.599e4"])
def test_an_amount_without_decimals_is_read_however_it_is_written(written: str) -> None:
    body = json.dumps(_refund(amount="@")).replace('"@"', written).encode()
    order = replace(ORDER, amount=Money(15_990, "CLP"))
    assert isinstance(PSE.read_refund(order, httpx.Response(201, content=body)), Succeeded)


# Answers


def test_the_statuses_of_a_refund_are_read() -> None:
    reference = "1091618291"
    assert PSE.read_refund(ORDER, _answer(201, _refund())) == Succeeded(reference, CREATED, "approved")
    assert PSE.read_refund(ORDER, _answer(201, _refund("in_process"))) == Accepted(reference, "in_process")
    rejected = PSE.read_refund(ORDER, _answer(201, _refund("rejected")))
    assert rejected == Declined("rejected", "Mercado Pago rejected the refund.", reference)
    assert PSE.read_refund(ORDER, _answer(201, _refund("another"))) == Accepted(reference, "UNKNOWN_STATUS")


def test_rejected_after_success_means_that_the_money_came_back() -> None:
    order = replace(ORDER, succeeded=True, pse_refund_reference="1091618291")
    assert isinstance(PSE.read_look_up(order, _answer(200, [_refund("rejected")])), Returned)


def test_a_replay_is_a_doubt_that_the_listing_ends() -> None:
    doubt = PSE.read_refund(replace(ORDER, attempt=2), httpx.Response(200))
    assert isinstance(doubt, InDoubt)
    assert (doubt.code, doubt.refusal) == ("REPLAYED", False)
    assert isinstance(PSE.read_look_up(replace(ORDER, attempt=2), _answer(200, [_refund()])), Succeeded)


@pytest.mark.parametrize("code", [2017, 2063, 2085, 4040, 4041, 4292, 2000, 2024, 15016, 3024, 2022])
@pytest.mark.parametrize("kind", [int, str])
def test_a_final_refusal_is_final_on_the_first_attempt_only(code: int, kind: type[int | str]) -> None:
    status = 404 if code in (2000, 2024, 15016, 3024) else 400
    answer = _problem(status, kind(code))
    assert PSE.read_refund(ORDER, answer) == Declined(str(code), f"{code}: why: m: bad_request")
    later = PSE.read_refund(replace(ORDER, attempt=2), answer)
    assert later == InDoubt(str(code), f"{code}: why: m: bad_request", refusal=True)


@pytest.mark.parametrize(
    ("attempt", "answer", "meaning", "code"),
    [
        (1, _problem(400, 2030), Unsent, "2030"),
        (5, _problem(402, "2031"), Unsent, "2031"),
        (3, _problem(400, 2084), Unsent, "2084"),
        (4, _problem(400, 2084), InDoubt, "2084"),
        (1, _problem(400, 4296), InDoubt, "4296"),
        (1, _problem(404, 2032), InDoubt, "2032"),
        (1, _problem(400, 99999), InDoubt, "UNKNOWN_ANSWER"),
        (1, _problem(400, None), InDoubt, "UNKNOWN_ANSWER"),
        (1, _answer(400, {"message": "m", "cause": {"code": 2017}}), Declined, "2017"),
        (1, _answer(401, {"message": "invalid access token"}), Unsent, "ACCESS_REFUSED"),
        (1, _answer(403), Unsent, "ACCESS_REFUSED"),
        (1, _answer(429), Unsent, "TOO_MANY_REQUESTS"),
        (1, _problem(500, None), InDoubt, "SERVER_ERROR"),
        (1, _problem(503, 2017), InDoubt, "SERVER_ERROR"),
        (1, _answer(302), InDoubt, "UNKNOWN_ANSWER"),
        (1, _answer(201, []), InDoubt, "UNREADABLE"),
        (1, _answer(201, {"id": 1}), InDoubt, "UNREADABLE"),
        (1, _answer(201, _refund(amount="58.80")), InDoubt, "UNREADABLE"),
        (1, _answer(201, _refund(amount=58.801)), InDoubt, "UNREADABLE"),
        (1, _answer(201, _refund(amount=True)), InDoubt, "UNREADABLE"),
        (1, _answer(201, _refund(id=True)), InDoubt, "UNREADABLE"),
        (1, httpx.Response(201, text="<html>"), InDoubt, "UNREADABLE"),
        (1, httpx.Response(201, text="[" * 100_000), InDoubt, "UNREADABLE"),
        (1, httpx.Response(201, text='{"id": 1, "amount": NaN}'), InDoubt, "UNREADABLE"),
        (1, httpx.Response(201, text='{"id":1,"payment_id":1,"status":"","amount":1e99999}'), InDoubt, "UNREADABLE"),
    ],
)  # fmt: skip
def test_what_an_answer_means(attempt: int, answer: httpx.Response, meaning: type[Outcome], code: str) -> None:
    outcome = PSE.read_refund(replace(ORDER, attempt=attempt), answer)
    assert (type(outcome), getattr(outcome, "code", None)) == (meaning, code)
    if isinstance(outcome, InDoubt):
        assert outcome.refusal is (400 <= answer.status_code < 500)


@pytest.mark.parametrize("wrong", [{"amount": 58.81}, {"payment_id": 2}])
def test_another_refund_than_ours_is_a_persons_to_sort_out(wrong: dict[str, Any]) -> None:
    named = replace(ORDER, pse_refund_reference="1091618291")
    answers = (
        PSE.read_refund(ORDER, _answer(201, _refund(**wrong))),
        PSE.read_look_up(named, _answer(200, [_refund(**wrong)])),
    )
    for outcome in answers:
        assert isinstance(outcome, InDoubt)
        assert (outcome.code, outcome.needs_person) == ("ECHO_MISMATCH", True)


# Looking up


def test_the_refund_that_was_not_there_before_is_ours() -> None:
    listed = [_refund(id=1), _refund(id=2, amount=1), _refund(id=3)]
    order = replace(ORDER, not_ours=frozenset(["1"]))
    assert PSE.read_look_up(order, _answer(200, listed)) == Succeeded("3", CREATED, "approved")
    assert PSE.read_snapshot(ORDER, _answer(200, listed)) == {"1", "2", "3"}


def test_a_list_without_ours_means_that_it_never_arrived() -> None:
    for listed in ([], [_refund(id=2, amount=1)]):
        assert isinstance(PSE.read_look_up(ORDER, _answer(200, listed)), Unsent)


def test_two_that_could_be_ours_are_a_persons_to_tell_apart() -> None:
    outcome = PSE.read_look_up(ORDER, _answer(200, [_refund(id=1), _refund(id=2)]))
    assert isinstance(outcome, InDoubt)
    assert (outcome.code, outcome.needs_person) == ("SEVERAL_LISTED", True)


def test_a_refund_that_is_listed_no_more_is_not_unknown() -> None:
    outcome = PSE.read_look_up(replace(ORDER, pse_refund_reference="7"), _answer(200, [_refund()]))
    assert isinstance(outcome, InDoubt)
    assert outcome.code == "LISTED_NO_MORE"


@pytest.mark.parametrize(
    "answer",
    [_answer(200, {}), _answer(200, [{}]), _answer(200, [1]), httpx.Response(200), _problem(404, 2000), _answer(401)],
)
def test_a_look_up_that_is_no_list_says_nothing(answer: httpx.Response) -> None:
    assert isinstance(PSE.read_look_up(ORDER, answer), InDoubt)


def test_a_payment_that_is_not_known_has_no_refunds_and_a_broken_list_is_refused() -> None:
    assert PSE.read_snapshot(ORDER, _problem(404, 2000)) == frozenset()
    with pytest.raises(BadAnswer):
        PSE.read_snapshot(ORDER, _answer(200, [{"amount": 1}]))


def _payment(**more: Any) -> dict[str, Any]:
    return {
        "id": 17014025134,
        "currency_id": "BRL",
        "date_approved": "2026-11-22T10:10:10.000-04:00",
        "payment_method_id": "pix",
        "payment_type_id": "bank_transfer",
        "external_reference": "order-1",
        "transaction_amount": 100,
        "transaction_amount_refunded": 58.8,
        "refunds": [_refund(), _refund("rejected", id=2), _refund("in_process", id=3, amount=1)],
        **more,
    }


def test_a_payment_is_read_with_its_refunds() -> None:
    payment = PSE.read_payment(_answer(200, _payment()))
    assert payment is not None
    assert (payment.reference, payment.amount, payment.method) == ("17014025134", Money(10_000, "BRL"), Method.PIX)
    assert [(one.reference, one.amount.minor_units, type(one.outcome)) for one in payment.refunds] == [
        ("1091618291", 5880, Succeeded),
        ("2", 5880, Declined),
        ("3", 100, Accepted),
    ]
    assert PSE.read_payment(_problem(404, 2000)) is None
    url = PSE.look_up_payment("https://api.example.com", "17014025134").url
    assert str(url) == "https://api.example.com/v1/payments/17014025134"


@pytest.mark.parametrize(
    "wrong",
    [
        {"refunds": None},
        {"refunds": [_refund(payment_id=3)]},
        {"refunds": []},  # although transaction_amount_refunded says that something left
        {"refunds": [{}]},
        {"currency_id": "XXX"},
        {"transaction_amount": "100"},
        {"date_approved": None},
        {"id": None},
    ],
)
def test_a_payment_that_does_not_add_up_is_asked_for_again(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer):
        PSE.read_payment(_answer(200, _payment(**wrong)))


@pytest.mark.parametrize(
    ("method", "kind", "known"),
    [
        ("bolbradesco", "ticket", Method.BOLETO),
        ("oxxo", "ticket", Method.OXXO),
        ("pse", "bank_transfer", Method.PSE_COLOMBIA),
        ("clabe", "bank_transfer", Method.SPEI),
        ("master", "credit_card", Method.CARD),
        ("debvisa", "debit_card", Method.CARD),
        ("account_money", "account_money", Method.BANK_TRANSFER),
    ],
)
def test_the_method_is_the_rail_or_the_kind(method: str, kind: str, known: Method) -> None:
    payment = PSE.read_payment(_answer(200, _payment(payment_method_id=method, payment_type_id=kind)))
    assert payment is not None
    assert payment.method is known


@given(
    st.integers(100, 599),
    st.binary(max_size=60)
    | JSON.map(lambda value: json.dumps(value).encode())
    | ANY_OBJECT.map(lambda value: json.dumps(value).encode())
    | st.lists(ANY_OBJECT, max_size=3).map(lambda value: json.dumps(value).encode()),
    st.integers(1, 5),
    st.booleans(),
)
def test_nothing_that_a_server_can_send_breaks_the_reading(
    status: int, body: bytes, attempt: int, succeeded: bool
) -> None:
    outcomes = check_reading(PSE, ORDER, status, body, attempt=attempt, succeeded=succeeded)
    assert status < 500 or not any(isinstance(outcome, Unsent) for outcome in outcomes)


def test_no_listing_of_payments_is_read() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(StopIteration) as ended:
        next(PSE.payments(Period("https://x", moment, moment, "UTC")))
    assert ended.value.value == []


# Facts and words


def test_every_code_that_the_connector_gives_is_explained() -> None:
    produced = objects.KNOWN_CODES | {
        "TOO_MANY_REQUESTS", "ACCESS_REFUSED", "SERVER_ERROR", "UNKNOWN_ANSWER", "REPLAYED", "UNREADABLE",
        "ECHO_MISMATCH", "NOT_LISTED", "SEVERAL_LISTED", "LISTED_NO_MORE", "approved", "in_process", "rejected",
        "UNKNOWN_STATUS",
    }  # fmt: skip
    known = explanations.of_pse("mercadopago")
    assert produced - set(known) == set()
    for code in produced:
        assert all(known[code].meaning[locale] and known[code].action[locale] for locale in LOCALES)


def test_the_methods_are_known_with_their_way_back() -> None:
    routes = {method: able.route for method, able in PSE.capabilities.items()}
    assert routes.pop(Method.OXXO) is Route.PAYOUT_WITH_DESTINATION
    assert set(routes) == {Method.PIX, Method.BOLETO, Method.CARD, Method.PSE_COLOMBIA}
    assert set(routes.values()) == {Route.ORIGINAL}
    oxxo = PSE.capabilities[Method.OXXO]
    assert oxxo.reason
    assert oxxo.instead
    assert PSE.capabilities[Method.PIX].window == timedelta(days=90)


def test_personal_data_and_secrets_are_scrubbed() -> None:
    document = {
        "payer": {"email": "ana@example.com", "identification": {"type": "CPF", "number": "12345678909"}},
        "card": {"cardholder": {"name": 'Ana "A" Silva', "identification": {"number": 98765432100}}},
        "first_name": "Anabela",
        "last_name": "Silveira",
        "phone": {"area_code": "11", "number": "987654321"},
        "address": {"street_name": "Rua Um", "street_number": "3003", "zip_code": "06233-200"},
        "amount": 58.8,
        "id": 17014025134,
    }
    text = json.dumps(document) + " Bearer abc.def-ghi APP_USR-4108-canary TEST-4108-canary access_token=c4n4ry"
    scrubbed = PSE.scrub(text)
    for secret in (
        "ana@example.com", "12345678909", "98765432100", "Ana", "Silva", "Silveira", "987654321", "Rua Um", "3003",
        "06233-200", "abc.def", "canary", "c4n4ry",
    ):  # fmt: skip
        assert secret not in scrubbed
    assert '"amount": 58.8' in scrubbed
    assert "17014025134" in scrubbed
    assert SECRET not in repr(CREDENTIALS)
