"""From which size on a whole sheet of refunds is confirmed by another person, where the merchant has said nothing."""

from collections.abc import Mapping
from typing import Final

from domain.access.small import ANY_OTHER, SMALL

KIND: Final = "BATCH"  # of approval_rules
NAME: Final = "SEND_BATCHES"
ROWS_ANY: Final = "ROWS"  # among the amounts by currency: the number of rows
_TIMES: Final = 25  # from there on a single refund needs another person, too (LARGE_AMOUNT)
DEFAULT: Final[Mapping[str, int]] = {
    ROWS_ANY: 50,
    **{currency: amount * _TIMES for currency, amount in SMALL.items() if currency != ANY_OTHER},
    ANY_OTHER: 0,
}
