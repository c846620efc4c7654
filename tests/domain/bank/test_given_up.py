"""A payout that never came is given up: it leaves its way to the bank, until it comes or is told otherwise."""

from pathlib import Path

import pytest

from domain import invariants
from domain.access.permissions import Role
from domain.access.principal import Principal
from domain.bank import look, proofs
from domain.findings import foreseen, money, work
from domain.findings.work import Resolution
from domain.models import BankLine, Finding, Payout, PayoutProof
from domain.models.findings import ClosingReason
from domain.models.ledger import Account
from domain.money import Money
from domain.platform.settings import Settings
from domain.problems import InvalidInput, InvalidState
from domain.pse import registry
from domain.pse.vocabulary import Method
from tests.domain.bank.test_proofs import a_sheet, an_account, hand_in
from tests.kit.days import utc_today
from tests.kit.factories import CAUSE, OwnerRows, Shop, a_payment, a_person, a_shop
from tests.kit.lines import Telling, a_line, a_night, balance, of_nobody, settled
from tests.kit.world import quick_settings

pytestmark = pytest.mark.usefixtures("books")
WAY = Account.PAYOUTS_IN_TRANSIT
OTHER = Account.WRITE_OFFS


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return quick_settings(files=str(tmp_path / "files"))


async def _missing(settings: Settings, amount: int = 10_000) -> tuple[Shop, Principal, Finding]:
    """A payout that a report tells and no statement shows."""
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    await _told(shop, amount)
    ana, account = await an_account(shop)
    given = a_sheet((utc_today(-21), "X", "1,00"), (utc_today(), "Y", "1,00"))
    await hand_in(ana, account.id, given, settings)
    await look.look(shop.id, CAUSE)
    return shop, ana, await Finding.get(kind="PAYOUT_MISSING", resolved_at=None)


async def _told(shop: Shop, amount: int) -> None:
    sale = a_line(await a_payment(shop, method=Method.PIX), "CAPTURE", 10_000, **settled("100.00"))
    paid = of_nobody("PAYOUT", f"{-amount / 100:.2f}", reference="po_1A2B3C")
    await a_night(shop, sale, paid, days=-20, name="one.json")


async def _say(who: Principal, finding: Finding, reason: ClosingReason, **more: object) -> work.Resolved:
    return await work.resolve(who, finding.id, Resolution(reason, "It never came.", **more), CAUSE)  # type: ignore[arg-type]


async def _stands(shop: Shop, *accounts: Account) -> tuple[int, ...]:
    assert await invariants.check() == []
    return tuple([await balance(shop, one) for one in accounts])


async def test_what_is_given_up_is_on_its_way_no_longer_and_is_again_when_it_is_opened_again(
    settings: Settings,
) -> None:
    shop, ana, finding = await _missing(settings)
    assert await money.of_each([finding.id]) == {finding.id: (10_000, "BRL")}
    for reason, more, went in (
        (ClosingReason.WRITE_OFF, {}, {OTHER: 10_000}),
        (ClosingReason.FEE, {}, {Account.FEES: 10_000}),
        (ClosingReason.CLAIMED_FROM_PSE, {"came": Money(6_000, "BRL")}, {Account.PSE_ADJUSTMENTS: 6_000, OTHER: 4_000}),
        (ClosingReason.CORRECTED, {"account": Account.FX_DIFFERENCES}, {Account.FX_DIFFERENCES: 10_000}),
        (ClosingReason.EXPLAINED, {}, {WAY: 10_000}),
    ):
        seen = await foreseen.resolution(ana, finding.id, Resolution(reason, "It never came.", **more))
        assert (await _say(ana, finding, reason, **more)).confirmed
        assert await _stands(shop, *went) == tuple(went.values())
        assert await _stands(shop, WAY, Account.SUSPENSE) == (went.get(WAY, 0), 0)
        assert sum(amount for debit, _, amount in seen.rows if debit is not Account.SUSPENSE) == seen.moved.amount
        await work.reopen(ana, finding.id, "Ask them again.", CAUSE)
        assert await _stands(shop, WAY, OTHER, Account.FEES, Account.SUSPENSE) == (10_000, 0, 0, 0)
    for reason in (ClosingReason.REFUND_OF_OURS, ClosingReason.CHARGEBACK):
        with pytest.raises(InvalidState, match="on its way to the bank"):
            await _say(ana, finding, reason)
    with pytest.raises(InvalidInput):
        await _say(ana, finding, ClosingReason.CORRECTED, account=Account.SALES_RETURNS)


async def test_it_is_on_its_way_again_when_the_bank_has_it_after_all_and_nobody_has_said_so(settings: Settings) -> None:
    shop, ana, finding = await _missing(settings)
    await _say(ana, finding, ClosingReason.WRITE_OFF)
    line = a_sheet((utc_today(-18), "TED PO_1A2B3C", "100,00"))
    await hand_in(ana, (await BankLine.all().first()).account_id, line, settings)  # type: ignore[union-attr]
    assert await _stands(shop, Account.BANK, WAY, OTHER) == (10_000, 0, 0)
    assert (await Finding.get(id=finding.id)).resolution == "A bank statement has it."
    proof = await PayoutProof.get()
    await proofs.void(ana, proof.payout_id, "It was another one.", CAUSE)
    await look.look(shop.id, CAUSE)
    assert (await Finding.get(id=finding.id)).resolved_at is None
    await _say(ana, finding, ClosingReason.WRITE_OFF)
    await proofs.prove(ana, proof.payout_id, proof.line_id, CAUSE)  # a person says so, instead
    assert await _stands(shop, Account.BANK, WAY, OTHER) == (10_000, 0, 0)


@pytest.mark.parametrize("now", [9_000, 0])
async def test_a_payout_that_is_told_otherwise_was_not_what_was_given_up(settings: Settings, now: int) -> None:
    shop, ana, finding = await _missing(settings)
    await _say(ana, finding, ClosingReason.WRITE_OFF)
    await _told(shop, now)
    await look.look(shop.id, CAUSE)
    assert await _stands(shop, WAY, OTHER) == (now, 0)
    still = await Finding.filter(kind="PAYOUT_MISSING", resolved_at=None)
    assert [one.amount for one in still] == [now][: len(still)]
    assert (await Payout.get()).amount == now


async def test_above_the_limit_two_people_give_it_up_unless_the_bank_has_it_meanwhile(settings: Settings) -> None:
    shop, ana, finding = await _missing(settings, 200_000)
    bia = a_person(shop, "bia", Role.ACCOUNTANT)
    assert not (await _say(ana, finding, ClosingReason.WRITE_OFF)).confirmed
    assert await _stands(shop, WAY, OTHER) == (200_000, 0)
    await work.confirm(bia, finding.id, CAUSE)
    assert await _stands(shop, WAY, OTHER) == (0, 200_000)
    await work.reopen(bia, finding.id, "The bank is asked once more.", CAUSE)
    await _say(ana, finding, ClosingReason.WRITE_OFF)
    await Payout.filter(id=(await Payout.get()).id).update(amount=0)  # no report tells it any more
    with pytest.raises(InvalidState, match="changed"):
        await work.confirm(bia, finding.id, CAUSE)


async def test_what_is_given_up_and_not_booked_is_told(settings: Settings, unguarded_rows: OwnerRows) -> None:
    _, ana, finding = await _missing(settings)
    await _say(ana, finding, ClosingReason.WRITE_OFF)
    await unguarded_rows("UPDATE ledger_entries SET amount = 1 WHERE entry = 'PAYOUT_GIVEN_UP'")
    assert "given up" in {one.name.split(":")[0] for one in await invariants.check()}
