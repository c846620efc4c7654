"""Adyen's announced reports that are not there, that are announced once more, or that are written as real ones are."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from domain import invariants
from domain.books import ledger
from domain.models import Finding
from domain.models.ledger import Account
from domain.notices import inbox
from domain.platform.database import rows
from domain.pse.vocabulary import Announced
from domain.reconciliation import nights
from jobs import reconciliation
from tests.jobs.test_nights import _night, _today
from tests.jobs.test_reconciliation_adyen import _closed, _open_findings
from tests.jobs.test_reconciliation_adyen import world as world
from tests.kit.factories import OwnerRows, a_refund
from tests.kit.held import books_hold_what_the_pse_holds
from tests.kit.world import World

_MISSING = "settlement_detail_report_batch_2.csv"


async def _asked_for(name: str) -> int:
    (row,) = await rows("SELECT count(*) AS n FROM calls WHERE method = 'GET' AND url LIKE '%' || $1", name)
    times: int = row["n"]
    return times


async def test_an_announced_report_that_is_not_there_fails_one_date_is_tried_a_few_times_and_stepped_around(
    world: World, owner_rows: OwnerRows
) -> None:
    await world.finish(await a_refund(world.shop, await world.payment(), 4_000))
    there = await _closed(world, announced=1)
    await inbox.announce(world.shop.connection, Announced(_MISSING))
    failed = await _night(world, 1)
    assert (failed.state, [file["name"] for file in failed.manifest["files"]]) == ("FAILED", [_MISSING, there])
    assert "404" in str(failed.error)
    assert (await _night(world)).state == "NO_REPORT"  # another date is not held up
    for hours in (2, 3, 4):
        await owner_rows(
            "INSERT INTO report_news (connection_id, name, what, said, run_id, at) "
            "VALUES ($1, $2, 'FAILED', 'status 404', $3, now() - make_interval(hours => $4))",
            world.shop.connection.id,
            _MISSING,
            failed.id,
            hours,
        )
    await owner_rows(
        "INSERT INTO report_news (connection_id, name, what, said, run_id, at) "
        "VALUES ($1, $2, 'FAILED', 'status 404', $3, now() - interval '5 hours')",
        world.shop.connection.id,
        _MISSING,
        failed.id,
    )
    assert (await _night(world, 1)).state == "COMPLETED"
    assert await _asked_for(_MISSING) == 1
    await inbox.announce(world.shop.connection, Announced(_MISSING))  # announced again: tried again
    await world.sandbox.post("close-batch", announce=False)
    assert (await _night(world, 1)).state == "COMPLETED"
    assert await _asked_for(_MISSING) == 2


async def test_a_report_that_is_stepped_around_has_called_a_person_until_it_is_fetched(
    world: World, owner_rows: OwnerRows
) -> None:
    await inbox.announce(world.shop.connection, Announced(_MISSING))
    run = await nights.begin(world.shop.connection, _today())
    for hours in range(4):
        await owner_rows(
            "INSERT INTO report_news (connection_id, name, what, said, run_id, at) "
            "VALUES ($1, $2, 'FAILED', 'status 404', $3, now() - make_interval(hours => $4))",
            world.shop.connection.id,
            _MISSING,
            run.id,
            hours + 1,
        )
    assert (await _night(world)).state == "FAILED"
    found = await Finding.filter(resolved_at=None, kind="NIGHT_FAILED")
    assert sorted("Report" in one.explanation for one in found if one.fingerprint.startswith("report/")) == [True]
    for _ in range(2):
        await world.sandbox.post("close-batch", announce=False)
    await inbox.announce(world.shop.connection, Announced(_MISSING))
    assert (await _night(world)).state == "COMPLETED"
    assert not await Finding.exists(resolved_at=None, kind="NIGHT_FAILED")


async def test_a_report_of_the_same_name_that_is_announced_again_is_fetched_again_once(world: World) -> None:
    await world.finish(await a_refund(world.shop, await world.payment(), 4_000))
    name = await _closed(world, announced=1)
    await _night(world)
    assert await _asked_for(name) == 1
    await inbox.announce(world.shop.connection, Announced(name))
    await inbox.announce(world.shop.connection, Announced(name))
    for _ in range(2):
        assert (await reconciliation.run(world.shop.connection.id, _today(), world.sender)).state == "COMPLETED"
    assert await _asked_for(name) == 2


@pytest.mark.parametrize(
    "style",
    [
        {"lower": True},
        {"shuffled": True, "broken_off": True},
        *[{"zone": zone} for zone in ("PST", "MXT", "SGT", "UTC-3", "America/Bogota")],
    ],
)
async def test_however_a_batch_is_written_its_refunds_are_proven(world: World, style: dict[str, Any]) -> None:
    await world.sandbox.post("report-style", **style)
    await world.finish(await a_refund(world.shop, await world.payment(), 4_000))
    await _closed(world, announced=1)
    run = await _night(world)
    assert (run.state, run.error, run.manifest["matched_refunds"]) == ("COMPLETED", None, 1)
    assert "MerchantPayout" in run.manifest["files"][0]["completeness"]
    (line,) = await rows("SELECT booked_at FROM settlement_lines WHERE effect = 'REFUND'")
    assert abs((line["booked_at"] - datetime.now(UTC)).total_seconds()) < 600
    assert (await _open_findings(), await invariants.check()) == (0, [])


async def test_a_batch_that_is_still_open_proves_its_refunds_and_not_itself(world: World) -> None:
    await world.sandbox.post("report-style", open=True)
    await world.finish(await a_refund(world.shop, await world.payment(), 4_000))
    await _closed(world, announced=1)
    run = await _night(world)
    assert (run.state, run.manifest["matched_refunds"]) == ("COMPLETED", 1)
    assert run.manifest["files"][0]["completeness"] == "completeness unproven"
    assert await invariants.check() == []


async def test_other_currencies_types_and_corrections_hold_up_no_batch_and_no_later_night(world: World) -> None:
    foreign = {"type": "Settled", "net": "350.25", "gross": "10800", "currency": "JPY", "payment": "YENPAYMENT000001"}
    taken = {"type": "Refunded", "net": "-175.00", "gross": "-5400", "currency": "INR", "payment": "RUPEEPAYMENT0001"}
    corrected = {"type": "DepositCorrection", "net": "-1.00", "gross": "-3.00"}
    new = {"type": "TypeOfTomorrow", "net": "-0.50"}
    await world.sandbox.post("report-rows", rows=[foreign, {**taken, "modification": "X"}, corrected, new])
    await world.finish(await a_refund(world.shop, await world.payment(), 4_000))
    await _closed(world, announced=1)
    run = await _night(world)
    assert (run.state, run.error, run.manifest["matched_refunds"]) == ("COMPLETED", None, 1)
    assert "MerchantPayout" in run.manifest["files"][0]["completeness"]
    told = await rows(
        "SELECT kind, amount, currency, settled_net FROM settlement_lines "
        "WHERE type IN ('OTHER', 'CORRECTION') ORDER BY line"
    )
    assert [(row["kind"], row["amount"], row["currency"], row["settled_net"]) for row in told] == [
        ("Settled JPY", 0, "BRL", Decimal("350.25")),
        ("Refunded INR", 0, "BRL", Decimal(-175)),
        ("DepositCorrection", 300, "BRL", Decimal(-1)),
        ("TypeOfTomorrow", 50, "BRL", Decimal("-0.50")),
    ]
    await books_hold_what_the_pse_holds(world)
    waiting = sum(row.balance for row in await ledger.balances(world.shop.id) if row.account is Account.SUSPENSE)
    assert waiting == -35_025 + 17_500 + 50 + 300, "what nobody understands, with its signs"
    await world.finish(await a_refund(world.shop, await world.payment(), 1_000))
    await _closed(world, announced=2)
    assert (await _night(world)).manifest["matched_refunds"] == 2, "the files of the date's earlier run count, too"
    assert await invariants.check() == []
