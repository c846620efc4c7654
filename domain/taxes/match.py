"""A tax document beside the refunds it is of: by the sale's document, or the refund's own reference, and the amount.

Never by the amount alone. One document may be of many refunds, and many of one: its VAT is taken back once they cover
the whole of its money. What agrees in money and not in tax is told and not booked.
"""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID, uuid4

from domain.cause import Cause
from domain.findings import findings, names
from domain.findings.findings import FindingKind, Found
from domain.models import Payment, TaxDocument, TaxDocumentShare, VatReversal
from domain.models.taxes import Booked
from domain.money import Money, cumulative_share
from domain.platform.database import execute, rows
from domain.taxes import by_hand, entered, moves, reversals
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
    UNKNOWN,
    Candidate,
    chosen_of,
    expected,
    nearest,
)
from domain.taxes.moves import Paper

_NO_REFORM: Final = "br-return-of-2025"  # such a sale had neither IBS nor CBS
# What may be otherwise by the next night: a sale is registered, another refund of it leaves, a document of it comes.
AGAIN: Final = (UNKNOWN, NOTHING_OPEN, SEVERAL, MORE, ENTERED, by_hand.TAKEN)
# The refunds of sales whose document has one of these names (the same expression as its index), or of that reference.
# An invoice of many sales has thousands: where some are of the document's very money ($4) and a document may still take
# their VAT back, those alone, and whatever other documents cover in part.
_MEANT: Final = r"""
WITH meant AS MATERIALIZED (SELECT r.id, r.created_at, r.amount, v.id AS reversal, v.booked,
    (v.id IS NULL OR (v.state IN ('NEEDED', 'NEEDS_REVIEW') AND v.booked = 'NOTHING')) AS is_open,
    EXISTS (SELECT 1 FROM tax_document_shares s WHERE s.reversal_id = v.id AND s.voided_at IS NULL) AS covered
  FROM refunds r JOIN payments p ON p.id = r.payment_id LEFT JOIN vat_reversals v ON v.refund_id = r.id
  WHERE r.merchant_id = $1 AND r.tax_amount > 0 AND r.state IN ('SUCCEEDED', 'RETURNED')
    AND ($3::varchar IS NULL OR r.reference = $3) AND (p.id IN (SELECT s.id FROM payments s WHERE s.merchant_id = $1
      AND s.tax_document IS NOT NULL AND regexp_replace(btrim(regexp_replace(upper(s.tax_document),
        '[^0-9A-Z]+', '-', 'g'), '-'), '(^|-)0+(?=[0-9])', '\1', 'g') = ANY($2::text[])) OR ($3::varchar IS NOT NULL
      AND (cardinality($2::text[]) = 0 OR p.tax_document IS NULL)))),
fitting AS (SELECT *, amount = $4::bigint AND NOT covered AND (is_open OR booked = 'DOCUMENTED') AS fits FROM meant)
SELECT id FROM fitting WHERE fits OR (is_open AND covered) OR NOT EXISTS (SELECT 1 FROM fitting WHERE fits)
ORDER BY created_at, id"""


# What is open of a document ($3), whichever refund it names: few are open of this kind.
_SAID_OF: Final = """
SELECT fingerprint FROM findings WHERE merchant_id = $1 AND kind = 'VAT_DOCUMENT_DIFFERS' AND resolved_at IS NULL
  AND starts_with(fingerprint, $2) AND detail ->> 'document_id' = $3"""
# The documents of a refund that waited for its rest.
_WHOLE: Final = """
UPDATE tax_documents d SET problem = NULL FROM tax_document_shares s
WHERE s.document_id = d.id AND s.reversal_id = $1 AND s.voided_at IS NULL AND d.problem = $2"""


async def match(document: TaxDocument, parts: dict[str, int], cause: Cause, *, again: bool = False) -> str | None:
    """Give the document to the refunds it is of; what keeps it from taking VAT back, None: nothing does.

    Inside the caller's transaction. `parts`: its taxes by name, minor units. `again`: people know what kept it before,
    and are told nothing of what keeps it still.
    """
    said = await entered.refunds_of(document.merchant_id, document)
    meant = list(dict.fromkeys((*await _meant(document), *said)))
    if not meant:
        return by_hand.TAKEN if await by_hand.has_taken(document) else UNKNOWN
    await moves.lock_refunds(meant)  # all of them first, in the one order: some have no reversal yet
    await reversals.open_of(meant)
    held = await _held(document.merchant_id, meant)
    linked = [one for one in held if one.refund.id in said and one.papers == 0]
    if linked:
        return await _as_entered(document, linked, again=again)
    if await by_hand.has_taken(document):
        return by_hand.TAKEN
    candidates = [one for one in held if moves.may_be_documented(one.reversal) and one.left > 0]
    if not candidates:
        return NOTHING_OPEN
    return await _given(document, candidates, parts, cause, again=again)


async def _given(
    document: TaxDocument, candidates: list[Candidate], parts: dict[str, int], cause: Cause, *, again: bool
) -> str | None:
    first = candidates[0].reversal
    if first.currency != document.currency or document.issued_on < first.sold_on:
        problem = CURRENCY if first.currency != document.currency else TOO_EARLY
        await _differs(document, candidates[0], problem, ["currency" if problem is CURRENCY else "date"])
        return problem
    chosen = chosen_of(candidates, document)
    if not chosen:
        more = document.total > sum(one.left for one in candidates)
        if more and not again:
            await _differs(document, candidates[0], MORE, ["amount"])
        return MORE if more else SEVERAL
    await no_more(document, f"Document {document.number} is of other refunds, too.")
    wanted = sum(expected(one, document.total) for one in chosen)
    tax = nearest(parts or {"tax": document.tax}, wanted)
    await _share(document, chosen, tax)
    problems = [await _covered(document, one, parts, cause) for one in chosen]
    return next((problem for problem in problems if problem), None)


