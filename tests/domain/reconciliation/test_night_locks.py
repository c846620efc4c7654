"""What a night holds while it works: nothing that a customer's request, the sealer or another night waits for."""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from domain.findings import findings
from domain.findings.findings import FindingKind, Found
from domain.history import seals
from domain.money import Money
from domain.platform.database import rows
from domain.pse import registry
from domain.pse.reporting import ReportFile
from domain.reconciliation import reconcile
from tests.conftest import Database
from tests.jobs.test_nights import Nightly, _line, _today
from tests.kit.factories import Shop, a_payment, a_refund, a_shop

pytestmark = pytest.mark.usefixtures("books")


@pytest.fixture
def pse() -> Iterator[Nightly]:
    made = Nightly()
    registry.register(made)
    yield made
    registry._CONNECTORS.pop("lab", None)


async def test_findings_are_opened_many_to_a_statement_and_a_few_hundred_to_a_transaction() -> None:
    shop = await a_shop()
    found = [
        Found(FindingKind.CONTRADICTION, shop.id, shop.connection.id, f"f/{number}", Money(1, "BRL"), "x")
        for number in range(1_100)
    ]
    await findings.open_findings([*found, found[0]])
    (told,) = await rows("SELECT count(*) AS findings, count(DISTINCT xmin::text) AS transactions FROM findings")
    assert dict(told) == {"findings": 1_100, "transactions": 3}


async def test_a_request_goes_through_while_a_nights_report_is_being_written(
    pse: Nightly, own_database: Database
) -> None:
    """The transaction that writes the lines stands still; whoever wants the payment's row gets it at once."""
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop, amount=10_000)
    pse.told["a.csv"] = [_line(payment.pse_reference, amount=9_000)]  # another amount: a finding about the payment
    path = await _file(pse)
    blocker = await asyncpg.connect(own_database.owner_url)
    writing = blocker.transaction()
    await writing.start()
    await blocker.execute("LOCK TABLE ledger_entries IN SHARE MODE")  # the lines are written, their entry waits
    night = asyncio.create_task(_night(shop, path))
    while not await blocker.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
        assert not night.done()
        await asyncio.sleep(0.01)
    probe = await asyncpg.connect(own_database.owner_url)
    await probe.execute("SET lock_timeout = '100ms'")
    await probe.fetch("SELECT id FROM payments WHERE id = $1 FOR UPDATE", payment.id)
    await writing.rollback()
    await night
    for one in (blocker, probe):
        await one.close()
    told = await rows("SELECT f.xmin::text AS one, r.xmin::text AS other FROM findings f, reports r")
    assert [row["one"] != row["other"] for row in told] == [True]


async def test_what_a_waiting_night_holds_does_not_hold_up_the_sealer(pse: Nightly, own_database: Database) -> None:
    shop = await a_shop(pse="lab")
    first = await asyncpg.connect(own_database.application_url)
    started = first.transaction()
    await started.start()
    await first.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 1))", str(shop.connection.id))
    night = asyncio.create_task(_night(shop, await _file(pse)))
    while not await rows("SELECT 1 AS one FROM pg_locks WHERE NOT granted AND locktype = 'advisory'"):
        assert not night.done()
        await asyncio.sleep(0.01)
    await a_refund(shop, await a_payment(shop), 1_000)
    sealed = 0
    for _ in range(100):  # other tests' transactions are in its way for a moment; this night's would be all along
        sealed = sealed or await seals.seal()
        await asyncio.sleep(0 if sealed else 0.05)
    assert sealed == 1
    await started.rollback()
    await night
    await first.close()


async def _file(pse: Nightly) -> ReportFile:
    pse.told.setdefault("a.csv", [])
    path = Path(tempfile.mkdtemp()) / "a.csv"
    path.write_bytes(b"a")
    return ReportFile("a.csv", "text/csv", path)


async def _night(shop: Shop, file: ReportFile) -> None:
    run = await reconcile.begin(shop.connection, _today())
    await reconcile.reconcile(shop.connection, run, [file])
