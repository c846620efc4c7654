"""The Stripe connector without a network: what it sends, and what each answer means."""

import json
import re
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.languages import LOCALES
from domain.money import Money
from domain.pse import explanations
from domain.pse.capabilities import Route
from domain.pse.vocabulary import (
    Accepted,
    AccountDetails,
    BadAnswer,
    Declined,
    DestinationKind,
    InDoubt,
    Method,
    Outcome,
    Returned,
    Succeeded,
    Unsent,
)
from tests.domain.pse.fuzz import JSON, check_reading
from tests.domain.pse.stripe.answers import CREDENTIALS, ORDER, STRIPE, a_refund
from tests.schemas import stripe as schemas

KNOWN = replace(ORDER, pse_refund_reference="re_1Ab")
STATUSES = ("pending", "requires_action", "succeeded", "failed", "canceled")
FAILURES = (
    "lost_or_stolen_card",
    "expired_or_canceled_card",
    "charge_for_pending_refund_disputed",
    "insufficient_funds",
    "declined",
    "merchant_request",
    "unknown",
)


def answer(status: int, body: object = None, **headers: str) -> httpx.Response:
    return httpx.Response(status, json=body, headers=headers)


def an_error(status: int, kind: str = "invalid_request_error", code: str | None = None, **headers: str) -> Any:
    error = {"type": kind, "message": "m", **({"code": code} if code else {})}
    return answer(status, {"error": error}, **headers)


def a_list(*refunds: object, has_more: bool = False) -> httpx.Response:
    return answer(200, {"object": "list", "url": "/v1/refunds", "has_more": has_more, "data": list(refunds)})


# What is sent


def test_a_refund_is_a_form_with_our_reference_as_key_and_as_metadata() -> None:
    request = STRIPE.refund(ORDER)
    assert (request.method, str(request.url)) == ("POST", "https://api.stripe.com/v1/refunds")
    form = schemas.form_of(request)
    schemas.check(schemas.REFUND_REQUEST, form)
    assert (form["payment_intent"], form["amount"]) == ("pi_3Ab", "789")
    assert request.headers["idempotency-key"] == form["metadata[estorno_reference]"] == ORDER.reference
    assert request.headers["stripe-version"] == "2026-06-24.dahlia"


@pytest.mark.parametrize("reference", ["ch_3Ab", "py_3Ab"])
def test_a_payment_without_an_intent_is_named_by_its_charge(reference: str) -> None:
    form = schemas.form_of(STRIPE.refund(replace(ORDER, payment_reference=reference)))
    schemas.check(schemas.REFUND_REQUEST, form)
    assert form["charge"] == reference


def test_every_attempt_sends_the_same_bytes() -> None:
    first, second = STRIPE.refund(ORDER), STRIPE.refund(replace(ORDER, attempt=2))
    assert (first.content, first.headers) == (second.content, second.headers)


@pytest.mark.parametrize("currency", ["CLP", "PYG", "BRL", "COP"])
def test_amounts_are_minor_units_and_so_whole_pesos_where_there_is_no_cent(currency: str) -> None:
    money = Money.parse("1500", currency)
    form = schemas.form_of(STRIPE.refund(replace(ORDER, amount=money)))
    assert form["amount"] == ("1500" if currency in ("CLP", "PYG") else "150000")


def test_a_bank_transfer_tells_stripe_where_to_ask_the_customer() -> None:
    destination = AccountDetails(DestinationKind.EMAIL, {"email": "ana@example.com"})
    order = replace(ORDER, method=Method.BANK_TRANSFER, destination=destination)
    form = schemas.form_of(STRIPE.refund(order))
    schemas.check(schemas.REFUND_REQUEST, form)
    assert form["instructions_email"] == "ana@example.com"


def test_the_key_is_sent_as_a_bearer() -> None:
    auth = STRIPE.auth(CREDENTIALS)
    request = next(auth.sync_auth_flow(httpx.Request("GET", "https://api.stripe.com/v1/refunds")))
    assert request.headers["authorization"] == "Bearer sk_test_k"


