"""Reading answers and events in the forms that several PSEs share."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpx

from domain.pse.kit import exact
from domain.pse.kit.listings import Entry
from domain.pse.kit.unreadable import told_as
from domain.pse.vocabulary import BadAnswer, BadNotice, CapturedPayment


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
    listed: Iterable[Entry], payment_of: Callable[[Any], CapturedPayment | None], what: str, name: str
) -> Iterator[CapturedPayment]:
    """The payments of a listing but those that are none of ours. `what` an entry is, and its field that names it, are
    for the words. Raises BadAnswer where `payment_of` raises Unreadable.
    """
    for raw in listed:
        with told_as(BadAnswer, f"{what} {raw.get(name)}"):
            payment = payment_of(raw)
        if payment is not None:
            yield payment


def event_of(body: bytes, pse: str) -> tuple[str, Any]:
    """The type (100 characters at most) and the object of an event of `pse`. Raises BadNotice."""
    try:
        event = json.loads(body)
        return str(event["type"])[:100], event["data"]["object"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        said = f'The body is not an event {{"type", "data": {{"object"}}}} as {pse} publishes it.'
        raise BadNotice(said) from error
