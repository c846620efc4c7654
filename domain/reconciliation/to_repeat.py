"""Which business dates are reconciled again, because what we know of their lines has changed since they were read."""

from datetime import date
from typing import Final
from uuid import UUID

from domain.payments import external, orders
from domain.platform.database import rows

# A refund `f` has left: by its state, or a line in force says so although it had ended, and no nameless one is left.
_LEFT_AFTER_ALL: Final = """(f.state IN ('SUCCEEDED', 'RETURNED') OR (EXISTS (SELECT 1 FROM settlement_lines o
    WHERE o.refund_id = f.id AND o.effect = 'TAKEN' AND o.voided_at IS NULL AND o.kind IS DISTINCT FROM l.kind)
  AND NOT EXISTS (SELECT 1 FROM settlement_lines o WHERE o.refund_id = f.id AND o.voided_at IS NULL
    AND o.effect = 'TAKEN' AND o.kind IS NOT DISTINCT FROM l.kind)))"""

# A refund's own news has claimed what the line `l` of payment `p` told; or nothing stands of what such lines told, and
# a refund that came back by its own news may be what they told of.
_CLAIMED: Final = """EXISTS (SELECT 1 FROM ledger_entries o WHERE o.cause = format('taken/%s/%s/%s%s/ours',
  p.connection_id, p.pse_reference, $2::text, coalesce(l.reference, l.pse_refund_reference)))"""
_ALL_CAME_BACK: Final = """SELECT sum(CASE o.entry WHEN 'TAKEN' THEN 1 ELSE -1 END) <= 0 FROM ledger_entries o
  WHERE o.payment_id = p.id AND o.amount = l.amount AND o.entry IN ('TAKEN', 'TAKEN_BACK')
    AND starts_with(o.cause, format('taken/%s/%s/%s', p.connection_id, p.pse_reference, $2::text))"""


async def dates(connection_id: UUID) -> set[date]:
    """The business dates to be reconciled again: their reports told of a payment before it was registered, or of a
    refund of ours before we knew it.

    The refund's name was learned later, or its own news claimed a line without a name, or the report of its return was
    read before that of its leaving.
    """
    found = await rows(
        "SELECT business_date FROM reports WHERE connection_id = $1 AND superseded_at IS NULL "  # noqa: S608
        "  AND repeat_since IS NOT NULL "
        # A payment that was registered while its report was stored saw no lines, and marked nothing.
        "UNION SELECT r.business_date FROM reports r JOIN settlement_lines l ON l.report_id = r.id "
        "JOIN payments p ON p.connection_id = r.connection_id AND p.currency = l.currency "
        "  AND p.pse_reference = coalesce(l.payment_reference, l.payment_alias) AND p.withdrawn_at IS NULL "
        "WHERE r.connection_id = $1 AND r.superseded_at IS NULL AND r.created_at > now() - interval '1 day' "
        "  AND l.payment_id IS NULL AND l.voided_at IS NULL "
        "UNION SELECT r.business_date FROM reports r JOIN settlement_lines l ON l.report_id = r.id "
        "JOIN payments p ON p.merchant_id = r.merchant_id AND p.connection_id = r.connection_id "
        "  AND p.currency = l.currency "
        "WHERE r.connection_id = $1 AND r.superseded_at IS NULL AND r.created_at > now() - interval '1 day' "
        f"  AND {orders.LINE_OF_ORDER} "
        "UNION SELECT r.business_date FROM settlement_lines l JOIN reports r ON r.id = l.report_id "
        "JOIN payments p ON p.id = l.payment_id JOIN refunds f ON f.payment_id = l.payment_id "
        "WHERE r.connection_id = $1 AND r.superseded_at IS NULL AND l.voided_at IS NULL AND ("
        "  (l.effect IN ('TAKEN', 'TAKEN_BACK') AND l.refund_id IS NULL "
        "    AND f.pse_refund_reference = l.pse_refund_reference) "
        "  OR (l.effect = 'TAKEN' AND l.refund_id IS NULL AND l.by_amount AND f.amount = l.amount "
        f"    AND {_LEFT_AFTER_ALL} AND NOT f.paid_by_bank_transfer "
        f"    AND (({_CLAIMED}) OR (f.state = 'RETURNED' AND ({_ALL_CAME_BACK}))) "
        "    AND NOT EXISTS (SELECT 1 FROM settlement_lines s "
        "      WHERE s.refund_id = f.id AND s.effect = 'REFUND' AND s.voided_at IS NULL)) "
        "  OR (l.effect = 'NONE' AND l.by_amount AND l.type = 'REFUND' AND l.state = 'RETURNED' "
        "    AND f.amount = l.amount AND f.state = 'RETURNED' AND NOT f.paid_by_bank_transfer "
        "    AND coalesce(l.refund_id, f.id) = f.id "
        "    AND EXISTS (SELECT 1 FROM settlement_lines s "
        "      WHERE s.refund_id = f.id AND s.effect = 'REFUND' AND s.voided_at IS NULL) "
        "    AND NOT EXISTS (SELECT 1 FROM settlement_lines s "
        "      WHERE s.refund_id = f.id AND s.effect = 'RETURN' AND s.voided_at IS NULL)))",
        connection_id,
        external.BY_AMOUNT,
    )
    return {row["business_date"] for row in found}
