"""A right that is lent: under both names, never to who asked, never on, for a time, and taken back at once."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.access.permissions import Role
from domain.access.principal import Principal
from domain.models import Approval, Event, Refund
from domain.models.refunds import Reason, State
from domain.money import Money
from domain.problems import Forbidden, InvalidInput, NotFound
from domain.refunds import request
from domain.refunds.approvals import awaiting, decide, delegate
from domain.refunds.approvals.rules import Step, When
from domain.refunds.request import NewRefund
from tests.domain.refunds.test_approvals import LARGE, a_rule
from tests.domain.refunds.test_parties import a_signed_in, cause
from tests.kit.factories import CAUSE, KEY, Shop, a_key, a_payment, a_refund, a_shop

pytestmark = pytest.mark.usefixtures("books")
HOUR = timedelta(hours=1)


def _now() -> datetime:
    return datetime.now(UTC)


async def _people(shop: Shop) -> tuple[Principal, Principal]:
    """Ana approves, and lends her right to Caio of support."""
    ana, caio = await a_signed_in(shop, "Ana", Role.APPROVER), await a_signed_in(shop, "Caio", Role.SUPPORT)
    await delegate.delegate(ana, caio.party, _now() - HOUR, _now() + HOUR, CAUSE)
    return ana, caio


async def _large(shop: Shop, who: Principal | None = None) -> Refund:
    payment = await a_payment(shop, amount=LARGE)
    if who is None:
        return await a_refund(shop, payment, LARGE)
    new = NewRefund(payment.id, Money(LARGE, "BRL"), Reason.OTHER)
    return (await request.request(who, new, a_key(), cause(who), KEY)).refund


async def test_who_was_lent_the_right_says_yes_under_both_names() -> None:
    shop = await a_shop()
    ana, caio = await _people(shop)
    refund = await _large(shop)
    assert [row.id for row in await awaiting.awaiting(caio)] == [refund.id]
    done = await decide.approve(caio, refund.id, None, None, cause(caio))
    assert done.state is State.REQUESTED
    kept = await Approval.get(refund_id=refund.id)
    assert (kept.decided_by_id, kept.delegated_by_id) == (caio.party, ana.party)
    (told,) = await Event.filter(refund_id=refund.id, kind="APPROVED")
    assert (told.actor, told.detail) == (caio.holder, {"under_the_right_of": ana.holder})
    assert await awaiting.awaiting(caio) == []


async def test_the_right_of_who_asked_approves_nothing_of_theirs_in_anybodys_hand() -> None:
    shop = await a_shop()
    ana, caio = await a_signed_in(shop, "Ana", Role.ADMIN), await a_signed_in(shop, "Caio", Role.SUPPORT)
    await delegate.delegate(ana, caio.party, _now() - HOUR, _now() + HOUR, CAUSE)
    refund = await _large(shop, ana)
    assert await awaiting.awaiting(caio) == []
    with pytest.raises(Forbidden, match="another person"):
        await decide.approve(caio, refund.id, None, None, cause(caio))


async def test_one_right_is_one_yes_whoever_uses_it() -> None:
    shop = await a_shop()
    ana, caio = await _people(shop)
    await a_rule(shop, When(), Step("APPROVE", 2))
    refund = await a_refund(shop, await a_payment(shop), 1_000)
    await decide.approve(ana, refund.id, None, None, cause(ana))
    with pytest.raises(Forbidden, match="already"):
        await decide.approve(caio, refund.id, None, None, cause(caio))


async def test_a_yes_under_a_right_that_was_taken_back_since_is_still_its_lenders_only_one() -> None:
    shop = await a_shop()
    ana, caio = await _people(shop)
    await a_rule(shop, When(), Step("APPROVE", 2))
    refund = await a_refund(shop, await a_payment(shop), 1_000)
    await decide.approve(caio, refund.id, None, None, cause(caio))
    (lent,) = await delegate.lent_to(caio)
    await delegate.revoke(ana, lent.id, cause(ana))
    for one in (ana, caio):
        with pytest.raises(Forbidden):
            await decide.approve(one, refund.id, None, None, cause(one))
    dora = await a_signed_in(shop, "Dora", Role.APPROVER)
    assert (await decide.approve(dora, refund.id, None, None, cause(dora))).state is State.REQUESTED


async def test_it_is_not_lent_on_nor_to_who_has_it_nor_by_a_program_nor_for_long() -> None:
    shop = await a_shop()
    ana, caio = await _people(shop)
    dora = await a_signed_in(shop, "Dora", Role.SUPPORT)
    with pytest.raises(Forbidden, match="APPROVE"):
        await delegate.delegate(caio, dora.party, _now(), _now() + HOUR, CAUSE)
    boss = await a_signed_in(shop, "Boss", Role.ADMIN)
    for to, until in (
        (boss.party, _now() + HOUR),
        (ana.party, _now() + HOUR),
        (dora.party, _now() + timedelta(days=91)),
    ):
        with pytest.raises(InvalidInput):
            await delegate.delegate(ana, to, _now(), until, CAUSE)
    stranger = await a_signed_in(await a_shop(name="Outra"), "Eva", Role.SUPPORT)
    with pytest.raises(NotFound):
        await delegate.delegate(ana, stranger.party, _now(), _now() + HOUR, CAUSE)


async def test_it_ends_when_it_is_taken_back_or_its_time_is_over() -> None:
    shop = await a_shop()
    ana, caio = await _people(shop)
    refund = await _large(shop)
    (lent,) = await delegate.lent_to(caio)
    with pytest.raises(Forbidden):  # who was lent it takes back nothing
        await delegate.revoke(caio, lent.id, CAUSE)
    await delegate.revoke(ana, lent.id, CAUSE)
    with pytest.raises(Forbidden, match="APPROVE"):
        await decide.approve(caio, refund.id, None, None, cause(caio))
    await delegate.delegate(ana, caio.party, _now() + HOUR, _now() + 2 * HOUR, CAUSE)
    with pytest.raises(Forbidden, match="APPROVE"):
        await decide.approve(caio, refund.id, None, None, cause(caio))
