"""What Mercado Pago's SDKs publish, and sample reports, against our connector and our own schemas.

They lie beside the checkout; where they do not, these tests are skipped.
"""

import json
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain.money import Money
from domain.pse.mercadopago.connector import MercadoPago
from domain.pse.mercadopago.webhooks import digest, manifest
from domain.pse.reporting import ReportFile
from domain.pse.vocabulary import BadSignature, Credentials, Period, Succeeded, WebhookRequest
from tests.conftest import SHARED
from tests.domain.pse.mercadopago.test_connector import ORDER
from tests.schemas import mercadopago as own

FACTS = SHARED / "pse" / "data" / "mercadopago"
SYNTHETIC = SHARED / "pse" / "data" / "synthetic"
PUBLISHED = pytest.mark.skipif(not FACTS.is_dir(), reason="The published data is not beside the checkout.")
PSE = MercadoPago()
START = datetime(2026, 3, 2, 4, tzinfo=UTC)
PERIOD = Period("https://api.example.com", START, START + timedelta(days=5), "America/Sao_Paulo")


def _document(name: str) -> Any:
    return json.loads((FACTS / name).read_text())


def _content(name: str) -> bytes:
    return (FACTS / name).read_bytes()


def _signatures() -> dict[str, Any]:
    return dict(_document("signature-vectors.json")) if FACTS.is_dir() else {"vectors": [], "invalid_headers": []}


@PUBLISHED
@pytest.mark.parametrize("name", ["sdk_refund_create.json", "sdk_refund_get.json", "sdkphp_payment_refund.json"])
def test_a_published_refund_is_read(name: str) -> None:
    raw = _document(name)
    own.check(own.REFUND, raw)
    amount = Money.parse(str(raw["amount"]) if isinstance(raw["amount"], int) else f"{raw['amount']:.2f}", "BRL")
    order = replace(ORDER, payment_reference=str(raw["payment_id"]), amount=amount)
    created_at = datetime.fromisoformat(raw["date_created"]).astimezone(UTC)
    outcome = PSE.read_refund(order, httpx.Response(201, content=_content(name)))
    assert outcome == Succeeded(str(raw["id"]), created_at, "approved")


@PUBLISHED
@pytest.mark.parametrize("name", ["sdk_refund_list_all.json", "sdkphp_payment_refund_list.json"])
def test_a_published_list_of_refunds_is_read(name: str) -> None:
    listed = _document(name)
    own.check(own.REFUNDS, listed)
    first, *others = listed
    answer = httpx.Response(200, content=_content(name))
    order = replace(
        ORDER,
        payment_reference=str(first["payment_id"]),
        amount=Money(int(Decimal(str(first["amount"])) * 100), "BRL"),
        not_ours=frozenset(str(one["id"]) for one in others),
    )
    assert PSE.read_snapshot(order, answer) == {str(one["id"]) for one in listed}
    found = PSE.read_look_up(order, answer)
    assert isinstance(found, Succeeded)
    assert found.pse_refund_reference == str(first["id"])


@PUBLISHED
def test_a_refund_of_the_orders_api_is_not_taken_for_one_of_a_payment() -> None:
    raw = _document("sdk_order_refund.json")
    assert isinstance(raw["amount"], str)
    outcome = PSE.read_refund(ORDER, httpx.Response(201, content=_content("sdk_order_refund.json")))
    assert getattr(outcome, "code", None) == "UNREADABLE"


def _hook(vector: dict[str, Any], header: str | None) -> WebhookRequest:
    named = vector["data_id"]
    headers = {"x-signature": header, "x-request-id": vector["x_request_id"]}
    body = json.dumps({"type": "payment", "data": {"id": named or "1"}}).encode()
    query = f"data.id={named}&type=payment" if named else "type=payment"
    return WebhookRequest(
        "POST", "/webhooks/1", query, {name: one for name, one in headers.items() if one is not None}, body
    )


@PUBLISHED
@pytest.mark.parametrize("vector", _signatures()["vectors"], ids=lambda vector: vector["name"])
def test_every_signature_vector_is_accepted_and_no_change_of_it(vector: dict[str, Any]) -> None:
    signed = manifest(vector["data_id"] or "", vector["x_request_id"] or "", vector["ts"])
    assert signed == vector["manifest"]
    assert digest(vector["secret"], signed) == vector["v1"]
    credentials = Credentials("https://x", "1", {"webhook_secret": vector["secret"]})
    now = datetime.fromtimestamp(int(vector["ts"]) / 1000, UTC)
    request = _hook(vector, vector["x_signature"])
    PSE.verify_webhook(credentials, request, now)
    for changed in (
        replace(request, query="data.id=another"),
        replace(request, headers={**request.headers, "x-request-id": "another"}),
        replace(request, headers={**request.headers, "x-signature": vector["x_signature"][:-1]}),
    ):
        with pytest.raises(BadSignature):
            PSE.verify_webhook(credentials, changed, now)
    with pytest.raises(BadSignature):
        PSE.verify_webhook(credentials, request, now + timedelta(hours=2))


@PUBLISHED
@pytest.mark.parametrize("invalid", _signatures()["invalid_headers"], ids=lambda invalid: invalid["reason"])
def test_every_invalid_header_is_refused(invalid: dict[str, Any]) -> None:
    vector = _signatures()["vectors"][0]
    credentials = Credentials("https://x", "1", {"webhook_secret": vector["secret"]})
    now = datetime.fromtimestamp(int(vector["ts"]) / 1000, UTC)
    with pytest.raises(BadSignature):
        PSE.verify_webhook(credentials, _hook(vector, invalid["header"]), now)


def _read(tmp_path: Path, name: str) -> tuple[str | None, list[dict[str, Any]]]:
    path = tmp_path / name
    shutil.copy(SYNTHETIC / name, path)
    report = PSE.read_report(ReportFile(name, "text/csv", path), PERIOD)
    return report.completeness, report.lines.collect().to_dicts()


@PUBLISHED
def test_the_sample_release_report_adds_up(tmp_path: Path) -> None:
    completeness, lines = _read(tmp_path, "mercadopago_release_report.csv")
    assert completeness is not None
    assert "available_balance" in completeness
    assert [line["type"] for line in lines] == [
        "CAPTURE", "CAPTURE", "REFUND", "REFUND", "RESERVE", "REFUND", "RESERVE", "CHARGEBACK", "PAYOUT",
    ]  # fmt: skip
    assert Decimal("1000.00") + sum(line["settled_net"] for line in lines) == Decimal("640.02")
    refunds = [line for line in lines if line["type"] == "REFUND"]
    assert [(line["payment_reference"], line["amount"]) for line in refunds] == [
        ("90000000001", 4_000),
        ("90000000001", 6_000),
        ("90000000003", 7_550),
    ]
    assert all(line["by_amount"] for line in refunds)
    assert len({(line["payment_reference"], line["reference"]) for line in refunds}) == 3
    assert refunds[0]["business_date"] == date(2026, 3, 3)


@PUBLISHED
def test_the_sample_settlement_report_tells_the_same_operations(tmp_path: Path) -> None:
    completeness, lines = _read(tmp_path, "mercadopago_settlement_report.csv")
    assert completeness is None
    _, released = _read(tmp_path, "mercadopago_release_report.csv")
    facts = ("type", "state", "payment_reference", "reference", "amount", "settled_net", "booked_at")
    known = [tuple(line[name] for name in facts) for line in released if line["type"] != "RESERVE"]
    assert [tuple(line[name] for name in facts) for line in lines] == known
