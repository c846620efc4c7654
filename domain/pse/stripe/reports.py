"""Stripe's payout reconciliation report, itemized: ordered, waited for, downloaded."""

import re
from collections.abc import Sequence
from typing import Any, Final

import httpx

from domain.pse.kit import exact, requests
from domain.pse.reporting import ReportDownload, Steps
from domain.pse.stripe import objects
from domain.pse.stripe.lines import LAYOUT
from domain.pse.vocabulary import BadAnswer, NotYet, Period, Wait

REPORT_TYPE: Final = "payout_reconciliation.itemized.5"
_FILES_HOST: Final = "files.stripe.com"
_WAITS: Final = (1.0, 2.0, 4.0, 8.0, 15.0, *[30.0] * 60)  # seconds; half an hour in all


def fetch(period: Period) -> Steps[Sequence[ReportDownload]]:
    """Order the report of the payouts effective in the period and wait until it is made. Raises BadAnswer."""
    made = _read_run((yield _order(period)))
    for seconds in _WAITS:
        if made["status"] == "succeeded":
            return [_download(period, made)]
        if made["status"] != "pending":
            raise BadAnswer(f"Stripe could not make report run {made['id']}: {made.get('error')}")
        yield Wait(seconds)
        place = ("reporting", "report_runs", made["id"])
        made = _read_run((yield requests.get(period.base_url, *place, headers=objects.HEADERS)))
    raise NotYet(f"Stripe is still making report run {made['id']} after {sum(_WAITS):.0f} seconds.")


def _order(period: Period) -> httpx.Request:
    start, end = period.unix
    form = {
        "report_type": REPORT_TYPE,
        "parameters[interval_start]": str(start),
        "parameters[interval_end]": str(end),
        "parameters[timezone]": "Etc/UTC",
        "parameters[columns][]": ["balance_transaction_id", "available_on_utc", *LAYOUT.needed, *LAYOUT.optional],
    }
    url = f"{period.base_url}/reporting/report_runs"
    return httpx.Request("POST", url, data=form, headers=objects.HEADERS)


def _read_run(response: httpx.Response) -> dict[str, Any]:
    answer = exact.document(response.content)
    if response.status_code != 200 or not isinstance(answer, dict):
        message = exact.inner(answer, "error", "message") or "no reason"
        raise BadAnswer(f"Stripe answered the report run with {response.status_code}: {message}")
    if not re.fullmatch(r"\w{1,100}", str(answer.get("id"))) or not isinstance(answer.get("status"), str):
        raise BadAnswer("Stripe answered with a report run that has no id or no status.")
    return answer


def _download(period: Period, made: dict[str, Any]) -> ReportDownload:
    url = exact.inner(made, "result", "url")
    if not isinstance(url, str) or not _is_stripes(url, period.base_url):
        # The key goes with the request, so it must not go anywhere else.
        raise BadAnswer(f"Report run {made['id']} is to be fetched from a host that is not Stripe's.")
    name = f"stripe-payout-reconciliation-{period.business_date}.csv"
    return ReportDownload(name, "text/csv", httpx.Request("GET", url, headers=objects.HEADERS | {"Accept": "*/*"}))


def _is_stripes(url: str, base_url: str) -> bool:
    found, base = requests.address(url), httpx.URL(base_url)
    hosts = [(base.scheme, base.host, base.port), ("https", _FILES_HOST, None)]
    return found is not None and (found.scheme, found.host, found.port) in hosts
