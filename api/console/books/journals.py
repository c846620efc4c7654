"""Journals for other books: the accounts that stand for ours, and the files that were made."""

from collections.abc import Mapping
from typing import Any, Final

from api.console import given
from api.console.books import names
from api.console.page import Asked, Data, Done, Post
from api.console.words import N_, _

_HERE: Final = "/console/books/journals"
_FORMATS: Final = (
    ("CSV", N_("CSV, for any program")), ("QUICKBOOKS", "QuickBooks Online"), ("XERO", "Xero"), ("U8", "用友 U8"),
)  # fmt: skip


def variables(asked: Asked) -> Mapping[str, Any]:
    """Of the journals, and of the accounts."""
    return {"after": asked.text("after"), "accountsAfter": asked.text("accounts")}


def view(asked: Asked, data: Data) -> Mapping[str, Any]:
    """What the selects offer."""
    return {
        "month": asked.text("month") or given.last_month(asked),
        "formats": [(name, _(word)) for name, word in _FORMATS],
        "accounts": [(name, f"{_(word)} · {name}") for name, word in names.ACCOUNTS.items()],
        "connections": given.connections_of(data),
        "stores": given.stores_of(data),
        "currencies": [(one, one) for one in given.CURRENCIES],
        "names": names.ACCOUNTS,
        "of_connection": given.names_of(data),
        "of_store": dict(given.stores_of(data)),
    }


def _export(asked: Asked) -> Mapping[str, Any]:
    return {
        "month": given.month_of("month", asked.given("month") or ""),
        "format": given.needed(asked, "format"),
        "encoding": "GB18030" if asked.given("gb18030") else "UTF_8",
        "idempotencyKey": asked.given("key"),
    }


def _exported(asked: Asked, payload: Data) -> Done:
    number = payload["journal"]["number"]
    said = _("The journal is made; its number is %(number)s.") % {"number": number} if number else _("A draft is made.")
    return Done(_HERE, said)


def _set(asked: Asked) -> Mapping[str, Any]:
    found = given.left_in(
        asked, number="number", name="name", taxRate="rate", connectionId="connection", storeId="store",
        currency="currency",
    )  # fmt: skip
    return {"account": given.needed(asked, "account"), **found, "idempotencyKey": asked.given("key")}


def _were_set(asked: Asked, payload: Data) -> Done:
    return Done(_HERE, _("The account is kept.") if payload["account"] else _("It stands for nothing any more."))


def _ended(asked: Asked) -> Mapping[str, Any]:
    found = given.left_in(asked, connectionId="connection", storeId="store", currency="currency")
    return {"account": given.needed(asked, "account"), **found, "idempotencyKey": asked.given("key")}


POSTS: Final = {
    "export": Post("books/journal_export", _export, _exported),
    "set": Post("books/account_set", _set, _were_set, fields={"taxRate": "rate", "connectionId": "connection"}),
    "end": Post("books/account_set", _ended, _were_set),
}
