"""The map of nights: dates without a gap, and none of which a connection may be missing."""

from datetime import date, timedelta
from typing import Any

from api.console.nights.read import matrix


def _nights(*told: tuple[str, str], more: bool = False) -> dict[str, Any]:
    nodes = [
        {"connectionId": name, "connectionName": name, "businessDate": day, "state": "COMPLETE"} for name, day in told
    ]
    return {"edges": [{"node": one} for one in nodes], "pageInfo": {"hasNextPage": more, "endCursor": "behind"}}


def test_a_date_between_two_is_shown_and_its_square_is_empty() -> None:
    dates, lines, older = matrix(_nights(("b", "2026-11-04"), ("a", "2026-11-02")))
    assert dates == ["2026-11-02", "2026-11-03", "2026-11-04"]
    assert lines == [("a", "a", ["COMPLETE", None, None]), ("b", "b", [None, None, "COMPLETE"])]
    assert older == {}
    assert matrix(_nights()) == ([], [], {})


def test_the_last_date_of_a_page_that_goes_on_is_left_to_the_next_whole() -> None:
    dates, _, older = matrix(_nights(("a", "2026-11-04"), ("a", "2026-11-03"), more=True))
    assert (dates, older) == (["2026-11-04"], {"to": "2026-11-03"})
    dates, _, older = matrix(_nights(("a", "2026-11-04"), more=True))
    assert (dates, older) == (["2026-11-04"], {"after": "behind"})


def test_two_weeks_are_shown_and_what_is_older_is_a_page_away() -> None:
    last = date(2026, 11, 28)
    every = [("a", (last - timedelta(days=days)).isoformat()) for days in range(20)]
    for more in (False, True):
        dates, lines, older = matrix(_nights(*every, more=more))
        assert (dates[0], dates[-1], len(dates)) == ("2026-11-15", "2026-11-28", 14)
        assert (older, lines[0][2]) == ({"to": "2026-11-14"}, ["COMPLETE"] * 14)
