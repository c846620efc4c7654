"""What a report tells with another amount, or not at all, leaves PSE_CLEARING when a person says where it goes."""

import asyncio

import pytest

from domain import invariants
from domain.access.permissions import Role
from domain.access.principal import Principal
from domain.books import open_items
from domain.findings import foreseen, money, work
from domain.findings.work import Resolution, Resolved
from domain.models import Finding, Payment, Refund
from domain.models.findings import ClosingReason
from domain.models.ledger import Account
from domain.money import Money
from domain.notices import listings
from domain.platform.database import rows
from domain.problems import InvalidInput, InvalidState
from domain.pse import registry
from domain.pse.vocabulary import KnownRefund, Returned, Succeeded
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from tests.kit.factories import CAUSE, OwnerRows, Shop, a_payment, a_person, a_refund, a_shop, an_answer
from tests.kit.lines import Telling, a_line, a_night, balance, open_findings, settled

pytestmark = pytest.mark.usefixtures("books")
CLEARING, LOST, SUSPENSE = Account.PSE_CLEARING, Account.WRITE_OFFS, Account.SUSPENSE


async def _shop(amount: int = 10_000) -> tuple[Shop, Principal, Payment]:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop, amount=amount, days_ago=0)
    return shop, a_person(shop, "ana", Role.ACCOUNTANT), payment


async def _refunded(shop: Shop, payment: Payment, amount: int = 4_000) -> Refund:
    refund = await a_refund(shop, payment, amount)
    await an_answer(refund, Succeeded("one"))
    return refund


def _sale(payment: Payment, amount: int = 10_000) -> dict[str, object]:
    return a_line(payment, "CAPTURE", amount, reference="sale", **settled(f"{amount / 100:.2f}"))


def _gone(payment: Payment, name: str, amount: int, state: str = "SUCCEEDED") -> dict[str, object]:
    sign = -1 if state == "SUCCEEDED" else 1
    return a_line(payment, "REFUND", amount, state, reference=name, **settled(f"{sign * amount / 100:.2f}"))


async def _say(who: Principal, finding: Finding, reason: ClosingReason, **more: object) -> Resolved:
    return await work.resolve(who, finding.id, Resolution(reason, "As they say.", **more), CAUSE)  # type: ignore[arg-type]


async def _stands(shop: Shop, *accounts: Account) -> tuple[int, ...]:
    assert await invariants.check() == []
    return tuple([await balance(shop, one) for one in accounts])


async def _open_of_clearing(shop: Shop) -> int:
    await open_items.cut()
    (row,) = await rows(
        "SELECT coalesce(sum(amount), 0)::bigint AS n FROM open_items WHERE merchant_id = $1 "
        "AND account = 'PSE_CLEARING'",
        shop.id,
    )
    return int(row["n"])


async def _mismatch(kind: str = "AMOUNT_MISMATCH") -> Finding:
    return await Finding.get(kind=kind, resolved_at=None)


@pytest.mark.parametrize("told", [3_000, 5_000])
async def test_a_refund_that_a_report_tells_with_another_amount_is_cleared_and_is_whole_again_when_it_is_mended(
    told: int,
) -> None:
    shop, ana, payment = await _shop()
    refund = await _refunded(shop, payment)
    await a_night(shop, _sale(payment), _gone(payment, refund.reference, told))
    left, finding = told - 4_000, await _mismatch()
    assert await _stands(shop, CLEARING) == (left,)
    assert await money.of_each([finding.id]) == {finding.id: (left, "BRL")}
    seen = await foreseen.resolution(ana, finding.id, Resolution(ClosingReason.WRITE_OFF, "As they say."))
    assert (seen.moved.amount, len(seen.rows)) == (left, 2)
    assert (await _say(ana, finding, ClosingReason.WRITE_OFF)).confirmed
    assert await _stands(shop, CLEARING, SUSPENSE, LOST) == (0, 0, left)
    assert await _open_of_clearing(shop) == 0
    await a_night(shop, _sale(payment), _gone(payment, refund.reference, told))  # the same facts: it stays
    assert await _stands(shop, CLEARING, LOST) == (0, left)
    await a_night(shop, _sale(payment), _gone(payment, refund.reference, 4_000))
    assert await _stands(shop, CLEARING, SUSPENSE, LOST) == (0, 0, 0)
    assert (await open_findings(), await _open_of_clearing(shop)) == ([], 0)


