"""The dLocal connector without a network: what it sends, and what each answer means."""

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
from domain.pse.capabilities import LookUp, Route
from domain.pse.dlocal.auth import V2Hmac, given_signature, signature
from domain.pse.vocabulary import (
    Accepted,
    AccountDetails,
    Declined,
    DestinationKind,
    InDoubt,
    Method,
    Outcome,
    RefundOrder,
    Returned,
    Succeeded,
    Unsent,
)
from tests.domain.pse.dlocal.answers import CREDENTIALS, DLOCAL, ORDER, bodies, refund
from tests.domain.pse.fuzz import check_reading
from tests.schemas import dlocal as schemas

ERRORS = {
    403: ["3001", "3002", "3003"],
    404: ["4000", "4001"],
    400: ["5000", "5001", "5002", "5003", "5004", "5005", "5006", "5007", "5010", "5011", "5012", "5017"],
    429: ["6000"],
    500: ["7000"],
}


def _error(status: int, code: object, **more: Any) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "message": "no", **more})


def _body(order: RefundOrder) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DLOCAL.refund(order).content, parse_float=Decimal)
    return found


# What is sent


def test_the_request_is_what_dlocal_publishes() -> None:
    order = replace(ORDER, description="ü" * 300, webhook_url="https://hooks.example.com/webhooks/1")
    request = DLOCAL.refund(order)
    assert (request.method, str(request.url)) == ("POST", "https://sandbox.dlocal.com/refunds")
    assert request.headers["X-Idempotency-Key"] == ORDER.reference
    assert request.headers["User-Agent"]
    body = _body(order)
    schemas.check(schemas.REFUND_REQUEST, json.loads(request.content))
    assert body["order_refund_id"] == ORDER.reference
    assert body["notification_url"] == order.webhook_url
    assert b'"amount": 7.89,' in request.content


@given(st.integers(1, 10**17), st.sampled_from(["BRL", "CLP", "COP", "MXN", "PYG"]))
def test_every_amount_is_sent_as_the_exact_number_and_read_back(minor_units: int, currency: str) -> None:
    order = replace(ORDER, amount=Money(minor_units, currency))
    sent = _body(order)["amount"]
    assert Money.parse(str(sent), currency) == order.amount
    raw = json.dumps(refund(currency=currency)).replace("7.89", order.amount.decimal())
    assert DLOCAL.read_refund(order, httpx.Response(200, content=raw)) == Succeeded("REF42342", code="SUCCESS")


BR = {
    "holder_name": "Ana Maria da Silva",
    "holder_tax_id": "52998224725",
    "bank_code": "341",
    "branch": "0001",
    "account": "123456-7",
    "account_type": "CHECKING",
}


@pytest.mark.parametrize(
    ("kind", "values", "wanted"),
    [
        (
            DestinationKind.BR_BANK_ACCOUNT,
            BR,
            {"bank_code": "341", "bank_branch": "0001", "bank_account": "123456-7", "bank_account_type": "C"},
        ),
        (
            DestinationKind.BR_BANK_ACCOUNT,
            {**BR, "account_type": "PAYMENT"},  # dLocal has no word for it
            {"bank_code": "341", "bank_branch": "0001", "bank_account": "123456-7"},
        ),
        (
            DestinationKind.MX_CLABE,
            {"holder_name": BR["holder_name"], "holder_tax_id": BR["holder_tax_id"], "clabe": "002010077777777771"},
            {"bank": "Banamex", "bank_code": "002", "bank_account": "002010077777777771"},
        ),
        (
            DestinationKind.CO_BANK_ACCOUNT,
            {**BR, "branch": "", "account_type": "SAVINGS"},
            {"bank_code": "341", "bank_account": "123456-7", "bank_account_type": "S"},
        ),
    ],
)
def test_the_beneficiary_is_told_in_dlocals_fields(
    kind: DestinationKind, values: dict[str, str], wanted: dict[str, str]
) -> None:
    order = replace(ORDER, method=Method.BOLETO, destination=AccountDetails(kind, values))
    body = _body(order)
    schemas.check(schemas.REFUND_REQUEST, json.loads(DLOCAL.refund(order).content))
    told = {"beneficiary_name": "Ana", "beneficiary_lastname": "Maria da Silva", "document": BR["holder_tax_id"]}
    assert {name: value for name, value in body.items() if name.startswith(("beneficiary", "doc", "bank"))} == {
        **told,
        **wanted,
    }


