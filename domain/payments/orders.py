"""Report lines that name no payment, only the merchant's order: they are of the one payment that has it.

The rule of domain/reconciliation/match, for lines that are stored already.
"""

from typing import Final

from domain.models import Payment
from domain.platform.alone import lock_name

# Of a line `l` and a payment `p`. As in the night, a payment that the same report names with the order counts, too.
LINE_OF_ORDER: Final = (
    "l.payment_id IS NULL AND l.voided_at IS NULL AND l.payment_reference IS NULL AND l.payment_alias IS NULL "
    "AND l.order_reference = p.order_reference AND p.withdrawn_at IS NULL "
    "AND NOT EXISTS (SELECT 1 FROM payments o WHERE o.merchant_id = p.merchant_id "
    "  AND o.connection_id = p.connection_id AND o.order_reference = p.order_reference AND o.id <> p.id "
    "  AND o.withdrawn_at IS NULL) "
    "AND NOT EXISTS (SELECT 1 FROM settlement_lines n WHERE n.report_id = l.report_id "
    "  AND n.order_reference = l.order_reference AND coalesce(n.payment_reference, n.payment_alias) IS NOT NULL "
    "  AND p.pse_reference NOT IN (coalesce(n.payment_reference, ''), coalesce(n.payment_alias, '')))"
)


async def one_at_a_time(payment: Payment) -> None:
    """Of two payments of one order that are registered at once, the later one sees the other. Inside a transaction."""
    if payment.order_reference is not None:
        key = f"order/{payment.connection_id}/{payment.order_reference}"
        await lock_name(key)
