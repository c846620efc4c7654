"""A payment that no report proves is found when it is overdue, can be given up, and is whole again when it comes."""

import pytest

from domain import invariants
from domain.access.permissions import Role
from domain.access.principal import Principal
from domain.books import open_items
from domain.findings import money, work
from domain.findings.work import Resolution
from domain.models import Finding, Payment
from domain.models.findings import ClosingReason
from domain.models.ledger import Account
from domain.payments import withdrawals
from domain.problems import InvalidState
from domain.pse import registry
from domain.pse.vocabulary import Succeeded
from tests.kit.factories import CAUSE, Shop, a_key, a_payment, a_person, a_refund, a_shop, an_answer
from tests.kit.lines import Telling, a_line, a_night, balance, open_findings, settled

pytestmark = pytest.mark.usefixtures("books")
CLEARING, LOST, SUSPENSE, FX = Account.PSE_CLEARING, Account.WRITE_OFFS, Account.SUSPENSE, Account.FX_DIFFERENCES


class _AtOnce(Telling):
    """A refund's line is in the report of its own day."""

    report_lag_days: int | None = 0


async def _shop() -> tuple[Shop, Principal, Payment]:
    """With a payment that each night's report proves."""
    registry.register(_AtOnce())
    shop = await a_shop(pse="lab")
    return shop, a_person(shop, "ana", Role.ACCOUNTANT), await a_payment(shop, days_ago=0)


def _sale(payment: Payment, amount: int = 10_000) -> dict[str, object]:
    return a_line(payment, "CAPTURE", amount, reference=f"s{amount}", **settled(f"{amount / 100:.2f}"))


async def _told(shop: Shop, other: Payment, *lines: dict[str, object]) -> None:
    await open_items.cut()
    await a_night(shop, _sale(other), *lines)


async def _stands(shop: Shop, *accounts: Account) -> tuple[int, ...]:
    assert await invariants.check() == []
    return tuple([await balance(shop, one) for one in accounts])


async def test_a_payment_that_no_report_tells_is_overdue_a_month_and_a_half_later_if_others_are_told_since() -> None:
    shop, _, other = await _shop()
    old, young = await a_payment(shop, days_ago=50), await a_payment(shop, days_ago=40)
    await open_items.cut()
    await a_night(shop, days=-1)  # of a connection whose reports tell no payments nothing is missing
    assert await open_findings() == []
    await _told(shop, other)
    (found,) = await Finding.filter(resolved_at=None)
    assert (found.kind, found.payment_id, found.amount) == ("MISSING_IN_REPORT", old.id, 10_000)
    await a_night(shop, _sale(old), _sale(young), days=-1)
    assert await open_findings() == []


@pytest.mark.parametrize("comes", [10_000, 9_000])
async def test_what_is_given_up_of_it_is_whole_again_when_a_report_tells_it_after_all(comes: int) -> None:
    shop, ana, other = await _shop()
    payment = await a_payment(shop, days_ago=50)
    await _told(shop, other)
    found = await Finding.get(resolved_at=None)
    assert await money.of_each([found.id]) == {found.id: (10_000, "BRL")}
    await work.resolve(ana, found.id, Resolution(ClosingReason.EXPLAINED, "It comes yet."), CAUSE)
    await work.reopen(ana, found.id, "It does not.", CAUSE)
    await work.resolve(ana, found.id, Resolution(ClosingReason.WRITE_OFF, "They went broke."), CAUSE)
    assert await _stands(shop, CLEARING, SUSPENSE, LOST) == (0, 0, 10_000)
    await _told(shop, other)
    assert (await open_findings(), await _stands(shop, LOST)) == ([], (10_000,))
    await a_night(shop, _sale(payment, comes), days=-1)
    assert await _stands(shop, CLEARING, SUSPENSE, LOST) == (10_000 - comes, 0, 0)
    assert await open_findings() == ["AMOUNT_MISMATCH"] * (comes != 10_000)
    await a_night(shop, days=-1)  # the report has it no longer: it is missing again
    await _told(shop, other)
    assert "MISSING_IN_REPORT" in await open_findings()


async def test_a_claim_beside_a_line_in_another_currency_is_given_up_once_the_line_is_dealt_with() -> None:
    shop, ana, other = await _shop()
    payment = await a_payment(shop, days_ago=1)
    refund = await a_refund(shop, await a_payment(shop, days_ago=2), 4_000)
    await an_answer(refund, Succeeded("D-1"))
    usd = [
        a_line(payment, "CAPTURE", 2_000, reference="s", **settled("20.00", "USD")) | {"currency": "USD"},
        a_line(
            await Payment.get(id=refund.payment_id),
            "REFUND",
            800,
            reference=refund.reference,
            **settled("-8.00", "USD"),
        )
        | {"currency": "USD"},
    ]
    for _ in range(2):
        await _told(shop, other, *usd)
    assert await open_findings() == ["CURRENCY_MISMATCH"] * 2
    for one in await Finding.filter(resolved_at=None):
        await work.resolve(ana, one.id, Resolution(ClosingReason.CORRECTED, "In dollars.", FX), CAUSE)
    for _ in range(2):
        await _told(shop, other, *usd)
        assert await open_findings() == ["MISSING_IN_REPORT"] * 2
    for one in await Finding.filter(resolved_at=None):
        await work.resolve(ana, one.id, Resolution(ClosingReason.CORRECTED, "In dollars.", FX), CAUSE)
    for _ in range(2):
        await _told(shop, other, *usd)
        assert await open_findings() == []
    assert await _stands(shop, CLEARING, SUSPENSE) == (10_000, 0)  # of the payment that was refunded


async def test_a_claim_beside_a_line_in_another_currency_that_a_report_has_no_longer_waits_as_long_as_others() -> None:
    shop, ana, other = await _shop()
    payment = await a_payment(shop, days_ago=1)
    usd = a_line(payment, "CAPTURE", 2_000, reference="s", **settled("20.00", "USD")) | {"currency": "USD"}
    for resolves in (False, True):  # by a person, before: that is over, too
        await a_night(shop, usd, days=-1)
        assert await open_findings() == ["CURRENCY_MISMATCH"]
        if resolves:
            (one,) = await Finding.filter(resolved_at=None)
            await work.resolve(ana, one.id, Resolution(ClosingReason.CORRECTED, "In dollars.", FX), CAUSE)
        await a_night(shop, days=-1)
        await _told(shop, other)
        assert await open_findings() == []


async def test_a_payment_that_was_given_up_is_withdrawn_once_its_finding_is_open_again() -> None:
    shop, ana, other = await _shop()
    payment = await a_payment(shop, days_ago=50)
    await _told(shop, other)
    found = await Finding.get(resolved_at=None)
    await work.resolve(ana, found.id, Resolution(ClosingReason.WRITE_OFF, "They went broke."), CAUSE)
    with pytest.raises(InvalidState, match="open that finding again first") as refused:
        await withdrawals.withdraw(ana, payment.id, "It never was.", a_key(), CAUSE)
    assert refused.value.current_state == "GIVEN_UP"
    await work.reopen(ana, found.id, "It never was.", CAUSE)
    await withdrawals.withdraw(ana, payment.id, "It never was.", a_key(), CAUSE)
    assert await _stands(shop, CLEARING, SUSPENSE, LOST) == (0, 0, 0)
    assert await open_findings() == []
