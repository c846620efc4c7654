"""Listings page by page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import httpx

from domain.pse.kit import exact
from domain.pse.kit.listings import Entry
from domain.pse.reporting import Steps
from domain.pse.vocabulary import BadAnswer

_PAGES_MAX: Final = 9_000


@dataclass(frozen=True, slots=True)
class Paged:
    """The entries of a page, and how the next one is asked for; None: there is none, or it is not wanted."""

    entries: Sequence[Entry]
    following: httpx.Request | None


def page_of(response: httpx.Response, number: int, name: str) -> tuple[Entry, list[Entry]]:
    """A page, and its entries, which stand under that `name`. Raises BadAnswer."""
    answer = exact.document(response.content)
    listed = exact.objects(exact.inner(answer, name))
    if response.status_code != 200 or listed is None:
        raise BadAnswer(f"Page {number} of the listing was answered with {response.status_code} and is not a list.")
    return answer, listed


def are_past(times: Sequence[object], since: int) -> bool:
    """Whether a listing has come to entries from before `since`, by their times so far (Unix time).

    Where its order is not published, newest first is trusted only while every entry has kept it.
    """
    known = [at for at in times if isinstance(at, int)]
    if not known or len(known) < len(times):
        return False
    return known[-1] < since and all(newer >= older for newer, older in pairwise(known))


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
