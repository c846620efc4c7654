"""Pix in lists: paging `GET /pix`, and the listing as the report of a day (bacen/pix-api 2.9.0).

`inicio` and `fim` filter by the date of the received Pix, not of its refunds: the refunds of D are found by paging the
payments of D-91 to D. What the bank returns after that is seen only by asking for that payment.
"""

import json
from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Any, Final

import httpx

from domain.pse.kit import moments
from domain.pse.reporting import Built
from domain.pse.vocabulary import BadAnswer, Period, Wait

_LOOK_BACK: Final = timedelta(days=91)
_PAGE_SIZE: Final = 1000
_WINDOW: Final = timedelta(days=30)  # the spec sets no bound to a listing's period; some PSPs do
_PAGES_MAX: Final = 5000
_RESTARTS_MAX: Final = 3


def pages(
    base_url: str, start: datetime, end: datetime
) -> Generator[httpx.Request | Wait, httpx.Response, list[dict[str, Any]]]:
    """All Pix of the period (start included, end excluded), once each. Raises BadAnswer.

    A long period is asked for in parts.
    """
    found: dict[str, dict[str, Any]] = {}
    while start < end:
        until = min(start + _WINDOW, end)
        found.update((yield from _part(base_url, start, until)))
        start = until
    return list(found.values())


def _part(
    base_url: str, start: datetime, end: datetime
) -> Generator[httpx.Request | Wait, httpx.Response, dict[str, dict[str, Any]]]:
    """A listing that grows or shrinks while it is paged is read again from the start, so that nothing is skipped."""
    for _ in range(_RESTARTS_MAX):
        found = yield from _once(base_url, start, end)
        if found is not None:
            return found
    raise BadAnswer("The listing changed while it was read, three times; try again later.")


def _once(
    base_url: str, start: datetime, end: datetime
) -> Generator[httpx.Request | Wait, httpx.Response, dict[str, dict[str, Any]] | None]:
    found: dict[str, dict[str, Any]] = {}
    declared: int | None = None
    for page in range(_PAGES_MAX):
        response = yield _page_request(base_url, start, end, page)
        listed, total, count = _read_page(response, page)
        if declared is not None and total != declared:
            return None
        declared = total
        found.update({str(raw.get("endToEndId")): raw for raw in listed})
        if page + 1 >= count:
            return found if len(found) == total else None
    raise BadAnswer(f"The listing has more than {_PAGES_MAX} pages.")


def _page_request(base_url: str, start: datetime, end: datetime, page: int) -> httpx.Request:
    parameters = {
        "inicio": moments.written(start),
        "fim": moments.written(end - timedelta(milliseconds=1)),
        "paginacao.paginaAtual": str(page),
        "paginacao.itensPorPagina": str(_PAGE_SIZE),
    }
    return httpx.Request("GET", f"{base_url}/pix", params=parameters, headers={"Accept": "application/json"})


def _read_page(response: httpx.Response, page: int) -> tuple[list[dict[str, Any]], int, int]:
    try:
        answer = response.json()
        paging = answer["parametros"]["paginacao"]
        listed, total, count = answer["pix"], paging["quantidadeTotalDeItens"], paging["quantidadeDePaginas"]
    except (ValueError, KeyError, TypeError) as error:
        raise BadAnswer(f"Page {page} of the listing lacks {error} as the Pix API defines it.") from error
    if not (isinstance(listed, list) and isinstance(total, int) and isinstance(count, int)):
        raise BadAnswer(f"Page {page} of the listing has a pix, quantidadeTotalDeItens or quantidadeDePaginas unread.")
    if not all(isinstance(raw, dict) for raw in listed):
        raise BadAnswer(f"Page {page} of the listing has an entry that is not a Pix.")
    return listed, total, count


def report(period: Period) -> Generator[httpx.Request | Wait, httpx.Response, Built]:
    """The Pix of D-91 to D with their refunds as one file: the same content always gives the same bytes."""
    listed = yield from pages(period.base_url, period.start - _LOOK_BACK, period.end)
    ordered = sorted(listed, key=lambda raw: str(raw.get("endToEndId")))
    content = json.dumps({"pix": ordered}, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return Built(f"pix-{period.business_date}.json", "application/json", content)
