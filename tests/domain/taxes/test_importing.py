"""Tax documents beside refunds: whole, in parts, several of one, one of several; revised, canceled; what differs."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from domain.models import Finding, Payment, Refund, TaxDocument, TaxDocumentShare, VatReversal
from domain.models.refunds import Reason
from domain.models.taxes import Booked, RefundCause, ReversalState, TaxRegime
from domain.money import Money
from domain.platform.settings import Settings
from domain.problems import NotFound
from domain.pse.vocabulary import Succeeded
from domain.refunds import request
from domain.refunds.request import NewRefund
from domain.taxes import candidates, importing, nightly, places, report, work
from domain.taxes.moves import Paper
from domain.taxes.places import NewPlace
from domain.taxes.work import Said
from tests.domain.taxes import vectors
from tests.domain.taxes.vectors import access_key
from tests.domain.taxes.world import (
    a_sale_refunded,
    accountant,
    comes_back,
    handed_in,
    in_order,
    named,
    open_kinds,
    taken_in,
    vat_of,
)
from tests.kit import lines
from tests.kit.days import utc_today
from tests.kit.factories import CAUSE, OwnerRows, Shop, a_key, a_payment, a_shop, an_answer
from tests.kit.factories import KEY as SEALS
from tests.kit.world import quick_settings

pytestmark = pytest.mark.usefixtures("books")
S = ReversalState
KEY = access_key(123, "2026-01-02")
HEADER = "number,date,total,tax,original,refund,cause,status"


def _day() -> str:
    return utc_today(-1).isoformat()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return quick_settings(files=str(tmp_path / "files"))


async def _sold(document: str = f"NFe{KEY}", amount: int = 10_000, tax: int = 1_800) -> tuple[Shop, Payment]:
    shop = await a_shop()
    return shop, await named(await a_payment(shop, amount=amount, tax=tax, days_ago=3), document)


def _table(*rows_: str) -> bytes:
    return "\n".join((HEADER, *rows_)).encode()


def _note(number: int, total: str, icms: str, **more: str) -> bytes:
    return vectors.nfe(number, [KEY], total=total, icms=icms, issued=_day(), **more)


async def _differing(refund: Refund) -> Finding:
    return await Finding.get(kind="VAT_DOCUMENT_DIFFERS", refund_id=refund.id, resolved_at=None)


async def _row(row: VatReversal) -> VatReversal:
    return await VatReversal.get(id=row.id)


async def test_a_note_of_return_takes_the_vat_back_once_and_its_cancellation_gives_it_again(settings: Settings) -> None:
    shop, payment = await _sold()
    refund, row = await a_sale_refunded(shop, payment, 4_000)
    await nightly.catch_up()
    assert row.state is S.NEEDS_REVIEW  # why it was given back nobody had said; the note says it
    note = _note(7, "40.00", "7.20")
    file_id = await handed_in(shop, note, settings)
    both = await asyncio.gather(
        *(importing.take_in(accountant(shop), file_id, settings, CAUSE) for _ in range(2)), return_exceptions=True
    )
    assert sorted((one.new, one.same, one.matched) for one in both if not isinstance(one, BaseException)) == [
        (0, 1, 0), (1, 0, 1),
    ]  # fmt: skip
    done = await _row(row)
    assert (done.state, done.document_number, done.cause) == (S.DOCUMENTED, "1/7", RefundCause.RETURN_OF_GOODS)
    assert (await vat_of(shop), await open_kinds(refund.id)) == ((1_080, 0, 0), [])
    assert (await taken_in(shop, note, settings)).same == 1
    period = f"{lines.today():%Y-%m}"
    await work.declare(accountant(shop), [row.id], period, CAUSE)
    canceled = vectors.nfe_canceled(access_key(7, _day()))
    assert (await taken_in(shop, canceled, settings)).canceled == 1
    assert ((await _row(row)).state, await vat_of(shop)) == (S.NEEDS_REVIEW, (1_800, 720, 0))
    assert await open_kinds(refund.id) == ["VAT_REVERSAL_NEEDED"]
    assert (await taken_in(shop, canceled, settings)).same == 1
    again = await taken_in(shop, note, settings)
    assert (again.new, again.unread, await in_order()) == (0, 1, True)


async def test_a_document_that_was_canceled_before_it_came_takes_nothing_back(settings: Settings) -> None:
    shop, payment = await _sold()
    refund, row = await a_sale_refunded(shop, payment, 4_000)
    canceled, note = vectors.nfe_canceled(access_key(7, _day())), _note(7, "40.00", "7.20")
    first, again = await taken_in(shop, canceled, settings), await taken_in(shop, canceled, settings)
    assert [(one.canceled, one.unread, one.same) for one in (first, again)] == [(0, 1, 0), (0, 0, 1)]
    told = await taken_in(shop, note, settings)
    assert (told.new, told.matched, told.unread) == (0, 0, 1)
    assert ((await _row(row)).booked, await vat_of(shop)) == (Booked.NOTHING, (1_800, 720, 0))
    # Another of the same sale does.
    assert (await taken_in(shop, _note(8, "40.00", "7.20"), settings)).matched == 1
    assert (await vat_of(shop), await open_kinds(refund.id), await in_order()) == ((1_080, 0, 0), [], True)


async def test_many_documents_of_one_refund_take_its_vat_back_when_they_cover_the_whole(settings: Settings) -> None:
    """Four notes by item, whose cents add up to one more than the tax of the sum: the last one is the rest."""
    shop, payment = await _sold(amount=33_499, tax=5_349)
    refund, row = await a_sale_refunded(shop, payment, 33_499, Reason.NOT_DELIVERED)
    parts = [("82.00", "13.09"), ("69.00", "11.02"), ("102.00", "16.29")]
    for number, (total, icms) in enumerate(parts, start=1):
        assert (await taken_in(shop, _note(number, total, icms), settings)).matched == 0
    assert ((await _row(row)).state, await open_kinds(refund.id)) == (S.NEEDED, ["VAT_DOCUMENT_DIFFERS"])
    last = await taken_in(shop, _note(4, "81.99", "13.10"), settings)
    assert (last.matched, (await _row(row)).state) == (1, S.DOCUMENTED)
    assert (await vat_of(shop), await open_kinds(refund.id)) == ((0, 0, 0), [])
    assert await TaxDocument.filter(problem__isnull=False).count() == 0
    # One of them canceled: the whole is to be taken back again, and the others wait for its rest.
    assert (await taken_in(shop, vectors.nfe_canceled(access_key(2, _day())), settings)).canceled == 1
    assert ((await _row(row)).state, await vat_of(shop)) == (S.NEEDED, (5_349, 5_349, 0))
    assert (await taken_in(shop, _note(5, "69.00", "11.02"), settings)).matched == 1
    assert ((await _row(row)).state, await in_order()) == (S.DOCUMENTED, True)


async def test_one_document_of_several_refunds_takes_back_each_ones_vat(settings: Settings) -> None:
    shop, payment = await _sold()
    _, one = await a_sale_refunded(shop, payment, 4_000)
    _, two = await a_sale_refunded(shop, payment, 3_000)
    _, three = await a_sale_refunded(shop, payment, 2_000)
    assert (await taken_in(shop, _note(9, "60.00", "10.80"), settings)).matched == 1
    assert [(await _row(row)).state for row in (one, two, three)] == [S.DOCUMENTED, S.NEEDS_REVIEW, S.DOCUMENTED]
    assert await TaxDocumentShare.all().count() == 2
    assert (await vat_of(shop), await in_order()) == ((720, 540, 0), True)


async def test_a_document_that_came_before_all_of_its_refunds_takes_their_vat_back_in_the_night(
    settings: Settings, owner_rows: OwnerRows
) -> None:
    shop, payment = await _sold()
    early, one = await a_sale_refunded(shop, payment, 4_000)
    assert (await taken_in(shop, _note(1, "70.00", "12.60"), settings)).why[0].why == candidates.MORE
    assert await open_kinds(early.id) == ["VAT_DOCUMENT_DIFFERS"]
    assert (await nightly.match_again(), await open_kinds(early.id)) == (0, ["VAT_DOCUMENT_DIFFERS"])
    _, other = await a_sale_refunded(shop, payment, 1_000)  # of this sale too, and of no such note
    late, two = await a_sale_refunded(shop, payment, 3_000)
    assert await nightly.match_again() == 1
    assert [(await _row(row)).booked is Booked.DOCUMENTED for row in (one, other, two)] == [True, False, True]
    assert (await open_kinds(early.id), await open_kinds(late.id), await in_order()) == ([], [], True)
    assert await nightly.match_again() == 0
    # One that cannot be matched, whatever is wrong with it, holds up no other.
    broken, good = sorted([await _stray(shop, number, settings) for number in (2, 3)])  # in the night's order
    await owner_rows(f"UPDATE tax_documents SET checked = jsonb_build_object('taxes', 1) WHERE id = '{broken}'")  # noqa: S608
    sold = await named(await a_payment(shop, amount=10_000, tax=1_800, days_ago=3), "NF 77")
    for _ in range(2):
        await a_sale_refunded(shop, sold, 1_000)
    assert await nightly.match_again() == 1
    assert [(await TaxDocument.get(id=one)).problem for one in (broken, good)] == [candidates.UNKNOWN, None]


async def _stray(shop: Shop, number: int, settings: Settings) -> UUID:
    await taken_in(shop, _table(f"NC{number},{_day()},10.00,1.80,NF 77,,,"), settings)
    return (await TaxDocument.get(number=f"NC{number}")).id


async def test_a_document_that_could_be_of_several_is_of_those_that_are_left(settings: Settings) -> None:
    shop, payment = await _sold()
    rows_ = [(await a_sale_refunded(shop, payment, amount))[1] for amount in (4_000, 3_000, 2_000, 1_000)]
    told = await taken_in(shop, _note(1, "50.00", "9.00"), settings)  # 40 and 10, or 30 and 20
    assert told.why[0].why == candidates.SEVERAL
    assert (await taken_in(shop, _note(2, "30.00", "5.40"), settings)).matched == 1
    assert await nightly.match_again() == 1
    assert [(await _row(row)).booked is Booked.DOCUMENTED for row in rows_] == [True, True, False, True]
    assert await in_order()


async def test_the_amount_alone_never_matches_and_what_came_before_its_sale_is_matched_later(
    settings: Settings,
) -> None:
    shop, payment = await _sold(document="NFe 999")
    _, row = await a_sale_refunded(shop, payment, 4_000)
    stray = await taken_in(shop, _note(7, "40.00", "7.20"), settings)
    assert (stray.matched, stray.why[0].why) == (0, candidates.UNKNOWN)
    assert (await nightly.match_again(), (await _row(row)).booked) == (0, Booked.NOTHING)
    await named(payment, KEY.lower())
    assert (await nightly.match_again(), (await _row(row)).state) == (1, S.DOCUMENTED)
    other, own = await _sold(), await a_shop(name="Outra")
    _, of_other = await a_sale_refunded(other[0], other[1], 4_000)
    assert (await taken_in(own, _note(8, "40.00", "7.20"), settings)).why[0].why == candidates.UNKNOWN
    assert ((await _row(of_other)).booked, await in_order()) == (Booked.NOTHING, True)
    with pytest.raises(NotFound):
        await importing.take_in(accountant(own), await handed_in(shop, b"x", settings), settings, CAUSE)


async def test_of_refunds_of_one_sale_and_one_amount_each_document_takes_one(settings: Settings) -> None:
    shop, payment = await _sold(tax=1_801)
    rows_ = [(await a_sale_refunded(shop, payment, 5_000))[1] for _ in range(2)]
    assert [row.amount for row in rows_] == [901, 900]
    assert (await taken_in(shop, _note(1, "50.00", "9.00"), settings)).matched == 1
    assert [(await _row(row)).booked for row in rows_] == [Booked.NOTHING, Booked.DOCUMENTED]
    assert (await taken_in(shop, _note(2, "50.00", "9.01"), settings)).matched == 1
    third = await taken_in(shop, _note(3, "50.00", "9.00"), settings)
    assert (third.matched, third.why[0].why, await vat_of(shop)) == (0, candidates.NOTHING_OPEN, (0, 0, 0))
    assert await in_order()


async def test_an_invoice_of_hundreds_of_refunds_has_a_document_for_one_and_another_for_the_rest(
    settings: Settings,
) -> None:
    """As a Mexican global invoice has, of all sales of a day, and the one note for all that was left of its month."""
    shop, payment = await _sold(amount=202_000, tax=20_200)
    for turn in range(201):
        new = NewRefund(payment.id, Money(1_000, "BRL"), Reason.CUSTOMER_REQUEST)
        made = await request.request(shop.id, new, a_key(), CAUSE, SEALS)
        await an_answer(made.refund, Succeeded(f"D{turn:0>31}"))
    _, last = await a_sale_refunded(shop, payment, 777)
    assert (await taken_in(shop, _note(1, "7.77", "0.78"), settings)).matched == 1
    assert (await _row(last)).state is S.DOCUMENTED
    assert (await taken_in(shop, _note(2, "2010.00", "201.00"), settings)).matched == 1
    assert await VatReversal.filter(booked=Booked.DOCUMENTED).count() == 202


async def test_a_document_of_less_or_more_money_or_another_tax_is_told_and_not_booked(settings: Settings) -> None:
    """A refund with its freight whose note forgot the freight's tax; and one whose tax was reclaimed too high."""
    shop, payment = await _sold()
    refund, row = await a_sale_refunded(shop, payment, 4_000)
    told = await taken_in(shop, _note(1, "40.00", "6.10"), settings)
    assert (told.matched, (await _row(row)).booked) == (0, Booked.NOTHING)
    finding = await _differing(refund)
    sides = finding.detail["ours"]["tax"], finding.detail["theirs"]["tax"]
    assert (finding.detail["differs"], *sides, finding.amount) == (["tax"], 720, 610, 110)
    assert (await taken_in(shop, vectors.nfe_canceled(access_key(1, _day())), settings)).canceled == 1
    more = await taken_in(shop, _note(2, "41.00", "7.38"), settings)
    assert (more.matched, await TaxDocumentShare.filter(voided_at=None).count()) == (0, 0)
    finding = await _differing(refund)
    assert (finding.resolved_at, finding.detail["ours"]["amount"]) == (None, 4_000)
    assert (await taken_in(shop, _note(3, "40.00", "6.54", more="<vPIS>0.66</vPIS>"), settings)).matched == 1
    assert (await open_kinds(refund.id), await vat_of(shop)) == ([], (1_080, 0, 0))
    assert await in_order()


