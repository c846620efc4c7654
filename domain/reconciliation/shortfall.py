"""Money that the lines in force say has left, and of which less is booked: it is booked now.

Each line was compared with what stood when it was read. A night that died before it stored its lines, or money that
stands under our own reference, can have stood in for a line that was about other money. So after a report is stored
the sums are compared: per payment and amount, what the lines of all reports say is taken, with what stands as taken.
What is short is booked under the names of lines that were never booked, then of nameless ones that were taken for a
refund of ours whose own line has come since. It blocks money and pays none.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from domain.cause import Cause
from domain.findings.findings import FindingKind
from domain.models import Connection, Payment
from domain.money import Money
from domain.payments import external
from domain.platform.database import rows, transaction
from domain.pse.vocabulary import KnownRefund, Succeeded
from domain.reconciliation import still_gone, told_lines

_MORE: Final = "Reports tell more of it: it is booked with all of that."
# Rows of one name are of one money.
_ONE: Final = """CASE WHEN l.by_amount THEN l.id::text
  ELSE coalesce(l.refund_id::text, l.reference, l.pse_refund_reference) END"""
# What came back by the PSE's own word waits for its line: until then it counts as standing.
_SHORT: Final = f"""SELECT t.payment_id, t.amount FROM (
    SELECT payment_id, amount, count(*) FILTER (WHERE effect = 'TAKEN') - count(*) FILTER (
        WHERE effect = 'TAKEN_BACK') AS told FROM (
      SELECT l.payment_id, l.effect, sum(l.amount) AS amount FROM settlement_lines l
        WHERE l.effect IN ('TAKEN', 'TAKEN_BACK') AND l.voided_at IS NULL
          AND l.payment_id IN (SELECT n.payment_id FROM settlement_lines n JOIN reports r ON r.id = n.report_id
            WHERE r.connection_id = $1 AND r.name = $2 AND r.superseded_at IS NULL AND n.effect = 'TAKEN')
        GROUP BY 1, 2, {_ONE}) one GROUP BY 1, 2) t
  WHERE t.told > (SELECT count(*) FILTER (WHERE e.entry = 'TAKEN') - count(*) FILTER (WHERE e.entry = 'TAKEN_BACK'
      AND (starts_with(e.request_id, $3) OR e.cause LIKE '%/ours'))
    FROM ledger_entries e WHERE e.payment_id = t.payment_id AND e.amount = t.amount
      AND e.entry IN ('TAKEN', 'TAKEN_BACK'))
  ORDER BY t.payment_id, t.amount"""  # noqa: S608 - ours
# Nameless lines that a refund had been given before its own line came: until they are read again nobody has them.
_GIVEN_UP: Final = """SELECT v.*, coalesce(v.reference, v.pse_refund_reference) AS name FROM settlement_lines v
    JOIN reports o ON o.id = v.report_id
  WHERE o.connection_id = $1 AND o.superseded_at IS NULL AND o.repeat_since IS NOT NULL AND v.voided_at IS NOT NULL
    AND v.by_amount AND v.effect = 'REFUND' AND EXISTS (SELECT 1 FROM settlement_lines n
      JOIN reports r ON r.id = n.report_id WHERE r.connection_id = $1 AND r.name = $2 AND r.superseded_at IS NULL
        AND n.voided_at IS NULL AND n.refund_id = v.refund_id AND n.effect = 'REFUND' AND n.report_id <> v.report_id)
  ORDER BY v.id"""
_LINES: Final = f"""SELECT t.* FROM (SELECT l.*, coalesce(f.reference, l.reference, l.pse_refund_reference) AS name,
    row_number() OVER w AS number, sum(l.amount) OVER (PARTITION BY {_ONE}) AS whole
  FROM settlement_lines l LEFT JOIN refunds f ON f.id = l.refund_id
  WHERE l.payment_id = $1 AND l.effect = 'TAKEN' AND l.voided_at IS NULL
  WINDOW w AS (PARTITION BY {_ONE} ORDER BY l.id)) t WHERE t.number = 1 AND t.whole = $2 ORDER BY t.id"""  # noqa: S608
# What this report tells a part of under a name that has others in force, be they in other reports.
_IN_ROWS: Final = """SELECT DISTINCT n.payment_id, coalesce(n.reference, n.pse_refund_reference) AS name
  FROM settlement_lines n JOIN reports r ON r.id = n.report_id JOIN settlement_lines l ON l.payment_id = n.payment_id
  WHERE r.connection_id = $1 AND r.name = $2 AND r.superseded_at IS NULL AND n.effect = 'TAKEN'
    AND n.refund_id IS NULL AND NOT n.by_amount AND l.effect = 'TAKEN' AND l.refund_id IS NULL AND NOT l.by_amount
    AND l.voided_at IS NULL AND l.id <> n.id
    AND coalesce(l.reference, l.pse_refund_reference) = coalesce(n.reference, n.pse_refund_reference)
  ORDER BY 1, 2"""


async def book(connection: Connection, report: str, cause: Cause) -> None:
    """Book what is short of the payments that this report tells of. After it is stored; safe to repeat."""
    for row in await rows(_GIVEN_UP, connection.id, report):
        await _book_given_up(row, cause)
    for row in await rows(_IN_ROWS, connection.id, report):
        await _book_rows(row["payment_id"], row["name"], cause)
    for row in await rows(_SHORT, connection.id, report, external.BY_REPORT):
        await _book(row["payment_id"], row["amount"], cause)


async def _book(payment_id: UUID, amount: int, cause: Cause) -> None:
    async with transaction():
        payment = await Payment.filter(id=payment_id).select_for_update(no_key=True).get()
        lines: Sequence[Mapping[str, Any]] = await rows(_LINES, payment_id, amount)
        short = len(lines) - await external.standing(payment, amount)
        for line in lines:
            known = _known(payment, line)
            if short > 0 and not await external.knows(payment, known.reference):
                short -= await external.book(payment, known, FindingKind.MISSING_IN_LEDGER, cause)
        others = min(short, await _nameless_short(payment, amount))
        for line in lines:
            if others > 0 and line["by_amount"]:
                known = _known(payment, line)
                others -= await external.book_other(payment, known, FindingKind.MISSING_IN_LEDGER, cause)


async def _book_rows(payment_id: UUID, name: str, cause: Cause) -> None:
    async with transaction():
        payment = await Payment.filter(id=payment_id).select_for_update(no_key=True).get()
        told = told_lines.under(payment, await told_lines.told(payment), external.name_of(payment, name))
        if told and not await still_gone.is_of_sums(payment, name):
            await external.restate(payment, told_lines.known(payment, told), _MORE, cause)


async def _book_given_up(line: Mapping[str, Any], cause: Cause) -> None:
    async with transaction():
        payment = await Payment.filter(id=line["payment_id"]).select_for_update(no_key=True).get()
        known = _known(payment, line)
        if not await external.knows(payment, known.reference):
            await external.book(payment, known, FindingKind.MISSING_IN_LEDGER, cause)


async def _nameless_short(payment: Payment, amount: int) -> int:
    """How many more nameless ones of so much left than are booked under names of nameless lines.

    Two kinds of report tell of the same money: the line that a refund's own line explains is not short.
    """
    left = told_lines.nobodys(await told_lines.told(payment), amount)
    back = told_lines.nobodys(await told_lines.told(payment, ("RETURNED",)), amount)
    prefix = external.name_of(payment, external.BY_AMOUNT)
    return left - back - await external.standing(payment, amount, prefix)


def _known(payment: Payment, line: Mapping[str, Any]) -> KnownRefund:
    return KnownRefund(
        reference=(external.BY_AMOUNT if line["by_amount"] else "") + line["name"],
        pse_refund_reference=line["pse_refund_reference"],
        amount=Money(int(line.get("whole", line["amount"])), payment.currency),
        outcome=Succeeded(line["pse_refund_reference"]),
        by_bank=line["by_bank"],
        kind=line["kind"] or "",
        requested_at=None,
        settled_at=line["booked_at"],
    )