def test_a_holder_with_one_name_has_no_last_name() -> None:
    order = replace(ORDER, destination=AccountDetails(DestinationKind.BR_BANK_ACCOUNT, {**BR, "holder_name": "Loja"}))
    assert "beneficiary_lastname" not in _body(order)


async def test_the_signature_covers_the_very_bytes_that_leave_and_the_moment_of_sending() -> None:
    left: list[httpx.Request] = []

    def take(request: httpx.Request) -> httpx.Response:
        left.append(request)
        return httpx.Response(200)

    async with httpx.AsyncClient(transport=httpx.MockTransport(take), auth=DLOCAL.auth(CREDENTIALS)) as client:
        await client.send(DLOCAL.refund(ORDER), auth=DLOCAL.auth(CREDENTIALS))
        await client.send(DLOCAL.refund(ORDER), auth=DLOCAL.auth(CREDENTIALS))
    for request in left:
        date = request.headers["X-Date"]
        sent = datetime.fromisoformat(date)
        assert abs(datetime.now(UTC) - sent) < timedelta(minutes=1)
        assert date.endswith("Z")
        assert len(date) == len("2026-11-23T12:00:00.000Z")
        wanted = signature("login", date, request.content, "s3cret")
        assert request.headers["Authorization"] == f"V2-HMAC-SHA256, Signature: {wanted}"
        names = ("X-Login", "X-Trans-Key", "X-Version")
        assert [request.headers[name] for name in names] == ["login", "trans", "2.1"]


def test_a_get_is_signed_with_an_empty_body() -> None:
    request = DLOCAL.look_up(replace(ORDER, pse_refund_reference="REF1"))
    assert request is not None
    (signed,) = V2Hmac("login", "trans", "s3cret").auth_flow(request)
    wanted = signature("login", signed.headers["X-Date"], b"", "s3cret")
    assert given_signature(signed.headers["Authorization"]) == wanted


# What an answer means


@pytest.mark.parametrize("as_text", [False, True])
def test_the_four_statuses_are_read_with_the_code_as_number_or_text(as_text: bool) -> None:
    def read(status: str, code: int, *, succeeded: bool = False) -> Outcome:
        answer = refund(status, str(code) if as_text else code, status_detail="d")
        return DLOCAL.read_refund(replace(ORDER, succeeded=succeeded), httpx.Response(200, json=answer))

    assert read("PENDING", 100) == Accepted("REF42342", "PENDING")
    assert read("SUCCESS", 200) == Succeeded("REF42342", code="SUCCESS")
    assert read("REJECTED", 300) == Declined("REJECTED", "d", "REF42342")
    assert read("CANCELLED", 400) == Declined("CANCELLED", "d", "REF42342")
    assert read("REJECTED", 300, succeeded=True) == Returned("REJECTED", "d", "REF42342")
    assert read("CANCELLED", 400, succeeded=True) == Returned("CANCELLED", "d", "REF42342")


UNSENT = {"3001", "3002", "3003", "5000", "5012", "6000"}
DOUBT = {"5010", "5011", "7000"}


@pytest.mark.parametrize(("status", "code"), [(status, code) for status, codes in ERRORS.items() for code in codes])
@pytest.mark.parametrize("as_text", [False, True])
def test_each_error_code_has_its_meaning_on_the_first_send_and_on_a_later_one(
    status: int, code: str, as_text: bool
) -> None:
    answer = _error(status, code if as_text else int(code), param="amount")
    first, later = (DLOCAL.read_refund(replace(ORDER, attempt=attempt), answer) for attempt in (1, 2))
    wanted = Unsent if code in UNSENT else InDoubt if code in DOUBT else Declined
    assert type(first) is wanted
    assert type(later) is (Unsent if code in UNSENT else InDoubt)
    assert first.code == later.code == code
    assert explanations.explain("dlocal", code) is not None


