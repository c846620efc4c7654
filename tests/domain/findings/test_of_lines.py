"""Whatever lines of reports leave in SUSPENSE, some finding speaks of it, and its resolution moves exactly that."""

from datetime import UTC, datetime
from typing import Any

import pytest

from domain import invariants
from domain.access.tokens import Role
from domain.exports import decisions
from domain.exports.decisions import RowState
from domain.exports.sheet import SheetLine
from domain.exports.tables import shown
from domain.findings import kinds, money
from domain.models import Finding, LedgerEntry
from domain.models.findings import ClosingReason
from domain.models.ledger import Account
from domain.money import Money
from domain.payments import chargebacks, external
from domain.platform.database import rows, transaction
from domain.pse import registry
from domain.pse.vocabulary import ChargedBack, KnownRefund, Succeeded
from domain.reconciliation import suspended
from tests.domain.findings.conftest import NIGHT, Desk
from tests.kit.factories import CAUSE, a_payment, a_person, a_refund, a_shop, an_answer
from tests.kit.lines import Telling, a_line, a_night, of_nobody, open_findings, settled

pytestmark = pytest.mark.usefixtures("books")


async def _desk() -> Desk:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    return Desk(shop, a_person(shop, "Ana", Role.ACCOUNTANT), a_person(shop, "Bia", Role.ACCOUNTANT))


async def _suspense() -> dict[str, int]:
    """By currency, minor units."""
    found = await rows(
        "SELECT currency, sum(CASE debit WHEN 'SUSPENSE' THEN amount ELSE -amount END)::bigint AS amount "
        "FROM ledger_entries WHERE 'SUSPENSE' IN (debit, credit) GROUP BY 1 ORDER BY 1"
    )
    return {row["currency"]: row["amount"] for row in found if row["amount"]}


async def _in_suspense() -> dict[str, dict[str, int]]:
    """What the open findings of each kind can move, by currency."""
    found = {one.id: one.kind for one in await Finding.filter(resolved_at=None)}
    moved: dict[str, dict[str, int]] = {}
    for one, (units, currency) in (await money.of_each(list(found))).items():
        if units:
            sums = moved.setdefault(found[one], {})
            sums[currency] = sums.get(currency, 0) + units
    return moved


async def _resolve_all(desk: Desk) -> None:
    """A person says of each finding where its money belongs; those above the limit wait for the other one."""
    for found in await Finding.filter(resolved_at=None).order_by("created_at", "id"):
        has = (await money.of_each([found.id])).get(found.id, (0, ""))[0]
        await desk.say(found, ClosingReason.WRITE_OFF if has else ClosingReason.EXPLAINED)


