"""What is posted to the console: a form of ours, in UTF-8, no larger than its page takes."""

import asyncio
from typing import Final

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from domain.files.kinds import SIZE_MAX

CHOICE_BYTES_MAX: Final = 4 * 1024  # a language or a merchant, and a way back of 1,000 characters, each as `%xx`
FORM_BYTES_MAX: Final = 640 * 1024  # a file of 512 KiB that is a part of what is sent, and the fields around it
FILES_BYTES_MAX: Final = SIZE_MAX + 1024 * 1024
_PART_BYTES_MAX: Final = 512 * 1024
_FIELDS_MAX: Final = 500
_FILES_MAX: Final = 5
_READ_SECONDS: Final = 120.0
_URLENCODED: Final = b"application/x-www-form-urlencoded"
_MULTIPART: Final = b"multipart/form-data"


class Untaken(Exception):
    """What was posted is no form of ours, or too large."""


async def posted(request: Request, most: int) -> FormData:
    """The fields and files, of at most so many bytes. Raises Untaken."""
    taken = most if _kind(request) == _MULTIPART else min(most, _PART_BYTES_MAX)
    if declared(request) > taken:
        raise Untaken
    return await _read(request)


async def choice(request: Request) -> FormData:
    """A small form without files, which somebody who has not signed in may have sent. Raises Untaken."""
    if _kind(request) != _URLENCODED or declared(request) > CHOICE_BYTES_MAX:
        raise Untaken
    return await _read(request)


def declared(request: Request) -> int:
    """The bytes of the body, as the client says, and the server holds it to it. Raises Untaken: it does not say."""
    length = request.headers.get("content-length", "")
    if not (length.isascii() and length.isdigit()):
        raise Untaken
    return int(length[:18])


def _kind(request: Request) -> bytes:
    """Raises Untaken: no form, or in a charset that browsers do not send to pages of ours.

    Starlette decodes in whatever charset is named; some take more than linear time, and some give halves of letters.
    """
    kind, parameters = parse_options_header(request.headers.get("content-type"))
    if kind not in (_URLENCODED, _MULTIPART) or parameters.get(b"charset", b"utf-8").lower() != b"utf-8":
        raise Untaken
    return kind


async def _read(request: Request) -> FormData:
    try:
        async with asyncio.timeout(_READ_SECONDS):
            return await request.form(max_files=_FILES_MAX, max_fields=_FIELDS_MAX, max_part_size=_PART_BYTES_MAX)
    except (HTTPException, MultiPartException, TimeoutError, ValueError):
        raise Untaken from None
