"""What a person says of a finding moves its money out of SUSPENSE: once, all of it, and never more than is there."""

import asyncio

import asyncpg
import pytest

from domain import invariants
from domain.findings import findings, names, work
from domain.findings.findings import FindingKind, Found
from domain.findings.work import Resolution
from domain.models import Finding, FindingResolution, LedgerEntry, Payment
from domain.models.findings import Reason
from domain.models.ledger import Account
from domain.money import Money
from domain.payments import external
from domain.platform.database import for_merchant, rows
from domain.problems import Forbidden, InvalidInput, InvalidState, NotFound
from tests.domain.findings.conftest import NIGHT, Desk, by
from tests.kit.factories import a_key, a_payment, a_shop

WHERE = [
    (Reason.WRITE_OFF, {}, {"WRITE_OFFS": 900}),
    (Reason.CHARGEBACK, {}, {"CHARGEBACKS": 900}),
    (Reason.FEE, {}, {"FEES": 900}),
    (Reason.REFUND_OF_OURS, {}, {"SALES_RETURNS": 738, "VAT_REVERSAL_PENDING": 162}),
    (Reason.CORRECTED, {"account": Account.ROUNDING}, {"ROUNDING": 900}),
    (Reason.CORRECTED, {"account": Account.FX_DIFFERENCES}, {"FX_DIFFERENCES": 900}),
    (Reason.CLAIMED_FROM_PSE, {"came": Money(600, "BRL")}, {"PSE_ADJUSTMENTS": 600, "WRITE_OFFS": 300}),
    (Reason.CLAIMED_FROM_PSE, {"came": Money(900, "BRL")}, {"PSE_ADJUSTMENTS": 900}),
    (Reason.CLAIMED_FROM_PSE, {}, {"WRITE_OFFS": 900}),
]


@pytest.mark.parametrize(("reason", "more", "went"), WHERE)
async def test_the_money_goes_where_the_reason_says_and_comes_back_when_it_is_opened_again(
    desk: Desk, reason: Reason, more: dict[str, object], went: dict[str, int]
) -> None:
    found = await desk.taken(900, "MED1", tax=1_800_000)
    done = await desk.say(found, reason, **more)
    assert done.confirmed
    assert (done.finding.reason, done.finding.resolved_by) == (reason, "Ana")
    assert {name: await desk.account(name) for name in went} == went
    assert await desk.suspense(found.payment_id) == 0
    assert await invariants.check() == []
    again = await work.reopen(desk.bia, found.id, "The bank says otherwise.", by(desk.bia))
    assert (again.resolved_at, again.reason, again.reopened_at is not None) == (None, None, True)
    assert {name: await desk.account(name) for name in went} == dict.fromkeys(went, 0)
    assert await desk.suspense(found.payment_id) == 900
    assert await Finding.filter(kind="VAT_REVERSAL_NEEDED", resolved_at=None).count() == 0
    assert await invariants.check() == []


async def test_above_the_limit_another_person_confirms_and_nothing_moves_before(desk: Desk) -> None:
    found = await desk.taken(100_000, "MED1")
    first = await desk.say(found, Reason.WRITE_OFF)
    assert (first.confirmed, first.finding.resolved_at, await desk.account("WRITE_OFFS")) == (False, None, 0)
    for same in (desk.ana, work_as(desk.ana, " ANA ")):
        with pytest.raises(Forbidden, match="another person"):
            await work.confirm(same, found.id, by(same))
    done = await work.confirm(desk.bia, found.id, by(desk.bia))
    assert (done.said.confirmed_by, done.finding.resolved_at is not None) == ("Bia", True)
    assert (await desk.account("WRITE_OFFS"), await desk.suspense(found.payment_id)) == (100_000, 0)
    with pytest.raises(InvalidState):
        await work.confirm(desk.bia, found.id, by(desk.bia))


def work_as(who: object, name: str) -> object:
    from dataclasses import replace
    from uuid import uuid4

    return replace(who, holder=name, token_id=uuid4())  # type: ignore[type-var]
