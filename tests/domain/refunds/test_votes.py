"""Votes about a doubt are about one send and one state, and not cast while the send may still arrive."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from domain import invariants
from domain.access.principal import role_reach
from domain.access.tokens import Principal, Role
from domain.models import Refund
from domain.models.refunds import State
from domain.platform.database import rows
from domain.problems import Forbidden, InvalidInput, InvalidState
from domain.pse.vocabulary import Accepted, InDoubt, Succeeded, Unsent
from domain.refunds import by_hand
from domain.refunds.by_hand import Evidence, Way
from domain.refunds.doubt import Verdict, resolve
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from tests.kit.factories import CAUSE, OwnerRows, Shop, a_look_up, a_payment, a_refund, a_shop, an_answer, sent_earlier

pytestmark = pytest.mark.usefixtures("books")
EVIDENCE = "The PSE's back office lists nothing."
LOST = InDoubt("TIMEOUT", "no answer")


def _person(shop: Shop, name: str, role: Role = Role.ADMINISTRATOR) -> Principal:
    return Principal(uuid4(), shop.id, name, role_reach(role), datetime.now(UTC) + timedelta(hours=1))


async def _in_doubt() -> tuple[Shop, Refund]:
    shop = await a_shop()
    refund = await a_refund(shop, await a_payment(shop))
    await an_answer(refund, LOST)
    return shop, refund


async def _long_ago() -> None:
    await rows("UPDATE attempts SET ended_at = ended_at - interval '1 minute' RETURNING id")


async def test_not_paid_is_not_voted_within_the_grace_of_the_send() -> None:
    shop, refund = await _in_doubt()
    with pytest.raises(InvalidState, match="may arrive yet"):
        await resolve(_person(shop, "ana"), refund.id, Verdict.NOT_PAID, EVIDENCE, CAUSE)
    await _long_ago()
    assert not (await resolve(_person(shop, "ana"), refund.id, Verdict.NOT_PAID, EVIDENCE, CAUSE)).confirmed


async def test_a_vote_does_not_count_after_the_state_has_moved() -> None:
    shop, refund = await _in_doubt()
    await _long_ago()
    await resolve(_person(shop, "ana"), refund.id, Verdict.NOT_PAID, EVIDENCE, CAUSE)
    await record(refund.id, Accepted("D1"), Source(Door.NOTICE), CAUSE)
    done = await resolve(_person(shop, "bia"), refund.id, Verdict.NOT_PAID, EVIDENCE, CAUSE)
    assert (done.confirmed, done.refund.state) == (False, State.PENDING)
    done = await resolve(_person(shop, "ana"), refund.id, Verdict.NOT_PAID, EVIDENCE, CAUSE)
    assert (done.confirmed, done.refund.state) == (True, State.FAILED)
    assert await invariants.check() == []


async def test_a_report_from_before_the_last_send_proves_nothing_about_it(owner_rows: OwnerRows) -> None:
    shop, refund = await _in_doubt()
    await sent_earlier(owner_rows, "3 days")
    await owner_rows(
        "INSERT INTO reports (id, merchant_id, connection_id, business_date, name, digest, content_type, content, "
        "totals, created_at) VALUES ($1, $2, $3, current_date - 1, 'r', 'd', 't', '', '{}', now())",
        uuid4(),
        shop.id,
        shop.connection.id,
    )
    await a_look_up(refund, Unsent("UNKNOWN", "unknown"))
    await an_answer(refund, LOST)
    await _long_ago()
    with pytest.raises(Forbidden, match="RESOLVE_DOUBT_EARLY"):
        await resolve(_person(shop, "ana", Role.SUPPORT), refund.id, Verdict.NOT_PAID, EVIDENCE, CAUSE)


async def test_a_typed_reference_that_another_refund_has_is_refused() -> None:
    shop = await a_shop()
    payment = await a_payment(shop)
    paid, other = await a_refund(shop, payment, 1_000), await a_refund(shop, payment, 1_000)
    await an_answer(paid, Succeeded("D1"))
    ana = _person(shop, "ana", Role.ACCOUNTING)
    await by_hand.take(ana, other.id, "The PSE is down.", CAUSE)
    evidence = Evidence(Way.PSE_BACK_OFFICE, "D1", datetime.now(UTC).date() - timedelta(days=1))
    with pytest.raises(InvalidInput, match=paid.reference):
        await by_hand.settle(ana, other.id, evidence, CAUSE)
    assert (await Refund.get(id=other.id)).state is State.MANUAL
