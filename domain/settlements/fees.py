"""What a PSE should charge by its schedule: for one amount, and for all lines of a report in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any, Final
from uuid import UUID

from domain.models.quotes import FeeKind
from domain.money import EXPONENTS
from domain.platform.database import rows

_DIGITS: Final = 60  # an amount, times a percentage, times another: nothing is lost on the way
SHOWN_MAX: Final = 20  # example lines
# Which schedule holds on a day (domain/settlements/schedules.py says in which order).
_HOLDS: Final = """
SELECT s.id, s.percent, s.fixed, s.minimum, s.maximum, s.tax_percent, s.original_fee, s.valid_from, s.source, s.method
FROM fee_schedules s WHERE s.connection_id = {connection} AND s.kind = {kind} AND s.currency = {currency}
  AND s.withdrawn_at IS NULL AND s.valid_from <= {day} AND (s.valid_to IS NULL OR s.valid_to >= {day})
  AND (s.method IS NULL OR s.method = {method}) ORDER BY s.method IS NULL, s.valid_from DESC, s.id DESC LIMIT 1"""
_HOLDS_ON: Final = _HOLDS.format(connection="$1", kind="$2", currency="$3", day="$4", method="$5")
_HOLDS_FOR: Final = _HOLDS.format(connection="$1", kind="a.kind", currency="a.currency", day="a.day", method="a.method")
_FEE: Final = (
    "greatest(least({amount} * {of}.percent / 100 + {of}.fixed, {of}.maximum), {of}.minimum) "
    "* (1 + {of}.tax_percent / 100)"
)
KNOWN: Final = f"({', '.join(repr(name) for name in EXPONENTS)})"


def scale(currency: str) -> str:
    """SQL for how many minor units one of a KNOWN currency has. A join, or a power, would cost more than all else."""
    whens = " ".join(f"WHEN '{name}' THEN {10**number}" for name, number in EXPONENTS.items() if number != 2)
    return f"(CASE {currency} {whens} ELSE 100 END)"


# What a report's line says that it cost (a fee is negative there): the fee, and the tax on it where it stands apart.
THEIRS: Final = "-(l.settled_fee + coalesce(l.settled_tax, 0))"
# Not what another report has told before: its fee, or rate, is said to differ once.
COUNTED: Final = "NOT (l.booked_as = 'NONE' AND l.settled_net IS NOT NULL)"
# The lines of a valid report that tell a fee, in minor units of what was settled, with the fee by the schedule that
# holds on their day. What is returned of a payment's own fee is by what reports have told of all of its parts, else by
# its schedule; of a part of one that is RETURNED as a whole nobody can say it from one line. Schedules are looked for
# once for each day.
_COMPARED: Final = f"""
WITH told AS MATERIALIZED (
  SELECT l.line, l.payment_id, l.payment_reference, l.business_date AS day, l.settled_currency AS currency,
    CASE l.type WHEN 'CAPTURE' THEN 'PAYMENT' ELSE l.type END AS kind, coalesce(p.method, '') AS method,
    abs(l.settled_gross) * {scale("l.settled_currency")} AS amount,
    ({THEIRS}) * {scale("l.settled_currency")} AS theirs, {scale("l.settled_currency")} AS scale,
    CASE WHEN p.currency = l.settled_currency THEN p.captured END AS captured,
    (p.captured_at AT TIME ZONE m.zone)::date AS captured_on
  FROM reports r JOIN merchants m ON m.id = r.merchant_id JOIN settlement_lines l ON l.report_id = r.id
  LEFT JOIN payments p ON p.id = l.payment_id
  WHERE r.connection_id = $1 AND r.name = $2 AND r.superseded_at IS NULL AND l.voided_at IS NULL
    AND {COUNTED} AND l.state = 'SUCCEEDED' AND l.type IN ('CAPTURE', 'REFUND', 'CHARGEBACK', 'PAYOUT')
    AND l.settled_currency IN {KNOWN} AND num_nonnulls(l.settled_fee, l.settled_gross) = 2
    AND ($3::bigint[] IS NULL OR l.line = ANY ($3))),
asked AS (SELECT DISTINCT kind, method, currency, day FROM told
  UNION SELECT DISTINCT 'PAYMENT', method, currency, captured_on FROM told
    WHERE kind = 'REFUND' AND captured_on IS NOT NULL),
held AS MATERIALIZED (
  SELECT a.kind, a.method AS of_method, a.currency, a.day, s.* FROM asked a CROSS JOIN LATERAL ({_HOLDS_FOR}) AS s),
