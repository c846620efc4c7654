"""A return that a report alone told, and that no report tells any more: the money may not be refunded again."""

from typing import Any

import pytest

from domain.models import Payment, Refund
from domain.pse.vocabulary import Accepted, Outcome, Returned, Succeeded
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from tests.domain.reconciliation.test_died_unstored import _dies, _shop
from tests.kit.factories import CAUSE, Shop, a_refund, an_answer
from tests.kit.lines import a_line, a_night

pytestmark = pytest.mark.usefixtures("books")
AMOUNT = 6_000
BLOCKED, FREE = 4_000, 10_000  # what can be refunded of 10,000


async def _free(payment: Payment) -> int:
    now = await Payment.get(id=payment.id)
    return int(now.captured - now.reserved - now.refunded - now.taken_by_bank - now.charged_back)


async def _ours(answer: Outcome) -> tuple[Shop, Payment, Refund, dict[str, Any], dict[str, Any]]:
    """A refund that was answered so, and the lines that tell that it left and that it came back."""
    shop, payment = await _shop()
    refund = await a_refund(shop, payment, AMOUNT)
    await an_answer(refund, answer)
    left, back = (
        a_line(payment, "REFUND", AMOUNT, state, reference=refund.reference) for state in ("SUCCEEDED", "RETURNED")
    )
    return shop, payment, refund, left, back


async def _told(refund: Refund, outcome: Outcome, door: Door = Door.NOTICE) -> None:
    await record(refund.id, outcome, Source(door), CAUSE)


async def test_a_return_that_was_all_that_was_told_blocks_the_amount_when_it_is_told_no_longer() -> None:
    shop, payment, refund, _, back = await _ours(Accepted("one"))
    await a_night(shop, back)
    assert await _free(payment) == FREE
    await a_night(shop)
    assert await _free(payment) == BLOCKED
    await _told(refund, Succeeded("one"))
    assert await _free(payment) == BLOCKED


async def test_what_another_report_proves_to_have_left_stays_blocked() -> None:
    shop, payment, _, left, back = await _ours(Accepted("one"))
    await a_night(shop, back)
    await a_night(shop)
    await a_night(shop, left, days=1)
    assert await _free(payment) == BLOCKED


async def test_what_the_pse_answered_to_have_left_has_left_when_a_report_tells_neither_any_more() -> None:
    shop, payment, _, left, back = await _ours(Succeeded("one"))
    await a_night(shop, left, back)
    assert await _free(payment) == FREE
    await a_night(shop)
    assert await _free(payment) == BLOCKED


async def test_it_is_free_again_when_a_report_tells_of_the_return_again() -> None:
    shop, payment, _, left, back = await _ours(Accepted("one"))
    await a_night(shop, left, back)
    await a_night(shop)
    assert await _free(payment) == BLOCKED
    await a_night(shop, left, back)
    assert await _free(payment) == FREE


@pytest.mark.parametrize("with_leaving", [True, False])
async def test_a_night_that_died_with_a_return_entered_frees_nothing_when_it_is_not_told_again(
    monkeypatch: pytest.MonkeyPatch, with_leaving: bool
) -> None:
    shop, payment, _, left, back = await _ours(Accepted("one"))
    await _dies(monkeypatch, shop, *([left] if with_leaving else []), back)
    await a_night(shop, left)
    assert await _free(payment) == BLOCKED


async def test_a_night_that_died_with_the_return_of_a_proven_refund_frees_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop, payment, _, left, back = await _ours(Succeeded("one"))
    await a_night(shop, left)
    await _dies(monkeypatch, shop, back, days=1)
    await a_night(shop, days=1)
    assert await _free(payment) == BLOCKED


async def test_a_night_that_died_and_tells_the_return_again_frees_it(monkeypatch: pytest.MonkeyPatch) -> None:
    shop, payment, _, left, back = await _ours(Succeeded("one"))
    await a_night(shop, left)
    await _dies(monkeypatch, shop, back, days=1)
    await a_night(shop, back, days=1)
    assert await _free(payment) == FREE


@pytest.mark.parametrize("door", [Door.NOTICE, Door.LOOK_UP])
async def test_what_the_pse_itself_says_came_back_is_free_though_a_report_tells_it_no_longer(door: Door) -> None:
    shop, payment, refund, left, back = await _ours(Succeeded("one"))
    await a_night(shop, left)
    await a_night(shop, back, days=1)
    await _told(refund, Returned("RETURNED", "It came back.", "one"), door)
    await a_night(shop, days=1)
    assert await _free(payment) == FREE


@pytest.mark.parametrize("door", [Door.NOTICE, Door.LOOK_UP])
async def test_what_was_blocked_is_freed_by_the_pses_own_word(door: Door) -> None:
    shop, payment, refund, left, back = await _ours(Succeeded("one"))
    await a_night(shop, left)
    await a_night(shop, back, days=1)
    await a_night(shop, days=1)
    assert await _free(payment) == BLOCKED
    await _told(refund, Returned("RETURNED", "It came back.", "one"), door)
    assert await _free(payment) == FREE
