"""Where the money goes when there is no way back: destination first, then approval, bound to it."""

from collections.abc import Iterator
from datetime import timedelta

import asyncpg
import pytest

from domain import invariants
from domain.access.tokens import Role
from domain.cause import Cause
from domain.models import Approval, Destination, DestinationLink, Event, Payment, Refund
from domain.models.refunds import State
from domain.payments import customer_tokens, customers
from domain.payments.customer_tokens import CustomerMay, NewCustomerToken
from domain.problems import Forbidden, IdempotencyConflict, InvalidInput, InvalidState
from domain.pse import registry
from domain.pse.capabilities import Route
from domain.pse.vocabulary import DestinationKind as Kind
from domain.refunds import next_step, withdraw
from domain.refunds.approvals import decide as approvals
from domain.refunds.destination import destinations, links
from domain.refunds.destination.destinations import Given
from domain.refunds.destination.links import WrongDigits
from domain.refunds.work import Send
from tests.kit.factories import CAUSE, KEY, OwnerRows, Shop, a_key, a_payment, a_person, a_refund, a_shop, a_yes
from tests.kit.lab_connector import Lab

pytestmark = pytest.mark.usefixtures("books", "no_way_back")
CPF, OTHER = "390.533.447-05", "111.444.777-35"
GENERIC = "111.111.111-11"  # whose check digits are right


def given(tax_id: str = CPF, key: str = "ana@example.com") -> Given:
    return Given(Kind.PIX_KEY, {"pix_key": key, "holder_name": "Ana Souza", "holder_tax_id": tax_id})


@pytest.fixture
def no_way_back() -> Iterator[None]:
    registry.register(Lab(route=Route.PAYOUT_WITH_DESTINATION, destinations=(Kind.PIX_KEY,)))
    yield
    registry._CONNECTORS.pop("lab", None)


async def paid(tax_id: str | None = CPF) -> tuple[Shop, Payment]:
    shop = await a_shop(pse="lab")
    return shop, await a_payment(shop, tax_id=tax_id)


async def take(refund: Refund) -> Send | None:
    work = await next_step.take(refund.id, lease_seconds=60, send_seconds=20)
    assert work is None or isinstance(work, Send)
    return work


async def test_without_a_destination_the_refund_waits_and_the_amount_is_reserved() -> None:
    shop, payment = await paid()
    refund = await a_refund(shop, payment, 4_000)
    await payment.refresh_from_db()
    assert (refund.state, payment.reserved) == (State.AWAITING_DESTINATION, 4_000)
    assert refund.expires_at is not None
    assert await take(refund) is None
    assert await invariants.check() == []


async def test_an_account_that_staff_typed_waits_even_under_the_payers_own_tax_id() -> None:
    shop, payment = await paid()
    refund = await a_refund(shop, payment, 4_000, given=given("39053344705"))
    (told,) = await Event.filter(refund_id=refund.id, kind="DESTINATION_PROVIDED")
    assert (refund.state, told.code, told.detail["payer_matches"]) == (State.AWAITING_APPROVAL, "STAFF", True)
    assert await take(refund) is None
    refund = await a_yes(shop, refund)
    assert refund.state is State.REQUESTED
    assert await take(refund) is not None
    opened = await destinations.opened(refund.id, KEY)
    assert opened is not None
    assert opened.values["pix_key"] == "ana@example.com"
    assert await invariants.check() == []


@pytest.mark.parametrize(("payer", "holder"), [(CPF, OTHER), (None, CPF), (GENERIC, GENERIC)])
async def test_an_account_that_is_not_known_to_be_the_payers_waits_for_approval(payer: str | None, holder: str) -> None:
    shop, payment = await paid(payer)
    refund = await a_refund(shop, payment, 4_000, given=given(holder))
    assert refund.state is State.AWAITING_APPROVAL
    assert await take(refund) is None


async def test_a_destination_that_comes_later_goes_the_same_way_once() -> None:
    shop, payment = await paid()
    refund, key = await a_refund(shop, payment, 4_000), a_key()
    first, replayed = await destinations.provide(shop.id, refund.id, given(), key, CAUSE, KEY)
    again, replayed_again = await destinations.provide(shop.id, refund.id, given(), key, CAUSE, KEY)
    assert (first.state, again.state, replayed, replayed_again) == (
        State.AWAITING_APPROVAL,
        State.AWAITING_APPROVAL,
        False,
        True,
    )
    with pytest.raises(IdempotencyConflict):
        await destinations.provide(shop.id, refund.id, given(key="bia@example.com"), key, CAUSE, KEY)
    await a_yes(shop, first)
    with pytest.raises(InvalidState):
        await destinations.provide(shop.id, refund.id, given(), a_key(), CAUSE, KEY)


