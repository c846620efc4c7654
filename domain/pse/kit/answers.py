"""Reading answers and events in the forms that several PSEs share."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import httpx

from domain.pse.kit import exact
from domain.pse.kit.listings import Entry
from domain.pse.kit.outcomes import ErrorAnswer
from domain.pse.kit.unreadable import Unreadable, told_as
from domain.pse.kit.words import Words
from domain.pse.vocabulary import (
    BadAnswer,
    BadNotice,
    CapturedPayment,
    NotThere,
    NotTold,
    PartlyListed,
    PaymentAsked,
    Period,
    Shown,
    Standing,
)


def payment_in(response: httpx.Response, payment_of: Callable[[Any], CapturedPayment | None]) -> CapturedPayment | None:
    """The payment that a look-up found; None where it was answered with 404. `payment_of` raises Unreadable, and gives
    None for a payment that is none of ours. Raises BadAnswer.
    """
    if response.status_code == 404:
        return None
    if response.status_code != 200:
        raise BadAnswer(f"The look-up of the payment was answered with {response.status_code}.")
    with told_as(BadAnswer, "The look-up of the payment cannot be read"):
        payment = payment_of(exact.document(response.content))
    if payment is None:
        raise BadAnswer("The payment was made by a method or in a currency that we do not know, or not at all.")
    return payment


def payments_in(
    listed: Iterable[Entry],
    payment_of: Callable[[Any], CapturedPayment | None],
    what: str,
    name: str,
    within: Period | None = None,
) -> Sequence[CapturedPayment]:
    """The payments of a listing but those that are none of ours, or were not captured `within` the period. `what` an
    entry is, and its field that names it, are for the words. Raises PartlyListed where `payment_of` raises Unreadable.
    """
    read: list[CapturedPayment] = []
    said: str | None = None
    for raw in listed:
        try:
            payment = payment_of(raw)
        except Unreadable as error:
            said = said or f"{what} {raw.get(name)}: {error}."
            continue
        if payment is not None and (within is None or within.start <= payment.captured_at < within.end):
            read.append(payment)
    if said is not None:
        raise PartlyListed(said, read)
    return read


def shown_in(asked: PaymentAsked, raw: Any, shown_of: Callable[[Any], Shown]) -> Standing:
    """What a document shows of the payment that was asked for. Total. `shown_of` raises Unreadable."""
    try:
        shown = shown_of(raw)
    except Unreadable as error:
        return NotTold("UNREADABLE", f"The payment cannot be read: {error}.")
    if asked.reference not in shown.names:
        return NotTold("ECHO_MISMATCH", f"Asked for {asked.reference}, the PSE shows {', '.join(sorted(shown.names))}.")
    return shown


def not_shown(words: Words, response: httpx.Response, error: ErrorAnswer) -> NotThere | NotTold:
    """What an answer means that shows no payment: that there is none only where the PSE says so itself."""
    raw = exact.document(response.content)
    unknown = error.explained and words.payments.is_unknown(response.status_code, error.code, error.said, raw)
    return (NotThere if unknown else NotTold)(error.code, error.said)


def event_of(body: bytes, pse: str) -> tuple[str, Any]:
    """The type (100 characters at most) and the object of an event of `pse`. Raises BadNotice."""
    try:
        event = json.loads(body)
        return str(event["type"])[:100], event["data"]["object"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        said = f'The body is not an event {{"type", "data": {{"object"}}}} as {pse} publishes it.'
        raise BadNotice(said) from error
