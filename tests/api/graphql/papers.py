"""Papers as the tests announce, hand in and fetch them."""

import hashlib
from typing import Any

import httpx

from tests.api.conftest import Asker

PDF = b"%PDF-1.7 licence"


async def announce(asker: Asker, data: bytes, **changed: Any) -> Any:
    wanted = {"purpose": "ONBOARDING_DOCUMENT", "name": "licença nº 1.pdf", "size": len(data)}
    query = """mutation M($input: FileAnnounceInput!) { fileAnnounce(input: $input) {
      file { id downloadPath } uploadPath errors { ... on Error { code message path } } } }"""
    return await asker.ask(query, input={**wanted, "sha256": hashlib.sha256(data).hexdigest(), **changed})


async def upload(asker: Asker, data: bytes = PDF) -> str:
    told = await announce(asker, data)
    answer = await asker.http.put(asker.url + told["uploadPath"], content=data)
    assert answer.status_code == 201, answer.text
    return str(told["file"]["id"])


async def get(asker: Asker, path: str) -> httpx.Response:
    return await asker.http.get(asker.url + path, headers={"Authorization": f"Bearer {asker.token}"})
