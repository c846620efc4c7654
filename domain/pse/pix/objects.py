"""The Pix API's Pix, Devolucao and Problem: what their fields mean, and what of them may be shown."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import httpx

from domain.money import Money, MoneyError
from domain.pse.kit import exact, moments, outcomes, scrubbing
from domain.pse.kit.unreadable import Unreadable
from domain.pse.vocabulary import (
    Accepted,
    CapturedPayment,
    Declined,
    InDoubt,
    KnownRefund,
    Method,
    Outcome,
    RefundOrder,
    Returned,
    Succeeded,
)

_STATUSES: Final = ("DEVOLVIDO", "EM_PROCESSAMENTO", "NAO_REALIZADO")
_BACKSTAGE_NAMES: Final = {404: "NaoEncontrado", 410: "PermanentementeRemovido", 429: "TOO_MANY_REQUESTS"}
SCRUBBED: Final = (
    (re.compile(scrubbing.in_json("cpf|cnpj|nome|chave|infoPagador|access_token|client_secret")), scrubbing.JSON),
    (re.compile(scrubbing.in_form("cpf|cnpj|client_secret|access_token")), scrubbing.FORM),
    scrubbing.ACCESS,
    (re.compile(r"(/webhooks/[^/\s\"]+/)[^/\s\"]+"), r"\1[redacted]"),
)


def error_of(response: httpx.Response) -> tuple[str, str]:
    """The error's name (the last part of its RFC 7807 type, else the status) and its words."""
    problem = exact.document(response.content)
    fallback = _BACKSTAGE_NAMES.get(response.status_code, f"HTTP_{response.status_code}")
    if not isinstance(problem, dict):
        return fallback, f"The PSP answered {response.status_code} without a problem document."
    kind = problem.get("type")
    name = kind.rsplit("/", 1)[-1][:100] if isinstance(kind, str) and kind.rsplit("/", 1)[-1] else fallback
    detail = problem.get("detail") or problem.get("title") or f"The PSP answered {response.status_code}."
    return name, " ".join([str(detail), *_violations(problem)])[:500]


def _violations(problem: Mapping[str, Any]) -> list[str]:
    found = problem.get("violacoes")
    if not isinstance(found, list):
        return []
    return [f"{item.get('propriedade')}: {item.get('razao')}" for item in found if isinstance(item, dict)]


def echoed(order: RefundOrder, answer: Any) -> Outcome:
    """What a Devolucao means for the order that it must echo."""
    if not isinstance(answer, dict) or (answer.get("id") is None and answer.get("valor") is None):
        return InDoubt("UNREADABLE", "The PSP answered with something that is not a refund.")
    try:
        amount = Money.parse(str(answer.get("valor")), order.amount.currency)
    except MoneyError:
        amount = None
    if answer.get("id") != order.reference or amount != order.amount:
        # Another amount under our id is nobody's to guess about.
        return outcomes.another("The PSP", order, f"{answer.get('valor')!s:.30} as {answer.get('id')!s:.60}")
    said = "The PSP answered with a status that the Pix API does not know."
    return outcome_of(answer, succeeded=order.succeeded) or InDoubt(str(answer.get("status"))[:100], said)


def outcome_of(raw: Mapping[str, Any], *, succeeded: bool) -> Accepted | Succeeded | Declined | Returned | None:
    """What a Devolucao's status means; None where the Pix API has no such status."""
    reference, reason = _text(raw, "rtrId"), _text(raw, "motivo")
    match raw.get("status"):
        case "EM_PROCESSAMENTO" as status:
            return Accepted(reference, status)
        case "DEVOLVIDO" as status:
            return Succeeded(reference, settled_at(raw), status)
        case "NAO_REALIZADO" as status:
            said = reason or "The PSP could not return the money."
            return outcomes.not_paid(status, said, reference, succeeded=succeeded)
    return None


def payment_of(raw: Any) -> CapturedPayment:
    """A Pix as a captured payment with its refunds. Raises Unreadable."""
    if not isinstance(raw, Mapping):
        raise Unreadable("it is not a Pix")
    return CapturedPayment(
        reference=_needed(raw, "endToEndId"),
        method=Method.PIX,
        amount=amount_of(raw),
        captured_at=moments.rfc3339(raw.get("horario"), "horario"),
        payee_key=_text(raw, "chave"),
        order_reference=_text(raw, "txid"),
        refunds=[refund_of(refund) for refund in refunds_within(raw)],
    )


def refunds_within(raw: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """`devolucoes`, which the schema has as a list and one published example as a single object. Raises Unreadable."""
    listed = raw.get("devolucoes") or []
    found = [listed] if isinstance(listed, Mapping) else listed
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise Unreadable("devolucoes is no list of refunds")
    return found


def understood(raw: Mapping[str, Any]) -> tuple[dict[str, Any], list[Mapping[str, Any]]]:
    """A Pix without the refunds whose status no version of the API that we know has, and those. Raises Unreadable."""
    listed = refunds_within(raw)
    unknown = [one for one in listed if isinstance(one.get("status"), str) and one["status"] not in _STATUSES]
    return {**raw, "devolucoes": [one for one in listed if one not in unknown]}, unknown


def refund_of(raw: Mapping[str, Any]) -> KnownRefund:
    """A Devolucao as it is listed. Raises Unreadable."""
    outcome = outcome_of(raw, succeeded=False)
    if outcome is None or isinstance(outcome, Returned):
        raise Unreadable(f"status {raw.get('status')!r} is none of {', '.join(_STATUSES)}")
    kind = str(raw.get("natureza") or "ORIGINAL")
    requested = _times(raw).get("solicitacao")
    return KnownRefund(
        reference=_needed(raw, "id"),
        pse_refund_reference=_text(raw, "rtrId"),
        amount=amount_of(raw),
        outcome=outcome,
        by_bank=kind.startswith("MED_"),
        kind=kind,
        requested_at=moments.rfc3339(requested, "horario.solicitacao") if requested else None,
        settled_at=settled_at(raw),
    )


def settled_at(raw: Mapping[str, Any]) -> datetime | None:
    """`horario.liquidacao` of a Devolucao, if it is there and can be read."""
    try:
        return moments.rfc3339(_times(raw).get("liquidacao"), "liquidacao")
    except Unreadable:
        return None


def amount_of(raw: Mapping[str, Any]) -> Money:
    """`valor` of a Pix or a Devolucao. Raises Unreadable."""
    try:
        return Money.parse(_needed(raw, "valor"), "BRL")
    except MoneyError as error:
        raise Unreadable(f"valor: {error}") from error


def _times(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    times = raw.get("horario")
    return times if isinstance(times, Mapping) else {}


def _text(raw: Mapping[str, Any], name: str) -> str | None:
    value = raw.get(name)
    return value if isinstance(value, str) else None


def _needed(raw: Mapping[str, Any], name: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 100:
        raise Unreadable(f"{name} is missing or no text")
    return value
