"""Lines that name a payment of ours in another currency than it has, as findings: of one file a bounded number.

Nobody can say how much of the payment that is, so such a line proves nothing; what it moved on the balance is in
SUSPENSE, in the currency in which it was settled.
"""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import polars as pl

from domain.findings import findings, names, reopen
from domain.findings.findings import FindingKind, Found
from domain.models import Connection, ReconciliationRun
from domain.money import EXPONENTS, MINOR_UNITS_MAX, Money
from domain.platform.database import execute, rows, transaction
from domain.reconciliation.known import Known
from domain.reconciliation.no_longer import GONE

LINES_MAX: Final = 100  # findings of one file
_LOOKED_AT: Final = 100  # payments that say what currency an account has
_IN_ANOTHER: Final = "A report tells of the refund, in another currency."
_NAMED: Final = pl.coalesce("payment_reference", "payment_alias", "order_reference")
_OPEN: Final = """SELECT DISTINCT refund_id FROM findings WHERE merchant_id = $1 AND refund_id = ANY($2::uuid[])
  AND kind = 'CURRENCY_MISMATCH' AND resolved_at IS NULL"""
_KEY: Final = ["_named", "_reference", "currency"]
# A refund `r` of which a line in another currency tells, as a finding says: once a person has dealt with what the line
# moved, the claim itself is missing.
TOLD_OF_REFUND: Final = (
    "EXISTS (SELECT 1 FROM findings f WHERE f.merchant_id = r.merchant_id AND f.refund_id = r.id "
    "AND f.kind = 'CURRENCY_MISMATCH' AND f.resolved_at IS NULL)"
)
_LINE: Final = """SELECT 1 FROM settlement_lines l JOIN reports r ON r.id = l.report_id WHERE r.connection_id = $2
  AND r.superseded_at IS NULL AND l.payment_id IS NULL AND l.voided_at IS NULL AND {name} = f.detail ->> 'payment'
  AND l.currency = f.detail ->> 'told_in'
  AND coalesce(l.reference, l.pse_refund_reference) IS NOT DISTINCT FROM f.detail ->> 'reference'"""
# Findings whose line no report has any longer, be it that the payment is another one now.
_GONE: Final = findings.closing(
    "SELECT f.id, $3::text AS said FROM findings f WHERE f.merchant_id = $1 AND f.connection_id = $2 "  # noqa: S608 - ours
    f"AND f.kind = 'CURRENCY_MISMATCH' AND starts_with(f.fingerprint, 'currency/') AND {findings.MAY_END} "
    + "".join(
        f"AND NOT EXISTS ({_LINE.format(name=f'l.{name}')}) "
        for name in ("payment_reference", "payment_alias", "order_reference")
    )
)

# What is proven: the refund of a finding, or the payment whose capture its line told. A line may name a payment by the
# other one of its names.
_OF_REFUND: Final = (
    "JOIN refunds d ON d.id = f.refund_id JOIN settlement_lines t ON t.payment_id = d.payment_id "
    "AND t.refund_id = d.id AND t.effect = 'REFUND'"
)
_OF_CAPTURE: Final = (
    "JOIN payments d ON d.connection_id = f.connection_id AND d.withdrawn_at IS NULL AND f.refund_id IS NULL "
    "AND jsonb_typeof(f.detail -> 'ours' -> 'amount') = 'number' AND (f.detail ->> 'payment' IN (d.pse_reference, "
    "d.order_reference) OR d.pse_reference IN (SELECT l.payment_alias FROM settlement_lines l JOIN reports r "
    "ON r.id = l.report_id WHERE r.connection_id = $2 AND l.payment_id IS NULL AND l.voided_at IS NULL "
    "AND l.payment_reference = f.detail ->> 'payment')) JOIN settlement_lines t ON t.payment_id = d.id "
    "AND t.effect = 'CAPTURE'"
)
# Findings that a person has resolved, and whose money a report of since then proves: its line tells it, too.
_PROVEN: Final = (
    "SELECT DISTINCT ON (f.id) f.id, p.name, {what} AS what FROM findings f JOIN finding_resolutions s "  # noqa: S608 - ours
    "ON s.finding_id = f.id AND s.started_at IS NOT NULL AND s.ended_at IS NULL {of} "
    "AND t.voided_at IS NULL JOIN reports p ON p.id = t.report_id "
    "WHERE f.merchant_id = $1 AND f.connection_id = $2 AND f.kind = 'CURRENCY_MISMATCH' AND f.resolved_at IS NOT NULL "
    "AND p.created_at > s.started_at AND ("
    + " OR ".join(
        f"EXISTS ({_LINE.format(name=f'l.{name}')})"
        for name in ("payment_reference", "payment_alias", "order_reference")
    )
    + ") ORDER BY f.id, p.created_at"
)
_PROVEN_OF_ALL: Final = " UNION ALL ".join(
    f"({_PROVEN.format(what=what, of=of)})"
    for what, of in (("'refund ' || d.reference", _OF_REFUND), ("'payment ' || d.pse_reference", _OF_CAPTURE))
)


