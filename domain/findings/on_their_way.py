"""Payouts that no bank statement shows: what of each is on its way to the bank, and can be given up.

What is given up leaves PAYOUTS_IN_TRANSIT by way of SUSPENSE, from where it goes as any money does that a person has
explained. It is on its way again as soon as the bank has it, or reports tell the payout otherwise.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from domain.findings.kinds import FindingKind
from domain.models import Finding
from domain.models.ledger import Account
from domain.platform.alone import lock_name
from domain.platform.database import rows

# Where CORRECTED may take it: no sale of anybody's was in it.
ACCOUNTS: Final = (Account.FEES, Account.PSE_ADJUSTMENTS, Account.FX_DIFFERENCES, Account.ROUNDING)
# The payout that a finding `f` names (bank/names) as it is told now, while no line of a bank proves it.
_ITS_PAYOUT: Final = """payouts p WHERE p.merchant_id = f.merchant_id AND p.amount <> 0
    AND p.id = split_part(f.fingerprint, '/', 2)::uuid AND p.amount::text = split_part(f.fingerprint, '/', 3)
    AND NOT EXISTS (SELECT 1 FROM payout_proofs o WHERE o.payout_id = p.id AND o.voided_at IS NULL)"""
_OF_FINDINGS: Final = f"""SELECT f.id, p.amount, p.currency FROM findings f
CROSS JOIN LATERAL (SELECT p.amount, p.currency FROM {_ITS_PAYOUT}) AS p
WHERE f.id = ANY($1::uuid[]) AND f.kind = 'PAYOUT_MISSING'"""  # noqa: S608 - ours
_NO_LONGER: Final = f"""SELECT f.id FROM findings f JOIN finding_resolutions s ON s.finding_id = f.id
WHERE f.merchant_id = $1 AND f.kind = 'PAYOUT_MISSING' AND f.resolved_at IS NOT NULL
  AND ($2::varchar IS NULL OR f.fingerprint = $2) AND s.started_at IS NOT NULL AND s.ended_at IS NULL AND s.amount <> 0
  AND NOT EXISTS (SELECT 1 FROM {_ITS_PAYOUT}) ORDER BY f.id"""  # noqa: S608 - ours

# For domain/invariants: what people have given up of payouts is booked exactly while it stands, and no bank has it.
GIVEN_UP: Final = """
SELECT format('resolution %s of finding %s: gives up %s, the ledger has %s, at the bank: %s', r.id, r.finding_id,
    r.stands, coalesce(l.amount, 0), r.came) AS detail
FROM (SELECT s.id, s.finding_id,
        CASE WHEN s.started_at IS NOT NULL AND s.ended_at IS NULL THEN s.amount ELSE 0 END AS stands,
        EXISTS (SELECT 1 FROM payout_proofs o WHERE o.voided_at IS NULL
          AND o.payout_id = split_part(f.fingerprint, '/', 2)::uuid) AS came
      FROM finding_resolutions s JOIN findings f ON f.id = s.finding_id WHERE f.kind = 'PAYOUT_MISSING') r
LEFT JOIN LATERAL (SELECT sum(CASE credit WHEN 'PAYOUTS_IN_TRANSIT' THEN amount ELSE -amount END) AS amount
    FROM ledger_entries WHERE cause = ANY(ARRAY['finding/' || r.id || '/PAYOUT_GIVEN_UP',
      'finding/' || r.id || '/PAYOUT_GIVEN_UP/reversed'])) l ON true
WHERE r.stands <> coalesce(l.amount, 0) OR (r.came AND r.stands <> 0)"""


def is_payout(finding: Finding) -> bool:
    """Whether it speaks of a payout that no statement shows."""
    return bool(finding.kind == FindingKind.PAYOUT_MISSING)


async def lock(merchant_id: UUID) -> None:
    """Nobody else proves a payout of the merchant's, or gives one up, until the caller's transaction ends."""
    await lock_name(f"bank/{merchant_id}")


async def of_findings(finding_ids: Sequence[UUID]) -> Mapping[UUID, tuple[int, str]]:
    """What of the payout of each is on its way (minor units, signed) and its currency; of the others nothing is."""
    found = await rows(_OF_FINDINGS, list(finding_ids)) if finding_ids else []
    return {row["id"]: (row["amount"], row["currency"]) for row in found}


async def no_longer(merchant_id: UUID, fingerprint: str | None = None) -> Sequence[UUID]:
    """Findings of which a payout was given up that the bank has now, or that reports tell otherwise; or that one."""
    return [row["id"] for row in await rows(_NO_LONGER, merchant_id, fingerprint)]
