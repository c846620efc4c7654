"""Undoing Content-Encoding within a bound: httpx would unpack a bomb whole before anybody can count.

One coding, and one that we asked for. What is cut off, or has something behind its end, is no answer: a report that
lacks its last lines must not pass for one.
"""

import zlib
from collections.abc import AsyncIterator
from typing import Final

import httpx

ACCEPTED: Final = "gzip, deflate"
_STEP_BYTES: Final = 64 * 1024  # what one step may unpack; whoever reads counts between two steps
_GZIP: Final = zlib.MAX_WBITS | 16
_PLAIN: Final = frozenset({"", "identity"})


class Undecodable(httpx.HTTPError):
    """An answer in a coding that we did not ask for, in several, or broken."""


async def decoded(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body's bytes, at most 64 KiB at a time. Raises Undecodable."""
    coding = _coding(response.headers)
    if coding in _PLAIN:
        async for chunk in response.aiter_raw():
            yield chunk
        return
    unpacker = None
    async for chunk in response.aiter_raw():
        if unpacker is None and chunk:
            unpacker = zlib.decompressobj(_GZIP if coding == "gzip" else _deflate(chunk))
        while chunk:
            assert unpacker is not None, "It was made for the first byte."
            if unpacker.eof:
                raise Undecodable("Something follows the end of the compressed answer.")
            piece, chunk = _step(unpacker, chunk)
            if piece:
                yield piece
    if unpacker is not None and not unpacker.eof:
        raise Undecodable("The compressed answer ends in its middle.")


def _coding(headers: httpx.Headers) -> str:
    named = [name.strip().lower() for line in headers.get_list("content-encoding") for name in line.split(",")]
    codings = [name for name in named if name not in _PLAIN]
    if len(codings) > 1:
        raise Undecodable(f"The answer is packed {len(codings)} times.")
    coding = codings[0].removeprefix("x-") if codings else ""
    if coding not in ("", "gzip", "deflate"):
        raise Undecodable(f"The answer is packed as {coding[:20]!r}, which nobody asked for.")
    return coding


def _deflate(start: bytes) -> int:
    """Some servers send bare deflate, others (rightly) zlib's, which begins with 8 and is divisible by 31."""
    is_zlib = start[0] & 0x0F == 8 and (len(start) < 2 or int.from_bytes(start[:2], "big") % 31 == 0)
    return zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS


def _step(unpacker: "zlib._Decompress", chunk: bytes) -> tuple[bytes, bytes]:
    """What comes out of this step, and what is left to unpack."""
    try:
        piece = unpacker.decompress(chunk, _STEP_BYTES)
    except zlib.error as error:
        raise Undecodable(f"The compressed answer is broken: {error}") from error
    return piece, unpacker.unconsumed_tail or unpacker.unused_data
