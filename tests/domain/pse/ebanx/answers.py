"""What EBANX answers, as the tests of its connector tell it."""

from datetime import UTC, datetime

from domain.money import Money
from domain.pse.ebanx.connector import Ebanx
from domain.pse.vocabulary import Method, RefundOrder

EBANX = Ebanx()
HASH = "59386e0a5f258ffed3bee6fecc9150f916d1e19aa50ec68c"
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

ORDER = RefundOrder(
    base_url="https://sandbox.ebanxpay.com",
    reference="abcdefghij0123456789",
    payment_reference=HASH,
    pse_refund_reference=None,
    method=Method.CARD,
    amount=Money(1_023, "USD"),
    captured=Money(8_000, "USD"),
    attempt=1,
    succeeded=False,
)
