"""Money that one report tells twice, or that two reports tell: that it left and came back, and whose it was."""

import json

import pytest

from domain import invariants
from domain.access.tokens import Role
from domain.findings import told_money
from domain.models import Finding, Notice, Payment, Refund
from domain.models.ledger import Account
from domain.models.refunds import State
from domain.notices import inbox
from domain.platform.database import rows
from domain.pse import registry
from domain.pse.capabilities import LookUp
from domain.pse.vocabulary import Declined, InDoubt, Succeeded, WebhookRequest
from domain.refunds import intervals
from domain.refunds.doubt import Verdict, resolve
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from tests.kit.factories import CAUSE, KEY, Shop, a_look_up, a_payment, a_person, a_refund, a_shop, an_answer
from tests.kit.lines import Telling, a_line, a_night, balance, effects, open_findings, settled

pytestmark = pytest.mark.usefixtures("books")
EVIDENCE = "Back office of the PSE, 2026-11-23: the refund is listed as paid."
LONG_NAME = "re_3NirD82eZvKYlo2C0XVqBk5v"


async def _shop() -> tuple[Shop, Payment]:
    registry.register(Telling(look_up=LookUp.NONE))
    shop = await a_shop(pse="lab")
    return shop, await a_payment(shop, amount=20_000, days_ago=0)


async def _ended_as_paid(shop: Shop, payment: Payment, name: str | None) -> Refund:
    refund = await a_refund(shop, payment, 4_000)
    await an_answer(refund, InDoubt("TIMEOUT", "no answer", needs_person=True))
    for person in ("ana", "bia"):
        await resolve(a_person(shop, person, Role.SUPPORT), refund.id, Verdict.PAID, EVIDENCE, CAUSE, name)
    return await Refund.get(id=refund.id)


async def test_money_that_left_and_came_back_in_one_report_is_proven_both_ways() -> None:
    shop, payment = await _shop()
    named = {"pse_refund_reference": LONG_NAME}
    gone = a_line(payment, "REFUND", 3_000, **named)
    await a_night(shop, gone, a_line(payment, "REFUND", 3_000, "RETURNED", **named))
    assert await effects() == ["TAKEN", "TAKEN_BACK"]
    assert (await Payment.get(id=payment.id)).taken_by_bank == 0
    assert [await balance(shop, one) for one in (Account.PSE_BALANCE, Account.SUSPENSE)] == [0, 0]
    assert await invariants.check() == []


async def test_a_row_that_is_there_twice_is_found_where_another_file_has_proven_the_first() -> None:
    shop, payment = await _shop()
    refund = await _ended_as_paid(shop, payment, LONG_NAME)
    for named in ({"reference": refund.reference}, {"pse_refund_reference": "panel"}):
        row = a_line(payment, "REFUND", 4_000, **named, **settled("-40.00"))
        await a_night(shop, row, name="one.json")
        await a_night(shop, row, row, name="two.json")
        assert "DUPLICATE_LINE" in await open_findings()
        taken = (await Payment.get(id=payment.id)).taken_by_bank  # of nobody's, what may have left has left
        assert (await _in_suspense("DUPLICATE_LINE") + taken, await invariants.check()) == (
            8_000 if taken else 4_000,
            [],
        )
        await a_night(shop, row, name="two.json")  # it was a mistake of the file's
        assert ("DUPLICATE_LINE" in await open_findings(), await invariants.check()) == (False, [])
        for name in ("one.json", "two.json"):
            await a_night(shop, name=name)


@pytest.mark.parametrize(
    ("payout", "kind", "found"),
    [("batch 6", "refund", True), ("batch 5", "refund", False), (None, "refund", False), ("po_6", "release", False)],
)
async def test_what_two_settlements_tell_of_one_refund_has_left_twice(
    payout: str | None, kind: str, found: bool
) -> None:
    shop, payment = await _shop()
    refund = await _ended_as_paid(shop, payment, LONG_NAME)
    row = a_line(payment, "REFUND", 4_000, reference=refund.reference, payout_reference="batch 5", **settled("-40.00"))
    other = {**row, "payout_reference": payout, "kind": kind}
    for _ in range(2):  # in whatever order the files are read again
        await a_night(shop, row, name="one.json")
        await a_night(shop, other, name="two.json")
        assert await open_findings() == (["DUPLICATE_LINE"] if found else [])
        assert await _in_suspense("DUPLICATE_LINE") == (4_000 if found else 0)
        assert await balance(shop, Account.PSE_BALANCE) == (-8_000 if found else -4_000)
        assert await invariants.check() == []
    await a_night(shop, other, name="copy.json")  # the same settlement under another name is the same money
    assert (await balance(shop, Account.PSE_BALANCE), await invariants.check()) == (-8_000 if found else -4_000, [])
    for name in ("two.json", "copy.json"):
        await a_night(shop, name=name)
    assert (await open_findings(), await balance(shop, Account.PSE_BALANCE)) == ([], -4_000)


