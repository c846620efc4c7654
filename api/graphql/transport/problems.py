"""The problems of the domain as errors of the API."""

from collections.abc import Callable
from typing import Any, Final

from api.graphql.transport.errors import (
    AmountExceedsRefundableError,
    CapExceededError,
    CurrencyMismatchError,
    Error,
    ErrorCode,
    ForbiddenError,
    IdempotencyConflictError,
    InvalidInputError,
    InvalidStateError,
    NotFoundError,
    NotRefundableError,
    QuotaExceededError,
    RateLimitedError,
)
from api.graphql.transport.scalars import BigInt, CurrencyCode, DateTime, Money
from domain import problems
from domain.problems import Problem


def _plain(type_: Callable[..., Error]) -> Callable[[Any], Error]:
    return lambda problem: type_(**_common(problem))


def _common(problem: Problem) -> dict[str, Any]:
    return {"code": ErrorCode(problem.code), "said": problem.message, "path": list(problem.path)}


def _invalid_state(problem: problems.InvalidState) -> Error:
    return InvalidStateError(**_common(problem), current_state=problem.current_state)


def _rate_limited(problem: problems.RateLimited) -> Error:
    return RateLimitedError(**_common(problem), retry_after=problem.retry_after)


def _quota_exceeded(problem: problems.QuotaExceeded) -> Error:
    return QuotaExceededError(
        **_common(problem),
        counter=problem.counter,
        used=BigInt(problem.used),
        limit=BigInt(problem.limit),
        renews_at=DateTime(problem.renews_at),
    )


def _cap_exceeded(problem: problems.CapExceeded) -> Error:
    return CapExceededError(
        **_common(problem),
        cap=problem.cap,
        per=problem.per,
        limit=Money.of(problem.limit) if problem.limit else None,
        left=Money.of(problem.left) if problem.left else None,
        count=problem.count,
        count_left=problem.count_left,
        renews_at=DateTime(problem.renews_at),
    )


def _amount_exceeds(problem: problems.AmountExceedsRefundable) -> Error:
    return AmountExceedsRefundableError(
        **_common(problem), requested=Money.of(problem.requested), refundable=Money.of(problem.refundable)
    )


def _currency_mismatch(problem: problems.CurrencyMismatch) -> Error:
    return CurrencyMismatchError(
        **_common(problem), expected=CurrencyCode(problem.expected), given=CurrencyCode(problem.given)
    )


def _not_refundable(problem: problems.NotRefundable) -> Error:
    return NotRefundableError(
        **_common(problem),
        deadline_at=DateTime(problem.deadline_at) if problem.deadline_at else None,
        earliest_at=DateTime(problem.earliest_at) if problem.earliest_at else None,
    )


def _idempotency_conflict(problem: problems.IdempotencyConflict) -> Error:
    return IdempotencyConflictError(**_common(problem), original_request_id=problem.original_request_id)


_ERRORS: Final[dict[type[Problem], Callable[[Any], Error]]] = {
    problems.InvalidInput: _plain(InvalidInputError),
    problems.NotFound: _plain(NotFoundError),
    problems.Forbidden: _plain(ForbiddenError),
    problems.InvalidState: _invalid_state,
    problems.RateLimited: _rate_limited,
    problems.CapExceeded: _cap_exceeded,
    problems.QuotaExceeded: _quota_exceeded,
    problems.AmountExceedsRefundable: _amount_exceeds,
    problems.CurrencyMismatch: _currency_mismatch,
    problems.NotRefundable: _not_refundable,
    problems.PaymentContradicted: _not_refundable,
    problems.WindowExpired: _not_refundable,
    problems.IdempotencyConflict: _idempotency_conflict,
}


def errors_of(problem: Problem) -> list[Any]:
    """The typed error of a domain problem, as the `errors` of a payload.

    The list is `Any` because each payload declares its own union; a test walks the table and the unions.
    A problem without a row here is a bug: it is raised again, masked and logged.
    """
    make = next((_ERRORS[kind] for kind in type(problem).__mro__ if kind in _ERRORS), None)
    if make is None:
        raise problem
    return [make(problem)]
