"""Nights over listings of a Pix PSP and over reports of Stripe, for tests of what the books make of them."""

import csv
import io
import json
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from domain.models import Payment, ReconciliationRun, Refund
from domain.pse.reporting import ReportFile
from domain.pse.vocabulary import Succeeded
from domain.reconciliation import reconcile
from tests.kit.factories import Shop, a_payment, a_refund, an_answer

ZONE = ZoneInfo("America/Sao_Paulo")


def today() -> date:
    return datetime.now(UTC).astimezone(ZONE).date()


def pix_of(payment: Payment | str, *refunds: Mapping[str, Any], captured: int = 10_000) -> dict[str, Any]:
    """A payment as the PSE lists it; one that is not registered by its end-to-end ID."""
    name = payment if isinstance(payment, str) else payment.pse_reference
    moment = datetime.now(UTC) if isinstance(payment, str) else payment.captured_at
    whole = captured if isinstance(payment, str) else payment.captured
    return {
        "endToEndId": name,
        "valor": f"{whole // 100}.{whole % 100:02}",
        "horario": moment.isoformat(),
        "devolucoes": list(refunds),
    }


def pix_refund(reference: str, amount: int, *, kind: str = "ORIGINAL") -> dict[str, Any]:
    """A refund that has left, as the PSE lists it; another kind than ORIGINAL was not made by us."""
    moment = datetime.now(UTC).isoformat()
    return {
        "id": reference,
        "rtrId": f"D{reference:0>31}"[:32],
        "valor": f"{amount // 100}.{amount % 100:02}",
        "natureza": kind,
        "horario": {"solicitacao": moment, "liquidacao": moment},
        "status": "DEVOLVIDO",
    }


async def run_pix(shop: Shop, *listed: Mapping[str, Any], days: int = 0) -> ReconciliationRun:
    """Reconcile the date `days` from today with this listing."""
    content = json.dumps({"pix": sorted(listed, key=lambda raw: str(raw["endToEndId"]))}, sort_keys=True).encode()
    day = today() + timedelta(days=days)
    return await _run(shop, day, f"pix-{day}.json", "application/json", content)


def stripe_line(category: str, gross: str, payment: str, source: str = "", **more: str) -> dict[str, str]:
    """A row of Stripe's report, but for when it was created; `gross` in major units, signed."""
    return {
        "currency": "brl",
        "gross": gross,
        "fee": "0.00",
        "net": gross,
        "reporting_category": category,
        "source_id": source,
        "customer_facing_amount": gross,
        "customer_facing_currency": "brl",
        "automatic_payout_id": "",
        "charge_id": "",
        "payment_intent_id": payment,
        **more,
    }


async def run_stripe(shop: Shop, lines: Sequence[Mapping[str, str]], days: int = 0) -> ReconciliationRun:
    """Reconcile the date `days` from today with a report of these rows, which are of today if they say nothing else."""
    text = io.StringIO()
    columns = ["created_utc", *stripe_line("charge", "1.00", "pi_1")]
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({"created_utc": f"{today()} 12:00:00", **line} for line in lines)
    day = today() + timedelta(days=days)
    return await _run(shop, day, f"stripe-{day}.csv", "text/csv", text.getvalue().encode())


async def _run(shop: Shop, day: date, name: str, content_type: str, content: bytes) -> ReconciliationRun:
    run = await reconcile.begin(shop.connection, day)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        await reconcile.reconcile(shop.connection, run, [ReportFile(name, content_type, path)])
    return await ReconciliationRun.get(id=run.id)


async def paid(shop: Shop, *, amount: int = 10_000, part: int = 4_000, tax: int = 0) -> tuple[Payment, Refund]:
    """A payment and a refund of it that the PSE says has left."""
    payment = await a_payment(shop, amount=amount, tax=tax, days_ago=0)
    refund = await a_refund(shop, payment, part)
    await an_answer(refund, Succeeded(f"D{refund.reference:0>31}"[:32]))
    return payment, await Refund.get(id=refund.id)
