"""Looking names up so that nobody's silent DNS server holds up anybody else.

The system's resolver cannot be called off: a thread that asks for a name whose server is silent is held for as long as
the resolver likes. So its threads are ours and counted, and of one merchant few are held at once, whatever it names.
One name that many orders of a merchant want at once is looked up once, for all of them.
"""

import asyncio
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any, Final
from uuid import UUID

import httpcore

UNDER_WAY_MAX: Final = 64
OF_A_MERCHANT_MAX: Final = 4
_IN_LINE_SECONDS: Final = 1.0  # for a place; who waits longer holds up a worker
_REMEMBERED_SECONDS: Final = 300.0
_REMEMBERED_MAX: Final = 1_000
_Key = tuple[UUID, str]  # merchant and name: what one merchant had looked up tells another nothing


class LookUps:
    """The look-ups of a process. What they find is not judged here: whoever connects judges it, each time."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(UNDER_WAY_MAX)
        self._of: defaultdict[UUID, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(OF_A_MERCHANT_MAX))
        self._under_way: dict[_Key, asyncio.Task[Sequence[str]]] = {}
        self._remembered: dict[_Key, tuple[Sequence[str], float]] = {}

    async def addresses(self, merchant_id: UUID, host: str, seconds: float | None) -> Sequence[str]:
        """All IP addresses of a name, each once; one found lately only while there is no place to look it up.

        Raises httpcore.ConnectError, ConnectTimeout (after `seconds`, or where no place became free soon).
        """
        if _is_number(host):
            return [host]
        key = (merchant_id, host.lower())
        if self._is_busy(merchant_id) and (known := self._known(key)):
            return known
        task = self._under_way.get(key) or self._begin(key)
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(task)  # others may wait for it, and its thread goes on anyway
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"The name {host} was not resolved in time.") from error

    async def close(self) -> None:
        """Nobody waits any more. A thread that is held by a silent server does not hold up the end of the process."""
        for task in list(self._under_way.values()):
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    def _is_busy(self, merchant_id: UUID) -> bool:
        return self._places.locked() or (merchant_id in self._of and self._of[merchant_id].locked())

    def _known(self, key: _Key) -> Sequence[str] | None:
        found, until = self._remembered.get(key, ((), 0.0))
        return found if time.monotonic() < until else None

    def _begin(self, key: _Key) -> "asyncio.Task[Sequence[str]]":
        task = self._under_way[key] = asyncio.create_task(self._look_up(key))

        def ended(_: "asyncio.Task[Sequence[str]]") -> None:
            del self._under_way[key]
            if not task.cancelled():
                task.exception()  # whoever asked may have left: then nobody else reads it

        task.add_done_callback(ended)
        return task

    async def _look_up(self, key: _Key) -> Sequence[str]:
        merchant_id, host = key
        held: list[asyncio.Semaphore] = []
        try:
            try:
                async with asyncio.timeout(_IN_LINE_SECONDS):
                    for places in (self._of[merchant_id], self._places):  # one's own first: who waits there holds none
                        await places.acquire()
                        held.append(places)
            except TimeoutError as error:
                raise httpcore.ConnectTimeout(f"Too many names are looked up; nothing was looked up for {host}.") from (
                    error
                )
            found = await _asked(host)
        finally:
            for places in held:
                places.release()
        self._remember(key, found)
        return found

    def _remember(self, key: _Key, found: Sequence[str]) -> None:
        self._remembered.pop(key, None)
        if len(self._remembered) >= _REMEMBERED_MAX:
            del self._remembered[next(iter(self._remembered))]  # the oldest
        self._remembered[key] = (found, time.monotonic() + _REMEMBERED_SECONDS)


async def _asked(host: str) -> Sequence[str]:
    """In a thread of its own, which ends with the process: a pool's would be waited for at the end."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[list[Any]] = loop.create_future()

    def tell(found: list[Any] | None, error: Exception | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(found or [])

    def ask() -> None:
        found, failed = None, None
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except Exception as error:
            failed = error
        try:
            loop.call_soon_threadsafe(tell, found, failed)
        except RuntimeError:
            return  # the loop is closed: nobody waits

    threading.Thread(target=ask, name=f"look-up {host}", daemon=True).start()
    try:
        told = await future
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"The name {host} is not known: {error}") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in told))


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
