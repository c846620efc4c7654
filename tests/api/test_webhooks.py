"""Webhooks at the door: verified, stored once, answered."""

import json

import httpx
import pytest

from domain.models import Notice, RefusedWebhook
from tests.api.conftest import Asker, Enter

BODY = {"pix": [{"endToEndId": "E1", "devolucoes": [{"id": "abc", "status": "DEVOLVIDO"}]}]}


def _url(asker: Asker, secret: str = "hook-secret-of-the-test") -> str:
    return f"{asker.url}/webhooks/{asker.shop.connection.id}/{secret}/pix"


async def test_a_webhook_is_stored_raw_once_however_often_it_comes(enter: Enter) -> None:
    asker = await enter()
    content = json.dumps(BODY).encode()
    answers = [await asker.http.post(_url(asker), content=content) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    notice = await Notice.get(connection_id=asker.shop.connection.id)
    assert (bytes(notice.body), notice.times_received) == (content, 3)
    assert notice.due_at is not None


async def test_a_webhook_with_a_wrong_secret_is_refused_and_not_stored(enter: Enter) -> None:
    asker = await enter()
    answer = await asker.http.post(_url(asker, "wrong"), json=BODY)
    assert answer.status_code == 401
    assert "abc" not in answer.text
    assert not await Notice.exists()


@pytest.mark.parametrize(
    ("path", "status"),
    [("/webhooks/x/y/pix", 401), ("/webhooks/6fe972c4-7585-4462-9dd0-e76d96f55860/y/pix", 401), ("/webhooks", 404)],
)
async def test_an_unknown_address_is_answered_like_a_wrong_signature(enter: Enter, path: str, status: int) -> None:
    asker = await enter()
    answer = await asker.http.post(asker.url + path, json=BODY)
    assert answer.status_code == status
    if status == 401:
        known = await asker.http.post(_url(asker, "wrong"), json=BODY)
        assert answer.json()["errors"] == known.json()["errors"]


async def test_an_authentic_webhook_that_cannot_be_read_is_kept_and_answered(enter: Enter) -> None:
    asker = await enter()
    assert (await asker.http.post(_url(asker), content=b"{")).status_code == 200
    assert bytes((await Notice.get()).body) == b"{"


async def test_of_a_webhook_that_is_not_authentic_only_the_number_is_kept(enter: Enter) -> None:
    asker = await enter()
    for _ in range(2):
        assert (await asker.http.post(_url(asker, "wrong"), json=BODY)).status_code == 401
    assert not await Notice.exists()
    assert (await RefusedWebhook.get()).times == 2


async def test_a_webhook_is_only_posted(enter: Enter) -> None:
    asker = await enter()
    assert (await asker.http.get(_url(asker))).status_code == 405


async def test_health_and_readiness(enter: Enter) -> None:
    asker = await enter()
    assert (await asker.http.get(f"{asker.url}/healthz")).json() == {"status": "alive"}
    assert (await asker.http.get(f"{asker.url}/readyz")).json() == {"status": "ready"}
    assert isinstance(asker.http, httpx.AsyncClient)