async def test_a_table_names_refunds_and_a_revised_row_undoes_the_one_before(settings: Settings) -> None:
    shop, payment = await _sold(document="NF 55")
    refund, row = await a_sale_refunded(shop, payment, 4_000)
    first = f"NC1,{_day()},40.00,7.20,,{refund.reference},return,"
    assert (await taken_in(shop, _table(first), settings)).matched == 1
    assert (await _row(row)).state is S.DOCUMENTED
    revised = await taken_in(shop, _table(f"NC1,{_day()},39.00,7.02,NF 55,{refund.reference},return,"), settings)
    assert (revised.revised, revised.matched, (await _row(row)).state) == (1, 0, S.NEEDED)
    assert (await vat_of(shop), await open_kinds(refund.id)) == (
        (1_800, 720, 0), ["VAT_DOCUMENT_DIFFERS", "VAT_REVERSAL_NEEDED"],
    )  # fmt: skip
    rest = await taken_in(shop, _table(f"NC2,{_day()},1.00,0.18,nf-055,,,"), settings)
    assert (rest.matched, (await _row(row)).state, await vat_of(shop)) == (1, S.DOCUMENTED, (1_080, 0, 0))
    gone = await taken_in(shop, _table("NC2,,,,,,,cancelada", "NC9,,,,,,,cancelada"), settings)
    assert (gone.canceled, gone.unread, await vat_of(shop)) == (1, 1, (1_800, 720, 0))
    other = f"NC3,{_day()},40.00,7.20,NF 56,{refund.reference},,"  # it names a refund, and another sale
    assert (await taken_in(shop, _table(other), settings)).why[0].why == candidates.UNKNOWN
    assert await in_order()


