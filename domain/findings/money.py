"""How much of a finding is in SUSPENSE: added up from the ledger, under the payment's lock.

Money that left without us is booked under a name (domain/payments/external) that the finding's fingerprint has. It may
be back under another name, told by another witness, so never more is a finding's than is in SUSPENSE of the payment.
What lines of reports left there without an effect is told_money's to say; below zero it came.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from domain.findings import claims, on_their_way, told_money
from domain.findings.kinds import FindingKind
from domain.findings.names import AGAIN, VAT_OF_FINDING, bounded, money
from domain.models import Finding
from domain.platform.database import rows

CAUSE: Final = "finding/"  # begins the cause of a resolution's entries; its id goes on
_ENDS: Final = ("/back", "/ours", "/void")
# What moved SUSPENSE of a payment, and under which name; what a resolution moved has the name that it was about.
_ENTRIES: Final = """
SELECT e.payment_id, e.cause, r.money_of, CASE e.debit WHEN 'SUSPENSE' THEN e.amount ELSE -e.amount END AS amount
FROM ledger_entries e LEFT JOIN finding_resolutions r
  ON r.id = CASE WHEN starts_with(e.cause, $2) THEN split_part(e.cause, '/', 2)::uuid END
WHERE e.payment_id = ANY($1) AND 'SUSPENSE' IN (e.debit, e.credit) ORDER BY e.id"""
# VAT that what stands of the finding of that id has moved to VAT_REVERSAL_PENDING.
_VAT: Final = """SELECT s.finding_id::text AS id, sum(s.tax)::bigint AS tax FROM finding_resolutions s
WHERE s.merchant_id = ANY($1::uuid[]) AND s.finding_id = ANY($2::uuid[]) AND s.started_at IS NOT NULL
  AND s.ended_at IS NULL GROUP BY 1"""
# VAT of these payments that is declared and that nothing has taken back.
_DECLARED: Final = """SELECT payment_id, sum(CASE credit WHEN 'OUTPUT_VAT' THEN amount ELSE -amount END)::bigint AS owed
FROM ledger_entries WHERE payment_id = ANY($1::uuid[]) AND 'OUTPUT_VAT' IN (debit, credit) GROUP BY 1"""
_OF_REVERSALS: Final = (FindingKind.VAT_REVERSAL_NEEDED, FindingKind.VAT_REVERSAL_OVERDUE)
_PENDING: Final = """SELECT refund_id FROM vat_reversals
WHERE refund_id = ANY($1::uuid[]) AND state IN ('NEEDED', 'NEEDS_REVIEW') AND booked = 'NOTHING'"""


@dataclass(frozen=True, slots=True)
class Suspended:
    """Minor units of `currency`: of the whole payment, and of the finding. `name`: under which that was booked; None:
    it has none.

    `is_vat`: it is VAT of what turned out to be a refund, in VAT_REVERSAL_PENDING, and of its sale `declared` is still
    to be taken back. `is_told`: it is no payment's, but what lines of reports moved. `is_payout`: it is a payout on its
    way to the bank. `claim`: so much of its own is not in SUSPENSE yet, but left of a claim in PSE_CLEARING, which a
    report `may_come` to tell yet. `is_reversals`: VAT is pending that a reversal of its own takes back or gives up.
    """

    whole: int
    own: int
    name: str | None
    currency: str
    is_vat: bool = False
    declared: int = 0
    is_told: bool = False
    is_payout: bool = False
    claim: int = 0
    may_come: bool = False
    is_reversals: bool = False


async def of(finding: Finding) -> Suspended:
    """What is in SUSPENSE of the finding and of its payment, or of VAT pending. Under the payment's lock."""
    return (await of_several([finding]))[finding.id]


async def of_several(found: Sequence[Finding]) -> Mapping[UUID, Suspended]:
    """The same of each of some findings."""
    told = [one for one in found if told_money.is_told(one)]
    vat = [one for one in found if one.fingerprint.startswith(VAT_OF_FINDING) and one not in told]
    paid_out = [one for one in found if on_their_way.is_payout(one)]
    booked = [one for one in found if one not in told and one not in vat and one not in paid_out]
    made = {**await _told(told), **await _vat(vat), **await _paid_out(paid_out), **await _reversals(booked)}
    return {**made, **await _with_claims(found, made)}


