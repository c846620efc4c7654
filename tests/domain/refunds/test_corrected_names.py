"""A PSE's name that people typed for a refund gives way to the one under which the PSE tells of our reference."""

from typing import Any

import pytest

from domain import invariants
from domain.access.tokens import Role
from domain.models import Event, Finding, Payment, Refund
from domain.models.refunds import State
from domain.pse import registry
from domain.pse.capabilities import LookUp
from domain.pse.vocabulary import Accepted, Declined, InDoubt, Outcome, Returned, Succeeded, Unsent
from domain.reconciliation import to_repeat
from domain.refunds import by_hand
from domain.refunds.by_hand import Evidence, Way
from domain.refunds.doubt import Verdict, resolve
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from tests.kit.factories import CAUSE, Shop, a_look_up, a_payment, a_person, a_refund, a_shop, an_answer
from tests.kit.lines import Telling, a_line, a_night, today

pytestmark = pytest.mark.usefixtures("books")
EVIDENCE = "Back office of the PSE, 2026-11-23: the refund is listed as paid."
NOTICE = Source(Door.NOTICE)


async def _payment(look_up: LookUp = LookUp.NONE) -> tuple[Shop, Payment]:
    registry.register(Telling(key_lifetime=None, look_up=look_up))
    shop = await a_shop(pse="lab")
    return shop, await a_payment(shop, amount=20_000, days_ago=0)


async def _ended_as_paid(shop: Shop, payment: Payment, doubt: Outcome | None = None) -> Refund:
    refund = await a_refund(shop, payment, 4_000)
    await an_answer(refund, doubt or InDoubt("TIMEOUT", "no answer", needs_person=True))
    for person in ("ana", "bia"):
        who = a_person(shop, person, Role.SUPPORT)
        await resolve(who, refund.id, Verdict.PAID, EVIDENCE, CAUSE, "L-mistyped")
    return refund


async def _name(refund: Refund) -> str | None:
    name: str | None = (await Refund.get(id=refund.id)).pse_refund_reference
    return name


def _line(payment: Payment, **more: Any) -> dict[str, Any]:
    return a_line(payment, "REFUND", 4_000, **more)


@pytest.mark.parametrize(
    ("news", "ends"),
    [(Succeeded("L-true"), State.SUCCEEDED), (Returned("BACK", "it came back", "L-true"), State.RETURNED)],
)
async def test_news_of_our_reference_corrects_a_name_that_people_typed(news: Outcome, ends: State) -> None:
    shop, payment = await _payment()
    refund = await _ended_as_paid(shop, payment)
    for _ in range(2):
        await record(refund.id, news, NOTICE, CAUSE)
    assert (await _name(refund), (await Refund.get(id=refund.id)).state) == ("L-true", ends)
    event = await Event.get(refund_id=refund.id, kind="NAMED")
    assert (event.code, event.detail) == ("L-true", {"before": "L-mistyped"})
    assert await invariants.check() == []


async def test_what_was_taken_under_the_true_name_is_the_refunds() -> None:
    shop, payment = await _payment()
    refund = await _ended_as_paid(shop, payment)
    line = _line(payment, pse_refund_reference="L-true")
    await a_night(shop, line)
    assert (await Payment.get(id=payment.id)).taken_by_bank == 4_000
    await record(refund.id, Succeeded("L-true"), NOTICE, CAUSE)
    assert (await Payment.get(id=payment.id)).taken_by_bank == 0
    assert await to_repeat.dates(shop.connection.id) == {today()}
    await a_night(shop, line)
    assert ((await Payment.get(id=payment.id)).taken_by_bank, await invariants.check()) == (0, [])
    assert await to_repeat.dates(shop.connection.id) == set()


async def test_a_report_line_of_our_reference_corrects_it_and_so_does_a_later_one_that_has_only_the_name() -> None:
    shop, payment = await _payment()
    refund = await _ended_as_paid(shop, payment)
    await a_night(shop, _line(payment, pse_refund_reference="L-true"))
    await a_night(shop, _line(payment, reference=refund.reference, pse_refund_reference="L-true"), days=1)
    payment = await Payment.get(id=payment.id)
    assert (await _name(refund), payment.refunded, payment.taken_by_bank) == ("L-true", 4_000, 0)
    assert await invariants.check() == []


async def test_a_look_up_by_our_reference_corrects_it() -> None:
    shop, payment = await _payment(LookUp.BY_REFERENCE)
    refund = await _ended_as_paid(shop, payment)
    await a_look_up(refund, Succeeded("L-true"))
    assert await _name(refund) == "L-true"


async def test_a_name_typed_for_a_payment_in_the_back_office_is_corrected_too() -> None:
    shop, payment = await _payment()
    refund = await a_refund(shop, payment, 4_000)
    await an_answer(refund, Unsent("DOWN", "refused"))
    person = a_person(shop, "ana", Role.ACCOUNTING)
    await by_hand.take(person, refund.id, "The PSE has been down since noon.", CAUSE)
    await by_hand.settle(person, refund.id, Evidence(Way.PSE_BACK_OFFICE, "L-mistyped", today()), CAUSE)
    await record(refund.id, Succeeded("L-true"), NOTICE, CAUSE)
    assert (await _name(refund), await invariants.check()) == ("L-true", [])


@pytest.mark.parametrize("news", [Declined("NO", "no", "L-other"), Accepted("L-other")])
async def test_news_that_does_not_say_that_it_left_corrects_nothing(news: Outcome) -> None:
    shop, payment = await _payment()
    refund = await _ended_as_paid(shop, payment)
    await record(refund.id, news, NOTICE, CAUSE)
    assert await _name(refund) == "L-mistyped"


async def test_a_name_that_the_pse_gave_or_proved_is_kept() -> None:
    shop, payment = await _payment()
    given = await _ended_as_paid(shop, payment, Accepted("L-mistyped"))
    await record(given.id, Succeeded("L-other"), NOTICE, CAUSE)
    shop, payment = await _payment()
    proven = await _ended_as_paid(shop, payment)
    await a_night(shop, _line(payment, pse_refund_reference="L-mistyped"))
    await record(proven.id, Succeeded("L-other"), NOTICE, CAUSE)
    assert [await _name(given), await _name(proven)] == ["L-mistyped", "L-mistyped"]


async def test_the_name_of_another_refund_is_taken_from_nobody() -> None:
    shop, payment = await _payment()
    other = await a_refund(shop, payment, 1_000)
    await an_answer(other, Succeeded("L-true"))
    refund = await _ended_as_paid(shop, payment)
    await record(refund.id, Succeeded("L-true"), NOTICE, CAUSE)
    await a_night(shop, _line(payment, reference=refund.reference, pse_refund_reference="L-true"))
    assert await _name(refund) == "L-mistyped"
    assert await Finding.filter(refund_id=refund.id, fingerprint__endswith="/NAME_OF_ANOTHER").exists()
