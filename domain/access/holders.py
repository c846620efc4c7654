"""Whose name it is that stands on a deed, so that four eyes are not the same two written in another way.

A person who signs in is written `Name <address>`: the address is who they are, for life. A program, or a person whose
token was made before people were rows, is a name that somebody typed.
"""

import unicodedata
from typing import Final

from domain.problems import InvalidInput

NAME_LENGTH_MAX: Final = 100
_BRACKETS: Final = frozenset("<>")


def actor_of(name: str, email: str) -> str:
    """How a person is written."""
    return f"{name} <{email}>"


def person_of(holder: str) -> str:
    """Who a typed name stands for.

    Case, width, accents' spelling, spaces and characters that nobody sees make no other person. Two names of one person
    still do: whoever makes tokens must write one program's name in one way.
    """
    seen = "".join(letter for letter in unicodedata.normalize("NFKC", holder) if unicodedata.category(letter) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", seen.casefold()).split())


def identity_of(holder: str) -> str:
    """What the database compares: the address of a person who signs in, else the name that was typed."""
    name, address = _parts(holder)
    return address or name


def same_person(one: str, other: str) -> bool:
    """Whether two holders are one: by their addresses where both have one, else by their names."""
    (name, address), (other_name, other_address) = _parts(one), _parts(other)
    if address and other_address:
        return address == other_address
    return name == other_name


def checked_name(name: str, path: list[str]) -> str:
    """A name that somebody typed, without the spaces around it. Raises InvalidInput; none looks like an address."""
    stripped = name.strip()
    if not 0 < len(stripped) <= NAME_LENGTH_MAX or not stripped.isprintable() or _BRACKETS & set(stripped):
        raise InvalidInput(
            f"A name takes 1 to {NAME_LENGTH_MAX} printable characters without angle brackets.", path=path
        )
    return stripped


def _parts(holder: str) -> tuple[str, str]:
    name, opened, address = holder.rpartition(" <")
    if opened and address.endswith(">"):
        return person_of(name), address[:-1].lower()
    return person_of(holder), ""