async def test_each_reason_takes_it_to_its_account_and_back_when_it_is_opened_again() -> None:
    shop, ana, payment = await _shop()
    await a_night(shop, _sale(payment, 9_000))
    finding = await _mismatch()
    for reason, more, went in (
        (ClosingReason.WRITE_OFF, {}, {LOST: 1_000}),
        (ClosingReason.FEE, {}, {Account.FEES: 1_000}),
        (ClosingReason.CLAIMED_FROM_PSE, {"came": Money(600, "BRL")}, {Account.PSE_ADJUSTMENTS: 600, LOST: 400}),
        (ClosingReason.CORRECTED, {"account": Account.ROUNDING}, {Account.ROUNDING: 1_000}),
    ):
        await _say(ana, finding, reason, **more)
        assert await _stands(shop, CLEARING, SUSPENSE, *went) == (0, 0, *went.values())
        assert await _open_of_clearing(shop) == 0
        await work.reopen(ana, finding.id, "Ask them again.", CAUSE)
        assert await _stands(shop, CLEARING, *went) == (1_000, *[0] * len(went))
    for reason in (ClosingReason.REFUND_OF_OURS, ClosingReason.CHARGEBACK, ClosingReason.EXPLAINED):
        with pytest.raises(InvalidState, match="left in PSE_CLEARING"):
            await _say(ana, finding, reason)
    with pytest.raises(InvalidInput):
        await _say(ana, finding, ClosingReason.CORRECTED, account=Account.SALES_RETURNS)


async def test_a_part_of_a_capture_that_comes_after_the_rest_was_given_up_settles_the_claim() -> None:
    shop, ana, payment = await _shop()
    await a_night(shop, _sale(payment, 9_000))
    await _say(ana, await _mismatch(), ClosingReason.WRITE_OFF)
    await a_night(shop, a_line(payment, "CAPTURE", 1_000, reference="rest", **settled("10.00")), days=1)
    assert await _stands(shop, CLEARING, SUSPENSE, LOST, Account.PSE_BALANCE) == (0, 0, 0, 10_000)
    assert await open_findings() == []


async def test_more_captures_than_were_captured_are_cleared_with_the_claim_that_they_leave() -> None:
    shop, ana, payment = await _shop()
    parts = [a_line(payment, "CAPTURE", n, reference=f"p{n}", **settled(f"{n / 100:.2f}")) for n in (5_000, 6_000)]
    await a_night(shop, *parts)
    assert await _stands(shop, CLEARING, SUSPENSE) == (5_000, -6_000)
    await _say(ana, await _mismatch(), ClosingReason.WRITE_OFF)
    assert await _stands(shop, CLEARING, SUSPENSE, LOST) == (0, 0, -1_000)
    await a_night(shop, parts[0])
    assert await _stands(shop, CLEARING, SUSPENSE, LOST) == (5_000, 0, 0)


async def test_money_that_left_without_us_and_comes_back_in_parts_is_counted_once() -> None:
    shop, ana, payment = await _shop()
    await a_night(shop, _sale(payment), _gone(payment, "panel", 900))
    await _say(ana, await _mismatch("MISSING_IN_LEDGER"), ClosingReason.WRITE_OFF)
    await a_night(shop, _gone(payment, "panel", 400, "RETURNED"), days=1)
    assert await _stands(shop, CLEARING, SUSPENSE, LOST, Account.PSE_BALANCE) == (0, 500, 0, 9_500)
    assert await money.of_each([(await _mismatch()).id]) == {(await _mismatch()).id: (0, "BRL")}
    await _say(ana, await _mismatch("MISSING_IN_LEDGER"), ClosingReason.WRITE_OFF)
    assert await _stands(shop, CLEARING, SUSPENSE, LOST) == (0, 0, 500)
    assert await _open_of_clearing(shop) == 0
    await a_night(shop, _gone(payment, "panel", 500, "RETURNED"), days=2)
    for finding in await Finding.filter(resolved_at=None, kind__not="VAT_REVERSAL_NEEDED"):
        await _say(ana, finding, ClosingReason.WRITE_OFF)
    assert await _stands(shop, CLEARING, SUSPENSE, LOST, Account.PSE_BALANCE) == (0, 0, 0, 10_000)
    assert await _open_of_clearing(shop) == 0


