"""What a PSE shows of a payment, compared with what was registered. Pure."""

from typing import Final

from domain.models import Payment
from domain.money import Money
from domain.pse.capabilities import Capability, Route
from domain.pse.vocabulary import Shown

SAID_MAX: Final = 500  # characters


def differences(payment: Payment, able: Capability, shown: Shown) -> str | None:
    """What the PSE shows otherwise than it was registered, in words; None: it is this payment.

    More or less may be registered than was captured: what the PSE shows bounds what is refunded. A method that we have
    no word for is nothing against one that goes back the way it came: the money reaches whoever paid.
    """
    found = []
    if not shown.ours:
        found.append(f"it is the payment of another merchant ({shown.account})")
    if shown.amount.currency != payment.currency:
        registered = Money(payment.captured, payment.currency)
        found.append(f"it is of {shown.amount}, and {registered} was registered")
    unknown = not shown.methods and able.route is Route.ORIGINAL
    if shown.captured and not unknown and payment.method not in shown.methods:
        found.append(f"it was paid by {shown.method_said}, and {payment.method} was registered")
    return "; ".join(found)[:SAID_MAX] or None


def gone_otherwise(shown: Shown, ours: int) -> int:
    """How much the PSE shows to have left without a refund of ours (minor units). `ours`: what they may account for."""
    return max(min(shown.given_back, shown.amount.minor_units) - ours, 0)


def other_amount(payment: Payment, shown: Shown, ours: int) -> str | None:
    """What the PSE shows of another amount than was registered, in words; None: it is the same, and all of it is there.

    What has left is said only where we do not know of it. `ours`: as of `gone_otherwise`.
    """
    registered, found = Money(payment.captured, payment.currency), []
    if shown.amount != registered:
        found.append(f"{registered} was registered, the PSE has captured {shown.amount}")
    gone, known = gone_otherwise(shown, ours), payment.taken_by_bank + max(payment.charged_back, 0)
    if gone > known:
        found.append(f"{Money(gone, payment.currency)} of it has left again without a refund of ours")
    return "; ".join(found) or None
