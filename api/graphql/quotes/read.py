"""What inputs of fees and rates are read by: exact numbers, and files as base64."""

import base64
import binascii
from collections.abc import Callable
from typing import TypeVar

from domain.problems import InvalidInput
from domain.settlements.written import UnreadableText

T = TypeVar("T")
R = TypeVar("R")
_ID_MAX = 2**63 - 1


def read(how: Callable[[T], R], value: T, name: str) -> R:
    """What is written there. Raises InvalidInput at the field of that name."""
    try:
        return how(value)
    except UnreadableText as error:
        raise InvalidInput(str(error), path=["input", name]) from None


def content(text: str) -> bytes:
    """A file's bytes. Raises InvalidInput."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput("fileContent is no base64.", path=["input", "fileContent"]) from None


def number(given: str, name: str) -> int:
    """The id of a schedule or a rate. Raises InvalidInput."""
    if given.isascii() and given.isdigit() and len(given) < len(str(_ID_MAX)):
        return int(given)
    raise InvalidInput("This is not an id; send one exactly as the API gave it.", path=["input", name])
