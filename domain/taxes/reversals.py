"""A reversal is opened for each refund that has left with declared VAT, once, and says by which rule and until when."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final
from uuid import UUID, uuid4

from domain.books import bank_days as known_days
from domain.books import ledger
from domain.calendars import bank_days
from domain.calendars.bank_days import Exceptions
from domain.cause import Cause
from domain.findings import findings, names
from domain.findings.findings import FindingKind, Found
from domain.models import VatReversal
from domain.models.ledger import Entry
from domain.models.refunds import Reason
from domain.models.taxes import Booked, RefundCause, ReversalState, TaxRegime
from domain.money import Money
from domain.platform.database import rows, transaction
from domain.taxes import posting, rulebook
from domain.taxes.deadlines import Days
from domain.taxes.weigh import CAUSES, RefundFacts, Weighed, weigh

OPEN: Final = (ReversalState.NEEDED, ReversalState.NEEDS_REVIEW)
AT_ONCE_MAX: Final = 2_000
_NOBODY: Final = UUID(int=0)
OURS: Final = Cause("taxes", "taxes")
# Where a sale is taxed: as was said of its connection, else of its store, else of all of the merchant's sales, else in
# the merchant's country. The refund is locked: what comes back meanwhile comes back before this, or after.
_FACTS: Final = """
SELECT r.id, r.merchant_id, r.payment_id, r.connection_id, p.store_id, r.tax_amount, r.currency, r.reason,
    (r.created_at AT TIME ZONE m.zone)::date AS asked, (p.captured_at AT TIME ZONE m.zone)::date AS sold,
    (coalesce(r.succeeded_at, r.updated_at) AT TIME ZONE m.zone)::date AS paid,
    p.customer_digest IS NOT NULL AS identified, coalesce(t.country, m.country) AS country,
    coalesce(t.regime, 'LOCAL') AS regime, t.id IS NOT NULL AS said, (now() AT TIME ZONE m.zone)::date AS today
FROM refunds r JOIN payments p ON p.id = r.payment_id JOIN merchants m ON m.id = r.merchant_id
LEFT JOIN LATERAL (SELECT * FROM tax_places t WHERE t.merchant_id = r.merchant_id AND t.ended_at IS NULL
    AND (t.connection_id = r.connection_id OR t.store_id = p.store_id
      OR (t.connection_id IS NULL AND t.store_id IS NULL))
    ORDER BY t.connection_id IS NULL, t.store_id IS NULL LIMIT 1) t ON true
WHERE r.id = ANY($1::uuid[]) AND r.state = 'SUCCEEDED' AND r.tax_amount > 0
  AND NOT EXISTS (SELECT 1 FROM vat_reversals v WHERE v.refund_id = r.id)
ORDER BY r.id FOR NO KEY UPDATE OF r"""
_OPEN: Final = """
INSERT INTO vat_reversals (id, merchant_id, refund_id, payment_id, connection_id, store_id, amount, currency, country,
    regime, state, reason, booked, sequence, rule_id, rules_version, sold_on, asked_on, paid_on, cause,
    buyer_identified, due_on, settled_on, created_at, updated_at)
SELECT t.*, now(), now() FROM jsonb_to_recordset($1::jsonb) AS t(id uuid, merchant_id uuid, refund_id uuid,
    payment_id uuid, connection_id uuid, store_id uuid, amount bigint, currency text, country text, regime text,
    state text, reason text, booked text, sequence int, rule_id text, rules_version text, sold_on date, asked_on date,
    paid_on date, cause text, buyer_identified bool, due_on date, settled_on date)
