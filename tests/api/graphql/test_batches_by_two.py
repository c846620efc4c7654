"""A large sheet takes another person, and whoever handed it in is never that person."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from domain.access import people, sessions
from domain.access.people import PersonState
from domain.access.permissions import Permission
from domain.access.principal import Principal, reach_of
from domain.access.tokens import Role
from domain.batches import batches, results
from domain.models import Batch, Person, Refund
from domain.platform.database import execute
from domain.platform.settings import Settings
from domain.platform.spoken.book import told_in
from domain.problems import Forbidden
from tests.api.conftest import Enter
from tests.api.graphql.batches import (
    ERRORS,
    SHOW,
    applied,
    confirmed,
    judged,
    orders,
    sheet_of,
)
from tests.kit.factories import CAUSE, OwnerRows, a_payment

_LIMITS = "query L { batchLimits { rows amounts { minorUnits currency } } }"
_PROPOSE = f"""mutation P($input: BatchLimitProposeInput!) {{ batchLimitPropose(input: $input) {{
  change {{ id loosens }} {ERRORS} }} }}"""


async def test_a_large_sheet_takes_another_person_and_whoever_handed_it_in_is_never_that_person(
    enter: Enter, settings: Settings
) -> None:
    boss = await enter(Role.ADMINISTRATOR, holder="Ana")
    shop = boss.shop
    approver = await enter(Role.APPROVER, shop, holder="Bruno")
    await orders(shop, 10_000, 10_000)
    limits = await boss.ask(_LIMITS)
    assert limits["rows"] == 50
    amounts = [{"minorUnits": "400000", "currency": "BRL"}]
    told = await boss.ask(_PROPOSE, input={"rows": 2, "amounts": amounts})
    assert (told["errors"], told["change"]["loosens"]) == ([], False)
    loose = await boss.ask(_PROPOSE, input={"rows": 3, "amounts": amounts})
    assert loose["change"]["loosens"]
    batch = await judged(boss, settings, sheet_of("A1;10,00;BRL", "A2;10,00;BRL"))
    assert batch["needsAnother"] == "It is large: 2 rows (from 2 on)."
    assert batch["isYours"]
    (error,) = (await confirmed(boss, batch))["errors"]
    assert error["code"] == "FORBIDDEN"
    assert "another person" in error["message"]
    twin = await enter(Role.APPROVER, shop, holder="ana")  # the same name in another way
    assert (await confirmed(twin, batch))["errors"][0]["code"] == "FORBIDDEN"
    support = await enter(Role.SUPPORT, shop, holder="Sol")
    assert (await confirmed(support, batch))["errors"][0]["code"] == "FORBIDDEN"
    stranger = await enter(Role.ADMINISTRATOR, holder="Eve")
    assert await stranger.ask(SHOW, id=batch["id"]) is None
    assert (await confirmed(stranger, batch))["errors"][0]["code"] == "NOT_FOUND"
    done = await applied(approver, settings, batch)
    assert (done["confirmedBy"], done["isYours"]) == ("Bruno", False)
    assert {one.requested_by for one in await Refund.all()} == {"Ana"}
    with pytest.raises(Exception, match="batches_other_people"):
        await execute(
            "UPDATE batches SET confirmed_by_id = party WHERE id = $1 AND by_two IS NOT NULL", UUID(batch["id"])
        )


async def test_a_large_sheet_that_is_cut_in_parts_is_as_large_as_it_was(enter: Enter, settings: Settings) -> None:
    boss = await enter(Role.ADMINISTRATOR, holder="Ana")
    shop = boss.shop
    approver = await enter(Role.APPROVER, shop, holder="Bruno")
    await orders(shop, *[10_000] * 4)
    amounts = [{"minorUnits": "400000", "currency": "BRL"}]
    assert (await boss.ask(_PROPOSE, input={"rows": 3, "amounts": amounts}))["errors"] == []
    # Handed in before either is confirmed, each by itself is small.
    first = await judged(boss, settings, sheet_of("A1;10,00;BRL", "A2;10,00;BRL"))
    second = await judged(boss, settings, sheet_of("A3;10,00;BRL"), name="junho.csv")
    assert (first["needsAnother"], second["needsAnother"]) == (None, None)
    await applied(boss, settings, first)
    (error,) = (await confirmed(boss, second))["errors"]
    assert error["code"] == "FORBIDDEN"
    assert "3 rows (from 3 on), with what you confirmed alone within a day" in error["message"]
    third = await judged(boss, settings, sheet_of("A4;10,00;BRL"), name="julho.csv")
    assert "3 rows (from 3 on)" in third["needsAnother"]
    for part in (second, third):
        await applied(approver, settings, part)
    # Who registers payments, and no more, is shown no accounts of refunds: their result is not theirs to have made.
    reach = reach_of((frozenset({Permission.READ, Permission.REGISTER_PAYMENT}), None))
    clerk = Principal(uuid4(), shop.id, "clerk", reach, datetime.now(UTC) + timedelta(hours=1))
    with pytest.raises(Forbidden, match="names accounts"):
        await results.create(clerk, UUID(first["id"]), True, settings, CAUSE, told_in)
    # What another person has confirmed is nobody's part.
    await execute("UPDATE batches SET confirmed_at = now() - interval '25 hours' WHERE name = 'maio.csv'")
    await a_payment(shop, amount=10_000, order="A5")
    later = await judged(boss, settings, sheet_of("A5;10,00;BRL"), name="agosto.csv")
    assert later["needsAnother"] is None
    await applied(boss, settings, later)


async def test_a_part_that_somebody_confirmed_who_signed_in_by_ones_link_is_ones_own(
    enter: Enter, settings: Settings
) -> None:
    boss = await enter(Role.ADMINISTRATOR, holder="Ana")
    await orders(boss.shop, *[10_000] * 3)
    amounts = [{"minorUnits": "400000", "currency": "BRL"}]
    assert (await boss.ask(_PROPOSE, input={"rows": 3, "amounts": amounts}))["errors"] == []
    first = await judged(boss, settings, sheet_of("A1;10,00;BRL", "A2;10,00;BRL"))
    second = await judged(boss, settings, sheet_of("A3;10,00;BRL"), name="junho.csv")
    maker = (await Batch.get(id=UUID(first["id"]))).party
    person, _ = await people.make(boss.shop.id, "Um", "um@example.com", [("REQUESTER", None)], "tester")
    begun = await sessions.begin(person.id, 600, CAUSE, vouched_by=maker)
    invented = await sessions.authenticate(begun.secret, 600.0)
    assert invented is not None
    await batches.confirm(invented, UUID(first["id"]), first["digest"], CAUSE)
    (error,) = (await confirmed(boss, second))["errors"]
    assert "3 rows (from 3 on), with what you confirmed alone within a day" in error["message"]


async def test_a_sheet_of_somebody_who_is_suspended_by_now_is_handed_in_anew(
    enter: Enter, settings: Settings, owner_rows: OwnerRows
) -> None:
    boss = await enter(Role.ADMINISTRATOR, holder="Ana")
    await orders(boss.shop, 10_000)
    sheet = await judged(boss, settings, sheet_of("A1;10,00;BRL"))
    person, _ = await people.make(boss.shop.id, "Um", "um@example.com", [("REQUESTER", None)], "tester")
    await owner_rows("UPDATE batches SET party = $1, created_by = 'Um <um@example.com>'", person.id)
    await Person.filter(id=person.id).update(state=PersonState.SUSPENDED)
    (error,) = (await confirmed(boss, sheet))["errors"]
    assert error["message"].startswith("Whoever handed it in is suspended")
