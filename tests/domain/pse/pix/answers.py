"""Pix, as the tests of its connector tell it."""

from datetime import UTC, datetime
from typing import Any

import httpx

from domain.money import Money
from domain.pse.pix.connector import Pix
from domain.pse.vocabulary import Method, RefundOrder

PIX = Pix()
E2E = "E12345678202611231200abcdefghijk"
ORDER = RefundOrder(
    base_url="https://pix.example.com/v2",
    reference="abcdefghij0123456789",
    payment_reference=E2E,
    pse_refund_reference=None,
    method=Method.PIX,
    amount=Money(789, "BRL"),
    captured=Money(10_000, "BRL"),
    attempt=1,
    succeeded=False,
)


def refund(status: str = "DEVOLVIDO", **more: Any) -> dict[str, Any]:
    return {
        "id": ORDER.reference,
        "rtrId": "D12345678202611231200abcdefghijk",
        "valor": "7.89",
        "horario": {"solicitacao": "2026-11-23T12:00:00Z", "liquidacao": "2026-11-23T12:00:01.5Z"},
        "status": status,
        **more,
    }


def answer(status: int, body: object = None) -> httpx.Response:
    return httpx.Response(status, json=body)


NOON = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


def pix(number: int, captured_at: datetime = NOON, **more: Any) -> dict[str, Any]:
    reference = f"E12345678202611231200{number:011d}"
    return {"endToEndId": reference, "valor": "100.00", "horario": captured_at.isoformat(), **more}
