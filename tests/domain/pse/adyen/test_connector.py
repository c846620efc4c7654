"""The Adyen connector without a network: what it sends, what each answer means, what it hides."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.languages import LOCALES
from domain.money import EXPONENTS, Money, MoneyError
from domain.pse import explanations
from domain.pse.adyen import amounts
from domain.pse.adyen.connector import Adyen
from domain.pse.capabilities import LookUp, Route
from domain.pse.vocabulary import (
    Accepted,
    Credentials,
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
from tests.domain.pse.fuzz import JSON
from tests.schemas import adyen as schemas

ADYEN = Adyen()
ACCOUNT = "LojaBR"
PAYMENT, REFUND = "PAYMENTREFERENCE", "REFUNDREFERENCE1"
ORDER = RefundOrder(
    base_url="https://checkout-test.adyen.com/v72",
    reference="abcdefghij0123456789",
    payment_reference=PAYMENT,
    pse_refund_reference=None,
    method=Method.PIX,
    amount=Money(789, "BRL"),
    captured=Money(10_000, "BRL"),
    attempt=1,
    succeeded=False,
    description="Cliente CPF 123.456.789-09 devolveu",
    client_id=ACCOUNT,
)


def _received(**more: Any) -> dict[str, Any]:
    return {
        "merchantAccount": ACCOUNT,
        "paymentPspReference": PAYMENT,
        "pspReference": REFUND,
        "reference": ORDER.reference,
        "status": "received",
        "amount": {"currency": "BRL", "value": 789},
        **more,
    }


def _answer(status: int, body: object = None, **headers: str) -> httpx.Response:
    return httpx.Response(status, json=body, headers={name.replace("_", "-"): told for name, told in headers.items()})


def _error(status: int, code: str, kind: str = "validation") -> httpx.Response:
    return _answer(status, {"status": status, "errorCode": code, "message": "m", "errorType": kind})


def test_the_request_is_what_the_spec_says_and_tells_nothing_of_the_customer() -> None:
    request = ADYEN.refund(ORDER)
    assert request.method == "POST"
    assert str(request.url) == f"https://checkout-test.adyen.com/v72/payments/{PAYMENT}/refunds"
    assert request.headers["idempotency-key"] == ORDER.reference
    body = json.loads(request.content)
    schemas.check(schemas.REFUND_REQUEST, body)
    assert body["amount"] == {"currency": "BRL", "value": 789}
    assert (body["merchantAccount"], body["reference"]) == (ACCOUNT, ORDER.reference)
    assert b"123.456.789-09" not in request.content


def test_the_same_order_is_the_same_bytes_on_every_attempt() -> None:
    one, two = ADYEN.refund(ORDER), ADYEN.refund(replace(ORDER, attempt=2))
    assert (one.content, one.headers["idempotency-key"]) == (two.content, two.headers["idempotency-key"])


def test_a_reference_with_strange_characters_stays_one_segment_of_the_path() -> None:
    url = ADYEN.refund(replace(ORDER, payment_reference="a/../b?c")).url
    assert url.raw_path == b"/v72/payments/a%2F..%2Fb%3Fc/refunds"


# Amounts


def test_the_peso_of_chile_has_two_decimals_on_the_wire_and_none_in_the_books() -> None:
    body = json.loads(ADYEN.refund(replace(ORDER, amount=Money(1_990, "CLP"))).content)
    assert body["amount"] == {"currency": "CLP", "value": 199_000}
    assert amounts.read({"currency": "CLP", "value": 199_000}) == Money(1_990, "CLP")
    with pytest.raises(MoneyError, match="whole amount of CLP"):
        amounts.read({"currency": "CLP", "value": 199_050})


@given(st.sampled_from(sorted(EXPONENTS)), st.integers(0, 10**15))
def test_every_amount_comes_back_from_the_wire_as_it_went(currency: str, minor_units: int) -> None:
    money = Money(minor_units, currency)
    assert amounts.read(amounts.wire(money)) == money


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        {},
        {"currency": "BRL"},
        {"currency": "BRL", "value": 1.5},
        {"currency": "BRL", "value": True},
        {"currency": "BRL", "value": -1},
        {"currency": "BRL", "value": "1.5"},
        {"currency": "BRL", "value": "-1"},
        {"currency": "XXX", "value": 1},
        {"currency": None, "value": 1},
        {"currency": ["BRL"], "value": 1},
        {"currency": "BRL", "value": 10**30},
    ],
)
def test_what_is_no_amount_is_refused(told: object) -> None:
    with pytest.raises(MoneyError):
        amounts.read(told)


# Answers


def test_received_is_accepted_and_no_more() -> None:
    assert ADYEN.read_refund(ORDER, _answer(201, _received())) == Accepted(REFUND, "received")


@pytest.mark.parametrize(
    ("attempt", "answer", "meaning"),
    [
        (1, _error(422, "167"), Declined),
        (1, _error(422, "14_030"), Declined),
        (1, _error(400, "702"), Declined),
        (2, _error(422, "167"), InDoubt),
        (2, _error(400, "702"), InDoubt),
        (1, _error(422, "704"), InDoubt),
        (2, _error(422, "704"), InDoubt),
        (1, _error(401, "000", "security"), Unsent),
        (2, _error(401, "000", "security"), Unsent),
        (1, _error(403, "901", "security"), Unsent),
        (1, httpx.Response(403), Unsent),
        (1, httpx.Response(429), Unsent),
        (1, _error(500, "905", "configuration"), InDoubt),
        (1, httpx.Response(502, text="<html>"), InDoubt),
        (1, httpx.Response(422, text="<html>"), InDoubt),
        (1, httpx.Response(400), InDoubt),
        (1, httpx.Response(404), InDoubt),
        (1, httpx.Response(302, headers={"location": "/x"}), InDoubt),
        (1, httpx.Response(201), InDoubt),
        (1, _answer(201, []), InDoubt),
        (1, _answer(201, {}), InDoubt),
        (1, _answer(201, _received(status="done")), InDoubt),
        (1, _answer(201, _received(pspReference=None)), InDoubt),
        (1, _answer(201, _received(pspReference="")), InDoubt),
    ],
)
def test_what_an_answer_means(attempt: int, answer: httpx.Response, meaning: type[Outcome]) -> None:
    assert type(ADYEN.read_refund(replace(ORDER, attempt=attempt), answer)) is meaning


def test_what_adyen_marks_as_transient_is_sent_again_and_not_declined() -> None:
    answer = _error(422, "167")
    answer.headers["Transient-Error"] = "true"
    assert isinstance(ADYEN.read_refund(ORDER, answer), InDoubt)


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": {"currency": "BRL", "value": 788}},
        {"amount": {"currency": "USD", "value": 789}},
        {"amount": None},
        {"paymentPspReference": "OTHERPAYMENT0000"},
        {"reference": "another-reference"},
        {"merchantAccount": "OtherAccount"},
    ],
)
def test_another_refund_under_our_key_is_a_persons_to_sort_out(wrong: dict[str, Any]) -> None:
    outcome = ADYEN.read_refund(ORDER, _answer(201, _received(**wrong)))
    assert isinstance(outcome, InDoubt)
    assert (outcome.code, outcome.needs_person) == ("ECHO_MISMATCH", True)


_keys = st.sampled_from([*_received(), "errorCode", "message", "errorType"])


@given(
    st.integers(100, 599),
    st.binary(max_size=60)
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(_keys, JSON).map(lambda value: json.dumps({**_received(), **value}).encode()),
    st.integers(1, 3),
    st.booleans(),
)
def test_nothing_that_a_server_can_send_breaks_the_reading(
    status: int, body: bytes, attempt: int, succeeded: bool
) -> None:
    order, answer = replace(ORDER, attempt=attempt, succeeded=succeeded), httpx.Response(status, content=body)
    outcome = ADYEN.read_refund(order, answer)
    assert isinstance(outcome, Accepted | Succeeded | Declined | Returned | Unsent | InDoubt)
    assert not isinstance(outcome, Declined) or (status in (400, 422) and attempt == 1)
    assert isinstance(ADYEN.read_look_up(order, answer), InDoubt)
    assert (
        explanations.explain("adyen", getattr(outcome, "code", "")) or status in (400, 401, 403, 422) or status >= 500
    )


@pytest.mark.parametrize("status", [100, 202, 302, 404, 418])
def test_a_code_with_a_status_that_adyen_publishes_no_errors_for_is_kept_in_the_words_alone(status: int) -> None:
    outcome = ADYEN.read_refund(ORDER, _error(status, "0"))
    assert isinstance(outcome, InDoubt)
    assert (outcome.code, "errorCode '0'" in outcome.message) == ("UNREADABLE", True)


def test_nothing_can_be_asked_about() -> None:
    assert ADYEN.look_up(ORDER) is None
    assert ADYEN.look_up_payment(ORDER.base_url, PAYMENT) is None
    assert ADYEN.snapshot(ORDER) is None
    period = Period(ORDER.base_url, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC), "UTC")
    with pytest.raises(StopIteration) as ended:
        next(ADYEN.payments(period))
    assert ended.value.value == []


# Access


async def _sent(url: str, **secrets: str) -> httpx.Request:
    auth = ADYEN.auth(Credentials(ORDER.base_url, ACCOUNT, {"api_key": "key-of-the-api", **secrets}))
    transport = httpx.MockTransport(lambda request: httpx.Response(200, request=request))
    async with httpx.AsyncClient(transport=transport) as client:
        return (await client.get(url, auth=auth)).request


async def test_the_api_key_goes_to_the_api_and_the_report_user_to_the_reports() -> None:
    own = {"report_user": "report@Company.Loja", "report_password": "secret"}
    to_api = await _sent(f"{ORDER.base_url}/payments/x/refunds", **own)
    to_reports = await _sent("https://ca-test.adyen.com/reports/x.csv", **own)
    alone = await _sent("https://ca-test.adyen.com/reports/x.csv")
    assert (to_api.headers.get("x-api-key"), to_api.headers.get("authorization")) == ("key-of-the-api", None)
    assert to_reports.headers.get("x-api-key") is None
    assert to_reports.headers["authorization"].startswith("Basic ")
    assert alone.headers["x-api-key"] == "key-of-the-api"


# Tables


def test_every_method_of_the_fact_sheet_is_in_the_table() -> None:
    able = ADYEN.capabilities
    assert set(able) == {Method.CARD, Method.PIX, Method.BOLETO, Method.OXXO}
    assert all(one.look_up is LookUp.NONE for one in able.values())
    for method in (Method.BOLETO, Method.OXXO):
        assert (able[method].route, able[method].destinations) == (Route.PAYOUT_WITH_DESTINATION, ())
        assert able[method].reason
        assert able[method].instead


_CODES = (
    "000 010 100 137 138 167 702 704 901 905 14_030 HTTP_401 HTTP_403 HTTP_5XX UNREADABLE TOO_MANY_REQUESTS "
    "ECHO_MISMATCH received REFUND REFUND_REFUSED REFUND_FAILED REFUNDED_REVERSED POSTPONED_REFUND"
)
CODES = _CODES.split()


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_explained_in_every_language(code: str) -> None:
    found = explanations.explain("adyen", code)
    assert found is not None
    assert set(found.meaning) == set(found.action) == set(LOCALES)
    assert all(found.meaning.values())
    assert found.source


def test_the_table_explains_nothing_that_nobody_says() -> None:
    common = set(explanations.of_pse("nobody"))
    assert set(explanations.of_pse("adyen")) - common <= set(CODES)


# Words


def test_personal_data_and_secrets_are_scrubbed() -> None:
    text = (
        '{"additionalData.cardHolderName": "Ana Canary", "shopperEmail":"a@b.c", '
        '"socialSecurityNumber" : "98765432100", "api_key": "AQEcanary\\"quoted", '
        '"message": "Invalid social security number 12345678909 or 123.456.789-09", '
        '"cnpj": "of 12.345.678/0001-95", "amount": {"value": 12345678901, "currency": "BRL"}, '
        '"pspReference": "8816178280275544"} X-API-Key: AQEheader Basic dXNlcjpwYXNz https://user:pass@adyen.com/x '
        "password=hunter2&api_key=AQEquery"
    )
    scrubbed = ADYEN.scrub(text)
    canaries = "Canary a@b.c 98765432100 AQEcanary quoted 12345678909 123.456.789-09 0001-95 AQEheader dXNlcjpwYXNz"
    for canary in (*canaries.split(), "user:pass", "hunter2", "AQEquery"):
        assert canary not in scrubbed
    assert '"value": 12345678901' in scrubbed
    assert "8816178280275544" in scrubbed


def test_adyens_own_id_of_the_exchange_is_kept_for_support() -> None:
    assert ADYEN.request_id(_answer(201, {}, pspReference="FROMTHEHEADER000")) == "FROMTHEHEADER000"
    assert ADYEN.request_id(_answer(422, {"pspReference": "FROMTHEBODY00000"})) == "FROMTHEBODY00000"
    assert ADYEN.request_id(httpx.Response(200, text="x")) is None
