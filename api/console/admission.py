"""How large a body an address of the console takes, asked before a byte is read, and which are read as they come.

Whatever else is posted is here, whole, before anything of the console's hears of it (api/crowd): it holds no place of
a merchant's while it is on its way. Files are read as they come, of somebody who has signed in, and within a room.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from re import Pattern
from typing import Final

from starlette.routing import compile_path
from starlette.types import Scope

from api.console import registry
from api.console.asking import TooMuch
from api.console.bodies import CHOICE_BYTES_MAX, FILES_BYTES_MAX
from api.console.page import Page
from api.console.person import PREFIX
from api.doors import Holder

_FORMS_MAX: Final = 4  # with files, of one session
_BYTES_MAX: Final = 4 * FILES_BYTES_MAX  # of those under way in one process,
_SHARE: Final = _BYTES_MAX // 2  # and of one merchant's, who leaves the others room
_SECONDS: Final = 2.0  # until it is worth while to come again


def bytes_max(scope: Scope) -> int | None:
    """The most that a request's body may have; None: it is not at an address of the console."""
    path = scope["path"]
    if path != PREFIX and not path.startswith(f"{PREFIX}/"):
        return None
    page = _posted_to(scope)
    return CHOICE_BYTES_MAX if page is None else page.bytes_max


def is_streamed(scope: Scope) -> bool:
    """Whether it is read as it comes, or answered for as long as somebody listens."""
    if scope["method"] == "GET":
        return any(page.live is not None and live.match(scope["path"]) for page, _, live in _patterns())
    page = _posted_to(scope)
    return page is not None and page.takes_files


def _posted_to(scope: Scope) -> Page | None:
    """The page that a form is posted to, as the router finds it."""
    if scope["method"] != "POST":
        return None
    found = (page for page, here, _ in _patterns() if (page.posts or page.runs) and here.match(scope["path"]))
    return next(found, None)


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[Page, Pattern[str], Pattern[str]], ...]:
    paths = [(page, PREFIX + page.path.rstrip("/")) for page in registry.pages()]
    return tuple((page, compile_path(path)[0], compile_path(f"{path}/live")[0]) for page, path in paths)


class FormRoom:
    """The forms with files that are under way in this process."""

    def __init__(self) -> None:
        self._coming: list[tuple[Holder, int]] = []

    @property
    def taken(self) -> int:
        """What their clients said that they have, bytes."""
        return sum(size for _, size in self._coming)

    @contextmanager
    def taking(self, holder: Holder, size: int) -> Iterator[None]:
        """Room for so many bytes until the block has ended. Raises TooMuch."""
        of_session = sum(one.token == holder.token for one, _ in self._coming)
        of_merchant = sum(known for one, known in self._coming if one.merchant == holder.merchant)
        if of_session >= _FORMS_MAX or of_merchant + size > _SHARE or self.taken + size > _BYTES_MAX:
            raise TooMuch(_SECONDS)
        coming = (holder, size)
        self._coming.append(coming)
        try:
            yield
        finally:
            self._coming.remove(coming)


ROOM: Final = FormRoom()
