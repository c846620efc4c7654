"""Refunds that have left with VAT, one of which a document takes back, and a document that names no sale of ours."""

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import uuid4

from domain.models import TaxDocument, VatReversal
from domain.pse.vocabulary import Succeeded
from domain.taxes import reversals
from tests.kit.console.world import Seeded
from tests.kit.factories import a_payment, a_refund, an_answer

QUERIES = {"vat/list": ["state=ALL"], "vat/documents": ["unmatched=yes"]}


async def seed(world: Seeded, copies: int) -> Mapping[str, str]:
    """Of each copy a reversal that waits, one that is documented, and a document of nobody's."""
    ids: dict[str, str] = {}
    for number in range(copies):
        payment = await a_payment(world.shop, amount=50_000, tax=9_000, order=f"vat-{number}", days_ago=2)
        for nth in range(2):
            refund = await a_refund(world.shop, payment, 5_000 + nth)
            await an_answer(refund, Succeeded())
            await reversals.open_of([refund.id])
            row = await VatReversal.get(refund_id=refund.id)
            ids.setdefault("reversal", str(row.id))
        await VatReversal.filter(id=row.id).update(
            note=world.said("The customer sent it back."), decided_by="Ana Souza"
        )
        await TaxDocument.create(
            id=uuid4(), merchant_id=world.shop.id, country="BR", kind="NFE", name=f"35{number:042}", number=f"{number}",
            issued_on=datetime.now(UTC).date(), currency="BRL", total=5_000, tax=900, originals=[], facts="0" * 64,
            checked={}, problem=world.said("No sale of that document is known."), imported_by="Ana Souza",
        )  # fmt: skip
    return ids