expected AS (
  SELECT t.line, t.payment_reference, t.kind, t.amount, t.theirs, s.id AS schedule,
    {_FEE.format(amount="t.amount", of="s")} - CASE
      WHEN t.kind <> 'REFUND' OR s.original_fee = 'KEPT' THEN 0
      WHEN s.original_fee = 'RETURNED_PRO_RATA' THEN original.fee * t.amount / t.captured
      WHEN t.amount = t.captured THEN original.fee END AS ours
  FROM told t JOIN held s ON (s.kind, s.of_method, s.currency, s.day) = (t.kind, t.method, t.currency, t.day)
  LEFT JOIN held o ON t.kind = 'REFUND' AND s.original_fee <> 'KEPT'
    AND (o.kind, o.of_method, o.currency, o.day) = ('PAYMENT', t.method, t.currency, t.captured_on)
  LEFT JOIN LATERAL (SELECT coalesce(
      (SELECT sum({THEIRS}) * t.scale FROM settlement_lines l WHERE l.payment_id = t.payment_id
        AND l.effect = 'CAPTURE' AND l.voided_at IS NULL AND l.settled_currency = t.currency
        HAVING count(l.settled_fee) = count(*) AND sum(l.amount) >= t.captured),
      {_FEE.format(amount="t.captured", of="o")}) AS fee) AS original
    ON t.kind = 'REFUND' AND s.original_fee <> 'KEPT' OFFSET 0),
judged AS (SELECT *, abs(theirs - round(ours)) > 1 AS differs FROM expected WHERE ours IS NOT NULL OFFSET 0)"""  # noqa: S608
_GROUPED: Final = f"""{_COMPARED}
SELECT j.*, s.method, s.currency, s.source, s.valid_from FROM (
  SELECT schedule, kind, count(*) AS lines, count(*) FILTER (WHERE differs) AS differing,
    sum(theirs) FILTER (WHERE differs) AS theirs, sum(round(ours)) FILTER (WHERE differs) AS ours,
    sum(abs(theirs - round(ours))) FILTER (WHERE differs) AS apart,
    (array_agg(line ORDER BY line) FILTER (WHERE differs))[1:{SHOWN_MAX}] AS examples
  FROM judged GROUP BY 1, 2 HAVING bool_or(differs)) AS j
JOIN fee_schedules s ON s.id = j.schedule ORDER BY 1, 2"""  # noqa: S608 - ours, and all is bound
_SHOWN: Final = f"""{_COMPARED}
SELECT line, payment_reference AS payment, trim_scale(amount)::text AS amount, round(ours)::text AS ours,
  trim_scale(theirs)::text AS theirs FROM judged ORDER BY line"""  # noqa: S608 - as above
_ANY: Final = "SELECT EXISTS (SELECT FROM fee_schedules WHERE connection_id = $1 AND kind <> 'FX') AS any"


@dataclass(frozen=True, slots=True)
class Fee:
    """A fee by a schedule, tax included. `exact` in minor units before rounding; `amount` half up after it."""

    schedule_id: int
    currency: str
    exact: Decimal
    amount: int
    original_fee: str | None
    valid_from: date
    source: str


@dataclass(frozen=True, slots=True)
class Differing:
    """Lines of a report whose fee is not the schedule's by more than a minor unit. Sums of those lines, minor units."""

    schedule: int
    kind: FeeKind
    method: str | None
    currency: str
    source: str
    valid_from: date
    lines: int
    differing: int
    ours: Decimal
    theirs: Decimal
    apart: Decimal
    examples: Sequence[dict[str, Any]]


async def expected_fee(
    connection_id: UUID, method: str | None, kind: FeeKind, amount: int | Decimal, currency: str, on: date
) -> Fee | None:
    """The fee for `amount` (minor units) by the schedule that holds on a day; None: nobody has entered one.

    `method` None: of no method. The fee for a refund is what the refund costs itself; `original_fee` says what becomes
    of the payment's.
    """
    found = await rows(_HOLDS_ON, connection_id, kind.value, currency, on, method or "")
    if not found:
        return None
    (held,) = found
    exact = _of(held, Decimal(amount))
    return Fee(
        schedule_id=held["id"],
        currency=currency,
        exact=exact,
        amount=int(exact.quantize(Decimal(1), ROUND_HALF_UP)),
        original_fee=held["original_fee"],
        valid_from=held["valid_from"],
        source=held["source"],
    )


def _of(held: dict[str, Any], amount: Decimal) -> Decimal:
    with localcontext() as context:
        context.prec = _DIGITS
        fee: Decimal = amount * held["percent"] / 100 + held["fixed"]
        if held["maximum"] is not None:
            fee = min(fee, Decimal(held["maximum"]))
        if held["minimum"] is not None:
            fee = max(fee, Decimal(held["minimum"]))
        whole: Decimal = fee * (1 + held["tax_percent"] / 100)
        return whole


async def differing(connection_id: UUID, report_name: str) -> Sequence[Differing]:
    """Of the valid report of that name: the schedules that its fees do not follow."""
    (known,) = await rows(_ANY, connection_id)
    if not known["any"]:
        return []
    found = await rows(_GROUPED, connection_id, report_name, None)
    lines = [line for row in found for line in row["examples"]]
    shown = {row["line"]: row for row in await rows(_SHOWN, connection_id, report_name, lines)} if lines else {}
    return [
        Differing(**{**row, "kind": FeeKind(row["kind"]), "examples": [shown[line] for line in row["examples"]]})
        for row in found
    ]
