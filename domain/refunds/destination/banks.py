"""Whether a bank's code is on its country's published list (banks.toml; Mexico's is the library `clabe`'s). Pure."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from clabe import BANKS as MEXICAN

_TABLE: Final = Path(__file__).with_name("banks.toml")
_COMPE: Final = 3  # digits of Brazil's shorter code, the one that accounts are told with
_BANXICO: Final = "Banco de México, participants of SPEI"


def brazilian(code: str) -> str | None:
    """The bank's code of three digits, by it or by its ISPB (eight digits); None: no bank has it."""
    if len(code) == _COMPE:
        return code if code in _brazilian().values() else None
    return _brazilian().get(code)


def is_colombian(code: str) -> bool:
    """Whether a bank has this code, of four digits or without the leading 1."""
    return code in _codes("COP") or f"1{code.zfill(3)}" in _codes("COP")


def is_mexican(clabe: str) -> bool:
    """Whether the CLABE begins with a bank's code."""
    return clabe[:3] in MEXICAN


def list_of(currency: str) -> str:
    """What the list is called, for whoever has to look a code up."""
    return _BANXICO if currency == "MXN" else str(_read()[currency]["list"])


@cache
def _brazilian() -> Mapping[str, str]:
    """The short code by the ISPB."""
    return {both[_COMPE:]: both[:_COMPE] for both in _read()["BRL"]["codes"]}


@cache
def _codes(currency: str) -> frozenset[str]:
    return frozenset(_read()[currency]["codes"])


@cache
def _read() -> Mapping[str, Any]:
    with _TABLE.open("rb") as file:
        return tomllib.load(file)
