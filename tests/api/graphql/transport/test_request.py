"""What every request passes: its ID, the bound on its body, safe headers, and the answer to what nobody caught."""

import json
import re
from collections.abc import AsyncIterator

import pytest

from api.http import BODY_BYTES_MAX
from tests.api.graphql.transport.conftest import Server, socket_to
from tests.api.graphql.transport.shop import SECRET

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("given", ["abcdefgh", "A-Z_09-" * 9, "0" * 64])
async def test_a_well_formed_request_id_of_the_client_is_kept_beside_our_own(shop: Server, given: str) -> None:
    response = await shop.post({"query": "{ who }"}, **{"x-request-id": given})
    assert response.headers["x-correlation-id"] == given
    assert re.fullmatch("[0-9a-f]{32}", response.headers["x-request-id"])
    assert response.json()["extensions"]["requestId"] == response.headers["x-request-id"]
    assert response.json()["data"] == {"who": "ana True"}


@pytest.mark.parametrize(
    "given", ["", "short", "0" * 65, "with space", "semi;colon", 'quote"quote', "líne-break", None]
)
async def test_any_other_request_id_is_dropped(shop: Server, given: str | None) -> None:
    headers = {} if given is None else {"x-request-id": given.encode()}
    response = await shop.client.get("/graphql", params={"query": "{ hello }"}, headers=headers)  # type: ignore[arg-type] # httpx takes bytes
    assert re.fullmatch("[0-9a-f]{32}", response.headers["x-request-id"])
    assert "x-correlation-id" not in response.headers


async def test_every_request_has_another_id(shop: Server) -> None:
    found = {(await shop.post({"query": "{ hello }"})).headers["x-request-id"] for _ in range(5)}
    assert len(found) == 5


async def test_a_socket_that_is_refused_has_a_request_id_too(shop: Server) -> None:
    from websockets.exceptions import InvalidStatus

    with pytest.raises(InvalidStatus) as refused:
        async with socket_to(shop, origin="https://evil.example"):
            pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("path", ["/graphql", "/nowhere", "/explode"])
async def test_every_answer_has_safe_headers(shop: Server, path: str) -> None:
    headers = (await shop.client.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["cache-control"] == "no-store"


async def test_an_error_that_nobody_caught_is_500_with_the_request_id_and_without_the_secret(shop: Server) -> None:
    response = await shop.client.get("/explode", headers={"x-request-id": "asked-by-me"})
    assert response.status_code == 500
    assert response.json()["extensions"]["requestId"] == response.headers["x-request-id"]
    assert "quote the requestId" in response.json()["errors"][0]["message"]
    assert SECRET not in response.text


async def test_a_body_of_exactly_the_limit_is_read(shop: Server) -> None:
    response = await shop.client.post("/swallow", content=b"x" * BODY_BYTES_MAX)
    assert response.json() == {"bytes": BODY_BYTES_MAX}


@pytest.mark.parametrize("size", [BODY_BYTES_MAX + 1, 2 * BODY_BYTES_MAX, 20 * BODY_BYTES_MAX])
async def test_a_larger_body_is_413_and_nothing_is_executed(shop: Server, size: int) -> None:
    before = list(shop.desk.done)
    body = json.dumps({"query": "mutation { sell }", "extensions": {"padding": "x" * size}})
    response = await shop.post(body)
    assert response.status_code == 413
    assert "nothing was executed" in response.json()["errors"][0]["message"]
    assert response.json()["extensions"]["requestId"] == response.headers["x-request-id"]
    assert shop.desk.done == before


@pytest.mark.parametrize("size", [2 * BODY_BYTES_MAX, 20 * BODY_BYTES_MAX])
async def test_a_larger_body_of_undeclared_length_is_413_too(shop: Server, size: int) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"query": "mutation { sell }", "extensions": {"padding": "'
        for _ in range(size // 65_536):
            yield b"x" * 65_536
        yield b'"}}'

    before = list(shop.desk.done)
    headers = {"content-type": "application/json"}
    response = await shop.client.post("/graphql", content=chunks(), headers=headers)
    assert response.status_code == 413
    assert shop.desk.done == before


async def test_the_connection_is_usable_after_a_413(shop: Server) -> None:
    assert (await shop.post("x" * (2 * BODY_BYTES_MAX))).status_code == 413
    assert (await shop.post({"query": "{ hello }"})).status_code == 200
