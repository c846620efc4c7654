"""dLocal's night over real HTTP: no report can be fetched, and the file that a person hands in proves the books."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from domain import invariants
from domain.books import ledger
from domain.models import Connection, Finding, ReconciliationRun, Refund
from domain.models.ledger import Account
from domain.models.refunds import State
from domain.pse.reporting import ReportFile
from domain.reconciliation import reconcile
from jobs import reconciliation as night
from tests.conftest import Database
from tests.kit.factories import OwnerRows, a_refund
from tests.kit.held import books_hold_what_the_pse_holds
from tests.kit.world import World, a_world
from tests.sandbox.client import SandboxClient

ZONE = ZoneInfo("America/Sao_Paulo")


@pytest.fixture
async def world(books: Database, sandbox: SandboxClient) -> AsyncIterator[World]:
    async with a_world(sandbox.at("dlocal")) as made:
        yield made


async def _handed_in(
    world: World, folder: Path, separator: str = ",", changed: tuple[str, str] = ("", "")
) -> ReconciliationRun:
    """What comes of the file that dLocal has put on its SFTP, given to the reconciliation by a person."""
    told = await world.sandbox.post("report", separator=separator)
    path = folder / told["name"]
    path.write_text(told["content"].replace(*changed))
    connection = await Connection.get(id=world.shop.connection.id)
    run = await reconcile.begin(connection, datetime.now(UTC).astimezone(ZONE).date())
    # One name for the settlement, however often it is printed while the test goes on.
    await reconcile.reconcile(connection, run, [ReportFile("settlement.csv", "text/csv", path)])
    return await ReconciliationRun.get(id=run.id)


async def _balances(world: World) -> dict[Account, int]:
    return {row.account: row.balance for row in await ledger.balances(world.shop.id)}


async def test_the_night_itself_is_done_and_says_that_there_is_no_report(world: World) -> None:
    run = await night.run(world.shop.connection.id, datetime.now(UTC).astimezone(ZONE).date(), world.sender)
    assert (run.state, run.error) == ("NO_REPORT", None)
    assert "downloaded by a person (estorno reconcile --file)" in run.manifest["completeness"]


@pytest.mark.parametrize("separator", [",", ";"])
async def test_a_file_that_is_handed_in_proves_captures_refunds_and_what_came_back(
    world: World, tmp_path: Path, separator: str
) -> None:
    payment = await world.payment(order="order-1")
    twins = [await world.finish(await a_refund(world.shop, payment, 2_000)) for _ in range(2)]
    other = await world.payment(order="order-2")
    back = await world.finish(await a_refund(world.shop, other, 5_000))
    await world.sandbox.post("give-back", payment=other.pse_reference, refund=await world.name_of(other))
    assert (await world.finish(back, wait_for=State.RETURNED)).state is State.RETURNED

    run = await _handed_in(world, tmp_path, separator)
    assert "NUMBER_OF_ITEMS (7)" in run.manifest["completeness"]
    assert (run.manifest["matched_refunds"], run.manifest["unmatched_refunds"]) == (3, 0)
    balances = await _balances(world)
    await books_hold_what_the_pse_holds(world)
    assert balances.get(Account.PSE_CLEARING, 0) == 0
    assert [one.kind for one in await Finding.all()] == ["RETURNED"], "the customer is owed it"
    assert await invariants.check() == []
    assert {refund.state for refund in await Refund.filter(id__in=[one.id for one in twins])} == {State.SUCCEEDED}

    again = await _handed_in(world, tmp_path, separator)
    assert again.manifest["files"][0]["totals"] == run.manifest["files"][0]["totals"]
    assert await _balances(world) == balances
    assert [one.kind for one in await Finding.all()] == ["RETURNED"], "the customer is owed it"


@pytest.mark.parametrize("words", ["REVERSAL,,,,,,o-9,D-9,-5.125,KWD", "ADJUSTMENT,,,,,,,,-5,INR"])
async def test_a_row_that_nobody_understands_does_not_hold_up_the_proof_of_the_others(
    world: World, tmp_path: Path, owner_rows: OwnerRows, words: str
) -> None:
    payment = await world.payment(order="order-1")
    await world.finish(await a_refund(world.shop, payment, 2_000))
    run = await _handed_in(world, tmp_path, changed=("SETTLEMENT_FEE,,,,,,,,,", words))
    assert "NUMBER_OF_ITEMS (3)" in run.manifest["completeness"]
    assert (run.manifest["matched_refunds"], run.manifest["unmatched_refunds"]) == (1, 0)
    (line,) = await owner_rows("SELECT * FROM settlement_lines WHERE type = 'OTHER'")
    assert (line["amount"], line["currency"], line["settled_currency"]) == (0, "USD", "USD")
    assert line["kind"].startswith(words.partition(",")[0])
    assert await invariants.check() == []


async def test_a_refund_whose_id_nobody_knows_is_repeated_then_a_persons_and_proven_by_the_file(
    world: World, tmp_path: Path, owner_rows: OwnerRows
) -> None:
    payment = await world.payment("lost_answer", order="order-1", webhook_moods=[{"name": "missing"}])
    refund = await world.step(await a_refund(world.shop, payment, 4_000))
    assert refund.state is State.SUBMITTED
    await world.sandbox.post("forget-keys")  # from now on dLocal says 5011
    refund = await world.finish(refund)
    assert refund.state is State.SUBMITTED
    assert refund.needs_person_since is not None
    assert await world.sandbox.paid(payment.pse_reference) == 4_000
    attempts = await owner_rows("SELECT code, outcome FROM attempts ORDER BY number")
    assert [row["code"] for row in attempts[1:]] == ["5011"] * 4
    assert {row["outcome"] for row in attempts} == {"IN_DOUBT"}

    await _handed_in(world, tmp_path)
    assert (await Refund.get(id=refund.id)).state is State.SUCCEEDED
    assert await Finding.filter(resolved_at=None).count() == 0
    assert await invariants.check() == []


async def test_no_secret_and_no_signature_is_kept_in_the_calls(world: World, owner_rows: OwnerRows) -> None:
    payment = await world.payment()
    await world.finish(await a_refund(world.shop, payment, 4_000))
    kept = await owner_rows(
        "SELECT c.headers::text || c.url || c.body || a.headers::text || a.body AS text FROM calls c "
        "JOIN answers a ON a.call_id = c.id UNION ALL SELECT headers::text || encode(body, 'escape') FROM notices"
    )
    assert kept
    for row in kept:
        for secret in ("sandboxtranskey", "sandbox-secret-key", "V2-HMAC-SHA256"):
            assert secret not in row["text"]
