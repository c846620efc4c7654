"""A bank's file by its content: OFX, CNAB 240 or a sheet; whatever it is called."""

import zlib
from typing import Final

from domain.bank.readers import cnab240, ofx, sheet
from domain.bank.readers.header import CsvMapping
from domain.bank.statement import BadStatement, Statement

_BYTES_MAX: Final = 16 * 1024 * 1024
_NO_GZIP: Final = "The file is no whole gzip: pack it again, or hand it in as it is."
_GZIP: Final = b"\x1f\x8b"


def read(content: bytes, currency: str, mapping: CsvMapping | None = None) -> list[Statement]:
    """The statements of a file. `currency`: of one that does not say it. Raises BadStatement."""
    content = _unpacked(content) if content.startswith(_GZIP) else content
    if ofx.is_ofx(content):
        return ofx.read(content, currency, mapping.decimal if mapping else None)
    if cnab240.is_cnab240(content):
        return cnab240.read(content)
    if content.startswith(b"PK"):
        raise BadStatement("This is a workbook or an archive: export the statement as OFX, CNAB 240 or CSV.")
    return [sheet.read(content, currency, mapping)]


def _unpacked(content: bytes) -> bytes:
    """Bounded while it is unpacked: a small file may stand for a very large one."""
    packed = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        told = packed.decompress(content, _BYTES_MAX + 1)
    except zlib.error:
        raise BadStatement(_NO_GZIP) from None
    if len(told) > _BYTES_MAX:
        raise BadStatement(f"Unpacked the file has more than {_BYTES_MAX} bytes: hand it in in parts.")
    if not packed.eof or packed.unused_data:
        raise BadStatement(_NO_GZIP)
    return told
