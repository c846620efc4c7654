"""Money that moved for payments that are not registered, as findings: of one file a bounded number. Pure.

A file of another account, or of a week in which nobody registered, has a line a payment. The first are told one by
one, money that left before money that came, and how many more there are in one that stands for them: when those are
settled and the date is repeated, it is their turn.
"""

from collections.abc import Sequence
from typing import Any, Final

import polars as pl

from domain.findings.findings import FindingKind, Found
from domain.models import Connection, ReconciliationRun
from domain.money import EXPONENTS, MINOR_UNITS_MAX, Money

LINES_MAX: Final = 100  # findings of one file
_MOVING: Final = ("CAPTURE", "REFUND", "CHARGEBACK", "CHARGEBACK_REVERSED")
_NAMED: Final = pl.coalesce("payment_reference", "payment_alias", "order_reference")
_REGISTER: Final = (
    "Register the payments and repeat that date: those that are left are told then. Is it a file of another account?"
)
_NAME_THEM: Final = "Ask the PSE which payments these are: nothing in the file says so, and nothing was booked."


def telling(lines: pl.DataFrame) -> pl.DataFrame:
    """Those of the lines that tell of payments that nobody has registered."""
    state, kind = pl.col("state"), pl.col("type")
    moved = (kind.is_in(_MOVING) & (state == "SUCCEEDED")) | ((kind == "REFUND") & (state == "RETURNED"))
    unknown = lines.filter(pl.col("payment_id").is_null() & pl.col("payment_currency").is_null() & moved)
    reference = pl.coalesce("reference", "pse_refund_reference")
    return unknown.select("line", "type", "state", "amount", "currency", _named=_NAMED, _reference=reference)


def of_lines(
    connection: Connection, run: ReconciliationRun, name: str, told: Sequence[pl.DataFrame]
) -> Sequence[Found]:
    """What the lines (`telling`) of the report of that name say of payments that nobody has registered."""
    if not told or (unknown := pl.concat(told)).is_empty():
        return []
    named = unknown.filter(pl.col("_named").is_not_null()).sort(pl.col("type") == "CAPTURE", "line")
    each = named.unique(["_named", "_reference"], keep="first", maintain_order=True)
    rest = named.join(each.head(LINES_MAX), on=["_named", "_reference"], how="anti", nulls_equal=True)
    nameless = unknown.filter(pl.col("_named").is_null())
    found = [_one(connection, run, line) for line in each.head(LINES_MAX).iter_rows(named=True)]
    for (currency,), some in rest.sort("line").group_by("currency", maintain_order=True):
        found.append(_more(connection, run, name, str(currency), some))
    for (what, currency), some in nameless.sort("line").group_by("type", "currency", maintain_order=True):
        found.append(_nameless(connection, run, name, (str(what), str(currency)), some))
    return found


def of_file(connection: Connection, name: str) -> Sequence[str]:
    """What findings of that report are called that stand for several lines: of those that there can be."""
    more = [_of_more(connection, name, currency) for currency in EXPONENTS]
    return [*more, *(_of_nobody(connection, name, (kind, one)) for kind in _MOVING for one in EXPONENTS)]


def _one(connection: Connection, run: ReconciliationRun, line: dict[str, Any]) -> Found:
    named, reference = line["_named"], line["_reference"]
    what = f"{_words(line['type'])}{' that came back' if line['state'] == 'RETURNED' else ''}"
    return _found(
        connection,
        run,
        f"unknown/{connection.id}/{named}/{reference or ''}",
        Money(line["amount"], line["currency"]),
        f"The report has a {what} of {named}, unknown to us.",
        {"payment": named, "reference": reference},
    )


def _more(connection: Connection, run: ReconciliationRun, name: str, currency: str, lines: pl.DataFrame) -> Found:
    said = (
        f"Report {name} of {connection.name} has one more line in {currency}, of {_sum(lines, currency)}, of a "
        f"payment that is unknown to us: line {lines['line'][0]}."
        if lines.height == 1
        else f"Report {name} of {connection.name} has {lines.height} more lines in {currency}, {_sum(lines, currency)} "
        f"in all, of payments that are unknown to us, the first in line {lines['line'][0]}."
    )
    detail = {"report": name, "lines": lines.height, "line": lines["line"][0]}
    called = _of_more(connection, name, currency)
    return _found(connection, run, called, _sum(lines, currency), said, detail, _REGISTER)


def _nameless(
    connection: Connection, run: ReconciliationRun, name: str, of: tuple[str, str], lines: pl.DataFrame
) -> Found:
    kind, currency = of
    said = (
        f"Report {name} of {connection.name} has one line that names no payment: {_words(kind)}, "
        f"{_sum(lines, currency)}, in line {lines['line'][0]}."
        if lines.height == 1
        else f"Report {name} of {connection.name} has lines that name no payment: {_words(kind)}, {lines.height} "
        f"times, {_sum(lines, currency)} in all, the first in line {lines['line'][0]}."
    )
    detail = {"report": name, "lines": lines.height, "line": lines["line"][0]}
    called = _of_nobody(connection, name, of)
    return _found(connection, run, called, _sum(lines, currency), said, detail, _NAME_THEM)


def _of_more(connection: Connection, name: str, currency: str) -> str:
    return f"unknown-more/{connection.id}/{currency}/{name}"


def _of_nobody(connection: Connection, name: str, of: tuple[str, str]) -> str:
    return f"unknown-nameless/{connection.id}/{of[0]}/{of[1]}/{name}"


def _words(kind: str) -> str:
    return kind.lower().replace("_", " ")


def _sum(lines: pl.DataFrame, currency: str) -> Money:
    return Money(min(sum(lines["amount"].to_list()), MINOR_UNITS_MAX), currency)


def _found(
    connection: Connection,
    run: ReconciliationRun,
    fingerprint: str,
    amount: Money,
    explanation: str,
    detail: dict[str, Any],
    action: str | None = None,
) -> Found:
    return Found(
        kind=FindingKind.MISSING_IN_LEDGER,
        merchant_id=connection.merchant_id,
        connection_id=connection.id,
        run_id=run.id,
        fingerprint=fingerprint,
        amount=amount,
        explanation=explanation,
        detail=detail,
        action=action,
    )
