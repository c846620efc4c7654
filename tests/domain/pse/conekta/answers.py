"""What Conekta answers and who it knows us as, as the tests of its connector tell it."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from domain.pse.conekta.connector import Conekta
from domain.pse.vocabulary import Credentials, Period

CONEKTA = Conekta()
CREATED = 1_790_000_000


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


KEY, OLD_KEY = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


CREDENTIALS = Credentials(
    "https://api.conekta.io",
    "company",
    {"api_key": "key_k", "webhook_public_key": pem(KEY), "old_webhook_public_key": pem(OLD_KEY)},
)