def differ() -> pl.Expr:
    """Whether a line (of reconciliation/match) names a payment of ours that has another currency."""
    return pl.col("payment_id").is_null() & pl.col("payment_currency").is_not_null()


def are_told(lines: pl.DataFrame) -> bool:
    """Whether any line may `differ`."""
    return bool((lines["payment_id"].is_null() & lines["payment_currency"].is_not_null()).any())


def telling(lines: pl.DataFrame) -> pl.DataFrame:
    """Those of the lines that tell in another currency than the books have it."""
    state, kind = pl.col("state"), pl.col("type")
    moved = (state == "SUCCEEDED") | ((kind == "REFUND") & (state == "RETURNED"))
    return lines.filter(differ() & moved).select(
        *("line", "type", "amount", "currency", "payment_currency", "payment_captured"),
        *("reference", "pse_refund_reference"),
        _named=_NAMED,
        _reference=pl.coalesce("reference", "pse_refund_reference"),
    )


def concerned(lines: pl.DataFrame, known: Known) -> Known:
    """What the books have of the payments that lines (of which some are `telling`) name in another currency."""
    names = lines.filter(differ()).select(known_reference=_NAMED).unique()
    if names.is_empty():  # so it is in most reports
        return Known(known.payments.clear(), known.refunds.clear(), known.settled.clear(), known.suspense.clear())
    payments = known.payments.join(names, on="known_reference", how="semi")
    ids = payments.select(refund_payment_id="payment_id").unique()
    refunds = known.refunds.join(ids, on="refund_payment_id", how="semi")
    return Known(payments, refunds, known.settled.clear(), known.suspense.clear())


def of_lines(
    connection: Connection, run: ReconciliationRun, name: str, told: Sequence[pl.DataFrame], known: Sequence[Known]
) -> Sequence[Found]:
    """What the lines (`telling`) of the report of that name tell. `known`: `concerned`."""
    if not told or (named := pl.concat(told)).is_empty():
        return []
    each = named.unique(_KEY, keep="first", maintain_order=True)
    rest = named.join(each.head(LINES_MAX), on=_KEY, how="anti", nulls_equal=True)
    found = [_one(connection, run, line) for line in _with_refund(each.head(LINES_MAX), known).iter_rows(named=True)]
    for (currency,), some in rest.sort("line").group_by("currency", maintain_order=True):
        found.append(_more(connection, run, name, str(currency), some))
    return found


def of_file(connection: Connection, name: str) -> Sequence[str]:
    """What findings of that report are called that stand for several lines: of those that there can be."""
    return [_of_more(connection, name, currency) for currency in EXPONENTS]


async def not_missing(connection: Connection, found: Sequence[Found]) -> None:
    """A refund that is told in another currency is not missing in the reports, while nobody has dealt with that."""
    told = [one.refund_id for one in found if one.refund_id is not None]
    open_ones = await rows(_OPEN, connection.merchant_id, told) if told else []
    if open_ones:
        missing = [names.missing(row["refund_id"]) for row in open_ones]
        await findings.resolve_all(connection.merchant_id, missing, _IN_ANOTHER)


async def close(connection: Connection) -> None:
    """Close what no report in force tells any longer."""
    await execute(_GONE, connection.merchant_id, connection.id, GONE)


async def proven_since(connection: Connection) -> bool:
    """Open again what a person has resolved before another report proved the same: one movement may be told twice.
    Whether there is any.
    """
    found = await rows(_PROVEN_OF_ALL, connection.merchant_id, connection.id)
    for row in found:
        async with transaction():
            finding, payment = await reopen.lock(row["id"])
            if finding.resolved_at is not None:
                why = f"{row['name']} proves {row['what']}: it may be the same money."
                await reopen.reopen(finding, payment, why, reopen.BOOKS)
    return bool(found)