async def test_money_that_left_without_us_as_less_than_was_told_first_is_cleared_and_so_is_what_came_back() -> None:
    shop, ana, payment = await _shop()
    known = KnownRefund("panel", None, Money(900, "BRL"), Succeeded(None), False, "x", None, None)
    assert await listings.take_in_all(payment, [known], CAUSE)
    await a_night(shop, _sale(payment), _gone(payment, "panel", 400))
    assert await _stands(shop, CLEARING, SUSPENSE) == (-500, 900)
    await _say(ana, await _mismatch(), ClosingReason.WRITE_OFF)
    assert await _stands(shop, CLEARING, SUSPENSE, LOST) == (0, 900, -500)
    assert await _open_of_clearing(shop) == 0
    await a_night(shop, _gone(payment, "panel", 400, "RETURNED"), days=1)
    assert await _stands(shop, CLEARING, SUSPENSE, LOST, Account.PSE_BALANCE) == (0, 0, 0, 10_000)


async def test_a_refund_that_no_report_will_tell_is_given_up_until_one_tells_it() -> None:
    shop, ana, payment = await _shop()
    refund = await _refunded(shop, payment)
    found = await _missing(shop, refund)
    await _say(ana, found, ClosingReason.EXPLAINED)  # it may come yet
    assert await _stands(shop, LOST) == (0,)
    await work.reopen(ana, found.id, "It never came.", CAUSE)
    await _say(ana, found, ClosingReason.CLAIMED_FROM_PSE)
    assert await _stands(shop, LOST, SUSPENSE) == (-4_000, 0)
    await a_night(shop, _sale(payment), _gone(payment, refund.reference, 4_000))
    assert await _stands(shop, CLEARING, LOST, SUSPENSE) == (0, 0, 0)
    assert await open_findings() == []


async def test_a_missing_refund_that_was_given_up_and_came_back_is_missing_no_longer() -> None:
    shop, ana, payment = await _shop()
    refund = await _refunded(shop, payment)
    await _say(ana, await _missing(shop, refund), ClosingReason.WRITE_OFF)
    await record(refund.id, Returned("ACCOUNT_CLOSED", "It came back.", "one"), Source(Door.NOTICE), CAUSE)
    await a_night(shop, _sale(payment))
    assert await _stands(shop, CLEARING, LOST, SUSPENSE) == (0, 0, 0)
    assert "MISSING_IN_REPORT" not in await open_findings()


async def _missing(shop: Shop, refund: Refund) -> Finding:
    return await Finding.create(
        kind="MISSING_IN_REPORT", fingerprint=f"missing/{refund.id}", merchant_id=shop.id, refund_id=refund.id,
        connection_id=shop.connection.id, payment_id=refund.payment_id, amount=refund.amount, currency="BRL",
        explanation="No report has it.", detail={}, action="Ask them.",
    )  # fmt: skip


async def test_who_gives_up_and_a_night_that_mends_the_report_at_one_moment_leave_nothing_open() -> None:
    shop, ana, payment = await _shop()
    refund = await _refunded(shop, payment)
    for number in range(3):
        await a_night(shop, _sale(payment), _gone(payment, refund.reference, 3_000 + number))
        finding = await _mismatch()
        mended = a_night(shop, _sale(payment), _gone(payment, refund.reference, 4_000))
        said, stored = await asyncio.gather(_say(ana, finding, ClosingReason.WRITE_OFF), mended, return_exceptions=True)
        assert isinstance(said, Resolved | InvalidState), said  # before the report, or after it
        assert not isinstance(stored, BaseException), stored
        assert await _stands(shop, CLEARING, SUSPENSE, LOST) == (0, 0, 0)
        assert (await open_findings(), await _open_of_clearing(shop)) == ([], 0)


async def test_above_the_limit_two_people_give_it_up_unless_it_is_mended_meanwhile() -> None:
    shop, ana, payment = await _shop(500_000)
    bia = a_person(shop, "bia", Role.ACCOUNTANT)
    await a_night(shop, _sale(payment, 200_000))
    finding = await _mismatch()
    assert not (await _say(ana, finding, ClosingReason.WRITE_OFF)).confirmed
    assert await _stands(shop, CLEARING, LOST) == (300_000, 0)
    await work.confirm(bia, finding.id, CAUSE)
    assert await _stands(shop, CLEARING, LOST) == (0, 300_000)


async def test_what_is_given_up_of_a_claim_and_not_booked_is_told(unguarded_rows: OwnerRows) -> None:
    shop, ana, payment = await _shop()
    await a_night(shop, _sale(payment, 9_000))
    await _say(ana, await _mismatch(), ClosingReason.WRITE_OFF)
    await unguarded_rows("UPDATE ledger_entries SET amount = 1 WHERE entry = 'CLAIM_GIVEN_UP'")
    assert "claims given up" in {one.name.split(":")[0] for one in await invariants.check()}
