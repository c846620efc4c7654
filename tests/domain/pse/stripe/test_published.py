"""Stripe's published fixtures, signature vectors and report against our connector, our sandbox and our own schemas.

They lie beside the checkout; where they do not, these tests are skipped.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import ValidationError

from domain.money import Money
from domain.pse.reporting import ReportFile
from domain.pse.vocabulary import BadSignature, Credentials, NotUnderstood, Succeeded, TellsOfRefund
from tests.conftest import SHARED
from tests.domain.pse.stripe.answers import STRIPE, a_refund
from tests.domain.pse.stripe.test_connector import KNOWN, answer
from tests.domain.pse.stripe.test_reports import DAY
from tests.domain.pse.stripe.test_webhooks import event, hook
from tests.kit.world import a_sandbox
from tests.sandbox.client import SandboxClient
from tests.schemas import stripe as own

FACTS = SHARED / "pse" / "data"
PUBLISHED = pytest.mark.skipif(not FACTS.is_dir(), reason="The published files are not beside the checkout.")


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FACTS / "stripe" / "fixtures3.json").read_text())["resources"]
    return found


@pytest.fixture(scope="module")
def vectors() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((FACTS / "stripe" / "signature-vectors.json").read_text())["vectors"]
    return found


def _verify(vector: dict[str, Any], header: str, *, late: int = 0) -> None:
    credentials = Credentials("", "", {"api_key": "k", "webhook_secret": vector["secret"]})
    now = datetime.fromtimestamp(vector["timestamp"] + late, UTC)
    STRIPE.verify_webhook(credentials, hook(vector["payload_utf8"].encode(), header), now)


@PUBLISHED
def test_every_signature_vector_is_accepted(vectors: list[dict[str, Any]]) -> None:
    assert vectors
    for vector in vectors:
        _verify(vector, vector["header"])
        _verify(vector, vector["header"], late=300)
        _verify(vector, vector["header"] + ",v1=bad_signature")
        assert STRIPE.read_webhook(hook(event("terminal.reader.x", {}))) == [NotUnderstood("terminal.reader.x")]


@PUBLISHED
def test_every_case_that_the_vectors_refuse_is_refused(vectors: list[dict[str, Any]]) -> None:
    for vector in vectors:
        with pytest.raises(BadSignature):
            _verify(vector, vector["header"].replace("v1=", "v0="))
        with pytest.raises(BadSignature):
            _verify(vector, vector["header"], late=301)
        with pytest.raises(BadSignature):
            _verify({**vector, "secret": "whsec_other"}, vector["header"])


@PUBLISHED
def test_the_published_refund_is_read(resources: dict[str, Any]) -> None:
    refund = resources["refund"]
    own.check(own.REFUND, refund)
    order = replace(KNOWN, payment_reference=refund["charge"], amount=Money(refund["amount"], "USD"))
    ours = {**refund, "metadata": {"estorno_reference": order.reference}}
    assert STRIPE.read_look_up(order, answer(200, ours)) == Succeeded(refund["id"], code="succeeded")
    stranger = STRIPE.read_look_up(order, answer(200, refund))
    assert (type(stranger).__name__, stranger.code) == ("InDoubt", "ECHO_MISMATCH")


@PUBLISHED
def test_the_published_event_with_the_published_refund_is_read(resources: dict[str, Any]) -> None:
    refund = resources["refund"]
    told = {**resources["event"], "type": "refund.updated", "data": {"object": refund}}
    own.check(own.EVENT, told)
    (notice,) = STRIPE.read_webhook(hook(json.dumps(told).encode()))
    assert isinstance(notice, TellsOfRefund)
    assert (notice.payment_reference, notice.reference) == (refund["charge"], None)
    assert notice.outcome == Succeeded(refund["id"], code="succeeded")
    assert notice.amount == Money(refund["amount"], "USD")
    assert STRIPE.read_webhook(hook(json.dumps(resources["event"]).encode())) == [
        NotUnderstood(resources["event"]["type"])
    ]


@PUBLISHED
def test_the_published_charge_is_read(resources: dict[str, Any]) -> None:
    charge = {**resources["charge"], "amount_captured": 100}
    own.check(own.CHARGE, charge)
    payment = STRIPE.read_payment(answer(200, charge))
    assert payment is not None
    assert (payment.reference, payment.amount) == (charge["id"], Money(100, "USD"))
    intent = {**resources["payment_intent"], "latest_charge": charge}
    behind = STRIPE.read_payment(answer(200, intent))
    assert behind is not None
    assert behind.reference == intent["id"]


@PUBLISHED
async def test_the_sandbox_answers_with_the_published_fields(resources: dict[str, Any]) -> None:
    async with a_sandbox() as sandbox:
        answers = await all_answers(sandbox.at("stripe"))
    assert set(resources["refund"]) <= set(answers["refund/done"])
    assert set(resources["reporting.report_run"]) == set(answers["run"])
    assert set(answers["run/done"]["result"]) <= set(resources["file"])
    assert set(answers["charge"]) <= set(resources["charge"])
    assert set(answers["payment_intent"]) <= set(resources["payment_intent"])


@PUBLISHED
def test_the_published_report_is_read_and_its_rows_add_up(tmp_path: Path) -> None:
    path = FACTS / "synthetic" / "stripe_payout_reconciliation_itemized.csv"
    copy = tmp_path / path.name  # columns are written beside it
    copy.write_bytes(path.read_bytes())
    report = STRIPE.read_report(ReportFile(path.name, "text/csv", copy), DAY)
    lines = report.lines.collect().to_dicts()
    assert [(line["type"], line["state"], line["amount"]) for line in lines] == [
        ("CAPTURE", "SUCCEEDED", 10_000),
        ("CAPTURE", "SUCCEEDED", 8_000),
        ("REFUND", "SUCCEEDED", 4_000),
        ("REFUND", "SUCCEEDED", 8_000),
        ("REFUND", "RETURNED", 8_000),
    ]
    assert sum(line["settled_net"] for line in lines) == Decimal("135.23")
    assert {line["payout_reference"] for line in lines} == {"po_synth0001"}
    assert report.completeness is None  # the payout's own row is not in it


async def all_answers(sandbox: SandboxClient) -> dict[str, Any]:
    """One answer of each shape, by our schema's name (and what is behind a slash, to tell them apart)."""
    base, headers = f"{sandbox.url}/stripe/v1", {"Authorization": "Bearer sk_test_sandbox"}
    card = await sandbox.capture(10_000, "ok", "pending", "refused", method="CARD", currency="MXN")
    bank = await sandbox.capture(10_000, "pending", method="BANK_TRANSFER", currency="MXN")
    oxxo = await sandbox.capture(10_000, method="OXXO", currency="MXN")

    async def post(path: str, **form: str) -> Any:
        return (await sandbox.http.post(base + path, data=form, headers=headers)).json()

    async def get(path: str) -> Any:
        return (await sandbox.http.get(base + path, headers=headers)).json()

    done = await post("/refunds", payment_intent=card, amount="100")
    charge = (await get(f"/payment_intents/{card}"))["latest_charge"]
    interval = {f"parameters[interval_{name}]": value for name, value in (("start", "1"), ("end", "2000000000"))}
    run = await post("/reporting/report_runs", report_type="payout_reconciliation.itemized.5", **interval)
    await get(f"/reporting/report_runs/{run['id']}")
    return {
        "refund/done": done,
        "refund/pending": await post("/refunds", payment_intent=card, amount="100"),
        "refund/failed": await post("/refunds", charge=charge, amount="100", reason="duplicate"),
        "refund/waiting": await post("/refunds", payment_intent=bank, amount="100", instructions_email="a@b"),
        "refund/by id": await get(f"/refunds/{done['id']}"),
        "refunds": await get(f"/refunds?payment_intent={card}&limit=2"),
        "charge": await get(f"/charges/{charge}?expand[]=refunds"),
        "payment_intent": await get(f"/payment_intents/{card}?expand[]=latest_charge.refunds"),
        "error/sum": await post("/refunds", payment_intent=card, amount="10000"),
        "error/integer": await post("/refunds", payment_intent=card, amount="1.00"),
        "error/parameter": await post("/refunds", payment_intent=card, sum="1"),
        "error/oxxo": await post("/refunds", payment_intent=oxxo, amount="1"),
        "error/email": await post("/refunds", payment_intent=bank, amount="1"),
        "error/unknown": await get("/refunds/re_unknown"),
        "error/payment": await get("/refunds?charge=ch_unknown"),
        "error/key": (await sandbox.http.get(f"{base}/refunds")).json(),
        "run": run,
        "run/done": await get(f"/reporting/report_runs/{run['id']}"),
    }


