"""That somebody reads what is sensitive, or is refused, is written before they are answered."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from api.graphql.context import Context, Info
from domain.deeds import deeds
from domain.problems import Forbidden


@dataclass(frozen=True, slots=True)
class _Reading:
    """All that one operation reads of one kind is one statement (api/graphql/loaders)."""

    operation: str
    kind: str
    context: Context = field(compare=False, repr=False)

    async def __call__(self, ids: Sequence[UUID]) -> dict[UUID, None]:
        context = self.context
        await deeds.read(context.principal.merchant_id, self.operation, self.kind, ids, context.cause)
        return {}


async def read(info: Info, operation: str, kind: str, object_id: UUID) -> None:
    """Write that the caller reads this of an object: once for each within a while (domain/deeds)."""
    await info.context.loaders.one(_Reading(operation, kind, info.context), object_id)


async def refused(context: Context, operation: str, problem: Forbidden) -> None:
    """Write that the caller was refused. A customer never is: to them nothing exists."""
    if not context.principal.is_customer:
        await deeds.refused(context.principal.merchant_id, operation, context.cause, problem.code)


async def watched(found: Awaitable[Any], context: Context, operation: str) -> Any:
    """What a resolver gives; where it refuses, that is written."""
    try:
        return await found
    except Forbidden as problem:
        await refused(context, operation, problem)
        raise


async def refuse(context: Context, operation: str, problem: Forbidden) -> Any:
    """Write it, and raise it."""
    await refused(context, operation, problem)
    raise problem