async def test_whatever_a_line_says_its_money_is_some_findings_to_move() -> None:
    desk = await _desk()
    payment = await a_payment(desk.shop, amount=9_000)
    refund = await an_answered(desk, payment, "one")
    again: dict[str, Any] = {"reference": refund, **settled("-9.00")}
    lines = [
        a_line(payment, "REFUND", 900, **again),
        a_line(payment, "REFUND", 900, **again),  # a row that is there twice
        a_line(payment, "REFUND", 800, "FAILED", reference="never", **settled("-8.00", fee="-0.50")),
        a_line(payment, "REFUND", 700, "PENDING", reference="waits", **settled("-7.00")),
        a_line(payment, "REFUND", 600, "RETURNED", **settled("6.00")),  # of nothing that had left
        of_nobody("CAPTURE", "5.00", payment_reference="P-5", reference="P-5", state="FAILED"),
        of_nobody("CAPTURE", "4.00", "USD", payment_reference="P-4", reference="P-4"),
        {**of_nobody("CAPTURE", "3.00", "USD", payment_reference="P-3", reference="P-3"), "currency": "CLP"},
        of_nobody("CHARGEBACK", "-2.00"),
        *({**of_nobody("OTHER", "0.01"), "kind": f"word {number}"} for number in range(103)),
    ]
    await a_night(desk.shop, *lines)
    assert await invariants.check() == []
    whole = {"BRL": 900 + 750 + 700 - 600 - 500 + 200 - 103, "USD": -700}
    assert await _suspense() == whole
    told = await _in_suspense()
    assert {kind: one for kind, one in told.items() if kind != "UNKNOWN_LINE"} == {
        "DUPLICATE_LINE": {"BRL": 900},
        "UNCLEAR_LINE": {"BRL": -600},
        "MISSING_IN_LEDGER": {"USD": -700, "BRL": 200},
    }
    assert told["UNKNOWN_LINE"] == {"BRL": 750 + 700 - 500 - 103}
    rest = await Finding.get(fingerprint__startswith="suspense/")
    assert (rest.amount, rest.currency, rest.payment_id) == (950 - 3, "BRL", None), "3 words too many"
    await _resolve_all(desk)
    assert (await _suspense(), await _in_suspense(), await invariants.check()) == ({}, {}, [])
    await a_night(desk.shop, *lines)  # the same facts: what was said stands
    assert (await open_findings(), await _suspense(), await invariants.check()) == ([], {}, [])
    # The file is made anew without most of it: what was said of that is taken back with it.
    await a_night(desk.shop, lines[0], lines[3])
    assert (await _suspense(), await _in_suspense()) == ({"BRL": 700}, {"UNKNOWN_LINE": {"BRL": 700}})
    assert await invariants.check() == []
    await suspended.flag(desk.shop.connection)
    assert await Finding.filter(fingerprint__startswith="suspense/").count() == 1
    posted = await LedgerEntry.filter(cause__startswith="finding/", payment_id__isnull=False).count()
    assert posted == 0, "what lines left is no payment's"


async def test_parts_of_centavos_are_rounded_together_as_they_are_booked() -> None:
    desk = await _desk()
    nets = ("0.005", "0.005", "-12.335", "7.001", "-0.004", "0.33333", "-0.0051")
    await a_night(desk.shop, *({**of_nobody("OTHER", net), "kind": f"word {n}"} for n, net in enumerate(nets)))
    assert (await _suspense(), await _in_suspense()) == ({"BRL": 500}, {"UNKNOWN_LINE": {"BRL": 500}})
    await _resolve_all(desk)
    assert (await _suspense(), await invariants.check()) == ({}, [])


async def an_answered(desk: Desk, payment: Any, name: str) -> str:
    refund = await a_refund(desk.shop, payment, 900)
    await an_answer(refund, Succeeded(name))
    return str(refund.reference)


async def test_a_refund_that_is_told_in_another_currency_is_that_and_nothing_else() -> None:
    desk = await _desk()
    payment = await a_payment(desk.shop, amount=9_000)
    reference = await an_answered(desk, payment, "one")
    capture = a_line(payment, "CAPTURE", 9_000, **settled("90.00"))
    wrong = a_line(payment, "REFUND", 150, reference=reference, currency="USD", **settled("-1.50", "USD"))
    right = {**wrong, "amount": 900, "currency": "BRL", **settled("-9.00")}
    await a_night(desk.shop, capture, wrong)
    await a_night(desk.shop, days=1)
    await a_night(desk.shop, days=2)  # nor is it missing
    found = await Finding.get(resolved_at=None)
    assert (found.kind, found.amount, found.currency) == ("CURRENCY_MISMATCH", 900, "BRL")
    assert found.refund_id is not None
    assert found.detail["differs"] == ["currency"]
    assert found.severity >= kinds.known(kinds.FindingKind.CURRENCY_MISMATCH).severity
    assert await _in_suspense() == {"CURRENCY_MISMATCH": {"USD": 150}}
    row = SheetLine(2, str(found.id), shown(found), "CLAIMED_FROM_PSE", "They gave it back.", came="1.00")
    assert [one.became for one in await decisions.foresee(desk.ana, [row], (), {})] == [RowState.RESOLVED]
    async with transaction():  # what came is of the currency that is in SUSPENSE
        assert (await decisions.apply(desk.ana, row, (), CAUSE, datetime.now(UTC))).became is RowState.RESOLVED
    assert await desk.account(Account.PSE_ADJUSTMENTS) == 100
    assert (await _suspense(), await open_findings(), await invariants.check()) == ({}, [], [])
    await a_night(desk.shop, capture, right)
    assert (await _suspense(), await open_findings(), await invariants.check()) == ({}, [], [])
    assert await desk.account(Account.WRITE_OFFS) == 0, "what was said of it is taken back"
    await a_night(desk.shop, capture, wrong)
    assert (await _suspense(), await open_findings()) == ({"USD": 150}, ["CURRENCY_MISMATCH"])
    assert await invariants.check() == []


