"""What is on its way to the bank is open payout by payout, each from its own day, whichever arrives first."""

from datetime import date
from pathlib import Path

import pytest

from domain import invariants
from domain.access.principal import Principal
from domain.bank import look, proofs
from domain.books import ageing
from domain.books.ageing import Bucket, Item
from domain.findings import work
from domain.findings.work import Resolution
from domain.models import BankLine, Finding, Payout
from domain.models.findings import ClosingReason
from domain.models.ledger import Account
from domain.platform.settings import Settings
from domain.pse import registry
from tests.domain.bank.test_proofs import a_sheet, an_account, hand_in
from tests.kit.days import utc_today
from tests.kit.factories import CAUSE, Shop, a_shop
from tests.kit.lines import Telling, a_night, balance, of_nobody, today
from tests.kit.world import quick_settings

pytestmark = pytest.mark.usefixtures("books")
WAY = Account.PAYOUTS_IN_TRANSIT


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return quick_settings(files=str(tmp_path / "files"))


async def _open(shop: Shop) -> list[tuple[str | None, int, date]]:
    """Reference, amount and day of each, read page by page, with the sums that ageing has of them."""
    found, after = list[Item](), None
    while page := await ageing.items(shop.id, WAY, 1, after=after):
        found += page
        after = (page[-1].since, page[-1].place)
    aged = await ageing.ageing(shop.id, [WAY])
    assert sum(one.count for one in aged) == len(found)
    assert sum(one.amount for one in aged) == sum(one.amount for one in found) == await balance(shop, WAY)
    assert await invariants.check() == []
    return [(one.payout_reference, one.amount, one.since) for one in found]


async def _shop(settings: Settings) -> tuple[Shop, Principal]:
    """Three payouts: the first of a day, and two of a later day's report."""
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    for name, days in (("po_first_1", -40), ("po_second_2", -3)):
        paid = [of_nobody("PAYOUT", "-10.00", payout_reference=name)]
        paid += [of_nobody("PAYOUT", "-7.00", payout_reference="po_third_3")] * (days == -3)
        await a_night(shop, *paid, days=days, name=f"{name}.json")
    ana, account = await an_account(shop)
    await hand_in(ana, account.id, a_sheet((utc_today(-2), "PSE po_second_2", "10,00"), (utc_today(), "X", "9,00")),
                  settings)  # fmt: skip
    return shop, ana


async def test_a_payout_that_arrives_leaves_the_older_one_open_and_as_old_as_it_is(settings: Settings) -> None:
    shop, ana = await _shop(settings)
    first, third = ("po_first_1", 1_000, today(-40)), ("po_third_3", 700, today(-3))
    assert await _open(shop) == [first, third]
    aged = {one.bucket: one.amount for one in await ageing.ageing(shop.id, [WAY])}
    assert aged == {Bucket.D31_60: 1_000, Bucket.D0_7: 700}
    await proofs.void(ana, (await Payout.get(reference="po_second_2")).id, "Not this one.", CAUSE)
    assert await _open(shop) == [first, ("po_second_2", 1_000, today(-3)), third]


async def test_what_is_given_up_of_a_payout_is_open_no_longer(settings: Settings) -> None:
    shop, ana = await _shop(settings)
    await hand_in(ana, (await BankLine.first()).account_id, a_sheet((utc_today(-41), "Y", "2,00")), settings)  # type: ignore[union-attr]
    await look.look(shop.id, CAUSE)
    missing = await Finding.get(kind="PAYOUT_MISSING", resolved_at=None)
    await work.resolve(ana, missing.id, Resolution(ClosingReason.WRITE_OFF, "It never came."), CAUSE)
    assert await _open(shop) == [("po_third_3", 700, today(-3))]
    await a_night(shop, days=-40, name="po_first_1.json")  # the revised report has it no longer
    await a_night(shop, of_nobody("PAYOUT", "-8.00", payout_reference="po_second_2"), days=-3, name="po_second_2.json")
    assert [one[:2] for one in await _open(shop)] == [("po_second_2", -200), (None, -1_000)]
    await look.look(shop.id, CAUSE)  # nobody gives up what is told no longer, and no line is what is told otherwise
    assert await _open(shop) == [("po_second_2", 800, today(-3))]
