"""What a person is told of chargebacks: what left and came back, and where what is told does not agree."""

from typing import Final

from domain.findings.findings import FindingKind, Found
from domain.models import Payment
from domain.money import Money
from domain.payments.chargeback_facts import Fact

LOST: Final = "/lost/"  # in the fingerprint of what did not come back after all
UNBOOKED: Final = "/unbooked"  # in the fingerprint of what was told, and of which nobody can say how much left
EARLY: Final = "/early/"  # in the fingerprint of what came back, and nobody told to have left


def after_all_left(payment: Payment, fact: Fact) -> Found:
    """How much was charged back is not told, and by the books nothing was left: the customer may have it twice."""
    said = (
        f"Payment {payment.pse_reference} was charged back ({fact.name}), and all of it had left before. The PSE does "
        "not say how much was taken, so nothing was booked: the customer may have the money twice."
    )
    return found(payment, f"{fact.name}{UNBOOKED}", payment.captured, said, again=True)


def of_what_left(payment: Payment, fact: Fact, amount: int, turn: int) -> Found:
    """What left, and what else of the payment has left or may leave."""
    said = f"{money(payment, amount)} of payment {payment.pse_reference} was charged back ({fact.name})."
    if payment.reserved > 0:
        under_way = money(payment, payment.reserved)
        said += f" Refunds of {under_way} are under way: both may leave; cancel what was not sent."
    if payment.refunded + payment.taken_by_bank + payment.charged_back > payment.captured:
        said += f" {money(payment, payment.refunded + payment.taken_by_bank)} had left before: more than was captured."
    return found(payment, f"{fact.name}/{turn}", amount, said)


def found(payment: Payment, name: str, amount: int, said: str, *, again: bool = False) -> Found:
    """A finding of a chargeback of the payment; `name` makes it one of its own."""
    return Found(
        kind=FindingKind.CHARGEBACK,
        merchant_id=payment.merchant_id,
        connection_id=payment.connection_id,
        fingerprint=fingerprint(payment, name),
        amount=money(payment, amount),
        explanation=said,
        payment_id=payment.id,
        again=again,
    )


def differs(payment: Payment, fact: Fact, told: int, booked: int) -> Found:
    """A webhook tells another amount than is booked."""
    what = "came back of a chargeback" if fact.back else "was charged back"
    return Found(
        kind=FindingKind.AMOUNT_MISMATCH,
        merchant_id=payment.merchant_id,
        connection_id=payment.connection_id,
        fingerprint=of_amount(payment, fact, told),
        amount=money(payment, abs(told - booked)),
        explanation=(
            f"A webhook says that {money(payment, told)} of payment {payment.pse_reference} {what} ({fact.name}); it "
            f"had been told as {money(payment, booked)}, which is booked."
        ),
        payment_id=payment.id,
        detail={"reference": fact.name, "webhook": told, "ledger": booked},
    )


def of_amount(payment: Payment, fact: Fact, amount: int) -> str:
    """The fingerprint of what differs in the amount."""
    return f"amount/chargeback/{payment.id}/{'back' if fact.back else 'out'}/{fact.name}/{amount}"


def fingerprint(payment: Payment, name: str) -> str:
    """Of a finding of a chargeback of the payment."""
    return f"chargeback/{payment.id}/{name}"


def money(payment: Payment, amount: int) -> Money:
    """Minor units, in the payment's currency."""
    return Money(amount, payment.currency)
