"""A row of a report that the database cannot hold: the rest of the file is booked, and the row is not lost."""

import secrets
from typing import Any

import pytest

from domain import invariants
from domain.models import Finding, ReconciliationRun, Report, SettlementLine
from domain.pse.vocabulary import Succeeded
from tests.domain.reconciliation.test_died_unstored import _shop
from tests.kit.factories import a_refund, an_answer
from tests.kit.lines import a_line, a_night, effects, open_findings

pytestmark = pytest.mark.usefixtures("books")
LONG = secrets.token_hex(3_000)  # no index holds it, and it cannot be compressed to where one does
ROWS: list[tuple[str, dict[str, Any], str]] = [
    ("CAPTURE", {"payment_reference": "a\x00b"}, "CAPTURE with an unusable payment_reference"),
    ("CAPTURE", {"payment_reference": LONG}, "CAPTURE with an unusable payment_reference"),
    ("CAPTURE", {"payment_reference": None, "payment_alias": LONG}, "CAPTURE with an unusable payment_alias"),
    ("CAPTURE", {"payment_reference": None, "order_reference": LONG}, "CAPTURE with an unusable order_reference"),
    ("REFUND", {"reference": "a\x00"}, "REFUND with an unusable reference"),
    ("REFUND", {"pse_refund_reference": "\x00"}, "REFUND with an unusable pse_refund_reference"),
    ("CHARGEBACK", {"reference": "\x00"}, "CHARGEBACK with an unusable reference"),
]


async def test_names_that_cannot_be_stored_leave_their_rows_unclear_and_all_others_counted() -> None:
    shop, payment = await _shop()
    unstorable = [a_line(payment, kind, 3_000, **more) for kind, more, _ in ROWS]
    await a_night(shop, a_line(payment, "CAPTURE", 10_000), *unstorable)
    assert ((await ReconciliationRun.get()).error, await effects()) == (None, ["CAPTURE", *["NONE"] * len(ROWS)])
    lines = await SettlementLine.filter(line__gt=1).order_by("line")
    assert [(line.type, line.kind, line.amount) for line in lines] == [("OTHER", words, 3_000) for *_, words in ROWS]
    # One finding for all that are unclear in the same words: it names the first.
    first = {words: line for line, (*_, words) in reversed([*enumerate(ROWS, start=2)])}
    found = await Finding.filter(resolved_at=None)
    assert {one.kind for one in found} == {"UNKNOWN_LINE"}
    told = {words: one.detail["line"] for one in found for words in first if words in one.explanation}
    assert (told, len(found)) == (first, len(first))
    assert await invariants.check() == []


async def test_a_row_that_has_another_name_for_the_same_is_counted_by_that() -> None:
    shop, payment = await _shop()
    refund = await a_refund(shop, payment, 4_000)
    await an_answer(refund, Succeeded("one"))
    await a_night(
        shop,
        {**a_line(payment, "CAPTURE", 10_000, order_reference="\x00", payout_reference="p\x00"), "kind": "sa\x00le"},
        a_line(payment, "REFUND", 4_000, reference=refund.reference, pse_refund_reference="\x00", payment_alias=LONG),
    )
    assert (await effects(), await open_findings()) == (["CAPTURE", "REFUND"], [])
    assert (await SettlementLine.get(line=1)).kind == "sale"


async def test_money_without_a_currency_is_refused_with_its_place() -> None:
    shop, payment = await _shop()
    await a_night(shop, a_line(payment, "CAPTURE", 10_000), a_line(payment, "FEE", 1, currency="B\x00L"), name="a.csv")
    run = await ReconciliationRun.get()
    assert (run.state, run.error) == ("FAILED", "a.csv: a.csv, line 2, column currency: this is no currency.")
    assert await open_findings() == ["UNREADABLE_FILE"]


async def test_refunds_of_nothing_and_more_than_any_payment_can_be_are_unclear() -> None:
    odd = [
        ("REFUND", "SUCCEEDED", 0, "REFUND of 0"),
        ("REFUND", "RETURNED", 0, "REFUND of 0"),
        ("REFUND", "SUCCEEDED", 2**63 - 1, "REFUND of more than any payment can be"),
        ("CAPTURE", "SUCCEEDED", 10**13 + 1, "CAPTURE of more than any payment can be"),
    ]
    shop, payment = await _shop()
    # Each twice: two that are unclear are two lines.
    told = [a_line(payment, one[0], one[2], one[1], reference=f"re_{number}") for number, one in enumerate(odd * 2)]
    await a_night(shop, a_line(payment, "CAPTURE", 10_000), *told)
    assert ((await ReconciliationRun.get()).error, await effects()) == (None, ["CAPTURE", *["NONE"] * len(told)])
    lines = await SettlementLine.filter(line__gt=1).order_by("line")
    assert [(line.type, line.kind, line.amount) for line in lines] == [("OTHER", words, 0) for *_, words in odd * 2]
    assert (await open_findings(), await invariants.check()) == (["UNKNOWN_LINE"] * 3, [])


async def test_payouts_are_added_up_though_no_64_bits_hold_their_sum() -> None:
    shop, payment = await _shop()
    payouts = [a_line(payment, "PAYOUT", 2**63 - 1, payment_reference=None) for _ in range(2)]
    await a_night(shop, *payouts)
    (file,) = (await ReconciliationRun.get()).manifest["files"]
    assert file["totals"]["effects"] == [{"effect": "NONE", "currency": "BRL", "rows": 2, "amount": 2**64 - 2}]
    assert await invariants.check() == []


@pytest.mark.parametrize("name", ["n" * 240, "n\udce9.csv", "a\x00b.csv"])
async def test_a_file_that_is_called_as_no_column_can_hold_is_read_under_a_name_of_its_own(name: str) -> None:
    shop, payment = await _shop()
    for called in (name, name, f"{name}2"):
        await a_night(shop, a_line(payment, "FEE", 1), name=called)
        assert (await ReconciliationRun.get()).error is None
    assert await Report.filter(superseded_at=None).count() == 2
    assert await open_findings() == []
