"""What a PSE may have packed: once, as we asked for it, and counted while it is unpacked."""

import gzip
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from domain.connections import connections
from domain.connections.calls import About
from domain.connections.connections import NewConnection
from domain.pse.vocabulary import InDoubt, Unsent
from jobs.wire import exchange as wire
from jobs.wire.sender import sender
from tests.kit.factories import KEY, a_shop
from tests.kit.world import served

pytestmark = pytest.mark.usefixtures("books")
MEGABYTE = 1024 * 1024
ROWS = b"id,amount\n" * 20_000


async def _answer(body: bytes, coding: str, into: Path | None = None) -> tuple[httpx.Response | Unsent | InDoubt, int]:
    """What the sender makes of such an answer, and the most memory that it took meanwhile."""

    async def answer(request: Request) -> Response:
        return Response(body, headers={"content-encoding": coding} if coding else {})

    shop = await a_shop()
    async with served(Starlette(routes=[Route("/{path:path}", answer)])) as url, sender(KEY, 20.0) as sending:
        new = NewConnection("stripe", "packed", url, "estorno", {"api_key": "x", "webhook_secret": "w"}, shop.store.id)
        connection = await connections.create(shop.id, new, KEY)
        about = About(connection.merchant_id, connection.id, "request", "PAYMENT")
        request = httpx.Request("GET", f"{url}/v1/refunds/1")
        tracemalloc.start()
        try:
            if into is not None:
                return await sending.download(connection, request, about, into), tracemalloc.get_traced_memory()[1]
            return await sending.send(connection, request, about), tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


def _raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("pack", "coding"),
    [
        (lambda data: data, ""),
        (lambda data: data, "identity"),
        (gzip.compress, "gzip"),
        (gzip.compress, "X-GZIP"),
        (zlib.compress, "deflate"),
        (_raw_deflate, "deflate"),
    ],
)
async def test_what_was_packed_once_is_read(pack: Callable[[bytes], bytes], coding: str) -> None:
    answer, _ = await _answer(pack(ROWS), coding)
    assert isinstance(answer, httpx.Response)
    assert answer.content == ROWS


async def test_a_bomb_is_counted_while_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "ANSWER_BYTES_MAX", MEGABYTE)
    bomb = gzip.compress(b"0" * (16 * MEGABYTE))
    answer, peak = await _answer(bomb, "gzip")
    assert isinstance(answer, InDoubt)
    assert answer.code == "ANSWERTOOLARGE"
    assert peak < 6 * MEGABYTE


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (gzip.compress(gzip.compress(b"0" * (16 * MEGABYTE))), "gzip, gzip"),
        (gzip.compress(ROWS), "br"),
        (gzip.compress(ROWS)[:-100], "gzip"),
        (gzip.compress(ROWS) + gzip.compress(ROWS), "gzip"),
        (b"not packed at all", "gzip"),
    ],
    ids=["twice", "not asked for", "cut off", "something behind its end", "not packed"],
)
async def test_what_cannot_be_unpacked_whole_is_no_answer(body: bytes, coding: str) -> None:
    answer, peak = await _answer(body, coding)
    assert isinstance(answer, InDoubt)
    assert answer.code == "UNDECODABLE"
    assert peak < 6 * MEGABYTE


async def test_a_report_that_is_larger_than_it_can_be_does_not_fill_the_disk(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(wire, "ANSWER_BYTES_MAX", MEGABYTE)
    file = tmp_path / "report.csv"
    answer, peak = await _answer(gzip.compress(b"0" * (16 * MEGABYTE)), "gzip", file)
    assert isinstance(answer, InDoubt)
    assert file.stat().st_size < 6 * MEGABYTE
    assert peak < 6 * MEGABYTE
