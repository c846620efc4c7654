"""What holds a retry holds the whole chain of retries, ends when it is over, and is told to a person if it lasts."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.access.tokens import Role
from domain.models import Event, Finding, Payment, Refund
from domain.models.ledger import Account
from domain.money import Money
from domain.notices import listings
from domain.payments import chargebacks
from domain.platform.database import execute
from domain.problems import InvalidState
from domain.pse import registry
from domain.pse.capabilities import LookUp, Route
from domain.pse.vocabulary import Accepted, ChargedBack, Declined, InDoubt, KnownRefund, Returned, Succeeded, Unsent
from domain.refunds import by_hand, next_step, schedule, withdraw
from domain.refunds.by_hand import Evidence, Way
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from domain.refunds.refresh import refresh
from domain.refunds.request import retry
from domain.refunds.work import Send
from tests.kit.factories import (
    CAUSE,
    OwnerRows,
    Shop,
    a_key,
    a_look_up,
    a_payment,
    a_person,
    a_refund,
    a_shop,
    an_answer,
    sent_earlier,
)
from tests.kit.lines import Telling, balance, today

pytestmark = pytest.mark.usefixtures("books")
NO = Declined("NO", "no")


async def _lab(look_up: LookUp = LookUp.BY_REFERENCE) -> tuple[Shop, Payment, Refund]:
    registry.register(Telling(look_up=look_up))
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop, amount=10_000, days_ago=0)
    return shop, payment, await a_refund(shop, payment, 3_000)


async def _again(shop: Shop, refund: Refund) -> Refund:
    return (await retry(shop.id, refund.id, a_key(), CAUSE)).refund


async def _due(refund: Refund) -> next_step.Next | None:
    await schedule.postpone(refund.id, 0)
    return await next_step.take(refund.id, lease_seconds=60, send_seconds=20)


@pytest.mark.parametrize("look_up", [LookUp.BY_REFERENCE, LookUp.NONE])
@pytest.mark.parametrize("canceled", [False, True])
async def test_a_retry_of_a_retry_is_held_by_what_the_pse_says_of_the_first_one(
    look_up: LookUp, canceled: bool
) -> None:
    shop, _, first = await _lab(look_up)
    await an_answer(first, NO)
    second = await _again(shop, first)
    if not canceled:
        await an_answer(second, NO)
    await record(first.id, Accepted("re_1"), Source(Door.NOTICE), CAUSE)
    if canceled:
        assert await _due(second) is None
        await withdraw.cancel(shop.id, second.id, None, a_key(), CAUSE)
    with pytest.raises(InvalidState):
        await _again(shop, second)


async def test_a_hold_of_a_moment_calls_no_person_for_an_order_that_may_have_been_sent(owner_rows: OwnerRows) -> None:
    shop, _, first = await _lab()
    await an_answer(first, NO)
    second = await _again(shop, first)
    await an_answer(second, InDoubt("TIMEOUT", "no answer"))
    await sent_earlier(owner_rows, "2 minutes")
    await a_look_up(second, Unsent("NOT_FOUND", "unknown"))
    await refresh(shop.id, first.id)
    assert await _due(second) is None
    now = await Refund.get(id=second.id)
    assert now.needs_person_since is None
    assert now.due_at is not None
    assert now.due_at < datetime.now(UTC) + timedelta(minutes=1)


async def test_a_webhook_that_was_given_up_holds_a_retry_with_a_word_to_a_person(owner_rows: OwnerRows) -> None:
    shop, payment, first = await _lab()
    await an_answer(first, NO)
    second = await _again(shop, first)
    await owner_rows(
        "INSERT INTO notices (id, connection_id, digest, body, headers, request_id, received_at, times_received, "
        "tries, waits_for) VALUES (gen_random_uuid(), $1, 'd', 'x', '{}', 'r', now(), 1, 9, "
        "jsonb_build_array($2::text))",
        shop.connection.id,
        payment.pse_reference,
    )
    assert await _due(second) is None
    assert await Finding.exists(kind="NOT_SENT", refund_id=second.id, resolved_at=None)


@pytest.mark.parametrize("named", ["payment", "refund"])
async def test_a_webhook_that_is_stored_and_was_read_by_nobody_yet_holds_a_retry(
    named: str, owner_rows: OwnerRows
) -> None:
    shop, payment, first = await _lab()
    await an_answer(first, NO)
    body = (payment.pse_reference if named == "payment" else first.reference).encode()
    await owner_rows(
        "INSERT INTO notices (id, connection_id, digest, body, headers, request_id, received_at, times_received, "
        "tries, due_at) VALUES (gen_random_uuid(), $1, 'd', $2, '{}', 'r', now(), 1, 0, now())",
        shop.connection.id,
        b'{"about": "' + body + b'"}',
    )
    with pytest.raises(InvalidState, match="webhook"):
        await _again(shop, first)


async def test_a_chargeback_without_its_amount_holds_a_retry_of_what_came_back() -> None:
    shop, payment, _ = await _lab()
    payment = await a_payment(shop, amount=3_000, days_ago=0)
    refund = await a_refund(shop, payment)
    await an_answer(refund, Succeeded("one"))
    await chargebacks.from_notice(payment, ChargedBack(payment.pse_reference, None, "cb", None, False), CAUSE)
    await record(refund.id, Returned("BACK", "card closed", "one"), Source(Door.LOOK_UP), CAUSE)
    with pytest.raises(InvalidState, match="customer's bank"):
        await _again(shop, refund)


async def test_what_did_not_fit_the_end_is_over_when_the_pse_says_that_it_fits_and_may_come_again() -> None:
    shop, _, refund = await _lab()
    await an_answer(refund, Succeeded("one"))
    trouble = InDoubt("HTTP_503", "trouble", needs_person=True)
    for _ in range(2):
        await a_look_up(refund, trouble)
        assert await Finding.filter(fingerprint=f"after-end/{refund.id}/HTTP_503", resolved_at=None).count() == 1
        await a_look_up(refund, Succeeded("one"))
        assert not await Finding.exists(fingerprint__startswith="after-end/", resolved_at=None)
    await record(refund.id, Returned("BACK", "account closed", "one"), Source(Door.LOOK_UP), CAUSE)
    await execute("UPDATE refunds SET due_at = NULL WHERE id = $1", refund.id)
    assert isinstance(await _due(await _again(shop, refund)), Send)


async def _paid_from_the_bank() -> tuple[Shop, Payment, Refund]:
    shop, payment, refund = await _lab()
    person = a_person(shop, "ana", Role.ACCOUNTING)
    await by_hand.take(person, refund.id, "the PSE is down", CAUSE)
    await by_hand.settle(person, refund.id, Evidence(Way.BANK_TRANSFER, "TED 1", today()), CAUSE)
    return shop, payment, await Refund.get(id=refund.id)


@pytest.mark.parametrize("door", [Door.NOTICE, Door.LOOK_UP])
async def test_what_the_pse_pays_beside_a_bank_transfer_is_other_money(door: Door) -> None:
    shop, payment, refund = await _paid_from_the_bank()
    await record(refund.id, Succeeded("re_1"), Source(door), CAUSE)
    assert (await Payment.get(id=payment.id)).taken_by_bank == 3_000
    await record(refund.id, Returned("BACK", "account closed", "re_1"), Source(door), CAUSE)
    assert ((await Refund.get(id=refund.id)).state, await balance(shop, Account.BANK)) == ("SUCCEEDED", -3_000)
    assert (await Payment.get(id=payment.id)).taken_by_bank == 0


async def test_a_pse_that_does_not_know_what_the_bank_has_paid_says_nothing_new() -> None:
    shop, _, refund = await _paid_from_the_bank()
    await record(refund.id, Unsent("NOT_FOUND", "unknown"), Source(Door.LOOK_UP), CAUSE)
    await by_hand.transfer_returned(a_person(shop, "bo", Role.ACCOUNTING), refund.id, "no such account", CAUSE)
    assert isinstance(await _due(await _again(shop, refund)), Send)


async def test_after_the_bank_gave_it_back_news_that_the_pse_has_paid_holds_the_retry() -> None:
    shop, _, refund = await _paid_from_the_bank()
    await by_hand.transfer_returned(a_person(shop, "bo", Role.ACCOUNTING), refund.id, "no such account", CAUSE)
    await record(refund.id, Succeeded("re_1"), Source(Door.NOTICE), CAUSE)
    with pytest.raises(InvalidState, match="may have this money already"):
        await _again(shop, refund)


async def test_a_person_who_is_about_to_pay_is_told_that_the_pse_works_on_it() -> None:
    shop, _, refund = await _lab()
    person = a_person(shop, "ana", Role.ACCOUNTING)
    await by_hand.take(person, refund.id, "the PSE is slow", CAUSE)
    await record(refund.id, Accepted("re_1"), Source(Door.NOTICE), CAUSE)
    assert await Finding.exists(kind="STATUS_MISMATCH", refund_id=refund.id, resolved_at=None)
    with pytest.raises(InvalidState, match="has this order after all"):
        await by_hand.instruction(person, refund.id, b"s" * 32, CAUSE)


async def test_money_that_left_for_a_refund_that_waits_for_its_destination_is_booked() -> None:
    registry.register(Telling(look_up=LookUp.BY_REFERENCE, route=Route.PAYOUT_WITH_DESTINATION))
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop, amount=10_000, days_ago=0)
    refund = await a_refund(shop, payment, 3_000)
    await record(refund.id, Succeeded("re_1"), Source(Door.NOTICE), CAUSE)
    assert (await Payment.get(id=payment.id)).taken_by_bank == 3_000


@pytest.mark.parametrize("door", ["webhook", "listing"])
async def test_a_refund_that_is_paid_under_a_second_name_is_told_to_a_person(door: str) -> None:
    _, payment, refund = await _lab()
    await an_answer(refund, Succeeded("one"))
    if door == "webhook":
        await record(refund.id, Succeeded("two"), Source(Door.NOTICE), CAUSE)
    else:
        money = Money(3_000, "BRL")
        both = [
            KnownRefund(refund.reference, name, money, Succeeded(name), False, "x", None, None)
            for name in ("one", "two")
        ]
        await listings.take_in_all(payment, both, CAUSE)
    assert await Finding.exists(fingerprint=f"after-end/{refund.id}/SECOND_NAME", resolved_at=None)
    assert await Event.filter(refund_id=refund.id, code="SECOND_NAME").count() == 1
