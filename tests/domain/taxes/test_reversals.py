"""A refund's VAT from the refund to the return that declares it, and every way back."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from domain.access.permissions import Permission
from domain.access.principal import Principal, reach_of
from domain.access.tokens import Role
from domain.books import bank_days, checkpoints, ledger
from domain.books.ledger import Posting
from domain.books.trial_balance import trial_balance
from domain.findings import foreseen, names
from domain.findings import work as resolving
from domain.findings.work import Resolution
from domain.models import Finding, LedgerEntry, Payment, PeriodClosing, Refund, Store, VatReversal, VatWriteOff
from domain.models.findings import ClosingReason
from domain.models.ledger import Account, Entry
from domain.models.refunds import Reason
from domain.models.taxes import Booked, RefundCause, ReversalState, TaxRegime
from domain.periods.months import Month
from domain.platform.database import transaction
from domain.problems import Forbidden, InvalidInput, InvalidState, NotFound
from domain.pse.vocabulary import Succeeded
from domain.taxes import giving_up, importing, moves, nightly, places, report, work
from domain.taxes.candidates import TOO_EARLY
from domain.taxes.moves import Paper
from domain.taxes.places import NewPlace
from domain.taxes.posting import cause_of
from domain.taxes.weigh import Review
from domain.taxes.work import Said
from tests.domain.taxes.world import a_sale_refunded, accountant, comes_back, in_order, open_kinds, vat_of
from tests.kit.factories import CAUSE, OwnerRows, Shop, a_payment, a_person, a_refund, a_shop, an_answer
from tests.kit.lines import today

pytestmark = pytest.mark.usefixtures("books")
S = ReversalState
NOTE = "As the tax adviser says."


async def _sold(tax: int = 1_800, amount: int = 10_000) -> tuple[Shop, Payment]:
    shop = await a_shop()
    return shop, await a_payment(shop, amount=amount, tax=tax)


async def test_a_refund_is_documented_and_declared_and_its_finding_stays_in_step() -> None:
    shop, payment = await _sold()
    refund, row = await a_sale_refunded(shop, payment, 4_000, Reason.NOT_DELIVERED)
    assert (row.state, row.cause, row.rule_id) == (S.NEEDED, RefundCause.CANCELLATION, "br-return")
    assert row.amount == refund.tax_amount == 720
    await nightly.catch_up()
    assert await open_kinds(refund.id) == ["VAT_REVERSAL_NEEDED"]
    who = accountant(shop)
    done = await work.document(who, row.id, " 55/123 ", today(), CAUSE)
    assert (done.state, done.booked, done.document_number) == (S.DOCUMENTED, Booked.DOCUMENTED, "55/123")
    await work.document(who, row.id, "55/123", today(), CAUSE)  # again, and nothing changes
    with pytest.raises(InvalidState):
        await work.document(who, row.id, "55/124", today(), CAUSE)
    assert (await vat_of(shop), await open_kinds(refund.id)) == ((1_080, 0, 0), [])
    period = f"{today():%Y-%m}"
    assert (await work.declare(who, [row.id], period, CAUSE))[0].state is S.DECLARED
    await nightly.catch_up()
    assert await open_kinds(refund.id) == []
    assert await in_order()


async def test_no_document_of_a_refund_is_older_than_its_sale_by_hand_either() -> None:
    shop, payment = await _sold()
    _, row = await a_sale_refunded(shop, payment, 4_000)
    with pytest.raises(InvalidInput, match=TOO_EARLY):
        await work.document(accountant(shop), row.id, "7", row.sold_on - timedelta(days=1), CAUSE)
    assert (await work.document(accountant(shop), row.id, "7", row.sold_on, CAUSE)).state is S.DOCUMENTED
    await comes_back(await Refund.get(id=row.refund_id))
    counter = Said(NOTE, counter=Paper("8", row.sold_on - timedelta(days=1)))
    with pytest.raises(InvalidInput, match=TOO_EARLY):
        await work.review(accountant(shop), row.id, counter, CAUSE)


async def test_a_refund_that_comes_back_before_its_document_needs_none_and_is_undone_once() -> None:
    shop, payment = await _sold()
    refund, row = await a_sale_refunded(shop, payment, 4_000)
    await nightly.catch_up()
    await comes_back(refund)
    await moves.came_back(await Refund.get(id=refund.id), CAUSE)
    assert (await VatReversal.get(id=row.id)).state is S.UNDONE
    with pytest.raises(InvalidState):
        await work.document(accountant(shop), row.id, "1", today(), CAUSE)
    assert (await vat_of(shop), await open_kinds(refund.id), await in_order()) == ((1_800, 0, 0), ["RETURNED"], True)


async def test_a_refund_that_comes_back_after_its_document_calls_a_person_for_a_counter_document() -> None:
    shop, payment = await _sold()
    refund, row = await a_sale_refunded(shop, payment, 4_000)
    await work.document(accountant(shop), row.id, "NC 1", today(), CAUSE)
    await comes_back(refund)
    seen = await VatReversal.get(id=row.id)
    assert (seen.state, seen.reason) == (S.NEEDS_REVIEW, Review.RETURNED_AFTER_DOCUMENT)
    # The document took back what is owed after all, until another one gives it again.
    assert (await vat_of(shop), await open_kinds(refund.id)) == ((1_080, -720, 0), ["RETURNED", "VAT_DOCUMENT_DIFFERS"])
    assert await in_order()
    # Another refund of the same money cannot take back more than was declared.
    again, other = await a_sale_refunded(shop, payment, 10_000)
    refused = await work.document(accountant(shop), other.id, "NC 2", today(), CAUSE)
    assert (refused.state, refused.reason) == (S.NEEDS_REVIEW, Review.EXCEEDS_DECLARED)
    counter = Said(NOTE, counter=Paper("ND 1", today()))
    assert (await work.review(accountant(shop), row.id, counter, CAUSE)).state is S.UNDONE
    assert (await vat_of(shop), await open_kinds(refund.id)) == ((1_800, 1_800, 0), ["RETURNED"])
    with pytest.raises(InvalidState):
        await work.review(accountant(shop), row.id, counter, CAUSE)
    said = Said(NOTE, cause=RefundCause.RETURN_OF_GOODS)
    assert (await work.review(accountant(shop), other.id, said, CAUSE)).state is S.NEEDED
    await work.document(accountant(shop), other.id, "NC 2", today(), CAUSE)
    assert (await vat_of(shop), await open_kinds(again.id), await in_order()) == ((0, 0, 0), [], True)


async def test_what_is_written_off_is_lost_and_is_found_again_by_a_review_or_a_return() -> None:
    shop, payment = await _sold()
    refund, row = await a_sale_refunded(shop, payment, 5_000)
    who = accountant(shop)
    lost = await work.write_off(who, row.id, NOTE, CAUSE)
    assert (lost.state, await vat_of(shop)) == (S.NOT_RECOVERABLE, (1_800, 0, 900))
    found = await work.review(who, row.id, Said(NOTE, cause=RefundCause.RETURN_OF_GOODS), CAUSE)
    assert (found.state, await vat_of(shop)) == (S.NEEDED, (1_800, 900, 0))
    assert await open_kinds(refund.id) == ["VAT_REVERSAL_NEEDED"]
    # Nobody ends it by a word about the finding, which would book nothing and leave the VAT pending, unseen.
    needed = await Finding.get(kind="VAT_REVERSAL_NEEDED", resolved_at=None)
    for reason in ClosingReason:
        said = Resolution(reason, NOTE, duplicate_of=needed.id if reason is ClosingReason.DUPLICATE_OF else None)
        with pytest.raises(InvalidState, match="vatReversalWriteOff"):
            await resolving.resolve(who, needed.id, said, CAUSE)
        with pytest.raises(InvalidState, match="vatReversalWriteOff"):
            await foreseen.resolution(who, needed.id, said)
    await work.write_off(who, row.id, NOTE, CAUSE)
    await comes_back(refund)
    assert (await vat_of(shop), await in_order()) == ((1_800, 0, 0), True)
    entries = await LedgerEntry.filter(refund_id=refund.id, entry="VAT_NOT_RECOVERABLE").order_by("id")
    assert len({one.cause for one in entries}) == len(entries) == 4


async def test_vat_above_the_limit_is_given_up_by_two_people_however_it_is_said_and_what_is_split_is_added_up() -> None:
    shop, payment = await _sold(tax=300_000, amount=2_000_000)
    ana, bo = accountant(shop), a_person(shop, "bo", Role.ADMIN)
    (refund, large), *small = [
        await a_sale_refunded(shop, payment, part, Reason.NOT_DELIVERED) for part in (900_000, 300_000, 350_000)
    ]
    waits = await work.write_off(ana, large.id, NOTE, CAUSE)
    assert (waits.state, (await vat_of(shop))[2]) == (S.NEEDED, 0)
    assert await open_kinds(refund.id) == ["VAT_REVERSAL_NEEDED"]
    for same in (ana, accountant(shop)):
        with pytest.raises(Forbidden, match="another person"):
            await work.confirm_write_off(same, large.id, CAUSE)
    await work.decline_write_off(bo, large.id, "The customer's note is on its way.", CAUSE)
    with pytest.raises(InvalidState):
        await work.confirm_write_off(bo, large.id, CAUSE)
    # What a person says of it makes no way round.
    said = Said(NOTE, country="AR", regime=TaxRegime.NOT_OURS)
    waits = await work.review(ana, large.id, said, CAUSE)
    assert (waits.state, waits.country, (await vat_of(shop))[2]) == (S.NEEDED, "BR", 0)
    assert await VatWriteOff.filter(reversal_id=large.id, started_at=None, ended_at=None).count() == 1
    with pytest.raises(InvalidState, match="Something else is said"):  # than what bo has seen
        await work.confirm_write_off(bo, large.id, CAUSE, uuid4())
    gone = await work.confirm_write_off(bo, large.id, CAUSE, (await giving_up.of_reversals([large.id]))[large.id].id)
    assert (gone.state, gone.country, gone.note, (await vat_of(shop))[2]) == (S.NOT_RECOVERABLE, "AR", NOTE, 135_000)
    # Two that are small together are not.
    first, second = [await work.write_off(ana, row.id, NOTE, CAUSE) for _, row in small]
    assert (first.state, second.state) == (S.NOT_RECOVERABLE, S.NOT_RECOVERABLE)
    _, third = await a_sale_refunded(shop, payment, 300_000, Reason.NOT_DELIVERED)
    assert (await work.write_off(ana, third.id, NOTE, CAUSE)).state is S.NEEDED
    await work.document(ana, third.id, "NC 9", today(), CAUSE)
    with pytest.raises(InvalidState, match="changed since"):
        await work.confirm_write_off(bo, third.id, CAUSE)
    assert await in_order()


async def test_partial_refunds_close_to_the_whole_tax() -> None:
    shop, payment = await _sold(tax=1_597)
    who = accountant(shop)
    found = [(await a_sale_refunded(shop, payment, amount))[1] for amount in (3_333, 3_334, 3_333)]
    assert [row.amount for row in found] == [532, 533, 532]
    for number, row in enumerate(found):
        await work.document(who, row.id, f"NC {number}", today(), CAUSE)
    assert (await vat_of(shop), await in_order()) == ((0, 0, 0), True)


async def test_where_a_sale_is_taxed_is_said_by_connection_before_store_before_all() -> None:
    shop, payment = await _sold()
    who = accountant(shop)
    for new in (
        NewPlace("UY", TaxRegime.LOCAL),
        NewPlace("AR", TaxRegime.NOT_OURS, store_id=shop.store.id),
        NewPlace("CL", TaxRegime.LOCAL, connection_id=shop.connection.id),
    ):
        made = await places.set_place(who, new, CAUSE)
        assert (await places.set_place(who, new, CAUSE)).id == made.id
    _, chile = await a_sale_refunded(shop, payment, 1_000)
    assert (chile.country, chile.state, chile.rule_id) == ("CL", S.NEEDED, "cl-return")
    told = Said(NOTE, country="AR", regime=TaxRegime.NOT_OURS)
    gone = await work.review(who, chile.id, told, CAUSE)
    assert (gone.state, gone.rule_id) == (S.NOT_RECOVERABLE, "any-not-ours")
    uncertain = await work.review(who, chile.id, Said(NOTE, country="UY", regime=TaxRegime.LOCAL), CAUSE)
    assert (uncertain.state, uncertain.reason) == (S.NEEDS_REVIEW, Review.RULE_UNSURE)
    accepted = await work.review(who, chile.id, Said(NOTE, accept=True), CAUSE)
    assert (accepted.state, await vat_of(shop), await in_order()) == (S.NEEDED, (1_800, 180, 0), True)
    with pytest.raises(NotFound):
        await places.set_place(who, NewPlace("CL", TaxRegime.LOCAL, store_id=UUID(int=1)), CAUSE)
    with pytest.raises(InvalidInput):
        await places.set_place(who, NewPlace("Chile", TaxRegime.LOCAL), CAUSE)


async def test_refunds_of_before_there_were_reversals_get_theirs_in_the_first_night() -> None:
    shop, payment = await _sold()
    refund = await a_refund(shop, payment, 4_000)
    await an_answer(refund, Succeeded(f"D{refund.reference:0>31}"[:32]))
    assert await VatReversal.all().count() == 0  # its report has not come
    assert (await nightly.catch_up(), await nightly.catch_up()) == (1, 0)
    row = await VatReversal.get(refund_id=refund.id)
    assert (await Finding.filter(fingerprint=names.vat(refund.id)).get()).detail["reversal_id"] == str(row.id)
    assert await in_order()


async def test_what_is_nearly_late_and_late_is_told_once_by_the_merchants_own_calendar(owner_rows: OwnerRows) -> None:
    shop, payment = await _sold()
    who = accountant(shop)
    await places.set_place(who, NewPlace("AR", TaxRegime.LOCAL), CAUSE)
    refund, row = await a_sale_refunded(shop, payment, 4_000)
    assert (row.rule_id, row.due_on) == ("ar-note", row.asked_on + timedelta(days=15))
    assert await nightly.flag_overdue() == 0
    # Offices that never work bring the warning forward: no business day is left before.
    for ahead in range(1, 25):
        await bank_days.set_day(who, "AR", today() + timedelta(days=ahead), True, "a strike", CAUSE)
    assert await nightly.flag_overdue() == 1
    await owner_rows("UPDATE vat_reversals SET due_on = due_on - 30")
    assert await nightly.flag_overdue() == 1
    assert await open_kinds(refund.id) == ["VAT_REVERSAL_OVERDUE"]
    await work.document(who, row.id, "NC A 0001-00000007", today(), CAUSE)
    assert (await nightly.flag_overdue(), await open_kinds(refund.id), await in_order()) == (0, [], True)
    async with transaction():  # the document is canceled: what was late is late again
        await moves.undocument(*await moves.hold(shop.id, row.id), CAUSE, "It was canceled.")
    assert await nightly.flag_overdue() == 1
    assert await open_kinds(refund.id) == ["VAT_REVERSAL_NEEDED", "VAT_REVERSAL_OVERDUE"]


async def test_countries_and_days_that_cannot_be_are_refused_and_nothing_is_weighed() -> None:
    shop, payment = await _sold()
    who = accountant(shop)
    _, row = await a_sale_refunded(shop, payment, 4_000)
    for country in ("X" * 1_000_000, "BRAZIL", "B\0", "💩💩", "", "b1", "1A"):
        with pytest.raises(InvalidInput):
            await work.review(who, row.id, Said(NOTE, country=country), CAUSE)
    ahead, far = datetime.now(UTC).date() + timedelta(days=9), (date(9999, 12, 31), date(1, 1, 1))
    for day in (ahead, *far):
        for said in (Said(NOTE, event_on=day), Said(NOTE, delivered_on=day)):
            with pytest.raises(InvalidInput):
                await work.review(who, row.id, said, CAUSE)
        if day != ahead:
            with pytest.raises(InvalidInput):
                await bank_days.set_day(who, "BR", day, True, "a strike", CAUSE)
    assert (await VatReversal.get(id=row.id)).sequence == row.sequence
    delivered = Said(NOTE, country="BR", delivered_on=today(), cause=RefundCause.RETURN_OF_GOODS)
    assert (await work.review(who, row.id, delivered, CAUSE)).delivered_on == today()


async def test_a_person_of_another_store_or_merchant_has_no_part_in_it() -> None:
    shop, payment = await _sold()
    _, row = await a_sale_refunded(shop, payment, 4_000)
    other = accountant(await a_shop(name="Outra"))
    with pytest.raises(NotFound):
        await work.document(other, row.id, "1", today(), CAUSE)
    assert await work.readable(other).count() == 0
    with pytest.raises(Forbidden):
        await work.write_off(a_person(shop, "bo", Role.SUPPORT), row.id, NOTE, CAUSE)
    who = accountant(shop)
    for number, on in (("", today()), ("x" * 101, today()), ("1", today() + timedelta(days=9))):
        with pytest.raises(InvalidInput):
            await work.document(who, row.id, number, on, CAUSE)
    with pytest.raises(InvalidInput):
        await work.declare(who, [row.id], "2026-13", CAUSE)
    with pytest.raises(InvalidState):
        await work.declare(who, [row.id], today().strftime("%Y-%m"), CAUSE)


async def test_two_people_who_document_one_refund_at_once_leave_one_document() -> None:
    shop, payment = await _sold()
    _, row = await a_sale_refunded(shop, payment, 4_000, Reason.NOT_DELIVERED)
    both = await asyncio.gather(
        *(work.document(accountant(shop), row.id, number, today(), CAUSE) for number in ("NC 1", "NC 2")),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in both) == ["InvalidState", "VatReversal"]
    assert (await LedgerEntry.filter(entry="VAT_DOCUMENTED").count(), await vat_of(shop)) == (1, (1_080, 0, 0))


async def test_who_keeps_one_stores_books_reaches_no_other_stores_vat() -> None:
    shop, payment = await _sold()
    _, row = await a_sale_refunded(shop, payment, 4_000, Reason.NOT_DELIVERED)
    rio = await Store.create(id=uuid4(), merchant_id=shop.id, code="rj", name="Rio")
    rights = frozenset({Permission.KEEP_BOOKS, Permission.READ_LEDGER})
    later = datetime.now(UTC) + timedelta(hours=1)
    in_rio = Principal(uuid4(), shop.id, "caio", reach_of((rights, rio.id)), later)
    with pytest.raises(NotFound):
        await work.declare(in_rio, [row.id], today().strftime("%Y-%m"), CAUSE)
    with pytest.raises(NotFound):
        await work.document(in_rio, row.id, "1", today(), CAUSE)
    with pytest.raises(Forbidden):
        await places.set_place(in_rio, NewPlace("CL", TaxRegime.LOCAL), CAUSE)
    assert await work.readable(in_rio).count() == await importing.readable(in_rio).count() == 0
    in_sp = Principal(uuid4(), shop.id, "duda", reach_of((rights, shop.store.id)), later)
    assert (await work.document(in_sp, row.id, "1", today(), CAUSE)).state is S.DOCUMENTED
    month = today().strftime("%Y-%m")
    assert [line.documented for line in await report.of_month(in_sp, month, 9)] == [720]
    assert await report.of_month(in_rio, month, 9) == []


async def test_what_was_lost_in_one_month_and_found_again_in_the_next_stands_in_both_as_in_the_ledger() -> None:
    shop, payment = await _sold()
    refund, row = await a_sale_refunded(shop, payment, 4_000)
    now, then = today(), today().replace(day=1) - timedelta(days=1)
    for sequence, (day, found) in enumerate([(then, False), (now, True)], start=1):
        posting = Posting(
            shop.id, shop.store.id, shop.connection.id, Entry.VAT_NOT_RECOVERABLE, row.amount, "BRL", day,
            cause_of(row.id, sequence), "test", payment_id=payment.id, refund_id=refund.id, reverse=found,
        )  # fmt: skip
        async with transaction():
            await ledger.post([posting])
    for _ in range(2):
        for day, lost, again in ((then, 720, 0), (now, 0, 720)):
            month = Month.of(day)
            lines = await report.of_month(accountant(shop), str(month), 9)
            assert [(one.lost, one.found_again, one.reversals) for one in lines] == [(lost, again, 1)]
            kept = await trial_balance(shop.id, month.first_day, month.last_day)
            (moved,) = [one for one in kept.rows if one.account is Account.VAT_LOST]
            assert moved.debits - moved.credits == lost - again
        await checkpoints.cut()  # the ledger is told by its checkpoints, and what came behind them, alike


async def test_what_documents_took_back_in_a_closed_month_stays_and_what_changes_later_is_of_the_month_of_that() -> (
    None
):
    shop, payment = await _sold()
    # The month before may not be over for good yet: on the first of one nobody can close it.
    who, then = accountant(shop), Month.of(today().replace(day=1) - timedelta(days=33))
    (first, one), (_, two) = [await a_sale_refunded(shop, payment, 4_000) for _ in range(2)]

    async def documented(row: VatReversal, day: date) -> None:
        async with transaction():
            reversal, _ = await moves.hold(shop.id, row.id)
            await moves.document(reversal, Paper(f"{row.id}"[:20], day), CAUSE)

    async def told(month: Month) -> list[tuple[int, int, int]]:
        lines = await report.of_month(who, str(month), 9)
        return [
            (line.documented, line.undocumented, line.reversals)
            for line in lines
            if line.documented + line.undocumented
        ]

    await documented(one, then.last_day)
    assert (await told(then), await told(Month.of(today()))) == ([(720, 0, 1)], [])
    await PeriodClosing.create(
        id=uuid4(), merchant_id=shop.id, first_day=then.first_day, last_day=then.last_day, against=[],
        proposed_by="Ana", proposed_by_id=uuid4(), confirmed_by="Bia", confirmed_by_id=uuid4(),
        confirmed_at=datetime.now(UTC), last_entry=0, chain_position=0, digest="0" * 64,
    )  # fmt: skip
    await documented(two, then.last_day)
    assert (await told(then), await told(Month.of(today()))) == ([(720, 0, 1)], [(720, 0, 1)])
    async with transaction():
        reversal, refund = await moves.hold(shop.id, one.id)
        await moves.undocument(reversal, refund, CAUSE, "It is canceled.")
    assert (await told(then), await told(Month.of(today()))) == ([(720, 0, 1)], [(720, 720, 2)])
    await documented(one, today())
    assert (await told(then), await told(Month.of(today()))) == ([(720, 0, 1)], [(720, 0, 1)])
    assert first.id == refund.id
