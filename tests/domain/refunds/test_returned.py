"""A refund that came back is owed: a person does it again another way, and until then it is a finding."""

import pytest

from domain import invariants
from domain.models import Finding, Payment, Refund
from domain.platform.database import execute, rows, transaction
from domain.pse import registry
from domain.pse.vocabulary import Declined, Returned, Succeeded
from domain.refunds import returned
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from domain.refunds.request import retry
from tests.kit.factories import CAUSE, Shop, a_key, a_payment, a_refund, a_shop, an_answer
from tests.kit.lines import Telling, a_line, a_night, open_findings

pytestmark = pytest.mark.usefixtures("books")


async def _paid(shop: Shop, payment: Payment, amount: int, name: str) -> Refund:
    refund = await a_refund(shop, payment, amount)
    await an_answer(refund, Succeeded(name))
    return refund


async def _back(refund: Refund, name: str) -> None:
    await record(refund.id, Returned("ACCOUNT_CLOSED", "It came back.", name), Source(Door.NOTICE), CAUSE)


async def test_it_is_a_finding_at_once_until_the_refund_was_done_again() -> None:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop)
    refund = await _paid(shop, payment, 4_000, "one")
    await _back(refund, "one")
    found = await Finding.get(resolved_at=None)
    assert (found.kind, found.amount, found.refund_id, found.severity) == ("RETURNED", 4_000, refund.id, 3)
    retried = (await retry(shop.id, refund.id, a_key(), CAUSE)).refund
    assert await open_findings() == ["RETURNED"], "nothing has left yet"
    await an_answer(retried, Succeeded("two"))
    assert await open_findings() == []
    await _back(retried, "two")  # the same is owed, and not twice
    found = await Finding.get(resolved_at=None)
    assert (found.kind, found.refund_id) == ("RETURNED", retried.id)
    # Done again by another refund, which names none of both: nothing of the payment is owed any more.
    await _paid(shop, payment, 10_000, "three")
    await a_night(shop, a_line(payment, "CAPTURE", 10_000))
    assert (await open_findings(), await invariants.check()) == ([], [])


async def test_what_is_charged_back_is_not_owed_until_the_dispute_is_won() -> None:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop)
    await _back(await _paid(shop, payment, 4_000, "one"), "one")
    lost = a_line(payment, "CHARGEBACK", 10_000, reference="c-1")
    won = a_line(payment, "CHARGEBACK_REVERSED", 10_000, reference="c-2")
    seen = []
    for days, lines in enumerate(([], [lost], [won])):
        await a_night(shop, *lines, days=days)
        seen.append(await open_findings())
    assert seen == [["RETURNED"], ["CHARGEBACK"], ["RETURNED"]]
    assert await invariants.check() == []


async def test_what_a_repeat_of_a_repeat_has_paid_is_owed_no_more() -> None:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop)
    refund = await _paid(shop, payment, 3_000, "one")
    await _back(refund, "one")
    second = (await retry(shop.id, refund.id, a_key(), CAUSE)).refund
    await an_answer(second, Declined("NO", "not to this account"))
    third = (await retry(shop.id, second.id, a_key(), CAUSE)).refund
    assert await open_findings() == ["RETURNED"]
    await an_answer(third, Succeeded("three"))
    assert await open_findings() == []
    told = [a_line(payment, "CAPTURE", payment.captured)]
    for one, name in ((refund, "one"), (third, "three")):
        told.append(a_line(payment, "REFUND", 3_000, pse_refund_reference=name, reference=one.reference))
    told.append(a_line(payment, "REFUND", 3_000, "RETURNED", pse_refund_reference="one", reference=refund.reference))
    await a_night(shop, *told)
    assert (await open_findings(), await invariants.check()) == ([], [])


async def test_what_has_left_after_all_is_looked_up_by_its_names_and_not_in_all_of_the_ledger() -> None:
    shop = await a_shop()
    async with transaction():
        await execute("SET LOCAL enable_seqscan = off")  # as beside more rows than a test has
        plan = [row["QUERY PLAN"] for row in await rows(f"EXPLAIN {returned._WAITING}", shop.connection.id, "done")]
    assert [line for line in plan if "Index Cond" in line and "'/back'" in line]
    assert not [line for line in plan if "Join Filter" in line and "cause" in line]
