"""Answers that nobody reads: what is mixed into a protocol to end their connection."""

import asyncio
from typing import Any, Final

READ_BYTES_MIN: Final = 65_536  # of an answer that waits, in each `unread_seconds`


class UnreadGuard:
    """Ends a connection whose client does not read what we have written: it would be held, with its memory, for ever.

    A transport that is closed waits for its client too, and asks nobody how long.
    """

    transport: asyncio.Transport
    unread_seconds = 30.0
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Whatever waits to be written is watched from its first byte."""
        super().connection_made(transport)  # type: ignore[misc]  # of the protocol that this is mixed into
        transport.set_write_buffer_limits(high=0)  # what waits at all is watched

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is to be watched any more."""
        self._watch_no_more()
        super().connection_lost(exc)  # type: ignore[misc]

    def pause_writing(self) -> None:
        """The client does not read: it has `unread_seconds` from now."""
        super().pause_writing()  # type: ignore[misc]
        self._watch()

    def resume_writing(self) -> None:
        """The client has read all."""
        self._watch_no_more()
        super().resume_writing()  # type: ignore[misc]

    def _watch(self) -> None:
        left = self.transport.get_write_buffer_size()
        self._unread = asyncio.get_running_loop().call_later(self.unread_seconds, self._look, left)

    def _look(self, before: int) -> None:
        left = self.transport.get_write_buffer_size()
        if left > max(0, before - READ_BYTES_MIN):
            self.transport.abort()
        elif left:
            self._watch()

    def _watch_no_more(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
