"""Files in S3-compatible storage, against moto's server, which speaks its protocol."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from botocore.session import Session
from moto.server import ThreadedMotoServer

from domain.files import content
from domain.files.content import ContentAway
from domain.models import File
from domain.platform.settings import Settings
from tests.conftest import Database
from tests.kit.factories import a_shop
from tests.kit.world import quick_settings

BUCKET = "documents"
PDF = b"%PDF-1.7 licence"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    given = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": "us-east-1"}
    for name, value in {**given, "AWS_ENDPOINT_URL": url, "AWS_ALLOW_HTTP": "true"}.items():
        monkeypatch.setenv(name, value)
    Session().create_client("s3", "us-east-1", endpoint_url=url).create_bucket(Bucket=BUCKET)
    content._opened.cache_clear()
    yield quick_settings(files=f"s3://{BUCKET}/estorno")
    content._opened.cache_clear()
    server.stop()


async def test_what_lies_in_the_bucket_is_sealed_and_comes_back(books: Database, bucket: Settings) -> None:
    shop, file_id = await a_shop(), uuid4()
    file = File(id=file_id, merchant_id=shop.id, sealed_key=await content.new_key(bucket, shop.id, file_id))
    await content.put(bucket, file, PDF)
    assert await content.get(bucket, file) == PDF
    stored = await content._store(bucket).get_async(str(file_id))
    assert PDF not in bytes(await stored.bytes_async())


async def test_a_bucket_that_does_not_have_it_says_so(books: Database, bucket: Settings) -> None:
    shop, file_id = await a_shop(), uuid4()
    file = File(id=file_id, merchant_id=shop.id, sealed_key=await content.new_key(bucket, shop.id, file_id))
    with pytest.raises(ContentAway):
        await content.get(bucket, file)