async def test_a_file_of_another_currency_is_a_bounded_number_of_findings() -> None:
    desk = await _desk()
    payments = [await a_payment(desk.shop, amount=9_000) for _ in range(3)]
    many = [a_line(payments[0], "CHARGEBACK", 1, reference=f"c-{number}", currency="USD") for number in range(99)]
    captures = [a_line(payment, "CAPTURE", 100, currency="USD", **settled("1.00", "USD")) for payment in payments]
    await a_night(desk.shop, *many, *captures)
    assert await open_findings() == ["CURRENCY_MISMATCH"] * 101
    assert await _in_suspense() == {"CURRENCY_MISMATCH": {"USD": -300}}
    assert await Finding.filter(fingerprint__startswith="currency-more/").count() == 1
    await a_night(desk.shop, *captures)
    assert await open_findings() == ["CURRENCY_MISMATCH"] * 3
    await a_night(desk.shop)
    assert (await open_findings(), await invariants.check()) == ([], [])


async def test_two_refunds_that_the_pse_has_for_one_of_ours_are_found_and_the_second_can_be_cleared() -> None:
    desk = await _desk()
    payment = await a_payment(desk.shop, amount=9_000)
    reference = await an_answered(desk, payment, "one")
    lines = [
        a_line(payment, "REFUND", 900, reference=reference, pse_refund_reference=name, **settled("-9.00"))
        for name in ("one", "two")
    ]
    await a_night(desk.shop, *lines)
    found = await Finding.get(resolved_at=None)
    assert (found.kind, found.amount, found.severity) == ("DUPLICATE_REFUND", 900, 4)
    assert found.detail["theirs"] == {"refunds": ["one", "two"]}
    assert (await _in_suspense(), await invariants.check()) == ({"DUPLICATE_REFUND": {"BRL": 900}}, [])
    await desk.say(found, ClosingReason.WRITE_OFF)
    assert (await _suspense(), await invariants.check()) == ({}, [])


async def test_money_that_left_beside_a_refund_of_all_is_cleared_once_by_whichever_finding_is_resolved() -> None:
    desk = await _desk()
    payment = await a_payment(desk.shop, amount=900)
    await an_answered(desk, payment, "one")
    known = KnownRefund("panel", "panel", Money(600, "BRL"), Succeeded("panel"), False, "refund", None, None)
    assert await external.book(payment, known, kinds.FindingKind.MISSING_IN_LEDGER, NIGHT)
    assert await open_findings() == ["DUPLICATE_REFUND", "MISSING_IN_LEDGER"]
    twice = await Finding.get(kind="DUPLICATE_REFUND")
    assert (twice.amount, await _suspense()) == (600, {"BRL": 600})
    await desk.say(twice, ClosingReason.WRITE_OFF)
    assert (await _suspense(), await desk.account(Account.WRITE_OFFS)) == ({}, 600)
    await desk.say(await Finding.get(kind="MISSING_IN_LEDGER"), ClosingReason.EXPLAINED)
    assert (await open_findings(), await invariants.check()) == ([], [])


