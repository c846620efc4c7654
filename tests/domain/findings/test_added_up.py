"""What one person gives up within a day is added up, one by one, in bulk, by a sheet, and with VAT."""

from typing import Any

import pytest

from domain.findings import bulk, findings, foreseen, work
from domain.findings.bulk import SeenFindings
from domain.findings.findings import FindingKind, Found
from domain.findings.search import WantedFindings
from domain.findings.work import Resolution
from domain.models import Finding
from domain.models.findings import ClosingReason
from domain.models.ledger import Account
from domain.money import Money
from domain.problems import InvalidInput
from tests.domain.findings.conftest import Desk, by
from tests.kit.factories import OwnerRows, a_key, a_payment

SAID = Resolution(ClosingReason.WRITE_OFF, "As the statement says.")  # BRL: a second person from 1,000.00 on
# Nobody but the person themselves says that it is so.
WAYS: list[tuple[ClosingReason, dict[str, Any]]] = [
    (ClosingReason.WRITE_OFF, {}),
    (ClosingReason.FEE, {}),
    (ClosingReason.CLAIMED_FROM_PSE, {}),
    (ClosingReason.CLAIMED_FROM_PSE, {"came": Money(10_000, "BRL")}),
    (ClosingReason.CLAIMED_FROM_PSE, {"came": Money(40_000, "BRL")}),
    (ClosingReason.CORRECTED, {"account": Account.FEES}),
    (ClosingReason.CORRECTED, {"account": Account.PSE_ADJUSTMENTS}),
    (ClosingReason.CORRECTED, {"account": Account.ROUNDING}),
    (ClosingReason.CORRECTED, {"account": Account.FX_DIFFERENCES}),
]


async def test_small_write_offs_of_one_person_are_added_up_and_a_second_persons_are_their_own(
    desk: Desk, owner_rows: OwnerRows
) -> None:
    small = [await desk.taken(40_000, f"MED{number}") for number in range(8)]
    assert [(await desk.say(one, ClosingReason.WRITE_OFF)).confirmed for one in small[:3]] == [True, True, False]
    for reason, more in WAYS:
        assert not (await desk.say(small[3], reason, **more)).confirmed, (reason, more)
    # What reports prove or deny is not counted, and each person has their own.
    assert (await desk.say(small[3], ClosingReason.CHARGEBACK)).confirmed
    assert (await desk.say(small[4], ClosingReason.REFUND_OF_OURS)).confirmed
    assert (await desk.say(small[5], ClosingReason.WRITE_OFF, desk.bia)).confirmed
    assert not (await desk.say(small[6], ClosingReason.WRITE_OFF)).confirmed
    # A second person's yes makes no room, and neither does what they confirmed count against them.
    assert (await work.confirm(desk.bia, small[2].id, by(desk.bia))).confirmed
    assert (await desk.say(small[7], ClosingReason.WRITE_OFF, desk.bia)).confirmed
    await owner_rows("UPDATE finding_resolutions SET proposed_at = now() - interval '25 hours'")
    assert (await desk.say(small[6], ClosingReason.WRITE_OFF)).confirmed


async def test_in_bulk_and_as_a_sheet_is_previewed_what_is_split_counts_as_one(desk: Desk) -> None:
    found = [await desk.taken(30_000, f"MED{number}") for number in range(5)]
    so_far: dict[str, int] = {}
    told = [await foreseen.needs_second_person(desk.ana, one, SAID, so_far) for one in found]
    assert (told, so_far) == ([False, False, False, True, True], {"BRL": 90_000})
    done = await bulk.resolve(desk.ana, WantedFindings(), SAID, SeenFindings(5), a_key(), by(desk.ana))
    assert [one.confirmed for one in done] == [True, True, True, False, False]
    assert await desk.account("WRITE_OFFS") == 90_000


@pytest.mark.parametrize(("reason", "more"), WAYS)
async def test_whichever_way_it_leaves_without_a_witness_what_is_split_counts_as_one(
    desk: Desk, reason: ClosingReason, more: dict[str, Any]
) -> None:
    found = [await desk.taken(40_000, f"MED{number}") for number in range(3)]
    so_far: dict[str, int] = {}
    said = Resolution(reason, SAID.note, **more)
    foreseen_two = [await foreseen.needs_second_person(desk.ana, one, said, so_far) for one in found]
    assert (foreseen_two, so_far) == ([False, False, True], {"BRL": 80_000})
    assert [(await desk.say(one, reason, **more)).confirmed for one in found] == [True, True, False]
    assert not (await desk.say(found[2], ClosingReason.WRITE_OFF)).confirmed


@pytest.mark.parametrize("which", [ClosingReason.REFUND_OF_OURS, ClosingReason.CHARGEBACK])
async def test_what_reports_prove_or_deny_is_nothing_given_up(desk: Desk, which: ClosingReason) -> None:
    found = [await desk.taken(60_000, f"MED{number}") for number in range(3)]
    assert all([(await desk.say(one, which)).confirmed for one in found])


async def test_what_somebody_says_came_makes_no_room_below_the_limit(desk: Desk) -> None:
    paid = await a_payment(desk.shop)
    await findings.open_finding(
        Found(
            kind=FindingKind.AMOUNT_MISMATCH,
            merchant_id=desk.shop.id,
            connection_id=desk.shop.connection.id,
            fingerprint="amount/one-centavo",
            amount=Money(1, "BRL"),
            explanation="One centavo less.",
            payment_id=paid.id,
        )
    )
    nothing = await Finding.get(fingerprint="amount/one-centavo")
    for came in (2, 10**9, 2**63 - 1):
        with pytest.raises(InvalidInput, match="More came"):
            await desk.say(nothing, ClosingReason.CLAIMED_FROM_PSE, came=Money(came, "BRL"))
    assert (await desk.say(nothing, ClosingReason.CLAIMED_FROM_PSE, came=Money(1, "BRL"))).confirmed
    small = [await desk.taken(40_000, f"MED{number}") for number in range(3)]
    assert [(await desk.say(one, ClosingReason.WRITE_OFF)).confirmed for one in small] == [True, True, False]
