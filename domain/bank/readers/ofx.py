"""OFX 1.x and 2.x as banks really write it: SGML without closing tags or XML, decimal commas, missing FITIDs.

Neither is given to a parser of XML, so there is nothing to expand: a value is what stands between two tags.
"""

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from domain.bank import amounts
from domain.bank.readers.text import LINES_MAX, day, decoded
from domain.bank.statement import BadStatement, Statement, StatementLine, added_up
from domain.money import MoneyError, exponent_of

_TAG: Final = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9_.]{0,31})>")
_TAGS_MAX: Final = 20 * LINES_MAX
_VALUE_MAX: Final = 2_000  # characters; what is behind them is no bank's memo
_STATEMENTS: Final = ("STMTRS", "CCSTMTRS")
_ACCOUNT: Final = ("BANKID", "BRANCHID", "ACCTID")
_OUT: Final = frozenset({"DEBIT", "PAYMENT", "FEE", "SRVCHG", "ATM", "POS", "CHECK", "DIRECTDEBIT", "REPEATPMT"})


def is_ofx(content: bytes) -> bool:
    """By how it begins, in either form."""
    head = content[:2_000].lstrip(b"\xef\xbb\xbf \r\n\t").upper()
    return head.startswith(b"OFXHEADER") or b"<OFX>" in head or head.startswith(b"<?OFX")


def read(content: bytes, currency: str | None = None, decimal: str | None = None) -> list[Statement]:
    """The statements of the file. `currency`, `decimal`: where the file tells none. Raises BadStatement."""
    told = list(_collected(decoded(content)))
    if not told:
        raise BadStatement("There is no statement in this OFX file (no STMTRS).")
    return [_statement(one, currency, decimal) for one in told]


@dataclass(slots=True)
class _Told:
    """The values of one statement: of itself, and of each of its transactions with the line where it begins."""

    values: dict[str, str] = field(default_factory=dict)
    money: list[tuple[int, dict[str, str]]] = field(default_factory=list)


def _collected(text: str) -> Iterator[_Told]:
    told: _Told | None = None
    into: dict[str, str] | None = None
    for number, closing, name, value in _tags(text):
        if name in _STATEMENTS:
            if told is not None:
                yield told
            told = into = None
            if not closing:
                told = _Told()
                into = told.values
        elif told is not None and name == "STMTTRN":
            into = told.values if closing else {}
            if not closing and into is not None:
                told.money.append((number, into))
                if len(told.money) > LINES_MAX:
                    raise BadStatement(f"A statement has at most {LINES_MAX:,} lines: hand it in in parts.")
        elif into is not None and not closing and value:
            into.setdefault(name, value)
    if told is not None:
        yield told


def _tags(text: str) -> Iterator[tuple[int, bool, str, str]]:
    """Line, whether it closes, name and value of each tag, in their order."""
    number, counted = 1, 0
    found = _TAG.finditer(text)
    here = next(found, None)
    for count in range(_TAGS_MAX + 1):
        if here is None:
            return
        if count == _TAGS_MAX:
            raise BadStatement("This file has too many fields for a statement.")
        after = next(found, None)
        number += text.count("\n", counted, here.start())
        counted = here.start()
        end = after.start() if after else len(text)
        yield number, bool(here[1]), here[2].upper(), _value(text[here.end() : min(end, here.end() + _VALUE_MAX)])
        here = after


def _value(text: str) -> str:
    """What stands between two tags; of entities that are none the text itself."""
    try:
        return html.unescape(text).strip()
    except ValueError:  # a number of thousands of digits
        return text.strip()


def _statement(told: _Told, currency: str | None, decimal: str | None) -> Statement:
    currency = (told.values.get("CURDEF") or currency or "").upper()
    try:
        exponent_of(currency)
    except MoneyError as error:
        raise BadStatement(f"The statement's currency is {currency or 'not said'}: {error}") from None
    sign = amounts.decimal_sign([_amount_of(values, number) for number, values in told.money], currency)
    sign = sign or decimal
    lines = _signed([(_line(number, values, currency, sign), values) for number, values in told.money])
    account = "/".join(told.values[name] for name in _ACCOUNT if name in told.values)
    if "ACCTID" not in told.values:
        raise BadStatement("The statement does not say of which account it is (ACCTID).")
    opening, closing = None, _closing(told.values, currency, sign)
    proof, _ = added_up(opening, closing, lines)
    return Statement(account, "OFX", currency, lines, opening, closing, proof=proof)


def _amount_of(values: Mapping[str, str], number: int) -> str:
    if "TRNAMT" not in values:
        raise BadStatement("This transaction has no amount (TRNAMT).", number)
    return values["TRNAMT"]


def _line(number: int, values: Mapping[str, str], currency: str, sign: str | None) -> StatementLine:
    amount = amounts.minor_units(_amount_of(values, number), currency, sign, number)
    text = " ".join(values[name] for name in ("NAME", "MEMO") if name in values)
    return StatementLine(number, _date(values, number), amount, text, values.get("FITID") or values.get("CHECKNUM"))


def _date(values: Mapping[str, str], number: int) -> date:
    # As printed: a bank that adds a zone, or an hour, still means the day that it prints.
    told = values.get("DTPOSTED", "")[:8]
    if len(told) != 8 or not (told.isascii() and told.isdecimal()):
        raise BadStatement("This transaction has no date (DTPOSTED).", number)
    return day(told[:4], told[4:6], told[6:], number)


def _signed(told: Sequence[tuple[StatementLine, Mapping[str, str]]]) -> list[StatementLine]:
    """A file without a single sign has it in the type of its transactions."""
    if any(line.amount < 0 for line, _ in told):
        return [line for line, _ in told]
    return [_out(line) if values.get("TRNTYPE", "").upper() in _OUT else line for line, values in told]


def _out(line: StatementLine) -> StatementLine:
    return StatementLine(line.line, line.booked_on, -line.amount, line.text, line.reference)


def _closing(values: Mapping[str, str], currency: str, sign: str | None) -> int | None:
    """The balance that the bank tells, where it can be read; it is only ever compared with that of another file."""
    told = values.get("BALAMT")
    if told is None:
        return None
    try:
        return amounts.minor_units(told, currency, amounts.decimal_sign([told], currency) or sign)
    except BadStatement:
        return None  # some banks write it without its decimals: what is not understood proves nothing