def test_a_duplicate_is_repeated_a_few_times_and_then_a_persons() -> None:
    read = [DLOCAL.read_refund(replace(ORDER, attempt=attempt), _error(400, 5011)) for attempt in range(1, 7)]
    assert [isinstance(one, InDoubt) and one.needs_person for one in read] == [False] * 4 + [True] * 2
    assert not any(isinstance(one, InDoubt) and one.refusal for one in read)  # it says "yes", not "no"


def test_a_later_refusal_asks_to_be_confirmed() -> None:
    outcome = DLOCAL.read_refund(replace(ORDER, attempt=2), _error(400, 5007))
    assert outcome == InDoubt("5007", "no", refusal=True)


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        (httpx.Response(401), Unsent("ACCESS_REFUSED", "dLocal answered 401 without a code of its own.")),
        (
            httpx.Response(403, text="<html>"),
            Unsent("ACCESS_REFUSED", "dLocal answered 403 without a code of its own."),
        ),
        (httpx.Response(429), Unsent("TOO_MANY_REQUESTS", "dLocal answered 429 without a code of its own.")),
        (httpx.Response(404, text="<html>"), InDoubt("UNREADABLE", "dLocal answered 404 without a code of its own.")),
        (httpx.Response(503), InDoubt("UNREADABLE", "dLocal answered 503 without a code of its own.")),
        (httpx.Response(302), InDoubt("UNREADABLE", "dLocal answered 302 without a code of its own.")),
        (_error(500, 5007), InDoubt("5007", "no")),  # a 5xx is never a refusal
        (_error(500, 3001), InDoubt("3001", "no")),
        (_error(400, 7000), InDoubt("7000", "no")),
        (httpx.Response(200), InDoubt("UNREADABLE", "dLocal answered with something that is not a refund.")),
        (
            httpx.Response(200, json=refund("PAID", 200)),
            InDoubt("UNREADABLE", "dLocal answered with the status 'PAID' as it does not publish it."),
        ),
        (
            httpx.Response(200, json=refund("SUCCESS", 300)),  # the word and its number disagree
            InDoubt("UNREADABLE", "dLocal answered with the status 'SUCCESS' as it does not publish it."),
        ),
    ],
)
def test_what_is_not_clear_is_in_doubt(answer: httpx.Response, meaning: Outcome) -> None:
    assert DLOCAL.read_refund(ORDER, answer) == meaning


@pytest.mark.parametrize(
    "wrong", [{"amount": 7.9}, {"amount": []}, {"currency": "USD"}, {"payment_id": "D-1"}, {"amount": None}]
)
def test_another_refund_under_our_reference_is_a_persons_to_sort_out(wrong: dict[str, Any]) -> None:
    for read in (DLOCAL.read_refund, DLOCAL.read_look_up):
        outcome = read(ORDER, httpx.Response(200, json=refund(**wrong)))
        assert isinstance(outcome, InDoubt)
        assert (outcome.code, outcome.needs_person) == ("ECHO_MISMATCH", True)


def test_another_id_than_dlocal_told_before_is_a_persons_to_sort_out() -> None:
    order = replace(ORDER, pse_refund_reference="REF1")
    outcome = DLOCAL.read_look_up(order, httpx.Response(200, json=refund()))
    assert isinstance(outcome, InDoubt)
    assert outcome.needs_person


@pytest.mark.parametrize("written", ["7.89", "7.890", "0.789e1", "7.890000"])
def test_an_amount_is_the_same_however_it_is_written(written: str) -> None:
    raw = json.dumps(refund()).replace("7.89", written)
    assert DLOCAL.read_refund(ORDER, httpx.Response(200, content=raw)) == Succeeded("REF42342", code="SUCCESS")


@pytest.mark.parametrize("written", ["7.8900001", "1e999999999", "-7.89", "NaN", "true", "1e-999999999"])
def test_an_amount_that_is_none_is_not_ours(written: str) -> None:
    raw = json.dumps(refund()).replace("7.89", written)
    outcome = DLOCAL.read_refund(ORDER, httpx.Response(200, content=raw))
    assert isinstance(outcome, InDoubt)
    assert outcome.code in ("ECHO_MISMATCH", "UNREADABLE")


