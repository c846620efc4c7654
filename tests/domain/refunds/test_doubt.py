"""People end a doubt: two of them, with evidence, and an administrator where no report can prove it yet."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest

from domain import invariants
from domain.access.principal import role_reach
from domain.access.tokens import Principal, Role
from domain.models import Finding, Payment, Refund
from domain.models.refunds import State
from domain.platform.database import rows
from domain.problems import Forbidden, InvalidInput, InvalidState
from domain.pse import registry
from domain.pse.vocabulary import InDoubt, Succeeded
from domain.refunds.doubt import Verdict, resolve
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from tests.kit.factories import CAUSE, OwnerRows, Shop, a_payment, a_refund, a_shop, an_answer
from tests.kit.lab_connector import Lab

pytestmark = pytest.mark.usefixtures("books")
EVIDENCE = "Back office of the PSE, 2026-11-23: refund D1 is listed as paid."


def _person(shop: Shop, name: str, role: Role = Role.SUPPORT) -> Principal:
    return Principal(uuid4(), shop.id, name, role_reach(role), datetime.now(UTC) + timedelta(hours=1))


async def _in_doubt(pse: str = "pix") -> tuple[Shop, Payment, Refund]:
    shop = await a_shop(pse=pse)
    payment = await a_payment(shop)
    refund = await a_refund(shop, payment)
    await an_answer(refund, InDoubt("TIMEOUT", "no answer", needs_person=True))
    # Long enough ago for what the back office shows to prove something.
    await rows("UPDATE attempts SET ended_at = ended_at - interval '1 minute' RETURNING id")
    return shop, payment, refund


async def test_one_person_alone_decides_nothing() -> None:
    shop, _, refund = await _in_doubt()
    done = await resolve(_person(shop, "ana"), refund.id, Verdict.PAID, EVIDENCE, CAUSE)
    assert (done.confirmed, done.refund.state) == (False, State.SUBMITTED)
    with pytest.raises(Forbidden, match="another person"):
        await resolve(_person(shop, "ana"), refund.id, Verdict.PAID, EVIDENCE, CAUSE)


async def test_not_even_an_administrator_confirms_alone() -> None:
    shop, _, refund = await _in_doubt()
    boss = _person(shop, "boss", Role.ADMINISTRATOR)
    await resolve(boss, refund.id, Verdict.NOT_PAID, EVIDENCE, CAUSE)
    with pytest.raises(Forbidden):
        await resolve(boss, refund.id, Verdict.NOT_PAID, EVIDENCE, CAUSE)


async def test_two_people_who_say_paid_end_the_doubt() -> None:
    shop, payment, refund = await _in_doubt()
    await resolve(_person(shop, "ana"), refund.id, Verdict.PAID, EVIDENCE, CAUSE)
    done = await resolve(_person(shop, "bia"), refund.id, Verdict.PAID, EVIDENCE, CAUSE)
    await payment.refresh_from_db()
    assert (done.confirmed, done.refund.state, payment.refunded) == (True, State.SUCCEEDED, 10_000)
    assert not await Finding.filter(refund_id=refund.id, resolved_at=None).exists()
    assert await invariants.check() == []


async def test_people_who_disagree_start_again() -> None:
    shop, _, refund = await _in_doubt()
    await resolve(_person(shop, "ana"), refund.id, Verdict.PAID, EVIDENCE, CAUSE)
    second = await resolve(_person(shop, "boss", Role.ADMINISTRATOR), refund.id, Verdict.NOT_PAID, EVIDENCE, CAUSE)
    third = await resolve(_person(shop, "ana"), refund.id, Verdict.PAID, EVIDENCE, CAUSE)
    assert (second.confirmed, third.confirmed) == (False, False)


class _Late(Lab):
    report_lag_days: int | None = 35


@pytest.mark.parametrize(("pse", "lag"), [("pix", 0), ("lab", 35)])
async def test_not_paid_needs_an_administrator_until_a_report_can_prove_it(
    pse: str, lag: int, owner_rows: OwnerRows
) -> None:
    registry.register(_Late())
    shop, _, refund = await _in_doubt(pse)
    for days in (lag, lag + 1):
        with pytest.raises(Forbidden, match="RESOLVE_DOUBT_EARLY"):
            await resolve(_person(shop, "ana"), refund.id, Verdict.NOT_PAID, EVIDENCE, CAUSE)
        await owner_rows(
            "INSERT INTO reports (id, merchant_id, connection_id, business_date, name, digest, content_type, content, "
            "totals, created_at) VALUES ($1, $2, $3, current_date + $4::int, $5, 'd', 't', '', '{}', now())",
            uuid4(),
            shop.id,
            shop.connection.id,
            days,
            f"r{days}",
        )
    assert not (await resolve(_person(shop, "ana"), refund.id, Verdict.NOT_PAID, EVIDENCE, CAUSE)).confirmed


async def test_not_paid_releases_the_money_and_a_later_payment_is_in_suspense() -> None:
    shop, payment, refund = await _in_doubt()
    for name in ("ana", "bia"):
        await resolve(_person(shop, name, Role.ADMINISTRATOR), refund.id, Verdict.NOT_PAID, EVIDENCE, CAUSE)
    assert (await Refund.get(id=refund.id)).state is State.FAILED
    await record(refund.id, Succeeded("D1"), Source(Door.REPORT), CAUSE)
    await payment.refresh_from_db()
    assert (payment.taken_by_bank, await invariants.check()) == (10_000, [])


async def test_a_frontend_token_may_not_end_a_doubt() -> None:
    shop, _, refund = await _in_doubt()
    with pytest.raises(Forbidden):
        await resolve(_person(shop, "web", Role.FRONTEND), refund.id, Verdict.PAID, EVIDENCE, CAUSE)


async def test_there_is_nothing_to_end_before_the_first_send_or_after_the_answer() -> None:
    shop = await a_shop()
    refund = await a_refund(shop, await a_payment(shop))
    with pytest.raises(InvalidState):
        await resolve(_person(shop, "ana"), refund.id, Verdict.PAID, EVIDENCE, CAUSE)
    await an_answer(refund, Succeeded("D1"))
    with pytest.raises(InvalidState):
        await resolve(_person(shop, "ana"), refund.id, Verdict.PAID, EVIDENCE, CAUSE)


async def test_a_verdict_needs_evidence() -> None:
    shop, _, refund = await _in_doubt()
    with pytest.raises(InvalidInput, match="evidence"):
        await resolve(_person(shop, "ana"), refund.id, Verdict.PAID, "   yes    ", CAUSE)


async def test_the_database_itself_refuses_a_verdict_confirmed_by_its_proposer(owner_rows: OwnerRows) -> None:
    shop, _, refund = await _in_doubt()
    await resolve(_person(shop, "ana"), refund.id, Verdict.PAID, EVIDENCE, CAUSE)
    with pytest.raises(asyncpg.CheckViolationError):
        await owner_rows("UPDATE doubt_verdicts SET confirmed_by = proposed_by, confirmed_at = now()")
