"""What of a claim is left in PSE_CLEARING where a report tells another amount than the books, or tells nothing of it.

A refund that left with another amount than ours, a capture of less, what came back with another amount than had left,
a refund or payment that no report proves: it goes by way of SUSPENSE where a person says that it belongs. The claim is
whole again as soon as reports or the books say otherwise.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from domain.findings import names, told_money
from domain.findings.kinds import FindingKind
from domain.models import Finding
from domain.platform.database import rows

_AMOUNT: Final = "amount/"
_BACK: Final = "amount/back/"
_TAKEN: Final = "amount/taken/"
# Of a refund of ours: what its lines in force have proven, and what its state says that they are to prove.
_OF_REFUNDS: Final = """
SELECT f.id, CASE
    WHEN f.fingerprint = 'missing/' || r.id AND l.gone IS NULL THEN s.came - s.gone
    WHEN f.fingerprint = 'missing-return/' || r.id AND l.gone IS NOT NULL AND l.came IS NULL THEN s.came
    WHEN f.fingerprint = 'amount/' || r.id THEN l.gone - s.gone
    WHEN f.fingerprint = 'amount/back/' || r.id THEN s.came - l.came END AS amount
FROM findings f JOIN refunds r ON r.id = f.refund_id AND NOT r.paid_by_bank_transfer
CROSS JOIN LATERAL (SELECT CASE WHEN r.state IN ('SUCCEEDED', 'RETURNED') THEN r.amount ELSE 0 END AS gone,
    CASE WHEN r.state = 'RETURNED' THEN r.amount ELSE 0 END AS came) s
CROSS JOIN LATERAL (SELECT sum(amount) FILTER (WHERE effect = 'REFUND') AS gone,
    sum(amount) FILTER (WHERE effect = 'RETURN') AS came
  FROM settlement_lines WHERE refund_id = r.id AND voided_at IS NULL) l
WHERE f.id = ANY($1::uuid[])"""
_OF_CAPTURES: Final = f"""
SELECT f.id, CASE WHEN f.fingerprint = 'amount/' || p.id THEN c.captured - l.proven
    WHEN l.proven IS NULL THEN c.captured END AS amount
FROM findings f JOIN payments p ON p.id = f.payment_id
  AND f.fingerprint IN ('amount/' || p.id, '{names.CAPTURE_MISSING}' || p.id)
CROSS JOIN LATERAL (SELECT CASE WHEN p.withdrawn_at IS NULL THEN p.captured ELSE 0 END AS captured) c
CROSS JOIN LATERAL (SELECT sum(amount) AS proven FROM settlement_lines
  WHERE payment_id = p.id AND effect = 'CAPTURE' AND voided_at IS NULL) l
WHERE f.id = ANY($1::uuid[])"""  # noqa: S608 - ours
# Of money that left without us: the books have it under its name, with the amount that was told first, or, where lines
# tell that it came back, with what is still gone. What came back as it had left is of the same finding; what came back
# otherwise has its own.
_OF_TAKEN: Final = f"""
SELECT f.id, CASE WHEN l.came IS NULL AND NOT n.is_back THEN l.gone - t.gone
    WHEN n.is_back = (l.came <> l.gone) THEN l.gone - l.came - t.gone + t.came END AS amount
FROM findings f JOIN payments p ON p.id = f.payment_id
CROSS JOIN LATERAL (SELECT starts_with(f.fingerprint, '{_BACK}') AS is_back,
    CASE WHEN starts_with(f.fingerprint, '{_BACK}') THEN substr(f.fingerprint, length('{_BACK}' || p.id) + 2)
      ELSE f.detail ->> 'reference' END AS called) n
CROSS JOIN LATERAL (SELECT CASE WHEN e.cause || '/ours' = ANY(o.causes) OR e.cause || '/void' = ANY(o.causes) THEN 0
      ELSE e.amount END AS gone, CASE WHEN e.cause || '/back' = ANY(o.causes) THEN e.amount ELSE 0 END AS came
  FROM ledger_entries e CROSS JOIN LATERAL (SELECT array_agg(cause) AS causes FROM ledger_entries
    WHERE payment_id = p.id AND entry = 'TAKEN_BACK') o
  WHERE e.payment_id = p.id AND e.entry = 'TAKEN' AND split_part(e.cause, '{names.AGAIN}', 1) = format(
    'taken/%s/%s/%s', p.connection_id, p.pse_reference, n.called)
  ORDER BY e.id DESC LIMIT 1) t
