"""Reading the report that was built from Conekta's listings. Amounts are in minor units.

A line's date is the day of the transaction's `created_at` in the period's zone.
"""

from collections.abc import Iterator
from typing import Final

from domain.money import EXPONENTS, MINOR_UNITS_MAX
from domain.pse.conekta.objects import WORDS
from domain.pse.conekta.reports import LAYOUT
from domain.pse.kit import cells, listings, moments
from domain.pse.kit.cells import BadCell
from domain.pse.kit.listings import Entry, Line
from domain.pse.reporting import ReadReport, ReportFile
from domain.pse.vocabulary import Period

_DISPUTES: Final = ("CHARGEBACK", "CHARGEBACK_REVERSED")


def lines(file: ReportFile, period: Period) -> ReadReport:
    """The lines; nothing in the listings counts them, so completeness is unproven. Raises BadReport."""
    return listings.read(file, "transactions", period, _lines, columns=LAYOUT.columns)


def _lines(one: Entry) -> Iterator[Line]:
    """Raises BadCell."""
    if max(abs(one[name]) for name in ("amount", "fee", "net")) > MINOR_UNITS_MAX:
        raise BadCell("amount", f"transaction {one['id']} is larger than any amount of money.")
    cells.check_net(one["amount"], one["fee"], one["net"], "amount")
    cells.currency_of(one, "currency")
    words = _unclear(one)
    yield _moved(one) | (_named(one) if words is None else listings.other(words))


def _unclear(one: Entry) -> str | None:
    """What nobody understands in the transaction, in its words."""
    unknown = WORDS.unclear(one, "type", one["currency"])
    known = one["status"] in (*WORDS.states, *WORDS.kinds)
    return unknown or (None if known else f"{one['type']} with status {one['status']}")


def _named(one: Entry) -> Line:
    """What the transaction is, and what names it."""
    kind = WORDS.kinds[one["type"]]
    is_refund = kind.type == "REFUND"
    by_amount = is_refund and one["refund"] is None
    return {
        "type": kind.type,
        "state": WORDS.states.get(one["status"]) or kind.state,
        "reference": one["id"] if by_amount or kind.type in _DISPUTES else None,
        "pse_refund_reference": one["refund"] if is_refund else None,
        "by_amount": by_amount,
        "payout_reference": one["id"] if kind.type == "PAYOUT" else None,
    }


def _moved(one: Entry) -> Line:
    """Which money the transaction moved, and when."""
    kind, currency = WORDS.kinds.get(one["type"]), one["currency"]
    sign = -1 if kind is not None and kind.sign < 0 < one["amount"] else 1
    told = {"gross": sign * one["amount"], "fee": -sign * one["fee"], "net": sign * one["net"]}
    moved = told if WORDS.states.get(one["status"]) not in ("FAILED", "PENDING") else {}
    return {
        "amount": abs(one["amount"]) if currency in EXPONENTS else 0,
        **listings.settled(currency, **moved),
        "booked_at": moments.unix(one, "created_at"),
    }
