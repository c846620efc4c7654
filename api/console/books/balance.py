"""The trial balance, the statement of an account, and how old what is open is."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from api.console import given, typed
from api.console.books import names
from api.console.formats import way
from api.console.page import Asked, Data, Done
from api.console.words import N_, _

PART: Final = 50  # rows of a page
_BY: Final = (("connection", N_("Connection")), ("store", N_("Connection and store")), ("account", N_("Account alone")))
_TOLD_APART: Final = {"connection": ["CONNECTION"], "store": ["CONNECTION", "STORE"], "account": []}


def _range(asked: Asked) -> tuple[str, str]:
    return given.days_of(given.month_of("month", asked.text("month") or given.this_month(asked)))


def _skip(asked: Asked) -> int:
    return typed.number("skip", asked.text("skip") or "0", 0, 100_000)


def variables(asked: Asked) -> Mapping[str, Any]:
    """Of the trial balance. Raises Unsendable."""
    since, until = _range(asked)
    return {
        "from": since,
        "to": until,
        "by": _TOLD_APART.get(asked.text("by") or "", ["CONNECTION"]),
        "connection": asked.text("connection"),
        "currency": asked.text("currency"),
        "skip": _skip(asked),
    }


def view(asked: Asked, data: Data) -> Mapping[str, Any]:
    """What the trial balance's selects offer, and where its accounts lead."""
    since, until = _range(asked)
    more = _skip(asked) + PART if data["trialBalance"]["count"] > _skip(asked) + PART else None
    kept = [(name, value) for name, value in asked.query.multi_items() if name != "skip" and value]
    return {
        "connections": given.connections_of(data),
        "currencies": [(one, one) for one in given.CURRENCIES],
        "ways": [(name, _(word)) for name, word in _BY],
        "month": since[:7],
        "names": names.ACCOUNTS,
        "range": urlencode({"from": since, "to": until}),
        "more": urlencode([*kept, ("skip", str(more))]) if more else "",
    }


def exported(asked: Asked) -> Mapping[str, Any]:
    """The export's input. Raises Unsendable."""
    since, until = given.days_of(given.month_of("month", given.needed(asked, "month")))
    narrowed = {"since": since, "until": until, **given.left_in(asked, connectionId="connection", currency="currency")}
    return {
        "kind": _kind(asked),
        "format": asked.given("format"),
        "filter": narrowed,
        "locale": way.get().language,
        "idempotencyKey": asked.given("key"),
    }


def done(asked: Asked, payload: Data) -> Done:
    """Where the files that are made are."""
    return Done(f"/console/refunds/export?{urlencode({'kind': _kind(asked)})}", _("The file is being made."))


def _kind(asked: Asked) -> str:
    return asked.given("kind") or "TRIAL_BALANCE"


def of_account(asked: Asked) -> Mapping[str, Any]:
    """Of the statement. Raises Unsendable."""
    first, last = given.days_of(given.this_month(asked))
    return {
        "connection": asked.path["ledger"],
        "account": asked.path["account"],
        "currency": asked.path["currency"],
        "from": typed.day("from", asked.text("from") or first),
        "to": typed.day("to", asked.text("to") or last),
        "after": asked.text("after"),
    }


def statement(asked: Asked, data: Data) -> Mapping[str, Any]:
    """Whose account it is, and its days."""
    wanted = of_account(asked)
    return {
        "account": names.ACCOUNTS.get(asked.path["account"], asked.path["account"]),
        "connection": given.names_of(data).get(asked.path["ledger"], ""),
        "since": wanted["from"],
        "until": wanted["to"],
        "names": names.ACCOUNTS,
        "entries": names.ENTRIES,
        "lines": _lines(data["accountStatement"]),
    }


def _lines(told: Data) -> Sequence[Mapping[str, Any]]:
    """The entries: all of their amounts are of one currency, which is not asked for with each."""
    sides = ("debit", "credit", "balance")
    return [{**one, **{side: {**told["opening"], **one[side]} for side in sides}} for one in told["entries"]["nodes"]]


def open_of(asked: Asked) -> Mapping[str, Any]:
    """Of the ageing: the items of one account and bucket, where one was chosen."""
    account = asked.text("account")
    return {
        "connection": asked.text("connection"),
        "chosen": account is not None,
        "account": account or "PSE_CLEARING",
        "bucket": asked.text("bucket"),
        "after": asked.text("after"),
    }


def aged(asked: Asked, data: Data) -> Mapping[str, Any]:
    """The rows as a matrix: accounts and connections by age."""
    table: dict[tuple[str, str, str], dict[str, Any]] = {}
    for one in data["ageing"]["rows"]:
        row = table.setdefault((one["account"], one["connectionId"], one["currency"]), {"head": one, "cells": {}})
        row["cells"][one["bucket"]] = one
    return {
        "connections": given.connections_of(data),
        "table": list(table.values()),
        "BUCKETS": names.BUCKETS,
        "names": names.ACCOUNTS,
        "entries": names.ENTRIES,
    }