CROSS JOIN LATERAL (SELECT sum(l.amount) FILTER (WHERE l.effect = 'TAKEN') AS gone,
    sum(l.amount) FILTER (WHERE l.effect = 'TAKEN_BACK') AS came
  FROM settlement_lines l WHERE l.payment_id = p.id AND l.refund_id IS NULL AND l.voided_at IS NULL
    AND {told_money.CALLED} = n.called) l
WHERE f.id = ANY($1::uuid[])"""  # noqa: S608 - ours
_STANDING: Final = """SELECT f.id, r.claim FROM finding_resolutions r JOIN findings f ON f.id = r.finding_id
WHERE f.connection_id = $1 AND f.kind IN ('AMOUNT_MISMATCH', 'MISSING_IN_REPORT') AND f.resolved_at IS NOT NULL
  AND r.claim <> 0 AND r.started_at IS NOT NULL AND r.ended_at IS NULL ORDER BY f.id"""
# For domain/invariants: what people give up of claims is booked exactly while it stands.
GIVEN_UP: Final = """
SELECT format('resolution %s of finding %s: gives up %s, the ledger has %s', r.id, r.finding_id, r.stands,
    coalesce(l.amount, 0)) AS detail, r.payment_id
FROM (SELECT s.id, s.finding_id, f.payment_id,
        CASE WHEN s.started_at IS NOT NULL AND s.ended_at IS NULL THEN s.claim ELSE 0 END AS stands
      FROM finding_resolutions s JOIN findings f ON f.id = s.finding_id WHERE s.claim <> 0 AND @(f.payment_id)) r
LEFT JOIN LATERAL (SELECT sum(CASE credit WHEN 'PSE_CLEARING' THEN amount ELSE -amount END) AS amount
    FROM ledger_entries e WHERE e.payment_id = r.payment_id AND e.entry = 'CLAIM_GIVEN_UP'
      AND starts_with(e.cause, 'finding/' || r.id || '/')) l ON true
WHERE r.stands <> coalesce(l.amount, 0)"""


def is_claim(finding: Finding) -> bool:
    """Whether it speaks of what may be left of a claim in PSE_CLEARING."""
    return class_of(finding) is not None


def class_of(finding: Finding) -> str | None:
    """What its claim is open with, as books/open_items has it; None: it speaks of no claim."""
    name, refund, payment = finding.fingerprint, finding.refund_id, finding.payment_id
    if finding.kind == FindingKind.MISSING_IN_REPORT and refund is not None:
        return "REFUND" if name in (names.missing(refund), names.missing_return(refund)) else None
    if finding.kind == FindingKind.MISSING_IN_REPORT and payment is not None:
        return "CAPTURE" if name == names.capture_missing(payment) else None
    if finding.kind != FindingKind.AMOUNT_MISMATCH or payment is None:
        return None
    if refund is not None:
        return "REFUND" if name in (f"{_AMOUNT}{refund}", f"{_BACK}{refund}") else None
    if name == f"{_AMOUNT}{payment}":
        return "CAPTURE"
    return "TAKEN" if name.startswith((f"{_BACK}{payment}/", _TAKEN)) else None


def may_come(finding: Finding) -> bool:
    """Whether a report may tell it yet, so that it can stay claimed."""
    return bool(finding.kind == FindingKind.MISSING_IN_REPORT)


_OF: Final = {"REFUND": _OF_REFUNDS, "CAPTURE": _OF_CAPTURES, "TAKEN": _OF_TAKEN}


async def of_findings(found: Sequence[Finding]) -> Mapping[UUID, int]:
    """What is left of the claim of each (minor units of its currency, debits less credits), whatever was said of it."""
    made: dict[UUID, int] = {}
    for each, query in _OF.items():
        ids = [one.id for one in found if class_of(one) == each]
        made |= {row["id"]: int(row["amount"] or 0) for row in (await rows(query, ids) if ids else [])}
    return made


async def no_longer(connection_id: UUID) -> Sequence[UUID]:
    """Findings of the connection of which another claim is left now than a person has given up."""
    stands = {row["id"]: row["claim"] for row in await rows(_STANDING, connection_id)}
    left = await of_findings(await Finding.filter(id__in=list(stands))) if stands else {}
    return [one for one, claim in stands.items() if left.get(one, 0) != claim]
