"""One document that is told twice, in two forms or by a person and a file, takes VAT back once."""

from datetime import date
from pathlib import Path
from uuid import UUID

import pytest

from domain.models import TaxDocument, VatReversal
from domain.models.taxes import ReversalState
from domain.platform.settings import Settings
from domain.problems import InvalidInput
from domain.taxes import candidates, nightly, previewing, work
from domain.taxes.previewing import Outcome
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
from tests.kit.factories import CAUSE, Shop, a_payment, a_shop
from tests.kit.world import quick_settings

pytestmark = pytest.mark.usefixtures("books")
S = ReversalState
SALE = access_key(123, "2026-01-02")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return quick_settings(files=str(tmp_path / "files"))


def _table(*rows_: str) -> bytes:
    return "\n".join(("number,key,issuer,date,total,tax,original,refund,cause,status", *rows_)).encode()


# The note of 40.00 in its forms: number, key, issuer and cause of a table's row.
ROWS = {
    "numbered": "7,,,return",
    "keyed": "7,{key},,",
    "keyed, its series": "1/7,{key},,",
    "keyed, its issuer": "7,{key},12ABC34501DE35,return",
    "key alone": ",{key},,",
}


def _day() -> str:
    return utc_today(-1).isoformat()


def _key(number: int = 7) -> str:
    return access_key(number, _day())


def _form(name: str, day: str | None = None) -> bytes:
    if name == "note":
        return _note(7, "40.00", "7.20")
    number, key, issuer, cause = ROWS[name].format(key=_key()).split(",")
    return _table(f"{number},{key},{issuer},{day or _day()},40.00,7.20,NFe{SALE},,{cause},")


async def _refunded(*amounts: int) -> tuple[Shop, list[VatReversal]]:
    shop = await a_shop()
    payment = await named(await a_payment(shop, amount=10_000, tax=1_800, days_ago=3), f"NFe{SALE}")
    return shop, [(await a_sale_refunded(shop, payment, amount))[1] for amount in amounts]


async def _states(rows_: list[VatReversal]) -> list[tuple[S, str | None]]:
    found = [await VatReversal.get(id=row.id) for row in rows_]
    return [(row.state, row.period) for row in found]


async def _misfits(shop: Shop, given: bytes, settings: Settings) -> list[str | None]:
    file_id = await handed_in(shop, given, settings)
    found = (await previewing.preview(accountant(shop), file_id, settings))[1]
    return [one.differs.problem if one.differs else None for one in found]


async def _seen(shop: Shop, given: bytes, settings: Settings) -> list[Outcome]:
    file_id: UUID = await handed_in(shop, given, settings)
    return [one.outcome for one in (await previewing.preview(accountant(shop), file_id, settings))[1]]


@pytest.mark.parametrize(
    "forms",
    [("numbered", "note", "numbered", "note"), ("note", "numbered", "note"),
     ("keyed, its series", "numbered", "note"), ("key alone", "numbered", "key alone")],
)  # fmt: skip
async def test_a_note_in_a_table_and_in_its_own_file_is_one_and_is_of_no_other_refund(
    settings: Settings, forms: tuple[str, ...]
) -> None:
    shop, rows_ = await _refunded(4_000, 4_000)
    for number, form in enumerate(forms):
        told = await taken_in(shop, _form(form), settings)
        assert told.new == (number == 0)
        assert (await vat_of(shop), await TaxDocument.filter(ended_at=None).count()) == ((1_080, 720, 0), 1)
    assert (await _seen(shop, _form("numbered"), settings), await in_order()) == ([Outcome.SAME], True)
    assert sorted(state for state, _ in await _states(rows_)) == [S.DOCUMENTED, S.NEEDS_REVIEW]
    # Its cancellation names the key, and the table that is handed in once more brings nothing back.
    assert (await taken_in(shop, vectors.nfe_canceled(_key()), settings)).canceled == 1
    assert (await vat_of(shop), (await taken_in(shop, _form("numbered"), settings)).new) == ((1_800, 1_440, 0), 0)
    assert (await vat_of(shop), await in_order()) == ((1_800, 1_440, 0), True)


async def test_a_table_that_says_that_a_note_is_canceled_ends_it_in_whichever_form_it_stands(
    settings: Settings,
) -> None:
    shop, rows_ = await _refunded(4_000)
    for given in (_form("numbered"), _form("note")):
        await taken_in(shop, given, settings)
    assert (await taken_in(shop, _table("7,,,,,,,,,cancelada"), settings)).canceled == 1
    assert (await _states(rows_), await vat_of(shop)) == ([(S.NEEDED, None)], (1_800, 720, 0))
    assert (await taken_in(shop, _form("note"), settings)).new == 0
    assert (await vat_of(shop), await in_order()) == ((1_800, 720, 0), True)


