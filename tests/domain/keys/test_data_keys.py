"""A key per merchant: made at its first use, wrapped, remembered; nothing opens in another merchant's row."""

from uuid import UUID, uuid4

import pytest

from domain.keys.places import SEALED, Sealed
from domain.models import DataKey, Merchant
from domain.platform import data_keys, secrets
from domain.platform.database import close_pool, open_pool, rows, transaction
from domain.platform.secrets import Unsealable
from tests.conftest import Database
from tests.domain.keys.shops import a_shop_with_all, all_open, opens, sealed_of
from tests.kit.factories import KEY, OwnerRows, a_shop
from tests.kit.round_trips import counted

pytestmark = pytest.mark.usefixtures("books")

IN_CLEAR = {  # columns of bytes that nothing is sealed in
    ("data_keys", "wrapped"),
    ("deliveries", "body"),
    ("manual_settlements", "file_content"),
    ("settlement_proposals", "file_content"),
    ("notices", "body"),
    ("shop_notices", "body"),
    ("reports", "content"),
    ("report_pieces", "content"),
}


async def test_every_column_of_bytes_is_known_as_sealed_or_as_in_the_clear() -> None:
    found = await rows(
        "SELECT table_name, column_name FROM information_schema.columns "
        "WHERE table_schema = 'public' AND data_type = 'bytea'"
    )
    sealed = {(one.table, one.column) for one in SEALED}
    columns = {(row["table_name"], row["column_name"]) for row in found}
    assert columns == sealed | IN_CLEAR


async def test_each_merchants_key_is_another_one_and_is_never_there_in_clear() -> None:
    one, other = await a_shop_with_all(), await a_shop_with_all()
    assert await all_open(one.id)
    keys = [await data_keys.current(KEY, shop.id) for shop in (one, other)]
    assert len({key.key for key in keys}) == 2
    for row, key in zip(await DataKey.filter(merchant_id__in=[one.id, other.id]).order_by("id"), keys, strict=True):
        assert key.key not in bytes(row.wrapped)
    heads = {bytes((await sealed_of(one.id, column))["sealed"])[:17] for column in SEALED}  # type: ignore[call-overload]
    assert heads == {secrets.prefix_of(keys[0].id)}


@pytest.mark.parametrize("column", SEALED, ids=lambda one: f"{one.table}.{one.column}")
async def test_what_is_sealed_opens_in_no_row_of_another_merchant(column: Sealed, owner_rows: OwnerRows) -> None:
    mine, theirs = await a_shop_with_all(), await a_shop_with_all()
    before = await opens(mine.id, column)
    swap = (
        f"UPDATE {column.table} t SET {column.column} = o.{column.column} FROM {column.table} o "
        f"WHERE t.merchant_id = $1 AND o.merchant_id = $2"
    )
    taken = (await sealed_of(theirs.id, column))["sealed"]
    await owner_rows(swap, mine.id, theirs.id)
    with pytest.raises(Unsealable):
        await opens(mine.id, column)
    # Not even when the key that the value names is given to the merchant, too.
    await owner_rows("UPDATE data_keys SET merchant_id = $1, version = 7 WHERE merchant_id = $2", mine.id, theirs.id)
    await _forget()
    assert (await sealed_of(mine.id, column))["sealed"] == taken
    with pytest.raises(Unsealable):
        await opens(mine.id, column)
    assert before


async def _forget() -> None:
    """As a process that has just started."""
    for memory in (data_keys._opened, data_keys._current, data_keys._digesting):
        memory.clear()


async def test_a_key_of_a_transaction_that_was_undone_seals_nothing_afterwards() -> None:
    other = await _a_merchant()

    async def undone() -> None:
        async with transaction():
            for _ in range(2):
                await data_keys.seal(KEY, other, {"a": "b"}, "here")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await undone()
    sealed = await data_keys.seal(KEY, other, {"a": "b"}, "here")
    await _forget()
    assert await data_keys.unseal(KEY, other, sealed, "here") == {"a": "b"}
    assert await DataKey.filter(merchant_id=other).count() == 1


async def _a_merchant() -> UUID:
    return (await Merchant.create(id=uuid4(), name="Neu", country="BR", zone="America/Sao_Paulo")).id


async def test_what_earlier_versions_sealed_still_opens() -> None:
    shop = await a_shop()
    sealed = secrets.seal(KEY, {"a": "b"}, "here")
    assert await data_keys.unseal(KEY, shop.id, sealed, "here") == {"a": "b"}
    with pytest.raises(Unsealable):
        await data_keys.unseal(bytes(32), shop.id, sealed, "here")


async def test_a_digest_is_what_it_was_before_there_were_data_keys() -> None:
    await a_shop()
    assert await data_keys.digest(KEY, "x") == secrets.keyed_digest(secrets.derived(KEY, "digest"), "x")


async def test_a_key_that_is_remembered_costs_no_round_trip(own_database: Database) -> None:
    shop = await a_shop_with_all()
    row = await sealed_of(shop.id, SEALED[0])
    async with counted(own_database.application_url) as trips:
        await close_pool()
        await open_pool(trips.url)
        costs = []
        for _ in range(2):
            before = trips.count
            sealed = await data_keys.seal(KEY, shop.id, {"a": "b"}, "here")
            await data_keys.unseal(KEY, shop.id, sealed, "here")
            await data_keys.unseal(KEY, shop.id, bytes(row["sealed"]), SEALED[0].place(row))  # type: ignore[call-overload]
            await data_keys.digest(KEY, "x")
            costs.append(trips.count - before)
        await close_pool()
        await open_pool(own_database.application_url)
    assert costs[0] > 0
    assert costs[1] == 0


async def test_what_is_sealed_with_a_retired_key_opens_nothing() -> None:
    shop = await a_shop_with_all()
    await rows("UPDATE data_keys SET retired_at = now() WHERE merchant_id = $1 RETURNING id", shop.id)
    await _forget()
    with pytest.raises(Unsealable, match="retired"):
        await opens(shop.id, SEALED[0])
