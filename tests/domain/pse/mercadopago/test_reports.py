"""The reports of Mercado Pago: asked for, waited for and fetched."""

import json
from typing import Any

import httpx
import pytest

from domain.pse.mercadopago.configuration import NEEDED
from domain.pse.reporting import ReportDownload
from domain.pse.vocabulary import BadAnswer, Wait
from tests.domain.pse.mercadopago.test_lines import DAY, PSE
from tests.schemas import mercadopago as schemas

CONFIGURED = {
    "columns": [{"key": name} for name in NEEDED],
    "refund_detailed": True,
    "include_withdrawal_at_end": False,
}


def _entry(number: int, created: str = "2026-11-24T05:00:00.000-04:00", **more: Any) -> dict[str, Any]:
    named = {"id": number, "file_name": f"made-{number}.csv", "created_from": "manual", "date_created": created}
    return {**named, "begin_date": "2026-11-23T03:00:00Z", "end_date": "2026-11-24T02:59:59Z", **more}


def _fetch(*answers: object) -> tuple[list[Any], list[Any]]:
    """The reports of the day, and what was asked and waited for behind the configuration; an answer is a list, or a
    status.
    """
    steps = PSE.reports(DAY)
    assert isinstance(next(steps), httpx.Request)
    asked: list[Any] = [steps.send(httpx.Response(200, json=CONFIGURED))]
    waiting = iter(answers)
    try:
        while True:
            if isinstance(asked[-1], Wait):
                asked.append(steps.send(httpx.Response(204)))
                continue
            told = next(waiting)
            status = told if isinstance(told, int) else 200
            asked.append(steps.send(httpx.Response(status, json=None if isinstance(told, int) else told)))
    except StopIteration as done:
        return list(done.value), asked


def test_a_report_is_asked_for_waited_for_and_fetched_under_a_lasting_name() -> None:
    old = _entry(1, "2026-11-23T20:00:00.000-04:00")
    other = _entry(2, begin_date="2026-11-22T03:00:00Z")
    (download,), asked = _fetch([other, old], 202, [other, old], [other, old], [_entry(4, file_name=None), _entry(3)])
    assert isinstance(download, ReportDownload)
    assert download.name == "release-2026-11-23.csv"
    assert str(download.request.url) == "https://api.example.com/v1/account/release_report/made-3.csv"
    assert [step.seconds for step in asked if isinstance(step, Wait)] == [1.0, 2.0]
    listing, creating = asked[0], asked[1]
    assert str(listing.url) == "https://api.example.com/v1/account/release_report/list"
    assert (creating.method, str(creating.url)) == ("POST", "https://api.example.com/v1/account/release_report")
    asked_for = json.loads(creating.content)
    schemas.check(schemas.REPORT_REQUEST, asked_for)
    # With milliseconds, production answers that begin_date must be specified.
    assert asked_for == {"begin_date": "2026-11-23T03:00:00Z", "end_date": "2026-11-24T02:59:59Z"}


def test_a_report_that_was_made_after_the_day_is_final_and_not_made_again() -> None:
    (download,), asked = _fetch([_entry(5), _entry(4)])
    assert str(download.request.url).endswith("/made-5.csv")
    assert len(asked) == 1


def test_a_report_that_is_still_pending_is_waited_for() -> None:
    pending = _entry(3, status="pending")
    (download,), asked = _fetch([], 202, [pending], [_entry(3, status="enabled")])
    assert str(download.request.url).endswith("/made-3.csv")
    assert [step.seconds for step in asked if isinstance(step, Wait)] == [1.0]


def test_what_the_list_and_the_configuration_say_of_the_account_goes_with_the_file() -> None:
    assert _fetch([_entry(5)])[0][0].content_type == "text/csv; refunds=detailed"
    told = _fetch([_entry(5, currency_id="CLP")])[0][0]
    assert told.content_type == "text/csv; currency=CLP; refunds=detailed"
    assert _fetch([_entry(5, currency_id="x; y")])[0][0].content_type == "text/csv; refunds=detailed"


@pytest.mark.parametrize(
    "answers", [(404,), ({},), ([], 400), ([], 202, *([[]] * 40)), ([_entry(1, file_name="made-1.xlsx")],)]
)
def test_a_report_that_is_not_to_be_had_says_why(answers: tuple[object, ...]) -> None:
    with pytest.raises(BadAnswer):
        _fetch(*answers)
