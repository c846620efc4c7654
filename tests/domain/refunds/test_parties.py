"""Who answers for a deed: a person, or who made the token, however many tokens lie between."""

from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module

import asyncpg
import pytest

from domain.access import people, service_tokens, tokens
from domain.access.grants import WantedRole
from domain.access.permissions import Role
from domain.access.principal import Principal, role_reach
from domain.access.tokens import authenticate
from domain.cause import Cause
from domain.models import Approval, Refund, Token
from domain.models.refunds import Reason, State
from domain.money import Money
from domain.payments import customer_tokens
from domain.payments.customer_tokens import CustomerMay, NewCustomerToken
from domain.problems import Forbidden
from domain.pse import registry
from domain.pse.capabilities import Route
from domain.pse.vocabulary import DestinationKind as Kind
from domain.pse.vocabulary import InDoubt
from domain.refunds import current_destination, doubt
from domain.refunds.approvals import decide
from domain.refunds.destination.destinations import Given
from domain.refunds.doubt import Verdict
from domain.refunds.request import NewRefund, request
from tests.kit.factories import KEY, OwnerRows, Shop, a_key, a_payment, a_refund, a_shop, an_answer
from tests.kit.lab_connector import Lab

pytestmark = pytest.mark.usefixtures("books")
CPF, OTHER = "390.533.447-05", "111.444.777-35"


@pytest.fixture(autouse=True)
def no_way_back() -> Iterator[None]:
    registry.register(Lab(route=Route.PAYOUT_WITH_DESTINATION, destinations=(Kind.PIX_KEY,)))
    yield
    registry._CONNECTORS.pop("lab", None)


async def a_signed_in(shop: Shop, name: str, role: Role = Role.ADMIN) -> Principal:
    """A person, as a session knows them."""
    person, link = await people.make(shop.id, name, f"{a_key()}@example.com", [(role.value, None)], "tester")
    held = f"{person.name} <{person.email}>"
    return Principal(person.id, shop.id, held, role_reach(role), link.expires_at, person_id=person.id)


def cause(principal: Principal) -> Cause:
    return Cause(a_key(), principal.holder, principal.party)


async def a_token(maker: Principal, name: str, role: str = "ADMIN") -> Principal:
    made = await service_tokens.create(maker, name, [WantedRole(role)], 30, a_key(), cause(maker))
    found = await authenticate(made.clear)
    assert found is not None
    return found


async def _asked(shop: Shop, who: Principal, tax_id: str = OTHER) -> Refund:
    payment = await a_payment(shop, tax_id=CPF)
    given = Given(Kind.PIX_KEY, {"pix_key": "x@example.com", "holder_name": "Xavier Lima", "holder_tax_id": tax_id})
    new = NewRefund(payment.id, Money(1_000, "BRL"), Reason.CUSTOMER_REQUEST, destination=given)
    return (await request(who, new, a_key(), cause(who), KEY)).refund


async def _approve(who: Principal, refund: Refund) -> State:
    seen = await current_destination.of(refund.id)
    assert seen is not None
    return (await decide.approve(who, refund.id, seen.fingerprint, None, cause(who))).state


async def test_a_token_answers_as_the_person_who_made_it_through_tokens_made_by_tokens_and_rotations() -> None:
    shop = await a_shop()
    ana, bia = await a_signed_in(shop, "Ana"), await a_signed_in(shop, "Bia")
    first = await a_token(ana, "robot")
    second = await a_token(first, "robot of the robot")
    assert {one.party for one in (ana, first, second)} == {ana.person_id}
    turned = await service_tokens.rotate(second, second.token_id, 30, 1, a_key(), cause(second))
    replaced = await authenticate(turned.clear)
    assert replaced is not None
    assert replaced.party == ana.person_id
    by_bia = await service_tokens.rotate(bia, second.token_id, 30, 1, a_key(), cause(bia))
    hers = await authenticate(by_bia.clear)
    assert hers is not None
    assert hers.party == bia.person_id, "Who replaced it has it in hand."
    alone = await authenticate(await tokens.create_token(shop.id, Role.ADMIN, "cli", timedelta(hours=1)))
    assert alone is not None
    assert alone.party == alone.token_id


async def test_no_token_of_whoever_asked_approves_whatever_it_is_called() -> None:
    shop = await a_shop(pse="lab")
    ana, bia = await a_signed_in(shop, "Ana"), await a_signed_in(shop, "Bia")
    shop_token = await a_token(ana, "shop")
    refund = await _asked(shop, shop_token)
    assert refund.requested_by_id == ana.person_id
    for who in (shop_token, await a_token(ana, "somebody else"), await a_token(shop_token, "third"), ana):
        with pytest.raises(Forbidden, match="another person"):
            await _approve(who, refund)
    assert await _approve(await a_token(bia, "bia's"), refund) is State.REQUESTED
    kept = await Approval.get(refund_id=refund.id)
    assert (kept.requested_by_id, kept.decided_by_id) == (ana.person_id, bia.person_id)