def _with_refund(lines: pl.DataFrame, known: Sequence[Known]) -> pl.DataFrame:
    """The lines, at most LINES_MAX, with the refund of ours that they name."""
    payments = pl.concat([one.payments for one in known])
    payments = payments.select(_named="known_reference", _payment="payment_id").unique("_named")
    refunds = pl.concat([one.refunds for one in known]).select(
        "refund_id", "refund_reference", "refund_amount", _payment="refund_payment_id", _by_pse="refund_pse_reference"
    )
    ours = pl.col("refund_reference") == pl.col("reference")
    theirs = pl.col("_by_pse") == pl.col("pse_refund_reference")
    found = (
        lines.select("line", "_named", "reference", "pse_refund_reference")
        .join(payments, on="_named")
        .join(refunds, on="_payment")
        .filter(ours.fill_null(value=False) | theirs.fill_null(value=False))
        .unique("line", keep="first")
        .select("line", "refund_id", "refund_reference", "refund_amount")
    )
    return lines.join(found, on="line", how="left", maintain_order="left")


def _one(connection: Connection, run: ReconciliationRun, line: dict[str, Any]) -> Found:
    """At stake is what the books have of it; where they have nothing, what is told."""
    named, reference, ours = line["_named"], line["_reference"], line["payment_currency"]
    told = _money(line["amount"], line["currency"])
    refund, capture = line["refund_amount"], line["payment_captured"] if line["type"] == "CAPTURE" else None
    booked = refund if refund is not None else capture
    known = Money(booked, ours) if booked is not None else None
    what = f"refund {line['refund_reference']} of payment {named}" if refund is not None else f"payment {named}"
    return _found(
        connection,
        run,
        f"currency/{connection.id}/{named}/{reference or ''}/{line['currency']}",
        known or told or Money(0, ours),
        f"The report tells of {line['type'].lower().replace('_', ' ')} {line['currency']} {line['amount']} (minor "
        f"units) of {what}, which is in {ours}: it proves nothing, and what it moved is in SUSPENSE.",
        {
            "payment": named,
            "reference": reference,
            "told_in": line["currency"],
            "ours": {"currency": ours, "amount": booked},
            "theirs": {"currency": line["currency"], "amount": line["amount"]},
            "differs": ["currency"],
        },
        line["refund_id"],
    )


def _money(amount: int, currency: str) -> Money | None:
    return Money(min(amount, MINOR_UNITS_MAX), currency) if currency in EXPONENTS else None


def _more(connection: Connection, run: ReconciliationRun, name: str, currency: str, lines: pl.DataFrame) -> Found:
    whole = _money(sum(lines["amount"].to_list()), currency) or Money(0, lines["payment_currency"][0])
    said = (
        f"Report {name} of {connection.name} has one more line in {currency}, of a payment in another currency: line "
        f"{lines['line'][0]}. Is it a file of another account?"
        if lines.height == 1
        else f"Report {name} of {connection.name} has {lines.height} more lines in {currency}, of payments in other "
        f"currencies, the first in line {lines['line'][0]}: is it a file of another account?"
    )
    detail = {"report": name, "lines": lines.height, "line": lines["line"][0], "told_in": currency}
    sides = {"ours": {"currency": lines["payment_currency"][0]}, "theirs": {"currency": currency}}
    return _found(
        connection, run, _of_more(connection, name, currency), whole, said, {**detail, **sides, "differs": ["currency"]}
    )


def _of_more(connection: Connection, name: str, currency: str) -> str:
    return f"currency-more/{connection.id}/{currency}/{name}"


def _found(
    connection: Connection,
    run: ReconciliationRun,
    fingerprint: str,
    amount: Money,
    explanation: str,
    detail: dict[str, Any],
    refund_id: str | None = None,
) -> Found:
    """It has no payment: what it moved in SUSPENSE is no payment's."""
    return Found(
        kind=FindingKind.CURRENCY_MISMATCH,
        merchant_id=connection.merchant_id,
        connection_id=connection.id,
        run_id=run.id,
        fingerprint=fingerprint,
        amount=amount,
        explanation=explanation[:1000],
        refund_id=UUID(refund_id) if refund_id else None,
        detail=detail,
    )


async def currency_of(connection: Connection) -> str | None:
    """The currency of the payments that are registered on the connection, if it is one; the first ones tell."""
    found = await rows(
        "SELECT DISTINCT currency FROM (SELECT currency FROM payments WHERE connection_id = $1 "
        "  AND withdrawn_at IS NULL ORDER BY pse_reference LIMIT $2) p",
        connection.id,
        _LOOKED_AT,
    )
    return found[0]["currency"] if len(found) == 1 else None
