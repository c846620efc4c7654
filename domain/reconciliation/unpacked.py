"""A report as it came, in a file of its own: unpacked if it was packed, and never to more than one may be."""

import gzip
import zlib
from pathlib import Path
from typing import Final

_GZIP: Final = b"\x1f\x8b"
UNPACKED_BYTES_MAX: Final = 1024 * 1024 * 1024
_RATIO_MAX: Final = 100  # unpacked to packed, beyond the first megabytes: rows of text come to 5 to 20
_FREE_BYTES: Final = 16 * 1024 * 1024
_AT_ONCE: Final = 1024 * 1024
_NAME_BYTES_MAX: Final = 200  # a file system takes 255; what is kept beside a report is called more


class NotUnpacked(ValueError):
    """What is packed cannot be unpacked, or comes to too much; the message is a sentence."""


def report_name(name: str) -> str:
    """What a report is called here: without the folder it came in, and without .gz. Never a path."""
    plain = name.replace("\x00", "").replace("\\", "/").rsplit("/", 1)[-1].strip()
    plain = plain[:-3] if plain.lower().endswith(".gz") else plain
    whole = plain.encode("utf-8", "replace")[:_NAME_BYTES_MAX].decode("utf-8", "ignore")
    return whole if plain.strip(".") else "report"


def unpacked(given: Path, folder: Path, name: str) -> Path:
    """The report's bytes in a file of `folder` that is called as the report is. Raises NotUnpacked, OSError."""
    into = folder / report_name(name)
    with given.open("rb") as raw:
        packed = raw.read(2) == _GZIP
    try:
        _copy(given, into, packed=packed)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise NotUnpacked(f"It is packed with gzip and cannot be unpacked ({error}): was it cut?") from None
    return into


def _copy(given: Path, into: Path, *, packed: bool) -> None:
    most = max(_FREE_BYTES, min(UNPACKED_BYTES_MAX, _RATIO_MAX * given.stat().st_size)) if packed else None
    size = 0
    with gzip.open(given, "rb") if packed else given.open("rb") as raw, into.open("xb") as file:
        while chunk := raw.read(_AT_ONCE):
            size += len(chunk)
            if most is not None and size > most:
                raise NotUnpacked(
                    f"It unpacks to more than {most // (1024 * 1024)} MiB, which no report of its size does."
                )
            file.write(chunk)
