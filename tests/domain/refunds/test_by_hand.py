"""Paid by hand: taken only while it certainly never reached the PSE, settled with evidence, booked right."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from domain import invariants
from domain.access.tokens import Role
from domain.models import Payment, Refund, Settlement
from domain.models.ledger import Account
from domain.models.refunds import State
from domain.problems import Forbidden, InvalidInput, InvalidState
from domain.pse import registry
from domain.pse.capabilities import LookUp, Route
from domain.pse.vocabulary import Declined, InDoubt, Returned, Succeeded, Unsent
from domain.refunds import by_hand, next_step, refresh, request, schedule, withdraw
from domain.refunds.by_hand import Evidence, Way
from domain.refunds.destination import destinations
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from jobs.wire.sender import sender
from tests.conftest import Database
from tests.domain.refunds.destination.test_destinations import CPF, given
from tests.kit.days import utc_today
from tests.kit.factories import CAUSE, KEY, Shop, a_key, a_payment, a_person, a_refund, a_shop, a_yes, an_answer
from tests.kit.lab_connector import Lab
from tests.kit.lines import balance, open_findings
from tests.kit.world import World, a_sandbox, a_shop_at, quick_settings

pytestmark = pytest.mark.usefixtures("books")
WHY = "The PSE has been down since noon."


def _transfer() -> Evidence:
    return Evidence(Way.BANK_TRANSFER, "TED 123", utc_today(-1), "ted.pdf", b"%PDF-1.7 proof")


async def _taken() -> tuple[Shop, Payment, Refund]:
    shop = await a_shop()
    payment = await a_payment(shop)
    refund = await a_refund(shop, payment, 4_000)
    return shop, payment, await by_hand.take(a_person(shop, "ana", Role.ACCOUNTING), refund.id, WHY, CAUSE)


async def test_a_bank_transfer_is_booked_against_the_bank_and_expects_no_report_line() -> None:
    shop, payment, refund = await _taken()
    done = (await by_hand.settle(a_person(shop, "ana", Role.ACCOUNTING), refund.id, _transfer(), CAUSE)).refund
    await payment.refresh_from_db()
    assert (done.state, payment.refunded, payment.reserved) == (State.SUCCEEDED, 4_000, 0)
    assert (await balance(shop, Account.BANK), await balance(shop, Account.PSE_CLEARING)) == (-4_000, 10_000)
    kept = await Settlement.get(refund_id=refund.id)
    assert (kept.file_type, kept.settled_by, done.paid_by_bank_transfer) == ("application/pdf", "ana", True)
    assert await invariants.check() == []


async def test_a_transfer_that_comes_back_comes_back_to_the_bank() -> None:
    shop, payment, refund = await _taken()
    await by_hand.settle(a_person(shop, "ana", Role.ACCOUNTING), refund.id, _transfer(), CAUSE)
    await record(refund.id, Returned("CLOSED", "The account was closed."), Source(Door.PERSON), CAUSE)
    await payment.refresh_from_db()
    assert (await balance(shop, Account.BANK), payment.refunded) == (0, 0)
    assert await invariants.check() == []


async def test_paid_in_the_back_office_is_booked_at_the_pse_with_its_reference() -> None:
    shop, _, refund = await _taken()
    evidence = Evidence(Way.PSE_BACK_OFFICE, "D-77", utc_today(-1))
    done = (await by_hand.settle(a_person(shop, "ana", Role.ACCOUNTING), refund.id, evidence, CAUSE)).refund
    assert (done.state, done.pse_refund_reference) == (State.SUCCEEDED, "D-77")
    assert (await balance(shop, Account.BANK), await balance(shop, Account.PSE_CLEARING)) == (0, 6_000)


async def test_what_may_be_at_the_pse_cannot_be_taken_off_the_wire() -> None:
    shop = await a_shop()
    ana = a_person(shop, "ana", Role.ACCOUNTING)
    payment = await a_payment(shop)
    doubtful = await a_refund(shop, payment, 1_000)
    await an_answer(doubtful, InDoubt("TIMEOUT", "no answer"))
    with pytest.raises(InvalidState, match="never reached"):
        await by_hand.take(ana, doubtful.id, WHY, CAUSE)
    unsent = await a_refund(shop, payment, 1_000)
    await an_answer(unsent, Unsent("DOWN", "no connection"))
    assert (await by_hand.take(ana, unsent.id, WHY, CAUSE)).state is State.MANUAL


async def test_only_who_may_settle_does_and_a_reason_is_given() -> None:
    shop = await a_shop()
    refund = await a_refund(shop, await a_payment(shop))
    with pytest.raises(Forbidden):
        await by_hand.take(a_person(shop, "shop", Role.FRONTEND), refund.id, WHY, CAUSE)
    with pytest.raises(InvalidInput):
        await by_hand.take(a_person(shop, "ana", Role.ACCOUNTING), refund.id, "no", CAUSE)


@pytest.mark.parametrize(
    ("evidence", "field"),
    [
        (lambda: Evidence(Way.BANK_TRANSFER, "", utc_today(-1)), "reference"),
        (lambda: Evidence(Way.BANK_TRANSFER, "x", utc_today(8)), "paidOn"),
        (lambda: Evidence(Way.BANK_TRANSFER, "x", utc_today(-1), "a.exe", b"MZ..."), "fileContent"),
        (
            lambda: Evidence(Way.BANK_TRANSFER, "x", utc_today(-1), "a.pdf", b"%PDF-" + b"x" * by_hand.FILE_BYTES_MAX),
            "fileContent",
        ),
        (lambda: Evidence(Way.BANK_TRANSFER, "x", utc_today(-1), None, b"%PDF-"), "fileName"),
    ],
)
async def test_evidence_that_proves_nothing_is_refused(evidence: Callable[[], Evidence], field: str) -> None:
    shop, _, refund = await _taken()
    with pytest.raises(InvalidInput) as refused:
        await by_hand.settle(a_person(shop, "ana", Role.ACCOUNTING), refund.id, evidence(), CAUSE)
    assert refused.value.path == ["input", field]
    assert (await Refund.get(id=refund.id)).state is State.MANUAL


async def test_it_can_be_withdrawn_or_given_back_to_the_queue() -> None:
    shop, payment, refund = await _taken()
    back = await by_hand.give_back(a_person(shop, "ana", Role.ACCOUNTING), refund.id, "Not paid after all.", CAUSE)
    assert back.state is State.REQUESTED
    again = await by_hand.take(a_person(shop, "ana", Role.ACCOUNTING), refund.id, WHY, CAUSE)
    ended = (await withdraw.cancel(shop.id, again.id, None, a_key(), CAUSE, settles_manually=True)).refund
    await payment.refresh_from_db()
    assert (ended.state, payment.reserved) == (State.CANCELED, 0)
    assert await invariants.check() == []


# Over real HTTP


@pytest.fixture
def lab() -> Iterator[Lab]:
    made = Lab(route=Route.PAYOUT_WITH_DESTINATION)
    registry.register(made)
    yield made
    registry._CONNECTORS.pop("lab")


@pytest.fixture
async def world(books: Database) -> AsyncIterator[World]:
    settings = quick_settings()
    async with a_sandbox() as sandbox, sender(settings.secret_key, settings.send_limit_seconds) as sending:
        yield World(await a_shop_at(sandbox), sandbox, sending, settings)


async def test_the_pse_coming_back_does_not_pay_what_a_person_has_taken(world: World) -> None:
    payment = await world.payment("unavailable")
    refund = await a_refund(world.shop, payment, 4_000)
    ana = a_person(world.shop, "ana", Role.ACCOUNTING)
    await by_hand.take(ana, refund.id, WHY, CAUSE)
    for _ in range(3):
        await world.step(refund)
    assert await world.sandbox.refund_requests(payment.pse_reference) == 0
    with pytest.raises(InvalidState):
        await refresh.refresh(world.shop.id, refund.id)
    await by_hand.settle(ana, refund.id, _transfer(), CAUSE)
    await world.step(refund)
    assert await world.sandbox.paid(payment.pse_reference) == 0
    assert (await Refund.get(id=refund.id)).state is State.SUCCEEDED
    assert await invariants.check() == []


async def test_where_the_pse_has_no_payout_wire_a_person_gets_the_instruction(lab: Lab, world: World) -> None:
    shop = await a_shop_at(world.sandbox.at("lab"))
    payment = await a_payment(shop, tax_id=CPF)
    refund = await a_yes(shop, await a_refund(shop, payment, given=given()))
    stepped = await World(shop, world.sandbox.at("lab"), world.sender, world.settings).step(refund)
    assert (stepped.state, stepped.due_at) == (State.MANUAL, None)
    opened = await destinations.opened(refund.id, KEY)
    assert opened is not None
    assert opened.values["pix_key"] == "ana@example.com"
    assert await next_step.take(refund.id, lease_seconds=60, send_seconds=20) is None


async def test_what_is_withdrawn_leaves_no_finding_that_it_does_not_get_out() -> None:
    shop = await a_shop()
    refund = await a_refund(shop, await a_payment(shop))
    for _ in range(10):
        await an_answer(refund, Unsent("X", "x"))
        await schedule.postpone(refund.id, 0)
    assert await open_findings() == ["NOT_SENT"]
    await withdraw.cancel(shop.id, refund.id, None, a_key(), CAUSE)
    assert await open_findings() == []


async def test_a_retry_whose_money_left_meanwhile_is_not_taken_in_hand() -> None:
    registry.register(Lab(look_up=LookUp.NONE))
    shop = await a_shop(pse="lab")
    refund = await a_refund(shop, await a_payment(shop, days_ago=0), 3_000)
    await an_answer(refund, Declined("NO", "no"))
    retried = (await request.retry(shop.id, refund.id, a_key(), CAUSE)).refund
    await record(refund.id, Succeeded("one"), Source(Door.LOOK_UP), CAUSE)
    with pytest.raises(InvalidState, match="may have this money already"):
        await by_hand.take(a_person(shop, "ana", Role.ACCOUNTING), retried.id, WHY, CAUSE)