async def _in_suspense(kind: str) -> int:
    ids = [one.id for one in await Finding.filter(resolved_at=None, kind=kind)]
    return sum(units for units, _ in (await told_money.of_findings(ids)).values())


async def test_people_may_name_a_refund_by_a_name_that_is_longer_than_ours() -> None:
    shop, payment = await _shop()
    refund = await _ended_as_paid(shop, payment, LONG_NAME)
    assert (refund.state, refund.pse_refund_reference) == (State.SUCCEEDED, LONG_NAME)


async def test_a_line_with_both_names_of_a_refund_that_people_ended_as_paid_teaches_the_pses() -> None:
    shop, payment = await _shop()
    refund = await _ended_as_paid(shop, payment, None)
    line = a_line(payment, "REFUND", 4_000, reference=refund.reference, pse_refund_reference=LONG_NAME)
    await a_night(shop, line)
    await refund.refresh_from_db()
    assert (refund.state, refund.pse_refund_reference, await effects()) == (State.SUCCEEDED, LONG_NAME, ["REFUND"])
    assert await invariants.check() == []


async def test_what_two_reports_told_and_neither_tells_any_more_is_given_back() -> None:
    shop, payment = await _shop()
    told = a_line(payment, "REFUND", 3_000, pse_refund_reference=LONG_NAME)
    for name in ("one.json", "two.json"):
        await a_night(shop, told, name=name)
    assert (await Payment.get(id=payment.id)).taken_by_bank == 3_000
    for name in ("one.json", "two.json"):
        await a_night(shop, name=name)
    assert (await Payment.get(id=payment.id)).taken_by_bank == 0
    assert [await balance(shop, one) for one in (Account.PSE_BALANCE, Account.SUSPENSE)] == [0, 0]
    assert await invariants.check() == []


async def test_a_webhook_of_a_registered_payment_that_nobody_can_place_is_told_to_a_person_at_the_end() -> None:
    registry.register(Telling(look_up=LookUp.NONE, signature=False))
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop)
    event = {"payment": payment.pse_reference, "reference": None, "id": LONG_NAME, "status": "done", "amount": 1}
    body = json.dumps({"events": [event]}).encode()
    notice = await inbox.store(shop.connection.id, WebhookRequest("POST", "/", "", {}, body), "one", KEY)
    assert notice is not None
    for _ in range(len(intervals.NOTICE.delays) + 1):
        await rows("UPDATE notices SET due_at = now() WHERE id = $1 AND due_at IS NOT NULL RETURNING id", notice)
        claimed = await inbox.take(notice)
        if claimed is not None:
            await inbox.try_later(claimed, "The PSE cannot be asked about the payment.")
    assert (await Notice.get(id=notice)).due_at is None
    assert await open_findings() == ["NOTICE_UNMATCHED"]


async def test_an_old_refusal_does_not_take_back_what_was_paid_after_it() -> None:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop)
    refund = await a_refund(shop, payment, 4_000)
    refused = Declined("REFUSED", "No.", LONG_NAME)
    await an_answer(refund, refused)
    await a_look_up(refund, Succeeded(LONG_NAME))
    assert (await Payment.get(id=payment.id)).taken_by_bank == 4_000
    await record(refund.id, refused, Source(Door.NOTICE), CAUSE)
    assert (await Payment.get(id=payment.id)).taken_by_bank == 4_000
    assert (await Refund.get(id=refund.id)).due_at is not None
    await a_look_up(refund, refused)
    assert (await Payment.get(id=payment.id)).taken_by_bank == 0
    assert await invariants.check() == []
