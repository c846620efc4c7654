"""Which of Adyen's settlement details reports to fetch, and from where (how they are read: lines.py)."""

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import httpx

from domain.pse.kit import requests
from domain.pse.reporting import ReportDownload, Steps
from domain.pse.vocabulary import BadAnswer, Period

_NAME: Final = re.compile(r"(?P<prefix>[A-Za-z0-9_.-]{0,80})settlement_detail_report_batch_(?P<number>[0-9]{1,9})\.csv")
_GAPS_MAX: Final = 100


def is_settlement_details(name: str) -> bool:
    """Whether a report of this name is one that we read."""
    return _NAME.fullmatch(name) is not None


def fetch(period: Period) -> Steps[Sequence[ReportDownload]]:
    """The announced reports, and those between known batches whose announcement got lost. Raises BadAnswer.

    Batches are numbered one by one, so a number that is missing was made and not announced; one that Adyen does not
    have after all (made before its reports were switched on) is left alone.
    """
    found = [name for name in period.announced if is_settlement_details(name)]
    gaps = _gaps((*period.fetched, *found))
    if not found and not gaps:
        return []
    if not period.report_url:
        raise BadAnswer(f"The connection has no report URL to fetch {(found or gaps)[0]} from.")
    for name in gaps:
        answer = yield httpx.Request("HEAD", _url(period.report_url, name))
        if answer.status_code != 404:
            found.append(name)
    in_order = sorted(set(found), key=_batch)
    return [ReportDownload(name, "text/csv", httpx.Request("GET", _url(period.report_url, name))) for name in in_order]


def _url(report_url: str, name: str) -> str:
    # The webhook's own download URL is not signed, the name is: only the merchant says where reports are.
    return requests.url(report_url.rstrip("/"), name)


def _batch(name: str) -> tuple[str, int]:
    found = _NAME.fullmatch(name)
    assert found is not None, "Only names of settlement details reports come here."
    return found["prefix"], int(found["number"])


def _gaps(names: Sequence[str]) -> list[str]:
    """The names that are missing between the lowest and the highest number of each prefix, the newest _GAPS_MAX."""
    numbers: dict[str, set[int]] = defaultdict(set)
    for prefix, number in map(_batch, filter(is_settlement_details, names)):
        numbers[prefix].add(number)
    missing = []
    for prefix, known in numbers.items():
        last = max(known)
        candidates = (number for number in range(last, min(known), -1) if number not in known)
        newest = [number for number, _ in zip(candidates, range(_GAPS_MAX), strict=False)]
        missing += [f"{prefix}settlement_detail_report_batch_{number}.csv" for number in reversed(newest)]
    return missing
