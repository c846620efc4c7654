"""The papers of an application: announced, handed in, fetched by who may read them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from api.http import masked
from domain.access.tokens import Role
from domain.files import content
from domain.models import File
from domain.platform.secrets import Unsealable
from tests.api.conftest import Enter
from tests.api.graphql.papers import PDF, announce, get, upload
from tests.kit.world import quick_settings


async def test_a_file_comes_back_as_an_attachment_to_those_who_may_read_it(enter: Enter) -> None:
    ana = await enter(Role.ADMINISTRATOR, holder="Ana")
    told = await announce(ana, PDF)
    await ana.http.put(ana.url + told["uploadPath"], content=PDF)
    given = await get(ana, told["file"]["downloadPath"])
    assert (given.content, given.headers["content-type"]) == (PDF, "application/pdf")
    assert given.headers["content-disposition"] == "attachment; filename*=UTF-8''licen%C3%A7a%20n%C2%BA%201.pdf"
    assert given.headers["x-content-type-options"] == "nosniff"
    support = await enter(Role.SUPPORT, ana.shop)
    assert (await get(support, told["file"]["downloadPath"])).status_code == 404
    assert (await ana.http.get(ana.url + told["file"]["downloadPath"])).status_code == 401
    refused = await announce(support, PDF)
    assert refused["errors"][0]["code"] == "FORBIDDEN"
    assert masked(told["uploadPath"]) == "/files/upload/[redacted]"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (PDF[:-1], 422),
        (PDF + b"!", 422),
        (PDF[:-1] + b"!", 422),
        (PDF, 201),
    ],
)
async def test_only_the_bytes_that_were_announced_come_in(enter: Enter, sent: bytes, status: int) -> None:
    ana = await enter(Role.ADMINISTRATOR, holder="Ana")
    path = ana.url + (await announce(ana, PDF))["uploadPath"]
    assert (await ana.http.put(path, content=sent)).status_code == status
    assert (await ana.http.put(path, content=PDF)).status_code == (404 if status == 201 else 201), (
        "A ticket is good once, and a mistake does not use it up."
    )


async def test_what_is_no_document_is_refused_whatever_its_name_says(enter: Enter) -> None:
    ana = await enter(Role.ADMINISTRATOR, holder="Ana")
    script = b"<script>alert(1)</script>"
    told = await announce(ana, script)
    answer = await ana.http.put(ana.url + told["uploadPath"], content=script)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (422, "INVALID_INPUT")
    assert "PDF" in answer.json()["errors"][0]["message"]
    assert (await announce(ana, PDF, size=10 * 1024 * 1024 + 1))["errors"][0]["path"] == ["input", "size"]
    assert (await announce(ana, PDF, name="a\nb"))["errors"][0]["path"] == ["input", "name"]
    assert (await announce(ana, PDF, sha256="x"))["errors"][0]["path"] == ["input", "sha256"]


async def test_what_lies_in_the_folder_is_sealed_for_its_own_file(enter: Enter, tmp_path: Path) -> None:
    ana = await enter(Role.ADMINISTRATOR, holder="Ana")
    one, other = await upload(ana), await upload(ana)
    folder, settings = tmp_path / "files", quick_settings(files=str(tmp_path / "files"))
    assert PDF not in (folder / one).read_bytes()
    (folder / one).write_bytes((folder / other).read_bytes())
    with pytest.raises(Unsealable):
        await content.get(settings, await File.get(id=UUID(one)))
    assert (await get(ana, f"/files/{one}")).status_code == 503
    assert await File.filter(id=UUID(one), media_type="application/pdf").exists()


async def test_while_an_upload_stalls_its_ticket_lets_nobody_else_in(
    enter: Enter,
) -> None:
    ana = await enter(Role.ADMINISTRATOR, holder="Ana")
    path = ana.url + (await announce(ana, PDF))["uploadPath"]
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield PDF[:4]
        begun.set()
        await go_on.wait()
        yield PDF[4:]

    first = asyncio.create_task(ana.http.put(path, content=slowly()))
    await begun.wait()
    await asyncio.sleep(0.1)
    second = await ana.http.put(path, content=PDF)
    go_on.set()
    assert (second.status_code, (await first).status_code) == (409, 201)
