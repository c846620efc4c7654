"""What the findings of the bank are called: each is opened once, and closed by who learns better."""

from typing import Final
from uuid import UUID

AGAIN: Final = "bank-line-again/"  # begins the name of what `again` tells


def missing(payout_id: UUID, amount: int) -> str:
    """No statement shows this payout, of so many minor units: another amount is another finding."""
    return f"payout-missing/{payout_id}/{amount}"


def unknown(line_id: UUID) -> str:
    """No payout explains this line, which has a PSE's words."""
    return f"bank-line/{line_id}"


def again(account_id: UUID, key: str) -> str:
    """A movement of this account (its line's key) counts as an earlier line, and may be another."""
    return f"{AGAIN}{account_id}/{key}"
