"""The bank: accounts, statements that are taken in, and payouts with what proves them."""

from collections.abc import Mapping
from typing import Any, Final

from api.console import given
from api.console.page import Asked, Data, Done, Post, Unsendable
from api.console.words import N_, _
from domain.models.files import Purpose

_BANK: Final = "/console/books/bank"
_PAYOUTS: Final = "/console/books/payouts"
_COLUMNS: Final = (
    ("date", N_("Column of the date")), ("amount", N_("Column of the amount")), ("debit", N_("Column of debits")),
    ("credit", N_("Column of credits")), ("balance", N_("Column of the balance")),
    ("reference", N_("Column of the reference")), ("text", N_("Column of the text")),
)  # fmt: skip
_HOW: Final = {
    "REFERENCE": N_("by its reference"), "AMOUNT_AND_DATE": N_("by amount and days"), "PERSON": N_("by a person"),
}  # fmt: skip
_SIGNS: Final = (("", N_("As the file has it")), (".", "1,234.56"), (",", "1.234,56"))
_ORDERS: Final = (("", N_("As the file has it")), ("DMY", "31/01/2026"), ("YMD", "2026-01-31"), ("MDY", "01/31/2026"))
_MAPPED: Final = ("date", "amount", "debit", "credit", "balance", "reference", "decimal", "order", "delimiter")


def variables(asked: Asked) -> Mapping[str, Any]:
    """Of the bank's page."""
    return {"after": asked.text("after")}


def view(asked: Asked, data: Data) -> Mapping[str, Any]:
    """What the selects offer, and amounts as they are shown."""
    accounts = [edge["node"] for edge in data["bankAccounts"]["edges"]]
    changed = next((one for one in accounts if one["id"] == asked.text("account")), None)
    currencies = {one["id"]: one["currency"] for one in accounts}
    return {
        "accounts": accounts,
        "open_accounts": [(one["id"], f"{one['name']} ({one['currency']})") for one in accounts if not one["endedAt"]],
        "changed": changed,
        "standing": [one for edge in data["bankStatements"]["edges"] if not (one := edge["node"])["withdrawnAt"]],
        "account_names": {one["id"]: one["name"] for one in accounts},
        "connections": given.connections_of(data),
        "of_connection": given.names_of(data),
        "currencies": [(one, one) for one in given.CURRENCIES],
        "columns": [(name, _(word)) for name, word in _COLUMNS],
        "decimals": [(name, _(word)) for name, word in _SIGNS],
        "orders": [(name, _(word)) for name, word in _ORDERS],
        "money_of": lambda units, account: given.money_of(units, currencies[account]) if units is not None else None,
    }


def _account(asked: Asked) -> dict[str, Any]:
    mapping: dict[str, Any] = {name: value for name in _MAPPED if (value := asked.given(name)) is not None}
    if text := asked.given("text"):
        mapping["text"] = [one.strip() for one in text.split(";") if one.strip()]
    connection = asked.all_given("connection")
    found = {"name": given.needed(asked, "name"), "currency": given.needed(asked, "currency")}
    return {**found, "connectionIds": connection, **({"mapping": mapping} if mapping else {})}


def _create(asked: Asked) -> Mapping[str, Any]:
    return {**_account(asked), "idempotencyKey": asked.given("key")}


def _change(asked: Asked) -> Mapping[str, Any]:
    return {**_account(asked), "bankAccountId": given.needed(asked, "account")}


def _kept(asked: Asked, payload: Data) -> Done:
    return Done(_BANK, _("The account is kept."))


def _end(asked: Asked) -> Mapping[str, Any]:
    return {"bankAccountId": given.needed(asked, "account")}


def _ended(asked: Asked, payload: Data) -> Done:
    return Done(_BANK, _("The account has ended; what was taken in stays."))


