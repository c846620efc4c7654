"""The one place where a mutation that was refused becomes a payload: its errors, and nothing else in it."""

import dataclasses
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any, TypeVar

from api.graphql.access import noted
from api.graphql.context import Info
from api.graphql.transport.errors import errors_of
from domain.access import policies
from domain.platform import idempotency
from domain.problems import Forbidden, Problem, QuotaExceeded
from domain.usage import quotas

Input = TypeVar("Input")
Payload = TypeVar("Payload")
MutationBody = Callable[[Info, Input], Awaitable[Payload]]


def answering(payload: type[Payload]) -> Callable[[MutationBody[Input, Payload]], MutationBody[Input, Payload]]:
    """A mutation that takes its permission, and whose Problem is answered with `payload`.

    In it are `errors` and `request_id`; each other field is null or false.

    A problem that has no typed error is a bug: it is raised again, masked and logged.
    """
    told = ("errors", "request_id")
    make: Any = payload  # Strawberry's types are dataclasses, which a type variable does not say
    nothing = {one.name: False if one.type is bool else None for one in dataclasses.fields(make)}
    empty = {name: value for name, value in nothing.items() if name not in told}

    def decorate(mutation: MutationBody[Input, Payload]) -> MutationBody[Input, Payload]:
        @wraps(mutation)
        async def answered(info: Info, input: Input) -> Payload:
            try:
                policies.check(info.context.principal, "Mutation", info.field_name)
                await _check_quota(info, input)
                return await mutation(info, input)
            except Problem as problem:
                if isinstance(problem, Forbidden):
                    await noted.refused(info.context, info.field_name, problem)
                refused: Payload = make(**empty, errors=errors_of(problem), request_id=info.context.request_id)
                return refused

        return answered

    return decorate


async def _check_quota(info: Info, input: Any) -> None:
    """Raises QuotaExceeded for what would begin something new. The key of what was begun gives that, as ever."""
    merchant_id = info.context.principal.merchant_id
    try:
        quotas.check(merchant_id, info.field_name, datetime.now(UTC))
    except QuotaExceeded:
        key = getattr(input, "idempotency_key", None)
        if key is None or not await idempotency.is_known(merchant_id, info.field_name, key):
            raise
