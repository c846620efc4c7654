"""What a reversal books: VAT documented, VAT lost, and either of them undone by adding the same, turned round."""

from datetime import date
from uuid import UUID

from domain.books import ledger
from domain.books.ledger import Posting
from domain.cause import Cause
from domain.models import VatReversal
from domain.models.ledger import Entry
from domain.platform.database import rows

_OUTPUT_VAT = """
SELECT coalesce(sum(CASE WHEN credit = 'OUTPUT_VAT' THEN amount ELSE 0 END
    - CASE WHEN debit = 'OUTPUT_VAT' THEN amount ELSE 0 END), 0)::bigint AS owed
FROM ledger_entries WHERE payment_id = $1 AND (debit = 'OUTPUT_VAT' OR credit = 'OUTPUT_VAT')"""


def cause_of(reversal_id: UUID, sequence: int, paper_on: date | None = None) -> str:
    """What the ledger calls a reversal's posting: none is made twice. `paper_on`: of which day its document is."""
    return f"vat/{reversal_id}/{sequence}" + ("" if paper_on is None else f"/{paper_on}")


async def post(
    reversal: VatReversal, entry: Entry, cause: Cause, *, paper_on: date | None = None, undo: bool = False
) -> None:
    """Post an entry of the reversal inside the caller's transaction, which has locked it. Its sequence grows by one.

    `paper_on`: of which day the document is that it is about (taxes/report).
    """
    reversal.sequence += 1
    await ledger.post(
        [
            Posting(
                merchant_id=reversal.merchant_id,
                store_id=reversal.store_id,
                connection_id=reversal.connection_id,
                entry=entry,
                amount=reversal.amount,
                currency=reversal.currency,
                accounting_date=await ledger.today(reversal.merchant_id),
                cause=cause_of(reversal.id, reversal.sequence, paper_on),
                request_id=cause.request_id,
                payment_id=reversal.payment_id,
                refund_id=reversal.refund_id,
                reverse=undo,
            )
        ]
    )


async def output_vat(payment_id: UUID) -> int:
    """The VAT of a sale that is declared and not taken back, minor units. The caller has locked the payment."""
    (row,) = await rows(_OUTPUT_VAT, payment_id)
    owed: int = row["owed"]
    return owed
