"""What may be asked on a socket: subscriptions, each counted, and nothing else."""

import contextlib
import math
from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from graphql import GraphQLError
from strawberry.schema import BaseSchema
from strawberry.types.execution import PreExecutionError

from api.doors import RATE_LIMITED, Gate, Holder, too_often
from api.graphql.transport.codes import BAD_REQUEST, NOT_TRUSTED
from api.graphql.transport.documents import Reader, TooManyDocuments, reader
from api.graphql.transport.trusted import REFUSED, TrustedDocuments
from api.places import HeldPlace

if TYPE_CHECKING:
    from strawberry.schema.schema import SubscriptionResult

C = TypeVar("C")


class SubscriptionsOnly(Generic[C]):
    """A schema that runs subscriptions, each with a context of its own, and refuses queries and mutations.

    What guards a mutation over HTTP would have to be kept twice otherwise, and a context that lives as long as its
    socket would let a loader answer with what it read an hour ago.
    """

    def __init__(
        self,
        schema: BaseSchema,
        new_context: Callable[[], C],
        gate: Gate,
        holder: Holder,
        trusted: TrustedDocuments,
    ) -> None:
        self._schema = schema
        self._new_context = new_context
        self._gate = gate
        self._holder = holder
        self._trusted = trusted

    async def stream(self, query: str | None, **arguments: Any) -> AsyncGenerator[Any, None]:
        """The items of one operation; a refusal is one item with an error. Its place is given back at the end."""
        if not query:
            return _refused("The request has no `query`.", BAD_REQUEST)
        query = self._trusted.trusted(query)
        if query is None:
            return _refused(REFUSED, NOT_TRUSTED)
        seconds = await self._gate.rates.seconds_to_wait("token", self._holder.token)
        held = None if seconds else self._gate.subscriptions.take(self._holder.places)
        if held is None:
            said = too_often(seconds) if seconds else "Too many subscriptions are open; end one of yours."
            return _refused(said, seconds=seconds)
        try:
            # Each operation has a task of its own.
            reader.set(Reader(self._gate.rates, self._holder, self._gate.executions))
            arguments["context_value"] = self._new_context()
            return _held(held, await self._schema.subscribe(query, **arguments))
        except BaseException as error:
            held.leave()
            if isinstance(error, TooManyDocuments):
                return _refused(too_often(error.seconds), seconds=error.seconds)
            raise


async def _refused(said: str, code: str = RATE_LIMITED, seconds: float = 0.0) -> AsyncGenerator[Any, None]:
    more: dict[str, Any] = {"retryAfter": math.ceil(seconds)} if seconds else {}  # a socket has no header for it
    yield PreExecutionError(data=None, errors=[GraphQLError(said, extensions={"code": code, **more})])


async def _held(held: HeldPlace, results: "SubscriptionResult") -> AsyncGenerator[Any, None]:
    try:
        async with contextlib.aclosing(cast("AsyncGenerator[Any, None]", results)) as given:
            async for one in given:
                yield one
    finally:
        held.leave()
