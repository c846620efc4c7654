"""A file that somebody hands in: XML of one of the layouts, many of them in a ZIP, or a table."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from domain.taxes.documents import cfdi, dte, nfe, sri, table, ubl
from domain.taxes.documents.said import SAID_MAX, TOO_MANY, Said, Unread
from domain.taxes.documents.xml import BYTES_MAX, Element, UnreadableDocument, name_of, namespace_of, parse

_MEMBERS_MAX: Final = 500
_ALL_BYTES_MAX: Final = 64 * 1024 * 1024
_ALL_TAGS_MAX: Final = 1_000_000  # of all files of a ZIP: each is a step of its reader
_CHUNK: Final = 64 * 1024
# How files are packed: other ways take as much memory as their makers say.
_WAYS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
# What Python's reader of ZIP raises for one that is broken or was made to be.
_BROKEN: Final = (
    zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError,
    OverflowError,
)  # fmt: skip
_UBL: Final = "urn:oasis:names:specification:ubl:schema:xsd:"
DocumentReader = Callable[[Element], Sequence[Said]]
# A root's name, what its namespace begins with, and who reads it.
_ROOTS: Final[Mapping[str, tuple[str, DocumentReader]]] = {
    "nfeProc": (nfe.NAMESPACE, nfe.read),
    "procEventoNFe": (nfe.NAMESPACE, nfe.read_event),
    "Comprobante": (cfdi.NAMESPACE, cfdi.read),
    "CreditNote": (f"{_UBL}CreditNote-2", ubl.read),
    "AttachedDocument": (f"{_UBL}AttachedDocument-2", ubl.read_attached),
    "DTE": ("", dte.read),
    "EnvioDTE": ("", dte.read_set),
    "notaCredito": ("", sri.read),
    "autorizacion": ("", sri.read_authorised),
}
_MORE: Final = "The ZIP unpacks to more than any tax documents: hand them in in parts."
_KNOWN: Final = ", ".join(_ROOTS)


def read(content: bytes, country: str, currency: str) -> Sequence[Said]:
    """What a file says, each part by itself; never an exception. `country` and `currency`: of a table's bare rows."""
    try:
        if content.startswith(b"PK\x03\x04"):
            return _zip(content)
        if content.startswith(b"%PDF-"):
            raise UnreadableDocument("A PDF is not read: hand in the document's XML, or a CSV.")
        if _is_xml(content):
            return _xml(content)
        return table.read(content, country, currency)
    except UnreadableDocument as error:
        return [Unread("file", str(error))]


def _is_xml(content: bytes) -> bool:
    return content[:200].removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")


def _xml(content: bytes) -> Sequence[Said]:
    root = parse(content)
    found = _ROOTS.get(name_of(root))
    if found is None or not namespace_of(root).startswith(found[0]):
        raise UnreadableDocument(f"{name_of(root)[:60]} is no layout that is read; known are {_KNOWN}.")
    return found[1](root)


def _zip(content: bytes) -> Sequence[Said]:
    """Every XML of a ZIP, by what it really unpacks to and not by what it says. Raises Unreadable."""
    found: list[Said] = []
    left, tags = _ALL_BYTES_MAX, _ALL_TAGS_MAX
    with _opened(content) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        if len(members) > _MEMBERS_MAX:
            raise UnreadableDocument(f"More than {_MEMBERS_MAX} files: hand them in in parts.")
        for member in members:
            inner = _unpacked(archive, member, min(left, BYTES_MAX))
            if isinstance(inner, bytes):
                left, tags = left - len(inner), tags - inner.count(b"<")
            if tags < 0:
                raise UnreadableDocument(_MORE)
            found += _member(member.filename, inner)
            if len(found) > SAID_MAX:
                raise UnreadableDocument(TOO_MANY)
    return found


def _opened(content: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(content))
    except _BROKEN as error:
        raise UnreadableDocument(f"The ZIP cannot be unpacked: {str(error)[:200]}") from None


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most: int) -> bytes | UnreadableDocument:
    """A file of a ZIP, or why it alone cannot be unpacked. Raises Unreadable where all are more than we take."""
    if member.compress_type not in _WAYS:
        return UnreadableDocument("It is packed in another way than deflate: pack it anew.")
    given = io.BytesIO()
    try:
        with archive.open(member) as packed:
            while given.tell() <= most and (chunk := packed.read(_CHUNK)):
                given.write(chunk)
    except _BROKEN as error:
        return UnreadableDocument(f"It cannot be unpacked: {str(error)[:200]}")
    if given.tell() > most:
        raise UnreadableDocument(_MORE)
    return given.getvalue()


def _member(name: str, content: bytes | UnreadableDocument) -> Sequence[Said]:
    shown = "".join(sign for sign in name if sign.isprintable())[-80:]
    try:
        if isinstance(content, UnreadableDocument):
            raise content
        return _xml(content)
    except UnreadableDocument as error:
        return [Unread(shown, str(error))]
