"""XML of strangers, read by path and nothing of it carried out: no DOCTYPE, no entities, no network, and bounded.

A document is looked at as bytes before any parser is: a declared type or entity is refused there, in encodings in which
those bytes are themselves.
"""

import base64
import copy
import hashlib
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from io import BytesIO
from typing import Any, Final

from lxml import etree

BYTES_MAX: Final = 2 * 1024 * 1024
_ELEMENTS_MAX: Final = 50_000
_DEPTH_MAX: Final = 64
_TEXT_MAX: Final = 1_000_000
_SPACES_MAX: Final = 16  # namespaces that a signed element declares, and attributes of one element: the canonical
_ATTRIBUTES_MAX: Final = 64  # form takes the square of either
_CROWDED: Final = etree.XPath(f"boolean(descendant-or-self::*[count(@*) > {_ATTRIBUTES_MAX}])")
_DECLARED: Final = re.compile(rb"""encoding=["']([^"']{1,40})["']""")
_DECLARATION_MAX: Final = 300
# In these a tag is spelled by its own bytes, so that looking for them finds them.
_ENCODINGS: Final = frozenset({b"utf-8", b"us-ascii", b"ascii", b"iso-8859-1", b"iso-8859-15", b"windows-1252"})
_ENCODED: Final = "Only XML in UTF-8, ISO-8859-1 and Windows-1252 is read: save it in one of them."
_NUMBER: Final = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?")
Element = etree._Element


class UnreadableDocument(ValueError):
    """It cannot be read as what it says it is; the message says why, and what to do."""


def parse(content: bytes) -> Element:
    """The root of a document. Raises Unreadable."""
    _check_bytes(content)
    depth, count = 0, 0
    try:
        walk = etree.iterparse(
            BytesIO(content), events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False,
            huge_tree=False, remove_comments=True, remove_pis=True,
        )  # fmt: skip
        for event, _ in walk:
            depth += 1 if event == "start" else -1
            count += event == "start"
            if depth > _DEPTH_MAX or count > _ELEMENTS_MAX:
                raise UnreadableDocument("The XML is larger, or deeper, than any tax document.")
    except (etree.LxmlError, ValueError, LookupError) as error:
        if isinstance(error, UnreadableDocument):
            raise
        raise UnreadableDocument(f"It is no well-formed XML: {str(error)[:200]}") from None
    root: Element | None = walk.root
    told: Any = root.getroottree().docinfo if root is not None else None
    if root is None or told.doctype:
        raise UnreadableDocument("A tax document declares no document type.")
    return root


def _check_bytes(content: bytes) -> None:
    if len(content) > BYTES_MAX:
        raise UnreadableDocument(f"A tax document has at most {BYTES_MAX} bytes.")
    if b"\x00" in content or not content.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        raise UnreadableDocument(_ENCODED)
    if b"<?xml" in content[:_DECLARATION_MAX]:
        declaration, ended, _ = content[:_DECLARATION_MAX].partition(b"?>")
        declared = _DECLARED.search(b"".join(declaration.split()))
        if not ended or (declared and declared[1].lower() not in _ENCODINGS):
            raise UnreadableDocument(_ENCODED)
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise UnreadableDocument("A tax document declares no document type and no entity: it was changed by somebody.")


def name_of(element: Element) -> str:
    """The element's name without its namespace."""
    return str(etree.QName(element).localname) if isinstance(element.tag, str) else ""


def namespace_of(element: Element) -> str:
    """The element's namespace, empty where there is none."""
    return str(etree.QName(element).namespace or "")


def each(element: Element | None, path: str) -> Iterator[Element]:
    """Every element at a path of names below this one, in order."""
    if element is None:
        return
    first, _, rest = path.partition("/")
    for child in element.iterchildren(f"{{*}}{first}"):  # whatever its namespace; found without a step of ours for each
        if rest:
            yield from each(child, rest)
        else:
            yield child


def one(element: Element | None, path: str) -> Element | None:
    """The first element at a path."""
    return next(each(element, path), None)


def text(element: Element | None, path: str = "") -> str | None:
    """The text at a path, without the spaces around it; None: there is none."""
    found = one(element, path) if path else element
    told = (found.text or "").strip() if found is not None else ""
    return told or None


def needed(element: Element | None, path: str) -> str:
    """As `text`. Raises Unreadable where there is none, or it has more in it than text."""
    found = one(element, path)
    told = text(found)
    if found is None or told is None or len(found) or len(told) > _TEXT_MAX:
        raise UnreadableDocument(f"There is no {path}.")
    return told


def attribute(element: Element | None, name: str) -> str:
    """An attribute. Raises Unreadable where there is none."""
    told = (element.get(name) or "").strip() if element is not None else ""
    if not told:
        raise UnreadableDocument(f"There is no attribute {name}.")
    return told


def number(told: str | None) -> Decimal:
    """An amount as XML has it: digits and at most one point, never a sign; nothing is zero. Raises Unreadable."""
    if told is None:
        return Decimal(0)
    if _NUMBER.fullmatch(told) is None:
        raise UnreadableDocument(f"{told[:40]!r} is no amount: the document's type gives the sign.")
    try:
        return Decimal(told)
    except InvalidOperation:
        raise UnreadableDocument(f"{told[:40]!r} is no amount.") from None


def digest_of(element: Element, algorithm: str) -> str:
    """The digest of an element in inclusive canonical form, base64, as XML signatures have it. Raises Unreadable."""
    if etree.tostring(element).count(b"xmlns") > _SPACES_MAX or _CROWDED(element):
        raise UnreadableDocument("It has more namespaces, or attributes, than any signed document.")
    try:
        # Of a copy: within its document lxml writes namespaces anew that its ancestors have declared.
        canonical = etree.tostring(etree.ElementTree(copy.deepcopy(element)), method="c14n", with_comments=False)
    except etree.LxmlError as error:
        raise UnreadableDocument(f"It has no canonical form: {str(error)[:100]}") from None
    return base64.b64encode(hashlib.new(algorithm, canonical, usedforsecurity=False).digest()).decode()
