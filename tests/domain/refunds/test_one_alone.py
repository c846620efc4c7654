"""What one person alone gets past the rules by: a name that is taken, an amount that is split, a look that is old."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from domain.access import people, service_tokens, tokens
from domain.access.grants import WantedRole
from domain.access.permissions import Role
from domain.access.principal import Principal, role_reach
from domain.cause import Cause
from domain.models import ApprovalNeeds, Refund
from domain.models.refunds import Reason, State
from domain.money import Money
from domain.payments import customer_tokens
from domain.payments.customer_tokens import CustomerMay, NewCustomerToken
from domain.problems import InvalidInput, InvalidState
from domain.pse import registry
from domain.pse.capabilities import Route
from domain.pse.vocabulary import DestinationKind as Kind
from domain.pse.vocabulary import Succeeded
from domain.refunds import insert, preview, request
from domain.refunds.approvals import awaiting, decide, delegate, propose, shown
from domain.refunds.approvals.caps import Cap, Over, Per
from domain.refunds.approvals.propose import Proposal
from domain.refunds.approvals.rules import Need, Rule, Step, When
from domain.refunds.approvals.who import Approver
from domain.refunds.destination import links
from domain.refunds.destination.destinations import Given
from domain.refunds.destination.links import WrongDigits
from domain.refunds.request import NewRefund
from tests.kit.factories import (
    CAUSE,
    KEY,
    OwnerRows,
    Shop,
    a_key,
    a_payment,
    a_person,
    a_refund,
    a_shop,
    a_yes,
    an_answer,
)
from tests.kit.lab_connector import Lab

pytestmark = pytest.mark.usefixtures("books")
CPF, OTHER = "390.533.447-05", "111.444.777-35"
SLICE = 99_999  # a centavo below what goes by the customer's own word


async def a_member(shop: Shop, name: str, role: Role) -> Principal:
    person, link = await people.make(shop.id, name, f"{a_key()}@example.com", [(role.value, None)], "tester")
    held = f"{person.name} <{person.email}>"
    return Principal(person.id, shop.id, held, role_reach(role), link.expires_at, person_id=person.id)


async def a_rule(shop: Shop, name: str, *steps: Step) -> None:
    rule = Rule(When(), Need(name, "We said so.", steps))
    await propose.propose(a_person(shop, "boss", Role.ADMIN), Proposal(propose.APPROVAL, name, rule=rule), CAUSE)


async def a_cap(shop: Shop, cap: Cap) -> None:
    await propose.propose(a_person(shop, "boss", Role.ADMIN), Proposal(propose.CAP, cap.name, cap=cap), CAUSE)


def cause_of(who: Principal) -> Cause:
    return Cause(a_key(), who.holder, who.party)


async def asked_for(who: Principal, shop: Shop, amount: int) -> Refund:
    payment = await a_payment(shop, amount=amount)
    asked = NewRefund(payment.id, Money(amount, "BRL"), Reason.OTHER)
    return (await request.request(who, asked, a_key(), cause_of(who), KEY)).refund


async def test_a_cap_with_the_name_of_a_rule_takes_nothing_of_what_the_rule_needs() -> None:
    shop = await a_shop()
    await a_rule(shop, "TWO", Step("APPROVE", 2))
    await a_cap(shop, Cap("TWO", Per.MERCHANT, Over.HOLD, count=0))
    refund = await a_refund(shop, await a_payment(shop), 1_000)
    assert (await a_yes(shop, refund, "one approver")).state is State.AWAITING_APPROVAL
    assert (await a_yes(shop, refund, "another")).state is State.REQUESTED


async def test_a_centavo_that_went_proves_nothing_of_the_rest_of_a_payment_that_only_the_client_knows_of() -> None:
    registry.register(Lab())
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop, amount=2_400_000, confirmed=False)
    await an_answer(await a_yes(shop, await a_refund(shop, payment, 1)), Succeeded("X1"))
    assert (await a_refund(shop, payment, 1_000)).state is State.AWAITING_APPROVAL


async def test_what_is_split_is_as_large_as_it_was() -> None:
    shop = await a_shop()
    payment = await a_payment(shop, amount=5_000_000)
    halves = [await a_refund(shop, payment, 1_300_000) for _ in range(2)]
    assert [one.state for one in halves] == [State.REQUESTED, State.AWAITING_APPROVAL]


@pytest.mark.parametrize("what", ["a payment", "a payer", "an account"])
async def test_small_amounts_on_customers_words_add_up_of(what: str) -> None:
    registry.register(Lab(route=Route.PAYOUT_WITH_DESTINATION, destinations=(Kind.PIX_KEY,)))
    shop = await a_shop(pse="lab")
    payment, states = await a_payment(shop, amount=2_000_000, tax_id=CPF), []
    for n, tax_id in enumerate((CPF, OTHER if what == "an account" else CPF)):
        if n and what != "a payment":
            payment = await a_payment(shop, amount=2_000_000, tax_id=tax_id)
        refund = await a_refund(shop, payment, SLICE)
        link = await links.create(shop.id, refund.id, CAUSE)
        key = "any@example.com" if what == "an account" else f"{n}@example.com"
        values = {"pix_key": key, "holder_name": f"Maria{n * 'a'}", "holder_tax_id": tax_id}
        digits = "".join(one for one in tax_id if one.isdigit())[-4:]
        await links.use(link.token, digits, Given(Kind.PIX_KEY, values), "r", KEY)
        states.append((await Refund.get(id=refund.id)).state)
    registry._CONNECTORS.pop("lab", None)
    assert states == [State.REQUESTED, State.AWAITING_APPROVAL]


async def test_what_only_tightens_holds_for_a_request_that_had_looked_before() -> None:
    shop = await a_shop()
    payment, key = await a_payment(shop), insert.Key("refundCreate", a_key(), "0" * 64)
    seen = await insert.seen(shop.id, payment.id, key)
    await a_cap(shop, Cap("STOP", Per.MERCHANT, Over.REFUSE, count=0))
    draft = insert.Draft(uuid4(), State.REQUESTED, Money(1_000, "BRL"), 0, request.new_reference(), "OTHER", None, None)
    assert await insert.write_if_unchanged(seen, draft, key, CAUSE) is None


async def test_of_two_who_lent_their_right_the_one_who_has_no_part_counts() -> None:
    shop = await a_shop()
    ana, bia = await a_member(shop, "Ana", Role.ADMIN), await a_member(shop, "Bia", Role.ADMIN)
    sub, now = await a_member(shop, "Sub", Role.SUPPORT), datetime.now(UTC)
    for lender in (ana, bia):
        assert sub.person_id is not None
        await delegate.delegate(lender, sub.person_id, now - timedelta(minutes=1), now + timedelta(days=5), CAUSE)
    refund = await asked_for(ana, shop, 3_000_000)
    assert [one.id for one in await awaiting.awaiting(sub)] == [refund.id]
    assert (await decide.approve(sub, refund.id, None, None, cause_of(sub))).state is State.REQUESTED


async def test_a_rule_wants_nobody_who_cannot_approve() -> None:
    shop = await a_shop()
    with pytest.raises(InvalidInput, match="SUPPORT"):
        await a_rule(shop, "OURS", Step("SUPPORT"))


async def test_who_is_wanted_is_invited_as_somebody_who_approves_too() -> None:
    shop = await a_shop()
    await a_rule(shop, "OURS", Step("MANAGE_STORES"))
    refund = await a_refund(shop, await a_payment(shop), 1_000)
    advice = (await shown.of_refunds([refund.id]))[refund.id].advice
    assert "MANAGE_STORES" in str(advice)
    assert "role ADMIN" in str(advice)


async def test_conditions_that_nothing_meets_in_the_place_of_a_default_loosen() -> None:
    shop = await a_shop()
    boss = a_person(shop, "boss", Role.ADMIN)
    empty = [When(requester_roles=frozenset()), When(pses=frozenset()), When(methods=frozenset())]
    for when in [*empty, When(older_than_days=3650)]:
        rule = Rule(when, Need("LARGE_AMOUNT", "We said so.", (Step("APPROVE"),)))
        made = await propose.propose(boss, Proposal(propose.APPROVAL, "LARGE_AMOUNT", rule=rule), CAUSE)
        assert (made.loosens, made.started_at) == (True, None)
    refund = await asked_for(boss, shop, 3_000_000)
    assert await ApprovalNeeds.exists(refund_id=refund.id)


async def test_a_yes_after_the_end_is_none_though_no_worker_has_come_by(owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    await a_rule(shop, "OURS", Step("APPROVE"))
    refund = await a_refund(shop, await a_payment(shop), 1_000)
    await owner_rows("UPDATE approval_needs SET until = now() - interval '1 second'")
    with pytest.raises(InvalidState, match="expires"):
        await a_yes(shop, refund)


async def test_a_rule_of_who_asks_holds_when_the_account_comes_later() -> None:
    registry.register(Lab(route=Route.PAYOUT_WITH_DESTINATION, destinations=(Kind.PIX_KEY,)))
    shop = await a_shop(pse="lab")
    ana = await a_member(shop, "Ana", Role.ADMIN)
    made = await service_tokens.create(ana, "shop", [WantedRole("REQUESTER")], 30, a_key(), cause_of(ana))
    program = await tokens.authenticate(made.clear)
    assert program is not None
    when = When(requester_roles=frozenset({"REQUESTER"}), destination_kinds=frozenset({Kind.PIX_KEY}))
    rule = Rule(when, Need("SHOPS_PIX", "We said so.", (Step("APPROVE"),)))
    await propose.propose(a_person(shop, "boss", Role.ADMIN), Proposal(propose.APPROVAL, "SHOPS_PIX", rule=rule), CAUSE)
    asked = NewRefund((await a_payment(shop, tax_id=CPF)).id, Money(1_000, "BRL"), Reason.OTHER)
    refund = (await request.request(program, asked, a_key(), cause_of(program), KEY)).refund
    link = await links.create(program, refund.id, cause_of(program))
    values = {"pix_key": "any@example.com", "holder_name": "Maria", "holder_tax_id": CPF}
    await links.use(link.token, "4705", Given(Kind.PIX_KEY, values), "r", KEY)
    registry._CONNECTORS.pop("lab", None)
    assert (await Refund.get(id=refund.id)).state is State.AWAITING_APPROVAL


async def test_another_refund_of_a_payment_gives_no_new_tries_at_its_payers_digits() -> None:
    registry.register(Lab(route=Route.PAYOUT_WITH_DESTINATION, destinations=(Kind.PIX_KEY,)))
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop, tax_id=CPF)
    one, another = [await a_refund(shop, payment, 1) for _ in range(2)]
    link = await links.create(shop.id, one.id, CAUSE)
    for digits in ("0000", "0001", "0002", "0003", "0004"):
        assert isinstance(await links.use(link.token, digits, Given(Kind.PIX_KEY, {}), "r", KEY), WrongDigits)
    with pytest.raises(InvalidState, match="no more links"):
        await links.create(shop.id, another.id, CAUSE)
    registry._CONNECTORS.pop("lab", None)


async def test_the_preview_names_nobody_who_would_be_refused() -> None:
    shop = await a_shop()
    boss, bia = a_person(shop, "boss", Role.ADMIN), await a_member(shop, "Bia", Role.ADMIN)
    payment = await a_payment(shop, amount=6_000_000)
    new = NewCustomerToken(CustomerMay.ASK, 60, payment_id=payment.id)
    await customer_tokens.create(bia, new, cause_of(bia), KEY)
    asked = NewRefund(payment.id, Money(3_000_000, "BRL"), Reason.OTHER)
    told = await preview.preview(boss, asked, cause_of(boss))
    refund = (await request.request(boss, asked, a_key(), cause_of(boss), KEY)).refund
    assert [one.name for one in told.candidates] == [one.name for one in await _able(refund)] == []


async def _able(refund: Refund) -> Sequence[Approver]:
    return (await shown.of_refunds([refund.id]))[refund.id].able


async def test_the_preview_refuses_an_account_that_asking_would_refuse() -> None:
    shop = await a_shop()  # Pix goes back the way it came
    boss, payment = a_person(shop, "boss", Role.ADMIN), await a_payment(shop, tax_id=CPF)
    values = {"pix_key": "any@example.com", "holder_name": "Maria", "holder_tax_id": CPF}
    asked = NewRefund(payment.id, Money(1_000, "BRL"), Reason.OTHER, destination=Given(Kind.PIX_KEY, values))
    with pytest.raises(InvalidInput, match="leave destination out"):
        await preview.preview(boss, asked, cause_of(boss))
