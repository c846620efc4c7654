"""The one door: what an answer, a look-up, a notice or a report does to a refund, whatever the order they come in."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from domain import invariants
from domain.findings.findings import FindingKind
from domain.models import Attempt, Event, Finding, Payment, Refund
from domain.models.refunds import State
from domain.money import Money
from domain.payments import external, unnamed
from domain.pse.vocabulary import Accepted, Declined, InDoubt, KnownRefund, Outcome, Returned, Succeeded, Unsent
from domain.refunds import attempts, next_step, schedule
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from domain.refunds.work import Ask, Send
from tests.kit.factories import CAUSE, OwnerRows, Shop, a_look_up, a_payment, a_refund, a_shop, an_answer, sent_earlier

pytestmark = pytest.mark.usefixtures("books")
UNKNOWN = Unsent("PixDevolucaoNaoEncontrada", "unknown")
LOST = InDoubt("TIMEOUT", "no answer")


async def _refund() -> tuple[Shop, Payment, Refund]:
    shop = await a_shop()
    payment = await a_payment(shop, amount=10_000, tax=1_801)
    return shop, payment, await a_refund(shop, payment, 6_000)


async def _fresh(refund: Refund) -> Refund:
    return await Refund.get(id=refund.id)


@pytest.mark.parametrize(
    ("outcome", "state", "reserved", "refunded"),
    [
        (Accepted("D1"), State.PENDING, 6_000, 0),
        (Succeeded("D1"), State.SUCCEEDED, 0, 6_000),
        (Declined("NO", "no"), State.FAILED, 0, 0),
        (Returned("BACK", "back"), State.RETURNED, 0, 0),
        (Unsent("CONNECTERROR", "refused"), State.REQUESTED, 6_000, 0),
        (LOST, State.SUBMITTED, 6_000, 0),
    ],
)
async def test_an_answer_moves_the_refund_and_the_money(
    outcome: Outcome, state: State, reserved: int, refunded: int
) -> None:
    _, payment, refund = await _refund()
    await an_answer(refund, outcome)
    await payment.refresh_from_db()
    assert (await _fresh(refund)).state is state
    assert (payment.reserved, payment.refunded) == (reserved, refunded)
    assert await invariants.check() == []


async def test_a_lost_answer_is_asked_for_and_never_sent_again_while_it_is_in_doubt() -> None:
    _, _, refund = await _refund()
    await an_answer(refund, LOST)
    await schedule.postpone(refund.id, 0)
    assert isinstance(await next_step.take(refund.id, lease_seconds=60, send_seconds=20), Ask)


async def test_unknown_is_not_believed_within_the_grace() -> None:
    _, _, refund = await _refund()
    await an_answer(refund, LOST)
    assert (await a_look_up(refund, UNKNOWN)).state is State.SUBMITTED


async def test_unknown_after_the_grace_means_send_again_with_the_same_reference(owner_rows: OwnerRows) -> None:
    _, _, refund = await _refund()
    await an_answer(refund, LOST)
    await sent_earlier(owner_rows, "1 hour")
    assert (await a_look_up(refund, UNKNOWN)).state is State.REQUESTED
    again = await next_step.take(refund.id, lease_seconds=60, send_seconds=20)
    assert isinstance(again, Send)
    assert (again.attempt, again.order.reference) == (2, refund.reference)


async def test_an_ambiguous_refusal_that_the_look_up_does_not_know_is_a_refusal(owner_rows: OwnerRows) -> None:
    _, _, refund = await _refund()
    await an_answer(refund, InDoubt("PixDevolucaoInvalida", "sum too high", refusal=True))
    await sent_earlier(owner_rows, "1 hour")
    await a_look_up(refund, UNKNOWN)
    failed = await _fresh(refund)
    assert (failed.state, failed.failure_code) == (State.FAILED, "PixDevolucaoInvalida")


async def test_an_ambiguous_refusal_that_the_look_up_knows_is_what_the_look_up_says() -> None:
    _, _, refund = await _refund()
    await an_answer(refund, InDoubt("PixDevolucaoInvalida", "id used before", refusal=True))
    assert (await a_look_up(refund, Succeeded("D1"))).state is State.SUCCEEDED


async def test_a_look_up_of_an_older_attempt_can_not_cause_another_send(owner_rows: OwnerRows) -> None:
    _, _, refund = await _refund()
    await an_answer(refund, LOST)
    await sent_earlier(owner_rows, "1 hour")
    await schedule.postpone(refund.id, 0)
    slow = await next_step.take(refund.id, lease_seconds=60, send_seconds=20)
    assert isinstance(slow, Ask)
    await a_look_up(refund, UNKNOWN)
    await an_answer(refund, LOST)  # the second send is now in doubt
    source = Source(Door.LOOK_UP, attempt=slow.attempt, asked_at=slow.asked_at)
    assert (await record(refund.id, UNKNOWN, source, slow.cause)).state is State.SUBMITTED


async def test_a_worker_that_lost_its_lease_is_refused_and_the_pse_is_asked(owner_rows: OwnerRows) -> None:
    _, _, refund = await _refund()
    slow = await next_step.take(refund.id, lease_seconds=60, send_seconds=20)
    assert isinstance(slow, Send)
    await owner_rows("UPDATE attempts SET claimed_until = now() - interval '1 second'")
    await schedule.postpone(refund.id, 0)
    assert isinstance(await next_step.take(refund.id, lease_seconds=60, send_seconds=20), Ask)
    late = await record(refund.id, Declined("NO", "no"), Source(Door.ANSWER, attempt=slow.attempt), slow.cause)
    assert late.stale
    fresh = await _fresh(refund)
    assert fresh.state is State.SUBMITTED
    assert (await Attempt.get(refund_id=refund.id, number=1)).code == "WORKER_LOST"


async def test_an_attempt_whose_worker_died_while_a_webhook_ended_the_refund_is_ended_too(
    owner_rows: OwnerRows,
) -> None:
    _, _, refund = await _refund()
    assert isinstance(await next_step.take(refund.id, lease_seconds=60, send_seconds=20), Send)
    await record(refund.id, Succeeded("D1"), Source(Door.NOTICE), CAUSE)
    assert await attempts.end_lost() == 0, "its worker may still bring the answer"
    await owner_rows(
        "UPDATE attempts SET sent_at = sent_at - interval '1 hour', claimed_until = claimed_until - interval '1 hour'"
    )
    assert [await attempts.end_lost(), await attempts.end_lost()] == [1, 0]
    ended = await Attempt.get(refund_id=refund.id, number=1)
    assert (ended.outcome, ended.code) == ("IN_DOUBT", "WORKER_LOST")
    late = await record(refund.id, Succeeded("D1"), Source(Door.ANSWER, attempt=1), CAUSE)
    assert (late.stale, (await _fresh(refund)).state) == (True, State.SUCCEEDED)


async def test_an_attempt_in_doubt_is_not_ended_by_the_clock_alone(owner_rows: OwnerRows) -> None:
    _, _, refund = await _refund()
    assert isinstance(await next_step.take(refund.id, lease_seconds=60, send_seconds=20), Send)
    await owner_rows("UPDATE attempts SET sent_at = sent_at - interval '1 hour', claimed_until = now()")
    assert await attempts.end_lost() == 0


async def test_two_workers_never_hold_the_same_refund() -> None:
    _, _, refund = await _refund()
    first = await next_step.take(refund.id, lease_seconds=60, send_seconds=20)
    second = await next_step.take(refund.id, lease_seconds=60, send_seconds=20)
    assert isinstance(first, Send)
    assert second is None


async def test_never_sent_waits_longer_each_time_and_calls_a_person_in_the_end() -> None:
    _, _, refund = await _refund()
    for _ in range(9):
        await schedule.postpone(refund.id, 0)
        await an_answer(refund, Unsent("CONNECTERROR", "connection refused"))
    fresh = await _fresh(refund)
    assert (fresh.state, fresh.unsent) == (State.REQUESTED, 9)
    assert await Finding.filter(kind="NOT_SENT", refund_id=refund.id).count() == 1


async def test_a_refund_that_never_left_is_expired_when_its_window_has_closed(owner_rows: OwnerRows) -> None:
    _, payment, refund = await _refund()
    await owner_rows("ALTER TABLE payments DISABLE TRIGGER USER")
    await owner_rows("UPDATE payments SET captured_at = captured_at - interval '91 days'")
    assert await next_step.take(refund.id, lease_seconds=60, send_seconds=20) is None
    assert (await _fresh(refund)).state is State.EXPIRED
    await payment.refresh_from_db()
    assert (payment.reserved, await invariants.check()) == (0, [])


async def test_money_that_comes_back_releases_the_amount_once() -> None:
    _, payment, refund = await _refund()
    await an_answer(refund, Succeeded("D1"))
    for _ in range(3):
        await record(refund.id, Returned("NAO_REALIZADO", "came back"), Source(Door.NOTICE), CAUSE)
    await payment.refresh_from_db()
    assert (await _fresh(refund)).state is State.RETURNED
    assert (payment.reserved, payment.refunded, payment.tax_allocated) == (0, 0, 0)
    assert await invariants.check() == []


async def test_refused_after_success_is_asked_again_instead_of_believed() -> None:
    _, _, refund = await _refund()
    await an_answer(refund, Succeeded("D1"))
    said = await record(refund.id, Declined("NO", "stale"), Source(Door.NOTICE), CAUSE)
    assert (said.state, said.due_in) == (State.SUCCEEDED, 0)


async def test_money_that_left_after_a_failure_is_in_suspense_with_a_finding_once() -> None:
    _, payment, refund = await _refund()
    await an_answer(refund, Declined("NO", "no"))
    for _ in range(3):
        await record(refund.id, Succeeded("D1"), Source(Door.LOOK_UP), CAUSE)
    await payment.refresh_from_db()
    assert (await _fresh(refund)).state is State.FAILED
    assert payment.taken_by_bank == 6_000
    assert await Finding.filter(kind="CONTRADICTION").count() == 1
    assert await Event.filter(refund_id=refund.id, kind="CONTRADICTION").count() == 1
    await record(refund.id, Declined("NAO_REALIZADO", "it came back"), Source(Door.LOOK_UP), CAUSE)
    await payment.refresh_from_db()
    assert (payment.taken_by_bank, await invariants.check()) == (0, [])


async def test_money_that_a_nameless_line_and_a_look_up_tell_of_an_ended_refund_is_taken_once() -> None:
    shop, payment, refund = await _refund()
    await an_answer(refund, Declined("NO", "no"))
    named = KnownRefund(
        f"{external.BY_AMOUNT}line-1", None, Money(refund.amount, "BRL"), Succeeded(), False, "x", None, None
    )
    await unnamed.from_line(payment, named, unnamed.Told("night.csv", 1, 0), CAUSE)
    for _ in range(2):
        await record(refund.id, Succeeded("D1"), Source(Door.LOOK_UP), CAUSE)
        await unnamed.from_line(payment, named, unnamed.Told("night.csv", 1, 0), CAUSE)
        await payment.refresh_from_db()
        assert payment.taken_by_bank == refund.amount
    assert [row.kind for row in await Finding.filter(resolved_at=None)] == ["CONTRADICTION"]
    assert await invariants.check() == []
    # Another line of the same amount is other money.
    await unnamed.from_line(
        payment, replace(named, reference=f"{external.BY_AMOUNT}line-2"), unnamed.Told("night.csv", 2, 0), CAUSE
    )
    await payment.refresh_from_db()
    assert payment.taken_by_bank == 2 * refund.amount


@pytest.mark.parametrize("prefix", ["", external.BY_AMOUNT])
@pytest.mark.parametrize("heard", [Accepted("D1"), Succeeded("D1"), Returned("BACK", "back", "D1")])
async def test_what_was_booked_under_the_pses_name_is_the_refunds_when_its_name_is_heard(
    prefix: str, heard: Outcome
) -> None:
    shop, payment, refund = await _refund()
    told = KnownRefund(f"{prefix}D1", "D1", Money(6_000, "BRL"), Succeeded("D1"), False, "x", None, None)
    work = await next_step.take(refund.id, lease_seconds=60, send_seconds=20)
    assert isinstance(work, Send)
    assert await external.book(payment, told, FindingKind.MISSING_IN_LEDGER, CAUSE)
    await record(refund.id, heard, Source(Door.ANSWER, attempt=work.attempt), CAUSE)
    await payment.refresh_from_db()
    assert payment.taken_by_bank == 0
    owed = int(isinstance(heard, Returned))
    assert (await Finding.filter(resolved_at=None).count(), await invariants.check()) == (owed, [])
    assert not await external.book(payment, told, FindingKind.MISSING_IN_LEDGER, CAUSE), "it is told again"


async def test_a_webhook_that_contradicts_an_end_is_asked_about_before_it_is_booked() -> None:
    _, payment, refund = await _refund()
    await an_answer(refund, Declined("NO", "no"))
    said = await record(refund.id, Succeeded("D1"), Source(Door.NOTICE), CAUSE)
    await payment.refresh_from_db()
    assert (said.state, said.due_in, payment.taken_by_bank) == (State.FAILED, 0, 0)
    await a_look_up(refund, Succeeded("D1"))
    await payment.refresh_from_db()
    assert payment.taken_by_bank == 6_000


async def test_a_departure_that_is_heard_of_after_the_return_leaves_nothing_in_suspense() -> None:
    _, payment, refund = await _refund()
    await an_answer(refund, Declined("NO", "no"))
    await record(refund.id, Returned("BACK", "it came back"), Source(Door.NOTICE), CAUSE)
    await record(refund.id, Succeeded("D1"), Source(Door.REPORT), CAUSE)
    await payment.refresh_from_db()
    assert (payment.taken_by_bank, await invariants.check()) == (0, [])


NEWS: Sequence[Outcome] = (Accepted("D1"), Succeeded("D1"), Returned("BACK", "back"))


@pytest.mark.parametrize("order", list(itertools.permutations([*NEWS, NEWS[1]])))
async def test_news_in_any_order_and_twice_ends_in_the_same_books(order: Sequence[Outcome]) -> None:
    """Accepted, paid and come back: whatever the order, the money is back and nothing is booked twice."""
    _, payment, refund = await _refund()
    await an_answer(refund, LOST)
    for outcome in order:
        await record(refund.id, outcome, Source(Door.NOTICE), CAUSE)
    await payment.refresh_from_db()
    assert (await _fresh(refund)).state is State.RETURNED
    assert (payment.reserved, payment.refunded) == (0, 0)
    assert await invariants.check() == []


async def test_another_refund_under_our_reference_calls_a_person_at_once() -> None:
    _, _, refund = await _refund()
    await an_answer(refund, InDoubt("ECHO_MISMATCH", "another amount", needs_person=True))
    fresh = await _fresh(refund)
    assert fresh.needs_person_since is not None
    assert await Finding.filter(kind="DOUBT_UNRESOLVED", refund_id=refund.id).count() == 1


async def test_doubt_that_no_look_up_ends_calls_a_person_and_goes_on_asking_daily() -> None:
    _, _, refund = await _refund()
    await an_answer(refund, LOST)
    await Refund.filter(id=refund.id).update(asks=1_000)
    said = await a_look_up(refund, LOST)
    fresh = await _fresh(refund)
    assert fresh.needs_person_since is not None
    assert said.due_in is not None
    assert said.due_in > timedelta(hours=12).total_seconds()
    assert (await a_look_up(refund, Succeeded("D1"))).state is State.SUCCEEDED
    assert not await Finding.filter(refund_id=refund.id, resolved_at=None).exists()


@pytest.mark.parametrize("told", [Succeeded("D1"), Accepted("D1")])
async def test_a_webhook_during_a_call_is_looked_into_after_it(told: Outcome) -> None:
    """What the call says may be older than what the webhook was about."""
    _, _, refund = await _refund()
    await an_answer(refund, Succeeded("D1"))
    await schedule.postpone(refund.id, 0)
    asking = await next_step.take(refund.id, lease_seconds=60, send_seconds=20)
    assert isinstance(asking, Ask)
    await schedule.postpone(refund.id, 0)  # the webhook of a return rings here
    source = Source(Door.LOOK_UP, attempt=asking.attempt, asked_at=asking.asked_at)
    await record(refund.id, told, source, asking.cause)
    assert isinstance(await next_step.take(refund.id, lease_seconds=60, send_seconds=20), Ask)
    await record(refund.id, Succeeded("D1"), source, asking.cause)
    assert (await _fresh(refund)).due_at is None
