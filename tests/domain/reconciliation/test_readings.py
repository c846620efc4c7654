"""What the reading of a file says of the file: that it cannot be read, what nobody knows, what contradicts it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import polars as pl
import pytest

from domain import invariants
from domain.findings import findings
from domain.models import Finding, Payment, ReconciliationRun, SettlementLine
from domain.models.ledger import Account
from domain.pse import registry
from domain.pse.reporting import SETTLED, BadReport, ReadReport, ReportFile, Unknown
from domain.pse.vocabulary import Period
from tests.kit.factories import Shop, a_payment, a_shop
from tests.kit.lines import Telling, a_line, a_night, balance, of_nobody, open_findings, settled, today
from tests.kit.nights import run_stripe, stripe_line

pytestmark = pytest.mark.usefixtures("books")


class Saying(Telling):
    """It says of a file what a test wants: that it is cut, what nobody knows, what contradicts or proves it."""

    cut: bool | str = False
    words: Sequence[Unknown] = ()
    against: str | None = None
    proof: str | None = None
    types: Mapping[str, str] = {}
    cents: int | None = None  # what its fees are

    def read_report(self, file: ReportFile, period: Period) -> ReadReport:
        if self.cut in (True, file.name):
            raise BadReport(file.name, "The row is cut.", line=7, column="AMOUNT")
        read = super().read_report(file, period)
        lines = read.lines.with_columns(type=pl.col("type").replace(self.types))
        if self.cents is not None:
            lines = lines.with_columns(
                settled_net=pl.when(pl.col("type") == "FEE")
                .then(pl.lit(Decimal(self.cents) / 100, SETTLED))
                .otherwise("settled_net")
            )
        read = replace(read, lines=lines)
        return replace(read, completeness=self.proof, contradicted=self.against, unknown=self.words)


@pytest.fixture
def pse() -> Saying:
    made = Saying()
    registry.register(made)
    return made


async def _shop() -> tuple[Shop, Payment]:
    shop = await a_shop(pse="lab")
    return shop, await a_payment(shop, amount=20_000, days_ago=0)


async def _of(kind: str) -> list[Finding]:
    return await Finding.filter(kind=kind, resolved_at=None).order_by("created_at", "id")


async def _run(days: int = 0) -> ReconciliationRun:
    return await ReconciliationRun.get(business_date=today(days))


async def test_an_unreadable_file_is_a_finding_that_says_where_and_closes_when_the_file_is_read(pse: Saying) -> None:
    shop, payment = await _shop()
    pse.cut = True
    for _ in range(2):
        await a_night(shop, a_line(payment, "CAPTURE", 20_000), name="a.csv")
    (found,) = await Finding.all()
    assert (found.kind, found.fingerprint) == ("UNREADABLE_FILE", f"unreadable/{shop.connection.id}/a.csv")
    assert "a.csv, line 7, column AMOUNT: The row is cut." in found.explanation
    assert "--file" in found.action
    assert (found.detail["line"], found.detail["column"], found.amount) == (7, "AMOUNT", 0)
    assert (await _run()).state == "FAILED"
    pse.cut = False
    await a_night(shop, a_line(payment, "CAPTURE", 20_000), name="a.csv")
    assert (await _run()).state == "COMPLETED"
    assert (await open_findings(), await invariants.check()) == ([], [])


async def test_a_file_that_is_unreadable_once_more_is_found_again_and_one_that_a_person_closed_is_not(
    pse: Saying,
) -> None:
    shop, _ = await _shop()
    for cut in (True, False, True):
        pse.cut = cut
        await a_night(shop, name="a.csv")
    (found,) = await _of("UNREADABLE_FILE")
    await findings.resolve(shop.id, found.fingerprint, "Ana: it was a file of last year.")
    await a_night(shop, name="a.csv")
    assert await open_findings() == []


async def test_an_unreadable_file_holds_up_no_other_file_date_or_connection(pse: Saying) -> None:
    shop, payment = await _shop()
    other, theirs = await _shop()
    pse.cut = "cut.csv"
    await a_night(shop, name="cut.csv")
    await a_night(shop, a_line(payment, "CAPTURE", 20_000), name="whole.csv")
    await a_night(shop, name="next.csv", days=1)
    await a_night(other, a_line(theirs, "CAPTURE", 20_000))
    assert {line.payment_id for line in await SettlementLine.filter(effect="CAPTURE")} == {payment.id, theirs.id}
    assert {run.state for run in await ReconciliationRun.all()} == {"COMPLETED"}
    assert await open_findings() == ["UNREADABLE_FILE"]  # it is still to be had, whatever else was read


async def test_a_currency_that_nobody_knows_holds_up_no_row_beside_it(pse: Saying) -> None:
    shop, payment = await _shop()
    foreign = {"payment_reference": None, "currency": "XXX", "kind": "sale", "settled_currency": "XXX"}
    await a_night(shop, a_line(payment, "OTHER", 0, **foreign), a_line(payment, "CAPTURE", 20_000))
    assert ((await _run()).state, await open_findings(), await invariants.check()) == ("COMPLETED", [], [])
    assert [line.effect for line in await SettlementLine.all().order_by("line")] == ["NONE", "CAPTURE"]


async def test_an_unknown_word_is_one_finding_of_its_connection_however_often_it_comes(pse: Saying) -> None:
    shop, payment = await _shop()
    other, _ = await _shop()
    payout = a_line(payment, "PAYOUT", 100, payment_reference=None)
    pse.words = [Unknown("tax_new\x00", 12, 3), Unknown("yield", 1, 9)]
    for days in (0, 1, 1):
        await a_night(shop, payout, days=days)
    await a_night(other)
    assert await open_findings() == ["UNKNOWN_LINE"] * 4
    found = await Finding.get(fingerprint=f"word/{shop.connection.id}/tax_new")
    assert "12 rows" in found.explanation
    assert "'tax_new'" in found.explanation
    assert "line 3" in found.explanation
    assert (found.detail["rows"], found.detail["line"]) == (12, 3)
    assert (await _run(1)).manifest["files"][0]["unknown"] == {"words": 2, "rows": 13}
    assert await SettlementLine.filter(voided_at=None).count() == 2


def _unknown(payment: Payment) -> dict[str, object]:
    return a_line(payment, "OTHER", 100, payment_reference=None, kind="tax_new")


async def test_an_unknown_word_is_closed_only_by_a_reading_of_its_file_that_knows_it_or_has_it_no_longer(
    pse: Saying,
) -> None:
    shop, payment = await _shop()
    line, seen = _unknown(payment), []
    for name, words, lines in (
        ("a.csv", True, [line]),
        ("b.csv", False, [a_line(payment, "FEE", 100)]),  # another file
        ("a.csv", False, [{**line, "type": "FEE"}]),  # it is known now
        ("a.csv", True, [line]),
        ("a.csv", False, []),  # a revised one has the rows no longer
        ("c.csv", True, [line]),
    ):
        pse.words = [Unknown("tax_new", 1, 1)] if words else []
        await a_night(shop, *lines, name=name)
        seen.append(await open_findings())
    one = ["UNKNOWN_LINE"]
    assert seen == [one, one, [], one, [], one]
    assert await SettlementLine.filter(kind="tax_new", type="OTHER", voided_at=None).count() == 1


async def test_an_unknown_word_is_closed_when_none_of_the_files_that_have_it_keeps_a_row_of_it(pse: Saying) -> None:
    shop, payment = await _shop()
    line = _unknown(payment)
    pse.words = [Unknown("tax_new", 1, 1)]
    for name in ("a.csv", "b.csv"):
        await a_night(shop, line, name=name)
    pse.words, seen = [], []
    for name in ("c.csv", "a.csv", "b.csv"):  # the finding names a.csv, and b.csv has the word as well
        await a_night(shop, {**line, "type": "FEE"}, name=name)
        seen.append(await open_findings())
    assert seen == [["UNKNOWN_LINE"], ["UNKNOWN_LINE"], []]


async def test_a_thousand_unknown_words_of_one_file_are_not_a_thousand_findings(pse: Saying) -> None:
    shop, _ = await _shop()
    pse.words = [Unknown(f"word {number}", 1, number) for number in range(1, 1_001)]
    await a_night(shop)
    found = await _of("UNKNOWN_LINE")
    assert len(found) == 101
    assert [one.explanation for one in found if "900 more" in one.explanation]
    assert (await _run()).manifest["files"][0]["unknown"] == {"words": 1_000, "rows": 1_000}


async def test_a_file_that_contradicts_itself_is_used_and_is_a_finding_until_it_does_not(pse: Saying) -> None:
    shop, payment = await _shop()
    pse.against = "The total says BRL 99.00 and the rows BRL 100.00."
    await a_night(shop, a_line(payment, "CAPTURE", 20_000), name="a.csv")
    assert ((await _run()).state, await SettlementLine.filter(effect="CAPTURE").count()) == ("COMPLETED", 1)
    (found,) = await Finding.all()
    assert (found.kind, "BRL 99.00" in found.explanation) == ("CONTRADICTORY_FILE", True)
    (file,) = (await _run()).manifest["files"]
    assert (file["proof"], file["completeness"]) == ("CONTRADICTED", f"contradicted: {pse.against}")
    pse.against = None
    await a_night(shop, a_line(payment, "CAPTURE", 20_000), name="a.csv")
    assert await open_findings() == []
    pse.against = "again"
    await a_night(shop, a_line(payment, "CAPTURE", 20_000), name="a.csv")
    assert await open_findings() == ["CONTRADICTORY_FILE"]


async def test_the_manifest_says_of_each_file_whether_it_is_whole_and_by_what(pse: Saying) -> None:
    shop, _ = await _shop()
    pse.proof = "NUMBER_OF_ITEMS (6) is the number of rows."
    await a_night(shop, name="a.csv")
    pse.proof = None
    await a_night(shop, name="b.csv")
    told = {file["name"]: (file["proof"], file["completeness"]) for file in (await _run()).manifest["files"]}
    assert told == {
        "a.csv": ("COMPLETE", "NUMBER_OF_ITEMS (6) is the number of rows."),
        "b.csv": ("UNPROVEN", "completeness unproven"),
    }


async def test_what_a_newer_reader_makes_of_the_same_file_is_booked_as_it_says(pse: Saying) -> None:
    shop, payment = await _shop()
    fee, capture = of_nobody("FEE", "-50.00"), a_line(payment, "CAPTURE", 20_000, **settled("200.00"))
    pse.words, pse.types = [Unknown("fee", 1, 1)], {"FEE": "OTHER"}
    await a_night(shop, fee, capture)
    assert (await balance(shop, Account.SUSPENSE), await open_findings()) == (5_000, ["UNKNOWN_LINE"])
    pse.words, pse.types = [], {}
    await a_night(shop, fee, capture)
    assert (await balance(shop, Account.SUSPENSE), await balance(shop, Account.FEES)) == (0, 5_000)
    pse.cents = -4_200  # the amount was read wrongly; it settles the same things
    await a_night(shop, fee, capture)
    assert (await balance(shop, Account.FEES), await open_findings()) == (4_200, [])
    known = await SettlementLine.filter(voided_at=None).count()
    await a_night(shop, fee, capture)
    assert (await SettlementLine.all().count(), known, await invariants.check()) == (6, 2, [])


async def test_a_word_says_where_its_money_is() -> None:
    shop = await a_shop(pse="stripe")
    pounds = {"currency": "gbp", "customer_facing_currency": "gbp"}
    await run_stripe(
        shop, [stripe_line("payout", "-93.00", "", "po_1", **pounds), stripe_line("new", "-5.00", "", "x")]
    )
    told = {row.detail["words"]: row.explanation for row in await Finding.filter(resolved_at=None)}
    assert "in SUSPENSE" not in told["payout in GBP"]
    assert "they tell no amount of a currency that we know, and are booked nowhere." in told["payout in GBP"]
    assert told["new"].endswith("what they moved is in SUSPENSE.")
    assert await balance(shop, Account.SUSPENSE) == 500
