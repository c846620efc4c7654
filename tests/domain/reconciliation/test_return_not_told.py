"""A refund that the PSE says came back, whose leaving a report has proven, and whose return no report tells."""

import pytest

from domain import invariants
from domain.findings import findings
from domain.models import Finding, Payment, Refund
from domain.pse import registry
from domain.pse.vocabulary import Returned, Succeeded
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from tests.kit.factories import CAUSE, Shop, a_payment, a_refund, a_shop, an_answer
from tests.kit.lines import Telling, a_line, a_night, open_findings

pytestmark = pytest.mark.usefixtures("books")
BACK = ["RETURNED"]  # the customer has nothing yet
MISSING = ["MISSING_IN_REPORT", *BACK]


class Lagging(Telling):
    """A refund's line comes a day after it at the latest."""

    report_lag_days: int | None = 1


async def _paid() -> tuple[Shop, Payment, Refund]:
    registry.register(Lagging())
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop, amount=10_000, days_ago=0)
    refund = await a_refund(shop, payment, 4_000)
    await an_answer(refund, Succeeded("one"))
    return shop, payment, refund


async def _came_back(door: Door = Door.NOTICE) -> tuple[Shop, Payment, Refund]:
    shop, payment, refund = await _paid()
    await record(refund.id, Returned("BACK", "It came back.", "one"), Source(door), CAUSE)
    return shop, payment, refund


def _out(payment: Payment, refund: Refund, state: str = "SUCCEEDED") -> dict[str, object]:
    return a_line(payment, "REFUND", 4_000, state, reference=refund.reference)


async def test_a_return_that_no_report_tells_is_missing_after_its_time_until_one_tells_it() -> None:
    shop, payment, refund = await _came_back()
    out, back = _out(payment, refund), _out(payment, refund, "RETURNED")
    seen = []
    for days, lines in ((0, [out]), (1, []), (2, []), (2, [back]), (2, []), (3, [back]), (3, [back])):
        await a_night(shop, *lines, days=days)
        seen.append(await open_findings())
        assert await invariants.check() == []
    assert seen == [BACK, MISSING, MISSING, BACK, MISSING, BACK, BACK]
    finding = await Finding.get(kind="MISSING_IN_REPORT")
    assert (finding.refund_id, finding.amount, finding.payment_id) == (refund.id, 4_000, payment.id)
    assert "came back" in finding.explanation
    assert "return" in finding.action


async def test_a_return_is_not_missing_where_the_leaving_is_told_no_longer() -> None:
    shop, payment, refund = await _came_back()
    seen = []
    for days, lines in ((0, [_out(payment, refund)]), (1, []), (0, []), (0, [_out(payment, refund)]), (1, [])):
        await a_night(shop, *lines, days=days)
        seen.append(await open_findings())
    assert seen == [BACK, MISSING, BACK, BACK, MISSING]


async def test_a_refund_of_which_no_report_tells_at_all_is_not_missing_when_it_came_back() -> None:
    shop, _, _ = await _came_back()
    for days in (0, 1, 2):
        await a_night(shop, days=days)
    assert await open_findings() == BACK


async def test_the_missing_leaving_and_the_missing_return_of_a_refund_are_two() -> None:
    shop, payment, refund = await _paid()
    for days in (0, 1):
        await a_night(shop, days=days)
    assert await open_findings() == ["MISSING_IN_REPORT"]
    await record(refund.id, Returned("BACK", "It came back.", "one"), Source(Door.LOOK_UP), CAUSE)
    await a_night(shop, _out(payment, refund), days=2)
    assert await open_findings() == MISSING
    assert await Finding.filter(kind="MISSING_IN_REPORT").count() == 2


async def test_what_a_person_has_resolved_stays_so() -> None:
    shop, payment, refund = await _came_back()
    await a_night(shop, _out(payment, refund))
    await a_night(shop, days=1)
    finding = await Finding.get(kind="MISSING_IN_REPORT")
    await findings.resolve(shop.id, finding.fingerprint, "The PSE has paid it out.")
    for days, lines in ((2, []), (3, [_out(payment, refund, "RETURNED")]), (3, [])):
        await a_night(shop, *lines, days=days)
    assert await open_findings() == BACK


async def test_what_a_report_told_and_tells_no_longer_has_left_after_all_and_is_not_missing() -> None:
    shop, payment, refund = await _paid()
    await a_night(shop, _out(payment, refund))
    for lines in ([_out(payment, refund, "RETURNED")], []):
        await a_night(shop, *lines, days=1)
    await a_night(shop, days=2)
    assert await open_findings() == ["CONTRADICTION", "STATUS_MISMATCH"]
