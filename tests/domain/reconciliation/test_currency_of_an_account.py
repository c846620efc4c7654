"""A report that does not say its currency is in that of its account, wherever the merchant is."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.models import ReconciliationRun, SettlementLine
from domain.pse.reporting import ReportFile
from domain.reconciliation import reconcile
from tests.domain.pse.mercadopago.test_configuration import DEFAULT
from tests.domain.pse.mercadopago.test_real_files import moved, opening, total, written
from tests.kit.factories import Shop, a_payment, a_shop
from tests.kit.lines import today

pytestmark = pytest.mark.usefixtures("books")


async def _handed_in(shop: Shop) -> ReconciliationRun:
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+00:00")
    rows = [opening("50.00", DATE=at), moved("payment", "99.00", "100.00", DATE=at), total("149.00")]
    run = await reconcile.begin(shop.connection, today())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_text(written(rows, DEFAULT))
        await reconcile.reconcile(shop.connection, run, [ReportFile("a.csv", "application/octet-stream", path)])
    return await ReconciliationRun.get(id=run.id)


async def test_the_payments_that_are_known_there_say_it_and_without_one_nothing_is_proven() -> None:
    shop = await a_shop(pse="mercadopago")
    run = await _handed_in(shop)
    assert (run.state, "add the column CURRENCY" in str(run.error)) == ("FAILED", True)
    await a_payment(shop, currency="ARS", days_ago=0, reference="71000000001")
    assert (await _handed_in(shop)).state == "COMPLETED"
    (line,) = await SettlementLine.all()
    assert (line.currency, line.effect) == ("ARS", "CAPTURE")
    await a_payment(shop, currency="BRL", days_ago=0, reference="71000000002")
    assert (await _handed_in(shop)).state == "FAILED"
