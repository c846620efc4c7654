"""Why something a client asked for was not done. Each says what to do, and carries the facts as fields."""

from dataclasses import dataclass, field
from datetime import datetime

from domain.money import Money


@dataclass(eq=False)
class Problem(Exception):
    """A refusal: nothing was written. `message` is for developers; clients branch on the class and its `code`."""

    message: str
    path: list[str] = field(default_factory=list, kw_only=True)
    code = "INVALID_INPUT"

    def __str__(self) -> str:
        return self.message


class InvalidInput(Problem):
    """The input cannot be used; `path` says where."""

    code = "INVALID_INPUT"


class NotFound(Problem):
    """It does not exist, or it is another merchant's: the two look the same on purpose."""

    code = "NOT_FOUND"


class Forbidden(Problem):
    """The caller's role may not do this."""

    code = "FORBIDDEN"


@dataclass(eq=False)
class InvalidState(Problem):
    """The refund's state does not allow it."""

    current_state: str = field(kw_only=True)
    code = "INVALID_STATE"


@dataclass(eq=False)
class RateLimited(Problem):
    """Too often. `retry_after`: seconds until the next one may pass."""

    retry_after: int = field(kw_only=True)
    code = "RATE_LIMITED"


@dataclass(eq=False)
class CapExceeded(Problem):
    """More, or more often, than a cap of the merchant's own allows in a day; `renews_at` is UTC."""

    cap: str = field(kw_only=True)
    per: str = field(kw_only=True)
    renews_at: datetime = field(kw_only=True)
    limit: Money | None = field(default=None, kw_only=True)
    left: Money | None = field(default=None, kw_only=True)
    count: int | None = field(default=None, kw_only=True)
    count_left: int | None = field(default=None, kw_only=True)
    code = "CAP_EXCEEDED"


@dataclass(eq=False)
class QuotaExceeded(Problem):
    """A hard quota of the merchant's plan is used up for this month; `renews_at` is UTC."""

    counter: str = field(kw_only=True)
    used: int = field(kw_only=True)
    limit: int = field(kw_only=True)
    renews_at: datetime = field(kw_only=True)
    code = "QUOTA_EXCEEDED"


@dataclass(eq=False)
class AmountExceedsRefundable(Problem):
    """More is asked for than is left of the payment."""

    requested: Money = field(kw_only=True)
    refundable: Money = field(kw_only=True)
    code = "AMOUNT_EXCEEDS_REFUNDABLE"


@dataclass(eq=False)
class CurrencyMismatch(Problem):
    """The amount is in another currency than the payment."""

    expected: str = field(kw_only=True)
    given: str = field(kw_only=True)
    code = "CURRENCY_MISMATCH"


@dataclass(eq=False)
class NotRefundable(Problem):
    """The payment cannot be refunded (any more); `deadline_at` (UTC) is until when it could have been."""

    deadline_at: datetime | None = field(default=None, kw_only=True)
    earliest_at: datetime | None = field(default=None, kw_only=True)
    code = "PAYMENT_NOT_REFUNDABLE"


class PaymentContradicted(NotRefundable):
    """The PSE does not know the payment, or knows another than was registered."""

    code = "PAYMENT_CONTRADICTED"


class WindowExpired(NotRefundable):
    """The PSE takes no refund of so old a payment."""

    code = "REFUND_WINDOW_EXPIRED"


@dataclass(eq=False)
class IdempotencyConflict(Problem):
    """The key was used before with another input."""

    original_request_id: str = field(kw_only=True)
    code = "IDEMPOTENCY_KEY_REUSED"
