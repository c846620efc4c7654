"""A statement that was none of its account is taken back by a person, and what it told with it."""

import asyncio
from pathlib import Path
from uuid import UUID

import pytest

from domain import invariants
from domain.access.permissions import Role
from domain.bank import find, imports, look, proofs, withdrawing
from domain.books import ledger
from domain.findings import work
from domain.findings.work import Resolution
from domain.models import BankAccount, BankLine, BankStatement, Deed, Finding, PayoutProof
from domain.models.findings import ClosingReason
from domain.platform.settings import Settings
from domain.problems import Forbidden, InvalidInput, InvalidState, NotFound
from tests.domain.bank.test_proofs import CAUSE, a_payout, a_sheet, an_account, hand_in, in_transit
from tests.domain.bank.test_told_again import an_ofx
from tests.kit.days import utc_today
from tests.kit.factories import OwnerRows, a_person, a_shop
from tests.kit.world import quick_settings

pytestmark = pytest.mark.usefixtures("books")
WHY = "It is another account's."


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return quick_settings(files=str(tmp_path / "files"))


async def _number(account_id: UUID) -> str | None:
    return (await BankAccount.get(id=account_id)).number


async def test_a_wrong_first_file_is_taken_back_and_the_right_one_comes_in(settings: Settings) -> None:
    shop = await a_shop()
    ana, account = await an_account(shop)
    payout = await a_payout(shop)
    wrong = an_ofx(("100.00", "F1", "TED po_1A2B3C"), ("1.00", "F2", "X"), account="777")
    right = an_ofx(("2.00", "F1", "Y"))
    first = await hand_in(ana, account.id, wrong, settings)
    with pytest.raises(InvalidInput, match="hand it in for that one"):
        await hand_in(ana, account.id, right, settings)
    with pytest.raises(InvalidState, match="po_1A2B3C: void that proof first"):
        await withdrawing.withdraw(ana, first.id, WHY, CAUSE)
    await proofs.void(ana, payout.id, WHY, CAUSE)
    taken = await withdrawing.withdraw(ana, first.id, f" {WHY} ", CAUSE)
    assert (taken.withdrawn_by, taken.withdrawal_reason, await _number(account.id)) == (ana.holder, WHY, None)
    deed = await Deed.get(operation="bankStatementWithdraw")
    assert (deed.object_id, deed.changes["bound"]) == (str(first.id), [True, False])
    assert await find.lines(ana, None, None).count() == 0
    assert (await find.candidates([payout.id]), await find.shares([payout.id])) == ({payout.id: []}, {})
    line = await BankLine.get(amount=10_000)
    with pytest.raises(NotFound):
        await proofs.prove(ana, payout.id, line.id, CAUSE)
    with pytest.raises(InvalidState, match="withdrawn already"):
        await withdrawing.withdraw(ana, first.id, WHY, CAUSE)
    made = await hand_in(ana, account.id, right, settings)
    assert (made.new_lines, await _number(account.id)) == (1, "341/12345-6")
    _, other = await an_account(shop)
    again = await hand_in(ana, other.id, wrong, settings)  # where it belongs, and there it proves
    proven = await PayoutProof.filter(voided_at=None).count()
    assert (again.new_lines, proven, await in_transit(shop)) == (2, 1, -10_000)
    assert [one for one in await invariants.check() if one.name.startswith("bank")] == []


async def test_the_same_file_is_entered_again_after_it_was_taken_back(settings: Settings) -> None:
    shop = await a_shop()
    ana, account = await an_account(shop)
    payout = await a_payout(shop)
    given = an_ofx(("100.00", "F1", "TED po_1A2B3C"), ("1.00", "F2", "X"))
    first = await hand_in(ana, account.id, given, settings)
    await proofs.void(ana, payout.id, WHY, CAUSE)
    await withdrawing.withdraw(ana, first.id, WHY, CAUSE)
    again = await imports.hand_in(ana, account.id, first.file_id, settings, CAUSE)
    assert (again.id != first.id, again.lines, again.new_lines) == (True, 2, 2)
    assert (await imports.hand_in(ana, account.id, first.file_id, settings, CAUSE)).id == again.id
    # What a person has parted stays so in the line that is there anew, until a person says otherwise.
    await look.look(shop.id, CAUSE)
    assert (await PayoutProof.filter(voided_at=None).count(), await in_transit(shop)) == (0, 0)
    (line, _) = await find.lines(ana, account.id, None).order_by("line")
    await proofs.prove(ana, payout.id, line.id, CAUSE)
    assert await in_transit(shop) == -10_000
    assert sum(one.balance for one in await ledger.balances(shop.id)) == 0


