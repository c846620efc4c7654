"""A movement that was counted as an earlier line, because their words are alike, is named, and asked about."""

from pathlib import Path

import pytest

from domain.bank import find, look, withdrawing
from domain.findings import work
from domain.findings.work import Resolution
from domain.models import Finding, PayoutProof
from domain.models.findings import ClosingReason
from domain.platform.settings import Settings
from tests.domain.bank.test_proofs import CAUSE, a_payout, a_sheet, an_account, hand_in, in_transit
from tests.domain.bank.test_told_again import an_ofx
from tests.kit.days import utc_today
from tests.kit.factories import a_shop
from tests.kit.world import quick_settings

pytestmark = pytest.mark.usefixtures("books")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return quick_settings(files=str(tmp_path / "files"))


async def _asked() -> list[str]:
    return [one.explanation for one in await Finding.filter(kind="BANK_LINE_UNKNOWN", resolved_at=None)]


async def test_a_part_of_a_day_whose_words_contain_an_earlier_line_is_asked_about_until_the_whole_day_is_there(
    settings: Settings,
) -> None:
    shop = await a_shop()
    ana, account = await an_account(shop)
    await a_payout(shop, reference="4711")
    day = utc_today(-1)
    await hand_in(ana, account.id, a_sheet((day, "TED", "100,00"), (day, "X", "1,00")), settings)
    afternoon = await hand_in(ana, account.id, a_sheet((day, "TED STRIPE", "100,00")), settings)
    assert afternoon.contradicted == (
        "1 of its lines is that of an earlier statement in other words: it counts once. "
        "If one of them is another movement, hand in a file that has the whole of its day."
    )
    (same,) = (await find.rewordings([afternoon.id]))[afternoon.id]
    earlier = (await find.by_id([same.earlier_id]))[same.earlier_id]
    assert (same.text, earlier.text, earlier.amount, same.is_sure) == ("TED STRIPE", "TED", 10_000, False)
    await look.look(shop.id, CAUSE)
    assert await _asked() == []  # no payout waits for that money: it may be in any words
    await a_payout(shop, reference="4712")
    await look.look(shop.id, CAUSE)
    assert await _asked() == [
        f"Itaú has BRL 100.00 of {day} (TED STRIPE), which counts as an earlier line (TED), and a payout of that "
        "amount is open."
    ]
    whole = a_sheet((day, "TED", "100,00"), (day, "X", "1,00"), (day, "TED STRIPE", "100,00"))
    await hand_in(ana, account.id, whole, settings)
    await look.look(shop.id, CAUSE)
    assert (await _asked(), await PayoutProof.all().count(), await in_transit(shop)) == ([], 2, -20_000)


async def test_a_person_who_says_that_they_are_one_is_not_asked_again_and_a_statement_that_is_taken_back_asks_nothing(
    settings: Settings,
) -> None:
    shop = await a_shop()
    ana, account = await an_account(shop)
    day = utc_today(-1)
    told = a_sheet((day, "TED STRIPE", "100,00"), (day, "PIX", "5,00"))
    await hand_in(ana, account.id, a_sheet((day, "TED", "100,00"), (day, "PIX", "5,00")), settings)
    await a_payout(shop, reference="4711")
    await a_payout(shop, reference="4712")
    made = await hand_in(ana, account.id, told, settings)
    await look.look(shop.id, CAUSE)
    finding = await Finding.get(kind="BANK_LINE_UNKNOWN")
    await withdrawing.withdraw(ana, made.id, "Read wrongly.", CAUSE)
    assert await _asked() == []
    made = await hand_in(ana, account.id, told, settings)
    await look.look(shop.id, CAUSE)
    assert [one.id for one in await Finding.filter(resolved_at=None)] == [finding.id]
    await work.resolve(ana, finding.id, Resolution(ClosingReason.EXPLAINED, "The bank says more now."), CAUSE)
    await withdrawing.withdraw(ana, made.id, "Read wrongly.", CAUSE)
    await hand_in(ana, account.id, told + b"\n", settings)
    await look.look(shop.id, CAUSE)
    assert await _asked() == []


async def test_what_the_banks_own_reference_tells_is_sure(settings: Settings) -> None:
    shop = await a_shop()
    ana, account = await an_account(shop)
    await a_payout(shop, reference="4711")
    await hand_in(ana, account.id, an_ofx(("100.00", "F1", "TED")), settings)
    await a_payout(shop, reference="4712")
    made = await hand_in(ana, account.id, an_ofx(("100.00", "F1", "TED STRIPE")), settings)
    assert [one.is_sure for one in (await find.rewordings([made.id]))[made.id]] == [True]
    await look.look(shop.id, CAUSE)
    assert await _asked() == []


async def test_what_a_bank_writes_on_several_lines_is_no_reference_that_makes_sure(settings: Settings) -> None:
    shop = await a_shop()
    ana, account = await an_account(shop)
    day = utc_today(-1)

    def a_document(*rows: tuple[str, str, str]) -> bytes:
        return "\n".join(
            ["Data;Histórico;Documento;Valor", *(f"{day:%d/%m/%Y};{';'.join(row)}" for row in rows)]
        ).encode()

    await hand_in(ana, account.id, a_document(("TED", "000", "100,00"), ("TED", "77", "200,00")), settings)
    more = (("TED STRIPE", "000", "100,00"), ("TED STRIPE", "77", "200,00"), ("PIX", "77", "3,00"))
    made = await hand_in(ana, account.id, a_document(*more), settings)
    assert [one.is_sure for one in (await find.rewordings([made.id]))[made.id]] == [False, False]
    await a_payout(shop, reference="4711")
    await a_payout(shop, reference="4712")
    await look.look(shop.id, CAUSE)
    assert len(await _asked()) == 1
