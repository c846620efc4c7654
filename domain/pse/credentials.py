"""What a connection to each PSE is made of, and where a merchant finds it (<name>/credentials.toml)."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

# These belong to the connection's row and are shown; every other field is sealed, secret or not.
PLAIN: Final = frozenset({"client_id", "base_url", "token_url", "report_url"})
_HERE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Field:
    """One of them. `where`: in the PSE's back office; `test`, `live`: its value there, where it is the same for all.

    `secret`: not shown while it is typed. `pem`: a key or certificate as text, with its first and last lines.
    """

    name: str
    label: str
    where: str
    secret: bool = False
    optional: bool = False
    pem: bool = False
    test: str | None = None
    live: str | None = None


@lru_cache
def fields(pse: str) -> Sequence[Field]:
    """All of one PSE, in the order in which to ask. None for a PSE that has no such table, such as a laboratory's."""
    table = _HERE / pse / "credentials.toml"
    if not table.is_file():
        return ()
    with table.open("rb") as file:
        return tuple(Field(**row) for row in tomllib.load(file)["field"])