async def test_alike_is_not_the_same_another_number_issuer_sale_or_refund_is_a_note_of_its_own(
    settings: Settings,
) -> None:
    shop, rows_ = await _refunded(4_000, 4_000)
    await taken_in(shop, _table(f"7,,99,{_day()},40.00,7.20,NFe{SALE},,,"), settings)  # of somebody else's
    told = await taken_in(shop, _form("note"), settings)
    assert (told.new, await vat_of(shop)) == (1, (360, 0, 0))
    shop, rows_ = await _refunded(4_000, 4_000)
    await taken_in(shop, _table(f"17,,,{_day()},40.00,7.20,NFe{SALE},,,"), settings)
    told = await taken_in(shop, _form("note"), settings)
    assert (told.new, await vat_of(shop), await in_order()) == (1, (360, 0, 0), True)


@pytest.mark.parametrize(("other", "days"), [("note", -1), ("keyed, its issuer", -1), ("keyed", -2)])
async def test_what_stands_in_a_return_stays_there_when_its_document_is_told_in_other_words(
    settings: Settings, other: str, days: int
) -> None:
    shop, rows_ = await _refunded(4_000)
    keyed, told = _form("keyed"), _form(other, utc_today(days).isoformat())
    await taken_in(shop, keyed, settings)
    month = f"{lines.today():%Y-%m}"
    await work.declare(accountant(shop), [rows_[0].id], month, CAUSE)
    for given in (told, keyed, told):
        await taken_in(shop, given, settings)
        assert (await _states(rows_), await vat_of(shop)) == ([(S.DECLARED, month)], (1_080, 0, 0))
    assert await in_order()


async def test_a_refund_that_came_back_needs_its_counter_document_whichever_form_of_the_first_one_comes_late(
    settings: Settings,
) -> None:
    shop, rows_ = await _refunded(4_000)
    await taken_in(shop, _form("keyed"), settings)
    (row,) = rows_
    await comes_back(await row.refund)
    for given in (_form("note"), _form("keyed")):
        await taken_in(shop, given, settings)
        assert (await _states(rows_), await vat_of(shop)) == ([(S.NEEDS_REVIEW, None)], (1_080, -720, 0))
    assert await in_order()


def _note(number: int, total: str, icms: str) -> bytes:
    return vectors.nfe(number, [SALE], total=total, icms=icms, issued=_day())


async def _entered(shop: Shop, row: VatReversal, number: str) -> None:
    await work.document(accountant(shop), row.id, number, date.fromisoformat(_day()), CAUSE)


async def test_what_a_person_entered_of_several_refunds_is_the_file_that_comes_later_and_no_third_refunds(
    settings: Settings,
) -> None:
    shop, rows_ = await _refunded(3_000, 2_000, 5_000)
    for row, number in zip(rows_, ("1/7", "7"), strict=False):
        await _entered(shop, row, number)
    assert (await taken_in(shop, _note(7, "50.00", "9.00"), settings)).matched == 1
    assert ([state for state, _ in await _states(rows_)], await vat_of(shop)) == (
        [S.DOCUMENTED, S.DOCUMENTED, S.NEEDS_REVIEW], (900, 900, 0),
    )  # fmt: skip
    assert (await taken_in(shop, vectors.nfe_canceled(_key()), settings)).canceled == 1
    assert (await vat_of(shop), await in_order()) == ((1_800, 1_800, 0), True)


async def test_a_file_of_other_money_than_a_person_entered_it_for_is_told_and_given_to_nobody_else(
    settings: Settings,
) -> None:
    shop, rows_ = await _refunded(3_000, 5_000, 2_000)
    await _entered(shop, rows_[0], "1/7")
    note = _note(7, "50.00", "9.00")
    assert await _misfits(shop, note, settings) == [candidates.ENTERED]
    told = await taken_in(shop, note, settings)
    assert (told.matched, [one.why for one in told.why]) == (0, [candidates.ENTERED])
    assert (await vat_of(shop), await open_kinds(rows_[0].refund_id)) == ((1_260, 1_260, 0), ["VAT_DOCUMENT_DIFFERS"])
    await _entered(shop, rows_[2], "1/7")
    assert (await nightly.match_again(), await open_kinds(rows_[0].refund_id)) == (1, [])
    assert (await vat_of(shop), await in_order()) == ((900, 900, 0), True)


async def test_nobody_enters_by_hand_a_document_that_is_another_refunds_or_was_canceled(settings: Settings) -> None:
    shop, rows_ = await _refunded(4_000, 3_000)
    await taken_in(shop, _form("note"), settings)
    for number in ("1/7", "NF 7", _key()):
        with pytest.raises(InvalidInput, match="all of its money"):
            await _entered(shop, rows_[1], number)
    await taken_in(shop, vectors.nfe_canceled(_key()), settings)
    await taken_in(shop, vectors.nfe_canceled(_key(8)), settings)
    for number in ("1/7", _key(), _key(8)):
        with pytest.raises(InvalidInput, match="canceled"):
            await _entered(shop, rows_[0], number)
    for number in ("8", "1/8"):
        with pytest.raises(InvalidInput, match="canceled"):
            await _entered(shop, rows_[0], number)
    assert await vat_of(shop) == (1_800, 1_260, 0)
    await _entered(shop, rows_[0], "1/9")
    await _entered(shop, rows_[1], "1/9")  # one of both, as far as anybody knows
    assert (await vat_of(shop), await in_order()) == ((540, 0, 0), True)


