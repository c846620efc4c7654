"""How much may come in at once: one upload of a file, and so many bytes of all; asked before a byte is read.

Whoever stalls holds what was announced until the server has waited long enough for a body.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from domain.files.kinds import SIZE_MAX
from domain.models.files import File

BYTES_MAX: Final = 4 * SIZE_MAX  # of the uploads under way in one process,
_SHARE: Final = BYTES_MAX // 2  # and of one merchant's, who leaves the others room


class UnderWay(RuntimeError):
    """This very file is coming in already."""


class NoRoom(RuntimeError):
    """As much as we can hold is coming in already."""


class UploadRoom:
    """The uploads under way in this process."""

    def __init__(self) -> None:
        self._coming: list[File] = []

    @property
    def taken(self) -> int:
        """What was announced of all that is under way, bytes."""
        return sum(one.size for one in self._coming)

    @contextmanager
    def taking(self, file: File) -> Iterator[None]:
        """Room for this file until it is in, or has failed to come. Raises UnderWay, NoRoom."""
        if any(one.id == file.id for one in self._coming):
            raise UnderWay("This file is coming in already; wait for that upload to end.")
        own = sum(one.size for one in self._coming if one.merchant_id == file.merchant_id)
        if own + file.size > _SHARE or self.taken + file.size > BYTES_MAX:
            raise NoRoom("Many files are coming in just now; send the same again in a moment.")
        self._coming.append(file)
        try:
            yield
        finally:
            self._coming = [one for one in self._coming if one.id != file.id]


ROOM: Final = UploadRoom()
