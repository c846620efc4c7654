"""Refunded twice: more of a payment has left as refunds than was paid, or a person has paid what the PSE paid, too.

The money that is too much has been booked as taken under its name, and has a finding of its own that says who took it.
This one says that the customer has the money twice; whichever of both a person resolves clears it.
"""

from typing import Final
from uuid import UUID

from domain.findings import findings, names
from domain.findings.findings import FindingKind, Found
from domain.models import Payment
from domain.money import Money
from domain.platform.database import execute, rows

OVER: Final = "It has not left twice after all."
# What stands as taken, the latest first: who comes last takes what is too much. `paid`: it is called as a refund that a
# person has paid from the bank.
_STANDING: Final = """SELECT t.cause AS name, t.amount, EXISTS (SELECT 1 FROM refunds f WHERE f.payment_id = $1
    AND f.paid_by_bank_transfer AND f.state = 'SUCCEEDED' AND split_part(t.cause, $2, 1) = $3 || f.reference) AS paid
  FROM ledger_entries t WHERE t.payment_id = $1 AND t.entry = 'TAKEN' AND NOT EXISTS (SELECT 1 FROM ledger_entries b
    WHERE b.cause = ANY(ARRAY[t.cause || '/back', t.cause || '/ours', t.cause || '/void'])) ORDER BY t.id DESC"""
_CLOSE: Final = findings.closing(f"""SELECT f.id, $3::text AS said FROM findings f WHERE f.merchant_id = $1
  AND f.payment_id = $2 AND f.kind = 'DUPLICATE_REFUND' AND starts_with(f.fingerprint, 'DUPLICATE_REFUND/')
  AND {findings.MAY_END} AND NOT f.fingerprint = ANY($4)""")  # noqa: S608 - ours


async def flag(payment_id: UUID) -> None:
    """Open what has left twice, as the books are now, and close what has not. Under the payment's lock."""
    payment = await Payment.get(id=payment_id)
    found = await _found(payment)
    if found:
        await findings.open_findings(found)
        await findings.open_again(found, OVER)
    still = [findings.bounded(one.fingerprint) for one in found]
    await execute(_CLOSE, payment.merchant_id, payment.id, OVER, still)


async def _found(payment: Payment) -> list[Found]:
    over = payment.refunded + payment.taken_by_bank - payment.captured
    if payment.taken_by_bank <= 0:
        return []
    prefix = f"taken/{payment.connection_id}/{payment.pse_reference}/"
    found = []
    for row in await rows(_STANDING, payment.id, names.AGAIN, prefix):
        twice = row["amount"] if row["paid"] else min(row["amount"], max(over, 0))
        over -= twice
        if twice > 0:
            found.append(_twice(payment, row["name"], row["name"].removeprefix(prefix), twice))
    return found


def _twice(payment: Payment, name: str, called: str, amount: int) -> Found:
    said, paid = Money(amount, payment.currency), Money(payment.captured, payment.currency)
    return Found(
        kind=FindingKind.DUPLICATE_REFUND,
        merchant_id=payment.merchant_id,
        connection_id=payment.connection_id,
        fingerprint=names.money(FindingKind.DUPLICATE_REFUND, name),
        amount=said,
        explanation=(
            f"{said} of payment {payment.pse_reference} of {paid} has left twice: as a refund of ours, and without one "
            f"({called}). The customer seems to have it twice."
        ),
        payment_id=payment.id,
        detail={
            "ours": {"captured": payment.captured},
            "theirs": {"twice": amount, "reference": called},
            "differs": ["refunds"],
        },
    )
