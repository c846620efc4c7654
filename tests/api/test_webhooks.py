"""Webhooks at the door: verified, stored once, answered."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from domain.connections import connections
from domain.models import Notice, RefusedWebhook
from domain.platform.database import rows
from domain.problems import InvalidInput
from tests.api.conftest import Asker, Enter
from tests.kit.factories import KEY, SECRETS

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


async def _statuses(asker: Asker) -> list[int]:
    """Of a webhook with the old secret, and of one with the new."""
    sent = [await asker.http.post(_url(asker, secret), json=BODY) for secret in (SECRETS["webhook_secret"], "new")]
    return [answer.status_code for answer in sent]


async def test_webhooks_are_verified_with_the_new_secrets_and_with_the_old_ones_until_their_end(enter: Enter) -> None:
    asker = await enter()
    new, soon = {**SECRETS, "webhook_secret": "new"}, datetime.now(UTC) + timedelta(hours=1)
    assert await _statuses(asker) == [200, 401]
    await connections.replace_secrets(asker.shop.connection, new, soon, KEY)
    assert await _statuses(asker) == [200, 200]
    assert await connections.forget_old_secrets() == 0
    await rows("UPDATE connections SET old_valid_until = now() RETURNING id")
    assert await _statuses(asker) == [401, 200]
    assert await connections.forget_old_secrets() == 1
    assert await _statuses(asker) == [401, 200]
    await connections.replace_secrets(asker.shop.connection, SECRETS, None, KEY)
    assert await _statuses(asker) == [200, 401]
    with pytest.raises(InvalidInput, match="a moment to come"):
        await connections.replace_secrets(asker.shop.connection, new, datetime.now(UTC), KEY)


async def test_a_webhook_that_nobody_can_verify_is_to_come_again_and_secrets_given_anew_mend_it(enter: Enter) -> None:
    asker = await enter()
    await rows("UPDATE connections SET sealed_secrets = 'x' RETURNING id")
    assert (await asker.http.post(_url(asker), json=BODY)).status_code == 503
    assert not await Notice.exists()
    assert not await RefusedWebhook.exists()
    soon = datetime.now(UTC) + timedelta(hours=1)
    await connections.replace_secrets(asker.shop.connection, {**SECRETS, "webhook_secret": "new"}, soon, KEY)
    assert await _statuses(asker) == [401, 200]  # the old ones do not open
