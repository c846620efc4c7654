"""Keys are rotated while everything runs, and a rotation that was stopped goes on where it was."""

import asyncio
from collections.abc import Iterator
from uuid import UUID

import asyncpg
import pytest

from domain.connections import connections
from domain.keys import rotate, trial
from domain.keys.places import SEALED
from domain.keys.rotate import Rotated
from domain.models import DataKey
from domain.platform import data_keys, secrets
from domain.platform.database import rows
from domain.platform.secrets import Unsealable
from domain.platform.wrapping import Local
from tests.conftest import Database
from tests.domain.keys.shops import a_shop_with_all, all_open, opens, sealed_of
from tests.kit.factories import KEY, SECRETS, a_payment

pytestmark = pytest.mark.usefixtures("books")
NEW_SECRET = b"n" * 32


@pytest.fixture(autouse=True)
def plainly() -> Iterator[None]:
    """What a test configures is gone after it."""
    yield
    data_keys._others = data_keys.Others()


async def _keys_of(merchant_id: UUID) -> list[tuple[int, bool]]:
    found = await DataKey.filter(merchant_id=merchant_id).order_by("version")
    return [(row.version, row.retired_at is not None) for row in found]


async def test_all_is_sealed_under_the_new_key_and_the_old_one_retires() -> None:
    shop, other = await a_shop_with_all(), await a_shop_with_all()
    before, digest = await opens(shop.id, SEALED[2]), await data_keys.digest(KEY, "x")
    steps: list[str] = []
    done = await rotate.rotate(KEY, shop.id, told=lambda what, more: steps.append(what), settle_seconds=0)
    assert done == Rotated(made=1, sealed=10, wrapped=0, retired=1)
    assert await _keys_of(shop.id) == [(1, True), (2, False)]
    assert await _keys_of(other.id) == [(1, False)]
    newest = await data_keys.newest(KEY, shop.id)
    heads = {bytes((await sealed_of(shop.id, one))["sealed"])[:17] for one in SEALED}  # type: ignore[call-overload]
    assert heads == {secrets.prefix_of(newest.id)}
    assert await opens(shop.id, SEALED[2]) == before
    assert await data_keys.digest(KEY, "x") == digest
    assert await trial.wrong(KEY) == []
    assert steps


async def test_a_rotation_that_was_stopped_goes_on_and_makes_no_further_key(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = await a_shop_with_all()
    for _ in range(3):
        await a_payment(shop, tax_id="390.533.447-05")
    monkeypatch.setattr(rotate, "AT_ONCE", 1)
    seen = 0

    def stop(what: str, more: int) -> None:
        nonlocal seen
        seen += more
        if seen == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await rotate.rotate(KEY, shop.id, told=stop, settle_seconds=0)
    assert await trial.wrong(KEY) == []
    done = await rotate.rotate(KEY, shop.id, settle_seconds=0)
    assert (done.made, done.sealed, done.retired) == (0, 9, 1)
    assert await _keys_of(shop.id) == [(1, True), (2, False)]


async def test_a_row_that_somebody_holds_is_sealed_once_it_is_free(own_database: Database) -> None:
    shop = await a_shop_with_all()
    payment = await a_payment(shop, tax_id="390.533.447-05")
    holder = await asyncpg.connect(own_database.application_url, server_settings={"estorno.merchant": "*"})
    try:
        held = holder.transaction()
        await held.start()
        await holder.execute("SELECT id FROM payments WHERE id = $1 FOR NO KEY UPDATE", payment.id)
        rotating = asyncio.create_task(rotate.rotate(KEY, shop.id, settle_seconds=0))
        await asyncio.sleep(0.3)  # its first passes find the row held
        assert not rotating.done()
        await held.commit()
        done = await rotating
    finally:
        await holder.close()
    assert (done.sealed, done.retired) == (11, 1)
    assert await trial.wrong(KEY) == []


async def test_a_key_stays_while_somebody_holds_what_it_seals(
    own_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotate, "_PAUSE_SECONDS", 0.0)
    shop = await a_shop_with_all()
    holder = await asyncpg.connect(own_database.application_url, server_settings={"estorno.merchant": "*"})
    try:
        async with holder.transaction():
            await holder.execute("SELECT id FROM payments FOR NO KEY UPDATE")
            done = await rotate.rotate(KEY, shop.id, settle_seconds=0)
    finally:
        await holder.close()
    assert (done.sealed, done.retired, done.in_use) == (9, 0, 1)
    assert await trial.wrong(KEY) == []
    done = await rotate.rotate(KEY, shop.id, settle_seconds=0)
    assert (done.made, done.sealed, done.retired, done.in_use) == (0, 1, 1, 0)


async def test_a_process_that_still_remembers_the_old_key_is_waited_for() -> None:
    shop = await a_shop_with_all()
    await data_keys.current(KEY, shop.id)
    waits = asyncio.Event()

    def late(what: str, more: int) -> None:
        if "waiting" in what:
            waits.set()

    async def seal_late() -> None:
        await waits.wait()
        # This process looked before the rotation: it seals with the old key once more.
        await connections.replace_secrets(shop.connection, SECRETS, None, KEY)

    _, done = await asyncio.gather(seal_late(), rotate.rotate(KEY, shop.id, told=late, settle_seconds=1))
    assert done.retired == 1
    assert (await connections.credentials_of(shop.connection, KEY)).secrets == SECRETS
    await shop.connection.refresh_from_db()
    assert (await connections.credentials_of(shop.connection, KEY)).secrets == SECRETS
    assert await trial.wrong(KEY) == []


async def test_a_new_secret_key_wraps_every_key_and_opens_all_the_old_one_sealed() -> None:
    shop = await a_shop_with_all()
    await trial.try_key(KEY)
    digest = await data_keys.digest(KEY, "x")
    place = connections.place_of(shop.connection.id)
    older = secrets.seal(KEY, SECRETS, place)  # by a version without data keys
    await rows("UPDATE connections SET sealed_secrets = $1 RETURNING id", older)
    data_keys._others = data_keys.Others(old=(Local(KEY),), old_secret=KEY)
    await trial.try_key(NEW_SECRET)
    assert await all_open(shop.id, NEW_SECRET)
    done = await rotate.rotate(NEW_SECRET, only_wrap=True, settle_seconds=0)
    assert done == Rotated(made=0, sealed=1, wrapped=2, retired=0)
    data_keys._others = data_keys.Others()
    for memory in (data_keys._opened, data_keys._current, data_keys._digesting):
        memory.clear()
    assert await all_open(shop.id, NEW_SECRET)
    assert await data_keys.digest(NEW_SECRET, "x") == digest
    with pytest.raises(Unsealable):
        await opens(shop.id, SEALED[0], KEY)
