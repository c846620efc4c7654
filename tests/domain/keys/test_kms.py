"""Keys wrapped by AWS KMS, against moto's server, which speaks its protocol."""

import os
from collections.abc import Iterator
from uuid import uuid4

import pytest
from botocore.session import Session
from moto.server import ThreadedMotoServer

from domain.keys import rotate, trial
from domain.keys.trial import WrongKey
from domain.models import DataKey
from domain.platform import data_keys
from domain.platform.kms import AwsKms
from domain.platform.secrets import Unsealable
from domain.platform.settings import Settings
from domain.platform.wrapping import KeyServiceAway
from tests.domain.keys.shops import a_shop_with_all, all_open
from tests.kit.factories import KEY

CONTEXT = {"data_key": "1", "merchant": "2"}


@pytest.fixture(scope="module")
def kms_url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def key_id(kms_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    client = Session().create_client("kms", "sa-east-1", endpoint_url=kms_url)
    made: str = client.create_key()["KeyMetadata"]["Arn"]
    return made


@pytest.fixture(autouse=True)
def plainly() -> Iterator[None]:
    yield
    data_keys._others = data_keys.Others()


async def test_a_key_is_unwrapped_by_its_kms_key_in_its_context_only(kms_url: str, key_id: str) -> None:
    kms, key = AwsKms(key_id, kms_url), os.urandom(32)
    wrapped = await kms.wrap(key, CONTEXT)
    assert key not in wrapped
    assert await kms.unwrap(wrapped, CONTEXT) == key
    with pytest.raises(Unsealable):
        await kms.unwrap(wrapped, {**CONTEXT, "merchant": "3"})


async def test_a_key_service_that_cannot_be_asked_is_away(kms_url: str, key_id: str) -> None:
    with pytest.raises(KeyServiceAway, match="cannot be asked"):
        await AwsKms(key_id, "http://127.0.0.1:1").wrap(bytes(32), CONTEXT)
    with pytest.raises(KeyServiceAway, match="refuses"):
        await AwsKms(f"{key_id[:-36]}{uuid4()}", kms_url).wrap(bytes(32), CONTEXT)
    with pytest.raises(KeyServiceAway, match="region"):
        await AwsKms("alias/estorno", kms_url).wrap(bytes(32), CONTEXT)


@pytest.mark.usefixtures("books")
async def test_keys_move_from_the_secret_key_to_kms_and_what_is_sealed_opens(kms_url: str, key_id: str) -> None:
    shop = await a_shop_with_all()
    await trial.try_key(KEY)
    data_keys.configure(Settings(secret_key=KEY, kms_key=key_id, kms_url=kms_url))
    done = await rotate.rotate(KEY, only_wrap=True)
    assert (done.made, done.wrapped, done.sealed) == (0, 2, 0)
    assert {row.kek for row in await DataKey.all()} == {f"aws:{key_id}"}
    for memory in (data_keys._opened, data_keys._current, data_keys._digesting):
        memory.clear()
    assert await all_open(shop.id)
    await trial.try_key(KEY)
    assert await trial.wrong(KEY) == []
    data_keys.configure(Settings(secret_key=KEY))
    with pytest.raises(WrongKey, match="ESTORNO_KMS_KEY"):
        await trial.try_key(KEY)
