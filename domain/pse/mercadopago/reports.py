"""Which of Mercado Pago's reports are fetched: configured, asked for and waited for (how they are read: lines.py).

The release report is the source of reconciliation: it opens and closes with the account's balance and its last rows sum
up all others, so that it proves itself to be whole; the settlement report has nothing of the kind.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx

from domain.pse.kit import exact, moments, requests
from domain.pse.mercadopago import objects
from domain.pse.mercadopago.account import content_type
from domain.pse.mercadopago.configuration import configure
from domain.pse.reporting import ReportDownload, Steps
from domain.pse.vocabulary import BadAnswer, NotYet, Period, Wait

_KIND: Final = "release_report"
# How long to wait before each look at the list: half an hour in all.
_WAITS: Final = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0, *[60.0] * 29)

ReportEntry = Mapping[str, Any]


def fetch(period: Period) -> Steps[Sequence[ReportDownload]]:
    """The release report of the period. Raises BadAnswer.

    One that was made after the period had ended is final and is taken as it is, unless the account's reports have what
    we need only from now on; else one is made.
    """
    configured = yield from configure(period)
    known = yield from _listed(period)
    final = [] if configured.changed else [one for one in known if _is_final(one, period)]
    made = final[-1] if final else (yield from _make(period, known))
    name = str(made["file_name"])
    if not name.lower().endswith(".csv"):
        raise BadAnswer(f"Report {name} is not CSV; set the format of the release report to CSV at Mercado Pago.")
    url = requests.url(_url(period), name)
    # Its name at Mercado Pago says when it was made: ours says what it is about, so that a newer one replaces it.
    kind = content_type(made.get("currency_id"), detailed=configured.detailed)
    return [ReportDownload(f"release-{period.business_date}.csv", kind, httpx.Request("GET", url))]


def _url(period: Period) -> str:
    return f"{period.report_url or period.base_url}/v1/account/{_KIND}"


def _last_second(period: Period) -> datetime:
    return period.end - timedelta(seconds=1)


def _text(moment: datetime) -> str:
    """Without milliseconds: with them, Mercado Pago answers that there is no begin_date."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _make(period: Period, known: Sequence[ReportEntry]) -> Steps[ReportEntry]:
    body = {"begin_date": _text(period.start), "end_date": _text(_last_second(period))}
    response = yield httpx.Request("POST", _url(period), json=body, headers=requests.JSON)
    if response.status_code not in (200, 201, 202, 203):
        said = response.text[:200]
        raise BadAnswer(f"Mercado Pago did not begin the release report ({response.status_code}): {said}")
    old = {objects.id_of(one) for one in known}
    for seconds in _WAITS:
        if seconds:
            yield Wait(seconds)
        listed = yield from _listed(period)
        fresh = [one for one in listed if objects.id_of(one) not in old]
        if fresh:
            return fresh[-1]
    raise NotYet("Mercado Pago has not made the release report within half an hour; run this date again later.")


def _listed(period: Period) -> Steps[list[ReportEntry]]:
    """The finished reports of exactly this period, the oldest first."""
    response = yield requests.get(_url(period), "list")
    listed = exact.document(response.content)
    if response.status_code != 200 or not isinstance(listed, list):
        raise BadAnswer(f"Mercado Pago's list of reports was answered with {response.status_code} and is no list.")
    named = [one for one in listed if objects.is_named(one) and isinstance(one.get("file_name"), str)]
    finished = [one for one in named if one.get("status") != "pending"]
    wanted = (period.start, _last_second(period))
    same = [
        one for one in finished if (moments.zoned(one.get("begin_date")), moments.zoned(one.get("end_date"))) == wanted
    ]
    return sorted(same, key=lambda one: (moments.zoned(one.get("date_created")) or period.start, objects.id_of(one)))


def _is_final(entry: ReportEntry, period: Period) -> bool:
    created_at = moments.zoned(entry.get("date_created"))
    return created_at is not None and created_at >= period.end
