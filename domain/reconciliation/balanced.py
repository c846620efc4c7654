"""Whether what a report says adds up, and whether the balance that it tells is the books': as findings.

A batch is told as the PSE tells it: a payout, or the account between its opening and its closing balance. What is left
over is said with both sides, and nothing is hidden in it: all lines are booked as they are.
"""

from decimal import Decimal
from typing import Any, Final

from domain.findings import findings
from domain.findings.findings import FindingKind, Found
from domain.models import Connection, ReconciliationRun
from domain.money import EXPONENTS, MINOR_UNITS_MAX, Money
from domain.platform.database import execute
from domain.pse.reporting import ReadReport
from domain.settlements import balances
from domain.settlements.balances import DifferingBalance, Unbalanced
from domain.settlements.batches import minor_units, rounded
from domain.settlements.frames import Frames

AGREES: Final = "It adds up: what the reports say now is what the books hold."
_SHOWN_MAX: Final = 100  # findings of one file
# What was said of this report, or of a balance of the connection, and is so no longer.
_CLOSE: Final = findings.closing(f"""SELECT f.id, $5::text AS said FROM findings f
  WHERE merchant_id = $1 AND connection_id = $2 AND {findings.MAY_END} AND NOT fingerprint = ANY($4)
    AND (kind = 'BALANCE_DIFFERS' OR (kind = 'BATCH_UNBALANCED' AND detail ->> 'report' = $3::text))""")  # noqa: S608 - ours


async def flag(connection: Connection, run: ReconciliationRun, name: str, told: ReadReport, lines: Frames) -> None:
    """Open what does not add up in the report of that name, and which balances differ; close what does."""
    unbalanced = balances.unbalanced(told, lines.together(balances.nets_of, balances.ASKED))
    found = [_batch(connection, run, name, one) for one in unbalanced[:_SHOWN_MAX]]
    found += [_balance(connection, run, one) for one in await balances.differing(connection)]
    await findings.open_findings(found)
    await findings.open_again(found, AGREES)
    still = [findings.bounded(one.fingerprint) for one in found]
    await execute(_CLOSE, connection.merchant_id, connection.id, name, still, AGREES)


async def flag_balances(connection: Connection, run: ReconciliationRun) -> None:
    """Open which balances differ; close those that do not. Of a report whose lines say what they said before."""
    found = [_balance(connection, run, one) for one in await balances.differing(connection)]
    await findings.open_findings(found)
    await findings.open_again(found, AGREES)
    still = [findings.bounded(one.fingerprint) for one in found]
    await execute(_CLOSE, connection.merchant_id, connection.id, None, still, AGREES)


def _batch(connection: Connection, run: ReconciliationRun, name: str, one: Unbalanced) -> Found:
    what = "between the balances that it tells" if one.name is None else f"of payout {one.name[:80]}"
    rest = one.told - one.lines
    said = (
        f"The lines of report {name} of {connection.name} {what} come to {one.currency} {one.lines.normalize():f}, and "
        f"they should come to {one.told.normalize():f}: {rest.normalize():f} is not explained."
    )
    sides = {"ours": {"lines": _text(one.lines)}, "theirs": {"told": _text(one.told)}, "residual": _text(rest)}
    detail = {"report": name, "batch": one.name, "currency": one.currency, **sides, "differs": ["amount"]}
    called = f"batch/{connection.id}/{one.currency}/{one.name or ''}/{name}"
    at_stake = abs(rounded(minor_units(rest, one.currency))) if one.currency in EXPONENTS else 0
    return _found(connection, run, FindingKind.BATCH_UNBALANCED, called, (at_stake, one.currency), said, detail)


def _balance(connection: Connection, run: ReconciliationRun, one: DifferingBalance) -> Found:
    theirs, ours = (_major(units, one.currency) for units in (one.theirs, one.ours))
    said = (
        f"Report {one.report} of {connection.name} says that after {one.business_date} the balance is {one.currency} "
        f"{theirs}; by the books it is {ours}. Is a report of a day before it missing?"
    )
    sides = {"ours": {"balance": ours}, "theirs": {"balance": theirs}, "differs": ["balance"]}
    detail = {"report": one.report, "date": str(one.business_date), "currency": one.currency, **sides}
    called = f"balance/{connection.id}/{one.currency}/{one.business_date}"
    at_stake = (abs(one.theirs - one.ours), one.currency)
    return _found(connection, run, FindingKind.BALANCE_DIFFERS, called, at_stake, said, detail)


def _found(
    connection: Connection,
    run: ReconciliationRun,
    kind: FindingKind,
    fingerprint: str,
    amount: tuple[int, str],
    explanation: str,
    detail: dict[str, Any],
) -> Found:
    units, currency = amount
    known = currency in EXPONENTS
    return Found(
        kind=kind,
        merchant_id=connection.merchant_id,
        connection_id=connection.id,
        run_id=run.id,
        fingerprint=fingerprint,
        amount=Money(min(units, MINOR_UNITS_MAX) if known else 0, currency if known else "USD"),
        explanation=explanation[:1000],
        detail=detail,
    )


def _text(amount: Decimal) -> str:
    return f"{amount:f}"


def _major(units: int, currency: str) -> str:
    return f"{Decimal(units).scaleb(-EXPONENTS[currency]):f}"
