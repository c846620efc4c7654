"""What was a refund after all has VAT that nobody has taken back."""

from typing import Final

from domain.findings import findings, names
from domain.findings.findings import FindingKind, Found
from domain.models import Finding, FindingResolution, Payment
from domain.money import Money

_TAKE_VAT_BACK: Final = (
    "Issue the tax document that takes the VAT back, in the period the law allows, and say so: CORRECTED with "
    "OUTPUT_VAT, its number in the note; or with VAT_LOST where nothing takes it back."
)


async def flag(finding: Finding, payment: Payment, said: FindingResolution) -> None:
    """Tell that so much VAT is to be taken back."""
    tax = Money(said.tax, said.currency)
    await findings.open_finding(
        Found(
            kind=FindingKind.VAT_REVERSAL_NEEDED,
            merchant_id=finding.merchant_id,
            connection_id=finding.connection_id,
            fingerprint=names.vat_of_finding(finding.id),
            amount=tax,
            explanation=(
                f"{Money(said.amount, said.currency)} of payment {payment.pse_reference} was a refund; {tax} of VAT "
                "was paid on the sale and has not been taken back."
            ),
            payment_id=payment.id,
            detail={"ours": {"refunded": said.amount, "tax": said.tax}, "theirs": {}, "differs": ["tax"]},
            again=True,
            action=_TAKE_VAT_BACK,
        )
    )
