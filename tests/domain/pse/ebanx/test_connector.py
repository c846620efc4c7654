"""The EBANX connector without a network: what it sends, and what each answer means."""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.languages import LOCALES
from domain.money import Money
from domain.pse import explanations
from domain.pse.capabilities import LookUp, Route
from domain.pse.ebanx.auth import IntegrationKey
from domain.pse.reporting import BadReport, ReportFile
from domain.pse.vocabulary import (
    Accepted,
    BadAnswer,
    Declined,
    InDoubt,
    KnownRefund,
    Method,
    Outcome,
    Period,
    Returned,
    Succeeded,
    Unsent,
)
from tests.domain.pse.ebanx.answers import EBANX, HASH, NOW, ORDER
from tests.domain.pse.fuzz import JSON, check_reading
from tests.schemas import ebanx as schemas


def _refund(status: str = "RE", **more: Any) -> dict[str, Any]:
    return {"id": "21426", "merchant_refund_code": ORDER.reference, "status": status, "amount_ext": "10.23", **more}


def _payment(*refunds: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "hash": HASH,
        "amount_ext": "80.00",
        "currency_ext": "USD",
        "open_date": "2026-06-07 18:20:10",
        "confirm_date": "2026-06-07 18:20:13",
        "payment_type_code": "visa",
        "merchant_payment_code": "order-1",
        "refunds": list(refunds),
        **more,
    }


def _refunded(refund: dict[str, Any], **payment: Any) -> httpx.Response:
    body = {"payment": _payment(refund, **payment), "refund": refund, "operation": "refund", "status": "SUCCESS"}
    return httpx.Response(200, json=body)


def _listed(*refunds: dict[str, Any], **payment: Any) -> httpx.Response:
    return httpx.Response(200, json={"payment": _payment(*refunds, **payment), "status": "SUCCESS"})


def _error(code: object = "BP-REF-7", status: int = 200) -> httpx.Response:
    return httpx.Response(status, json={"status": "ERROR", "status_code": code, "status_message": "no"})


# What is sent


def _form(request: httpx.Request) -> dict[str, str]:
    return dict(parse_qsl(request.content.decode(), strict_parsing=True))


def test_the_request_is_the_published_form() -> None:
    request = EBANX.refund(replace(ORDER, description="Devolução & troca"))
    assert (request.method, str(request.url)) == ("POST", "https://sandbox.ebanxpay.com/ws/refund")
    form = _form(request)
    schemas.check(schemas.REFUND_FORM, form)
    assert (form["merchant_refund_code"], form["hash"]) == (ORDER.reference, HASH)
    assert (form["amount"], form["description"]) == ("10.23", "Devolução & troca")


def test_a_description_is_always_sent_because_ebanx_wants_one() -> None:
    assert _form(EBANX.refund(ORDER))["description"] == f"Refund {ORDER.reference}"


@given(st.integers(1, 10**17), st.sampled_from(["BRL", "CLP", "COP", "MXN"]))
def test_every_amount_is_sent_exactly_and_read_back(minor_units: int, currency: str) -> None:
    order = replace(ORDER, amount=Money(minor_units, currency))
    sent = _form(EBANX.refund(order))["amount"]
    answer = _refunded(_refund(amount_ext=sent), currency_ext=currency)
    assert EBANX.read_refund(order, answer) == Accepted("21426", "RE")


async def test_the_integration_key_goes_with_the_form_and_never_with_the_address() -> None:
    left: list[httpx.Request] = []

    def take(request: httpx.Request) -> httpx.Response:
        left.append(request)
        return httpx.Response(200)

    order = EBANX.refund(ORDER)
    async with httpx.AsyncClient(transport=httpx.MockTransport(take), timeout=7) as client:
        await client.send(order, auth=IntegrationKey("k&y=1"))
    (sent,) = left
    assert _form(sent) == {**_form(order), "integration_key": "k&y=1"}
    assert sent.url == order.url
    assert sent.headers["content-length"] == str(len(sent.content))
    assert sent.extensions["timeout"]["read"] == 7


# What an answer means


def test_the_four_statuses_are_read() -> None:
    def read(status: str, *, succeeded: bool = False) -> Outcome:
        return EBANX.read_look_up(replace(ORDER, succeeded=succeeded), _listed(_refund(status)))

    said = "The refund was cancelled at EBANX."
    assert read("RE") == Accepted("21426", "RE")
    assert read("PE") == Accepted("21426", "PE")
    assert read("CO") == Succeeded("21426", code="CO")
    assert read("CA") == Declined("CA", said, "21426")
    assert read("CA", succeeded=True) == Returned("CA", said, "21426")
    assert EBANX.read_refund(ORDER, _refunded(_refund("RE"))) == Accepted("21426", "RE")