def test_a_refund_is_asked_for_by_its_id_or_in_its_payments_list() -> None:
    by_id, listed = STRIPE.look_up(KNOWN), STRIPE.look_up(ORDER)
    assert str(by_id.url) == "https://api.stripe.com/v1/refunds/re_1Ab"
    assert dict(listed.url.params) == {"payment_intent": "pi_3Ab", "limit": "100"}
    by_charge = STRIPE.look_up(replace(ORDER, payment_reference="py_1"))
    assert dict(by_charge.url.params) == {"charge": "py_1", "limit": "100"}


# What answers mean

MEANINGS: list[tuple[dict[str, Any], type[Outcome], str]] = [
    (a_refund("pending"), Accepted, "pending"),
    (a_refund("pending", pending_reason="insufficient_funds"), Accepted, "insufficient_funds"),
    (a_refund("pending", pending_reason="charge_pending"), Accepted, "charge_pending"),
    (a_refund("pending", pending_reason="processing"), Accepted, "processing"),
    (a_refund("requires_action"), Accepted, "requires_action"),
    (a_refund("succeeded"), Succeeded, "succeeded"),
    (a_refund("canceled"), Declined, "canceled"),
    (a_refund("failed"), Declined, "failed"),
    *[(a_refund("failed", failure_reason=reason), Declined, reason) for reason in FAILURES],
    (a_refund("failed", failure_reason="declined", failure_balance_transaction="txn_1"), Returned, "declined"),
]


@pytest.mark.parametrize(("refund", "meaning", "code"), MEANINGS)
def test_every_status_has_a_meaning(refund: dict[str, Any], meaning: type[Outcome], code: str) -> None:
    for outcome in (
        STRIPE.read_refund(ORDER, answer(200, refund)),
        STRIPE.read_look_up(KNOWN, answer(200, refund)),
        STRIPE.read_look_up(ORDER, a_list(a_refund(metadata={}), refund)),
    ):
        assert type(outcome) is meaning
        assert outcome.code == code
        assert not isinstance(outcome, Unsent | InDoubt)
        assert outcome.pse_refund_reference == "re_1Ab"


@pytest.mark.parametrize("status", ["failed", "canceled"])
def test_failed_after_success_means_that_the_money_came_back(status: str) -> None:
    outcome = STRIPE.read_look_up(replace(KNOWN, succeeded=True), answer(200, a_refund(status)))
    assert isinstance(outcome, Returned)


ERRORS: list[tuple[int, httpx.Response, type[Outcome], str]] = [
    (1, an_error(400), Declined, "invalid_request_error"),
    (2, an_error(400), InDoubt, "invalid_request_error"),
    (1, an_error(400, code="charge_already_refunded"), InDoubt, "charge_already_refunded"),
    (1, an_error(400, code="charge_disputed"), Declined, "charge_disputed"),
    (1, an_error(400, code="balance_insufficient"), Declined, "balance_insufficient"),
    (1, an_error(400, "idempotency_error"), InDoubt, "idempotency_error"),
    (1, an_error(400, **{"stripe-should-retry": "true"}), InDoubt, "invalid_request_error"),
    (1, an_error(402, "card_error"), Declined, "card_error"),
    (2, an_error(402, "card_error"), InDoubt, "card_error"),
    (1, an_error(401), Unsent, "INVALID_KEY"),
    (1, an_error(403), Unsent, "NOT_PERMITTED"),
    (1, an_error(404, code="resource_missing"), Declined, "resource_missing"),
    (2, an_error(404, code="resource_missing"), InDoubt, "resource_missing"),
    (1, an_error(409, code="idempotency_key_in_use"), InDoubt, "idempotency_key_in_use"),
    (1, an_error(409), InDoubt, "idempotency_key_in_use"),
    (1, an_error(429, code="rate_limit"), Unsent, "rate_limit"),
    (1, an_error(500, "api_error"), InDoubt, "api_error"),
    (1, an_error(500, "api_error", **{"stripe-should-retry": "false"}), InDoubt, "api_error"),
    (1, httpx.Response(503, text="<html>"), InDoubt, "api_error"),
    (1, httpx.Response(302), InDoubt, "UNREADABLE"),
    (1, httpx.Response(200, text="<html>"), InDoubt, "UNREADABLE"),
    (1, answer(200, []), InDoubt, "UNREADABLE"),
    (1, answer(200, {}), InDoubt, "UNREADABLE"),
    (1, answer(200, a_refund("another")), InDoubt, "UNREADABLE"),
]