async def test_a_document_of_a_day_ahead_is_told_and_hostile_rows_stop_none_behind_them(settings: Settings) -> None:
    shop, payment = await _sold(document="NF 55")
    await a_sale_refunded(shop, payment, 4_000)
    ahead = (datetime.now(UTC) + timedelta(days=9)).date().isoformat()
    rows_ = [f"NC{number},2026-01-02,1.00,0.10,NF {number},,," for number in range(300)]
    rows_[250] = "NC250,2026-01-02,1.00,0.10,NF 1,R\0,,"
    told = await taken_in(
        shop, _table(*rows_, f"NC1000,{ahead},40.00,7.20,NF 55,,,", "X,9999-12-31,1.00,0,F,,,"), settings
    )
    assert (told.new, await TaxDocument.all().count()) == (299, 299)
    few = await taken_in(shop, _table(f"NC1000,{ahead},40.00,7.20,NF 55,,,", "X,9999-12-31,1.00,0,F,,,"), settings)
    assert ([one.why for one in few.why], few.new) == (["Its day lies ahead."] * 2, 0)


async def test_what_a_person_entered_by_hand_and_a_file_brings_later_is_one_document(settings: Settings) -> None:
    shop, payment = await _sold()
    refund, row = await a_sale_refunded(shop, payment, 4_000)
    await work.document(accountant(shop), row.id, "001/000007", datetime.now(UTC).date() - timedelta(days=1), CAUSE)
    assert (await taken_in(shop, _note(7, "40.00", "7.20"), settings)).matched == 1
    assert (await vat_of(shop), await TaxDocumentShare.all().count()) == ((1_080, 0, 0), 1)
    await comes_back(refund)
    assert await open_kinds(refund.id) == ["RETURNED", "VAT_DOCUMENT_DIFFERS"]
    # The note's own cancellation is the counter-document.
    await taken_in(shop, vectors.nfe_canceled(access_key(7, _day())), settings)
    assert ((await _row(row)).state, await vat_of(shop)) == (S.UNDONE, (1_800, 0, 0))
    assert (await open_kinds(refund.id), await in_order()) == (["RETURNED"], True)