@pytest.mark.parametrize("attempt", [1, 2])
@pytest.mark.parametrize("code", ["BP-REF-7", "BP-REF-1", "BP-DR-12"])
def test_a_refusal_is_believed_only_once_the_query_does_not_list_the_refund(attempt: int, code: str) -> None:
    outcome = EBANX.read_refund(replace(ORDER, attempt=attempt), _error(code))
    assert outcome == InDoubt(code, "no", refusal=True)


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        (_error("BP-SA-1"), Unsent("BP-SA-1", "no")),
        (_error("BP-SA-1", 500), InDoubt("BP-SA-1", "no")),
        (_error("BP-GEN-1", 500), InDoubt("BP-GEN-1", "no")),
        (_error(7), InDoubt("ERROR", "no", refusal=True)),
        (httpx.Response(401), Unsent("ACCESS_REFUSED", "EBANX answered 401 without a reason.")),
        (httpx.Response(403), Unsent("ACCESS_REFUSED", "EBANX answered 403 without a reason.")),
        (httpx.Response(429), Unsent("TOO_MANY_REQUESTS", "EBANX answered 429 without a reason.")),
        (httpx.Response(404, text="<html>"), InDoubt("UNREADABLE", "EBANX answered 404 without a reason.")),
        (httpx.Response(200, json=[]), InDoubt("UNREADABLE", "EBANX answered 200 without a reason.")),
        (
            httpx.Response(200, json={"status": "SUCCESS"}),
            InDoubt("UNREADABLE", "EBANX answered with something that is not a refund."),
        ),
        (
            _refunded(_refund("XX")),
            InDoubt("UNREADABLE", "EBANX answered with the status 'XX' as it does not publish it."),
        ),
    ],
)
def test_what_an_answer_means(answer: httpx.Response, meaning: Outcome) -> None:
    assert EBANX.read_refund(ORDER, answer) == meaning


@pytest.mark.parametrize(
    ("refund", "payment"),
    [
        ({"amount_ext": "10.24"}, {}),
        ({"amount_ext": None}, {}),
        ({"merchant_refund_code": None}, {}),
        ({}, {"currency_ext": "BRL"}),
        ({}, {"hash": "another"}),
    ],
)
def test_another_refund_in_the_answer_is_a_persons_to_sort_out(refund: dict[str, Any], payment: dict[str, Any]) -> None:
    outcome = EBANX.read_refund(ORDER, _refunded(_refund(**refund), **payment))
    assert isinstance(outcome, InDoubt)
    assert (outcome.code, outcome.needs_person) == ("ECHO_MISMATCH", True)


# Look-ups

BY_HAND = {"id": "1", "merchant_refund_code": None, "status": "CO", "amount_ext": "10.23"}


def test_our_refund_is_found_among_others_by_our_code() -> None:
    other = {**BY_HAND, "merchant_refund_code": "another"}
    assert EBANX.read_look_up(ORDER, _listed(BY_HAND, _refund("CO"), other)) == Succeeded("21426", code="CO")


@pytest.mark.parametrize("answer", [_listed(), _listed(BY_HAND), _listed(refunds=None)])
def test_a_payment_that_does_not_list_our_code_has_no_refund_of_ours(answer: httpx.Response) -> None:
    outcome = EBANX.read_look_up(ORDER, answer)
    assert outcome == Unsent("NOT_LISTED", "EBANX lists no refund of the payment with our reference.")


def test_a_payment_without_refunds_may_leave_the_list_out() -> None:
    payment = _payment()
    del payment["refunds"]
    answer = httpx.Response(200, json={"payment": payment, "status": "SUCCESS"})
    assert isinstance(EBANX.read_look_up(ORDER, answer), Unsent)


@pytest.mark.parametrize(
    "answer",
    [
        _error("BP-SA-1"),
        _error("BP-QUE-1"),
        httpx.Response(401),
        httpx.Response(429),
        httpx.Response(500),
        _listed(hash="another"),
        _listed(refunds="none"),
        _listed(refunds=[1]),
        httpx.Response(200, json={"status": "SUCCESS"}),
    ],
)
def test_nothing_else_says_that_ebanx_does_not_have_it(answer: httpx.Response) -> None:
    assert isinstance(EBANX.read_look_up(ORDER, answer), InDoubt)


def test_two_live_refunds_under_our_code_are_a_persons_to_sort_out() -> None:
    outcome = EBANX.read_look_up(ORDER, _listed(_refund("RE"), _refund("CO", id="21427")))
    assert isinstance(outcome, InDoubt)
    assert (outcome.code, outcome.needs_person) == ("TWO_REFUNDS", True)
    assert "21426, 21427" in outcome.message


def test_the_one_of_two_that_was_cancelled_does_not_count() -> None:
    assert EBANX.read_look_up(ORDER, _listed(_refund("CA"), _refund("CO", id="21427"))) == Succeeded("21427", code="CO")
    both = EBANX.read_look_up(ORDER, _listed(_refund("CA"), _refund("CA", id="21427")))
    assert isinstance(both, Declined)


# The payment


