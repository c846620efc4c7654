"""Findings that close when what they say holds no longer, and that open again when it does."""

import json
from typing import Any

import pytest

from domain import invariants
from domain.access.tokens import Role
from domain.models import Finding, Payment
from domain.models.findings import ClosingReason
from domain.platform.database import execute, rows
from domain.pse import registry
from domain.pse.vocabulary import Succeeded
from domain.reconciliation import no_longer, unknown
from tests.domain.findings.conftest import Desk
from tests.domain.reconciliation.test_died_unstored import _shop
from tests.kit.factories import a_payment, a_person, a_refund, a_shop, an_answer
from tests.kit.lines import Telling, a_line, a_night, open_findings, settled, today

pytestmark = pytest.mark.usefixtures("books")
MISMATCH = ["AMOUNT_MISMATCH"]


async def _resolution(kind: str = "AMOUNT_MISMATCH") -> str:
    return str((await Finding.get(kind=kind)).resolution)


@pytest.mark.parametrize("named_by", ["payment_reference", "payment_alias", "order_reference"])
async def test_a_line_of_an_unknown_payment_is_closed_when_the_payment_is_registered_and_its_date_repeated(
    named_by: str,
) -> None:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    ghost = await a_payment(shop, amount=100, days_ago=0)
    named = {"payment_reference": None, named_by: "late"}
    lines = [
        {**a_line(ghost, "CAPTURE", 10_000, reference="part"), **named},
        {**a_line(ghost, "REFUND", 3_000, reference="theirs"), **named},
        {**a_line(ghost, "CAPTURE", 5_000), "payment_reference": "never"},
    ]
    await a_night(shop, *lines)
    assert await open_findings() == ["MISSING_IN_LEDGER"] * 3
    payment = await a_payment(shop, amount=10_000, reference="late", days_ago=0)
    await Payment.filter(id=payment.id).update(order_reference="late")
    for _ in range(2):
        await a_night(shop, *lines)
    left = await Finding.filter(resolved_at=None).order_by("fingerprint")
    names = [one.fingerprint.replace(f"{shop.connection.id}/", "") for one in left]
    assert names == ["MISSING_IN_LEDGER/taken/late/theirs", "unknown/never/"]
    closed = [one.resolution for one in await Finding.filter(resolved_at__isnull=False)]
    assert closed == ["The payment is registered now."] * 2


async def test_a_line_of_an_unknown_payment_that_no_report_has_any_longer_is_closed_until_one_has_it_again() -> None:
    shop, payment = await _shop()
    unknown, seen = a_line(payment, "CAPTURE", 10_000, payment_reference="never"), []
    for lines in ([unknown], [], [unknown]):
        await a_night(shop, *lines)
        seen.append(await open_findings())
    assert seen == [["MISSING_IN_LEDGER"], [], ["MISSING_IN_LEDGER"]]
    await a_night(shop)
    assert await _resolution("MISSING_IN_LEDGER") == "No report tells of it any longer."


async def test_a_refund_of_another_amount_is_closed_when_no_report_tells_that_any_longer() -> None:
    shop, payment = await _shop()
    refund = await a_refund(shop, payment, 4_000)
    await an_answer(refund, Succeeded("one"))
    wrong, seen = a_line(payment, "REFUND", 3_999, reference=refund.reference), []
    for lines in ([wrong], [], [wrong], [{**wrong, "amount": 4_000}], []):
        await a_night(shop, *lines)
        seen.append([kind for kind in await open_findings() if kind in MISMATCH])
        assert await invariants.check() == []
    assert seen == [MISMATCH, [], MISMATCH, [], []]


@pytest.mark.parametrize("ours", [True, False])
async def test_a_return_of_another_amount_is_closed_when_no_report_tells_that_any_longer(ours: bool) -> None:
    shop, payment = await _shop()
    name = "theirs"
    if ours:
        refund = await a_refund(shop, payment, 4_000)
        await an_answer(refund, Succeeded("one"))
        name = refund.reference
    await a_night(shop, a_line(payment, "REFUND", 4_000, reference=name))
    wrong, seen = a_line(payment, "REFUND", 3_999, "RETURNED", reference=name), []
    for lines in ([wrong], [], [wrong]):
        await a_night(shop, *lines, days=1)
        seen.append([kind for kind in await open_findings() if kind in MISMATCH])
    assert seen == [MISMATCH, [], MISMATCH]


async def test_captures_that_are_not_what_was_captured_are_closed_when_the_reports_are_again() -> None:
    shop, payment = await _shop()
    whole, more = a_line(payment, "CAPTURE", 10_000, reference="a"), a_line(payment, "CAPTURE", 2_000, reference="b")
    seen = []
    for days, lines in ((0, [whole]), (1, [more]), (1, []), (1, [more]), (0, []), (1, [])):
        await a_night(shop, *lines, days=days)
        seen.append(await open_findings())
        assert await invariants.check() == []
    assert seen == [[], MISMATCH, [], MISMATCH, [*MISMATCH, "MISSING_IN_REPORT"], ["MISSING_IN_REPORT"]]
    assert await _resolution() == "No report tells of it any longer."


async def test_a_payment_that_is_registered_twice_is_closed_when_one_of_both_is_withdrawn() -> None:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    one, other = [await a_payment(shop, amount=10_000, reference=name, days_ago=0) for name in ("pi_1", "ch_1")]
    line = a_line(one, "CAPTURE", 10_000, payment_alias="ch_1")
    await a_night(shop, line)
    assert await open_findings() == MISMATCH
    await execute(
        "UPDATE payments SET withdrawn_at = now(), withdrawn_by = 'Ana', withdrawal_reason = 'twice' WHERE id = $1",
        other.id,
    )
    await a_night(shop, line)
    assert await open_findings() == []


