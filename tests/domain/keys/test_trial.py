"""A key that does not open what the database holds is known before anything is done with it."""

from collections.abc import Iterator

import pytest

from domain.connections import connections
from domain.keys import trial
from domain.keys.trial import WrongKey
from domain.models import DataKey
from domain.platform import data_keys, secrets
from domain.platform.database import rows
from tests.domain.keys.shops import a_shop_with_all
from tests.kit.factories import KEY, SECRETS, OwnerRows, a_shop

pytestmark = pytest.mark.usefixtures("books")
OTHER = b"o" * 32


@pytest.fixture(autouse=True)
def plainly() -> Iterator[None]:
    """Whatever another test of this process has configured."""
    data_keys._others = data_keys.Others()
    yield
    data_keys._others = data_keys.Others()


async def test_the_first_start_makes_what_later_ones_try() -> None:
    await trial.try_key(KEY)
    await trial.try_key(KEY)
    assert await DataKey.filter(merchant_id=None).count() == 1
    with pytest.raises(WrongKey, match="set the right ESTORNO_SECRET_KEY"):
        await trial.try_key(OTHER)


async def test_a_wrong_key_is_told_by_what_an_earlier_version_has_sealed(owner_rows: OwnerRows) -> None:
    shop = await a_shop()
    sealed = secrets.seal(KEY, SECRETS, connections.place_of(shop.connection.id))
    await owner_rows("UPDATE connections SET sealed_secrets = $1", sealed)
    await owner_rows("ALTER TABLE data_keys DISABLE TRIGGER USER")
    await owner_rows("DELETE FROM data_keys")
    await owner_rows("ALTER TABLE data_keys ENABLE TRIGGER USER")
    with pytest.raises(WrongKey, match="used with until now"):
        await trial.try_key(OTHER)
    assert not await DataKey.exists()
    await trial.try_key(KEY)


async def test_a_check_names_each_key_and_connection_that_does_not_open() -> None:
    good, bad = await a_shop_with_all(), await a_shop_with_all()
    assert await trial.wrong(KEY) == []
    connection = bad.connection.id
    await rows("UPDATE connections SET sealed_secrets = 'x' WHERE id = $1 RETURNING id", connection)
    ((name, detail),) = await trial.wrong(KEY)
    assert name == "keys: each connection's secrets open"
    assert str(connection) in detail
    await rows("UPDATE data_keys SET retired_at = now() WHERE merchant_id = $1 RETURNING id", good.id)
    told = [detail for _, detail in await trial.wrong(KEY)]
    assert any(detail.startswith("1 of payments.sealed_customer") for detail in told)
    ((name, detail),) = await trial.wrong(OTHER)
    assert name == "keys: ESTORNO_SECRET_KEY opens this database"


async def test_a_key_that_was_given_to_another_merchant_is_named(owner_rows: OwnerRows) -> None:
    one, other = await a_shop_with_all(), await a_shop_with_all()
    await owner_rows(
        "UPDATE data_keys t SET wrapped = o.wrapped FROM data_keys o WHERE t.merchant_id = $1 AND o.merchant_id = $2",
        one.id,
        other.id,
    )
    (named, *_) = await trial.wrong(KEY)
    assert named[0] == "keys: each merchant's key opens"
    assert str(one.id) in named[1]
