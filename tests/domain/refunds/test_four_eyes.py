"""One person with two faces is one person: by the link, by the spelling of a name, by new links for new tries."""

from collections.abc import Iterator

import asyncpg
import pytest

from domain.access.tokens import Role, person_of
from domain.cause import Cause
from domain.models import Refund
from domain.models.refunds import State
from domain.payments import customer_tokens
from domain.payments.customer_tokens import CustomerMay, NewCustomerToken
from domain.problems import Forbidden, InvalidState
from domain.pse import registry
from domain.pse.capabilities import Route
from domain.pse.vocabulary import DestinationKind as Kind
from domain.refunds import current_destination
from domain.refunds.approvals import decide as approvals
from domain.refunds.destination import destinations, links
from domain.refunds.destination.destinations import Given
from domain.refunds.destination.links import WrongDigits
from tests.kit.factories import CAUSE, KEY, OwnerRows, Shop, a_key, a_payment, a_person, a_refund, a_shop
from tests.kit.lab_connector import Lab

pytestmark = pytest.mark.usefixtures("books")
CPF, OTHER = "390.533.447-05", "111.444.777-35"
SPELLINGS = ["ana souza", "  Ana\u00a0 Souza", "ANA SOUZA", "Ana\u200b Souza", "\uff21na Souza", "Ana Souza\ufeff"]


@pytest.fixture(autouse=True)
def no_way_back() -> Iterator[None]:
    registry.register(Lab(route=Route.PAYOUT_WITH_DESTINATION, destinations=(Kind.PIX_KEY,)))
    yield
    registry._CONNECTORS.pop("lab", None)


async def _waiting() -> tuple[Shop, Refund]:
    shop = await a_shop(pse="lab")
    return shop, await a_refund(shop, await a_payment(shop, tax_id=CPF), 4_000)


def _given() -> Given:
    return Given(Kind.PIX_KEY, {"pix_key": "x@example.com", "holder_name": "Xavier Lima", "holder_tax_id": OTHER})


async def _decide(shop: Shop, refund: Refund, who: str) -> State:
    seen = await current_destination.of(refund.id)
    assert seen is not None
    boss = a_person(shop, who, Role.ADMINISTRATOR)
    return (await approvals.approve(boss, refund.id, seen.fingerprint, None, CAUSE)).state


async def test_whoever_made_a_link_of_the_refund_cannot_approve_what_was_answered_to_it() -> None:
    shop, refund = await _waiting()
    await links.create(shop.id, refund.id, Cause("r", "Bia"))
    made = await links.create(shop.id, refund.id, Cause("r", "Ana Souza"))
    assert await links.use(made.token, "4705", _given(), "r", KEY) is not None
    for who in ("Ana Souza", "bia"):
        with pytest.raises(Forbidden, match="another person"):
            await _decide(shop, refund, who)
    assert await _decide(shop, refund, "Caio") is State.REQUESTED


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_a_name_written_in_another_way_is_the_same_person(spelling: str) -> None:
    assert person_of(spelling) == person_of("Ana Souza") != person_of("Ana Sousa")


async def test_four_eyes_do_not_see_the_spelling_of_a_name(owner_rows: OwnerRows) -> None:
    shop, refund = await _waiting()
    await destinations.provide(shop.id, refund.id, _given(), a_key(), Cause("r", "Ana Souza"), KEY)
    for spelling in SPELLINGS:
        with pytest.raises(Forbidden, match="another person"):
            await _decide(shop, refund, spelling)
    with pytest.raises(asyncpg.CheckViolationError):  # nor does the database
        await owner_rows(
            "INSERT INTO approvals (id, merchant_id, refund_id, fingerprint, requested_by, provided_by, decided_by, "
            "  decision, decided_at) VALUES (gen_random_uuid(), $1, $2, 'f', 'Ana', 'bia', 'ANA ', 'YES', now())",
            shop.id,
            refund.id,
        )


async def test_a_new_link_gives_no_new_tries_and_at_the_bound_a_person_must_name_the_account() -> None:
    shop, refund = await _waiting()
    for left in (4, 3, 2, 1):
        token = (await links.create(shop.id, refund.id, CAUSE)).token
        assert await links.use(token, "0000", _given(), "r", KEY) == WrongDigits(left)
    token = (await links.create(shop.id, refund.id, CAUSE)).token
    assert await links.use(token, "0000", _given(), "r", KEY) == WrongDigits(0)
    assert await links.look(token) is None
    with pytest.raises(InvalidState, match="destinationProvide"):
        await links.create(shop.id, refund.id, CAUSE)
    done, _ = await destinations.provide(shop.id, refund.id, _given(), a_key(), CAUSE, KEY)
    assert done.state is State.AWAITING_APPROVAL


async def test_a_person_who_signs_in_is_who_their_address_is() -> None:
    shop, refund = await _waiting()
    await destinations.provide(shop.id, refund.id, _given(), a_key(), Cause("r", "Ana <ana@example.com>"), KEY)
    for same in ("Ana Maria <ANA@example.com>", "ana"):
        with pytest.raises(Forbidden, match="another person"):
            await _decide(shop, refund, same)
    assert await _decide(shop, refund, "Ana <another@example.com>") is State.REQUESTED


@pytest.mark.parametrize("by_tax_id", [False, True])
async def test_whoever_made_the_customers_token_cannot_approve_what_was_asked_for_with_it(by_tax_id: bool) -> None:
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop, tax_id=CPF)
    ana = a_person(shop, "Ana Souza", Role.ADMINISTRATOR)
    bound = NewCustomerToken(CustomerMay.ASK, 5, None if by_tax_id else payment.id, CPF if by_tax_id else None)
    await customer_tokens.create(ana, bound, Cause("r", "Ana Souza"), KEY)
    refund = await a_refund(shop, payment, 4_000, given=_given())
    assert refund.state is State.AWAITING_APPROVAL
    with pytest.raises(Forbidden, match="customer's link or token"):
        await _decide(shop, refund, "Ana Souza")
    assert await _decide(shop, refund, "Caio") is State.REQUESTED
