"""Files that cannot be trusted as a whole, and files that can be used and do not agree with themselves.

They lie on days of their own, behind the ordinary ones: a night that has a file which it cannot read is not done.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jobs.synth.labelled.layouts.sheet import Bent

UNREADABLE, CONTRADICTORY, EXPONENT = "UNREADABLE_FILE", "CONTRADICTORY_FILE", "EXPONENT_SUSPECTED"
# A file whose decimals were misread: so many times what was sold, and divided by so much.
MISREAD: Final[Mapping[str, tuple[int, int]]] = {
    "decimals misread": (100, 1),
    "decimals made up": (1, 100),
}
# Stories of files that no table of damages has.
TWICE: Final = "the same batch under two names"
COPIED: Final = ("adyen", "stripe")  # whose rows say of which batch they are
OWED: Final = "a batch of refunds alone"
FROM_NOWHERE: Final = "a balance from nowhere"
OWING: Final = ("adyen", "conekta", "dlocal", "stripe")
_TABLES: Final = ("adyen", "dlocal", "mercadopago", "stripe")
_ADDED_UP: Final = ("adyen", "dlocal", "mercadopago", "stripe")


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong with a file: how it is written (`bent`), or what becomes of its bytes when it is (`spoil`)."""

    kind: str
    pses: tuple[str, ...]
    words: str
    bent: Bent = Bent()
    spoil: Callable[[bytes], bytes] = lambda content: content
    unbalanced: bool = False  # what was paid, or told in all, is not what the rows add up to


def _cut(content: bytes) -> bytes:
    """In the middle of its last row, as by a line that went down."""
    lines = content.splitlines(keepends=True)
    return b"".join([*lines[:-1], lines[-1][: len(lines[-1]) // 2]])


def _without_a_row(content: bytes) -> bytes:
    """Its second last row is missing: whatever totals it has are those of all rows."""
    lines = content.splitlines(keepends=True)
    return b"".join([*lines[:-2], lines[-1]])


def _half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _balance(content: bytes) -> bytes:
    """One balance in the middle is another, though all that moved is right."""
    lines = content.splitlines(keepends=True)
    place = lines[0].rstrip().split(b";").index(b"BALANCE_AMOUNT")
    cells = lines[2].split(b";")
    cells[place] = b"1.11"
    return b"".join([*lines[:2], b";".join(cells), *lines[3:]])


# Each can be read, and agrees with itself, whatever its zone, separator, line ends, order or case.
ODD: Final[Mapping[str, Bent]] = {
    f"written in another way, {turn}": Bent(style=turn) for turn in (5, 7, 11, 14, 16, 19, 22)
} | {"still open": Bent(style=3, is_open=True)}
DAMAGES: Final[Mapping[str, Damage]] = {
    "cut": Damage(UNREADABLE, _TABLES[1:], "the file ends inside of a row", spoil=_cut),
    "cut listing": Damage(UNREADABLE, ("conekta", "pix"), "the listing ends in its middle", spoil=_half),
    "a row is missing": Damage(UNREADABLE, _ADDED_UP, "the totals are of more rows", spoil=_without_a_row),
    "empty": Damage(UNREADABLE, ("adyen", "dlocal", "mercadopago", "stripe"), "nothing in it", spoil=lambda _: b""),
    "a page": Damage(
        UNREADABLE, _TABLES, "a page of the web", spoil=lambda _: b"<!DOCTYPE html><html>Sign in</html>\n"
    ),
    "packed": Damage(UNREADABLE, _TABLES, "packed", spoil=lambda content: b"\x1f\x8b\x08\x00" + content[:200]),
    "another report": Damage(
        UNREADABLE, _TABLES, "another report's columns", spoil=lambda _: b"Date;Client;Total\n2026-01-01;x;1\n"
    ),
    "total of another day": Damage(UNREADABLE, ("adyen", "mercadopago", "stripe"), "its total is wrong", Bent(off=100)),
    "totals against rows": Damage(
        CONTRADICTORY, ("dlocal",), "the HEADER's gross is wrong, and what was paid is not", Bent(off=100)
    ),
    "a net of its own": Damage(CONTRADICTORY, ("adyen",), "nets are not gross less fees", Bent(style=4, fee_told=300)),
    "paid out less": Damage(
        CONTRADICTORY, ("stripe",), "the payout is not its rows", Bent(off=-500, nameless_fee=120), unbalanced=True
    ),
    "a balance in between": Damage(CONTRADICTORY, ("mercadopago",), "one balance is wrong", spoil=_balance),
}


def spoiled(damage: Damage, path: Path) -> None:
    """Let it happen to a written file."""
    path.write_bytes(damage.spoil(path.read_bytes()))
