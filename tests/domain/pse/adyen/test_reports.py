"""Which settlement details reports are fetched from Adyen: the announced ones, and those that nobody announced."""

from typing import Any

import httpx
import pytest

from domain.pse.adyen.connector import Adyen
from domain.pse.reporting import ReportDownload
from domain.pse.vocabulary import BadAnswer
from tests.domain.pse.adyen.test_lines import REPORTS, a_period

ADYEN = Adyen()


def _fetch(answers: dict[str, int], **more: Any) -> tuple[list[str], list[str]]:
    """The names that are fetched, and those that were asked about first."""
    steps, asked = ADYEN.reports(a_period(**more)), []
    try:
        wish = next(steps)
        while True:
            assert isinstance(wish, httpx.Request)
            assert wish.method == "HEAD"
            name = wish.url.path.rsplit("/", 1)[-1]
            asked.append(name)
            wish = steps.send(httpx.Response(answers.get(name, 200)))
    except StopIteration as done:
        fetched = done.value
    assert all(isinstance(one, ReportDownload) and str(one.request.url) == f"{REPORTS}/{one.name}" for one in fetched)
    return [one.name for one in fetched], asked


def _names(*numbers: int, prefix: str = "") -> tuple[str, ...]:
    return tuple(f"{prefix}settlement_detail_report_batch_{number}.csv" for number in numbers)


def test_without_an_announcement_there_is_nothing_to_fetch() -> None:
    assert _fetch({}) == ([], [])
    assert _fetch({}, fetched=_names(3, 4, 5), report_url=None) == ([], [])


def test_announced_batches_are_fetched_in_their_order() -> None:
    assert _fetch({}, announced=_names(11, 9, 10), fetched=_names(8)) == (list(_names(9, 10, 11)), [])


def test_a_batch_between_two_known_ones_is_fetched_too() -> None:
    fetched, asked = _fetch({}, announced=_names(12), fetched=_names(8, 9))
    assert (fetched, asked) == (list(_names(10, 11, 12)), list(_names(10, 11)))


def test_a_number_that_adyen_does_not_have_is_left_alone() -> None:
    (missing,) = _names(10)
    assert _fetch({missing: 404}, announced=_names(12), fetched=_names(9))[0] == list(_names(11, 12))


def test_each_prefix_has_numbers_of_its_own() -> None:
    announced = (*_names(5), *_names(50, prefix="LojaBR_"))
    assert _fetch({}, announced=announced, fetched=_names(3))[0] == [*_names(4, 5), *_names(50, prefix="LojaBR_")]


def test_a_long_gap_is_filled_from_its_newest_end_a_hundred_a_night() -> None:
    _, asked = _fetch({}, announced=_names(999_999_999), fetched=_names(1))
    assert asked == list(_names(*range(999_999_899, 999_999_999)))


def test_a_report_that_cannot_be_fetched_for_want_of_an_address_says_so() -> None:
    with pytest.raises(BadAnswer, match="no report URL"):
        _fetch({}, announced=_names(1), report_url=None)
