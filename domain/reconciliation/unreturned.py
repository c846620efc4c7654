"""Refunds that a report told to have come back, and that its revised form tells no longer: they have left after all.

A refund that is RETURNED stays so, and its amount is free again. So what has left is booked as taken under our own
reference, which keeps it from being refunded twice, and given back if a report tells of the return again. What the PSE
itself said came back (an answer, a look-up, a webhook) has come back, whatever a report drops.
"""

from typing import Final
from uuid import UUID

from domain.cause import Cause
from domain.findings.findings import FindingKind
from domain.history import events
from domain.models import Connection, Payment, Refund
from domain.money import Money
from domain.payments import external
from domain.platform.database import rows, transaction
from domain.pse.vocabulary import KnownRefund, Succeeded
from domain.refunds.moves import lock

_AGAIN: Final = "A report tells of its return again: it was given back in the books."
# Of the refunds that some form of this report told to have come back: whether one in force still tells so (`back`), by
# a line that counts or waits to count, and whether one proves that it left (`left`).
_TOLD: Final = """SELECT r.id,
    EXISTS (SELECT 1 FROM settlement_lines v JOIN reports n ON n.id = v.report_id WHERE v.refund_id = r.id
      AND v.type = 'REFUND' AND v.state IN ('FAILED', 'RETURNED') AND n.superseded_at IS NULL) AS back,
    EXISTS (SELECT 1 FROM settlement_lines v WHERE v.refund_id = r.id AND v.effect = 'REFUND'
      AND v.voided_at IS NULL) AS left
  FROM refunds r WHERE r.state = 'RETURNED' AND NOT r.paid_by_bank_transfer
    AND r.id IN (SELECT l.refund_id FROM settlement_lines l JOIN reports o ON o.id = l.report_id
      WHERE o.connection_id = $1 AND o.name = $2 AND l.type = 'REFUND' AND l.state IN ('FAILED', 'RETURNED'))
    AND EXISTS (SELECT 1 FROM events e WHERE e.refund_id = r.id AND e.state = 'RETURNED'
      AND e.previous_state <> e.state AND e.detail ->> 'door' = 'REPORT')
  ORDER BY r.id"""


async def agree(connection: Connection, report: str, cause: Cause) -> None:
    """Make the books say what the reports in force say of the returns that a report of this name has told.

    After the report is stored; safe to repeat. `cause` names the night, so that a later one may take it back.
    """
    for row in await rows(_TOLD, connection.id, report):
        if row["back"]:
            await _came_back(row["id"], cause)
        elif row["left"]:
            await _left(row["id"], cause)


async def _left(refund_id: UUID, cause: Cause) -> None:
    async with transaction():
        refund = await lock(refund_id)
        payment = await Payment.get(id=refund.payment_id)
        if await external.book(payment, _known(refund), FindingKind.CONTRADICTION, cause):
            said = "The report tells of its return no longer: the money has left; it is booked in SUSPENSE."
            await events.note(refund, "CONTRADICTION", cause, code="PAID_AFTER_END", message=said)


async def _came_back(refund_id: UUID, cause: Cause) -> None:
    async with transaction():
        refund = await lock(refund_id)
        payment = await Payment.filter(id=refund.payment_id).select_for_update(no_key=True).get()
        await external.untell(payment, external.name_of(payment, refund.reference), _AGAIN, cause)


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
