"""What a person says of a finding moves its money out of SUSPENSE: once, all of it, and never more than is there."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from domain import invariants
from domain.access.principal import Principal
from domain.access.tokens import Role
from domain.findings import bulk, findings, names, work
from domain.findings.bulk import SeenFindings
from domain.findings.findings import FindingKind, Found
from domain.findings.search import WantedFindings
from domain.findings.work import Resolution
from domain.models import Finding, FindingResolution, LedgerEntry, Payment
from domain.models.findings import ClosingReason
from domain.models.ledger import Account
from domain.money import Money
from domain.payments import chargebacks, external
from domain.platform.database import for_merchant, rows
from domain.problems import Forbidden, IdempotencyConflict, InvalidInput, InvalidState, NotFound
from domain.pse import registry
from domain.pse.vocabulary import ChargedBack
from domain.taxes import work as taxes
from domain.taxes.moves import Paper
from domain.taxes.work import Said
from tests.domain.findings.conftest import NIGHT, Desk, by
from tests.domain.taxes.world import a_sale_refunded, comes_back
from tests.kit.factories import CAUSE, a_key, a_payment, a_person, a_shop
from tests.kit.lines import Telling, a_line, a_night, of_nobody, open_findings, today

WHERE = [
    (ClosingReason.WRITE_OFF, {}, {"WRITE_OFFS": 900}),
    (ClosingReason.CHARGEBACK, {}, {"CHARGEBACKS": 900}),
    (ClosingReason.FEE, {}, {"FEES": 900}),
    (ClosingReason.REFUND_OF_OURS, {}, {"SALES_RETURNS": 738, "VAT_REVERSAL_PENDING": 162}),
    (ClosingReason.CORRECTED, {"account": Account.ROUNDING}, {"ROUNDING": 900}),
    (ClosingReason.CORRECTED, {"account": Account.FX_DIFFERENCES}, {"FX_DIFFERENCES": 900}),
    (ClosingReason.CLAIMED_FROM_PSE, {"came": Money(600, "BRL")}, {"PSE_ADJUSTMENTS": 600, "WRITE_OFFS": 300}),
    (ClosingReason.CLAIMED_FROM_PSE, {"came": Money(900, "BRL")}, {"PSE_ADJUSTMENTS": 900}),
    (ClosingReason.CLAIMED_FROM_PSE, {}, {"WRITE_OFFS": 900}),
]


@pytest.mark.parametrize(("reason", "more", "went"), WHERE)
async def test_the_money_goes_where_the_reason_says_and_comes_back_when_it_is_opened_again(
    desk: Desk, reason: ClosingReason, more: dict[str, Any], went: dict[str, int]
) -> None:
    found = await desk.taken(900, "MED1", tax=1_800_000)
    done = await desk.say(found, reason, **more)
    assert done.confirmed
    assert (done.finding.reason, done.finding.resolved_by) == (reason, "Ana")
    assert {name: await desk.account(name) for name in went} == went
    assert await desk.suspense(found.payment_id) == 0
    assert await invariants.check() == []
    again = await work.reopen(desk.bia, found.id, "The bank says otherwise.", by(desk.bia))
    assert (again.resolved_at, again.reason, again.reopened_at is not None) == (None, None, True)
    assert {name: await desk.account(name) for name in went} == dict.fromkeys(went, 0)
    assert await desk.suspense(found.payment_id) == 900
    assert await Finding.filter(kind="VAT_REVERSAL_NEEDED", resolved_at=None).count() == 0
    assert await invariants.check() == []


async def test_a_repeat_of_many_is_about_what_was_looked_at_and_about_nothing_found_since(desk: Desk) -> None:
    first, key = await desk.taken(900, "MED1"), a_key()
    small, other = (Resolution(reason, "One small thing.") for reason in (ClosingReason.WRITE_OFF, ClosingReason.FEE))
    with pytest.raises(InvalidInput):
        await bulk.resolve(desk.ana, WantedFindings(), small, SeenFindings(2), key, by(desk.ana))
    (done,) = await bulk.resolve(desk.ana, WantedFindings(), small, SeenFindings(1), key, by(desk.ana))
    later = await desk.taken(800, "MED2")
    (again,) = await bulk.resolve(desk.ana, WantedFindings(), small, SeenFindings(1), key, by(desk.ana))
    assert (done.finding.id, again.finding.id, await desk.account("WRITE_OFFS")) == (first.id, first.id, 900)
    for wanted, said, count in (
        (WantedFindings(), other, 1),
        (WantedFindings(currency="BRL"), small, 1),
        (WantedFindings(), small, 77),
    ):
        with pytest.raises(IdempotencyConflict):
            await bulk.resolve(desk.ana, wanted, said, SeenFindings(count), key, by(desk.ana))
    assert (await Finding.get(id=later.id)).resolved_at is None


async def test_above_the_limit_another_person_confirms_and_nothing_moves_before(desk: Desk) -> None:
    found = await desk.taken(100_000, "MED1")
    first = await desk.say(found, ClosingReason.WRITE_OFF)
    assert (first.confirmed, first.finding.resolved_at, await desk.account("WRITE_OFFS")) == (False, None, 0)
    for same in (desk.ana, work_as(desk.ana, " ANA ")):
        with pytest.raises(Forbidden, match="another person"):
            await work.confirm(same, found.id, by(same))
    done = await work.confirm(desk.bia, found.id, by(desk.bia))
    assert (done.said.confirmed_by, done.finding.resolved_at is not None) == ("Bia", True)
    assert (await desk.account("WRITE_OFFS"), await desk.suspense(found.payment_id)) == (100_000, 0)
    with pytest.raises(InvalidState):
        await work.confirm(desk.bia, found.id, by(desk.bia))


def work_as(who: Principal, name: str) -> Principal:
    return replace(who, holder=name, token_id=uuid4())


async def test_the_database_itself_wants_another_person_above_the_limit(desk: Desk) -> None:
    found = await desk.taken(100_000, "MED1")
    said = (await desk.say(found, ClosingReason.WRITE_OFF)).said
    start = "UPDATE finding_resolutions SET started_at = now(), confirmed_by = $2, confirmed_by_id = $3 WHERE id = $1"
    for by_whom in ((None, None), ("Anna", desk.ana.party), ("ana", desk.bia.party)):
        with pytest.raises(Exception, match="finding_resolutions_(by_two|other_people|two_names)"):
            await rows(start, said.id, *by_whom)


async def test_what_is_split_over_a_payments_findings_counts_as_one(desk: Desk) -> None:
    first = await desk.taken(60_000, "MED1")
    second = await desk.taken(50_000, "MED2", await Payment.get(id=first.payment_id))
    assert (await desk.say(first, ClosingReason.FEE)).confirmed
    assert not (await desk.say(second, ClosingReason.FEE)).confirmed


async def test_what_waits_is_declined_replaced_or_stale_when_the_facts_have_changed(desk: Desk) -> None:
    found = await desk.taken(100_000, "MED1")
    await desk.say(found, ClosingReason.WRITE_OFF)
    await work.decline(desk.bia, found.id, "Claim it first.", by(desk.bia))
    with pytest.raises(InvalidState):
        await work.confirm(desk.bia, found.id, by(desk.bia))
    await desk.say(found, ClosingReason.WRITE_OFF)
    await desk.say(found, ClosingReason.CHARGEBACK)
    assert await FindingResolution.filter(finding_id=found.id, ended_at=None).count() == 1
    await desk.back(found, "MED1", 100_000)
    with pytest.raises(InvalidState, match="changed since"):
        await work.confirm(desk.bia, found.id, by(desk.bia))
    assert await invariants.check() == []


async def test_two_people_who_resolve_two_findings_of_one_payment_at_once_clear_what_is_there(desk: Desk) -> None:
    first = await desk.taken(700, "MED1")
    payment = await Payment.get(id=first.payment_id)
    second = await desk.taken(700, "MED2", payment)
    # A witness that names it otherwise tells that one of both came back: which, nobody knows.
    await external.post(payment, 700, f"{external.name_of(payment, external.BY_AMOUNT + 'x')}/back", False, NIGHT)
    assert await desk.suspense(payment.id) == 700
    done = await asyncio.gather(
        desk.say(first, ClosingReason.WRITE_OFF),
        desk.say(second, ClosingReason.WRITE_OFF, desk.bia),
        return_exceptions=True,
    )
    assert not [one for one in done if isinstance(one, BaseException)]
    assert (await desk.suspense(payment.id), await desk.account("WRITE_OFFS")) == (0, 700)
    assert await invariants.check() == []


async def test_the_same_person_twice_at_once_books_once(desk: Desk) -> None:
    found = await desk.taken(900, "MED1")
    key, said = a_key(), Resolution(ClosingReason.WRITE_OFF, "As the statement says.")
    done = await asyncio.gather(
        *(work.resolve(desk.ana, found.id, said, by(desk.ana), key) for _ in range(3)),
        *(desk.say(found, ClosingReason.FEE) for _ in range(3)),
        return_exceptions=True,
    )
    refused = [one for one in done if isinstance(one, BaseException)]
    assert all(isinstance(one, InvalidState) for one in refused)
    assert await LedgerEntry.filter(merchant_id=desk.shop.id, cause__startswith="finding/").count() == 1
    assert await desk.suspense(found.payment_id) == 0


async def test_money_that_comes_back_after_it_was_written_off_opens_the_finding_again(desk: Desk) -> None:
    found = await desk.taken(900, "MED1")
    await desk.say(found, ClosingReason.WRITE_OFF)
    await desk.back(found, "MED1", 900)
    again = await Finding.get(id=found.id)
    assert (again.resolved_at, again.reason) == (None, None)
    assert (await desk.suspense(found.payment_id), await desk.account("WRITE_OFFS")) == (0, 0)
    done = await desk.say(again, ClosingReason.EXPLAINED)
    assert (done.confirmed, done.said.amount) == (True, 0)
    assert await invariants.check() == []


async def test_the_same_facts_stay_resolved_and_others_open_it_again_with_what_they_say(desk: Desk) -> None:
    payment = await a_payment(desk.shop)

    async def found(ours: int, theirs: int, again: bool = False) -> None:
        detail = {"ours": {"amount": ours}, "theirs": {"amount": theirs}, "differs": ["amount"], "line": theirs}
        one = Found(
            FindingKind.AMOUNT_MISMATCH, desk.shop.id, desk.shop.connection.id, "amount/x",
            Money(abs(ours - theirs), "BRL"), f"{ours} and {theirs}.", payment_id=payment.id, detail=detail,
            again=again,
        )  # fmt: skip
        await findings.open_findings([one])
        await findings.open_again_what_agreed([one])

    await found(100, 90)
    one = await Finding.get(merchant_id=desk.shop.id, fingerprint="amount/x")
    await desk.say(one, ClosingReason.EXPLAINED)
    await found(100, 90)
    await found(100, 90, again=True)
    assert (await Finding.get(id=one.id)).resolved_at is not None
    await found(100, 80)
    now = await Finding.get(id=one.id)
    assert (now.resolved_at, now.amount, now.explanation) == (None, 20, "100 and 80.")
    # What had agreed meanwhile, as far as the night can tell, and differs as before, is new.
    await desk.say(now, ClosingReason.EXPLAINED)
    await findings.resolve(desk.shop.id, "amount/x", findings.AGREED)
    assert (await Finding.get(id=one.id)).reason == ClosingReason.EXPLAINED
    await found(100, 80)
    assert (await Finding.get(id=one.id)).resolved_at is None
    # What the program itself closes has no reason of a person's, and it opens it as before.
    await findings.resolve(desk.shop.id, "amount/x", findings.AGREED)
    closed = await Finding.get(id=one.id)
    assert (closed.reason, closed.resolved_by, closed.resolution) == (None, None, findings.AGREED)
    await found(100, 80)
    assert (await Finding.get(id=one.id)).resolved_at is None


async def test_what_cannot_be_said_is_refused_and_moves_nothing(desk: Desk) -> None:
    found = await desk.taken(900, "MED1")
    other = await desk.taken(900, "MED2")
    bad: list[tuple[Resolution, type[Exception]]] = [
        (Resolution(ClosingReason.EXPLAINED, "It is fine."), InvalidState),
        (Resolution(ClosingReason.WRITE_OFF, "x"), InvalidInput),
        (Resolution(ClosingReason.WRITE_OFF, "nul \x00 byte"), InvalidInput),
        (Resolution(ClosingReason.CORRECTED, "Somehow."), InvalidInput),
        (Resolution(ClosingReason.CORRECTED, "Somehow.", account=Account.PSE_BALANCE), InvalidInput),
        (Resolution(ClosingReason.FEE, "A fee.", account=Account.FEES), InvalidInput),
        (Resolution(ClosingReason.CLAIMED_FROM_PSE, "It came.", came=Money(901, "BRL")), InvalidInput),
        (Resolution(ClosingReason.CLAIMED_FROM_PSE, "It came.", came=Money(1, "USD")), InvalidInput),
        (Resolution(ClosingReason.FEE, "A fee.", came=Money(1, "BRL")), InvalidInput),
        (Resolution(ClosingReason.DUPLICATE_OF, "Twice."), InvalidInput),
        (Resolution(ClosingReason.DUPLICATE_OF, "Twice.", duplicate_of=found.id), InvalidInput),
        (Resolution(ClosingReason.DUPLICATE_OF, "Twice.", duplicate_of=other.id), InvalidState),
    ]
    for said, problem in bad:
        with pytest.raises(problem):
            await work.resolve(desk.ana, found.id, said, by(desk.ana))
    assert await FindingResolution.all().count() == 0
    foreign = await a_shop(name="Outra")
    strangers = (
        (a_person(foreign, "Eva", Role.ADMIN), NotFound),
        (a_person(desk.shop, "Leo", Role.SUPPORT), Forbidden),
    )
    for stranger, problem in strangers:
        with pytest.raises(problem):
            await work.resolve(stranger, found.id, Resolution(ClosingReason.FEE, "A fee."), by(stranger))


async def test_a_duplicate_leaves_the_money_with_the_other_finding(desk: Desk) -> None:
    found = await desk.taken(900, "MED1")
    payment = await Payment.get(id=found.payment_id)
    told = names.money(FindingKind.AMOUNT_MISMATCH, external.name_of(payment, "MED1"))
    other = await findings.open_finding(
        Found(FindingKind.AMOUNT_MISMATCH, desk.shop.id, desk.shop.connection.id, told, Money(1, "BRL"), "It differs.",
              payment_id=payment.id)
    )  # fmt: skip
    assert other is not None
    await desk.say(await Finding.get(id=other), ClosingReason.DUPLICATE_OF, duplicate_of=found.id)
    assert await desk.suspense(payment.id) == 900
    await desk.say(found, ClosingReason.WRITE_OFF)
    assert await desk.suspense(payment.id) == 0
    assert await invariants.check() == []


async def test_a_finding_that_holds_a_refund_takes_two_and_one_in_doubt_its_own_operation(desk: Desk) -> None:
    payment = await a_payment(desk.shop)
    for kind, name in (
        (FindingKind.STATUS_MISMATCH, "after-end/x/1"),
        (FindingKind.CHARGEBACK, "chargeback/x/unbooked"),
    ):
        held = await findings.open_finding(
            Found(kind, desk.shop.id, desk.shop.connection.id, name, Money(1, "BRL"), "x", payment_id=payment.id)
        )
        assert held is not None
        assert not (await desk.say(await Finding.get(id=held), ClosingReason.EXPLAINED)).confirmed
    doubt = await findings.open_finding(
        Found(FindingKind.DOUBT_UNRESOLVED, desk.shop.id, desk.shop.connection.id, "doubt/x", Money(1, "BRL"), "x")
    )
    assert doubt is not None
    with pytest.raises(InvalidState, match="refundResolveDoubt"):
        await desk.say(await Finding.get(id=doubt), ClosingReason.EXPLAINED)


async def test_nothing_opens_a_finding_whose_money_was_moved_without_taking_that_back(desk: Desk) -> None:
    found = await desk.taken(900, "MED1")
    await desk.say(found, ClosingReason.WRITE_OFF)
    with for_merchant(desk.shop.id), pytest.raises(Exception, match="taken back"):
        await rows("UPDATE findings SET resolved_at = NULL WHERE id = $1", found.id)
    assert await desk.suspense(found.payment_id) == 0


async def test_what_a_person_resolved_was_over_and_is_told_again_is_open_again(desk: Desk) -> None:
    registry.register(Telling())
    shop = await a_shop(pse="lab", name="Lab")
    theirs = Desk(shop, a_person(shop, "Cai", Role.ACCOUNTANT), a_person(shop, "Dea", Role.ACCOUNTANT))
    payment = await a_payment(shop)
    right = [a_line(payment, "CAPTURE", 10_000), of_nobody("ADJUSTMENT", "5.00", payout_reference="po")]
    right.append(of_nobody("PAYOUT", "-5.00", payout_reference="po"))
    right.append(a_line(await a_payment(shop), "CAPTURE", 10_000))
    wrong = [{**right[0], "amount": 12_000}, {**right[1], "settled_net": "4.00"}, *right[2:]]
    told = ["AMOUNT_MISMATCH", "BATCH_UNBALANCED"]
    await a_night(shop, *wrong[:-1])
    assert await open_findings() == told
    for found in await Finding.filter(resolved_at=None):
        await theirs.say(found, ClosingReason.WRITE_OFF)
    await a_night(shop, *wrong)  # while it is so, it stays resolved
    assert await open_findings() == []
    for lines, still in ((right, []), (wrong, told), (right, []), (wrong, told)):
        await a_night(shop, *lines)
        assert await open_findings() == still
    await a_night(shop, *right)

    paid = await a_payment(desk.shop)

    async def charged(*, back: bool) -> None:
        now = await Payment.get(id=paid.id)
        await chargebacks.from_notice(now, ChargedBack(paid.pse_reference, None, "cb", None, back), CAUSE)

    for back in (False, True, False):
        await charged(back=back)
    found = await Finding.get(kind="CHARGEBACK", resolved_at=None)
    await desk.say(found, ClosingReason.EXPLAINED)
    await work.confirm(desk.bia, found.id, by(desk.bia))
    await charged(back=False)
    assert await open_findings() == []
    await charged(back=True)
    await charged(back=False)
    assert await open_findings() == ["CHARGEBACK"]
    assert await invariants.check() == []


@pytest.mark.parametrize(("account", "end"), [(Account.OUTPUT_VAT, "OUTPUT_VAT"), (Account.VAT_LOST, "VAT_LOST")])
async def test_the_vat_of_what_turned_out_to_be_a_refund_is_documented_or_lost(
    desk: Desk, account: Account, end: str
) -> None:
    found = await desk.taken(900, "MED1", tax=1_800_000)
    before = await desk.account(end)
    await desk.say(found, ClosingReason.REFUND_OF_OURS)
    vat = await Finding.get(kind="VAT_REVERSAL_NEEDED", resolved_at=None)
    assert await desk.account("VAT_REVERSAL_PENDING") == vat.amount == 162
    other = {"duplicate_of": found.id}
    for reason, more in (
        (ClosingReason.EXPLAINED, {}),
        (ClosingReason.WRITE_OFF, {}),
        (ClosingReason.DUPLICATE_OF, other),
        (ClosingReason.CORRECTED, {"account": Account.FEES}),
    ):
        with pytest.raises(InvalidState) as refused:
            await desk.say(vat, reason, **more)
        assert "OUTPUT_VAT" in str(refused.value)
    await desk.say(vat, ClosingReason.CORRECTED, account=account)
    assert (await desk.account("VAT_REVERSAL_PENDING"), await desk.account(end) - before) == (0, 162)
    assert await invariants.check() == []
    # It was no refund after all: nothing of its VAT is taken back, and when it is said again, it is again.
    await work.reopen(desk.ana, found.id, "It was no refund.", by(desk.ana))
    assert (await desk.account("VAT_REVERSAL_PENDING"), await desk.account(end) - before) == (0, 0)
    assert (await open_findings(), await invariants.check()) == (["BANK_INITIATED"], [])
    await desk.say(found, ClosingReason.REFUND_OF_OURS)
    assert (await open_findings(), await desk.account("VAT_REVERSAL_PENDING")) == (["VAT_REVERSAL_NEEDED"], 162)
    await desk.say(vat, ClosingReason.CORRECTED, account=account)
    await work.reopen(desk.ana, vat.id, "It was another document.", by(desk.ana))
    assert await desk.account("VAT_REVERSAL_PENDING") == 162
    assert await invariants.check() == []


async def test_no_more_of_a_sales_vat_is_taken_back_than_was_declared_whoever_says_so(desk: Desk) -> None:
    """The note of a refund that came back still stands when the customer's bank takes the money itself."""
    sale = await a_payment(desk.shop, tax=1_800)
    refund, reversal = await a_sale_refunded(desk.shop, sale, 10_000)
    await taxes.document(desk.ana, reversal.id, "NF-1", today(0), CAUSE)
    await comes_back(refund)
    found = await desk.taken(9_000, "MED1", await Payment.get(id=sale.id))
    await desk.say(found, ClosingReason.REFUND_OF_OURS)
    vat = await Finding.get(kind="VAT_REVERSAL_NEEDED", payment_id=sale.id, resolved_at=None)
    with pytest.raises(InvalidState, match=r"BRL 0\.00 of this sale's VAT is left"):
        await desk.say(vat, ClosingReason.CORRECTED, account=Account.OUTPUT_VAT)
    assert await invariants.check() == []
    note = Said("Its note is undone.", counter=Paper("ND-1", today(0)))
    await taxes.review(desk.ana, reversal.id, note, CAUSE)
    await desk.say(vat, ClosingReason.CORRECTED, account=Account.OUTPUT_VAT)
    assert (await desk.account("VAT_REVERSAL_PENDING"), await desk.account("OUTPUT_VAT")) == (0, -180)
    assert await invariants.check() == []
