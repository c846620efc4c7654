"""dLocal's published signatures and a settlement file of its layout, which lie beside the checkout."""

import json
import shutil
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from domain.pse.dlocal.auth import given_signature, signature
from domain.pse.dlocal.connector import DLocal
from domain.pse.reporting import ReportFile
from domain.pse.vocabulary import Credentials, Period, WebhookRequest
from tests.conftest import SHARED

FACTS = SHARED / "pse" / "data"
PUBLISHED = pytest.mark.skipif(not FACTS.is_dir(), reason="The published data are not beside the checkout.")
PERIOD = Period(
    "https://x", datetime(2026, 3, 9, 3, tzinfo=UTC), datetime(2026, 3, 10, 3, tzinfo=UTC), "America/Sao_Paulo"
)


@PUBLISHED
def test_every_published_signature_is_ours() -> None:
    vectors = json.loads((FACTS / "dlocal" / "signature-vectors.json").read_text())["vectors"]
    for vector in vectors:
        made = signature(vector["x_login"], vector["x_date"], vector["body"].encode(), vector["secret"])
        assert made == vector["signature"] == given_signature(vector["authorization"])
    assert len(vectors) == 2


@PUBLISHED
def test_a_notification_signed_as_published_is_believed() -> None:
    for vector in json.loads((FACTS / "dlocal" / "signature-vectors.json").read_text())["vectors"]:
        headers = {"x-date": vector["x_date"], "authorization": vector["authorization"]}
        request = WebhookRequest("POST", "/", "", headers, vector["body"].encode())
        credentials = Credentials("https://x", vector["x_login"], {"secret_key": vector["secret"]})
        DLocal().verify_webhook(credentials, request, datetime.fromisoformat(vector["x_date"]))


@PUBLISHED
def test_the_sample_report_is_read_whole_and_its_totals_are_checked(tmp_path: Path) -> None:
    (published,) = (FACTS / "synthetic").glob("synthetic_cross_border_report_*.csv")
    path = Path(shutil.copy(published, tmp_path))  # beside which its columns may be written
    report = DLocal().read_report(ReportFile(path.name, "text/csv", path), PERIOD)
    frame = report.lines.collect()
    assert frame.height == 7
    assert report.completeness is not None
    assert frame["settled_net"].sum() == Decimal("11.505")
    lines = frame.to_dicts()
    refunds = [(line["order_reference"], line["pse_refund_reference"], line["amount"]) for line in lines[3:5]]
    assert refunds == [("order-2001", "REF-900-0001", 6_240), ("order-2002", "REF-900-0002", 52_000)]
    assert [line["type"] for line in lines] == [*["CAPTURE"] * 3, *["REFUND"] * 2, "CHARGEBACK", "CORRECTION"]