async def _meant(document: TaxDocument) -> list[UUID]:
    return await meant_by(document.merchant_id, document.originals, document.refund_reference, document.total)


async def meant_by(merchant_id: UUID, originals: Sequence[str], refund_reference: str | None, total: int) -> list[UUID]:
    """The refunds of the sales that a document names, and that of the reference that it gives: all of them, or those
    that its money (`total`, minor units) can be of where some are of just so much.
    """
    found = await rows(_MEANT, merchant_id, list(originals), refund_reference, total)
    return [row["id"] for row in found]


async def _held(merchant_id: UUID, refund_ids: Sequence[UUID]) -> list[Candidate]:
    """The reversals of these refunds, all locked in the one order: refunds, payments, reversals."""
    refunds = {row.id: row for row in await moves.lock_refunds(refund_ids)}
    reversals_ = await VatReversal.filter(refund_id__in=list(refund_ids), merchant_id=merchant_id).order_by("id")
    await Payment.filter(id__in=[row.payment_id for row in reversals_]).order_by("id").select_for_update(no_key=True)
    locked = {
        row.refund_id: row
        for row in await VatReversal.filter(id__in=[row.id for row in reversals_])
        .order_by("id")
        .select_for_update(no_key=True)
    }
    covered = {row["reversal_id"]: row for row in await rows(COVERED, [row.id for row in locked.values()])}
    found = []
    for refund_id in refund_ids:  # in the order in which they were asked for
        row = locked.get(refund_id)
        if row is not None:
            refund, done = refunds[refund_id], covered.get(row.id, {"amount": 0, "tax": 0, "many": 0})
            found.append(Candidate(row, refund, refund.amount - done["amount"], done["tax"], done["many"]))
    return found


async def _as_entered(document: TaxDocument, linked: Sequence[Candidate], *, again: bool) -> str | None:
    """A person had entered this very document before its file came: of these refunds, and of no other."""
    if sum(one.refund.amount for one in linked) != document.total:
        if not again:
            await _differs(document, linked[0], ENTERED, ["amount"])
        return ENTERED
    await no_more(document, f"Document {document.number} is of other refunds, too.")
    await _share(document, linked, sum(one.reversal.amount for one in linked))
    return None


async def _share(document: TaxDocument, chosen: Sequence[Candidate], tax: int) -> None:
    """Write how much of the document is of each; its tax is allocated as refunds' tax is: it closes to the whole."""
    left, done = document.total, 0
    for one in chosen:
        amount = min(one.left, left)
        share = cumulative_share(tax, done + amount, document.total) - cumulative_share(tax, done, document.total)
        await TaxDocumentShare.create(
            id=uuid4(),
            merchant_id=document.merchant_id,
            document_id=document.id,
            reversal_id=one.reversal.id,
            amount=amount,
            tax=share,
        )
        one.left, one.tax, one.papers = one.left - amount, one.tax + share, one.papers + 1
        left, done = left - amount, done + amount


async def _covered(document: TaxDocument, one: Candidate, parts: dict[str, int], cause: Cause) -> str | None:
    """Take the VAT back where documents cover the whole refund and its tax; else say what differs."""
    row = one.reversal
    if document.cause is not None and row.cause is None:
        row.cause = document.cause
    if one.left > 0:
        await moves.save(row)
        await _differs(document, one, PART, ["amount"])
        return PART
    mirrored = row.rule_id != _NO_REFORM or not (parts.get("IBS") or parts.get("CBS"))
    if abs(one.tax - row.amount) > DIFFERENCE_MAX * one.papers or not mirrored:
        await moves.save(row)
        await _differs(document, one, TAX, ["tax"])
        return TAX
    await moves.document(row, Paper(document.number, document.issued_on), cause)
    await execute(_WHOLE, row.id, PART)
    return None if row.booked is Booked.DOCUMENTED else MORE


async def no_more(document: TaxDocument, why: str) -> None:
    """What was said of the document while it was of no refunds holds no longer."""
    said = await rows(_SAID_OF, document.merchant_id, names.vat_differs(""), str(document.id))
    await findings.resolve_all(document.merchant_id, [row["fingerprint"] for row in said], why)


async def _differs(document: TaxDocument, one: Candidate, problem: str, fields: list[str]) -> None:
    row, refund = one.reversal, one.refund
    ours: dict[str, Any] = {"refund": refund.reference, "amount": refund.amount, "tax": row.amount}
    ours |= {"currency": row.currency, "sold_on": row.sold_on.isoformat()}
    theirs = {"document": document.number, "amount": document.total, "tax": document.tax}
    theirs |= {"currency": document.currency, "date": document.issued_on.isoformat()}
    at_stake = abs(one.tax - row.amount) if problem is TAX else abs(refund.amount - document.total)
    later = {names.vat_differs(row.refund_id): f"Document {document.number} came after it."}
    await findings.resolve_of(row.merchant_id, row.refund_id, later)
    await findings.open_finding(
        Found(
            kind=FindingKind.VAT_DOCUMENT_DIFFERS,
            merchant_id=row.merchant_id,
            connection_id=row.connection_id,
            fingerprint=f"{names.vat_differs(row.refund_id)}/{document.id}",
            amount=Money(at_stake or row.amount, row.currency),
            explanation=f"Document {document.number} and refund {refund.reference}: {problem}",
            refund_id=refund.id,
            payment_id=refund.payment_id,
            detail={"ours": ours, "theirs": theirs, "differs": fields, "document_id": str(document.id)},
            again=True,
        )
    )
