"""What keeps a tax document from taking VAT back, told before anything is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from domain.models import Refund, VatReversal
from domain.money import Money
from domain.platform.database import rows
from domain.taxes import entered, moves
from domain.taxes.candidates import (
    COVERED,
    CURRENCY,
    DIFFERENCE_MAX,
    ENTERED,
    MORE,
    NOTHING_OPEN,
    PART,
    SEVERAL,
    TAX,
    TOO_EARLY,
    Candidate,
    chosen_of,
    expected,
    nearest,
)
from domain.taxes.documents.said import Document


@dataclass(frozen=True, slots=True)
class Misfit:
    """What would keep a document from taking VAT back, and what its refunds expect of it: the money, and its VAT."""

    problem: str
    total: Money
    tax: Money


async def foreseen(merchant_id: UUID, refund_ids: Sequence[UUID], said: Document, *, is_first: bool) -> Misfit | None:
    """What `match` would say of a document and these refunds, as things stand; None: nothing, or nothing is known.
    `is_first`: it takes no other's place, whose refunds it would have.

    Nothing is locked and nothing is written.
    """
    if is_first and (by_hand := await entered.refunds_of(merchant_id, said)):
        return await _entered(by_hand, said)
    candidates = await _as_they_are(merchant_id, refund_ids, said)
    if not candidates:
        return await _nothing_open(merchant_id, refund_ids) if is_first else None
    chosen = chosen_of(candidates, said)
    meant = chosen or candidates
    tax = sum(expected(one, said.total) for one in meant)
    found = _problem(candidates[0].reversal, chosen, sum(one.left for one in meant), tax, said)
    currency = candidates[0].reversal.currency
    return Misfit(found, Money(sum(one.left for one in meant), currency), Money(tax, currency)) if found else None


async def _entered(refund_ids: Sequence[UUID], said: Document) -> Misfit | None:
    """Where a person has entered it for other money than it is of."""
    kept = await VatReversal.filter(refund_id__in=list(refund_ids)).prefetch_related("refund")
    total, tax = sum(row.refund.amount for row in kept), sum(row.amount for row in kept)
    currency = kept[0].currency
    return Misfit(ENTERED, Money(total, currency), Money(tax, currency)) if total != said.total else None


async def _nothing_open(merchant_id: UUID, refund_ids: Sequence[UUID]) -> Misfit | None:
    """Where all that it may be of is taken back, by other documents than this."""
    kept = await VatReversal.filter(merchant_id=merchant_id, refund_id__in=list(refund_ids))
    nothing = Money(0, kept[0].currency) if kept else None
    return Misfit(NOTHING_OPEN, nothing, nothing) if nothing else None


def _problem(first: VatReversal, chosen: Sequence[Candidate], left: int, wanted: int, said: Document) -> str | None:
    if first.currency != said.currency:
        return CURRENCY
    if said.issued_on < first.sold_on:
        return TOO_EARLY
    if not chosen:
        return MORE if said.total > left else SEVERAL
    if left > said.total:
        return PART
    tax = nearest(dict(said.parts) or {"tax": said.tax}, wanted)
    return TAX if abs(tax - wanted) > DIFFERENCE_MAX * len(chosen) else None


async def _as_they_are(merchant_id: UUID, refund_ids: Sequence[UUID], said: Document) -> list[Candidate]:
    """As `_held`, without a lock; a refund that has no reversal yet expects what VAT it has."""
    refunds = {row.id: row for row in await Refund.filter(id__in=list(refund_ids), merchant_id=merchant_id)}
    kept = {row.refund_id: row for row in await VatReversal.filter(refund_id__in=list(refunds))}
    covered = {row["reversal_id"]: row for row in await rows(COVERED, [row.id for row in kept.values()])}
    found = []
    for refund in (refunds[one] for one in refund_ids if one in refunds):
        row = kept.get(refund.id) or VatReversal(
            amount=refund.tax_amount, currency=refund.currency, sold_on=said.issued_on
        )
        done = covered.get(row.id, {"amount": 0, "tax": 0, "many": 0})
        one = Candidate(row, refund, refund.amount - done["amount"], done["tax"], done["many"])
        if one.left > 0 and (refund.id not in kept or moves.may_be_documented(row)):
            found.append(one)
    return found