async def test_a_night_does_not_compare_every_open_finding_with_every_line() -> None:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    ghost = await a_payment(shop, amount=100, days_ago=0)
    many = [a_line(ghost, "CAPTURE", 100, payment_reference=f"never-{number}") for number in range(100)]
    await a_night(shop, *many, days=-1)
    await execute("ANALYZE")
    await a_night(shop, a_line(ghost, "CAPTURE", 100))
    of = f"'{shop.id}'", f"'{shop.connection.id}'", f"'lab-{today()}.json'", "''", "''"
    query = no_longer._UNKNOWN
    for number, value in enumerate(of, start=1):
        query = query.replace(f"${number}", value)
    (plan,) = json.loads((await rows(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}"))[0]["QUERY PLAN"])
    # PostgreSQL may read all of so small a table, a few times: it is each finding with each line that must not be.
    assert _touched(plan["Plan"]) < 10 * len(many)


def _touched(node: dict[str, Any]) -> int:
    """How many rows the nodes of a plan gave on, or read and threw away."""
    read = node["Actual Rows"] + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Join Filter", 0)
    own: int = read * node["Actual Loops"]
    return own + sum(_touched(one) for one in node.get("Plans", ()))


async def test_of_one_file_a_bounded_number_of_unknown_payments_are_findings_and_the_others_have_their_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(unknown, "LINES_MAX", 2)
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    ghost = await a_payment(shop, amount=100, days_ago=0)
    lines = [a_line(ghost, "CAPTURE", 100, payment_reference=f"p{number}") for number in range(5)]
    lines.append(a_line(ghost, "REFUND", 50, "RETURNED", payment_reference="p5", reference="theirs"))
    seen = []
    for registered in ((), ("p0", "p5"), ("p1", "p2", "p3"), ("p4",)):
        for one in registered:
            await a_payment(shop, amount=100, reference=one, days_ago=0)
        await a_night(shop, *lines)
        left = await Finding.filter(resolved_at=None, kind="MISSING_IN_LEDGER").order_by("fingerprint")
        seen.append(
            [one.fingerprint.replace(f"/{shop.connection.id}", "").removesuffix(f"/lab-{today()}.json") for one in left]
        )
    assert seen == [
        ["unknown-more/BRL", "unknown/p0/", "unknown/p5/theirs"],
        ["unknown-more/BRL", "unknown/p1/", "unknown/p2/"],
        ["unknown/p4/"],
        [],
    ]


async def test_lines_that_name_no_payment_are_one_finding_of_each_kind_until_none_is_left() -> None:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    ghost = await a_payment(shop, amount=100, days_ago=0)
    nobody = {"payment_reference": None}
    lines = [a_line(ghost, "CAPTURE", amount, **nobody) for amount in (10, 20)]
    lines.append(a_line(ghost, "REFUND", 5, reference="theirs", **nobody))
    await a_night(shop, *lines)
    found = await Finding.filter(resolved_at=None).order_by("amount")
    assert [one.amount for one in found] == [5, 30]
    assert "capture, 2 times, BRL 0.30 in all, the first in line 1" in found[1].explanation
    await a_night(shop)
    assert await open_findings() == []


async def test_a_row_that_is_there_no_longer_or_no_longer_twice_is_nobodys_to_explain() -> None:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop, days_ago=0)
    refund = await a_refund(shop, payment, 900)
    await an_answer(refund, Succeeded("one"))
    left = a_line(payment, "REFUND", 900, reference=refund.reference, **settled("-9.00"))
    twice = {**left, "reference": None, "pse_refund_reference": "two"}
    named = {**left, "pse_refund_reference": "one"}
    back = a_line(await a_payment(shop, days_ago=0), "REFUND", 700, "RETURNED", **settled("7.00"))
    said = []
    for lines in ([left, left, back], [left], [left, left, back], [left, left], [named], [named, twice], [named]):
        await a_night(shop, *lines)
        said.append(await open_findings())
        assert await invariants.check() == []
    both = ["DUPLICATE_LINE", "UNCLEAR_LINE"]
    assert said[:4] == [both, [], both, ["DUPLICATE_LINE"]]
    assert (said[4], said[6]) == ([], [])
    assert await _resolution("UNCLEAR_LINE") == no_longer.GONE


async def test_what_a_person_has_said_of_such_a_row_is_taken_back_with_it_and_it_is_a_persons_when_it_is_back() -> None:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    desk = Desk(shop, a_person(shop, "Ana", Role.ACCOUNTANT), a_person(shop, "Bia", Role.ACCOUNTANT))
    back = a_line(await a_payment(shop, days_ago=0), "REFUND", 700, "RETURNED", **settled("7.00"))
    await a_night(shop, back)
    await desk.say(await Finding.get(), ClosingReason.WRITE_OFF)
    assert (await open_findings(), await desk.account("WRITE_OFFS")) == ([], -700)
    for lines, open_now in (([back], []), ([], []), ([back], ["UNCLEAR_LINE"])):
        await a_night(shop, *lines)
        assert (await open_findings(), await invariants.check()) == (open_now, [])
    assert await desk.account("WRITE_OFFS") == 0
