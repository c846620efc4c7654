"""Conekta in lists: orders and transactions page by page, and the transactions of a day as its report.

A transaction names its charge alone: the orders changed since the day began tell which order that is, and which refund.
"""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

import httpx

from domain.pse.conekta import objects
from domain.pse.kit import exact, listings, requests
from domain.pse.kit.listings import Entry
from domain.pse.kit.paging import Paged, all_pages, are_past, page_of
from domain.pse.kit.unreadable import told_as
from domain.pse.reporting import Built, Steps
from domain.pse.vocabulary import BadAnswer, Period

PAGE_SIZE: Final = 250  # the largest that is published
LAYOUT: Final = objects.WORDS.layouts["transactions"]
_NUMBERS: Final = ("amount", "fee", "net", "created_at")  # whole ones; what else is needed is text
_ALIKE: Final = itemgetter("charge", "type", "amount")  # where all three are the same, only the time tells which
Charges = Mapping[str, tuple[str, list[Entry]]]  # by charge: its order, and its refunds


def fetch(period: Period) -> Steps[Sequence[Built]]:
    """No report file is published: the transactions of the day, with their orders and refunds, are the report.

    Raises BadAnswer.
    """
    start, end = period.unix
    listed = yield from _pages(f"{period.base_url}/transactions", {}, since=start)
    found = [listings.transaction(one, LAYOUT.needed, _NUMBERS) for one in listed]
    within = [one for one in found if start <= one["created_at"] < end]
    charges = _charges((yield from orders(period)))
    day = sorted(within, key=itemgetter("id"))
    for one in day:
        one |= _named(one, day, charges, (start, end))
    return [listings.built("conekta-transactions", period, "transactions", day)]


def orders(period: Period) -> Steps[list[Entry]]:
    """Every order made before the period's end and changed since its start: all that were paid or refunded in it.

    Raises BadAnswer.
    """
    start, end = period.unix
    asked = {"updated_at.gte": str(start), "created_at.lte": str(end)}
    return (yield from _pages(f"{period.base_url}/orders", asked))


def _pages(url: str, asked: Mapping[str, str], since: int | None = None) -> Steps[list[Entry]]:
    """All entries, once each. `since` (Unix time): stop where a newest-first listing has come to older ones."""
    times: list[Any] = []

    def request(**more: str) -> httpx.Request:
        return httpx.Request("GET", url, params={"limit": str(PAGE_SIZE), **asked, **more}, headers=objects.HEADERS)

    def read(response: httpx.Response, number: int) -> Paged:
        listed, cursor = _read_page(response, number)
        times.extend(one.get("created_at") for one in listed)
        is_last = cursor is None or (since is not None and are_past(times, since))
        return Paged(listed, None if is_last else request(next=str(cursor)))

    found = yield from all_pages(request(), read, "id")
    return list(found.values())


def _read_page(response: httpx.Response, number: int) -> tuple[list[Entry], str | None]:
    """The entries, and the cursor of the next page, if there is one."""
    answer, listed = page_of(response, number, "data")
    if answer.get("has_more") is False:
        return listed, None
    # The cursor alone is taken: the key goes to no address that an answer names.
    address = requests.address(answer.get("next_page_url"))
    following = address.params.get("next") if address is not None else None
    if answer.get("has_more") is not True or not following:
        raise BadAnswer(f"Page {number} of the listing has no has_more, or no next_page_url.")
    return listed, following


def _charges(listed: list[Entry]) -> Charges:
    found = {}
    for order in listed:
        with told_as(BadAnswer, f"Order {order.get('id')}"):
            for charge in objects.shown(order, "charges"):
                refunds = objects.shown(charge, "refunds")
                found[exact.needed(charge, "id")] = (exact.needed(order, "id"), refunds)
    return found


def _named(one: Entry, day: list[Entry], charges: Charges, within: tuple[int, int]) -> dict[str, str | None]:
    """The order of a transaction, and its refund where the charge's amounts and times leave no choice."""
    order, refunds = charges.get(one["charge"], (None, []))
    if one["type"] not in ("refund", "refund_reversal"):
        return {"order": order, "refund": None}
    same = [refund for refund in refunds if refund.get("amount") in (one["amount"], -one["amount"])]
    if len(same) > 1 and one["type"] == "refund":
        # Several of one amount: as many of the day as transactions, each with its own place in time.
        same = sorted((raw for raw in same if within[0] <= _when(raw)[0] < within[1]), key=_when)
        twins = sorted((raw for raw in day if _ALIKE(raw) == _ALIKE(one)), key=_when)
        same = [same[twins.index(one)]] if len(same) == len(twins) else []
    return {"order": order, "refund": str(same[0].get("id")) if len(same) == 1 else None}


def _when(raw: Entry) -> tuple[int, str]:
    made = raw.get("created_at")
    return (made if isinstance(made, int) else 0), str(raw.get("id"))
