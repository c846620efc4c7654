"""EBANX's published answer to a refund, which lies beside the checkout, against our reading and our schemas."""

import json
from typing import Any

import httpx
import pytest

from domain.money import Money
from domain.pse.ebanx.connector import Ebanx
from domain.pse.vocabulary import Accepted, InDoubt
from tests.conftest import SHARED
from tests.domain.pse.ebanx.answers import ORDER
from tests.schemas import ebanx as own

FACTS = SHARED / "pse" / "data" / "ebanx"
PUBLISHED = pytest.mark.skipif(not FACTS.is_dir(), reason="The published answers are not beside the checkout.")


def _published() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FACTS / "refund-response.json").read_text())
    return found


@PUBLISHED
def test_our_schema_knows_the_published_answer() -> None:
    own.check(own.REFUNDED, _published())


@PUBLISHED
def test_the_published_answer_is_read_where_the_code_is_ours() -> None:
    answer = _published()
    assert isinstance(Ebanx().read_refund(ORDER, httpx.Response(200, json=answer)), InDoubt)  # it has no code at all
    answer["refund"]["merchant_refund_code"] = ORDER.reference
    assert Ebanx().read_refund(ORDER, httpx.Response(200, json=answer)) == Accepted("21426", "RE")


@PUBLISHED
def test_the_published_payment_is_read_with_its_refunds() -> None:
    payment = Ebanx().read_payment(httpx.Response(200, json=_published()))
    assert payment is not None
    assert payment.amount == Money(8_000, "USD")
    assert [(refund.reference, refund.amount) for refund in payment.refunds] == [
        ("ebanx-21425", Money(1_023, "USD")),
        ("ebanx-21426", Money(1_023, "USD")),
    ]


@PUBLISHED
def test_the_customer_of_the_published_answer_does_not_survive_scrubbing() -> None:
    text = (FACTS / "refund-response.json").read_text()
    scrubbed = Ebanx().scrub(text)
    for personal in _published()["payment"]["customer"].values():
        assert personal in text
        assert personal not in scrubbed
