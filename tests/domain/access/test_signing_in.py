"""Who is signed in by what was proven, and what of it ends when somebody may more than before."""

from uuid import uuid4

import pytest

from domain.access import grants, people, roles, sessions
from domain.access.grants import WantedRole
from domain.access.permissions import Permission, Role
from domain.models import Grant
from domain.problems import Forbidden
from tests.kit.factories import CAUSE, Shop, a_person, a_shop

pytestmark = pytest.mark.usefixtures("books")
IDLE = 1800.0


@pytest.mark.parametrize("address", ["bıa@example.com", "bia@ſhop.example.com", "bi_@example.com", "bia%"])
async def test_an_address_that_looks_like_anothers_signs_nobody_in(address: str) -> None:
    shop = await a_shop()
    for email in ("bia@example.com", "bia@shop.example.com"):
        await people.make(shop.id, "Bia", email, [("SUPPORT", None)], "tester")
    assert await sessions.by_address(address, 60) is None
    assert await sessions.by_address("BIA@Example.com", 60) is not None


async def test_another_merchant_that_invites_an_address_locks_nobody_out() -> None:
    victim, _ = await people.make((await a_shop()).id, "Vic", "vic@example.com", [("ADMIN", None)], "tester")
    for pairs in ([], [("ADMIN", None)]):
        await people.make((await a_shop()).id, "Vic", "VIC@example.com", pairs, "another")
    begun = await sessions.by_address("vic@example.com", 60)
    assert begun is not None
    assert begun.person_id == victim.id


async def test_an_older_row_of_an_address_that_may_nothing_does_not_count() -> None:
    await people.make((await a_shop()).id, "Vic", "vic@example.com", [], "another")
    assert await sessions.by_address("vic@example.com", 60) is None
    vic, _ = await people.make((await a_shop()).id, "Vic", "vic@example.com", [("SUPPORT", None)], "tester")
    begun = await sessions.by_address("vic@example.com", 60)
    assert begun is not None
    assert begun.person_id == vic.id


async def test_who_is_given_more_signs_in_anew() -> None:
    shop = await a_shop()
    boss = a_person(shop, "Root", Role.ADMIN)
    bia, first = await people.make(shop.id, "Bia", "bia@example.com", [], "desk")
    begun = await sessions.by_link(first.secret, 60)
    assert begun is not None
    link = await people.new_link(bia.id, "desk")
    await grants.give_person(boss, bia.id, [WantedRole("ADMIN")], CAUSE)
    assert await sessions.by_link(link.secret, 60) is None
    assert await sessions.authenticate(begun.secret, IDLE) is None
    kept = await sessions.begin(bia.id, 60)
    await grants.give_person(boss, bia.id, [WantedRole("ADMIN")], CAUSE)
    assert await sessions.authenticate(kept.secret, IDLE) is not None


async def test_a_guest_who_is_given_more_elsewhere_signs_in_anew() -> None:
    home, away = await a_shop(), await a_shop()
    bia, link = await people.make(home.id, "Bia", "bia@example.com", [], "desk")
    await Grant.create(id=uuid4(), merchant_id=away.id, person_id=bia.id, role="SUPPORT", created_by="platform")
    await grants.give_person(a_person(away, "Root", Role.ADMIN), bia.id, [WantedRole("ADMIN")], CAUSE)
    assert await sessions.by_link(link.secret, 60) is None


async def _has_own_role(shop: Shop) -> people.Link:
    await roles.save(a_person(shop, "Root", Role.ADMIN), "Night", frozenset({Permission.READ}), CAUSE)
    _, link = await people.make(shop.id, "Bia", "bia@example.com", [("Night", None)], "desk")
    return link


async def test_a_role_that_comes_to_hold_more_has_whoever_has_it_sign_in_anew() -> None:
    shop = await a_shop()
    link = await _has_own_role(shop)
    boss = a_person(shop, "Root", Role.ADMIN)
    for permissions, works in (({Permission.READ}, True), ({Permission.READ, Permission.APPROVE}, False)):
        await roles.save(boss, "night", frozenset(permissions), CAUSE)
        assert await sessions.is_open(link.secret) is works


async def test_nobody_signs_out_whoever_may_more() -> None:
    shop = await a_shop()
    ana, _ = await people.make(shop.id, "Ana", "ana@example.com", [("ADMIN", None)], "tester")
    begun = await sessions.begin(ana.id, 60)
    principal = await sessions.authenticate(begun.secret, IDLE)
    assert principal is not None
    boss = a_person(shop, "Root", Role.ADMIN)
    await roles.save(boss, "Desk", frozenset({Permission.MANAGE_PEOPLE}), CAUSE)
    bia, _ = await people.make(shop.id, "Bia", "bia@example.com", [("Desk", None)], "tester")
    desk = await sessions.authenticate((await sessions.begin(bia.id, 60)).secret, IDLE)
    assert desk is not None
    with pytest.raises(Forbidden, match="do not hold"):
        await sessions.revoke(desk, principal.token_id, CAUSE)
    assert (await sessions.revoke(desk, desk.token_id, CAUSE)).revoked_at is not None
    assert (await sessions.revoke(boss, principal.token_id, CAUSE)).revoked_at is not None
