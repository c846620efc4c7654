"""Closing a month: what stands in the way, proposing it, the second person, and what a closed month said."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from api.console import given, typed
from api.console.books import names
from api.console.formats import way
from api.console.page import Asked, Data, Done, Post
from api.console.words import _

PART = 50
_MONTH = "/console/books/month"
# Where one sees what stands in the way.
_WHERE = {
    "NIGHTS_NOT_DONE": "/nights",
    "NIGHTS_UNPROVEN": "/nights",
    "OPEN_FINDINGS": "/findings",
    "RUNNING_REFUNDS": "/refunds",
    "UNEXPLAINED_MONEY": "/books/ageing?account=SUSPENSE",
}


def listed(asked: Asked) -> Mapping[str, Any]:
    """Of the list of closings."""
    return {"after": asked.text("after")}


def shown(asked: Asked, data: Data) -> Mapping[str, Any]:
    """The signs of closings, and the month that is looked at first."""
    return {"CLOSINGS": names.CLOSINGS, "last_month": given.last_month(asked)}


def _month(asked: Asked) -> str:
    return given.month_of("month", asked.text("month") or given.last_month(asked))


def variables(asked: Asked) -> Mapping[str, Any]:
    """Of one month. Raises Unsendable."""
    skip = typed.number("skip", asked.text("skip") or "0", 0, 100_000)
    return {"month": _month(asked), "skip": skip}


def one(asked: Asked, data: Data) -> Mapping[str, Any]:
    """What was proposed of it and waits, and the rows that come next."""
    month, skip = _month(asked), variables(asked)["skip"]
    of_it = [edge["node"] for edge in data["periods"]["edges"] if edge["node"]["month"] == month]
    waiting = [row for row in of_it if row["state"] == "PROPOSED"]
    count = data["closedPeriod"]["count"] if data["closedPeriod"] else 0
    return {
        "month": month,
        "waiting": waiting[0] if waiting else None,
        "closed": data["closedPeriod"],
        "own": bool(waiting) and waiting[0]["proposedBy"] == data["viewer"]["holder"],
        "closable": data["periodPreview"]["closableFrom"] <= datetime.now(way.get().clock).date().isoformat(),
        "WHERE": _WHERE,
        "names": names.ACCOUNTS,
        "range": "",
        "more": f"month={month}&skip={skip + PART}" if count > skip + PART else "",
    }


def _propose(asked: Asked) -> Mapping[str, Any]:
    return {
        "month": _month(asked),
        "idempotencyKey": asked.given("key"),
        **given.left_in(asked, why="why"),
    }


def _proposed(asked: Asked, payload: Data) -> Done:
    return Done(f"{_MONTH}?month={_month(asked)}", _("It is proposed. Another person closes it."))


def _closing(asked: Asked) -> Mapping[str, Any]:
    return {"closingId": given.needed(asked, "closing")}


def _confirmed(asked: Asked, payload: Data) -> Done:
    return Done(f"{_MONTH}?month={_month(asked)}", _("The month is closed. Its figures never change."))


def _withdrawn(asked: Asked, payload: Data) -> Done:
    return Done(f"{_MONTH}?month={_month(asked)}", _("It is no longer proposed."))


POSTS = {
    "propose": Post("books/month_propose", _propose, _proposed),
    "confirm": Post("books/month_confirm", _closing, _confirmed),
    "withdraw": Post("books/month_withdraw", _closing, _withdrawn),
}
