"""Listings page by page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import httpx

from domain.pse.kit.listings import Entry
from domain.pse.reporting import Steps
from domain.pse.vocabulary import BadAnswer

_PAGES_MAX: Final = 9_000


@dataclass(frozen=True, slots=True)
class Paged:
    """The entries of a page, and how the next one is asked for; None: there is none, or it is not wanted."""

    entries: Sequence[Entry]
    following: httpx.Request | None


def all_pages(first: httpx.Request, read: Callable[[httpx.Response, int], Paged], name: str) -> Steps[dict[str, Entry]]:
    """Every entry once, by its field of that `name`. `read` gets each answer with the page's number, from 0.

    Raises BadAnswer, as `read` does, for a listing that has no end.
    """
    found: dict[str, Entry] = {}
    asked = first
    for number in range(_PAGES_MAX):
        page = read((yield asked), number)
        before = len(found)
        found.update({str(one.get(name)): one for one in page.entries})
        if page.following is None:
            return found
        if len(found) == before:
            raise BadAnswer(f"Page {number} of {first.url.path} shows nothing new and yet has a next one.")
        asked = page.following
    raise BadAnswer(f"{first.url.path} has more than {_PAGES_MAX} pages.")