def _import(asked: Asked) -> Mapping[str, Any]:
    if "file" not in asked.files:
        raise Unsendable("file", N_("Choose a file."))
    return {"bankAccountId": given.needed(asked, "account"), "fileId": asked.files["file"]}


def _imported(asked: Asked, payload: Data) -> Done:
    told = payload["statement"]
    said = _("%(lines)s lines were read, %(new)s of them new.") % {"lines": told["lines"], "new": told["newLines"]}
    if told["rewordings"]:
        said += " " + _("Some count as lines of earlier statements: see below which.")
    return Done(_BANK, said)


def _withdraw(asked: Asked) -> Mapping[str, Any]:
    reason = given.needed(asked, "reason", N_("Say why, in 1 to 500 characters."))
    return {"bankStatementId": given.needed(asked, "statement"), "reason": reason}


def _withdrawn(asked: Asked, payload: Data) -> Done:
    return Done(_BANK, _("The statement is taken back, and its lines with it."))


def listed(asked: Asked) -> Mapping[str, Any]:
    """Of the payouts."""
    standing = asked.text("standing") or "OPEN"
    return {
        "after": asked.text("after"),
        "connection": asked.text("connection"),
        "standing": None if standing == "ALL" else standing,
    }


def payouts(asked: Asked, data: Data) -> Mapping[str, Any]:
    """What may be proven by hand, and the words."""
    nodes = [edge["node"] for edge in data["payouts"]["edges"]]
    lines = [edge["node"] for edge in data["bankLines"]["edges"]]
    money, names = given.money_of, given.names_of(data)
    open_ones = [one for one in nodes if one["proof"] is None]
    beside = [other for one in open_ones for share in one["shares"] for other in share["others"]]
    return {
        "connections": given.connections_of(data),
        "of_connection": names,
        "money_of": money,
        "open_payouts": open_ones,
        "others": list({one["id"]: one for one in (*open_ones, *beside)}.values()),
        "proven": [one for one in nodes if one["proof"] is not None],
        "lines": lines,
        "HOW": _HOW,
        "standings": [("OPEN", _("Not at the bank yet")), ("PROVEN", _("At the bank")), ("ALL", _("All"))],
    }


def _prove(asked: Asked) -> Mapping[str, Any]:
    payout = given.needed(asked, "payout")
    others = [one for one in asked.all_given("other") if one != payout]
    return {"payoutId": payout, "bankLineId": given.needed(asked, "line"), "otherPayoutIds": others}


def _proven(asked: Asked, payload: Data) -> Done:
    return Done(f"{_PAYOUTS}?standing=PROVEN", _("The payout is at the bank, by your word."))


def _void(asked: Asked) -> Mapping[str, Any]:
    reason = given.needed(asked, "reason", N_("Say why, in 1 to 500 characters."))
    return {"payoutId": given.needed(asked, "payout"), "reason": reason}


def _voided(asked: Asked, payload: Data) -> Done:
    return Done(_PAYOUTS, _("The proof is taken back, and its entry is turned round."))


POSTS: Final = {
    "create": Post("books/bank_create", _create, _kept),
    "change": Post("books/bank_change", _change, _kept, fields={"bankAccountId": "account"}),
    "end": Post("books/bank_end", _end, _ended, fields={"bankAccountId": "account"}),
    "import": Post(
        "books/bank_import", _import, _imported, fields={"fileId": "file", "bankAccountId": "account"},
        files={"file": Purpose.BANK_STATEMENT},
    ),
    "withdraw": Post("books/bank_withdraw", _withdraw, _withdrawn, fields={"bankStatementId": "statement"}),
}  # fmt: skip
PROOFS: Final = {
    "prove": Post(
        "books/payout_prove",
        _prove,
        _proven,
        fields={"payoutId": "payout", "bankLineId": "line", "otherPayoutIds": "other"},
    ),  # fmt: skip
    "void": Post("books/payout_void", _void, _voided, fields={"payoutId": "payout"}),
}
