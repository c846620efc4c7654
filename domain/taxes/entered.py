"""Documents that a person has entered by hand: the file of one, when it comes, is of those refunds and of no other; and
nobody enters one that is of others, or was canceled.
"""

from typing import Final
from uuid import UUID

from domain.models import Payment, Refund, TaxDocument, TaxDocumentShare, VatReversal
from domain.platform.database import rows
from domain.problems import InvalidInput
from domain.taxes import versions
from domain.taxes.documents.said import Cancellation, Document, normal
from domain.taxes.moves import Paper

_PATH: Final = ["input", "number"]
# What is documented by no file, of the sales whose document has one of these names (the same expression as its index),
# or of that refund's.
_BY_HAND: Final = r"""
SELECT v.refund_id, v.document_number AS number, v.document_on AS on_day FROM vat_reversals v
WHERE v.merchant_id = $1 AND v.booked = 'DOCUMENTED' AND v.payment_id IN (
    SELECT p.id FROM payments p WHERE p.merchant_id = $1 AND p.tax_document IS NOT NULL AND regexp_replace(btrim(
      regexp_replace(upper(p.tax_document), '[^0-9A-Z]+', '-', 'g'), '-'), '(^|-)0+(?=[0-9])', '\1', 'g')
      = ANY($2::text[])
    UNION SELECT r.payment_id FROM refunds r WHERE r.merchant_id = $1 AND r.reference = $3)
  AND NOT EXISTS (SELECT 1 FROM tax_document_shares s WHERE s.reversal_id = v.id AND s.voided_at IS NULL)
ORDER BY v.created_at, v.id"""

# What is documented by no file and called by one of these names ($2), or of a document of those days.
_CALLED: Final = r"""
SELECT v.id, v.document_number AS number FROM vat_reversals v
WHERE v.merchant_id = $1 AND v.booked = 'DOCUMENTED' AND (v.document_on BETWEEN $3 AND $4 OR regexp_replace(btrim(
    regexp_replace(upper(v.document_number), '[^0-9A-Z]+', '-', 'g'), '-'), '(^|-)0+(?=[0-9])', '\1', 'g')
    = ANY($2::text[]))
  AND NOT EXISTS (SELECT 1 FROM tax_document_shares s WHERE s.reversal_id = v.id AND s.voided_at IS NULL)
ORDER BY v.id"""


async def refunds_of(merchant_id: UUID, document: TaxDocument | Document) -> list[UUID]:
    """The refunds of its sales of which a person has said that this document takes their VAT back."""
    asked = (merchant_id, list(document.originals), document.refund_reference)
    return [
        row["refund_id"] for row in await rows(_BY_HAND, *asked) if _is(document, Paper(row["number"], row["on_day"]))
    ]


async def called(merchant_id: UUID, said: Cancellation) -> list[VatReversal]:
    """What a person has documented by a document that is canceled, by its name or its number."""
    names = {said.name, normal(said.number)} - {""}
    found = await rows(_CALLED, merchant_id, sorted(names), *versions.days_of(said))
    ids = [
        row["id"] for row in found if normal(row["number"]) in names or versions.ends_with(said.number, row["number"])
    ]
    return await VatReversal.filter(id__in=ids).order_by("id")


async def check(row: VatReversal, paper: Paper) -> None:
    """Raises InvalidInput for what was canceled, or is of other refunds with all of its money."""
    found = [one for one in await _likely(row, paper) if _is(one, paper)]
    standing = [one for one in found if one.ended_at is None]
    canceled = not standing and any(one.ended_because == versions.CANCELED for one in found)
    if canceled or await versions.is_canceled(row.merchant_id, normal(paper.number), paper.number, paper.issued_on):
        raise InvalidInput(
            f"Document {paper.number} was canceled, and takes nothing back: enter the document that is of this refund.",
            path=_PATH,
        )
    for one in standing:
        shares = await TaxDocumentShare.filter(document_id=one.id, voided_at=None)
        whole = sum(share.amount for share in shares) == one.total
        if whole and row.id not in {share.reversal_id for share in shares}:
            raise InvalidInput(
                f"Document {paper.number} is of other refunds, with all of its money: enter the one of this refund.",
                path=_PATH,
            )


async def _likely(row: VatReversal, paper: Paper) -> list[TaxDocument]:
    """The documents of that name, those of refunds of its sale, and those of this day, money and sale."""
    of_sale = await TaxDocumentShare.filter(reversal__payment_id=row.payment_id).values_list("document_id", flat=True)
    named = TaxDocument.filter(merchant_id=row.merchant_id, name=normal(paper.number))
    refund, payment = await Refund.get(id=row.refund_id), await Payment.get(id=row.payment_id)
    alike = TaxDocument.filter(merchant_id=row.merchant_id, issued_on=paper.issued_on, total=refund.amount)
    sale = normal(payment.tax_document or "")
    return [
        *await named,
        *await TaxDocument.filter(id__in=[str(one) for one in of_sale]),
        *(one for one in await alike if sale in one.originals or one.refund_reference == refund.reference),
    ]


def _is(document: TaxDocument | Document, paper: Paper) -> bool:
    """Whether that number is its name or its own; 7 is that of 1/7 where the day is the same."""
    if normal(paper.number) in (document.name, normal(document.number)):
        return True
    return document.issued_on == paper.issued_on and versions.ends_with(document.number, paper.number)
