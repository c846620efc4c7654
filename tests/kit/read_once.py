"""What each application reads anew, and what is the same for all of a run: as kit/drivers_once for drivers.

A program of ours has one application for all of its life. A process of tests makes thousands.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any, Final

from graphql import GraphQLSchema

from api.graphql.transport.documents import DocumentCache, KnownText

_DOCUMENTS_MAX: Final = 500  # a tree of each takes some 100 kB


@cache
def read_documents_once() -> None:
    """A document means the same to two applications of the same types, limits and rules: one reads it for both.

    Each remembers by itself what it has read, and counts it. What is refused is read again: its errors are told.
    """
    read: Callable[[DocumentCache, GraphQLSchema, str], KnownText] = DocumentCache._made
    known: dict[Any, tuple[GraphQLSchema, KnownText]] = {}

    def once(self: DocumentCache, schema: GraphQLSchema, text: str) -> KnownText:
        key = (id(schema), repr(self.limits), self._rules, text)
        if key not in known:
            made = read(self, schema, text)
            if made.errors:
                return made
            if len(known) >= _DOCUMENTS_MAX:
                known.clear()
            known[key] = schema, made  # the schema is kept, so that no other has its id
        return replace(known[key][1], errors=[], live={})

    DocumentCache._made = once  # type: ignore[method-assign]
