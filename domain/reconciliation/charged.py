"""Whether a report's fees are the schedules', and its rates near the reference: as findings, one for each of a report.

Nothing is compared where nobody has entered a schedule or a rate. A corrected one, and the night repeated, closes them.
"""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

import polars as pl

from domain.cause import RECONCILIATION
from domain.findings import findings
from domain.findings.findings import FindingKind, Found
from domain.models import Connection, ReconciliationRun
from domain.money import EXPONENTS, MINOR_UNITS_MAX, Money
from domain.platform.database import execute
from domain.platform.in_columns import is_empty
from domain.settlements import converted, fees
from domain.settlements.converted import OffRate
from domain.settlements.fees import Differing
from domain.settlements.frames import Frames

AGREES: Final = "By the schedules, rates and lines of now, this is not so any more."
# What was said of this report and is so no longer.
_CLOSE: Final = findings.closing(f"""SELECT f.id, $5::text AS said FROM findings f
  WHERE merchant_id = $1 AND connection_id = $2 AND {findings.MAY_END} AND kind IN ('FEE_MISMATCH', 'FX_MISMATCH')
    AND detail ->> 'report' = $3 AND NOT fingerprint = ANY($4)""")  # noqa: S608 - ours


async def fee_findings(connection: Connection, run: ReconciliationRun, report_name: str, lines: Frames) -> None:
    """Open what the stored report of that name charges otherwise, and close what it does not; safe to repeat.

    `lines`: as they were stored; where none tells a fee or another currency, nothing is asked.
    """
    found: list[Found] = []
    told = [_told(some) for some in lines.only(("settled_fee", "settled_currency", "currency"))]
    if any(fees for fees, _ in told):
        found += [_fee(connection, run, report_name, one) for one in await fees.differing(connection.id, report_name)]
    if any(other for _, other in told):
        await converted.keep(connection.id, report_name, RECONCILIATION)
        off = await converted.off_reference(connection.id, report_name)
        found += [_rate(connection, run, report_name, one) for one in off]
    else:
        await converted.withdraw(connection.id, report_name, RECONCILIATION)
    await findings.open_findings(found)
    await findings.open_again(found, AGREES)
    still = [findings.bounded(one.fingerprint) for one in found]
    await execute(_CLOSE, connection.merchant_id, connection.id, report_name, still, AGREES)


def _told(lines: pl.DataFrame) -> tuple[bool, bool]:
    """Whether a line tells a fee, and whether one was settled in another currency than it is in."""
    other = lines["settled_currency"] != lines["currency"]
    return not is_empty(lines["settled_fee"]), bool(other.any())


def _fee(connection: Connection, run: ReconciliationRun, name: str, one: Differing) -> Found:
    of = f"{one.method or 'all methods'}, {one.kind.value}"
    said = (
        f"The one line of report {name} of {connection.name} ({of}) costs {one.currency} "
        f"{_major(one.theirs, one.currency)}; by the schedule from {one.valid_from} ({one.source[:200]}) it costs "
        f"{_major(one.ours, one.currency)}."
        if one.lines == 1
        else f"{one.differing} of {one.lines} lines of report {name} of {connection.name} ({of}) cost {one.currency} "
        f"{_major(one.theirs, one.currency)}; by the schedule from {one.valid_from} ({one.source[:200]}) they cost "
        f"{_major(one.ours, one.currency)}."
    )
    detail: dict[str, Any] = {
        "report": name,
        "kind": one.kind.value,
        "method": one.method,
        "currency": one.currency,
        "lines": one.lines,
        "differing": one.differing,
        "ours": {"fee": _major(one.ours, one.currency), "schedule": str(one.schedule), "from": str(one.valid_from)},
        "theirs": {"fee": _major(one.theirs, one.currency)},
        "differs": ["fee"],
        "examples": list(one.examples),
    }
    # A finding's figures are for life: other ones are another finding, and this one is closed.
    called = f"fee/{connection.id}/{one.kind.value}/{one.schedule}/{one.differing}/{one.ours}/{one.theirs:f}/{name}"
    return _found(connection, run, FindingKind.FEE_MISMATCH, called, (one.apart, one.currency), said, detail)


def _rate(connection: Connection, run: ReconciliationRun, name: str, one: OffRate) -> Found:
    pair, theirs = f"{one.base}/{one.quote}", f"{one.lowest:.6f}"
    if one.highest != one.lowest:
        theirs += f" to {one.highest:.6f}"
    carried = f", carried from {one.valid_from}" if one.carried else ""
    turned = ", turned round" if one.turned else ""
    said = (
        f"The one converted line of report {name} of {connection.name} on {one.day} has "
        f"{pair} {theirs}, more than {one.most.normalize():f} % off {one.value:.6f} "
        f"({one.source[:200]}, {one.side.lower()}{carried}{turned})."
        if one.lines == 1
        else f"{one.differing} of {one.lines} converted lines of report {name} of {connection.name} on {one.day} have "
        f"{pair} {theirs}, more than {one.most.normalize():f} % off {one.value:.6f} "
        f"({one.source[:200]}, {one.side.lower()}{carried}{turned})."
    )
    ours = {
        "rate": f"{one.value:.6f}",
        "id": str(one.id),
        "side": one.side,
        "date": str(one.valid_from),
        "carried": one.carried,
        "turned": one.turned,
        "source": one.source,
    }
    detail: dict[str, Any] = {
        "report": name,
        "pair": pair,
        "date": str(one.day),
        "most": f"{one.most.normalize():f}",
        "lines": one.lines,
        "differing": one.differing,
        "ours": ours,
        "theirs": {"lowest": f"{one.lowest:.6f}", "highest": f"{one.highest:.6f}"},
        "differs": ["rate"],
        "examples": list(one.examples),
    }
    called = f"fx/{connection.id}/{pair}/{one.day}/{one.id}/{one.differing}/{one.apart:.2f}/{name}"
    return _found(connection, run, FindingKind.FX_MISMATCH, called, (one.apart, one.quote), said, detail)


def _found(
    connection: Connection,
    run: ReconciliationRun,
    kind: FindingKind,
    fingerprint: str,
    at_stake: tuple[Decimal, str],
    explanation: str,
    detail: dict[str, Any],
) -> Found:
    units, currency = at_stake
    return Found(
        kind=kind,
        merchant_id=connection.merchant_id,
        connection_id=connection.id,
        run_id=run.id,
        fingerprint=fingerprint,
        amount=Money(min(int(units.quantize(Decimal(1), ROUND_HALF_UP)), MINOR_UNITS_MAX), currency),
        explanation=explanation[:1000],
        detail=detail,
    )


def _major(units: Decimal, currency: str) -> str:
    """Minor units, be they exact or whole, as a plain decimal of major units."""
    text = f"{units.scaleb(-EXPONENTS[currency]):f}"
    whole, _, decimals = text.partition(".")
    kept = decimals.rstrip("0").ljust(EXPONENTS[currency], "0")
    return f"{whole}.{kept}" if kept else whole
