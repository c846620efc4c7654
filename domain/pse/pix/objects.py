"""The Pix API's Pix, Devolucao and Problem: what their fields mean."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import httpx

from domain.money import Money, MoneyError
from domain.pse.kit import exact, moments, outcomes
from domain.pse.kit.outcomes import ErrorAnswer
from domain.pse.kit.unreadable import Unreadable
from domain.pse.kit.words import words_of
from domain.pse.vocabulary import CapturedPayment, InDoubt, KnownRefund, Method, Outcome, RefundOrder, Shown

WORDS: Final = words_of("pix")
_REASON_MAX: Final = 500


def error_of(response: httpx.Response) -> ErrorAnswer:
    """The name is the last part of the RFC 7807 type, else that of the status."""
    problem, status = exact.document(response.content), response.status_code
    name = WORDS.errors.get(str(status), f"HTTP_{status}")
    if not isinstance(problem, dict):
        return ErrorAnswer(name, f"The PSP answered {status} without a problem document.", explained=False)
    kind = problem.get("type")
    if isinstance(kind, str):
        name = kind.rsplit("/", 1)[-1][:100] or name
    detail = problem.get("detail") or problem.get("title") or f"The PSP answered {status}."
    return ErrorAnswer(name, " ".join([str(detail), *_violations(problem)])[:500], explained=True)


def _violations(problem: Mapping[str, Any]) -> list[str]:
    found = problem.get("violacoes")
    listed = found if isinstance(found, list) else []
    return [f"{item.get('propriedade')}: {item.get('razao')}" for item in listed if isinstance(item, dict)]


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
    return _outcome(answer, succeeded=order.succeeded) or InDoubt(str(answer.get("status"))[:100], said)


def _outcome(raw: Mapping[str, Any], *, succeeded: bool) -> Outcome | None:
    """What a Devolucao's status means; None where the Pix API has no such status."""
    said = exact.text(raw, "motivo", _REASON_MAX) or "The PSP could not return the money."
    reference = exact.text(raw, "rtrId")
    return WORDS.statuses.outcome(raw.get("status"), reference, said, succeeded=succeeded, at=settled_at(raw))


def payment_of(raw: Any) -> CapturedPayment:
    """A Pix as a captured payment with its refunds. Raises Unreadable."""
    if not isinstance(raw, Mapping):
        raise Unreadable("it is not a Pix")
    return CapturedPayment(
        reference=exact.needed(raw, "endToEndId"),
        method=Method.PIX,
        amount=amount_of(raw),
        captured_at=moments.rfc3339(raw.get("horario"), "horario"),
        payee_key=exact.text(raw, "chave"),
        order_reference=exact.text(raw, "txid"),
        refunds=[refund_of(refund) for refund in refunds_within(raw)],
    )


def shown_of(raw: Any) -> Shown:
    """What a Pix is to us: one that is shown was received. Raises Unreadable."""
    if not isinstance(raw, Mapping):
        raise Unreadable("it is not a Pix")
    shown = WORDS.shown(exact.needed(raw, "endToEndId"), amount_of(raw), "received", ["Pix"], True)
    known, _ = understood(raw)
    left = [amount_of(one) for one in refunds_within(known) if one.get("status") not in WORDS.statuses.failed]
    back = sum(amount.minor_units for amount in left)
    return replace(shown, methods=frozenset({Method.PIX}), given_back=back, payee_key=exact.text(raw, "chave"))


def refunds_within(raw: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`devolucoes`, which the schema has as a list and one published example as a single object. Raises Unreadable."""
    listed = raw.get("devolucoes") or []
    found = exact.objects([listed] if isinstance(listed, dict) else listed)
    if found is None:
        raise Unreadable("devolucoes is no list of refunds")
    return found


def understood(raw: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A Pix without the refunds whose status no version of the API that we know has, and those. Raises Unreadable."""
    listed = refunds_within(raw)
    unknown = [one for one in listed if isinstance(one.get("status"), str) and _outcome(one, succeeded=False) is None]
    return {**raw, "devolucoes": [one for one in listed if one not in unknown]}, unknown


def refund_of(raw: Mapping[str, Any]) -> KnownRefund:
    """A Devolucao as it is listed. Raises Unreadable."""
    kind = str(raw.get("natureza") or "ORIGINAL")
    requested = exact.inner(raw, "horario", "solicitacao")
    otherwise = f"status {raw.get('status')!r} is none that the Pix API has"
    return KnownRefund(
        reference=exact.needed(raw, "id"),
        pse_refund_reference=exact.text(raw, "rtrId"),
        amount=amount_of(raw),
        outcome=outcomes.listed(_outcome(raw, succeeded=False), otherwise),
        by_bank=kind.startswith("MED_"),
        kind=kind,
        requested_at=moments.rfc3339(requested, "horario.solicitacao") if requested else None,
        settled_at=settled_at(raw),
    )


def settled_at(raw: Mapping[str, Any]) -> datetime | None:
    """`horario.liquidacao` of a Devolucao, if it is there and can be read."""
    return moments.zoned(exact.inner(raw, "horario", "liquidacao"))


def amount_of(raw: Mapping[str, Any]) -> Money:
    """`valor` of a Pix or a Devolucao. Raises Unreadable."""
    try:
        return Money.parse(exact.needed(raw, "valor"), "BRL")
    except MoneyError as error:
        raise Unreadable(f"valor: {error}") from error