async def test_a_sale_of_2025_has_no_reform_taxes_in_its_note(settings: Settings, owner_rows: OwnerRows) -> None:
    shop, payment = await _sold()
    refund, row = await a_sale_refunded(shop, payment, 4_000)
    await owner_rows("UPDATE vat_reversals SET rule_id = 'br-return-of-2025', sold_on = '2025-12-01'")
    reform = "<IBSCBSTot><gIBS><vIBS>0.04</vIBS></gIBS><gCBS><vCBS>0.36</vCBS></gCBS></IBSCBSTot>"
    assert (await taken_in(shop, _note(1, "40.00", "7.20", reform=reform), settings)).matched == 0
    assert ((await _row(row)).booked, await open_kinds(refund.id)) == (Booked.NOTHING, ["VAT_DOCUMENT_DIFFERS"])
    await taken_in(shop, vectors.nfe_canceled(access_key(1, _day())), settings)
    assert (await taken_in(shop, _note(2, "40.00", "7.20"), settings)).matched == 1


async def test_signed_documents_never_change_and_a_note_for_another_currency_is_told(settings: Settings) -> None:
    shop, payment = await _sold()
    await a_sale_refunded(shop, payment, 4_000)
    await taken_in(shop, _note(7, "40.00", "6.00"), settings)
    changed = await taken_in(shop, _note(7, "40.00", "7.20"), settings)
    assert (changed.new, changed.revised, "never changes" in changed.why[0].why) == (0, 0, True)
    other = await named(await a_payment(shop, tax=1_800, days_ago=3), KEY[::-1])
    refund, _ = await a_sale_refunded(shop, other, 4_000)
    foreign = vectors.cfdi("AD662D33-6934-459C-A128-BDF0393F0F44", [KEY[::-1]], total="40.00", iva="7.20")
    assert (await taken_in(shop, foreign, settings)).matched == 0
    finding = await _differing(refund)
    assert (finding.detail["differs"], await in_order()) == (["currency"], True)


