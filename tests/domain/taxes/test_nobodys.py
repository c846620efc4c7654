"""VAT of what turned out to be a refund: one document takes it back once, and it stands in the month's report."""

from pathlib import Path

import pytest

from domain.access.tokens import Role
from domain.findings import work
from domain.models import Finding, Payment, TaxDocument
from domain.models.findings import ClosingReason
from domain.models.ledger import Account
from domain.platform.settings import Settings
from domain.taxes import by_hand, nightly, report
from tests.domain.findings.conftest import Desk, by
from tests.domain.taxes import vectors
from tests.domain.taxes.vectors import access_key
from tests.domain.taxes.world import a_sale_refunded, in_order, named, taken_in, vat_of
from tests.kit.days import utc_today
from tests.kit.factories import a_payment, a_person, a_shop
from tests.kit.lines import open_findings, today
from tests.kit.world import quick_settings

pytestmark = pytest.mark.usefixtures("books")
KEY = access_key(123, "2026-01-02")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return quick_settings(files=str(tmp_path / "files"))


async def _taken() -> tuple[Desk, Payment, Finding]:
    """40.00 of a sale of 100.00 with 18.00 of VAT were refunded by somebody at the PSE; the finding of their VAT."""
    shop = await a_shop()
    desk = Desk(shop, a_person(shop, "Ana", Role.ACCOUNTANT), a_person(shop, "Bia", Role.ACCOUNTANT))
    payment = await named(await a_payment(shop, tax=1_800, days_ago=3), f"NFe{KEY}")
    await desk.say(await desk.taken(4_000, "MED1", payment), ClosingReason.REFUND_OF_OURS)
    return desk, payment, await Finding.get(kind="VAT_REVERSAL_NEEDED", resolved_at=None)


def _note(number: int) -> bytes:
    return vectors.nfe(number, [KEY], total="40.00", icms="7.20", issued=utc_today(-1).isoformat())


@pytest.mark.parametrize("first", ["file", "person"])
async def test_a_note_by_which_a_person_took_vat_back_takes_back_no_other_refunds(
    settings: Settings, first: str
) -> None:
    desk, payment, vat = await _taken()
    if first == "file":
        await taken_in(desk.shop, _note(7), settings)
    await desk.say(vat, ClosingReason.CORRECTED, account=Account.OUTPUT_VAT)
    if first == "person":
        assert (await taken_in(desk.shop, _note(7), settings)).why[0].why == by_hand.TAKEN
    _, row = await a_sale_refunded(desk.shop, await Payment.get(id=payment.id), 4_000)
    assert await nightly.match_again() == 0
    await row.refresh_from_db()
    assert (row.booked, await vat_of(desk.shop)) == ("NOTHING", (1_080, 720, 0))
    assert (await TaxDocument.get(number="1/7")).problem == by_hand.TAKEN
    # The refund's own note is another one.
    assert (await taken_in(desk.shop, _note(8), settings)).matched == 1
    await row.refresh_from_db()
    assert (row.document_number, await vat_of(desk.shop)) == ("1/8", (360, 0, 0))
    # It was no refund after all: the note is of nobody again, and waits.
    await work.reopen(desk.ana, vat.id, "It was another note.", by(desk.ana))
    assert await nightly.match_again() == 0
    assert (await TaxDocument.get(number="1/7")).problem != by_hand.TAKEN
    assert await in_order()


async def test_a_document_of_what_is_no_refund_any_more_needs_another_one_and_a_person_is_told() -> None:
    desk, payment, vat = await _taken()
    await desk.say(vat, ClosingReason.CORRECTED, account=Account.OUTPUT_VAT)
    await nightly.catch_up()
    assert await open_findings() == []
    taken = await desk.finding(payment, "MED1")
    await desk.back(taken, "MED1", 4_000)
    assert await vat_of(desk.shop) == (1_800, 0, 0)
    for _ in range(2):  # each night again, once
        await nightly.catch_up()
    told = await Finding.get(kind="VAT_DOCUMENT_DIFFERS", resolved_at=None)
    assert (told.amount, told.payment_id, "As the statement says." in told.explanation) == (720, payment.id, True)
    await desk.say(told, ClosingReason.EXPLAINED)
    await nightly.catch_up()
    assert await Finding.filter(kind="VAT_DOCUMENT_DIFFERS", resolved_at=None).count() == 0
    assert await in_order()


async def test_a_document_whose_refund_is_one_again_needs_no_other() -> None:
    desk, payment, vat = await _taken()
    await desk.say(vat, ClosingReason.CORRECTED, account=Account.OUTPUT_VAT)
    taken = await desk.finding(payment, "MED1")
    await work.reopen(desk.ana, taken.id, "It was a chargeback.", by(desk.ana))
    await nightly.catch_up()
    assert "VAT_DOCUMENT_DIFFERS" in await open_findings()
    await desk.say(taken, ClosingReason.REFUND_OF_OURS)
    await nightly.catch_up()
    assert await open_findings() == ["VAT_REVERSAL_NEEDED"]
    assert await in_order()


@pytest.mark.parametrize(("account", "column"), [(Account.OUTPUT_VAT, "documented"), (Account.VAT_LOST, "lost")])
async def test_it_stands_in_the_months_report_as_in_the_ledger(account: Account, column: str) -> None:
    desk, payment, vat = await _taken()
    _, row = await a_sale_refunded(desk.shop, await Payment.get(id=payment.id), 1_000)
    month, sums = f"{today():%Y-%m}", ("documented", "lost", "pending", "review")

    async def told() -> dict[str, int]:
        lines = await report.of_month(desk.ana, month, 10)
        assert {one.country for one in lines} <= {row.country}
        assert {one.store_id for one in lines} <= {payment.store_id}
        return {name: sum(getattr(one, name) for one in lines) for name in sums if any(getattr(o, name) for o in lines)}

    assert await told() == {"pending": 720, "review": 180}
    await desk.say(vat, ClosingReason.CORRECTED, account=account)
    assert await told() == {column: 720, "review": 180}
    before = await report.of_month(desk.ana, "2026-01", 10)
    assert before == []
    await work.reopen(desk.ana, (await desk.finding(payment, "MED1")).id, "A chargeback.", by(desk.ana))
    assert await told() == {"review": 180}
