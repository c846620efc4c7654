"""Long work of the processor, in a thread apart: one at a time in a process, merchants in turn.

Python runs one thread at a time: several large files that are read at once would keep everybody waiting, and fill the
memory. Whoever has left (a deadline was over, a client went) leaves the line; what has begun goes on to its end, and
nothing else of it begins meanwhile.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Final, ParamSpec, TypeVar
from uuid import UUID
from weakref import WeakValueDictionary

P = ParamSpec("P")
T = TypeVar("T")

_THREAD: Final = ThreadPoolExecutor(1, "apart")
# Of each merchant one stands in the thread's line: so a line of many is one of merchants.
_TURNS: Final[WeakValueDictionary[UUID, asyncio.Lock]] = WeakValueDictionary()


async def apart(merchant_id: UUID, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """What the work gives, which must need no event loop; in its turn. Raises what it raises."""
    turn = _TURNS.get(merchant_id)
    if turn is None:
        turn = _TURNS[merchant_id] = asyncio.Lock()
    async with turn:
        todo = partial(copy_context().run, partial(work, *arguments, **named))
        return await asyncio.get_running_loop().run_in_executor(_THREAD, todo)
