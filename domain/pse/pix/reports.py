"""Pix in lists: paging `GET /pix`, and the listing as the report of a day (bacen/pix-api 2.9.0).

`inicio` and `fim` filter by the date of the received Pix, not of its refunds: the refunds of D are found by paging the
payments of D-91 to D. What the bank returns after that is seen only by asking for that payment.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import httpx

from domain.pse.kit import exact, listings, moments, requests
from domain.pse.kit.listings import Entry
from domain.pse.kit.paging import Paged, all_pages
from domain.pse.reporting import Built, Steps
from domain.pse.vocabulary import BadAnswer, Period

_LOOK_BACK: Final = timedelta(days=91)
_PAGE_SIZE: Final = 1000
_WINDOW: Final = timedelta(days=30)  # the spec sets no bound to a listing's period; some PSPs do
_RESTARTS_MAX: Final = 3


def fetch(period: Period) -> Steps[Sequence[Built]]:
    """No report file exists: the Pix of D-91 to D with their refunds are the report of D. Raises BadAnswer."""
    listed = yield from pages(period.base_url, period.start - _LOOK_BACK, period.end)
    ordered = sorted(listed, key=lambda raw: str(raw.get("endToEndId")))
    return [listings.built("pix", period, "pix", ordered)]


def pages(base_url: str, start: datetime, end: datetime) -> Steps[list[Entry]]:
    """All Pix of the period (start included, end excluded), once each. Raises BadAnswer.

    A long period is asked for in parts.
    """
    found: dict[str, Entry] = {}
    while start < end:
        until = min(start + _WINDOW, end)
        found.update((yield from _part(base_url, start, until)))
        start = until
    return list(found.values())


def _part(base_url: str, start: datetime, end: datetime) -> Steps[dict[str, Entry]]:
    """A listing that grows or shrinks while it is paged is read again from the start, so that nothing is skipped."""
    for _ in range(_RESTARTS_MAX):
        found = yield from _once(base_url, start, end)
        if found is not None:
            return found
    raise BadAnswer("The listing changed while it was read, three times; try again later.")


def _once(base_url: str, start: datetime, end: datetime) -> Steps[dict[str, Entry] | None]:
    """None where the pages do not hold as many entries as each of them says that there are."""
    totals = set()

    def read(response: httpx.Response, number: int) -> Paged:
        listed, total, count = _read_page(response, number)
        totals.add(total)
        is_last = number + 1 >= count or len(totals) > 1
        return Paged(listed, None if is_last else _page_request(base_url, start, end, number + 1))

    found = yield from all_pages(_page_request(base_url, start, end, 0), read, "endToEndId")
    return found if totals == {len(found)} else None


def _page_request(base_url: str, start: datetime, end: datetime, page: int) -> httpx.Request:
    parameters = {
        "inicio": moments.written(start),
        "fim": moments.written(end - timedelta(milliseconds=1)),
        "paginacao.paginaAtual": str(page),
        "paginacao.itensPorPagina": str(_PAGE_SIZE),
    }
    return httpx.Request("GET", f"{base_url}/pix", params=parameters, headers=requests.JSON)


def _read_page(response: httpx.Response, page: int) -> tuple[list[Entry], int, int]:
    """The page's entries, and how many entries and pages the listing says that it has."""
    answer = exact.document(response.content)
    listed, paging = exact.objects(exact.inner(answer, "pix")), exact.inner(answer, "parametros", "paginacao")
    total, count = (exact.inner(paging, name) for name in ("quantidadeTotalDeItens", "quantidadeDePaginas"))
    if listed is None or not isinstance(total, int) or not isinstance(count, int):
        said = "pix, quantidadeTotalDeItens and quantidadeDePaginas as the Pix API defines them"
        raise BadAnswer(f"Page {page} of the listing was answered with {response.status_code} and has not {said}.")
    return listed, total, count