@pytest.mark.parametrize("number", ["{key}", "1/7", "NF 7"])
async def test_a_cancellation_ends_what_a_person_entered_and_its_file_brings_nothing_back(
    settings: Settings, number: str
) -> None:
    shop, rows_ = await _refunded(4_000)
    await _entered(shop, rows_[0], number.format(key=_key()))
    assert (await taken_in(shop, vectors.nfe_canceled(_key(17)), settings)).canceled == 0
    assert (await taken_in(shop, vectors.nfe_canceled(_key()), settings)).canceled == 1
    assert (await taken_in(shop, _form("note"), settings)).new == 0
    assert (await _states(rows_), await vat_of(shop)) == ([(S.NEEDED, None)], (1_800, 720, 0))
    assert ((await taken_in(shop, vectors.nfe_canceled(_key()), settings)).same, await in_order()) == (1, True)


async def test_a_cancellation_by_key_ends_what_a_table_has_by_its_number_and_a_tables_what_a_person_has(
    settings: Settings,
) -> None:
    shop, rows_ = await _refunded(4_000)
    await taken_in(shop, _form("numbered"), settings)
    assert (await taken_in(shop, vectors.nfe_canceled(_key(17)), settings)).canceled == 0
    assert (await taken_in(shop, vectors.nfe_canceled(_key()), settings)).canceled == 1
    assert [(await taken_in(shop, given, settings)).new for given in (_form("numbered"), _form("note"))] == [0, 0]
    assert await vat_of(shop) == (1_800, 720, 0)
    await _entered(shop, rows_[0], "NC 9")
    assert (await taken_in(shop, _table("NC9,,,,,,,,,cancelada"), settings)).canceled == 0  # it may be another
    assert (await taken_in(shop, _table("nc 9,,,,,,,,,cancelada"), settings)).canceled == 1
    assert (await vat_of(shop), await in_order()) == ((1_800, 720, 0), True)


async def test_what_was_canceled_by_its_key_before_a_table_has_it_by_its_number_takes_nothing_back(
    settings: Settings,
) -> None:
    shop, rows_ = await _refunded(4_000)
    await taken_in(shop, vectors.nfe_canceled(_key()), settings)
    assert await _seen(shop, _form("numbered"), settings) == [Outcome.REFUSED]
    assert ((await taken_in(shop, _form("numbered"), settings)).new, await vat_of(shop)) == (0, (1_800, 720, 0))
    other = _table(f"2/7,,,{_day()},40.00,7.20,NFe{SALE},,,")  # of another series
    assert ((await taken_in(shop, other, settings)).new, await in_order()) == (1, True)


@pytest.mark.parametrize(("issuer", "is_theirs"), [("99888777000166", False), ("12.ABC.345/01DE-35", True)])
async def test_a_cancellation_by_key_is_of_no_other_issuers_note_of_that_number(
    settings: Settings, issuer: str, is_theirs: bool
) -> None:
    row, canceled = _table(f"7,,{issuer},{_day()},40.00,7.20,NFe{SALE},,,"), vectors.nfe_canceled(_key())
    shop, _ = await _refunded(4_000)
    await taken_in(shop, row, settings)
    assert (await taken_in(shop, canceled, settings)).canceled == is_theirs
    assert (await taken_in(shop, row, settings)).same == (not is_theirs)
    shop, _ = await _refunded(4_000)
    await taken_in(shop, canceled, settings)
    assert ((await taken_in(shop, row, settings)).new, await in_order()) == (not is_theirs, True)


async def test_an_issuer_whose_zeros_a_sheet_has_dropped_is_the_same(settings: Settings) -> None:
    shop, _ = await _refunded(4_000, 4_000)
    for issuer in ("1234567000189", "01.234.567/0001-89"):
        key = _key() if "." in issuer else ""
        await taken_in(shop, _table(f"7,{key},{issuer},{_day()},40.00,7.20,NFe{SALE},,,"), settings)
    assert (await vat_of(shop), await in_order()) == ((1_080, 720, 0), True)


async def test_a_consumers_note_that_is_canceled_is_no_note_of_return_of_that_number(settings: Settings) -> None:
    shop, rows_ = await _refunded(4_000, 3_000)
    await _entered(shop, rows_[1], "8")
    await taken_in(shop, _form("numbered"), settings)
    canceled, other = (vectors.nfe_canceled(access_key(number, _day(), model="65")) for number in (7, 8))
    assert [(await taken_in(shop, given, settings)).canceled for given in (canceled, other)] == [0, 0]
    shop, _ = await _refunded(4_000)
    await taken_in(shop, canceled, settings)
    assert ((await taken_in(shop, _form("numbered"), settings)).new, await in_order()) == (1, True)
