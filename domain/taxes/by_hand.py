"""Documents by which a person has taken back the VAT of what turned out to be a refund, when resolving its finding.

Nobody can read from a note which document that was. So as many documents of that sale and of just that money as there
are such resolutions are taken for theirs, and of no refund of ours: what is taken back twice is worse than a question.
Where it was no refund after all, or came back, the books undo it with what was said; the document itself stays where it
was filed: a person is told.
"""

from collections.abc import Mapping
from typing import Any, Final

from domain.findings import findings
from domain.findings.findings import FindingKind, Found
from domain.findings.names import VAT_OF_FINDING, vat_returned
from domain.models import TaxDocument
from domain.money import Money
from domain.platform.database import execute, rows

TAKEN: Final = (
    "A person has taken the VAT of just so much money of that sale back by hand: if it was by this document, nothing "
    "is left to do; if not, name the refund (its reference) in a table."
)
# Resolutions that stand, of VAT of refunds of $4 of sales whose document has one of these names (the same expression as
# its index), beside the other documents of that money that are taken for theirs.
_TAKEN: Final = r"""
SELECT (SELECT count(*) FROM payments p JOIN findings v ON v.payment_id = p.id AND starts_with(v.fingerprint, $6)
      JOIN finding_resolutions s ON s.finding_id = v.id AND s.started_at IS NOT NULL AND s.ended_at IS NULL
      JOIN finding_resolutions r ON r.finding_id = split_part(v.fingerprint, '/', 3)::uuid
        AND r.started_at IS NOT NULL AND r.ended_at IS NULL
    WHERE p.merchant_id = $1 AND p.tax_document IS NOT NULL AND regexp_replace(btrim(regexp_replace(
        upper(p.tax_document), '[^0-9A-Z]+', '-', 'g'), '-'), '(^|-)0+(?=[0-9])', '\1', 'g') = ANY($2::text[])
      AND s.account = 'OUTPUT_VAT' AND r.tax > 0 AND r.amount = $4 AND r.currency = $5)
  > (SELECT count(*) FROM tax_documents d WHERE d.merchant_id = $1 AND d.id <> $3 AND d.ended_at IS NULL
      AND d.problem = $7 AND d.total = $4 AND d.currency = $5 AND d.originals::jsonb ?| $2::text[]) AS taken"""


async def has_taken(document: TaxDocument) -> bool:
    """Whether it is to be taken for one of those; never where it names a refund of ours itself."""
    if document.refund_reference is not None or not document.originals:
        return False
    names: Any = list(document.originals)
    what = (document.total, document.currency, VAT_OF_FINDING, TAKEN)
    (row,) = await rows(_TAKEN, document.merchant_id, names, document.id, *what)
    return bool(row["taken"])


# Of findings of VAT: whether what they are about is a refund, as somebody says, and what was said to take it back last.
_LATEST: Final = """
FROM (SELECT DISTINCT finding_id FROM finding_resolutions WHERE account = 'OUTPUT_VAT' AND started_at IS NOT NULL) AS t
JOIN findings v ON v.id = t.finding_id JOIN payments p ON p.id = v.payment_id
CROSS JOIN LATERAL (SELECT s.id, s.amount, s.note FROM finding_resolutions s WHERE s.finding_id = v.id
    AND s.account = 'OUTPUT_VAT' AND s.started_at IS NOT NULL ORDER BY s.started_at DESC LIMIT 1) AS d
CROSS JOIN LATERAL (SELECT EXISTS (SELECT 1 FROM finding_resolutions r
    WHERE r.finding_id = split_part(v.fingerprint, '/', 3)::uuid AND r.tax > 0 AND r.started_at IS NOT NULL
      AND r.ended_at IS NULL) AS stands) AS about
WHERE starts_with(v.fingerprint, $1) AND v.kind = 'VAT_REVERSAL_NEEDED'"""
_UNDONE: Final = f"""SELECT v.merchant_id, v.connection_id, v.payment_id, v.currency, p.pse_reference,
    split_part(v.fingerprint, '/', 3) AS about, d.id, d.amount, d.note {_LATEST} AND NOT about.stands
ORDER BY v.id"""
_HOLDS: Final = findings.closing(
    "SELECT f.id, $2::text AS said "
    + _LATEST.replace(
        "JOIN findings v ON v.id = t.finding_id",
        "JOIN findings v ON v.id = t.finding_id JOIN findings f ON f.merchant_id = v.merchant_id "
        "AND f.fingerprint = $3 || split_part(v.fingerprint, '/', 3)",
    )
    + " AND f.resolved_at IS NULL AND about.stands"
)


async def tell_undone() -> None:
    """A finding of each document whose VAT the books owe again; of what is a refund again it is closed."""
    await execute(_HOLDS, VAT_OF_FINDING, "It was said to be a refund again.", vat_returned(""))
    await findings.open_findings([_undone(row) for row in await rows(_UNDONE, VAT_OF_FINDING)])


def _undone(row: Mapping[str, Any]) -> Found:
    vat = Money(row["amount"], row["currency"])
    return Found(
        kind=FindingKind.VAT_DOCUMENT_DIFFERS,
        merchant_id=row["merchant_id"],
        connection_id=row["connection_id"],
        fingerprint=vat_returned(row["about"]),
        amount=vat,
        explanation=(
            f"{vat} of VAT of payment {row['pse_reference']} was taken back by a document ({row['note']}), and what it "
            "was of is no refund any more: a counter-document is needed."
        ),
        payment_id=row["payment_id"],
        detail={
            "ours": {"state": "UNDONE"},
            "theirs": {"document": row["note"], "said": str(row["id"])},
            "differs": ["state"],
        },
        action="Issue the counter-document (a debit note), or cancel the document, and resolve this with its number.",
    )