@pytest.mark.parametrize(("attempt", "said", "meaning", "code"), ERRORS)
def test_what_an_answer_means(attempt: int, said: httpx.Response, meaning: type[Outcome], code: str) -> None:
    outcome = STRIPE.read_refund(replace(ORDER, attempt=attempt), said)
    assert (type(outcome), outcome.code) == (meaning, code)


@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        (an_error(400, code="charge_already_refunded"), True),
        (an_error(400, "idempotency_error"), True),
        (an_error(400, **{"stripe-should-retry": "true"}), False),
        (an_error(409, **{"stripe-should-retry": "true"}), False),
        (an_error(409, **{"stripe-should-retry": "false"}), True),
    ],
)
def test_stripe_says_whether_a_no_is_worth_another_try(said: httpx.Response, refusal: bool) -> None:
    outcome = STRIPE.read_refund(ORDER, said)
    assert isinstance(outcome, InDoubt)
    assert outcome.refusal is refusal


def test_a_look_up_says_unknown_only_when_it_has_seen_the_whole_list() -> None:
    others = [a_refund(metadata={}), a_refund(metadata={"estorno_reference": "another"})]
    assert isinstance(STRIPE.read_look_up(ORDER, a_list(*others)), Unsent)
    assert isinstance(STRIPE.read_look_up(ORDER, a_list()), Unsent)
    more = STRIPE.read_look_up(ORDER, a_list(*others, has_more=True))
    assert (type(more), more.code) == (InDoubt, "MORE_REFUNDS")
    found = STRIPE.read_look_up(ORDER, a_list(*others, a_refund(), has_more=True))
    assert isinstance(found, Succeeded)


@pytest.mark.parametrize("said", [an_error(404, code="resource_missing"), an_error(401), an_error(429), an_error(500)])
def test_an_error_of_a_look_up_says_nothing_about_the_refund(said: httpx.Response) -> None:
    for order in (ORDER, KNOWN):
        assert isinstance(STRIPE.read_look_up(order, said), InDoubt)


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": 790},
        {"amount": "789"},
        {"currency": "usd"},
        {"charge": "ch_other", "payment_intent": "pi_other"},
        {"metadata": {"estorno_reference": "another"}},
        {"metadata": None},
    ],
)
def test_another_refund_than_ours_is_a_persons_to_sort_out(wrong: dict[str, Any]) -> None:
    for read, order in ((STRIPE.read_refund, ORDER), (STRIPE.read_look_up, KNOWN)):
        outcome = read(order, answer(200, a_refund(**wrong)))
        assert isinstance(outcome, InDoubt)
        assert (outcome.code, outcome.needs_person) == ("ECHO_MISMATCH", True)


def test_two_refunds_with_our_reference_are_a_persons_to_sort_out() -> None:
    outcome = STRIPE.read_look_up(ORDER, a_list(a_refund(), a_refund(id="re_2")))
    assert isinstance(outcome, InDoubt)
    assert outcome.needs_person


_names = "id object amount currency status charge payment_intent metadata error data has_more failure_reason"
_keys = st.sampled_from(re.split(" ", _names))
_refunds = st.dictionaries(_keys, JSON).map(lambda changed: {**a_refund(), **changed})


@given(
    st.integers(100, 599),
    st.binary(max_size=60) | (JSON | _refunds | st.dictionaries(_keys, JSON)).map(lambda v: json.dumps(v).encode()),
    st.integers(1, 3),
    st.booleans(),
)
def test_nothing_that_a_server_can_send_breaks_the_reading(
    status: int, body: bytes, attempt: int, succeeded: bool
) -> None:
    for order in (ORDER, KNOWN):
        check_reading(STRIPE, order, status, body, attempt=attempt, succeeded=succeeded)


# A payment with its refunds


def a_charge(*refunds: object, kind: str = "card", **more: Any) -> dict[str, Any]:
    return {
        "id": "ch_3Ab",
        "object": "charge",
        "amount": 10_000,
        "amount_captured": 9_000,
        "created": 1_780_000_000,
        "currency": "brl",
        "payment_intent": "pi_3Ab",
        "payment_method_details": {"type": kind},
        "refunds": {"object": "list", "has_more": False, "data": list(refunds), "url": "/v1/charges/ch_3Ab/refunds"},
        **more,
    }