async def _with_claims(found: Sequence[Finding], made: Mapping[UUID, Suspended]) -> Mapping[UUID, Suspended]:
    """Those of which something is left of a claim, too: in the currency of the finding."""
    left = await claims.of_findings(found)
    of = {one.id: (one, made[one.id], left[one.id]) for one in found if left.get(one.id, 0) != 0}
    return {
        name: replace(was, own=was.own + claim, claim=claim, may_come=claims.may_come(one))
        for name, (one, was, claim) in of.items()
        if was.currency == one.currency
    }


async def _told(found: Sequence[Finding]) -> Mapping[UUID, Suspended]:
    known = await told_money.of_findings([one.id for one in found]) if found else {}
    sums = {one.id: known.get(one.id, (0, one.currency)) for one in found}
    return {name: Suspended(own, own, None, currency, is_told=True) for name, (own, currency) in sums.items()}


async def _paid_out(found: Sequence[Finding]) -> Mapping[UUID, Suspended]:
    known = await on_their_way.of_findings([one.id for one in found])
    sums = {one.id: known.get(one.id, (0, one.currency)) for one in found}
    return {name: Suspended(own, own, None, currency, is_payout=True) for name, (own, currency) in sums.items()}


async def _vat(found: Sequence[Finding]) -> Mapping[UUID, Suspended]:
    about = {one.id: one.fingerprint.removeprefix(VAT_OF_FINDING) for one in found}
    known = await rows(_VAT, list({one.merchant_id for one in found}), list(about.values())) if found else []
    taxes = {row["id"]: row["tax"] for row in known}
    vats = {one: taxes.get(about[one.id], 0) for one in found}
    declared = await _declared([one.payment_id for one in found if one.payment_id is not None])
    return {
        one.id: Suspended(vat, vat, None, one.currency, is_vat=True, declared=declared.get(one.payment_id, 0))
        for one, vat in vats.items()
    }


async def _declared(payments: Sequence[UUID]) -> Mapping[UUID | None, int]:
    found = await rows(_DECLARED, list(payments)) if payments else []
    return {row["payment_id"]: row["owed"] for row in found}


async def _reversals(found: Sequence[Finding]) -> Mapping[UUID, Suspended]:
    """What is booked of each, and whether it speaks of a reversal that is still to be worked on."""
    refunds = {one.id: one.refund_id for one in found if one.kind in _OF_REVERSALS and one.refund_id is not None}
    pending = {row["refund_id"] for row in await rows(_PENDING, list(refunds.values()))} if refunds else set()
    made = await _booked(found)
    return {name: replace(one, is_reversals=refunds.get(name) in pending) for name, one in made.items()}


async def _booked(found: Sequence[Finding]) -> Mapping[UUID, Suspended]:
    entries: dict[UUID, list[dict[str, Any]]] = {}
    for row in await rows(_ENTRIES, list({one.payment_id for one in found}), CAUSE) if found else []:
        entries.setdefault(row["payment_id"], []).append(row)
    return {one.id: _of(one, entries.get(one.payment_id or one.id, [])) for one in found}


async def of_each(finding_ids: Sequence[UUID]) -> Mapping[UUID, tuple[int, str]]:
    """What is in SUSPENSE of each of these findings, of a payout on its way, or left of a claim (minor units, and their
    currency), without a lock.
    """
    every = await Finding.filter(id__in=list(finding_ids))
    # Of what a person has resolved nothing is there any more.
    told = [one.id for one in every if told_money.is_told(one) and one.resolved_at is None]
    paid_out = [one.id for one in every if on_their_way.is_payout(one) and one.resolved_at is None]
    found = [one for one in every if not told_money.is_told(one) and not on_their_way.is_payout(one)]
    ours = {name: (one.own, one.currency) for name, one in (await _booked(found)).items()}
    made = {**ours, **await told_money.of_findings(told), **await on_their_way.of_findings(paid_out)}
    left = await claims.of_findings([one for one in every if one.resolved_at is None])
    currencies = {one.id: one.currency for one in every}
    for name, claim in left.items():
        own, currency = made.get(name, (0, currencies[name]))
        if currency == currencies[name]:
            made[name] = (own + claim, currency)
    return made


def _of(finding: Finding, booked: list[dict[str, Any]]) -> Suspended:
    whole = sum(row["amount"] for row in booked)
    told = {base_of(row) for row in booked}
    name = next((one for one in sorted(told) if _is_about(finding, one, booked)), None)
    own = sum(row["amount"] for row in booked if base_of(row) == name)
    return Suspended(whole, max(0, min(own, whole)) if name is not None else 0, name, finding.currency)


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
