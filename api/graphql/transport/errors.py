"""Why a mutation did nothing, as types: every one implements `Error`, and a union per mutation names which can come."""

from enum import Enum
from typing import Annotated, TypeVar

import strawberry

from api.graphql.spoken.languages import locale_of
from api.graphql.spoken.messages import in_words
from api.graphql.transport.scalars import BigInt, CurrencyCode, DateTime, Money
from domain.problems import Problem

_P = TypeVar("_P", bound=Problem)


@strawberry.enum(description="What went wrong. Members may be added.")
class ErrorCode(Enum):
    INVALID_INPUT = "INVALID_INPUT"
    NOT_FOUND = "NOT_FOUND"
    FORBIDDEN = "FORBIDDEN"
    INVALID_STATE = "INVALID_STATE"
    AMOUNT_EXCEEDS_REFUNDABLE = "AMOUNT_EXCEEDS_REFUNDABLE"
    CURRENCY_MISMATCH = "CURRENCY_MISMATCH"
    PAYMENT_NOT_REFUNDABLE = "PAYMENT_NOT_REFUNDABLE"
    PAYMENT_CONTRADICTED = "PAYMENT_CONTRADICTED"
    REFUND_WINDOW_EXPIRED = "REFUND_WINDOW_EXPIRED"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    RATE_LIMITED = "RATE_LIMITED"
    CAP_EXCEEDED = "CAP_EXCEEDED"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"


@strawberry.interface(description="Nothing was done. Branch on `code` or `__typename`, which are stable.")
class Error:
    code: ErrorCode
    path: list[str] = strawberry.field(description="The input field that it is about; empty: the whole.")
    said: strawberry.Private[str]

    @strawberry.field(
        description="What was wrong and what to do about it, for a person; its words are not stable. `locale` is en, "
        "zh-CN, es or pt-BR, else what Accept-Language asks for."
    )
    def message(self, locale: str | None = None) -> str:
        return in_words(self.said, self.code.value, locale_of(locale))


@strawberry.type(description="The input cannot be used as it is.")
class InvalidInputError(Error):
    pass


@strawberry.type(description="It does not exist, or it is not yours.")
class NotFoundError(Error):
    pass


@strawberry.type(description="You do not have the permission, or not there.")
class ForbiddenError(Error):
    pass


@strawberry.type(description="The state does not allow it (any more).")
class InvalidStateError(Error):
    current_state: str


@strawberry.type(description="More was asked for than can still be refunded; amounts are never lowered for you.")
class AmountExceedsRefundableError(Error):
    requested: Money
    refundable: Money


@strawberry.type(description="A refund is made in the currency of its payment.")
class CurrencyMismatchError(Error):
    expected: CurrencyCode
    given: CurrencyCode


@strawberry.type(description="The payment cannot be refunded: not any more, not yet, or not at all.")
class NotRefundableError(Error):
    deadline_at: DateTime | None = strawberry.field(description="Until when it could have been.")
    earliest_at: DateTime | None = strawberry.field(description="From when it can be.")


@strawberry.type(description="The key was used before with another input.")
class IdempotencyConflictError(Error):
    original_request_id: str


@strawberry.type(description="Too often; nothing was done.")
class RateLimitedError(Error):
    retry_after: int = strawberry.field(description="Seconds until it may be asked for again.")


@strawberry.type(description="A cap of the merchant's own allows no more today; nothing was done.")
class CapExceededError(Error):
    cap: str = strawberry.field(description="The cap's name.")
    per: str = strawberry.field(description="Whose refunds it counts together: PARTY, STORE, MERCHANT or CUSTOMER.")
    limit: Money | None = strawberry.field(description="At most so much in a day.")
    left: Money | None = strawberry.field(description="So much of it is left today.")
    count: int | None = strawberry.field(description="At most so many refunds in a day.")
    count_left: int | None = strawberry.field(description="So many of them are left today.")
    renews_at: DateTime = strawberry.field(description="When the merchant's next day begins.")


@strawberry.type(description="A hard quota of your plan is used up for this month; nothing was done.")
class QuotaExceededError(Error):
    counter: str = strawberry.field(description="What is used up: REFUNDS or API_CALLS.")
    used: BigInt
    limit: BigInt
    renews_at: DateTime = strawberry.field(description="When your next month begins, and it may be asked for again.")


