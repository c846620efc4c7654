"""Listings page by page: every entry once, and never without end."""

import httpx
import pytest

from domain.pse.kit.listings import Entry
from domain.pse.kit.paging import Paged, all_pages
from domain.pse.vocabulary import BadAnswer

URL = "https://x/things"


def _play(*pages: list[Entry], end: bool = True) -> dict[str, Entry]:
    def read(response: httpx.Response, number: int) -> Paged:
        following = httpx.Request("GET", URL, params={"page": number + 1})
        return Paged(pages[number], None if end and number == len(pages) - 1 else following)

    steps = all_pages(httpx.Request("GET", URL), read, "id")
    next(steps)
    try:
        while True:
            steps.send(httpx.Response(200))
    except StopIteration as done:
        found: dict[str, Entry] = done.value
        return found


def test_an_entry_that_two_pages_show_is_there_once_as_it_was_shown_last() -> None:
    found = _play([{"id": 1}, {"id": 2, "at": "first"}], [{"id": 2, "at": "last"}])
    assert found == {"1": {"id": 1}, "2": {"id": 2, "at": "last"}}


def test_a_page_that_shows_nothing_new_and_has_a_next_one_ends_the_listing() -> None:
    with pytest.raises(BadAnswer, match="Page 1 of /things shows nothing new"):
        _play([{"id": 1}], [{"id": 1}], end=False)