async def test_a_lost_vat_is_no_documents_and_a_chilean_sale_goes_by_its_folio(settings: Settings) -> None:
    shop = await a_shop()
    who = accountant(shop)
    await places.set_place(who, NewPlace("CL", TaxRegime.LOCAL), CAUSE)
    sale = await named(await a_payment(shop, amount=15_990, tax=2_553, currency="BRL", days_ago=3), "33-77")
    _, row = await a_sale_refunded(shop, sale, 15_990)
    await work.write_off(who, row.id, "No note was made.", CAUSE)
    told = await taken_in(shop, _table(f"501,{_day()},159.90,25.53,33 0077,,,"), settings)
    assert (told.matched, told.why[0].why, await vat_of(shop)) == (0, candidates.NOTHING_OPEN, (2_553, 0, 2_553))
    assert await in_order()


async def test_a_cancellation_undoes_what_a_person_had_entered_by_hand(settings: Settings) -> None:
    shop, payment = await _sold()
    refund, row = await a_sale_refunded(shop, payment, 4_000)
    key = access_key(7, _day())
    await work.document(accountant(shop), row.id, key, date.fromisoformat(_day()), CAUSE)
    assert (await taken_in(shop, vectors.nfe_canceled(access_key(8, _day())), settings)).canceled == 0
    assert (await _row(row)).state is S.DOCUMENTED
    assert (await taken_in(shop, vectors.nfe_canceled(key), settings)).canceled == 1
    assert ((await _row(row)).state, await vat_of(shop)) == (S.NEEDED, (1_800, 720, 0))
    assert await open_kinds(refund.id) != []
    assert await in_order()


