"""From a bank's file to a payout that is proven, and what is left to a person."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from hashlib import sha256
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from domain.access.permissions import Role
from domain.access.principal import Principal
from domain.bank import accounts, imports, look, names, proofs
from domain.bank.accounts import NewAccount
from domain.books import ledger
from domain.cause import Cause
from domain.files import tickets
from domain.files.tickets import NewFile
from domain.findings import limits, work
from domain.findings.findings import FindingKind
from domain.models import BankAccount, BankLine, BankStatement, Finding, LedgerEntry, Payout, PayoutProof
from domain.models.files import Purpose
from domain.models.findings import ClosingReason
from domain.models.ledger import Account
from domain.platform.settings import Settings
from domain.problems import Forbidden, InvalidInput, InvalidState, NotFound
from tests.kit.days import utc_today
from tests.kit.factories import Shop, a_key, a_person, a_shop
from tests.kit.world import quick_settings

pytestmark = pytest.mark.usefixtures("books")
CAUSE = Cause("request-of-the-test", "tester")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return quick_settings(files=str(tmp_path / "files"))


async def a_payout(
    shop: Shop, amount: int = 10_000, *, reference: str = "po_1A2B3C", days_ago: int = 2, currency: str = "BRL"
) -> Payout:
    return await Payout.create(
        id=uuid4(), merchant_id=shop.id, connection_id=shop.connection.id, reference=reference, currency=currency,
        amount=amount, business_date=utc_today(-days_ago),
    )  # fmt: skip


async def an_account(shop: Shop, *, bound: bool = True, currency: str = "BRL") -> tuple[Principal, BankAccount]:
    ana = a_person(shop, "ana", Role.ACCOUNTANT)
    new = NewAccount("Itaú", currency, [shop.connection.id] if bound else [])
    return ana, await accounts.create(ana, new, a_key(), CAUSE)


def a_sheet(*rows: tuple[date, str, str]) -> bytes:
    return "\n".join(
        ["Data;Histórico;Valor", *(f"{on:%d/%m/%Y};{text};{amount}" for on, text, amount in rows)]
    ).encode()


async def hand_in(who: Principal, account: UUID, given: bytes, settings: Settings) -> BankStatement:
    new = NewFile(Purpose.BANK_STATEMENT, "extrato.csv", len(given), sha256(given).hexdigest())
    ticket = await tickets.announce(who, new, settings, CAUSE)

    async def chunks() -> AsyncIterator[bytes]:
        yield given

    await tickets.take_in(ticket.file, chunks(), settings)
    return await imports.hand_in(who, account, ticket.file.id, settings, CAUSE)


async def in_transit(shop: Shop) -> int:
    found = await ledger.balances(shop.id)
    return sum(one.balance for one in found if one.account is Account.PAYOUTS_IN_TRANSIT)


async def test_a_payout_is_proven_by_its_reference_or_by_amount_and_days_and_booked_once(settings: Settings) -> None:
    shop = await a_shop()
    named, plain = await a_payout(shop), await a_payout(shop, 7_000, reference="4711")
    ana, account = await an_account(shop)
    given = a_sheet(
        (utc_today(), "TED STRIPE PO-1A2B 3C", "100,00"),
        (utc_today(), "TED STRIPE", "100,00"),
        (utc_today(), "TED", "70,00"),
        (utc_today(), "SALARIO", "-55,00"),
    )
    statement = await hand_in(ana, account.id, given, settings)
    assert (statement.lines, statement.new_lines, statement.proof) == (4, 4, None)
    found = {proof.payout_id: proof for proof in await PayoutProof.all()}
    assert {key: proof.how for key, proof in found.items()} == {named.id: "REFERENCE", plain.id: "AMOUNT_AND_DATE"}
    assert (await BankLine.get(id=found[named.id].line_id)).text == "TED STRIPE PO-1A2B 3C"
    assert await in_transit(shop) == -17_000
    entries = await LedgerEntry.all()
    assert {(one.debit, one.credit) for one in entries} == {(Account.BANK, Account.PAYOUTS_IN_TRANSIT)}
    longer = given + a_sheet((utc_today(), "OUTRO", "1,00")).split(b"\n", 1)[1].join([b"\n", b""])
    again = await hand_in(ana, account.id, longer, settings)
    assert (again.lines, again.new_lines) == (5, 1)
    assert (await PayoutProof.all().count(), await in_transit(shop)) == (2, -17_000)


async def test_what_is_not_sure_is_left_to_a_person(settings: Settings) -> None:
    shop = await a_shop()
    twin, _ = await a_payout(shop, reference="tw1"), await a_payout(shop, reference="tw2")
    ana, account = await an_account(shop)
    await hand_in(ana, account.id, a_sheet((utc_today(), "TED", "100,00")), settings)
    assert await PayoutProof.all().count() == 0  # two payouts, one line: whose is it?
    (line,) = await BankLine.all()
    proof = await proofs.prove(ana, twin.id, line.id, CAUSE)
    assert (proof.how, (await proofs.prove(ana, twin.id, line.id, CAUSE)).id) == ("PERSON", proof.id)
    assert await in_transit(shop) == -10_000
    await proofs.void(ana, twin.id, "It was the other one.", CAUSE)
    assert await in_transit(shop) == 0
    assert (await proofs.prove(ana, twin.id, line.id, CAUSE)).id != proof.id
    assert await in_transit(shop) == -10_000


async def test_amount_and_days_alone_prove_nothing_where_nobody_said_whose_payouts_come_there(
    settings: Settings,
) -> None:
    shop = await a_shop()
    payout = await a_payout(shop)
    ana, account = await an_account(shop, bound=False)
    await hand_in(ana, account.id, a_sheet((utc_today(), "TED", "100,00")), settings)
    assert await PayoutProof.all().count() == 0
    await accounts.change(ana, account.id, NewAccount("Itaú", "BRL", [shop.connection.id]), CAUSE)
    await look.look(shop.id, CAUSE)
    assert (await PayoutProof.get(payout_id=payout.id)).how == "AMOUNT_AND_DATE"


async def test_what_banks_on_the_way_kept_is_a_fee_and_only_a_person_says_so(settings: Settings) -> None:
    shop = await a_shop()
    payout, small = await a_payout(shop), await a_payout(shop, 5_000, reference="xx9")
    ana, account = await an_account(shop)
    await hand_in(
        ana, account.id, a_sheet((utc_today(), "SWIFT", "98,00"), (utc_today(), "SWIFT 2", "40,00")), settings
    )
    less, far_less = await BankLine.all().order_by("line")
    await proofs.prove(ana, payout.id, less.id, CAUSE)
    balances = {one.account: one.balance for one in await ledger.balances(shop.id)}
    assert balances == {Account.BANK: 9_800, Account.FEES: 200, Account.PAYOUTS_IN_TRANSIT: -10_000}
    with pytest.raises(InvalidInput, match="lacks 1000 minor units"):
        await proofs.prove(ana, small.id, far_less.id, CAUSE)
    with pytest.raises(InvalidState, match="void that proof first"):
        await proofs.prove(ana, small.id, less.id, CAUSE)
    large = await a_payout(shop, 100_000_000, reference="xx8")
    await hand_in(ana, account.id, a_sheet((utc_today(), "SWIFT 3", "990.000,00")), settings)
    with pytest.raises(InvalidInput, match="lacks 1000000 minor units"):
        await proofs.prove(ana, large.id, (await BankLine.get(text="SWIFT 3")).id, CAUSE)


async def test_what_one_person_says_that_banks_kept_is_added_up_with_all_that_they_give_up(settings: Settings) -> None:
    shop = await a_shop()
    ana, account = await an_account(shop)
    bia = a_person(shop, "bia", Role.ACCOUNTANT)
    given = a_sheet(*((utc_today(), f"SWIFT {number}", "9.600,00") for number in range(4)))
    await hand_in(ana, account.id, given, settings)
    paid = [await a_payout(shop, 1_000_000, reference=f"po_{number}") for number in range(4)]
    lines = await BankLine.all().order_by("line")
    for payout, line in zip(paid[:2], lines, strict=False):  # BRL: a second person from 1,000.00 on
        await proofs.prove(ana, payout.id, line.id, CAUSE)
    with pytest.raises(InvalidState, match="reaches the limit of findingLimits"):
        await proofs.prove(ana, paid[2].id, lines[2].id, CAUSE)
    assert await limits.is_above(ana, 20_000, "BRL")  # a finding of 200.00 waits for another person now
    assert (await proofs.prove(bia, paid[2].id, lines[2].id, CAUSE)).charges == 40_000
    await proofs.void(ana, paid[1].id, "It was another one's.", CAUSE)
    await proofs.prove(ana, paid[3].id, lines[3].id, CAUSE)


async def test_money_that_the_pse_takes_from_the_bank_is_proven_too(settings: Settings) -> None:
    shop = await a_shop()
    await a_payout(shop, -3_000, reference="po_NEGATIVE")
    ana, account = await an_account(shop)
    await hand_in(
        ana, account.id, a_sheet((utc_today(), "DEB po_NEGATIVE", "-30,00"), (utc_today(), "X", "30,00")), settings
    )
    balances = {one.account: one.balance for one in await ledger.balances(shop.id)}
    assert balances == {Account.BANK: -3_000, Account.PAYOUTS_IN_TRANSIT: 3_000}


async def test_a_payout_that_is_told_otherwise_afterwards_is_proven_no_longer(settings: Settings) -> None:
    shop = await a_shop()
    payout = await a_payout(shop)
    ana, account = await an_account(shop)
    await hand_in(
        ana, account.id, a_sheet((utc_today(), "po_1A2B3C", "100,00"), (utc_today(), "po_1A2B3C B", "90,00")), settings
    )
    await Payout.filter(id=payout.id).update(amount=9_000)
    await look.look(shop.id, CAUSE)
    told = {proof.amount: proof.voided_at is None for proof in await PayoutProof.all()}
    assert told == {10_000: False, 9_000: True}
    assert await in_transit(shop) == -9_000


async def test_what_a_person_has_taken_back_is_not_said_again_by_the_night(settings: Settings) -> None:
    shop = await a_shop()
    named, plain = await a_payout(shop), await a_payout(shop, 7_000, reference="4711")
    ana, account = await an_account(shop)
    old = utc_today(-13)
    given = a_sheet(
        (utc_today(), "TED STRIPE PO-1A2B3C", "100,00"), (utc_today(), "TED", "70,00"), (old, "STRIPE", "70,00")
    )
    await hand_in(ana, account.id, given, settings)
    for payout in (named, plain):
        await proofs.void(ana, payout.id, "That money is of another sale.", CAUSE)
    await look.look(shop.id, CAUSE)
    assert await PayoutProof.filter(voided_at=None).count() == 0
    assert await in_transit(shop) == 0
    line = await BankLine.get(text="TED")
    await proofs.prove(ana, plain.id, line.id, CAUSE)  # a person may think better of it
    # What the reports have parted is no person's word: told so again, it is proven again.
    for amount in (6_000, 7_000):
        await Payout.filter(id=plain.id).update(amount=amount)
        await look.look(shop.id, CAUSE)
    assert await PayoutProof.filter(voided_at=None).count() == 0  # a person had parted the two before
    await proofs.prove(ana, plain.id, line.id, CAUSE)
    assert await in_transit(shop) == -7_000


async def test_what_a_person_takes_back_in_the_programs_own_words_is_not_said_again_either(settings: Settings) -> None:
    shop = await a_shop()
    payout = await a_payout(shop)
    ana, account = await an_account(shop)
    await hand_in(ana, account.id, a_sheet((utc_today(), "TED STRIPE PO-1A2B3C", "100,00")), settings)
    await proofs.void(ana, payout.id, "The PSE's reports tell another amount now.", CAUSE)
    await look.look(shop.id, CAUSE)
    assert await PayoutProof.filter(voided_at=None).count() == 0


async def test_a_payout_that_is_missing_is_found_behind_any_number_that_a_person_has_explained(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look, "_LOOK_MAX", 2)
    shop = await a_shop()
    for days in (33, 32, 31, 20):
        await a_payout(shop, reference=f"po_of_{days}", days_ago=days)
    ana, account = await an_account(shop)
    early = utc_today(-34)
    await hand_in(ana, account.id, a_sheet((early, "X", "1,00"), (utc_today(), "Y", "1,00")), settings)
    await look.look(shop.id, CAUSE)
    assert await Finding.filter(resolved_at=None).count() == 4
    for one in await Finding.all().order_by("created_at"):
        said = work.Resolution(ClosingReason.EXPLAINED, "Paid out to the old account.")
        await work.resolve(ana, one.id, said, CAUSE)
    late = await a_payout(shop, 1_234, reference="po_late", days_ago=19)
    for _ in range(2):
        await look.look(shop.id, CAUSE)
    (finding,) = await Finding.filter(resolved_at=None)
    assert finding.fingerprint == names.missing(late.id, 1_234)


async def test_a_missing_payout_is_found_when_its_days_are_over_and_closed_when_it_comes(settings: Settings) -> None:
    shop = await a_shop()
    payout = await a_payout(shop, days_ago=20)
    ana, account = await an_account(shop)
    await look.look(shop.id, CAUSE)
    assert await Finding.all().count() == 0  # no statements, nothing said
    early = utc_today(-21)
    await hand_in(ana, account.id, a_sheet((early, "X", "1,00"), (utc_today(-9), "Y", "1,00")), settings)
    await look.look(shop.id, CAUSE)
    assert await Finding.all().count() == 0  # it may still come
    await hand_in(ana, account.id, a_sheet((utc_today(), "MERCADO PAGO *LIQ", "42,00")), settings)
    await look.look(shop.id, CAUSE)
    await look.look(shop.id, CAUSE)
    (finding,) = await Finding.all()
    assert (finding.kind, finding.amount, finding.fingerprint) == (
        "PAYOUT_MISSING",
        10_000,
        names.missing(payout.id, 10_000),
    )
    assert "10000" not in finding.explanation
    assert "BRL 100.00" in finding.explanation
    late = utc_today(-10)
    await hand_in(ana, account.id, a_sheet((late, "TED po_1A2B3C", "100,00")), settings)
    assert (await Finding.get(id=finding.id)).resolution == "A bank statement has it."


@pytest.mark.parametrize("days_ago", [20, 450])
async def test_a_payout_of_which_nobody_can_say_which_line_it_is_is_not_said_to_be_in_no_statement(
    settings: Settings, days_ago: int
) -> None:
    shop = await a_shop()
    for reference in ("tw1", "tw2")[: 2 if days_ago == 20 else 1]:
        await a_payout(shop, days_ago=days_ago, reference=reference)
    ana, account = await an_account(shop)
    days = [utc_today(-days_ago + on) for on in (-1, 2, 3, 15)]
    given = a_sheet(
        (days[0], "X", "1,00"), (days[1], "TED", "100,00"), (days[2], "TED", "100,00"), (days[3], "Y", "1,00")
    )
    await hand_in(ana, account.id, given, settings)
    await look.look(shop.id, CAUSE)
    found = await Finding.filter(kind="PAYOUT_MISSING", resolved_at=None)
    said = {one.explanation.split(", and ", 1)[1] for one in found}
    assert said == {"lines of the bank may be it (2): nobody but a person can say so."}
    assert found[0].detail["differs"] == ["line"]


async def test_a_payout_that_is_told_no_longer_or_of_another_amount_is_not_missing_as_it_was(
    settings: Settings,
) -> None:
    shop = await a_shop()
    payout = await a_payout(shop, days_ago=20)
    ana, account = await an_account(shop)
    early = utc_today(-21)
    await hand_in(ana, account.id, a_sheet((early, "X", "1,00"), (utc_today(), "Y", "1,00")), settings)
    for amount, told in ((10_000, [10_000]), (9_000, [9_000]), (0, []), (10_000, [10_000])):
        await Payout.filter(id=payout.id).update(amount=amount)
        await look.look(shop.id, CAUSE)
        assert [one.amount for one in await Finding.filter(resolved_at=None)] == told
    gone = await Finding.get(amount=9_000)
    assert gone.resolution == "No report tells of such a payout any more."


async def test_a_pses_money_that_no_payout_explains_is_found_and_closed_by_the_payout(settings: Settings) -> None:
    shop = await a_shop()
    ana, account = await an_account(shop)
    long_ago = utc_today(-15)
    await hand_in(
        ana, account.id, a_sheet((long_ago, "MERCADO PAGO *LIQ 88", "42,00"), (long_ago, "ALUGUEL", "-9,00")), settings
    )
    await look.look(shop.id, CAUSE)
    (finding,) = await Finding.all()
    assert (finding.kind, finding.amount) == (FindingKind.BANK_LINE_UNKNOWN, 4_200)
    await a_payout(shop, 4_200, reference="LIQ-88-0", days_ago=16)
    await look.look(shop.id, CAUSE)
    assert (await Finding.get(id=finding.id)).resolution == "A payout explains it."
    await Payout.all().update(amount=0)  # a revised report has it no longer
    for _ in range(2):
        await look.look(shop.id, CAUSE)
    assert (await Finding.get(id=finding.id)).resolved_at is None
    said = work.Resolution(ClosingReason.EXPLAINED, "A loan of the PSE's, by its letter.")
    await work.resolve(ana, finding.id, said, CAUSE)
    await look.look(shop.id, CAUSE)
    assert (await Finding.get(id=finding.id)).resolved_at is not None


async def test_a_file_of_another_account_form_or_currency_is_refused_and_changes_nothing(settings: Settings) -> None:
    shop = await a_shop()
    ana, account = await an_account(shop)
    ofx = (
        "OFXHEADER:100\n<OFX><STMTRS><CURDEF>{}<BANKACCTFROM><BANKID>341<ACCTID>{}</BANKACCTFROM>"
        "<STMTTRN><TRNTYPE>OTHER<DTPOSTED>{:%Y%m%d}<TRNAMT>5.00<FITID>1</STMTTRN></STMTRS></OFX>"
    )
    await hand_in(ana, account.id, ofx.format("BRL", "123-4", utc_today()).encode(), settings)
    for given, words in (
        (ofx.format("BRL", "9999", utc_today()), "This file is of 341/9999, and the account is 341/123-4"),
        (ofx.format("USD", "123-4", utc_today()), "The statement is in USD"),
        (a_sheet((utc_today(), "X", "1,00")).decode(), "the account has statements in OFX"),
    ):
        with pytest.raises(InvalidInput, match=words):
            await hand_in(ana, account.id, given.encode(), settings)
    assert await BankStatement.all().count() == 1
    await hand_in(ana, account.id, a_sheet((utc_today(-40), "X", "1,00")), settings)


async def test_nobody_else_hands_in_or_sees(settings: Settings) -> None:
    shop, other = await a_shop(), await a_shop()
    payout = await a_payout(shop)
    ana, account = await an_account(shop)
    eva = a_person(other, "eva", Role.ACCOUNTANT)
    with pytest.raises(NotFound):
        await hand_in(eva, account.id, a_sheet((utc_today(), "X", "1,00")), settings)
    await hand_in(ana, account.id, a_sheet((utc_today(), "X", "100,00")), settings)
    with pytest.raises(NotFound):
        await proofs.void(eva, payout.id, "mine", CAUSE)
    with pytest.raises(Forbidden):
        await accounts.create(a_person(shop, "sue", Role.SUPPORT), NewAccount("x", "BRL"), a_key(), CAUSE)
    with pytest.raises(InvalidInput, match="none of yours"):
        await accounts.create(eva, NewAccount("x", "BRL", [shop.connection.id]), a_key(), CAUSE)


async def test_a_statement_that_cannot_be_read_leaves_nothing_and_comes_in_when_it_is_mended(
    settings: Settings,
) -> None:
    shop = await a_shop()
    ana, account = await an_account(shop)
    with pytest.raises(InvalidInput, match="Line 3: '1,23X' is no amount"):
        await hand_in(ana, account.id, a_sheet((utc_today(), "A", "1,00"), (utc_today(), "B", "1,23x")), settings)
    too_much = b"data;valor;saldo\n01/11/2026;90000000000000000,00;-90000000000000000,00\n"
    with pytest.raises(InvalidInput, match="more than can be counted"):
        await hand_in(ana, account.id, too_much, settings)
    assert await BankLine.all().count() == 0
    await hand_in(ana, account.id, a_sheet((utc_today(), "A", "1,00"), (utc_today(), "B", "1,23")), settings)
    assert await BankLine.all().count() == 2


async def test_two_files_at_once_with_the_same_line_and_a_persons_word_prove_a_payout_once(settings: Settings) -> None:
    shop = await a_shop()
    payout = await a_payout(shop, reference="4711")
    ana, account = await an_account(shop, bound=False)
    first = await hand_in(ana, account.id, a_sheet((utc_today(), "TED", "100,00")), settings)
    (line,) = await BankLine.all()
    await accounts.change(ana, account.id, NewAccount("Itaú", "BRL", [shop.connection.id]), CAUSE)
    longer = [a_sheet((utc_today(), "TED", "100,00"), (utc_today(), other, "1,00")) for other in ("A", "B")]
    await asyncio.gather(
        *(hand_in(ana, account.id, one, settings) for one in longer),
        look.look(shop.id, CAUSE),
        proofs.prove(ana, payout.id, line.id, CAUSE),
    )
    assert (first.new_lines, await BankLine.all().count()) == (1, 3)
    (proof,) = await PayoutProof.all()
    assert (proof.line_id, await in_transit(shop)) == (line.id, -10_000)