ON CONFLICT (refund_id) DO NOTHING RETURNING id"""
_UNOPENED: Final = """
SELECT r.id FROM refunds r WHERE r.state = 'SUCCEEDED' AND r.tax_amount > 0 AND r.id > $1
  AND NOT EXISTS (SELECT 1 FROM vat_reversals v WHERE v.refund_id = r.id) ORDER BY r.id LIMIT $2"""


@dataclass(frozen=True, slots=True)
class _Opened:
    """A row to insert; `values` are its columns by name."""

    values: dict[str, Any]
    weighed: Weighed


async def open_of(refund_ids: Sequence[UUID]) -> None:
    """Open the reversals of these refunds that have left, and have none yet. What is lost by a rule is booked so."""
    if not refund_ids:
        return
    async with transaction():
        found = await rows(_FACTS, list(refund_ids))
        if not found:
            return
        own = await known_days.of_merchants({row["merchant_id"] for row in found})
        made = [_opened(row, own[row["merchant_id"]]) for row in found]
        new = {row["id"] for row in await rows(_OPEN, json.dumps([one.values for one in made], default=str))}
        lost = [one.values for one in made if one.values["id"] in new and one.values["booked"] is Booked.LOST]
        await ledger.post([_lost(values) for values in lost])


def _opened(row: dict[str, Any], own: Exceptions) -> _Opened:
    found = weigh(_facts(row), lambda day: bank_days.works(row["country"], day, own))
    lost = found.state is ReversalState.NOT_RECOVERABLE
    values = {
        **{name: row[name] for name in ("merchant_id", "payment_id", "connection_id", "store_id", "currency")},
        **{name: row[name] for name in ("country", "regime")},
        "id": uuid4(),
        "refund_id": row["id"],
        "amount": row["tax_amount"],
        "state": found.state,
        "reason": found.reason,
        "booked": Booked.LOST if lost else Booked.NOTHING,
        "sequence": 1 if lost else 0,
        "rule_id": found.rule.id if found.rule else None,
        "rules_version": rulebook.version(),
        "sold_on": row["sold"],
        "asked_on": row["asked"],
        "paid_on": row["paid"],
        "cause": CAUSES.get(Reason(row["reason"])),
        "buyer_identified": row["identified"] or None,
        "due_on": found.due_on,
        "settled_on": row["today"] if lost else None,
    }
    return _Opened(values, found)


def _facts(row: dict[str, Any]) -> RefundFacts:
    return RefundFacts(
        country=row["country"],
        regime=TaxRegime(row["regime"]),
        currency=row["currency"],
        days=Days(row["sold"], row["asked"], row["paid"]),
        cause=CAUSES.get(Reason(row["reason"])),
        buyer_identified=row["identified"] or None,
        country_is_said=row["said"],
    )


def _lost(values: dict[str, Any]) -> ledger.Posting:
    named = {name: values[name] for name in ("merchant_id", "store_id", "connection_id", "payment_id", "refund_id")}
    return ledger.Posting(
        **named,
        entry=Entry.VAT_NOT_RECOVERABLE,
        amount=values["amount"],
        currency=values["currency"],
        accounting_date=values["settled_on"],
        cause=posting.cause_of(values["id"], values["sequence"]),
        request_id=OURS.request_id,
    )


def facts_of(reversal: VatReversal, *, country_is_said: bool) -> RefundFacts:
    """What is known by now of a reversal that is there."""
    return RefundFacts(
        country=reversal.country,
        regime=reversal.regime,
        currency=reversal.currency,
        days=Days(reversal.sold_on, reversal.asked_on, reversal.paid_on, reversal.delivered_on, reversal.event_on),
        cause=RefundCause(reversal.cause) if reversal.cause else None,
        buyer_identified=reversal.buyer_identified,
        country_is_said=country_is_said,
    )


async def needed(found: Sequence[Found]) -> list[Found]:
    """Open the reversals of the refunds of these findings, and give the findings of those that need somebody yet.

    Each says by which rule, and until when.
    """
    told: list[Found] = []
    for start in range(0, len(found), AT_ONCE_MAX):
        few = found[start : start + AT_ONCE_MAX]
        ids = [one.refund_id for one in few if one.refund_id is not None]
        await open_of(ids)
        known = {row.refund_id: row for row in await VatReversal.filter(refund_id__in=ids)} if ids else {}
        told += [one for each in few if (one := _of(each, known.get(each.refund_id or _NOBODY))) is not None]
    return told


def _of(found: Found, row: VatReversal | None) -> Found | None:
    """The finding with what its reversal says; None: nobody need do anything."""
    if row is None:  # it came back, or is not said to have left: there is nothing to go by yet
        return found
    if row.state not in OPEN:
        return None
    return replace(found, detail={**found.detail, **told_of(row)}, explanation=_said(found, row))


def _said(found: Found, row: VatReversal) -> str:
    until = f" By rule {row.rule_id} it is to be done by {row.due_on}." if row.due_on else ""
    return f"{found.explanation}{until}"


def finding_of(row: VatReversal, reference: str) -> Found:
    """The finding of a reversal that needs somebody, where no report and no news of the refund has opened it."""
    amount = Money(row.amount, row.currency)
    plain = Found(
        kind=FindingKind.VAT_REVERSAL_NEEDED,
        merchant_id=row.merchant_id,
        connection_id=row.connection_id,
        fingerprint=names.vat(row.refund_id),
        amount=amount,
        explanation=f"Refund {reference} has left; {amount} of VAT was paid on the sale and has not been taken back.",
        refund_id=row.refund_id,
        payment_id=row.payment_id,
        detail=told_of(row),
    )
    return replace(plain, explanation=_said(plain, row))


async def open_finding(row: VatReversal, reference: str, why: str = "") -> None:
    """Open the finding of a reversal that needs somebody, again where it was closed."""
    found = finding_of(row, reference)
    await findings.open_finding(replace(found, explanation=f"{why} {found.explanation}".strip(), again=True))


def told_of(row: VatReversal) -> dict[str, Any]:
    """What a finding says of the reversal it is about."""
    due: date | None = row.due_on
    return {
        "reversal_id": str(row.id),
        "country": row.country,
        "rule": row.rule_id,
        "rules_version": row.rules_version,
        "due_on": due.isoformat() if due else None,
        "reason": row.reason,
    }


async def unopened(after: UUID) -> list[UUID]:
    """Refunds that have left with VAT and have no reversal, of older databases too; the next few behind an id."""
    return [row["id"] for row in await rows(_UNOPENED, after, AT_ONCE_MAX)]
