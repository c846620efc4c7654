"""The file of a report as it is kept: packed, and in pieces where it is large: nobody has all of it in memory."""

import gzip
import hashlib
import io
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final
from uuid import UUID

import polars as pl

from domain.models import Report, ReportPiece
from domain.platform.database import rows
from domain.pse.reporting import ReportFile

PIECE_BYTES: Final = 64 << 20  # of the file, in one piece
# A larger piece is a Parquet file of one column, packed with zstd: half the time of gzip, for four fifths of the size.
# Python's own zstd comes with 3.14. For a smaller one Parquet's frame would take longer than all the rest.
_GZIP_BYTES_MAX: Final = 1 << 20
_PARQUET: Final = b"PAR1"  # how such a file begins
_CELL_BYTES: Final = 64 << 10  # larger ones are new memory each time, and so more time
_LEVEL: Final = 1  # of both: the higher ones take several times as long for little


class LostPieces(RuntimeError):
    """What is kept of a file is not all of it: nothing of it may be used."""


def digest_of(file: ReportFile) -> str:
    """SHA-256 of the file's bytes, hex."""
    found = file.path.stat()
    return _digest(file.path, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


@lru_cache(maxsize=4)  # a night asks for it several times, and it takes longer than a small one
def _digest(path: Path, *_: int) -> str:
    with path.open("rb") as raw:
        return hashlib.file_digest(raw, "sha256").hexdigest()


def packed(file: ReportFile) -> list[Path]:
    """The file in packed pieces, each by itself, in files beside it. An empty file is one piece."""
    made: list[Path] = []
    with file.path.open("rb") as raw:
        while (some := raw.read(PIECE_BYTES)) or not made:
            made.append(file.path.with_name(f"{file.path.name}.{len(made)}.packed"))
            _pack(some, made[-1])
    return made


def _pack(some: bytes, into: Path) -> None:
    if len(some) <= _GZIP_BYTES_MAX:
        into.write_bytes(gzip.compress(some, compresslevel=_LEVEL, mtime=0))
        return
    cells = [some[begins : begins + _CELL_BYTES] for begins in range(0, len(some), _CELL_BYTES)]
    column = pl.DataFrame({"content": cells}, {"content": pl.Binary})
    column.write_parquet(into, compression="zstd", compression_level=_LEVEL, statistics=False)


def unpacked(content: bytes) -> bytes:
    """What a packed piece was."""
    if not content.startswith(_PARQUET):
        return gzip.decompress(content)
    return b"".join(pl.read_parquet(io.BytesIO(content))["content"])


async def store(report_id: UUID, made: Sequence[Path]) -> None:
    """Keep the pieces of a file that is not one alone. Inside the transaction that stores the report."""
    for number, path in enumerate(made if len(made) > 1 else ()):
        await ReportPiece.create(report_id=report_id, number=number, content=path.read_bytes())


async def unpack(report: Report, into: ReportFile) -> None:
    """Write the file of a report into that one. Raises LostPieces."""
    with into.path.open("wb") as file:
        if report.content:
            file.write(unpacked(report.content))
            return
        (kept,) = await rows("SELECT count(*) AS pieces FROM report_pieces WHERE report_id = $1", report.id)
        for number in range(kept["pieces"]):
            piece = await ReportPiece.get(report_id=report.id, number=number)
            file.write(unpacked(piece.content))
    if digest_of(into) != report.digest:
        raise LostPieces(f"The file of the report {report.name} is not whole: restore it from a backup.")
