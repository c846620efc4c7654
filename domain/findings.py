"""Findings: what a person must look at, with what differs and what to do on the row. The same one is opened once."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from uuid import UUID, uuid4

from domain.database import rows
from domain.money import Money


class FindingKind(StrEnum):
    """What is wrong."""

    AMOUNT_MISMATCH = "AMOUNT_MISMATCH"
    STATUS_MISMATCH = "STATUS_MISMATCH"
    MISSING_IN_LEDGER = "MISSING_IN_LEDGER"
    MISSING_IN_REPORT = "MISSING_IN_REPORT"
    VAT_REVERSAL_NEEDED = "VAT_REVERSAL_NEEDED"
    CHARGEBACK = "CHARGEBACK"
    DOUBT_UNRESOLVED = "DOUBT_UNRESOLVED"
    PENDING_TOO_LONG = "PENDING_TOO_LONG"
    NOT_SENT = "NOT_SENT"
    CONTRADICTION = "CONTRADICTION"
    NOTICE_UNMATCHED = "NOTICE_UNMATCHED"


ACTIONS: Final[Mapping[FindingKind, str]] = {
    FindingKind.AMOUNT_MISMATCH: "Compare both amounts with the PSE's back office; correct by an entry or claim it.",
    FindingKind.STATUS_MISMATCH: "The PSE's word was booked. Tell the customer; ask for another refund if one is due.",
    FindingKind.MISSING_IN_LEDGER: "Money left without a refund of ours: find who took it and why; clear SUSPENSE.",
    FindingKind.MISSING_IN_REPORT: "Ask the PSE for proof of this refund, then refresh it or resolve it with evidence.",
    FindingKind.VAT_REVERSAL_NEEDED: "Issue the tax document that takes the VAT back, in the period the law allows.",
    FindingKind.CHARGEBACK: "The customer's bank took the money: contest it or accept it; do not refund it, too.",
    FindingKind.DOUBT_UNRESOLVED: "Look at the PSE's back office; answer with refundResolveDoubt, two people decide.",
    FindingKind.PENDING_TOO_LONG: "Ask the PSE why it has not decided; the refund goes on being looked up daily.",
    FindingKind.NOT_SENT: "The PSE cannot be reached or refuses our access: check the connection's address and key.",
    FindingKind.CONTRADICTION: "Money left for a refund that had ended: it is in SUSPENSE. Ask the PSE, then clear it.",
    FindingKind.NOTICE_UNMATCHED: "A webhook speaks of a payment we do not know: register the payment or ask the PSE.",
}


@dataclass(frozen=True, slots=True)
class Found:
    """A finding to open. `amount` is what is at stake; `fingerprint` names it, so that it is opened once."""

    kind: FindingKind
    merchant_id: UUID
    connection_id: UUID
    fingerprint: str
    amount: Money
    explanation: str
    refund_id: UUID | None = None
    payment_id: UUID | None = None
    run_id: UUID | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


async def open_finding(found: Found) -> UUID | None:
    """Open it unless it is open or was resolved already; its id when it is new."""
    made = await rows(
        "INSERT INTO findings (id, merchant_id, connection_id, run_id, kind, fingerprint, refund_id, payment_id, "
        "  amount, currency, explanation, action, detail, created_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13::jsonb, now()) "
        "ON CONFLICT (merchant_id, fingerprint) DO NOTHING RETURNING id",
        uuid4(),
        found.merchant_id,
        found.connection_id,
        found.run_id,
        found.kind.value,
        found.fingerprint[:200],
        found.refund_id,
        found.payment_id,
        found.amount.minor_units,
        found.amount.currency,
        found.explanation[:500],
        ACTIONS[found.kind],
        json.dumps(dict(found.detail), default=str),
    )
    new: UUID | None = made[0]["id"] if made else None
    return new


async def resolve(merchant_id: UUID, fingerprint: str, resolution: str) -> None:
    """Close the finding of that fingerprint, if it is open."""
    await rows(
        "UPDATE findings SET resolved_at = now(), resolution = $3 "
        "WHERE merchant_id = $1 AND fingerprint = $2 AND resolved_at IS NULL RETURNING id",
        merchant_id,
        fingerprint,
        resolution[:500],
    )


async def close(merchant_id: UUID, fingerprint: str, said: str) -> None:
    """Close the finding of that fingerprint; one that is closed keeps how, and gets this beside it."""
    await rows(
        "UPDATE findings SET resolved_at = coalesce(resolved_at, now()), "
        "  resolution = left(concat_ws(' ', resolution, $3::text), 500) "
        "WHERE merchant_id = $1 AND fingerprint = $2 RETURNING id",
        merchant_id,
        fingerprint,
        said,
    )
