"""How much of a finding is in SUSPENSE: added up from the ledger, under the payment's lock.

Money that left without us is booked under a name (domain/payments/external) that the finding's fingerprint has. It may
be back under another name, told by another witness, so never more is a finding's than is in SUSPENSE of the payment.
Money of no payment is what the lines come to that the finding speaks of; below zero it came.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from domain.findings.names import AGAIN, bounded, money
from domain.models import Finding
from domain.money import EXPONENTS
from domain.platform.database import rows

CAUSE: Final = "finding/"  # begins the cause of a resolution's entries; its id goes on
_SCALES: Final = " ".join(f"WHEN '{currency}' THEN {10**places}" for currency, places in EXPONENTS.items())
_ENDS: Final = ("/back", "/ours", "/void")
# What moved SUSPENSE of a payment, and under which name; what a resolution moved has the name that it was about.
_ENTRIES: Final = """
SELECT e.payment_id, e.cause, r.money_of, CASE e.debit WHEN 'SUSPENSE' THEN e.amount ELSE -e.amount END AS amount
FROM ledger_entries e LEFT JOIN finding_resolutions r
  ON r.id = CASE WHEN starts_with(e.cause, $2) THEN split_part(e.cause, '/', 2)::uuid END
WHERE e.payment_id = ANY($1) AND 'SUSPENSE' IN (e.debit, e.credit) ORDER BY e.id"""

# What the lines in force that a finding `f` without a payment speaks of have left in SUSPENSE, exact, in minor units.
_NOBODYS: Final = f"""
SELECT f.id, f.merchant_id, c.default_store_id AS store_id, round(-sum((l.settled_net - coalesce(l.settled_fee, 0)
    - coalesce(l.settled_tax, 0) - coalesce(l.settled_withheld, 0))
    * CASE l.settled_currency {_SCALES} END))::bigint AS amount
FROM findings f JOIN connections c ON c.id = f.connection_id
JOIN reports r ON r.connection_id = c.id AND r.superseded_at IS NULL JOIN settlement_lines l ON l.report_id = r.id
CROSS JOIN LATERAL (SELECT coalesce(l.payment_reference, l.payment_alias, l.order_reference) AS payment,
  coalesce(l.reference, l.pse_refund_reference) AS reference) n
WHERE f.id = ANY($1) AND f.payment_id IS NULL AND l.voided_at IS NULL AND l.booked_as NOT IN ('NONE', 'EFFECT')
  AND l.booked_as = 'UNEXPLAINED' AND l.payment_id IS NULL AND l.settled_currency = f.currency AND (
    (starts_with(f.fingerprint, 'unknown/') AND n.payment = f.detail ->> 'payment'
      AND n.reference IS NOT DISTINCT FROM f.detail ->> 'reference')
    OR (starts_with(f.fingerprint, 'unknown-nameless/') AND r.name = f.detail ->> 'report' AND n.payment IS NULL
      AND f.fingerprint = format('unknown-nameless/%s/%s/%s/%s', c.id, l.type, l.currency, r.name))
    OR (starts_with(f.fingerprint, 'unknown-more/') AND r.name = f.detail ->> 'report' AND n.payment IS NOT NULL
      AND l.type <> 'OTHER' AND NOT EXISTS (SELECT FROM findings o WHERE o.merchant_id = f.merchant_id
        AND o.fingerprint = format('unknown/%s/%s/%s', c.id, n.payment, coalesce(n.reference, ''))))
    OR (f.kind = 'UNKNOWN_LINE' AND l.type = 'OTHER' AND l.kind = f.detail ->> 'words'))
GROUP BY 1, 2, 3"""  # noqa: S608 - ours


@dataclass(frozen=True, slots=True)
class Suspended:
    """Minor units: of the whole payment, and of the finding. `name`: under which that was booked; None: it has none."""

    whole: int
    own: int
    name: str | None


async def of(finding: Finding) -> Suspended:
    """What is in SUSPENSE of the finding and of its payment. Under the payment's lock."""
    if finding.payment_id is None:
        own = (await of_nobody([finding.id])).get(finding.id, 0)
        return Suspended(own, own, None)
    return _of(finding, await rows(_ENTRIES, [finding.payment_id], CAUSE))


async def of_each(finding_ids: Sequence[UUID]) -> Mapping[UUID, int]:
    """What is in SUSPENSE of each of these findings (minor units), without a lock."""
    every = await Finding.filter(id__in=list(finding_ids))
    found = [one for one in every if one.payment_id is not None]
    cleared = {one.id for one in every if one.resolved_at is not None}
    nobodys = [one.id for one in every if one.payment_id is None and one.id not in cleared]
    booked: dict[UUID, list[dict[str, Any]]] = {}
    for row in await rows(_ENTRIES, list({one.payment_id for one in found}), CAUSE):
        booked.setdefault(row["payment_id"], []).append(row)
    ours = {one.id: _of(one, booked.get(one.payment_id or one.id, [])).own for one in found}
    return {**ours, **(await of_nobody(nobodys) if nobodys else {})}


async def of_nobody(finding_ids: Sequence[UUID]) -> Mapping[UUID, int]:
    """What the lines of each of these findings without a payment have left in SUSPENSE, whatever was said of it."""
    return {row["id"]: row["amount"] for row in await rows(_NOBODYS, list(finding_ids))}


def _of(finding: Finding, booked: list[dict[str, Any]]) -> Suspended:
    whole = sum(row["amount"] for row in booked)
    told = {base_of(row) for row in booked}
    name = next((one for one in sorted(told) if _is_about(finding, one, booked)), None)
    own = sum(row["amount"] for row in booked if base_of(row) == name)
    return Suspended(whole, max(0, min(own, whole)) if name is not None else 0, name)


async def whole_of(payment_id: UUID) -> int:
    """What is in SUSPENSE of a payment (minor units); below zero: more was cleared than had left."""
    return sum(row["amount"] for row in await rows(_ENTRIES, [payment_id], CAUSE))


def base_of(row: dict[str, Any]) -> str:
    """The name under which the money was told first."""
    if row["money_of"] is not None:
        return str(row["money_of"])
    return base_name(row["cause"])


def base_name(cause: str) -> str:
    """The name within a cause: without what became of it, and without its turn."""
    return without_end(cause).split(AGAIN, 1)[0]


def without_end(cause: str) -> str:
    """A cause without what became of it."""
    return next((cause.removesuffix(end) for end in _ENDS if cause.endswith(end)), cause)


def _is_about(finding: Finding, name: str, booked: list[dict[str, Any]]) -> bool:
    turns = {without_end(row["cause"]) for row in booked if base_of(row) == name and row["money_of"] is None}
    return any(finding.fingerprint == bounded(money(finding.kind, one)) for one in {name, *turns})
