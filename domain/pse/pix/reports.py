"""Pix in lists: paging `GET /pix`, reading a Pix with its refunds, and the day's lines (bacen/pix-api 2.9.0).

`inicio` and `fim` filter by the date of the received Pix, not of its refunds: the refunds of D are found by paging the
payments of D-91 to D. What the bank returns after that is seen only by asking for that payment.
"""

import json
from collections.abc import Generator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import httpx
import polars as pl

from domain.money import Money, MoneyError
from domain.pse.reporting import REPORT_SCHEMA, Built, ReportFile
from domain.pse.vocabulary import (
    Accepted,
    BadAnswer,
    CapturedPayment,
    Declined,
    KnownRefund,
    Method,
    Period,
    Succeeded,
    Wait,
)

LOOK_BACK: Final = timedelta(days=91)
PAGE_SIZE: Final = 1000
_WINDOW: Final = timedelta(days=30)  # the spec sets no bound to a listing's period; some PSPs do
_PAGES_MAX: Final = 5000
_RESTARTS_MAX: Final = 3
_STATES: Final = {"DEVOLVIDO": "SUCCEEDED", "EM_PROCESSAMENTO": "PENDING", "NAO_REALIZADO": "FAILED"}


class BadPix(Exception):
    """A Pix or a refund that does not follow the spec; the message names the field."""


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
        "inicio": _rfc3339(start),
        "fim": _rfc3339(end - timedelta(milliseconds=1)),
        "paginacao.paginaAtual": str(page),
        "paginacao.itensPorPagina": str(PAGE_SIZE),
    }
    return httpx.Request("GET", f"{base_url}/pix", params=parameters, headers={"Accept": "application/json"})


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


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


def payment_of(raw: Mapping[str, Any]) -> CapturedPayment:
    """A Pix as a captured payment with its refunds. Raises BadAnswer."""
    reference = str(raw.get("endToEndId"))
    try:
        return CapturedPayment(
            reference=_text(raw, "endToEndId"),
            method=Method.PIX,
            amount=_amount(raw),
            captured_at=_moment(raw.get("horario"), "horario"),
            payee_key=raw.get("chave") if isinstance(raw.get("chave"), str) else None,
            order_reference=raw.get("txid") if isinstance(raw.get("txid"), str) else None,
            refunds=[known_refund(refund) for refund in refunds_within(raw)],
        )
    except BadPix as error:
        raise BadAnswer(f"Pix {reference}: {error}") from error


def refunds_within(raw: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """`devolucoes`, which the schema has as a list and one published example as a single object."""
    listed = raw.get("devolucoes") or []
    return [listed] if isinstance(listed, Mapping) else list(listed)


def known_refund(raw: Mapping[str, Any]) -> KnownRefund:
    """A Devolucao as it is listed. Raises BadPix."""
    times = raw.get("horario") if isinstance(raw.get("horario"), Mapping) else {}
    assert isinstance(times, Mapping), "It was just checked."
    kind = str(raw.get("natureza") or "ORIGINAL")
    requested = times.get("solicitacao")
    return KnownRefund(
        reference=_text(raw, "id"),
        pse_refund_reference=raw.get("rtrId") if isinstance(raw.get("rtrId"), str) else None,
        amount=_amount(raw),
        outcome=_outcome(raw),
        by_bank=kind.startswith("MED_"),
        kind=kind,
        requested_at=_moment(requested, "horario.solicitacao") if requested else None,
        settled_at=settled_at(raw),
    )


def _outcome(raw: Mapping[str, Any]) -> Accepted | Succeeded | Declined:
    reference = raw.get("rtrId") if isinstance(raw.get("rtrId"), str) else None
    match raw.get("status"):
        case "EM_PROCESSAMENTO":
            return Accepted(reference, "EM_PROCESSAMENTO")
        case "DEVOLVIDO":
            return Succeeded(reference, settled_at(raw), "DEVOLVIDO")
        case "NAO_REALIZADO":
            return Declined("NAO_REALIZADO", str(raw.get("motivo") or "The PSP could not return the money."), reference)
    raise BadPix(f"status {raw.get('status')!r} is none of {', '.join(_STATES)}")


def settled_at(raw: Mapping[str, Any]) -> datetime | None:
    """`horario.liquidacao` of a Devolucao, if it is there and can be read."""
    times = raw.get("horario")
    try:
        return _moment(times["liquidacao"], "liquidacao") if isinstance(times, Mapping) else None
    except (KeyError, BadPix):
        return None


def _text(raw: Mapping[str, Any], name: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 100:
        raise BadPix(f"{name} is missing or no text")
    return value


def _amount(raw: Mapping[str, Any]) -> Money:
    try:
        return Money.parse(_text(raw, "valor"), "BRL")
    except MoneyError as error:
        raise BadPix(f"valor: {error}") from error


def _moment(value: Any, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise BadPix(f"{name} {value!r} is no RFC 3339 time") from error
    if moment.tzinfo is None:
        raise BadPix(f"{name} {value!r} has no time zone")
    return moment.astimezone(UTC)


def as_file(listed: list[dict[str, Any]], period: Period) -> Built:
    """The listing as one file: the same content always gives the same bytes."""
    ordered = sorted(listed, key=lambda raw: str(raw.get("endToEndId")))
    content = json.dumps({"pix": ordered}, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return Built(f"pix-{period.business_date}.json", "application/json", content)


def lines(file: ReportFile, period: Period) -> pl.LazyFrame:
    """The lines of business date D: captures received on D; refunds that settled on D; and every refund that is not
    (or no longer) DEVOLVIDO, whatever its day, so that a changed status is seen. Raises BadAnswer.
    """
    zone = ZoneInfo(period.zone)
    day = period.business_date
    found: list[dict[str, Any]] = []
    for raw in json.loads(file.path.read_bytes())["pix"]:
        payment = payment_of(raw)
        if payment.captured_at.astimezone(zone).date() == day:
            found.append(_capture_line(payment))
        for refund in payment.refunds:
            booked = refund.settled_at or refund.requested_at or payment.captured_at
            if not isinstance(refund.outcome, Succeeded) or booked.astimezone(zone).date() == day:
                found.append(_refund_line(payment, refund, booked))
    for number, line in enumerate(found, start=1):
        line["line"], line["business_date"] = number, day
        line["by_amount"] = False
    return pl.LazyFrame(found, schema=dict(REPORT_SCHEMA))


def _capture_line(payment: CapturedPayment) -> dict[str, Any]:
    return {
        "type": "CAPTURE",
        "state": "SUCCEEDED",
        "payment_reference": payment.reference,
        "reference": None,
        "pse_refund_reference": None,
        "amount": payment.amount.minor_units,
        "currency": payment.amount.currency,
        "by_bank": False,
        "kind": None,
        "booked_at": payment.captured_at,
    }


def _refund_line(payment: CapturedPayment, refund: KnownRefund, booked: datetime) -> dict[str, Any]:
    states = {Accepted: "PENDING", Succeeded: "SUCCEEDED", Declined: "FAILED"}
    return {
        "type": "REFUND",
        "state": states[type(refund.outcome)],
        "payment_reference": payment.reference,
        "reference": refund.reference,
        "pse_refund_reference": refund.pse_refund_reference,
        "amount": refund.amount.minor_units,
        "currency": refund.amount.currency,
        "by_bank": refund.by_bank,
        "kind": refund.kind,
        "booked_at": booked,
    }