def test_a_payment_is_read_with_all_its_refunds() -> None:
    payment = EBANX.read_payment(_listed(BY_HAND, _refund("PE")))
    assert payment is not None
    assert (payment.reference, payment.amount, payment.order_reference) == (HASH, Money(8_000, "USD"), "order-1")
    hand, ours = payment.refunds
    assert hand == KnownRefund("ebanx-1", "1", ORDER.amount, Succeeded("1", code="CO"), False, "refund", None, None)
    assert (ours.reference, ours.outcome) == (ORDER.reference, Accepted("21426", "PE"))


def test_refunds_that_share_a_code_are_told_apart_by_ebanxs_id() -> None:
    payment = EBANX.read_payment(_listed(_refund("CO"), _refund("RE", id="21427")))
    assert payment is not None
    assert [refund.reference for refund in payment.refunds] == ["ebanx-21426", "ebanx-21427"]


def test_one_that_was_cancelled_does_not_share_the_code_of_another() -> None:
    payment = EBANX.read_payment(_listed(_refund("CA"), _refund("RE", id="21427")))
    assert payment is not None
    assert [refund.reference for refund in payment.refunds] == ["ebanx-21426", ORDER.reference]


@pytest.mark.parametrize(
    "answer",
    [
        _error(),
        httpx.Response(500),
        httpx.Response(200, json={"status": "SUCCESS"}),
        _listed(amount_ext="x"),
        _listed(confirm_date="soon"),
        _listed(_refund("XX")),
        _listed(_refund(id=None)),
        _listed(refunds=7),
    ],
)
def test_a_payment_that_cannot_be_read_says_why(answer: httpx.Response) -> None:
    with pytest.raises(BadAnswer, match=r"payment|Payment"):
        EBANX.read_payment(answer)


_whole = {"payment": _payment(_refund()), "refund": _refund(), "status": "SUCCESS"}
_bodies = (
    st.binary(max_size=60)
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(st.sampled_from([*_whole, "status_code", "status_message"]), JSON).map(
        lambda value: json.dumps({**_whole, **value}).encode()
    )
    | st.dictionaries(st.sampled_from([*_payment(), *_refund()]), JSON).map(
        lambda value: json.dumps({**_whole, "payment": _payment({**_refund(), **value}, **value)}).encode()
    )
)


@given(st.integers(100, 599), _bodies, st.integers(1, 3), st.booleans())
def test_nothing_that_a_server_can_send_breaks_the_reading(
    status: int, body: bytes, attempt: int, succeeded: bool
) -> None:
    outcomes = check_reading(EBANX, ORDER, status, body, attempt=attempt, succeeded=succeeded)
    assert status < 500 or all(isinstance(outcome, InDoubt) for outcome in outcomes)
    with suppress(BadAnswer):
        EBANX.read_payment(httpx.Response(status, content=body))


# Words and tables


def test_personal_data_and_the_integration_key_are_scrubbed() -> None:
    document = {
        "integration_key": "k3y-json",
        "customer": {"document": "52998224725", "email": "c@n.ary", "name": 'Can "á" ria', "birth_date": "1980-01-01"},
        "amount_ext": "10.23",
    }
    text = f"{json.dumps(document, ensure_ascii=False)} hash=abc&integration_key=k3y-form&email=x%40y.z"
    scrubbed = EBANX.scrub(text)
    for canary in ("k3y-json", "52998224725", "c@n.ary", "ria", "1980-01-01", "k3y-form", "x%40y"):
        assert canary not in scrubbed
    assert '"amount_ext": "10.23"' in scrubbed
    assert "hash=abc" in scrubbed
    assert "k3y" not in EBANX.scrub('{"integration_key": "k3y')


def test_every_code_that_can_be_told_is_explained() -> None:
    ours = ["ERROR", "NOT_LISTED", "TWO_REFUNDS", "ACCESS_REFUSED", "TOO_MANY_REQUESTS", "UNREADABLE", "ECHO_MISMATCH"]
    for code in ["RE", "PE", "CO", "CA", "BP-SA-1", "BP-REF-7", *ours]:
        found = explanations.explain("ebanx", code)
        assert found is not None, code
        assert set(found.meaning) == set(found.action) == set(LOCALES)


def test_nothing_is_sent_again_in_doubt_without_asking_first() -> None:
    for method, able in EBANX.capabilities.items():
        assert (able.look_up, able.key_lifetime) == (LookUp.BY_REFERENCE, None)
        assert able.look_up_grace >= timedelta(minutes=1)
        voucher = method in (Method.BOLETO, Method.OXXO)
        assert able.route is (Route.PSE_COLLECTS if voucher else Route.ORIGINAL)
        assert bool(able.reason and able.instead) is voucher


def test_a_report_that_somebody_hands_in_is_refused_because_its_columns_are_not_published(tmp_path: Path) -> None:
    period = Period("https://x", NOW, NOW + timedelta(days=1), "America/Sao_Paulo")
    with pytest.raises(BadReport, match="not published"):
        EBANX.read_report(ReportFile("refunds.csv", "text/csv", tmp_path / "refunds.csv"), period)
