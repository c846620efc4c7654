"""What a trigger looks up stands behind the wall too: it sees all that it must, whoever the connection asks for."""

from collections.abc import AsyncIterator
from typing import Any, Final
from uuid import uuid4

import asyncpg
import pytest

from domain.cause import Cause
from domain.models.refunds import Reason
from domain.money import Money
from domain.pse import registry
from domain.pse.capabilities import Route
from domain.pse.vocabulary import DestinationKind as Kind
from domain.refunds import request
from domain.refunds.request import NewRefund
from tests.conftest import Database
from tests.domain.wall.rows_of_all import told
from tests.kit.factories import OwnerRows, Shop, a_key, a_payment, a_refund, a_shop
from tests.kit.lab_connector import Lab

_COUNTERS: Final = {
    "what is reserved": "UPDATE payments SET reserved = 0",
    "what was charged back": "UPDATE payments SET charged_back = 1",
}
_OWN: Final = (
    "INSERT INTO approvals (id, merchant_id, refund_id, requested_by, decided_by, decided_by_id, decision, decided_at) "
    "VALUES (gen_random_uuid(), $1, $2, 'x', 'y', $3, 'YES', now())"
)


@pytest.fixture
async def thief(books: Database) -> AsyncIterator[Any]:
    hand = await asyncpg.connect(books.application_url)
    yield hand
    await hand.close()


@pytest.fixture
async def shop(books: Database) -> Shop:
    registry.register(Lab(route=Route.PAYOUT_WITH_DESTINATION, destinations=(Kind.PIX_KEY,)))
    return await a_shop(pse="lab")


@pytest.mark.parametrize("statement", _COUNTERS.values(), ids=_COUNTERS)
async def test_a_sum_that_is_compared_at_the_commit_is_compared_whoever_is_asked_for_then(
    thief: Any, shop: Shop, statement: str
) -> None:
    await a_refund(shop, await a_payment(shop), 1_000)
    for then in ("", "00000000-0000-0000-0000-000000000001"):
        with pytest.raises(asyncpg.CheckViolationError):
            await _changed(thief, shop, statement, then)


async def _changed(thief: Any, shop: Shop, statement: str, then: str) -> None:
    async with thief.transaction():
        await told(thief, str(shop.id))
        assert await thief.execute(statement) == "UPDATE 1"
        await told(thief, then)


async def test_nobody_decides_on_their_own_refund_nor_on_one_that_the_trigger_does_not_find(
    thief: Any, shop: Shop
) -> None:
    own = Cause("request-of-the-test", "Ana", uuid4())
    new = NewRefund((await a_payment(shop)).id, Money(1_000, "BRL"), Reason.CUSTOMER_REQUEST)
    refund = (await request.request(shop.id, new, a_key(), own)).refund
    await told(thief, str(shop.id))
    for refund_id in (refund.id, uuid4()):
        with pytest.raises(asyncpg.CheckViolationError) as refused:
            await thief.execute(_OWN, shop.id, refund_id, own.party)
        assert refused.value.constraint_name == "approvals_other_eyes"


async def test_what_needs_a_yes_is_not_cleared_by_looking_away_in_the_same_statement(thief: Any, shop: Shop) -> None:
    refund = await a_refund(shop, await a_payment(shop), 1_000)
    await told(thief, str(shop.id))
    await thief.execute(
        "INSERT INTO approval_needs (id, merchant_id, refund_id, amount, currency, needs, open_words, barred_ids, "
        "made_at, until) VALUES (gen_random_uuid(), $1, $2, 1, 'BRL', '[]', '{}', '{}', now(), now())",
        shop.id,
        refund.id,
    )
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await thief.execute(
            "UPDATE refunds SET state = 'REQUESTED', failure_code = set_config('estorno.merchant', '', false), "
            "sequence = sequence + 1 WHERE id = $1",
            refund.id,
        )
    assert refused.value.constraint_name == "refunds_cleared"


async def test_every_trigger_that_looks_something_up_does_so_as_the_owner(owner_rows: OwnerRows) -> None:
    """As the application it would see what the setting of the moment shows, which may be nothing."""
    blind = await owner_rows(
        "SELECT DISTINCT p.proname FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid "
        "WHERE p.pronamespace = 'public'::regnamespace AND p.prosrc ~* '(from|join)\\s+public\\.' AND NOT (p.prosecdef "
        "AND p.proconfig @> ARRAY['search_path=pg_catalog, pg_temp'] "
        "AND p.proowner = ALL (SELECT relowner FROM pg_class WHERE relnamespace = p.pronamespace AND relkind = 'r'))"
    )
    assert {row["proname"] for row in blind} == set()
    forced = await owner_rows("SELECT relname FROM pg_class WHERE relforcerowsecurity")
    assert not forced  # the owner would see nothing either
