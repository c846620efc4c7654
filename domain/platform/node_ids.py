"""Ids of nodes as people have them: as the API writes them (base64 of type and id), or the id alone."""

import base64
import binascii
from uuid import UUID


def id_of(type_name: str, told: str) -> UUID | None:
    """The id of something of this type; None: it is none."""
    try:
        return UUID(told)
    except ValueError:
        pass
    prefix = f"{type_name}:".encode()
    try:
        opened = base64.b64decode(told, validate=True)
        return UUID(opened.removeprefix(prefix).decode("ascii")) if opened.startswith(prefix) else None
    except (ValueError, binascii.Error, UnicodeDecodeError):
        return None