async def _waiting_for_approval() -> tuple[Shop, Refund, Destination]:
    shop, payment = await paid()
    refund = await a_refund(shop, payment, 4_000, given=given(OTHER))
    return shop, refund, await Destination.get(refund_id=refund.id, superseded_at=None)


async def test_a_second_person_approves_and_it_goes() -> None:
    shop, refund, destination = await _waiting_for_approval()
    boss = a_person(shop, "boss", Role.ACCOUNTING)
    done = await approvals.approve(boss, refund.id, destination.fingerprint, None, CAUSE)
    assert done.state is State.REQUESTED
    assert await take(done) is not None
    with pytest.raises(InvalidState):
        await approvals.approve(boss, refund.id, destination.fingerprint, None, CAUSE)


async def test_nobody_approves_what_they_asked_for_or_named_the_account_of_not_even_an_administrator() -> None:
    shop, refund, destination = await _waiting_for_approval()
    with pytest.raises(Forbidden, match="another person"):
        await approvals.approve(
            a_person(shop, CAUSE.actor, Role.ADMINISTRATOR), refund.id, destination.fingerprint, None, CAUSE
        )
    await destinations.provide(shop.id, refund.id, given(OTHER, "x@example.com"), a_key(), Cause("r", "bia"), KEY)
    with pytest.raises(Forbidden, match="another person"):
        await approvals.reject(a_person(shop, "bia", Role.ADMINISTRATOR), refund.id, "no", CAUSE)
    with pytest.raises(Forbidden, match="APPROVE"):
        await approvals.reject(a_person(shop, "shop", Role.FRONTEND), refund.id, "no", CAUSE)


async def test_the_database_itself_wants_four_eyes(owner_rows: OwnerRows) -> None:
    shop, refund, _ = await _waiting_for_approval()
    with pytest.raises(asyncpg.CheckViolationError):
        await owner_rows(
            "INSERT INTO approvals (id, merchant_id, refund_id, fingerprint, requested_by, provided_by, decided_by, "
            "  decision, decided_at) VALUES (gen_random_uuid(), $1, $2, 'f', 'ana', 'bia', 'ana', 'YES', now())",
            shop.id,
            refund.id,
        )


async def test_any_change_of_the_destination_voids_what_the_approver_saw() -> None:
    shop, refund, seen = await _waiting_for_approval()
    changed, _ = await destinations.provide(
        shop.id, refund.id, given(OTHER, "thief@example.com"), a_key(), Cause("r", "bia"), KEY
    )
    assert changed.state is State.AWAITING_APPROVAL
    with pytest.raises(InvalidState, match="not the one that you saw"):
        await approvals.approve(a_person(shop, "boss", Role.ACCOUNTING), refund.id, seen.fingerprint, None, CAUSE)
    assert not await Approval.exists()


async def test_a_no_ends_the_refund_and_frees_the_amount() -> None:
    shop, refund, _ = await _waiting_for_approval()
    boss = a_person(shop, "boss", Role.ACCOUNTING)
    with pytest.raises(InvalidInput):
        await approvals.reject(boss, refund.id, " ", CAUSE)
    assert (await approvals.reject(boss, refund.id, "Not our customer.", CAUSE)).state is State.REJECTED
    assert (await Payment.get(id=refund.payment_id)).reserved == 0
    assert await invariants.check() == []


async def test_a_waiting_refund_is_reminded_of_and_then_expires(owner_rows: OwnerRows) -> None:
    shop, payment = await paid()
    refund = await a_refund(shop, payment, 4_000)
    await owner_rows("UPDATE refunds SET due_at = now() - interval '1 second'")
    await take(refund)
    assert await Event.filter(refund_id=refund.id, kind="REMINDER").count() == 1
    await owner_rows("UPDATE refunds SET due_at = now() - interval '1 second', expires_at = now()")
    await take(refund)
    ended = await Refund.get(id=refund.id)
    assert (ended.state, ended.due_at, (await Payment.get(id=payment.id)).reserved) == (State.EXPIRED, None, 0)
    assert await invariants.check() == []


async def test_a_sealed_destination_opens_only_for_its_refund(owner_rows: OwnerRows) -> None:
    shop, payment = await paid()
    first = await a_refund(shop, payment, 1_000, given=given())
    second = await a_refund(shop, payment, 1_000, given=given(key="b@example.com"))
    await owner_rows(
        "UPDATE destinations SET sealed = (SELECT sealed FROM destinations WHERE refund_id = $1) WHERE refund_id = $2",
        first.id,
        second.id,
    )
    with pytest.raises(RuntimeError, match="does not open"):
        await destinations.opened(second.id, KEY)
    stored = await owner_rows("SELECT sealed::text || masked AS all FROM destinations")
    assert not any("ana@example.com" in row["all"] for row in stored)


