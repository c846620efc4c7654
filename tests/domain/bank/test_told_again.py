"""One movement of the bank in two files counts once, also in other words, and in whichever account it is handed in."""

from datetime import date
from pathlib import Path

import pytest

from domain.bank import accounts
from domain.bank.accounts import NewAccount
from domain.bank.readers.header import CsvMapping
from domain.bank.reworded import FiledLine, in_other_words
from domain.models import BankLine, PayoutProof
from domain.platform.settings import Settings
from domain.problems import InvalidInput
from tests.domain.bank.test_proofs import CAUSE, a_payout, an_account, hand_in, in_transit
from tests.kit.days import utc_today
from tests.kit.factories import Shop, a_shop
from tests.kit.world import quick_settings

pytestmark = pytest.mark.usefixtures("books")
Movement = tuple[str, str, str]  # amount, FITID and words


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return quick_settings(files=str(tmp_path / "files"))


def an_ofx(*told: Movement, day: date | None = None, account: str = "12345-6") -> bytes:
    """Of one day, yesterday if none is said."""
    day = day or utc_today(-1)
    lines = "".join(
        f"<STMTTRN><TRNTYPE>CREDIT<DTPOSTED>{day:%Y%m%d}<TRNAMT>{amount}<FITID>{fitid}<MEMO>{words}</STMTTRN>\n"
        for amount, fitid, words in told
    )
    head = f"OFXHEADER:100\n<OFX><STMTRS><CURDEF>BRL<BANKACCTFROM><BANKID>341<ACCTID>{account}</BANKACCTFROM>"
    return f"{head}<BANKTRANLIST>{lines}</BANKTRANLIST></STMTRS></OFX>".encode()


def _sheet(*rows_: str) -> bytes:
    told = (f"{utc_today(-1):%d/%m/%Y};{row}" for row in rows_)
    return "\n".join(("Data;Histórico;Documento;Valor", *told)).encode()


async def _two_payouts(shop: Shop) -> None:
    for number in ("4711", "4712"):
        await a_payout(shop, 10_000, reference=number)


async def _words() -> list[str]:
    return sorted([row.text for row in await BankLine.all()])


async def test_a_bank_that_changes_its_words_proves_no_second_payout(settings: Settings) -> None:
    shop = await a_shop()
    ana, account = await an_account(shop)
    await a_payout(shop, 10_000)
    await hand_in(ana, account.id, an_ofx(("100.00", "F1", "TED")), settings)
    await a_payout(shop, 10_000, reference="4712")
    told = an_ofx(("1.00", "F2", "X"), ("100.00", "F1", "TED STRIPE PAGAMENTO"))
    made = await hand_in(ana, account.id, told, settings)
    assert (made.lines, made.new_lines, await _words()) == (2, 1, ["TED", "X"])
    assert made.contradicted == "1 of its lines is that of an earlier statement in other words: it counts once."
    assert (await PayoutProof.all().count(), await in_transit(shop)) == (1, -10_000)
    # What has a reference of its own is another movement, whatever its words are.
    more = an_ofx(("100.00", "F1", "TED STRIPE PAGAMENTO"), ("100.00", "F9", "TED"), ("100.00", "F3", "PIX"))
    made = await hand_in(ana, account.id, more, settings)
    assert (made.lines, made.new_lines, await _words()) == (3, 2, ["PIX", "TED", "TED STRIPE PAGAMENTO", "X"])


async def test_what_another_mapping_reads_of_the_same_rows_is_the_same(settings: Settings) -> None:
    shop = await a_shop()
    ana, account = await an_account(shop)
    await _two_payouts(shop)
    await hand_in(ana, account.id, _sheet("TED;123;100,00", "PIX;;5,00"), settings)
    columns = CsvMapping(text=("Documento",), reference="Histórico")
    await accounts.change(ana, account.id, NewAccount("Itaú", "BRL", [shop.connection.id], columns), CAUSE)
    made = await hand_in(ana, account.id, _sheet("TED;123;100,00", "PIX;;5,00", "PIX;;5,00"), settings)
    assert (made.lines, made.new_lines, await BankLine.filter(amount=10_000).count()) == (3, 1, 1)
    assert await PayoutProof.all().count() == 0  # of two payouts nobody knows which one it is


async def test_an_account_that_is_known_twice_takes_no_statement_of_the_same_days(settings: Settings) -> None:
    shop = await a_shop()
    ana, account = await an_account(shop)
    told = an_ofx(("100.00", "F1", "TED"))
    await hand_in(ana, account.id, told, settings)
    await accounts.end(ana, account.id, CAUSE)
    _, again = await an_account(shop)
    with pytest.raises(InvalidInput, match="Itaú"):
        await hand_in(ana, again.id, told, settings)
    assert await BankLine.all().count() == 1
    made = await hand_in(ana, again.id, an_ofx(("100.00", "F1", "TED"), day=utc_today()), settings)
    assert made.new_lines == 1


async def test_an_account_in_several_parts_of_a_file_is_one_statement_and_what_two_have_is_there_once(
    settings: Settings,
) -> None:
    shop = await a_shop()
    ana, account = await an_account(shop)
    days = [
        an_ofx(("100.00", "F1", "TED"), ("100.00", "F2", "TED"), day=day).decode()
        for day in (utc_today(-1), utc_today())
    ]
    parts = [day[day.index("<STMTRS>") : day.index("</OFX>")] for day in (*days, days[1])]
    made = await hand_in(ana, account.id, f"OFXHEADER:100\n<OFX>{''.join(parts)}</OFX>".encode(), settings)
    assert (made.lines, made.new_lines, made.first_on, made.last_on) == (4, 4, utc_today(-1), utc_today())
    other = parts[0].replace("12345-6", "777")
    with pytest.raises(InvalidInput, match="several accounts"):
        await hand_in(
            ana, (await an_account(shop))[1].id, f"OFXHEADER:100\n<OFX>{other}{parts[1]}</OFX>".encode(), settings
        )


def _filed(text: str, number: int, reference: str | None = None) -> FiledLine:
    return FiledLine(utc_today(), 4_990, reference, f"{text} {number:04d}", f"{text}{number}{reference}")


async def test_as_many_sales_of_one_price_as_a_day_has_are_told_apart_and_what_would_take_hours_is_refused() -> None:
    told, known = ([_filed(text, number) for number in range(2_000)] for text in ("Pix recebido", "PIX RECEBIDO -"))
    assert sorted(one.key for one in in_other_words(told, known)) == sorted(one.key for one in told)
    # A bank's reference is held to no words.
    told, known = ([_filed(text, number, text) for number in range(2_000)] for text in ("A", "B"))
    assert in_other_words(told, known) == []
    told, known = ([_filed(text * 999, number) for number in range(250)] for text in ("A", "B"))
    with pytest.raises(InvalidInput, match="Too many of its lines"):
        in_other_words(told, known)
