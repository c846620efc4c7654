"""People, their grants and the roles a merchant names: nobody gives what they do not hold, and somebody stays in."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.access import grants, merchants, people, roles, service_tokens, sessions, stores, tokens
from domain.access.again import principal_again
from domain.access.grants import WantedRole
from domain.access.holders import same_person
from domain.access.merchants import NewMerchant
from domain.access.people import PersonState
from domain.access.permissions import PERMISSIONS, Permission, Role
from domain.access.principal import Principal
from domain.access.stores import NewStore, StoreChange
from domain.access.tokens import authenticate, create_token
from domain.models import Grant, OwnRole, Person, Session, SignInLink, Store
from domain.platform.database import for_merchant, unsaid
from domain.problems import Forbidden, IdempotencyConflict, InvalidInput, NotFound
from tests.kit.factories import CAUSE, OwnerRows, Shop, a_key, a_person, a_shop

pytestmark = pytest.mark.usefixtures("books")
IDLE = 1800.0


async def _signed_in(shop: Shop, email: str, *pairs: tuple[str, UUID | None]) -> Principal:
    name = email.split("@")[0].title()
    _, link = await people.make(shop.id, name, email, pairs or [(Role.ADMIN.value, None)], "tester")
    begun = await sessions.by_link(link.secret, 3600)
    assert begun is not None
    principal = await sessions.authenticate(begun.secret, IDLE)
    assert principal is not None
    return principal


async def _rio(shop: Shop) -> Store:
    return await Store.create(id=uuid4(), merchant_id=shop.id, code="rj", name="Rio")


async def test_a_person_may_what_their_grants_say_where_they_say_it() -> None:
    shop = await a_shop()
    rio = await _rio(shop)
    ana = await _signed_in(shop, "ana@example.com", (Role.REQUESTER.value, None), (Role.APPROVER.value, rio.id))
    assert ana.holder == "Ana <ana@example.com>"
    assert ana.scope(Permission.READ).is_whole
    assert ana.scope(Permission.APPROVE).stores == frozenset({rio.id})
    assert not ana.may(Permission.READ_LEDGER)


async def test_an_invited_person_signs_in_once_with_the_link() -> None:
    admin = await _signed_in(await a_shop(), "ana@example.com")
    key = a_key()
    done = await people.invite(admin, "Bia", "bia@example.com", [WantedRole("SUPPORT", "sp")], key, CAUSE)
    assert done.link is not None
    assert await sessions.by_link(done.link.secret, 3600) is not None
    assert await sessions.by_link(done.link.secret, 3600) is None
    again = await people.invite(admin, "Bia", "bia@example.com", [WantedRole("SUPPORT", "sp")], key, CAUSE)
    assert (again.person.id, again.link) == (done.person.id, None)
    # What is done for her later is done by the same hands as what she does now.
    bia = await principal_again(admin.merchant_id, "Bia", done.person.id, done.person.id, None)
    assert bia is not None
    assert bia.hands == {done.person.id, admin.party}
    with pytest.raises(IdempotencyConflict):
        await people.invite(admin, "Bia", "bia@example.com", [WantedRole("ADMIN")], key, CAUSE)
    with pytest.raises(InvalidInput, match="this address"):
        await people.invite(admin, "B.", "BIA@example.com", [], a_key(), CAUSE)


@pytest.mark.parametrize("email", ["bia", "bia@", "bia@x", "b ia@example.com", "bia@example.com>", "ä@example.com"])
async def test_what_is_no_address_is_refused(email: str) -> None:
    admin = await _signed_in(await a_shop(), "ana@example.com")
    with pytest.raises(InvalidInput, match="address"):
        await people.invite(admin, "Bia", email, [], a_key(), CAUSE)


async def _own_manager(shop: Shop) -> Principal:
    """Somebody who manages people and little else."""
    admin = await _signed_in(shop, "ana@example.com")
    wanted = {Permission.MANAGE_PEOPLE, Permission.MANAGE_TOKENS, Permission.READ}
    await roles.save(admin, "Front desk", frozenset(wanted), CAUSE)
    return await _signed_in(shop, "bia@example.com", ("Front desk", None))


async def test_nobody_gives_what_they_do_not_hold_in_any_way() -> None:
    shop = await a_shop()
    desk = await _own_manager(shop)
    (admin,) = await Person.filter(email="ana@example.com")
    assert desk.person_id is not None
    attempts: list[Any] = [
        people.invite(desk, "Mine", "mine@example.com", [WantedRole("ADMIN")], a_key(), CAUSE),
        grants.give_person(desk, desk.person_id, [WantedRole("Front desk"), WantedRole("SUPPORT", "sp")], CAUSE),
        grants.give_person(desk, admin.id, [], CAUSE),
        people.sign_in_link(desk, admin.id, CAUSE),
        people.update(desk, admin.id, None, PersonState.SUSPENDED, CAUSE),
        roles.save(desk, "Front desk", frozenset(Permission) - {Permission.SEE, Permission.ASK}, CAUSE),
        service_tokens.create(desk, "robot", [WantedRole("REQUESTER")], 1, a_key(), CAUSE),
    ]
    for attempt in attempts:
        with pytest.raises(Forbidden, match="do not hold"):
            await attempt
    await people.invite(desk, "Caio", "caio@example.com", [WantedRole("Front desk", "sp")], a_key(), CAUSE)


async def test_a_token_that_may_more_than_oneself_cannot_be_replaced() -> None:
    shop = await a_shop()
    desk = await _own_manager(shop)
    boss = a_person(shop, "Root", Role.ADMIN)
    token = (await service_tokens.create(boss, "robot", [WantedRole("ADMIN")], 1, a_key(), CAUSE)).row
    with pytest.raises(Forbidden, match="do not hold"):
        await service_tokens.rotate(desk, token.id, 1, 0, a_key(), CAUSE)


async def test_who_manages_in_one_store_manages_nobody() -> None:
    shop = await a_shop()
    local = await _signed_in(shop, "ana@example.com", (Role.ADMIN.value, shop.store.id))
    with pytest.raises(Forbidden, match="in some stores only"):
        await people.invite(local, "Bia", "bia@example.com", [], a_key(), CAUSE)


async def test_the_last_administrator_cannot_be_removed_or_suspended() -> None:
    shop = await a_shop()
    ana, bia = await _signed_in(shop, "ana@example.com"), await _signed_in(shop, "bia@example.com")
    assert ana.person_id is not None
    assert bia.person_id is not None
    await people.update(ana, bia.person_id, None, PersonState.SUSPENDED, CAUSE)
    with pytest.raises(InvalidInput, match="last administrator"):
        await grants.give_person(ana, ana.person_id, [WantedRole("SUPPORT")], CAUSE)
    robot = await authenticate(await create_token(shop.id, Role.ADMIN, "robot", timedelta(hours=1)))
    assert robot is not None
    with pytest.raises(InvalidInput, match="last administrator"):
        await people.update(robot, ana.person_id, None, PersonState.SUSPENDED, CAUSE)
    await people.update(ana, bia.person_id, None, PersonState.ACTIVE, CAUSE)
    await grants.give_person(bia, ana.person_id, [WantedRole("SUPPORT")], CAUSE)


async def test_two_administrators_who_remove_each_other_at_once_leave_one() -> None:
    shop = await a_shop()
    ana, bia = await _signed_in(shop, "ana@example.com"), await _signed_in(shop, "bia@example.com")
    assert ana.person_id is not None
    assert bia.person_id is not None
    done = await asyncio.gather(
        grants.give_person(ana, bia.person_id, [WantedRole("SUPPORT")], CAUSE),
        grants.give_person(bia, ana.person_id, [WantedRole("SUPPORT")], CAUSE),
        return_exceptions=True,
    )
    assert [type(one) for one in done if isinstance(one, Exception)] == [InvalidInput]


async def test_who_is_suspended_is_out_at_once_and_their_links_are_closed() -> None:
    shop = await a_shop()
    ana = await _signed_in(shop, "ana@example.com")
    bia, link = await people.make(shop.id, "Bia", "bia@example.com", [("SUPPORT", None)], "tester")
    begun = await sessions.begin(bia.id, 3600)
    await people.update(ana, bia.id, None, PersonState.SUSPENDED, CAUSE)
    assert await sessions.authenticate(begun.secret, IDLE) is None
    assert await sessions.by_link(link.secret, 3600) is None
    assert not await SignInLink.filter(person_id=bia.id, used_at=None)


async def test_a_session_ends_when_it_is_idle_when_it_is_old_and_when_it_is_revoked(owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    ana = await _signed_in(shop, "ana@example.com")
    assert ana.person_id is not None
    for spoilt in (
        "UPDATE sessions SET last_seen_at = now() - interval '31 minutes' WHERE id = $1",
        "UPDATE sessions SET created_at = now() - interval '2 days', expires_at = now() WHERE id = $1",
    ):
        begun = await sessions.begin(ana.person_id, 3600)
        principal = await sessions.authenticate(begun.secret, IDLE)
        assert principal is not None
        assert principal.zone == "America/Sao_Paulo", "by which its days begin"
        await owner_rows(spoilt, principal.token_id)
        assert await sessions.authenticate(begun.secret, IDLE) is None
    begun = await sessions.begin(ana.person_id, 3600)
    (row,) = await Session.filter(digest=tokens.digest_of(begun.secret))
    await sessions.revoke(ana, row.id, CAUSE)
    assert await sessions.authenticate(begun.secret, IDLE) is None
    begun = await sessions.begin(ana.person_id, 3600)
    await sessions.end(begun.secret)
    assert await sessions.authenticate(begun.secret, IDLE) is None


async def test_that_somebody_is_there_is_written_once_a_minute(owner_rows: OwnerRows) -> None:
    ana = await _signed_in(await a_shop(), "ana@example.com")
    assert ana.person_id is not None
    begun = await sessions.begin(ana.person_id, 3600)
    seen = "UPDATE sessions SET last_seen_at = now() - interval '5 minutes' RETURNING last_seen_at"
    (before,) = {row["last_seen_at"] for row in await owner_rows(seen)}
    assert await sessions.authenticate(begun.secret, IDLE, seen=False) is not None
    assert (await Session.get(digest=tokens.digest_of(begun.secret))).last_seen_at == before
    await sessions.authenticate(begun.secret, IDLE)
    assert (await Session.get(digest=tokens.digest_of(begun.secret))).last_seen_at > before


async def test_a_role_of_ones_own_changes_at_once_and_goes_when_nobody_has_it() -> None:
    shop = await a_shop()
    admin = await _signed_in(shop, "ana@example.com")
    await roles.save(admin, "Night", frozenset({Permission.READ}), CAUSE)
    made = await service_tokens.create(admin, "robot", [WantedRole("Night")], 1, a_key(), CAUSE)
    before = await authenticate(made.clear)
    await roles.save(admin, "night", frozenset({Permission.READ_LEDGER}), CAUSE)
    after = await authenticate(made.clear)
    assert before is not None
    assert after is not None
    assert before.permissions == {Permission.READ, Permission.SEE}
    assert after.permissions == {Permission.READ_LEDGER}
    bia, _ = await people.make(shop.id, "Bia", "bia@example.com", [("Night", None)], "tester")
    with pytest.raises(InvalidInput, match="still has this role"):
        await roles.delete(admin, "Night", CAUSE)
    await grants.give_person(admin, bia.id, [], CAUSE)
    with pytest.raises(InvalidInput, match="still has this role"):
        await roles.delete(admin, "Night", CAUSE)
    await service_tokens.revoke(admin, made.row.id, CAUSE)
    await roles.delete(admin, "NIGHT", CAUSE)
    with pytest.raises(NotFound):
        await roles.delete(admin, "Night", CAUSE)


@pytest.mark.parametrize("name", ["ADMIN", "admin", "FRONTEND", "CUSTOMER_SEE", "", "x" * 65, "a<b"])
async def test_a_role_of_ones_own_has_no_name_of_ours(name: str) -> None:
    admin = await _signed_in(await a_shop(), "ana@example.com")
    with pytest.raises(InvalidInput):
        await roles.save(admin, name, frozenset({Permission.READ}), CAUSE)


async def test_a_platform_makes_merchants_and_their_administrators(owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    ana = await _signed_in(shop, "ana@example.com", (Role.PLATFORM_ADMIN.value, None))
    assert ana.person_id is not None
    key = a_key()
    made = await merchants.create(ana, NewMerchant("Outra", "MX", "America/Mexico_City"), key, CAUSE)
    first = await authenticate(made.token)
    assert first is not None
    assert (first.merchant_id, first.permissions) == (made.merchant.id, PERMISSIONS[Role.ADMIN])
    again = await merchants.create(ana, NewMerchant("Outra", "MX", "America/Mexico_City"), key, CAUSE)
    assert (again.merchant.id, again.token) == (made.merchant.id, None)
    begun = await sessions.begin(ana.person_id, 3600)
    there = await sessions.authenticate(begun.secret, IDLE, made.merchant.id)
    assert there is not None
    assert there.merchant_id == made.merchant.id
    assert {row.id for row in await (await merchants.readable(there))} == {shop.id, made.merchant.id}
    stranger = await a_shop()
    assert await sessions.authenticate(begun.secret, IDLE, stranger.id) is None
    admin = await _signed_in(stranger, "zoe@example.com")
    with pytest.raises(Forbidden):
        await merchants.create(admin, NewMerchant("X", "MX", "America/Mexico_City"), a_key(), CAUSE)


async def test_a_guest_is_managed_where_they_are_at_home() -> None:
    home = await a_shop()
    ana = await _signed_in(home, "ana@example.com", (Role.PLATFORM_ADMIN.value, None))
    made = await merchants.create(ana, NewMerchant("Outra", "MX", "America/Mexico_City"), a_key(), CAUSE)
    there = await authenticate(made.token)
    assert there is not None
    assert ana.person_id is not None
    for attempt in (
        people.update(there, ana.person_id, "Other", None, CAUSE),
        people.sign_in_link(there, ana.person_id, CAUSE),
    ):
        with pytest.raises(NotFound):
            await attempt
    bia = await _signed_in(home, "bia@example.com")
    with pytest.raises(Forbidden, match="do not hold"):
        await people.sign_in_link(bia, ana.person_id, CAUSE)


async def test_stores_are_made_once_and_changed() -> None:
    admin = await _signed_in(await a_shop(), "ana@example.com")
    key, new = a_key(), NewStore("bh", "Belo Horizonte", "bh@loja")
    made, replayed = await stores.create(admin, new, key, CAUSE)
    assert ((await stores.create(admin, new, key, CAUSE))[0].id, replayed) == (made.id, False)
    with pytest.raises(InvalidInput, match="code"):
        await stores.create(admin, NewStore("bh", "Another"), a_key(), CAUSE)
    with pytest.raises(InvalidInput, match="payeeKey"):
        await stores.update(admin, made.id, StoreChange("BH", "sp@loja", {}), CAUSE)
    assert (await stores.update(admin, made.id, StoreChange("BH", None, {}), CAUSE)).payee_key is None


@pytest.mark.parametrize(
    ("contact", "privacy_url"),
    [
        ("", None),
        (" ", None),
        ("a\nb", None),
        ("x" * 201, None),
        (None, "http://loja.example/p"),
        (None, "https://"),
        (None, "https://[loja/p"),
        (None, "javascript:alert(1)"),
        (None, "https://loja.example/" + "x" * 300),
    ],
)
async def test_a_contact_is_one_line_and_a_privacy_notice_an_https_address(
    contact: str | None, privacy_url: str | None
) -> None:
    admin = await _signed_in(await a_shop(), "ana@example.com")
    with pytest.raises(InvalidInput, match="contact|privacyUrl"):
        await stores.create(admin, NewStore("bh", "BH", None, contact, privacy_url), a_key(), CAUSE)


async def test_a_change_of_a_stores_name_leaves_its_contact_as_it_is_and_a_null_takes_it_away() -> None:
    admin = await _signed_in(await a_shop(), "ana@example.com")
    new = NewStore("bh", "BH", None, "ajuda@loja.example", "https://loja.example/privacidade")
    made, _ = await stores.create(admin, new, a_key(), CAUSE)
    renamed = await stores.update(admin, made.id, StoreChange("Belo", None, {}), CAUSE)
    assert (renamed.contact, renamed.privacy_url) == ("ajuda@loja.example", "https://loja.example/privacidade")
    silent = await stores.update(admin, made.id, StoreChange("Belo", None, {"contact": None}), CAUSE)
    assert (silent.contact, silent.privacy_url) == (None, "https://loja.example/privacidade")


def test_two_who_have_addresses_are_compared_by_them_and_else_by_names() -> None:
    assert same_person("Ana <ana@example.com>", "Somebody <ANA@example.com>")
    assert not same_person("Ana <ana@example.com>", "Ana <other@example.com>")
    assert same_person("Ana <ana@example.com>", "ana")
    assert not same_person("Ana <ana@example.com>", "bia")


async def test_a_guest_whose_role_grows_is_signed_out_too() -> None:
    here, elsewhere = await a_shop(), await a_shop(name="Outra")
    boss = a_person(here, "boss", Role.ADMIN)
    guest, _ = await people.make(elsewhere.id, "Guest", "guest@example.com", [(Role.SUPPORT.value, None)], "tester")
    await OwnRole.create(id=uuid4(), merchant_id=here.id, name="Night", permissions=["READ"], created_by="tester")
    await Grant.create(id=uuid4(), merchant_id=here.id, person_id=guest.id, role="Night", created_by="tester")
    await sessions.begin(guest.id, 3600)
    with unsaid(), for_merchant(here.id):  # as the API asks
        await roles.save(boss, "Night", frozenset({Permission.READ, Permission.APPROVE}), CAUSE)
    assert not await Session.exists(revoked_at=None)
