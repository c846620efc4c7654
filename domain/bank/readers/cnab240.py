"""CNAB 240, statement for reconciliation (FEBRABAN, "extrato de conta corrente", form 40, segment E), in BRL.

Positions below are FEBRABAN's, from 1. Numbers are zero-padded with two decimals implied; a side is D or C.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Final

from domain.bank.readers.text import day, decoded, lines
from domain.bank.statement import BadStatement, Statement, StatementLine, added_up

_WIDTH: Final = 240
_CURRENCY: Final = "BRL"
_STATEMENT: Final = ("E", "04")  # kind of operation, service
_OTHER: Final = "This is a CNAB 240 file, and no statement: ask the bank for the extrato (segment E), or hand in OFX."
_BALANCE: Final = (143, 150, 151, 168, 169)  # in the header of a lot: the opening; in its trailer: the closing


def is_cnab240(content: bytes) -> bool:
    """By its first two records: a file's header and a lot's, of one bank. Blanks at the end of a line may be cut."""
    told = content[: 4 * _WIDTH].removeprefix(b"\xef\xbb\xbf").split(b"\n")
    header, lot = (told[0].rstrip(b"\r"), told[1]) if len(told) > 1 else (b"", b"")
    begins = header[:3].isdigit() and header[3:8] == b"00000" and len(header) <= _WIDTH
    return begins and (lot[:3], lot[7:8]) in ((header[:3], b"1"), (header[:3], b"9"))


def read(content: bytes) -> list[Statement]:
    """The statements of the file, one a lot. Raises BadStatement, also for another CNAB 240 file than a statement."""
    lots: list[_Lot] = []
    for number, text in lines(decoded(content)):
        row = _Row(number, text.ljust(_WIDTH))
        kind = row.at(8, 8)
        if kind == "1" and (row.at(9, 9), row.at(10, 11)) == _STATEMENT:
            lots.append(_Lot(row))
        elif kind == "3" and row.at(14, 14) == "E" and lots:
            lots[-1].details.append(row)
        elif kind == "5" and lots and lots[-1].trailer is None:
            lots[-1].trailer = row
        elif kind == "3":
            raise BadStatement(_OTHER, number)
    if not lots:
        raise BadStatement(_OTHER)
    return [_statement(lot) for lot in lots]


@dataclass(frozen=True, slots=True)
class _Row:
    number: int
    text: str

    def at(self, first: int, last: int) -> str:
        return self.text[first - 1 : last]

    def amount(self, first: int, last: int, side: int) -> int:
        """In minor units; out of the account is below zero. Raises BadStatement."""
        told, which = self.at(first, last), self.at(side, side)
        if not (told.isascii() and told.isdecimal()) or which not in "DC" or not which.strip():
            raise BadStatement(f"Columns {first} to {side} hold no amount with D or C.", self.number)
        return -int(told) if which == "D" else int(told)

    def date(self, first: int) -> date:
        return day(self.at(first + 4, first + 7), self.at(first + 2, first + 3), self.at(first, first + 1), self.number)


@dataclass(slots=True)
class _Lot:
    header: _Row
    details: list[_Row] = field(default_factory=list)
    trailer: _Row | None = None


def _statement(lot: _Lot) -> Statement:
    told = [_line(row) for row in lot.details]
    opening, closing = _balance(lot.header), _balance(lot.trailer) if lot.trailer is not None else None
    proof, contradicted = added_up(opening, closing, told)
    if lot.trailer is None:
        contradicted = "The lot has no trailer: the file is cut off."
    sequence = lot.header.at(174, 178)
    return Statement(
        account=_account(lot.header),
        form="CNAB240",
        currency=_CURRENCY,
        lines=told,
        opening=opening,
        closing=closing,
        sequence=int(sequence) if sequence.isdecimal() and int(sequence) > 0 else None,
        proof=proof,
        contradicted=contradicted,
    )


def _account(header: _Row) -> str:
    """Bank, branch (5 and its digit) and account (12 and its digit), without the zeros before them."""
    bank, branch, account = header.at(1, 3), header.at(53, 57), header.at(59, 70)
    return f"{bank}/{branch.strip().lstrip('0') or '0'}/{account.strip().lstrip('0') or '0'}{header.at(71, 71).strip()}"


def _balance(row: _Row) -> int | None:
    _, _, first, last, side = _BALANCE
    return row.amount(first, last, side) if row.at(first, side).strip() else None


def _line(row: _Row) -> StatementLine:
    text = " ".join(part for part in (row.at(177, 201).strip(), row.at(209, 240).strip()) if part)
    return StatementLine(row.number, row.date(143), row.amount(151, 168, 169), text, row.at(202, 208).strip() or None)