@pytest.mark.parametrize(("how", "filed"), [("canceled", []), ("counter", [720])])
async def test_what_a_filed_return_took_back_and_is_owed_again_is_told(
    settings: Settings, how: str, filed: list[int]
) -> None:
    shop, payment = await _sold()
    refund, row = await a_sale_refunded(shop, payment, 4_000)
    await taken_in(shop, _note(7, "40.00", "7.20"), settings)
    who, month = accountant(shop), f"{lines.today():%Y-%m}"

    async def declared() -> list[int]:
        return [one.declared for one in await report.of_month(who, month, 10) if one.declared]

    await work.declare(who, [row.id], month, CAUSE)
    await comes_back(refund)
    assert await declared() == [720]  # it was filed
    if how == "canceled":
        await taken_in(shop, vectors.nfe_canceled(access_key(7, _day())), settings)
    else:
        said = Said("The adviser says.", counter=Paper("C 1", date.fromisoformat(_day())))
        await work.review(who, row.id, said, CAUSE)
    assert ((await _row(row)).state, await vat_of(shop), await declared()) == (S.UNDONE, (1_800, 0, 0), filed)
    told = await _differing(refund)
    assert (told.amount, f"The return of {month} took back BRL 7.20" in told.explanation) == (720, True)
    assert await in_order()