RefundCreateError = Annotated[
    InvalidInputError
    | NotFoundError
    | ForbiddenError
    | InvalidStateError
    | AmountExceedsRefundableError
    | CurrencyMismatchError
    | NotRefundableError
    | CapExceededError
    | IdempotencyConflictError
    | QuotaExceededError,
    strawberry.union(name="RefundCreateError"),
]
RefundRetryError = Annotated[
    InvalidInputError
    | NotFoundError
    | ForbiddenError
    | InvalidStateError
    | AmountExceedsRefundableError
    | CurrencyMismatchError
    | NotRefundableError
    | CapExceededError
    | IdempotencyConflictError
    | QuotaExceededError,
    strawberry.union(name="RefundRetryError"),
]
RefundCancelError = Annotated[
    InvalidInputError | NotFoundError | ForbiddenError | InvalidStateError | IdempotencyConflictError,
    strawberry.union(name="RefundCancelError"),
]
RefundRefreshError = Annotated[
    InvalidInputError | NotFoundError | ForbiddenError | InvalidStateError | RateLimitedError,
    strawberry.union(name="RefundRefreshError"),
]
RefundResolveDoubtError = Annotated[
    InvalidInputError | NotFoundError | ForbiddenError | InvalidStateError,
    strawberry.union(name="RefundResolveDoubtError"),
]
DestinationProvideError = Annotated[
    InvalidInputError | NotFoundError | ForbiddenError | InvalidStateError | IdempotencyConflictError,
    strawberry.union(name="DestinationProvideError"),
]
DestinationLinkCreateError = Annotated[
    InvalidInputError | NotFoundError | ForbiddenError | InvalidStateError,
    strawberry.union(name="DestinationLinkCreateError"),
]
FindingError = Annotated[
    InvalidInputError | NotFoundError | ForbiddenError | InvalidStateError | IdempotencyConflictError,
    strawberry.union(name="FindingError"),
]
DecisionError = Annotated[
    InvalidInputError | NotFoundError | ForbiddenError | InvalidStateError,
    strawberry.union(name="DecisionError"),
]
ConnectionPreflightError = Annotated[
    InvalidInputError | NotFoundError | ForbiddenError | RateLimitedError,
    strawberry.union(name="ConnectionPreflightError"),
]
ConnectionCertifyError = Annotated[
    InvalidInputError | NotFoundError | ForbiddenError | InvalidStateError | RateLimitedError,
    strawberry.union(name="ConnectionCertifyError"),
]
PaymentAskAgainError = Annotated[
    InvalidInputError | NotFoundError | ForbiddenError | InvalidStateError,
    strawberry.union(name="PaymentAskAgainError"),
]
PaymentWithdrawError = Annotated[
    InvalidInputError | NotFoundError | ForbiddenError | InvalidStateError | IdempotencyConflictError,
    strawberry.union(name="PaymentWithdrawError"),
]
FileAnnounceError = Annotated[
    InvalidInputError | ForbiddenError | RateLimitedError, strawberry.union(name="FileAnnounceError")
]
BookkeepingError = Annotated[
    InvalidInputError | NotFoundError | ForbiddenError | IdempotencyConflictError,
    strawberry.union(name="BookkeepingError"),
]
RefundQuoteError = Annotated[
    InvalidInputError | NotFoundError | AmountExceedsRefundableError | CurrencyMismatchError | NotRefundableError,
    strawberry.union(name="RefundQuoteError"),
]
ConnectionError = Annotated[
    InvalidInputError | NotFoundError | ForbiddenError | InvalidStateError | IdempotencyConflictError,
    strawberry.union(name="ConnectionError"),
]
BankError = Annotated[
    InvalidInputError | NotFoundError | ForbiddenError | InvalidStateError | IdempotencyConflictError,
    strawberry.union(name="BankError"),
]
NightError = Annotated[
    InvalidInputError | NotFoundError | ForbiddenError | InvalidStateError | IdempotencyConflictError,
    strawberry.union(name="NightError"),
]
NewsError = Annotated[
    InvalidInputError | NotFoundError | ForbiddenError | InvalidStateError,
    strawberry.union(name="NewsError"),
]
ShopError = Annotated[
    InvalidInputError
    | NotFoundError
    | ForbiddenError
    | InvalidStateError
    | IdempotencyConflictError
    | RateLimitedError,
    strawberry.union(name="ShopError"),
]
ShopRefundError = Annotated[
    InvalidInputError | NotFoundError | ForbiddenError | InvalidStateError | QuotaExceededError,
    strawberry.union(name="ShopRefundError"),
]
AccessError = Annotated[
    InvalidInputError | NotFoundError | ForbiddenError | IdempotencyConflictError | RateLimitedError,
    strawberry.union(name="AccessError"),
]
ExportError = Annotated[
    InvalidInputError
    | NotFoundError
    | ForbiddenError
    | InvalidStateError
    | IdempotencyConflictError
    | RateLimitedError
    | QuotaExceededError,
    strawberry.union(name="ExportError"),
]
BatchError = Annotated[
    InvalidInputError
    | NotFoundError
    | ForbiddenError
    | InvalidStateError
    | IdempotencyConflictError
    | RateLimitedError
    | QuotaExceededError,
    strawberry.union(name="BatchError"),
]
PeriodError = Annotated[
    InvalidInputError | NotFoundError | ForbiddenError | InvalidStateError | IdempotencyConflictError,
    strawberry.union(name="PeriodError"),
]
PaymentRegisterError = Annotated[
    InvalidInputError
    | NotFoundError
    | ForbiddenError
    | InvalidStateError
    | CurrencyMismatchError
    | IdempotencyConflictError,
    strawberry.union(name="PaymentRegisterError"),
]
