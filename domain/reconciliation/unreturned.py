"""Refunds that a report alone told to have come back, or to have failed, and that no report in force tells so any more.

A refund that is RETURNED or FAILED stays so, and its amount is free again. So what has left, or may have, is booked as
taken under our own reference, which keeps it from being refunded twice. It is given back when a report tells of the
return or the failure again, or when the PSE itself (an answer, a look-up, a webhook) says so: then it is so, whatever a
report drops. Where neither a line nor the PSE's own news says that it left, the PSE is asked, too.
"""

from typing import Final
from uuid import UUID

from domain.cause import Cause
from domain.findings.findings import FindingKind
from domain.history import events
from domain.models import Connection, Payment, ReconciliationRun, Refund
from domain.models.refunds import State
from domain.money import Money
from domain.payments import external
from domain.platform import bell
from domain.platform.database import rows, transaction
from domain.pse.vocabulary import KnownRefund, Succeeded
from domain.refunds import schedule
from domain.refunds.moves import lock
from domain.refunds.paid_after_end import CONFIRMED, TOLD_AGAIN

_WHAT: Final = {State.RETURNED: "return", State.FAILED: "failure"}
# Refunds that only a report has told to have come back, or to have failed. `told`: one in force still tells so, by a
# line that counts or waits to count. `left`: one proves that it left, or the PSE's own news had said so.
_ENDED: Final = """SELECT r.id,
    EXISTS (SELECT 1 FROM settlement_lines v JOIN reports n ON n.id = v.report_id WHERE v.refund_id = r.id
      AND v.type = 'REFUND' AND v.state IN ('FAILED', 'RETURNED') AND n.superseded_at IS NULL) AS told,
    EXISTS (SELECT 1 FROM settlement_lines v WHERE v.refund_id = r.id
      AND v.effect = CASE r.state WHEN 'FAILED' THEN 'TAKEN' ELSE 'REFUND' END AND v.voided_at IS NULL)
    OR EXISTS (SELECT 1 FROM events e WHERE e.refund_id = r.id AND e.state = 'SUCCEEDED'
      AND e.detail ->> 'door' <> 'REPORT') AS left
  FROM refunds r WHERE r.state IN ('RETURNED', 'FAILED') AND NOT r.paid_by_bank_transfer
    AND EXISTS (SELECT 1 FROM events e WHERE e.refund_id = r.id AND e.state = r.state
      AND e.previous_state <> e.state AND e.detail ->> 'door' = 'REPORT')
    AND NOT EXISTS (SELECT 1 FROM events e WHERE e.refund_id = r.id AND e.kind = ANY($1))"""
# Of the payments that any form of this report speaks of: its line may be the one that is missing, or that proves.
_OF_REPORT: Final = """ AND r.payment_id IN (SELECT l.payment_id FROM settlement_lines l
    JOIN reports o ON o.id = l.report_id WHERE o.connection_id = $2 AND o.name = $3 AND l.type = 'REFUND')
  ORDER BY r.id"""
# A night that died before it stored the lines: no report is superseded by the one that the repeated night reads.
_OF_NIGHT: Final = """ AND r.merchant_id = $2 AND r.id IN (SELECT e.refund_id FROM events e
    WHERE e.merchant_id = $2 AND e.request_id = $3 AND e.state IN ('RETURNED', 'FAILED')) ORDER BY r.id"""


async def agree(connection: Connection, report: str, cause: Cause) -> None:
    """Make the books say what the reports in force say of the returns and failures of this report's payments.

    After the report is stored; safe to repeat. `cause` names the night, so that a later one may take it back.
    """
    await _agree(_OF_REPORT, connection.id, report, cause)


async def agree_unstored(run: ReconciliationRun, cause: Cause) -> None:
    """As `agree`, of what the run had entered and died before it stored it. `cause`: the run's.

    After the run has read all its reports, and not before the one that told of it is read again.
    """
    await _agree(_OF_NIGHT, run.merchant_id, cause.request_id, cause)


async def _agree(which: str, whose: UUID, name: str, cause: Cause) -> None:
    for row in await rows(_ENDED + which, list(CONFIRMED.values()), whose, name):
        if row["told"]:
            await _told_again(row["id"], left=row["left"], cause=cause)
        else:
            await _not_told(row["id"], left=row["left"], cause=cause)


async def _not_told(refund_id: UUID, *, left: bool, cause: Cause) -> None:
    async with transaction():
        refund = await lock(refund_id)
        payment = await Payment.get(id=refund.payment_id)
        if not await external.book(payment, _known(refund), FindingKind.CONTRADICTION, cause):
            return
        why = "the money has left" if left else "whether the money has left is not told"
        said = f"No report tells of its {_WHAT[refund.state]} any longer: {why}; it is booked in SUSPENSE."
        await events.note(refund, "CONTRADICTION", cause, code="PAID_AFTER_END", message=said)
        if not left:
            await schedule.postpone(refund_id, 0)
    if not left:
        await bell.ring(bell.REFUND, refund_id)


async def _told_again(refund_id: UUID, *, left: bool, cause: Cause) -> None:
    async with transaction():
        refund = await lock(refund_id)
        payment = await Payment.filter(id=refund.payment_id).select_for_update(no_key=True).get()
        if left and refund.state is State.FAILED:
            # What left after it had failed comes back by its own line, and not by the one that says that it failed.
            await external.book(payment, _known(refund), FindingKind.CONTRADICTION, cause)
            return
        await external.untell(payment, external.name_of(payment, refund.reference), TOLD_AGAIN, cause)


def _known(refund: Refund) -> KnownRefund:
    return KnownRefund(
        reference=refund.reference,
        pse_refund_reference=refund.pse_refund_reference,
        amount=Money(refund.amount, refund.currency),
        outcome=Succeeded(refund.pse_refund_reference),
        by_bank=False,
        kind=f"after {refund.state}",
        requested_at=None,
        settled_at=None,
    )
