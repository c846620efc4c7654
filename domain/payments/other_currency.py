"""What a PSE tells of a payment in another currency than the payment's: how much of ours that is, nobody says.

It is not booked, because any number would be a guess; a person is told. What is told in the payment's own currency
afterwards closes it.
"""

from typing import Final

from domain.findings import findings
from domain.findings.findings import FindingKind, Found
from domain.models import Payment
from domain.money import Money

AGREES: Final = "It was told in the payment's own currency."


async def told(payment: Payment, amount: Money, name: str) -> bool:
    """Whether what is called so is told in another currency; then a finding of it is open.

    `name`: the PSE's, within the connection.
    """
    if amount.currency == payment.currency:
        await findings.resolve(payment.merchant_id, _fingerprint(name), AGREES)
        return False
    found = _found(payment, amount, name)
    await findings.open_finding(found)
    await findings.open_again([found], AGREES)
    return True


def _found(payment: Payment, amount: Money, name: str) -> Found:
    return Found(
        kind=FindingKind.CURRENCY_MISMATCH,
        merchant_id=payment.merchant_id,
        connection_id=payment.connection_id,
        fingerprint=_fingerprint(name),
        amount=amount,
        explanation=(
            f"The PSE tells of {amount} of payment {payment.pse_reference}, which is in {payment.currency} "
            f"({name.rpartition('/')[2]}): how much of it that is, it does not say, and nothing was booked."
        ),
        payment_id=payment.id,
        detail={
            "ours": {"currency": payment.currency},
            "theirs": {"currency": amount.currency, "amount": amount.minor_units},
            "differs": ["currency"],
        },
    )


def _fingerprint(name: str) -> str:
    return f"currency-told/{name}"