# Look-ups


def test_a_refund_is_asked_about_by_dlocals_id_alone() -> None:
    assert DLOCAL.look_up(ORDER) is None
    request = DLOCAL.look_up(replace(ORDER, pse_refund_reference="REF/1"))
    assert request is not None
    assert str(request.url) == "https://sandbox.dlocal.com/refunds/REF%2F1"


@pytest.mark.parametrize("answer", [_error(404, 4001), _error(403, 3001), _error(429, 6000), httpx.Response(500)])
def test_a_look_up_never_says_unsent_because_the_id_came_from_dlocal(answer: httpx.Response) -> None:
    assert isinstance(DLOCAL.read_look_up(replace(ORDER, pse_refund_reference="REF42342"), answer), InDoubt)


@given(st.integers(100, 599), bodies, st.integers(1, 3), st.booleans())
def test_nothing_that_a_server_can_send_breaks_the_reading(
    status: int, body: bytes, attempt: int, succeeded: bool
) -> None:
    outcomes = check_reading(DLOCAL, ORDER, status, body, attempt=attempt, succeeded=succeeded)
    assert status < 500 or not any(isinstance(outcome, Unsent) for outcome in outcomes)


@given(st.integers(500, 599), bodies)
def test_a_server_error_is_always_doubt(status: int, body: bytes) -> None:
    assert isinstance(DLOCAL.read_refund(ORDER, httpx.Response(status, content=body)), InDoubt)


# Words and tables


def test_personal_data_and_secrets_are_scrubbed_even_from_a_body_that_was_cut() -> None:
    canaries = ["Canária", "529.982.247-25", "002010077777777771", "c@n.ary", "tr4ns", "s3cret", "abcdef99", 'q"uote']
    whole = json.dumps(
        {
            "beneficiary_name": canaries[0],
            "document": canaries[1],
            "bank_account": canaries[2],
            "payer": {"email": canaries[3], "name": canaries[7]},
            "amount": 7.89,
            "secret_key": canaries[5],
        },
        ensure_ascii=False,
    )
    text = f"{whole} X-Trans-Key: {canaries[4]} V2-HMAC-SHA256, Signature: {canaries[6]}"
    scrubbed = DLOCAL.scrub(text)
    assert not [canary for canary in canaries if canary in scrubbed or "uote" in scrubbed]
    assert '"amount": 7.89' in scrubbed
    assert "5299822" not in DLOCAL.scrub('{"document": "52998224725')
    assert "5299822" not in DLOCAL.scrub('{"document": 52998224725}')


def test_the_order_itself_is_scrubbed_of_its_beneficiary() -> None:
    order = replace(ORDER, destination=AccountDetails(DestinationKind.BR_BANK_ACCOUNT, BR))
    scrubbed = DLOCAL.scrub(DLOCAL.refund(order).content.decode())
    for personal in ("Ana", "Silva", BR["holder_tax_id"], BR["account"], "0001"):
        assert personal not in scrubbed
    assert ORDER.reference in scrubbed


def test_every_code_that_can_be_told_is_explained() -> None:
    statuses = ["PENDING", "SUCCESS", "REJECTED", "CANCELLED", "100", "200", "300", "400"]
    ours = ["ACCESS_REFUSED", "TOO_MANY_REQUESTS", "UNREADABLE", "ECHO_MISMATCH"]
    for code in [*statuses, *ours, *(code for codes in ERRORS.values() for code in codes)]:
        found = explanations.explain("dlocal", code)
        assert found is not None, code
        assert set(found.meaning) == set(found.action) == set(LOCALES)


def test_methods_without_a_way_back_name_the_accounts_that_dlocal_pays_to() -> None:
    for method, able in DLOCAL.capabilities.items():
        assert able.look_up is LookUp.BY_PSE_REFERENCE
        assert able.key_lifetime == timedelta(days=1)
        assert (able.route is Route.ORIGINAL) == (method in (Method.CARD, Method.PIX))
        assert bool(able.destinations and able.reason and able.instead) == (able.route is not Route.ORIGINAL)
