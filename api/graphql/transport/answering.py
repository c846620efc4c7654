"""The one place where what was refused becomes a payload: its errors, and nothing else in it."""

import dataclasses
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any, TypeVar
from uuid import UUID

from api.graphql.context import Info
from api.graphql.transport import ids, noted
from api.graphql.transport.problems import errors_of
from domain.access import policies
from domain.batches import batches
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
    refused = _refused(payload)

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
                return refused(info, problem)

        return answered

    return decorate


def foretelling(payload: type[Payload]) -> Callable[[MutationBody[Input, Payload]], MutationBody[Input, Payload]]:
    """A query of what a mutation would do, whose Problem is answered as that one's; but Forbidden is raised."""
    refused = _refused(payload)

    def decorate(query: MutationBody[Input, Payload]) -> MutationBody[Input, Payload]:
        @wraps(query)
        async def answered(info: Info, input: Input) -> Payload:
            try:
                return await query(info, input)
            except Forbidden:
                raise
            except Problem as problem:
                return refused(info, problem)

        return answered

    return decorate


def _refused(payload: type[Payload]) -> Callable[[Info, Problem], Payload]:
    """A payload of nothing but the errors and the request."""
    told = ("errors", "request_id")
    make: Any = payload  # Strawberry's types are dataclasses, which a type variable does not say
    nothing = {one.name: False if one.type is bool else None for one in dataclasses.fields(make)}
    empty = {name: value for name, value in nothing.items() if name not in told}

    def made(info: Info, problem: Problem) -> Payload:
        refused: Payload = make(**empty, errors=errors_of(problem), request_id=info.context.request_id)
        return refused

    return made


async def _check_quota(info: Info, input: Any) -> None:
    """Raises QuotaExceeded for what would begin something new. What was begun is given again, as ever."""
    merchant_id = info.context.principal.merchant_id
    try:
        quotas.check(merchant_id, info.field_name, datetime.now(UTC))
    except QuotaExceeded:
        if not await _was_begun(merchant_id, info.field_name, input):
            raise


async def _was_begun(merchant_id: UUID, operation: str, input: Any) -> bool:
    """Whether this was done before, and its answer lost: its key is known, or the sheet is confirmed."""
    if operation == batches.CONFIRM:
        return await batches.is_confirmed(merchant_id, ids.uuid_of(input.batch_id, ["input", "batchId"]))
    key = getattr(input, "idempotency_key", None)
    return key is not None and await idempotency.is_known(merchant_id, operation, key)