async def test_a_destination_is_refused_where_the_money_goes_back_by_itself() -> None:
    shop = await a_shop()
    payment = await a_payment(shop)
    with pytest.raises(InvalidInput, match="leave destination out"):
        await a_refund(shop, payment, given=given())


async def test_a_destination_is_refused_where_the_pse_asks_the_customer_itself() -> None:
    registry.register(Lab(route=Route.PSE_COLLECTS))
    shop, payment = await paid()
    with pytest.raises(InvalidInput, match="asks the customer"):
        await a_refund(shop, payment, given=given())
    assert (await a_refund(shop, payment)).state is State.REQUESTED


# The customer's link


async def _link(tax_id: str | None = CPF) -> tuple[Shop, Refund, str]:
    shop, payment = await paid(tax_id)
    refund = await a_refund(shop, payment, 4_000)
    return shop, refund, (await links.create(shop.id, refund.id, CAUSE)).token


async def test_the_customer_names_the_account_once_and_looking_uses_nothing_up() -> None:
    _, refund, token = await _link()
    for _ in range(3):
        asked = await links.look(token)
        assert asked is not None
        assert (str(asked.amount), asked.shop.store) == ("BRL 40.00", "Sao Paulo")
    assert await links.use(token, "4705", given(), "r", KEY) is not None
    assert (await Refund.get(id=refund.id)).state is State.REQUESTED
    assert await links.look(token) is None
    assert await links.use(token, "4705", given(), "r", KEY) is None


async def test_five_wrong_answers_close_the_link() -> None:
    _, refund, token = await _link()
    for left in (4, 3, 2, 1, 0):
        assert await links.use(token, "0000", given(), "r", KEY) == WrongDigits(left)
    assert await links.use(token, "4705", given(), "r", KEY) is None
    assert (await Refund.get(id=refund.id)).state is State.AWAITING_DESTINATION


async def test_a_wrong_field_costs_no_try_and_does_not_use_the_link_up() -> None:
    _, _, token = await _link()
    with pytest.raises(InvalidInput):
        await links.use(token, "4705", given(key="nobody"), "r", KEY)
    assert (await DestinationLink.get()).wrong_answers == 0
    assert await links.use(token, "4705", given(), "r", KEY) is not None


async def test_a_link_works_for_seven_days_is_kept_as_a_hash_and_a_new_one_closes_it(owner_rows: OwnerRows) -> None:
    shop, refund, token = await _link()
    link = await DestinationLink.get()
    assert link.expires_at - link.created_at == timedelta(days=7)
    assert token not in link.digest
    newer = (await links.create(shop.id, refund.id, CAUSE)).token
    assert await links.look(token) is None
    await owner_rows("UPDATE destination_links SET expires_at = now()")
    assert await links.look(newer) is None


async def test_any_change_of_the_state_closes_the_link() -> None:
    shop, refund, token = await _link()
    await withdraw.cancel(shop.id, refund.id, None, a_key(), CAUSE)
    assert await links.look(token) is None
    assert (await DestinationLink.get()).revoked_at is not None


async def test_without_a_payers_tax_id_there_is_no_second_factor_and_so_no_link() -> None:
    with pytest.raises(InvalidState, match="tax ID"):
        await _link(None)


async def test_a_generic_tax_id_that_was_taken_for_a_payers_before_opens_nothing(owner_rows: OwnerRows) -> None:
    shop, payment = await paid(GENERIC)
    assert payment.customer_digest is None
    generic = await customers.digest(shop.id, GENERIC, KEY)
    await owner_rows("UPDATE payments SET customer_digest = $1 WHERE id = $2", generic, payment.id)
    known = await a_refund(shop, payment, 4_000, given=given(GENERIC))
    assert known.state is State.AWAITING_APPROVAL
    asked = await a_refund(shop, payment, 1_000)
    made = await links.create(shop.id, asked.id, CAUSE)
    assert isinstance(await links.use(made.token, "1111", given(), "request-0001", KEY), WrongDigits)


async def test_no_customers_token_is_made_for_a_generic_tax_id() -> None:
    shop, _ = await paid()
    wanted = NewCustomerToken(CustomerMay.SEE, 5, tax_id="XAXX010101000")
    with pytest.raises(InvalidInput, match="generic"):
        await customer_tokens.create(a_person(shop, "Ana", Role.ADMIN), wanted, CAUSE, KEY)