async def test_what_a_webhook_or_listing_tells_in_another_currency_is_no_number_of_ours() -> None:
    desk = await _desk()
    payment = await a_payment(desk.shop, amount=9_000)
    dollars = KnownRefund("panel", "panel", Money(600, "USD"), Succeeded("panel"), False, "refund", None, None)
    assert not await external.book(payment, dollars, kinds.FindingKind.MISSING_IN_LEDGER, NIGHT)
    assert (await open_findings(), await _suspense()) == (["CURRENCY_MISMATCH"], {})
    reais = KnownRefund("panel", "panel", Money(3_000, "BRL"), Succeeded("panel"), False, "refund", None, None)
    assert await external.book(payment, reais, kinds.FindingKind.MISSING_IN_LEDGER, NIGHT)
    assert await open_findings() == ["MISSING_IN_LEDGER"]
    # A chargeback may have taken all that was left: no more than that is refundable until it is told in reais.
    await chargebacks.from_notice(payment, ChargedBack("H", None, "c-1", Money(100, "USD"), False), CAUSE)
    await payment.refresh_from_db()
    assert (payment.charged_back, await open_findings()) == (
        6_000,
        ["CHARGEBACK", "CURRENCY_MISMATCH", "MISSING_IN_LEDGER"],
    )
    await a_night(desk.shop, a_line(payment, "CHARGEBACK", 500, reference="c-1", **settled("-5.00")))
    await payment.refresh_from_db()
    assert (payment.charged_back, await invariants.check()) == (500, [])


async def test_a_refund_told_in_another_currency_and_proven_by_another_file_since_is_a_persons_again() -> None:
    desk = await _desk()
    payment = await a_payment(desk.shop, amount=10_000)
    named = {"reference": await an_answered(desk, payment, "one"), "pse_refund_reference": "one", **settled("-9.00")}
    right = a_line(payment, "REFUND", 900, **named)
    wrong = {**right, "amount": 180, "currency": "USD"}
    await a_night(desk.shop, wrong, name="a.json")
    found = await Finding.get(resolved_at=None)
    assert found.kind == "CURRENCY_MISMATCH"
    await desk.say(found, ClosingReason.CORRECTED, account=Account.SALES_RETURNS)
    assert (await open_findings(), await _suspense()) == ([], {})
    for _ in range(2):  # what was said of it is taken back: the other file has the money, too
        await a_night(desk.shop, right, name="b.json", days=-1)
        assert (await open_findings(), await _suspense()) == (["CURRENCY_MISMATCH"], {"BRL": 900})
    await found.refresh_from_db()
    assert found.resolution == f"Open again: b.json proves refund {named['reference']}: it may be the same money."
    await desk.say(found, ClosingReason.WRITE_OFF)
    for _ in range(2):  # that was said with both before their eyes
        await a_night(desk.shop, right, name="b.json", days=-1)
        assert (await open_findings(), await _suspense()) == ([], {})
    await a_night(desk.shop, right, name="a.json")
    assert (await open_findings(), await _suspense(), await desk.account(Account.PSE_BALANCE)) == ([], {}, -900)
    assert await invariants.check() == []


async def test_a_capture_told_in_another_currency_and_proven_by_another_file_since_is_a_persons_again() -> None:
    desk = await _desk()
    payment = await a_payment(desk.shop, amount=10_000)
    right = a_line(payment, "CAPTURE", 10_000, payment_alias="another name", **settled("100.00"))
    wrong = {**right, "amount": 1_800, "currency": "USD"}
    await a_night(desk.shop, wrong, name="a.json")
    found = await Finding.get(resolved_at=None)
    assert (found.kind, found.refund_id, await _suspense()) == ("CURRENCY_MISMATCH", None, {"BRL": -10_000})
    await desk.say(found, ClosingReason.CORRECTED, account=Account.PSE_ADJUSTMENTS)
    assert (await open_findings(), await _suspense()) == ([], {})
    other = await a_payment(desk.shop, amount=500)  # what else is proven is no news of it
    await a_night(desk.shop, a_line(other, "CAPTURE", 500), name="c.json", days=-1)
    assert (await open_findings(), await _suspense()) == ([], {})
    for _ in range(2):  # what was said of it is taken back: the other file has the money, too
        await a_night(desk.shop, right, name="b.json", days=-1)
        assert (await open_findings(), await _suspense()) == (["CURRENCY_MISMATCH"], {"BRL": -10_000})
    await found.refresh_from_db()
    assert found.resolution == f"Open again: b.json proves payment {payment.pse_reference}: it may be the same money."
    await desk.say(found, ClosingReason.CORRECTED, account=Account.PSE_ADJUSTMENTS)
    await a_night(desk.shop, right, name="b.json", days=-1)
    assert (await open_findings(), await _suspense()) == ([], {}), "that was said with both before their eyes"
    assert await invariants.check() == []
