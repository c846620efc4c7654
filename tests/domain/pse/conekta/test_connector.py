"""The Conekta connector without a network: what it sends, and what each answer and each page means."""

import json
from dataclasses import replace
from datetime import UTC, datetime

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
    BadAnswer,
    Declined,
    InDoubt,
    Method,
    Outcome,
    RefundOrder,
    Returned,
    Succeeded,
    Unsent,
)
from tests.domain.pse.conekta.answers import (
    CONEKTA,
    CREATED,
    CREDENTIALS,
    DAY,
    a_list,
    a_page,
    a_refund,
    an_order,
    answer,
    play,
)
from tests.domain.pse.fuzz import JSON, check_reading
from tests.schemas import conekta as schemas

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
