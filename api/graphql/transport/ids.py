"""Opaque ids: base64 of `Type:uuid`, as Relay has them. They open nothing: every fetch is scoped to the merchant."""

import binascii
from collections.abc import Sequence
from uuid import UUID

from strawberry.relay import from_base64

from domain.problems import InvalidInput


def decode(given: str, type_name: str, path: Sequence[str]) -> UUID:
    """The UUID within an opaque id of `type_name`. Raises InvalidInput."""
    try:
        found_type, node_id = from_base64(given)
        if found_type == type_name:
            return UUID(node_id)
    except (ValueError, binascii.Error, UnicodeDecodeError):
        pass
    raise InvalidInput(
        f"This is not the id of a {type_name}; ids are opaque, send one exactly as the API gave it.", path=list(path)
    )


def uuid_of(given: str, path: Sequence[str]) -> UUID:
    """A plain UUID, as connections and calls have them. Raises InvalidInput."""
    try:
        return UUID(given)
    except ValueError:
        raise InvalidInput("This is not an id; send one exactly as the API gave it.", path=list(path)) from None