OWN = {
    "refund": own.REFUND,
    "refunds": own.REFUNDS,
    "charge": own.CHARGE,
    "payment_intent": own.PAYMENT_INTENT,
    "error": own.ERROR,
    "run": own.REPORT_RUN,
}


async def test_every_answer_of_the_sandbox_follows_our_own_schemas() -> None:
    async with a_sandbox() as sandbox:
        answers = await all_answers(sandbox.at("stripe"))
    for name, document in answers.items():
        own.check(OWN[name.split("/")[0]], document)
    with pytest.raises(ValidationError):
        own.check(own.REFUND, answers["error/sum"])
    own.check(own.REFUND, a_refund())
    assert [answers[f"refund/{name}"]["status"] for name in ("done", "pending", "failed", "waiting")] == [
        "succeeded",
        "pending",
        "failed",
        "requires_action",
    ]


async def test_a_payments_refunds_are_listed_page_by_page_newest_first() -> None:
    async with a_sandbox() as sandbox:
        at = sandbox.at("stripe")
        payment = await at.capture(10_000, method="CARD", currency="MXN")
        headers = {"Authorization": "Bearer sk_test_sandbox"}

        async def call(method: str, query: str = "", **more: Any) -> Any:
            url = f"{sandbox.url}/stripe/v1/refunds{query}"
            answered: httpx.Response = await sandbox.http.request(method, url, headers=headers, **more)
            return answered.json()

        made = [(await call("POST", data={"payment_intent": payment, "amount": "1"}))["id"] for _ in range(3)]
        one = await call("GET", f"?payment_intent={payment}&limit=2")
        two = await call("GET", f"?payment_intent={payment}&limit=2&starting_after={one['data'][-1]['id']}")
    assert ([one["has_more"], two["has_more"]], made[::-1]) == (
        [True, False],
        [refund["id"] for refund in one["data"] + two["data"]],
    )
