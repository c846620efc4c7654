"""What is posted: in one charset, as large as its page takes, of somebody known, and so much of it at once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import islice
from pathlib import Path

import pytest
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.types import Message

from api.console import admission
from api.console.admission import FormRoom
from api.console.asking import TooMuch
from api.console.bodies import CHOICE_BYTES_MAX, FILES_BYTES_MAX, FORM_BYTES_MAX, Untaken, posted
from api.doors import Holder
from tests.api.console.conftest import Browser, a_browser
from tests.conftest import Database

_PLAIN = "application/x-www-form-urlencoded"
_PARTS = "multipart/form-data; boundary=x"


def _part(value: bytes, more: str = "") -> bytes:
    return f'--x\r\nContent-Disposition: form-data; name="a"{more}\r\n\r\n'.encode() + value + b"\r\n--x--\r\n"


async def _posted(kind: str, body: bytes) -> FormData:
    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    return await posted(Request({"type": "http", "method": "POST", "headers": headers}, receive), 4_096)


@pytest.mark.parametrize("name", ["punycode", "idna", "utf-7", "unicode_escape", "utf-16", "latin-1", '"utf-7"', "x"])
async def test_a_form_in_another_charset_is_not_even_read(name: str) -> None:
    for kind in (_PARTS, _PLAIN, "text/plain"):
        with pytest.raises(Untaken):
            await _posted(f"{kind}; charset={name}", _part(b"b-" + b"a" * 9))
    with pytest.raises(Untaken):
        await _posted(f"{_PARTS}; CHARSET={name}", _part(b"b-"))


async def test_a_form_in_utf_8_is_read_and_has_no_half_of_a_letter_in_it() -> None:
    for kind in (_PARTS, f"{_PARTS}; charset=utf-8", f'{_PARTS}; charset="UTF-8"', f"{_PARTS}; charset*=utf-8''idna"):
        assert (await _posted(kind, _part("ação".encode())))["a"] == "ação"
    for body in (b"\xed\xa0\x80", b"\xff", rb"\ud800", b"+2AA-"):
        for kind, sent in ((_PARTS, _part(body)), (_PLAIN, b"a=" + body), (_PLAIN, b"a=%ED%A0%80")):
            str((await _posted(kind, sent))["a"]).encode()
    for odd in ("; filename*=utf-7''+2AA-", "; filename*=punycode''b-aaa", "; name*=unicode_escape''%5Cud800"):
        for name, one in (await _posted(_PARTS, _part(b"b", odd))).multi_items():
            (name + (one if isinstance(one, str) else one.filename or "")).encode()


async def test_a_stranger_costs_nothing_with_a_charset_and_chooses_a_look_within_4_kib(browser: Browser) -> None:
    for path in ("/look", "/merchant", "/refunds/export"):
        for kind, value in (("punycode", b"b-" + b"a" * 2_000), ("unicode_escape", rb"\ud800"), ("utf-7", b"+2AA-")):
            odd = {"content-type": f"{_PARTS}; charset={kind}"}
            refused = await browser.http.post(f"/console{path}", content=_part(value), headers=odd)
            assert (refused.status_code, "Nothing was sent" in refused.text) == (413, True), (path, kind)
    for path in ("/look", "/merchant"):
        parts = await browser.http.post(f"/console{path}", content=_part(b"b"), headers={"content-type": _PARTS})
        large = await browser.http.post(f"/console{path}", data={"back": "x" * 4_200})
        assert (parts.status_code, large.status_code) == (413, 413), path
        assert "Nothing was sent" in parts.text
    back = "/console/refunds?" + "&" * 983
    assert (await browser.http.post("/console/look", data={"back": back})).headers["location"] == back


@pytest.mark.parametrize(
    ("method", "path", "most", "streamed"),
    [
        ("POST", "/console/look", CHOICE_BYTES_MAX, False),
        ("POST", "/console/merchant", CHOICE_BYTES_MAX, False),
        ("POST", "/console/nowhere", CHOICE_BYTES_MAX, False),
        ("POST", "/console/refunds/UmVmdW5k", FORM_BYTES_MAX, False),
        ("POST", "/console/refunds/live", FORM_BYTES_MAX, False),
        ("POST", "/console/refunds/UmVmdW5k/live", CHOICE_BYTES_MAX, False),
        ("GET", "/console/refunds/UmVmdW5k/live", CHOICE_BYTES_MAX, True),
        ("GET", "/console/refunds/live", CHOICE_BYTES_MAX, True),
        ("GET", "/console/look/live", CHOICE_BYTES_MAX, False),
        ("POST", "/console/books/bank", FILES_BYTES_MAX, True),
        ("GET", "/console/books/bank", CHOICE_BYTES_MAX, False),
        ("PUT", "/console/books/bank", CHOICE_BYTES_MAX, False),
        ("POST", "/console/books/bank/x", CHOICE_BYTES_MAX, False),
        ("GET", "/console", CHOICE_BYTES_MAX, False),
        ("POST", "/consoles", None, False),
        ("POST", "/graphql", None, False),
    ],
)
def test_each_address_takes_what_its_page_does_and_few_read_as_it_comes(
    method: str, path: str, most: int | None, streamed: bool
) -> None:
    scope = {"type": "http", "method": method, "path": path}
    assert (admission.bytes_max(scope), admission.is_streamed(scope)) == (most, streamed)


def test_of_files_under_way_a_session_a_merchant_and_the_process_have_their_bounds() -> None:
    room, half = FormRoom(), FILES_BYTES_MAX * 2
    ana, bia, eve = Holder("ana", "shop"), Holder("bia", "shop"), Holder("eve", "other")
    with room.taking(ana, half - 1):
        for holder, size in ((ana, 2), (bia, 2)):
            with pytest.raises(TooMuch), room.taking(holder, size):
                pass
        with room.taking(eve, half), room.taking(bia, 1), pytest.raises(TooMuch), room.taking(Holder("x", "y"), 1):
            pass
        one, two, three, four = (room.taking(ana, 0) for _ in range(4))
        with one, two, three, pytest.raises(TooMuch), four:
            pass
    assert room.taken == 0
    with room.taking(ana, half):
        pass


Sent = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def _slow(
    browser: Browser, path: str, size: int, count: int, *, known: bool = False
) -> AsyncIterator[list[Sent]]:
    """So many posts whose bodies have begun, and do not end."""
    cookies = "; ".join(f"{name}={value}" for name, value in browser.http.cookies.items())
    head = (
        f"POST /console{path} HTTP/1.1\r\nhost: x\r\ncontent-type: {_PARTS}\r\ncontent-length: {size}\r\n"
        f"{f'cookie: {cookies}' if known else 'x: y'}\r\n\r\n"
    )
    made = [await asyncio.open_connection("127.0.0.1", browser.http.base_url.port) for _ in range(count)]
    for _, writer in made:
        writer.write(
            head.encode() + b"--x\r\nContent-Disposition: form-data; name=f; filename=f\r\n\r\n" + b"a" * 9_000
        )
        await writer.drain()
    try:
        yield made
    finally:
        for _, writer in made:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def _told(made: Sequence[Sent], count: int) -> list[int]:
    """The statuses of the first so many that are answered, whichever they are."""
    asked = [asyncio.create_task(reader.readline()) for reader, _ in made]
    async with asyncio.timeout(15):
        found = [int((await one).split()[1]) for one in islice(asyncio.as_completed(asked), count)]
    for one in asked:
        one.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    return found


async def test_strangers_bodies_are_bounded_and_files_are_read_of_nobody_unknown(
    own_database: Database, redis_url: str, tmp_path: Path
) -> None:
    async with a_browser(own_database, redis_url, tmp_path, requests_max=8) as browser:
        for path in ("/look", "/merchant", "/refunds/export", "/nowhere"):
            async with _slow(browser, path, 33_000_000, 3) as made:
                assert await _told(made, 3) == [413] * 3, path
        async with _slow(browser, "/books/bank", 33_000_000, 20) as made:
            assert await _told(made, 20) == [303] * 20  # to sign in
        async with _slow(browser, "/refunds/export", 500_000, 12) as made:  # 4 may be arriving
            assert await _told(made, 8) == [503] * 8
            await browser.page("/refunds")
            done = await browser.http.post("/console/look", data={"theme": "dark"})
            assert done.status_code == 303


async def test_one_sessions_slow_bodies_hold_no_place_and_are_few(
    own_database: Database, redis_url: str, tmp_path: Path
) -> None:
    async with a_browser(own_database, redis_url, tmp_path, requests_max=2) as browser:
        async with _slow(browser, "/books/bank", 1_000_000, 6, known=True) as made:
            assert await _told(made, 2) == [429] * 2
            await browser.page("/refunds")
        async with _slow(browser, "/books/bank", 34_000_000, 6, known=True) as made:
            assert await _told(made, 4) == [429] * 4
            await browser.page("/books/bank")