async def test_what_a_later_statement_has_too_is_taken_back_after_it(settings: Settings) -> None:
    shop = await a_shop()
    ana, account = await an_account(shop)
    days = [utc_today(-3), utc_today(-2), utc_today(-1)]
    first = await hand_in(ana, account.id, a_sheet(*((day, "X", "1,00") for day in days[:2])), settings)
    second = await hand_in(ana, account.id, a_sheet(*((day, "X", "1,00") for day in days)), settings)
    apart = await hand_in(ana, account.id, a_sheet((utc_today(), "X", "1,00")), settings)
    with pytest.raises(InvalidState, match="withdraw that one first"):
        await withdrawing.withdraw(ana, first.id, WHY, CAUSE)
    await withdrawing.withdraw(ana, second.id, WHY, CAUSE)
    await withdrawing.withdraw(ana, first.id, WHY, CAUSE)
    assert [row.statement_id for row in await find.lines(ana, None, None)] == [apart.id]
    # No form and no account is bound by what is taken back.
    assert (await hand_in(ana, account.id, an_ofx(("1.00", "F1", "X")), settings)).new_lines == 1


async def test_the_number_stays_while_a_statement_that_prints_it_does(settings: Settings) -> None:
    shop = await a_shop()
    ana, account = await an_account(shop)
    one = await hand_in(ana, account.id, an_ofx(("1.00", "F1", "X")), settings)
    two = await hand_in(ana, account.id, an_ofx(("1.00", "F2", "Y"), day=utc_today()), settings)
    await hand_in(ana, account.id, a_sheet((utc_today(-9), "Z", "1,00")), settings)
    await withdrawing.withdraw(ana, one.id, WHY, CAUSE)
    assert await _number(account.id) == "341/12345-6"
    await withdrawing.withdraw(ana, two.id, WHY, CAUSE)
    assert await _number(account.id) is None


async def test_nobody_is_asked_of_money_that_was_taken_back(settings: Settings) -> None:
    shop = await a_shop()
    await a_payout(shop, days_ago=20)
    ana, account = await an_account(shop)
    told = a_sheet((utc_today(-21), "STRIPE X", "1,00"), (utc_today(), "Y", "1,00"))
    made = await hand_in(ana, account.id, told, settings)
    await look.look(shop.id, CAUSE)
    kinds = [one.kind for one in await Finding.filter(resolved_at=None).order_by("kind")]
    assert kinds == ["BANK_LINE_UNKNOWN", "PAYOUT_MISSING"]
    await withdrawing.withdraw(ana, made.id, WHY, CAUSE)
    assert (await Finding.get(kind="BANK_LINE_UNKNOWN")).resolution == "Its statement was taken back."
    assert (await Finding.get(kind="PAYOUT_MISSING")).resolution == "The bank statements of its days were taken back."
    await look.look(shop.id, CAUSE)
    assert await Finding.filter(resolved_at=None).count() == 0
    await imports.hand_in(ana, account.id, made.file_id, settings, CAUSE)
    await look.look(shop.id, CAUSE)
    assert [one.kind for one in await Finding.filter(resolved_at=None).order_by("kind")] == kinds


async def test_what_is_missing_says_what_the_statements_say_that_stand(settings: Settings) -> None:
    shop = await a_shop()
    await a_payout(shop, days_ago=20, reference="4711")
    await a_payout(shop, days_ago=20, reference="4712")
    ana, account = await an_account(shop)
    await hand_in(ana, account.id, a_sheet((utc_today(-21), "X", "1,00"), (utc_today(), "Y", "1,00")), settings)

    async def told() -> list[tuple[bool, bool]]:
        await look.look(shop.id, CAUSE)
        found = await Finding.filter(resolved_at=None)
        return [("may be it (1)" in one.explanation, "which line" in one.action) for one in found]

    assert await told() == [(False, False)] * 2
    more = await hand_in(ana, account.id, a_sheet((utc_today(-19), "TED", "100,00")), settings)
    assert await told() == [(True, True)] * 2  # one line, two payouts
    await withdrawing.withdraw(ana, more.id, WHY, CAUSE)
    assert await told() == [(False, False)] * 2


