"""A failure that a report alone told, and that no report tells any more: the money may have left, or may leave yet."""

from typing import Any

import pytest

from domain import invariants
from domain.models import Event, Payment, Refund
from domain.platform.database import rows
from domain.pse.vocabulary import Accepted, Declined, Returned, Succeeded
from domain.refunds.news import Door
from tests.domain.reconciliation.test_died_unstored import _dies
from tests.domain.reconciliation.test_return_withdrawn import AMOUNT, BLOCKED, FREE, _free, _ours, _told
from tests.kit.factories import Shop
from tests.kit.lines import a_line, a_night, open_findings

pytestmark = pytest.mark.usefixtures("books")


async def _failed_by_report() -> tuple[Shop, Payment, Refund, dict[str, Any]]:
    """A refund under way, of which a line said that it failed, and the line that did."""
    shop, payment, refund, left, _ = await _ours(Accepted("one"))
    failed = {**left, "state": "FAILED"}
    await a_night(shop, failed)
    assert ((await Refund.get(id=refund.id)).state, await _free(payment)) == ("FAILED", FREE)
    return shop, payment, refund, failed


async def _due(refund: Refund) -> bool:
    return bool(await rows("SELECT 1 AS one FROM refunds WHERE id = $1 AND due_at <= now()", refund.id))


async def test_the_amount_is_blocked_the_pse_is_asked_and_a_person_is_told_when_it_is_told_no_longer() -> None:
    shop, payment, refund, _ = await _failed_by_report()
    for _ in range(2):
        await a_night(shop)
        assert (await _free(payment), await open_findings(), await _due(refund)) == (BLOCKED, ["CONTRADICTION"], True)
    assert await Event.filter(refund_id=refund.id, kind="CONTRADICTION").count() == 1
    await _told(refund, Succeeded("one"), Door.LOOK_UP)
    assert (await _free(payment), await open_findings()) == (BLOCKED, ["CONTRADICTION"])


async def test_it_is_free_again_when_a_report_tells_of_the_failure_again() -> None:
    shop, payment, _, failed = await _failed_by_report()
    seen = []
    for lines in ([], [failed], [], [failed]):
        await a_night(shop, *lines)
        seen.append((await _free(payment), await open_findings()))
    assert seen == [(BLOCKED, ["CONTRADICTION"]), (FREE, [])] * 2


async def test_another_report_that_tells_of_the_failure_keeps_it_free() -> None:
    shop, payment, _, failed = await _failed_by_report()
    await a_night(shop, failed, days=1)
    await a_night(shop)
    assert (await _free(payment), await open_findings()) == (FREE, [])
    await a_night(shop, days=1)
    assert await _free(payment) == BLOCKED


@pytest.mark.parametrize("door", [Door.NOTICE, Door.LOOK_UP])
@pytest.mark.parametrize("before", [True, False])
async def test_what_the_pse_itself_says_failed_is_free_whatever_a_report_drops(door: Door, before: bool) -> None:
    shop, payment, refund, _ = await _failed_by_report()
    if before:
        await _told(refund, Declined("NO", "It failed."), door)
    await a_night(shop)
    await _told(refund, Declined("NO", "It failed."), Door.LOOK_UP if not before else door)
    for _ in range(2):
        assert (await _free(payment), await open_findings()) == (FREE, [])
        await a_night(shop)


async def test_what_came_back_after_it_left_is_free() -> None:
    shop, payment, refund, _ = await _failed_by_report()
    await a_night(shop)
    await _told(refund, Returned("RETURNED", "It came back.", "one"), Door.LOOK_UP)
    assert await _free(payment) == FREE
    await a_night(shop)
    assert await _free(payment) == FREE


async def test_a_line_that_says_it_has_left_after_all_is_booked_once_whichever_report_has_it() -> None:
    shop, payment, refund, failed = await _failed_by_report()
    left = a_line(payment, "REFUND", AMOUNT, reference=refund.reference)
    await a_night(shop)
    await a_night(shop, left, days=1)
    assert await _free(payment) == BLOCKED
    seen = []
    for lines in ([failed], [], [failed]):  # beside the line of its leaving, the failure may be the older one
        await a_night(shop, *lines)
        seen.append(await _free(payment))
        assert await invariants.check() == []
    assert seen == [BLOCKED] * 3


async def test_a_report_that_says_both_that_it_left_and_that_it_failed_frees_nothing() -> None:
    shop, payment, refund, failed = await _failed_by_report()
    await a_night(shop)
    await a_night(shop, a_line(payment, "REFUND", AMOUNT, reference=refund.reference), failed)
    assert (await _free(payment), await invariants.check()) == (BLOCKED, [])


async def test_a_night_that_died_with_a_failure_entered_frees_nothing_when_it_is_not_told_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop, payment, refund, left, _ = await _ours(Accepted("one"))
    await _dies(monkeypatch, shop, {**left, "state": "FAILED"})
    assert (await Refund.get(id=refund.id)).state == "FAILED"
    for _ in range(2):
        await a_night(shop)
        assert (await _free(payment), await open_findings()) == (BLOCKED, ["CONTRADICTION"])
