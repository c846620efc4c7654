"""What an example may play beside the plain life of refunds: forms of report, and money that moves without us.

Each example draws a few of them (swarm testing), so that what one of them leads to is not diluted by all the others.
"""

from enum import StrEnum
from typing import Final

from hypothesis import strategies as st


class Feature(StrEnum):
    """One thing that an example may play. Without any, the report tells each refund's status with all its names."""

    MOVEMENTS = "MOVEMENTS"  # a line when money left, and another on the day when it came back
    PSE_NAMES = "PSE_NAMES"  # lines name a refund by the PSE's id alone
    NAMELESS = "NAMELESS"  # lines name the payment and the amount alone
    OURS_NAMED = (
        "OURS_NAMED"  # but for those of our refunds, which have their names; what was refused is paid after all
    )
    NAMELESS_RETURNS = "NAMELESS_RETURNS"  # so do the lines of what came back; the PSE refuses equal amounts
    TWO_KINDS = "TWO_KINDS"  # each night has two reports that tell the same
    OVERLAP = "OVERLAP"  # each report tells the lines of the day before again
    PARTS = "PARTS"  # payments are captured in parts, a line each
    MISTAKES = "MISTAKES"  # a report tells of money that never left, or of another amount, until it is revised
    DOUBLED = "DOUBLED"  # a report has a line twice
    ORDERS = "ORDERS"  # lines name the merchant's order too, or alone
    SHARED_ORDER = "SHARED_ORDER"  # two payments of one order, one of them not registered
    LATER = "LATER"  # a payment is registered after reports and webhooks spoke of it
    BACK_OFFICE = "BACK_OFFICE"  # somebody refunds in the PSE's back office
    BANK = "BANK"  # the bank takes money in parts, and gives it back
    CHARGEBACKS = "CHARGEBACKS"  # opened, reversed, and opened again
    NEWS = "NEWS"  # webhooks speak of money that moved without us
    TWINS = "TWINS"  # refunds of equal amount on one payment, each with a fate of its own
    ACCOUNTING = "ACCOUNTING"  # people say what became of findings, confirm it, and open them again
    PAYOUTS = "PAYOUTS"  # the PSE pays out, and statements of the bank show it
    BY_HAND = "BY_HAND"  # a refund is paid by bank transfer from beginning to end


F = Feature
# Under these, a report tells movements of money: what happened on its date, once, and for good.
_MOVEMENTS: Final = frozenset(F) - {
    F.BANK,
    F.NEWS,
    F.TWINS,
    F.BY_HAND,
    F.BACK_OFFICE,
    F.ORDERS,
    F.ACCOUNTING,
    F.PAYOUTS,
}
_DRAWN_MAX: Final = 4
DRAWS: Final = st.sets(st.sampled_from(list(Feature)), max_size=_DRAWN_MAX)


def tells_movements(features: frozenset[Feature]) -> bool:
    """Whether the reports are of movements."""
    return bool(features & _MOVEMENTS)