async def test_what_a_person_has_said_of_a_payout_and_of_a_line_holds_while_statements_come_and_go(
    settings: Settings,
) -> None:
    shop = await a_shop()
    await a_payout(shop, days_ago=20)
    ana, account = await an_account(shop)
    told = a_sheet((utc_today(-21), "STRIPE X", "1,00"), (utc_today(), "Y", "1,00"))
    made = await hand_in(ana, account.id, told, settings)
    await look.look(shop.id, CAUSE)
    for finding in await Finding.all():
        await work.resolve(ana, finding.id, Resolution(ClosingReason.EXPLAINED, "The bank knows."), CAUSE)
    said = await Finding.all().order_by("id").values("id", "resolved_at", "reason", "resolution")
    for _ in range(2):
        await withdrawing.withdraw(ana, made.id, WHY, CAUSE)
        await look.look(shop.id, CAUSE)
        made = await imports.hand_in(ana, account.id, made.file_id, settings, CAUSE)
        await look.look(shop.id, CAUSE)
        assert await Finding.all().order_by("id").values("id", "resolved_at", "reason", "resolution") == said
    # What they open again is asked of the line that is there now.
    await work.reopen(ana, (await Finding.get(kind="BANK_LINE_UNKNOWN")).id, "Ask them again.", CAUSE)
    await look.look(shop.id, CAUSE)
    line = await BankLine.get(amount=100, text="STRIPE X", withdrawn_at=None)
    asked = await Finding.get(kind="BANK_LINE_UNKNOWN", resolved_at=None)
    assert asked.fingerprint == f"bank-line/{line.id}"


async def test_which_statement_came_later_is_told_by_the_database_and_by_no_hosts_clock(
    settings: Settings, unguarded_rows: OwnerRows
) -> None:
    shop = await a_shop()
    ana, account = await an_account(shop)
    first = await hand_in(ana, account.id, a_sheet((utc_today(), "X", "1,00")), settings)
    await unguarded_rows("UPDATE bank_statements SET created_at = now() + interval '1 hour'")  # a host that is ahead
    second = await hand_in(ana, account.id, a_sheet((utc_today(), "X", "1,00"), (utc_today(), "Y", "1,00")), settings)
    with pytest.raises(InvalidState, match="withdraw that one first"):
        await withdrawing.withdraw(ana, first.id, WHY, CAUSE)
    await withdrawing.withdraw(ana, second.id, WHY, CAUSE)
    await withdrawing.withdraw(ana, first.id, WHY, CAUSE)


async def test_who_proves_by_a_statement_and_who_takes_it_back_at_once_do_not_both(settings: Settings) -> None:
    shop = await a_shop()
    ana, account = await an_account(shop, bound=False)
    payout = await a_payout(shop, reference="4711")
    given = a_sheet((utc_today(), "TED", "100,00"))
    made = await hand_in(ana, account.id, given, settings)
    line = await BankLine.get()
    told = await asyncio.gather(
        proofs.prove(ana, payout.id, line.id, CAUSE),
        withdrawing.withdraw(ana, made.id, WHY, CAUSE),
        withdrawing.withdraw(ana, made.id, WHY, CAUSE),
        hand_in(ana, account.id, given, settings),
        look.look(shop.id, CAUSE),
        return_exceptions=True,
    )
    refused = [type(one) for one in told if isinstance(one, Exception)]
    assert refused in ([NotFound, InvalidState], [InvalidState, InvalidState]), told
    assert [one for one in await invariants.check() if one.name.startswith("bank")] == []


async def test_only_who_keeps_the_books_takes_a_statement_of_theirs_back_and_says_why(settings: Settings) -> None:
    shop, other = await a_shop(), await a_shop()
    ana, account = await an_account(shop)
    made = await hand_in(ana, account.id, a_sheet((utc_today(), "X", "1,00")), settings)
    with pytest.raises(NotFound):
        await withdrawing.withdraw(a_person(other, "eva", Role.ACCOUNTANT), made.id, WHY, CAUSE)
    with pytest.raises(Forbidden):
        await withdrawing.withdraw(a_person(shop, "sue", Role.SUPPORT), made.id, WHY, CAUSE)
    with pytest.raises(InvalidInput, match="1 to 500"):
        await withdrawing.withdraw(ana, made.id, " ", CAUSE)
    assert (await BankStatement.get()).withdrawn_at is None