def test_a_payment_is_read_with_all_its_refunds() -> None:
    charge = a_charge(a_refund(), a_refund("failed", id="re_2", metadata={}, failure_balance_transaction="txn_1"))
    intent = {"id": "pi_3Ab", "object": "payment_intent", "latest_charge": charge}
    payment = STRIPE.read_payment(answer(200, intent))
    assert payment is not None
    assert (payment.reference, payment.amount, payment.method) == ("pi_3Ab", Money(9_000, "BRL"), Method.CARD)
    assert [(one.reference, type(one.outcome)) for one in payment.refunds] == [
        (ORDER.reference, Succeeded),
        ("re_2", Declined),
    ]
    assert STRIPE.read_payment(an_error(404, code="resource_missing")) is None


@pytest.mark.parametrize("reference", ["pi_3Ab", "ch_3Ab"])
def test_a_payment_is_asked_for_with_its_refunds(reference: str) -> None:
    url = STRIPE.look_up_payment("https://api.stripe.com/v1", reference).url
    assert url.path.endswith(reference)
    assert url.params["expand[]"].endswith("refunds")


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"object": "payment_intent", "id": "pi_3Ab", "latest_charge": None},
        a_charge(kind="sofort"),
        a_charge(payment_method_details={"type": ["card"]}),
        a_charge(a_refund("another")),
        a_charge(7),
        a_charge(created="x"),
        a_charge(created=10**18),
        a_charge(currency="xxx"),
        a_charge(refunds={"data": [], "has_more": True}),
        a_charge(refunds=None),
        a_charge(id=None),
    ],
)
def test_a_payment_that_cannot_be_read_says_so(body: object) -> None:
    with pytest.raises(BadAnswer):
        STRIPE.read_payment(answer(200, body))


# Words


def test_every_code_that_can_come_is_explained_in_every_language() -> None:
    said = [STRIPE.read_refund(ORDER, answer(200, a_refund("pending")))]
    said += [STRIPE.read_refund(ORDER, answer(200, refund)) for refund, _, _ in MEANINGS]
    said += [STRIPE.read_refund(replace(ORDER, attempt=attempt), one) for attempt, one, _, _ in ERRORS]
    said += [STRIPE.read_look_up(ORDER, one) for one in (a_list(), a_list(has_more=True), a_list(a_refund(amount=1)))]
    codes = {outcome.code for outcome in said if outcome.code is not None}
    assert codes >= {*FAILURES, *STATUSES, "api_error", "ECHO_MISMATCH", "MORE_REFUNDS"}
    known = explanations.of_pse("stripe")
    for code in codes:
        assert set(known[code].meaning) == set(known[code].action) == set(LOCALES)
        assert all([*known[code].meaning.values(), *known[code].action.values()])


def test_what_stripe_cannot_refund_says_why_and_what_else() -> None:
    for method in (Method.BOLETO, Method.OXXO):
        able = STRIPE.capabilities[method]
        assert able.route is Route.PAYOUT_WITH_DESTINATION
        assert able.reason
        assert able.instead
        assert not able.destinations


def test_personal_data_and_secrets_are_scrubbed() -> None:
    charge = a_charge(
        billing_details={"email": "ana@example.com", "name": 'Ana "A" Lima', "phone": "+5511", "tax_id": "52998224725"},
        receipt_url="https://pay.stripe.com/receipts/r3c31pt",
    )
    text = json.dumps(charge) + (
        " instructions_email=bia%40example.com&amount=1 Bearer sk_live_c4n4ry whsec_c4n4ry rk_test_c4n4ry "
        '"client_secret": "pi_1_secret_c4n4ry"'
    )
    scrubbed = STRIPE.scrub(text)
    for secret in ("ana@", "Lima", "+5511", "52998224725", "r3c31pt", "bia%40", "c4n4ry"):
        assert secret not in scrubbed
    assert '"amount": 10000' in scrubbed
    assert "amount=1" in scrubbed


def test_stripes_own_request_id_is_kept() -> None:
    assert STRIPE.request_id(answer(200, {}, **{"request-id": "req_1"})) == "req_1"
    assert STRIPE.request_id(answer(200, {})) is None
