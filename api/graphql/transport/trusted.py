"""Trusted documents: where they are set, nothing else is executed for a client (ESTORNO_TRUSTED_DOCUMENTS).

A file is JSON as clients' tools write it: an object from a name to a document (GraphQL Code Generator, Relay), or
Apollo's manifest of persisted queries. A client sends a document's name (`documentId`, Apollo's `persistedQuery`,
Relay's `doc_id` or `id`), its SHA-256 in hex, or its very text.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from graphql import GraphQLSchema

from api.graphql.transport.codes import NOT_TRUSTED, PERSISTED_NOT_FOUND, PERSISTED_NOT_SUPPORTED
from api.graphql.transport.documents import DocumentCache
from api.graphql.transport.parameters import refused
from domain.platform.settings import SettingsError

VARIABLE: Final = "ESTORNO_TRUSTED_DOCUMENTS"
_NAMES: Final = ("documentId", "doc_id", "id")
_SHA256: Final = "sha256:"
_BYTES_MAX: Final = 16 * 1024 * 1024
REFUSED: Final = (
    "Only documents that were made known to this server are executed: send the name of one, or exactly its text."
)


@dataclass(frozen=True, slots=True)
class TrustedDocuments:
    """Texts by all that a client may call them; none at all: any text is executed."""

    by_name: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.by_name)

    def text_of(self, data: Mapping[str, Any]) -> str | None:
        """The document of a request, by its name or by itself. Raises WrittenRefusal, 400."""
        named = _named(data)
        text = data.get("query")
        if not self:
            if named is not None and not text:
                raise refused("No documents are kept here by name; send `query`.", PERSISTED_NOT_SUPPORTED)
            return text
        asked = named if named is not None and not text else str(text or "")
        found = self.by_name.get(asked) or self.by_name.get(asked.removeprefix(_SHA256))
        if found is not None:
            return found
        persisted = named is not None and not text and "persistedQuery" in (data.get("extensions") or {})
        raise refused(REFUSED, PERSISTED_NOT_FOUND if persisted else NOT_TRUSTED)

    def trusted(self, text: str) -> str | None:
        """What is executed for a text, or a name, that came on a socket; None: nothing is."""
        return self.by_name.get(text) if self else text


def _named(data: Mapping[str, Any]) -> str | None:
    persisted = (data.get("extensions") or {}).get("persistedQuery")
    given = [data.get(name) for name in _NAMES]
    given.append(persisted.get("sha256Hash") if isinstance(persisted, dict) else persisted)
    return next((one for one in given if isinstance(one, str) and one), None)


def read(paths: Iterable[str]) -> TrustedDocuments:
    """The documents of those files. Raises SettingsError that names the file."""
    names: dict[str, str] = {}
    for path in paths:
        for name, text in _of_file(Path(path)):
            if names.setdefault(name, text) != text:
                raise SettingsError(f"{VARIABLE}: {path}: {name} names two documents.")
            names[text] = names[hashlib.sha256(text.encode()).hexdigest()] = text
    return TrustedDocuments(names)


def _of_file(path: Path) -> Iterator[tuple[str, str]]:
    try:
        if path.stat().st_size > _BYTES_MAX:
            raise SettingsError(f"{VARIABLE}: {path} is larger than {_BYTES_MAX} bytes.")
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsError(f"{VARIABLE}: {path} cannot be read as JSON: {error}") from None
    operations = told.get("operations") if isinstance(told, dict) else None
    if isinstance(operations, list):
        told = {one.get("id"): one.get("body") for one in operations if isinstance(one, dict)}
    if not isinstance(told, dict) or not told:
        raise SettingsError(f"{VARIABLE}: {path} is no object from names to documents, and no Apollo manifest.")
    for name, text in told.items():
        if not isinstance(name, str) or not isinstance(text, str):
            raise SettingsError(f"{VARIABLE}: {path}: {name} is no document.")
        yield name, text


def plan(documents: DocumentCache, schema: GraphQLSchema, trusted: TrustedDocuments) -> None:
    """Read and check each before anybody asks, and keep it for good. Raises SettingsError that names a bad one."""
    names = {
        text: name for name, text in reversed(list(trusted.by_name.items())) if name != text
    }  # the file's own name
    for text, name in names.items():
        known = documents.keep(schema, text)
        if known.errors:
            raise SettingsError(f"{VARIABLE}: {name}: {known.errors[0].message}")