async def test_a_customers_token_counts_as_its_maker() -> None:
    shop = await a_shop(pse="lab")
    ana, bia = await a_signed_in(shop, "Ana"), await a_signed_in(shop, "Bia")
    payment = await a_payment(shop, tax_id=CPF)
    bound = NewCustomerToken(CustomerMay.ASK, 5, payment.id)
    made = await customer_tokens.create(await a_token(ana, "shop"), bound, cause(ana), KEY)
    customer = await authenticate(made.clear)
    assert customer is not None
    assert (customer.is_customer, customer.party) == (True, ana.person_id)
    given = Given(Kind.PIX_KEY, {"pix_key": "x@example.com", "holder_name": "X Lima", "holder_tax_id": OTHER})
    new = NewRefund(payment.id, Money(1_000, "BRL"), Reason.CUSTOMER_REQUEST, destination=given)
    refund = (await request(customer, new, a_key(), cause(customer), KEY)).refund
    with pytest.raises(Forbidden, match="another person"):
        await _approve(await a_token(ana, "new name"), refund)
    assert await _approve(bia, refund) is State.REQUESTED


async def test_the_database_refuses_the_same_two_eyes_even_where_the_copies_say_otherwise(
    owner_rows: OwnerRows,
) -> None:
    shop = await a_shop(pse="lab")
    ana, bia = await a_signed_in(shop, "Ana"), await a_signed_in(shop, "Bia")
    refund = await _asked(shop, ana)
    insert = (
        "INSERT INTO approvals (id, merchant_id, refund_id, requested_by, requested_by_id, decided_by, decided_by_id, "
        "  decision, decided_at) VALUES (gen_random_uuid(), $1, $2, 'Ana', $3, 'Caio', $4, 'YES', now())"
    )
    with pytest.raises(asyncpg.CheckViolationError, match="approvals_other_people"):
        await owner_rows(insert, shop.id, refund.id, bia.party, bia.party)
    with pytest.raises(asyncpg.CheckViolationError, match="another person"):
        await owner_rows(insert, shop.id, refund.id, None, ana.party)


async def test_older_tokens_answer_as_who_their_rows_say_made_them(owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    ana = await a_signed_in(shop, "Ana")
    program = await a_token(ana, "robot")
    bound = NewCustomerToken(CustomerMay.SEE, 5, (await a_payment(shop)).id)
    await customer_tokens.create(program, bound, cause(program), KEY)
    await tokens.create_token(shop.id, Role.ADMIN, "cli", timedelta(hours=1))
    await owner_rows("UPDATE tokens SET party_id = NULL")
    for statement in import_module("domain.migrations.0027_approvals").PARTIES:
        await owner_rows(statement)
    found = {row.holder: row.party_id for row in await Token.all()}
    assert found == {"robot": ana.party, "customer": ana.party, "cli": None}


async def test_no_token_of_whoever_proposed_a_verdict_confirms_it() -> None:
    shop = await a_shop()
    ana, bia = await a_signed_in(shop, "Ana"), await a_signed_in(shop, "Bia")
    refund = await a_refund(shop, await a_payment(shop), 1_000)
    await an_answer(refund, InDoubt("TIMEOUT", "no answer"))
    said = (refund.id, Verdict.PAID, "The back office shows it.")
    assert not (await doubt.resolve(await a_token(ana, "finance"), *said, cause(ana))).confirmed
    for same in (ana, await a_token(ana, "somebody else")):
        with pytest.raises(Forbidden, match="another person"):
            await doubt.resolve(same, *said, cause(same))
    assert (await doubt.resolve(bia, *said, cause(bia))).confirmed


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (
            "doubt_verdicts (id, merchant_id, refund_id, attempt, verdict, evidence, proposed_by, proposed_by_id, "
            "proposed_at, confirmed_by, confirmed_by_id, confirmed_at)",
            "gen_random_uuid(), $1, $2, 1, 'PAID', 'seen there', 'a', $3, now(), 'b', $3, now()",
        ),
        (
            "manual_settlements (id, merchant_id, refund_id, way, reference, paid_on, settled_by, settled_by_id, "
            "confirmed_by, confirmed_by_id, settled_at)",
            "gen_random_uuid(), $1, $2, 'BANK_TRANSFER', 'r', now(), 'a', $3, 'b', $3, now()",
        ),
        (
            "transfer_returns (id, merchant_id, refund_id, settled_by_id, returned_by, returned_by_id, why, "
            "returned_at)",
            "gen_random_uuid(), $1, $2, $3, 'b', $3, 'closed', now()",
        ),
    ],
)
async def test_the_database_wants_two_people_by_their_ids_in_every_deed_of_four_eyes(
    owner_rows: OwnerRows, table: str, values: str
) -> None:
    shop = await a_shop(pse="lab")
    ana = await a_signed_in(shop, "Ana")
    refund = await _asked(shop, ana)
    with pytest.raises(asyncpg.CheckViolationError, match="other_people"):
        await owner_rows(f"INSERT INTO {table} VALUES ({values})", shop.id, refund.id, ana.party)  # noqa: S608
