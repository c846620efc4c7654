"""What happened to others with credit notes: cents, freight, the wrong invoice, rejected notes, too much reclaimed."""

from pathlib import Path

import pytest

from domain.models import Finding, VatReversal
from domain.models.refunds import Reason
from domain.models.taxes import ReversalState, TaxRegime
from domain.platform.settings import Settings
from domain.taxes import candidates, places
from domain.taxes.places import NewPlace
from tests.domain.taxes import vectors
from tests.domain.taxes.vectors import access_key
from tests.domain.taxes.world import a_sale_refunded, accountant, in_order, named, open_kinds, taken_in, vat_of
from tests.kit.days import utc_today
from tests.kit.factories import CAUSE, a_payment, a_shop
from tests.kit.world import quick_settings

pytestmark = pytest.mark.usefixtures("books")
HEADER = "number,date,total,tax,original,refund,status"


def _day() -> str:
    return utc_today(-1).isoformat()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return quick_settings(files=str(tmp_path / "files"))


def _table(*lines: str) -> bytes:
    return "\n".join((HEADER, *lines)).encode()


async def _state(row: VatReversal) -> ReversalState:
    return (await VatReversal.get(id=row.id)).state


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_the_order_of_a_note_of_goods_and_one_of_freight_changes_nothing(
    settings: Settings, order: tuple[int, int]
) -> None:
    """A note that leaves out the freight's tax is of less money than the refund: it waits for the freight's."""
    shop = await a_shop()
    sale = await named(await a_payment(shop, amount=12_000, tax=1_831, days_ago=3), "F001-170")
    refund, row = await a_sale_refunded(shop, sale, 12_000, Reason.NOT_DELIVERED)
    notes = (f"FC01-1,{_day()},100.00,15.25,F001-170,,", f"FC01-2,{_day()},20.00,3.06,F001-170,,")
    assert (await taken_in(shop, _table(notes[order[0]]), settings)).matched == 0
    assert (await _state(row), await open_kinds(refund.id)) == (ReversalState.NEEDED, ["VAT_DOCUMENT_DIFFERS"])
    assert (await taken_in(shop, _table(notes[order[1]]), settings)).matched == 1
    assert (await _state(row), await vat_of(shop), await in_order()) == (ReversalState.DOCUMENTED, (0, 0, 0), True)


async def test_credits_of_two_lines_that_add_up_to_a_cent_too_much_are_not_booked(settings: Settings) -> None:
    shop = await a_shop()
    sale = await named(await a_payment(shop, amount=200, tax=30, days_ago=3), "F1")
    refund, row = await a_sale_refunded(shop, sale, 103, Reason.NOT_DELIVERED)
    told = await taken_in(shop, _table(f"N1,{_day()},0.52,0.08,F1,,", f"N2,{_day()},0.52,0.08,F1,,"), settings)
    assert (told.new, told.matched, await _state(row)) == (2, 0, ReversalState.NEEDED)
    assert "more money" in told.why[1].why
    # Tax that the sale never had: what is reclaimed of 118.00 is its share and no more.
    dear = await named(await a_payment(shop, amount=13_195, tax=1_200, days_ago=3), "F2")
    other, second = await a_sale_refunded(shop, dear, 11_800, Reason.NOT_DELIVERED)
    assert second.amount == other.tax_amount == 1_073
    await taken_in(shop, _table(f"N3,{_day()},118.00,11.80,F2,,"), settings)
    finding = await Finding.get(refund_id=other.id, kind="VAT_DOCUMENT_DIFFERS")
    assert (finding.detail["differs"], finding.detail["ours"]["tax"], finding.detail["theirs"]["tax"]) == (
        ["tax"], 1_073, 1_180,
    )  # fmt: skip
    assert (await open_kinds(refund.id), await in_order()) == (["VAT_DOCUMENT_DIFFERS"], True)


async def test_a_note_on_the_wrong_invoice_takes_back_nothing_and_its_correction_does(settings: Settings) -> None:
    shop = await a_shop()
    who = accountant(shop)
    await places.set_place(who, NewPlace("PE", TaxRegime.LOCAL), CAUSE)
    for name in ("FB01-1", "FB01-2"):
        await named(await a_payment(shop, amount=11_800, tax=1_800, days_ago=3), name)
    sale = await named(await a_payment(shop, amount=11_800, tax=1_800, days_ago=3), "FB01-3")
    _, row = await a_sale_refunded(shop, sale, 11_800)
    assert (row.country, row.rule_id) == ("PE", "pe-return")
    wrong = await taken_in(shop, _table(f"BC01-1,{_day()},118.00,18.00,FB01-1,,"), settings)
    assert (wrong.why[0].why, await _state(row)) == (candidates.UNKNOWN, ReversalState.NEEDED)
    # The void of the wrong note is too late: it stands, and the right one is taken all the same.
    right = await taken_in(shop, _table(f"BC01-2,{_day()},118.00,18.00,FB01-3,,"), settings)
    assert (right.matched, await _state(row)) == (1, ReversalState.DOCUMENTED)
    second = await taken_in(shop, _table(f"BC01-3,{_day()},118.00,18.00,FB01-3,,"), settings)
    assert (second.why[0].why, await vat_of(shop), await in_order()) == (candidates.NOTHING_OPEN, (3_600, 0, 0), True)


async def test_a_note_that_its_authority_rejects_keeps_the_refund_open(settings: Settings) -> None:
    shop, key = await a_shop(), access_key(123, "2026-01-02")
    sale = await named(await a_payment(shop, tax=1_800, days_ago=3), key)
    refund, row = await a_sale_refunded(shop, sale, 4_000, Reason.NOT_DELIVERED)
    denied = await taken_in(shop, vectors.nfe(7, [key], issued=_day(), status="302"), settings)
    assert (denied.new, denied.unread, await _state(row)) == (0, 1, ReversalState.NEEDED)
    assert (await taken_in(shop, _table(f"N1,{_day()},40.00,7.20,{key},,"), settings)).matched == 1
    assert (await taken_in(shop, _table("N1,,,,,,rechazada"), settings)).canceled == 1
    assert (await _state(row), await open_kinds(refund.id)) == (ReversalState.NEEDED, ["VAT_REVERSAL_NEEDED"])
    # A chain: the next note is taken, and so on until one stands.
    assert (await taken_in(shop, _table(f"N2,{_day()},40.00,7.20,{key},,"), settings)).matched == 1
    assert (await vat_of(shop), await in_order()) == ((1_080, 0, 0), True)
