"""What holds for a merchant that has said nothing else: each has a name, under which the merchant can say otherwise.

Amounts in minor units, about what they are in US dollars; they follow no exchange rate.
"""

from collections.abc import Mapping
from typing import Final

from domain.access.small import SMALL
from domain.refunds.approvals.rules import Need, Rule, Step, When, Word

APPROVE: Final = "APPROVE"
# About 5,000 US dollars. A currency that is not named needs a second person for any amount.
LARGE: Final[Mapping[str, int]] = {currency: amount * 25 for currency, amount in SMALL.items()}
SETTLE_BY_HAND: Final = "SETTLE_BY_HAND"
UNPROVEN_PAYMENT: Final = "UNPROVEN_PAYMENT"


def _one(name: str, why: str, when: When) -> Rule:
    return Rule(when, Need(name, why, (Step(APPROVE),)))


RULES: Final = (
    _one(
        "STAFF_DESTINATION",
        "Somebody of the merchant's named the account, and nobody at the PSE confirms whose it is.",
        When(whose_word=Word.STAFF),
    ),
    _one(
        "OTHER_HOLDER",
        "The customer named an account whose holder is not known to be the payer.",
        When(whose_word=Word.CUSTOMER, other_holder=True),
    ),
    _one(
        "CUSTOMERS_WORD",
        "The account is the customer's word alone, and the amount is not small.",
        When(whose_word=Word.CUSTOMER, amounts=SMALL),
    ),
    _one(
        UNPROVEN_PAYMENT,
        "Our client registered the payment, its PSE cannot be asked about it, and nobody else has confirmed it.",
        When(unproven=True),
    ),
    _one("LARGE_AMOUNT", "The amount is large.", When(amounts=LARGE)),
)
# Above this a refund that a person paid is settled by two, with a file.
SETTLED_BY_TWO: Final = SMALL
