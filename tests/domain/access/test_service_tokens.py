"""Tokens of programs: told once, replaced with an overlap, revoked; and customers', which see one payment's refunds."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from domain.access import people, roles, service_tokens, sessions, tokens
from domain.access.grants import WantedRole
from domain.access.people import PersonState
from domain.access.permissions import PERMISSIONS, Permission, Role
from domain.access.principal import Principal, Reach, Stores, role_reach
from domain.access.tokens import authenticate, create_token
from domain.models import Payment, Refund, Store, Token
from domain.models.refunds import Reason
from domain.money import Money
from domain.payments import customer_tokens
from domain.payments import find as payments
from domain.payments.customer_tokens import CustomerMay, NewCustomerToken
from domain.problems import Forbidden, IdempotencyConflict, InvalidInput, NotFound, RateLimited
from domain.refunds import find, request
from domain.refunds.request import NewRefund
from tests.kit.factories import CAUSE, KEY, OwnerRows, Shop, a_key, a_payment, a_refund, a_shop

pytestmark = pytest.mark.usefixtures("books")
CPF, OTHER = "390.533.447-05", "111.444.777-35"


async def _admin(shop: Shop) -> Principal:
    found = await authenticate(await create_token(shop.id, Role.ADMIN, "boss", timedelta(hours=1)))
    assert found is not None
    return found


async def test_a_token_is_told_once_and_does_what_it_was_given() -> None:
    shop = await a_shop()
    admin, key = await _admin(shop), a_key()
    made = await service_tokens.create(admin, "shop", [WantedRole("REQUESTER", "sp")], 30, key, CAUSE)
    principal = await authenticate(made.clear)
    assert principal is not None
    assert principal.holder == "shop"
    assert principal.scope(Permission.REFUND).stores == frozenset({shop.store.id})
    again = await service_tokens.create(admin, "shop", [WantedRole("REQUESTER", "sp")], 30, key, CAUSE)
    assert (again.row.id, again.clear) == (made.row.id, None)


async def test_a_replaced_token_goes_on_for_as_long_as_was_said(owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    admin = await _admin(shop)
    old = await service_tokens.create(admin, "shop", [WantedRole("REQUESTER", "sp")], 30, a_key(), CAUSE)
    key = a_key()
    new = await service_tokens.rotate(admin, old.row.id, 60, 2, key, CAUSE)
    assert (await service_tokens.rotate(admin, old.row.id, 60, 2, key, CAUSE)).clear is None
    one, other = await authenticate(old.clear), await authenticate(new.clear)
    assert one is not None
    assert other is not None
    assert one.reach == other.reach
    assert timedelta(minutes=119) < one.expires_at - datetime.now(UTC) <= timedelta(hours=2)
    with pytest.raises(NotFound):
        await service_tokens.rotate(await _admin(await a_shop()), old.row.id, 60, 2, a_key(), CAUSE)
    assert (await service_tokens.revoke(admin, new.row.id, CAUSE)).revoked_at is not None
    with pytest.raises(InvalidInput, match="has ended"):
        await service_tokens.rotate(admin, new.row.id, 60, 2, a_key(), CAUSE)


async def test_a_token_that_is_older_than_grants_works_as_it_did(owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    made = {}
    for old, role in (("FRONTEND", Role.REQUESTER), ("ACCOUNTING", Role.ACCOUNTANT), ("ADMINISTRATOR", Role.ADMIN)):
        clear = f"est_{old}"
        await owner_rows(
            "INSERT INTO tokens (id, merchant_id, holder, role, prefix, digest, created_at, expires_at) "
            "VALUES ($1, $2, 'ana', $3, 'est_', $4, now(), now() + interval '1 hour')",
            uuid4(), shop.id, old, tokens.digest_of(clear),
        )  # fmt: skip
        principal = await authenticate(clear)
        assert principal is not None
        assert principal.reach == role_reach(role)
        made[old] = principal
    (row,) = await Token.filter(role="FRONTEND")
    new = await service_tokens.rotate(made["ADMINISTRATOR"], row.id, 1, 0, a_key(), CAUSE)
    replaced = await authenticate(new.clear)
    assert replaced is not None
    assert replaced.permissions == PERMISSIONS[Role.REQUESTER] | {Permission.SEE, Permission.ASK}


async def test_nobody_revokes_a_token_that_may_more_but_their_own() -> None:
    shop = await a_shop()
    admin = await _admin(shop)
    made = await service_tokens.create(admin, "dev", [WantedRole("DEVELOPER")], 1, a_key(), CAUSE)
    dev = await authenticate(made.clear)
    assert dev is not None
    with pytest.raises(Forbidden, match="do not hold"):
        await service_tokens.revoke(dev, admin.token_id, CAUSE)
    await roles.save(admin, "Keys", frozenset({Permission.MANAGE_TOKENS}), CAUSE)
    for of in (made.row.id, dev.token_id):
        assert (await service_tokens.revoke(dev, of, CAUSE)).revoked_at is not None


async def test_a_persons_token_is_replaced_by_nobody_else() -> None:
    shop = await a_shop()
    admin = await _admin(shop)
    for holder, name in (("Rui", None), ("Ana <ana@example.com>", "first steps")):
        draft = tokens.NewToken(
            shop.id, holder, [("ADMIN", None)], datetime.now(UTC) + timedelta(hours=1), name, created_by="operator"
        )
        own = await authenticate(await tokens.make(draft))
        assert own is not None
        made = await service_tokens.create(admin, "Ana", [WantedRole("ADMIN")], 1, a_key(), CAUSE)
        namesake = await authenticate(made.clear)
        assert namesake is not None
        for other in (admin, namesake):
            with pytest.raises(Forbidden, match="person"):
                await service_tokens.rotate(other, draft.id, 1, 0, a_key(), CAUSE)
        new = await service_tokens.rotate(own, draft.id, 1, 0, a_key(), CAUSE)
        assert (new.row.holder, new.row.name) == (holder, name)
        with pytest.raises(Forbidden, match="person"):
            await service_tokens.rotate(admin, new.row.id, 1, 0, a_key(), CAUSE)


async def test_a_role_of_a_later_version_is_nobodys(owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    clear = await create_token(shop.id, Role.ADMIN, "boss", timedelta(hours=1))
    await owner_rows("UPDATE grants SET role = 'LATER'")
    principal = await authenticate(clear)
    assert principal is not None
    assert principal.permissions == frozenset()


async def test_the_last_use_is_written_to_the_minute(owner_rows: OwnerRows) -> None:
    admin = await _admin(await a_shop())
    await tokens.mark_used([admin.token_id])
    first = (await Token.get(id=admin.token_id)).last_used_at
    assert first is not None
    await tokens.mark_used([admin.token_id])
    assert (await Token.get(id=admin.token_id)).last_used_at == first
    await owner_rows("UPDATE tokens SET last_used_at = now() - interval '2 minutes'")
    await tokens.mark_used([admin.token_id])
    assert (await Token.get(id=admin.token_id)).last_used_at != first


async def _customer(
    shop: Shop, may: CustomerMay, payment: Payment | None = None, tax_id: str | None = None
) -> Principal:
    admin = await _admin(shop)
    new = NewCustomerToken(may, 5, payment.id if payment else None, tax_id)
    principal = await authenticate((await customer_tokens.create(admin, new, CAUSE, KEY)).clear)
    assert principal is not None
    return principal


async def test_a_customer_sees_the_refunds_of_their_payment() -> None:
    shop = await a_shop()
    mine, other = await a_payment(shop), await a_payment(shop)
    refund = await a_refund(shop, mine, 100)
    await a_refund(shop, other, 100)
    customer = await _customer(shop, CustomerMay.SEE, mine)
    assert [row.id for row in await find.readable(customer)] == [refund.id]
    assert [row.id for row in await payments.readable(customer)] == [mine.id]
    with pytest.raises(NotFound):
        await request.request(customer, NewRefund(mine.id, None, Reason.CUSTOMER_REQUEST), a_key(), CAUSE)


async def test_a_customer_sees_all_of_their_payments_and_asks_for_those_only() -> None:
    shop = await a_shop()
    mine = [await a_payment(shop, tax_id=CPF) for _ in range(2)]
    other = await a_payment(shop, tax_id=OTHER)
    seen = await _customer(shop, CustomerMay.SEE, tax_id="39053344705")
    assert {row.id for row in await payments.readable(seen)} == {one.id for one in mine}
    asks = await _customer(shop, CustomerMay.ASK, tax_id=CPF)
    await request.request(asks, NewRefund(mine[0].id, None, Reason.CUSTOMER_REQUEST), a_key(), CAUSE)
    for payment_id in (other.id, uuid4()):
        with pytest.raises(NotFound, match="No such payment"):
            await request.request(asks, NewRefund(payment_id, None, Reason.CUSTOMER_REQUEST), a_key(), CAUSE)
    assert {row.id for row in await payments.readable(asks)} == {one.id for one in mine}
    assert [row.payment_id for row in await find.readable(asks)] == [mine[0].id]


async def test_who_asks_sees_where_whoever_made_the_token_may_read() -> None:
    shop = await a_shop()
    rio = await Store.create(id=uuid4(), merchant_id=shop.id, code="rj", name="Rio")
    mine = await a_payment(shop)
    admin = await _admin(shop)
    ways: list[tuple[list[Stores], bool]] = [
        ([None], True),
        ([frozenset({shop.store.id})], True),
        ([frozenset({rio.id})], False),
        ([], False),
    ]
    for read, sees in ways:
        held: set[tuple[Permission, Stores]] = {(Permission.REFUND, None), *((Permission.READ, one) for one in read)}
        maker = replace(admin, reach=Reach(frozenset(held)))
        made = await customer_tokens.create(maker, NewCustomerToken(CustomerMay.ASK, 5, mine.id), CAUSE, KEY)
        asks = await authenticate(made.clear)
        assert asks is not None
        assert asks.may(Permission.ASK)
        assert not asks.may(Permission.READ, Permission.REFUND)
        assert asks.may(Permission.SEE) is bool(read), read
        assert (asks.may(Permission.SEE) and await payments.readable(asks).exists()) is sees, read


async def test_a_customers_key_is_theirs_alone_and_nobody_elses_is_told_of_it() -> None:
    shop, key = await a_shop(), a_key()
    one, other, third = [await a_payment(shop, tax_id=CPF) for _ in range(3)]
    asked = [(await _customer(shop, CustomerMay.ASK, one), one), (await _customer(shop, CustomerMay.ASK, other), other)]
    asked += [(await _customer(shop, CustomerMay.ASK, tax_id=CPF), third), (await _admin(shop), third)]
    made = set()
    for whose, payment in asked:
        new = NewRefund(payment.id, Money(100, "BRL"), Reason.CUSTOMER_REQUEST)
        done, again = [await request.request(whose, new, key, CAUSE) for _ in range(2)]
        assert (done.replayed, again.replayed, again.refund.id) == (False, True, done.refund.id)
        made.add(done.refund.id)
    assert len(made) == len(asked)
    found = await find.by_idempotency_key(asked[-1][0], key)
    assert found is not None
    assert found.id == done.refund.id, "Of the shop's own key."
    with pytest.raises(IdempotencyConflict):
        await request.request(asked[0][0], NewRefund(one.id, None, Reason.CUSTOMER_REQUEST), key, CAUSE)


async def test_a_customers_token_reaches_no_further_than_who_made_it() -> None:
    shop = await a_shop()
    rio = await Store.create(id=uuid4(), merchant_id=shop.id, code="rj", name="Rio")
    payment = await a_payment(shop, tax_id=CPF)
    made = await service_tokens.create(await _admin(shop), "rio", [WantedRole("REQUESTER", "rj")], 1, a_key(), CAUSE)
    local = await authenticate(made.clear)
    assert local is not None
    with pytest.raises(NotFound):
        await customer_tokens.create(local, NewCustomerToken(CustomerMay.SEE, 5, payment.id), CAUSE, KEY)
    clear = (await customer_tokens.create(local, NewCustomerToken(CustomerMay.SEE, 5, None, CPF), CAUSE, KEY)).clear
    customer = await authenticate(clear)
    assert customer is not None
    assert customer.scope(Permission.SEE).stores == frozenset({rio.id})
    assert await payments.readable(customer) == []


async def test_whoever_makes_customers_tokens_makes_so_many_in_an_hour() -> None:
    shop = await a_shop()
    admin, other = await _admin(shop), await _admin(shop)
    new = NewCustomerToken(CustomerMay.SEE, 5, (await a_payment(shop)).id)
    before = await Token.all().count()
    for _ in range(3):
        await customer_tokens.create(admin, new, CAUSE, KEY, per_hour=3)
    with pytest.raises(RateLimited, match="tokens for customers") as refused:
        await customer_tokens.create(admin, new, CAUSE, KEY, per_hour=3)
    assert 0 < refused.value.retry_after <= 1200
    await customer_tokens.create(other, new, CAUSE, KEY, per_hour=3)
    assert await Token.all().count() == before + 4


async def test_a_customers_token_ends_with_who_made_it() -> None:
    shop = await a_shop()
    payment, admin = await a_payment(shop), await _admin(shop)
    made = await service_tokens.create(admin, "shop", [WantedRole("REQUESTER")], 1, a_key(), CAUSE)
    bia, _ = await people.make(shop.id, "Bia", "bia@example.com", [("REQUESTER", None)], "tester")
    program = await authenticate(made.clear)
    person = await sessions.authenticate((await sessions.begin(bia.id, 60)).secret, 60)
    clear = []
    for maker in (admin, program, person):
        assert maker is not None
        new = NewCustomerToken(CustomerMay.ASK, 5, payment.id)
        clear.append((await customer_tokens.create(maker, new, CAUSE, KEY)).clear)

    async def work() -> list[bool]:
        return [await authenticate(one) is not None for one in clear]

    assert await work() == [True, True, True]
    await service_tokens.revoke(admin, made.row.id, CAUSE)
    assert await work() == [True, False, True]
    await people.update(admin, bia.id, None, PersonState.SUSPENDED, CAUSE)
    assert await work() == [True, False, False]


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (NewCustomerToken(CustomerMay.SEE, 61, UUID(int=1)), "minutes"),
        (NewCustomerToken(CustomerMay.SEE, 0, UUID(int=1)), "minutes"),
        (NewCustomerToken(CustomerMay.SEE, 5), "either"),
        (NewCustomerToken(CustomerMay.SEE, 5, UUID(int=1), CPF), "either"),
        (NewCustomerToken(CustomerMay.SEE, 5, None, " - "), "letters"),
    ],
)
async def test_a_customers_token_that_is_wrong_is_not_made(new: NewCustomerToken, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        await customer_tokens.create(await _admin(await a_shop()), new, CAUSE, KEY)


async def test_a_key_that_another_store_used_opens_nothing_of_its() -> None:
    shop = await a_shop()
    rio = await Store.create(id=uuid4(), merchant_id=shop.id, code="rj", name="Rio")
    payment, key = await a_payment(shop), a_key()
    refund = await a_refund(shop, payment, 100, key)
    made = await service_tokens.create(
        await _admin(shop), "rio", [WantedRole("REQUESTER", rio.code)], 1, a_key(), CAUSE
    )
    local = await authenticate(made.clear)
    assert local is not None
    new = NewRefund(payment.id, None, Reason.CUSTOMER_REQUEST)
    with pytest.raises(NotFound):
        await request.request(local, new, key, CAUSE)
    assert await find.by_idempotency_key(local, key) is None
    assert await find.by_request_id(local, refund.request_id) is None


async def test_a_permission_in_another_store_does_not_open_what_is_read_in_this_one() -> None:
    shop = await a_shop()
    await Store.create(id=uuid4(), merchant_id=shop.id, code="rj", name="Rio")
    refund: Refund = await a_refund(shop, await a_payment(shop), 100)
    wanted = [WantedRole("REQUESTER"), WantedRole("SUPPORT", "rj")]
    made = await service_tokens.create(await _admin(shop), "mixed", wanted, 1, a_key(), CAUSE)
    mixed = await authenticate(made.clear)
    assert mixed is not None
    assert await find.by_id(mixed, refund.id) is not None
    with pytest.raises(NotFound):
        await find.check_also(mixed, refund.id, Permission.READ_CALLS)
    with pytest.raises(Forbidden):
        await find.check_also(mixed, refund.id, Permission.READ_LEDGER)
