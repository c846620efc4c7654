"""The VAT of a refund that has left is to be taken back: where no report line will say so, its own news does."""

from typing import Final

from domain.connections import connections
from domain.findings import findings, names
from domain.findings.findings import FindingKind, Found
from domain.models import Refund
from domain.money import Money
from domain.platform.database import rows
from domain.pse.registry import connector
from domain.taxes import reversals

_PROVEN: Final = (
    "SELECT 1 AS one FROM settlement_lines WHERE refund_id = $1 AND effect = 'REFUND' AND voided_at IS NULL LIMIT 1"
)


async def flag_unreported(refund: Refund, tax: int) -> None:
    """Open the finding of a refund that has left and that no report line is expected of. `tax`: minor units."""
    if tax == 0:
        return
    pse = await connections.pse_of(refund.connection_id)
    if refund.paid_by_bank_transfer or connector(pse).report_lag_days is None:
        await _flag(refund, tax)


async def flag_late(refund: Refund, tax: int) -> None:
    """Open the finding of a refund that has left and was proven before its VAT (minor units) was declared."""
    if await rows(_PROVEN, refund.id):
        await _flag(refund, tax)
    else:
        await flag_unreported(refund, tax)


async def _flag(refund: Refund, tax: int) -> None:
    amount = Money(tax, refund.currency)
    found = Found(
        kind=FindingKind.VAT_REVERSAL_NEEDED,
        merchant_id=refund.merchant_id,
        connection_id=refund.connection_id,
        fingerprint=names.vat(refund.id),
        amount=amount,
        explanation=(
            f"Refund {refund.reference} has left; {amount} of VAT was paid on the sale and has not been taken back."
        ),
        refund_id=refund.id,
        payment_id=refund.payment_id,
    )
    for one in await reversals.needed([found]):
        await findings.open_finding(one)
