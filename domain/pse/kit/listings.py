"""Reports that a connector puts together from listings: a file of JSON entries, and the lines made of them."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

import polars as pl

from domain.money import EXPONENTS, Money
from domain.pse.kit import exact
from domain.pse.kit.cells import BadCell, BadRow
from domain.pse.kit.unclear import Unclear
from domain.pse.kit.unreadable import Unreadable
from domain.pse.reporting import REPORT_SCHEMA, BadReport, Built, ReadReport, ReportFile
from domain.pse.vocabulary import Accepted, BadAnswer, CapturedPayment, Declined, KnownRefund, Period, Succeeded

Entry = dict[str, Any]
Line = dict[str, Any]  # by canonical column
_STATES: Final = {Accepted: "PENDING", Succeeded: "SUCCEEDED", Declined: "FAILED"}


def built(name: str, period: Period, key: str, entries: Sequence[Entry]) -> Built:
    """The entries under `key`, in a file named after the business date: the same content gives the same bytes."""
    text = json.dumps({key: entries}, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=float)
    return Built(f"{name}-{period.business_date}.json", "application/json", text.encode())


def transaction(raw: Entry, names: Iterable[str], numbers: Collection[str]) -> Entry:
    """The fields of a transaction that count, all of which its PSE publishes as required: `numbers` are whole ones, the
    others texts. Raises BadAnswer.
    """
    for name in names:
        if type(raw.get(name)) is not (int if name in numbers else str):
            raise BadAnswer(f"Transaction {raw.get('id')} has the {name} {str(raw.get(name))[:40]!r}.")
    return {name: raw[name] for name in names}


def other(words: str) -> Line:
    """What a line is that nobody understands, in its own words: it proves no refund, so it names none."""
    return {"type": "OTHER", "unclear": words}


def settled(currency: str, **moved: int) -> Line:
    """What a line says of the balance at the PSE: its `gross`, `fee` and `net` that moved, in signed minor units.

    Null for a currency that we do not know: nobody can tell how many of the digits are decimals.
    """
    places = EXPONENTS.get(currency)
    return {
        f"settled_{name}": None if places is None else Decimal(units).scaleb(-places) for name, units in moved.items()
    }


def captured(payment: CapturedPayment) -> Line:
    """The line of a payment of which the PSE tells no fees where it lists it."""
    return _of(payment, payment.amount, payment.captured_at) | {"type": "CAPTURE"} | _whole(payment.amount, 1)


def refunded(payment: CapturedPayment, refund: KnownRefund) -> Line:
    """The line of one of its refunds; only one that succeeded has moved the balance."""
    told = {
        "type": "REFUND",
        "state": _STATES[type(refund.outcome)],
        "reference": refund.reference,
        "pse_refund_reference": refund.pse_refund_reference,
        "by_bank": refund.by_bank,
        "kind": refund.kind,
    }
    moved = _whole(refund.amount, -1) if isinstance(refund.outcome, Succeeded) else {}
    return _of(payment, refund.amount, booked_at(payment, refund)) | told | moved


def booked_at(payment: CapturedPayment, refund: KnownRefund) -> datetime:
    """The last that is known of when a refund moved (UTC)."""
    return refund.settled_at or refund.requested_at or payment.captured_at


def other_of(payment: CapturedPayment, amount: Money, at: datetime, words: str) -> Line:
    """The line of what is listed with a payment, and nobody understands."""
    return _of(payment, amount, at) | other(words)


def _of(payment: CapturedPayment, amount: Money, at: datetime) -> Line:
    units, currency = amount.minor_units, amount.currency
    return {"payment_reference": payment.reference, "amount": units, "currency": currency, "booked_at": at}


def _whole(amount: Money, sign: int) -> Line:
    """It moves the balance by what it says."""
    moved = sign * amount.minor_units
    return {"settled_currency": amount.currency, **settled(amount.currency, gross=moved, net=moved)}


def read(
    file: ReportFile,
    key: str,
    period: Period,
    lines_of: Callable[[Entry], Iterable[Line]],
    completeness: str | None = None,
    columns: Mapping[str, str] = MappingProxyType({}),
) -> ReadReport:
    """The lines of what `built` wrote, numbered in their order; those made by `other` are counted by their words.

    `columns`: canonical columns, and which field of the entry says each as it stands (tables.Layout).
    An entry of which `lines_of` raises Unreadable or BadCell is OTHER, as long as most are not. Raises BadReport, whose
    line is the entry's number, from 1.
    """
    unclear, first, bad = Unclear(), None, 0
    made: list[Line] = []
    entries = _entries(file, key)
    for number, entry in enumerate(entries, start=1):
        try:
            plain = {name: entry[field] for name, field in columns.items()}
            found = [plain | line for line in lines_of(entry)]
        except (Unreadable, BadCell) as error:
            column = getattr(error, "column", None)
            first, bad = first or BadReport(file.name, str(error), line=number, column=column), bad + 1
            found = [other(f"an entry {_why(error)}") | {"amount": 0, "booked_at": period.start}]
        made += [_line(line, len(made) + turn, period, unclear) for turn, line in enumerate(found, start=1)]
    currency = next((line["currency"] for line in made if line.get("currency") in EXPONENTS), period.currency)
    if first is not None and (bad * 2 > len(entries) or currency is None):
        raise first
    for line in made:
        line.setdefault("currency", currency)
    return ReadReport(pl.LazyFrame(made, schema=dict(REPORT_SCHEMA)), completeness, unknown=unclear.told())


def _why(error: Unreadable | BadCell) -> str:
    """In words that are the same for every entry of which they are true."""
    if isinstance(error, BadRow):
        return error.why
    return f"with an unusable {error.column}" if isinstance(error, BadCell) else "that cannot be read"


def _entries(file: ReportFile, key: str) -> list[Entry]:
    """Raises BadReport for a file that was cut, or that is none of ours."""
    try:
        found = exact.objects(exact.inner(json.loads(file.path.read_bytes()), key))
    except (ValueError, RecursionError):
        found = None
    if found is None:
        raise BadReport(file.name, f"the file is no listing of {key}, or was cut; fetch it again.")
    return found


def _line(line: Line, number: int, period: Period, unclear: Unclear) -> Line:
    words = line.pop("unclear", None)
    kind = {} if words is None else {"kind": unclear.add(number, words)}
    fixed = {"line": number, "business_date": period.business_date}
    return {"state": "SUCCEEDED", "by_amount": False, "by_bank": False} | line | kind | fixed
