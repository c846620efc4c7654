"""What a revised report takes away: lines of the one before that it has no longer."""

from uuid import UUID

from domain.database import rows


async def reopen_missing(superseded_id: UUID) -> None:
    """Refunds that the superseded report proved and no valid one proves now are missing again, whoever had said that
    they are not: the proof is gone. Inside the caller's transaction, after the new lines are stored.
    """
    await rows(
        "UPDATE findings f SET resolved_at = NULL, "
        "  resolution = 'Open again: a revised report has the refund no longer.' "
        "FROM settlement_lines l JOIN refunds r ON r.id = l.refund_id "
        "WHERE l.report_id = $1 AND l.effect = 'REFUND' AND r.state = 'SUCCEEDED' AND NOT r.paid_by_bank_transfer "
        "  AND f.refund_id = r.id AND f.kind = 'MISSING_IN_REPORT' AND f.resolved_at IS NOT NULL "
        "  AND NOT EXISTS (SELECT 1 FROM settlement_lines v WHERE v.refund_id = r.id AND v.effect = 'REFUND' "
        "    AND v.voided_at IS NULL) RETURNING f.id",
        superseded_id,
    )
