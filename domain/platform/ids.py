"""Ids of what there is much of: later ones are greater, so that an index is written at its end and not all over.

After each of PostgreSQL's checkpoints the first change of a page writes all of it to the log: with random ids every new
row touches such a page in each index, and the more the larger the index is.
"""

import secrets
import time
from uuid import UUID


def time_ordered() -> UUID:
    """A UUID of version 7 (RFC 9562): milliseconds since 1970, then 74 random bits. Not a secret."""
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    version_and_variant = (0xF << 76) | (0x3 << 62)
    return UUID(int=number & ~version_and_variant | (0x7 << 76) | (0x2 << 62))
