"""A refund as dLocal answers it, and the credentials that it knows us by, as the tests of its connector tell them."""

import json
from typing import Any

from hypothesis import strategies as st

from domain.money import Money
from domain.pse.dlocal.connector import DLocal
from domain.pse.vocabulary import Credentials, Method, RefundOrder
from tests.domain.pse.fuzz import JSON

DLOCAL = DLocal()
ORDER = RefundOrder(
    base_url="https://sandbox.dlocal.com",
    reference="abcdefghij0123456789",
    payment_reference="D-4-be8eda8c-5fe7-49dd-8058-4ddaac00611b",
    pse_refund_reference=None,
    method=Method.CARD,
    amount=Money(789, "BRL"),
    captured=Money(10_000, "BRL"),
    attempt=1,
    succeeded=False,
    client_id="login",
)
CREDENTIALS = Credentials("https://x", "login", {"x_trans_key": "trans", "secret_key": "s3cret"})


def refund(status: str = "SUCCESS", code: object = 200, **more: Any) -> dict[str, Any]:
    return {
        "id": "REF42342",
        "payment_id": ORDER.payment_reference,
        "amount": 7.89,
        "currency": "BRL",
        "status": status,
        "status_code": code,
        "status_detail": "The refund was paid.",
        "created_date": "2026-11-23T12:00:00.000+0000",
        **more,
    }


keys = st.sampled_from([*refund(), "code", "message", "param", "order_refund_id"])
bodies = (
    st.binary(max_size=60)
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(keys, JSON).map(lambda value: json.dumps({**refund(), **value}).encode())
)
