"""What bounds the execution of one operation: its merchant's turn, a deadline, and a client that still waits for it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from graphql import GraphQLError
from starlette.types import Message
from strawberry.types import ExecutionResult

from api.graphql.transport.turns import TooManyWaiting, Turns
from api.http import UNAVAILABLE, request_id
from domain.platform.database import few_sessions

T = TypeVar("T")

DEADLINE_EXCEEDED: Final = "DEADLINE_EXCEEDED"
OPERATION_SECONDS: Final = 10.0
AT_ONCE: Final = 5
WAITING_MAX: Final = 500
_SESSIONS: Final = 3  # of the database, at once
_QUICK_SECONDS: Final = 0.1  # what takes no longer is done, whoever has gone meanwhile: nobody watches for that


class ClientGone(Exception):
    """Whoever asked has closed the connection: nobody reads the answer."""


@dataclass(slots=True)
class OperationBounds:
    """For all operations of one view. `seconds` counts the wait for a turn too."""

    turns: Turns
    seconds: float = OPERATION_SECONDS

    async def within(
        self,
        key: Hashable,
        receive: Callable[[], Awaitable[Message]],
        execute: Callable[[], Coroutine[Any, Any, ExecutionResult]],
    ) -> ExecutionResult:
        """Execute in the turn of `key`, or say why not. A mutation that is cut off is whole or not done at all.

        Raises ClientGone.
        """

        async def in_turn() -> ExecutionResult:
            async with self.turns.turn(key):
                with few_sessions(_SESSIONS):
                    return await execute()

        try:
            async with asyncio.timeout(self.seconds):
                return await _while_connected(receive, in_turn())
        except TimeoutError:
            return _refused(
                f"The operation took longer than {self.seconds:g} s and was stopped. Ask for less at once; send a "
                "mutation again with the same idempotencyKey: what it had done is kept, and nothing is done twice.",
                DEADLINE_EXCEEDED,
            )
        except TooManyWaiting:
            return _refused("Too many requests of yours wait already; send fewer at once.", UNAVAILABLE)


def _refused(message: str, code: str) -> ExecutionResult:
    error = GraphQLError(message, extensions={"code": code, "requestId": request_id()})
    return ExecutionResult(data=None, errors=[error], extensions={"requestId": request_id()})


async def _while_connected(receive: Callable[[], Awaitable[Message]], work: Coroutine[Any, Any, T]) -> T:
    """The result, unless the client goes first: then the work is cancelled. Its body has been read."""
    tasks: list[asyncio.Task[Any]] = [working := asyncio.ensure_future(work)]
    try:
        await asyncio.wait(tasks, timeout=_QUICK_SECONDS)
        if not working.done():
            tasks.append(asyncio.ensure_future(_gone(receive)))
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGone
        return working.result()
    finally:
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task


async def _gone(receive: Callable[[], Awaitable[Message]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass  # A GET has an empty body that nobody has read yet.
