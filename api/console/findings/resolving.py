"""Saying what became of a finding, or of all that a filter finds: what it would book is shown before."""

from collections.abc import Mapping
from typing import Any, Final

from api.console import typed
from api.console.books.names import account
from api.console.findings.listed import filter_of, kept
from api.console.findings.words import ACCOUNTS, REASONS, VAT_ACCOUNTS
from api.console.formats import money
from api.console.page import Asked, Data, Done, Unsendable
from api.console.words import N_, _

_DEFAULT: Final = "EXPLAINED"  # of what has not been chosen yet: its answer is not shown
_NOTE: Final = N_("Say how you know, in 3 to 500 characters.")


def variables(asked: Asked) -> Mapping[str, Any]:
    """The document's."""
    try:
        wanted = _wanted(asked)
    except Unsendable:  # said at the field, by the view
        wanted = {"reason": _DEFAULT}
    return {"id": asked.path["finding"], "input": {"findingId": asked.path["finding"], **wanted}}


def _wanted(asked: Asked) -> dict[str, Any]:
    """Reason, account, what came and the other one, as they stand in the address. Raises Unsendable."""
    reason = asked.text("reason")
    found: dict[str, Any] = {"reason": reason if reason in REASONS else _DEFAULT}
    if reason == "CORRECTED" and asked.text("account"):
        found["account"] = asked.text("account")
    if reason == "CLAIMED_FROM_PSE" and (text := asked.text("came")):
        found["came"] = typed.amount("came", text, asked.text("currency") or "BRL")
    if reason == "DUPLICATE_OF" and (other := asked.text("other")):
        found["duplicateOf"] = other.rstrip("/").rsplit("/", 1)[-1]
    return found


def view(asked: Asked, data: Data) -> Mapping[str, Any]:
    """The stage that it is at, and what would be booked."""
    wrong = ""
    try:
        wanted = _wanted(asked)
    except Unsendable as refused:
        wrong, wanted = _(refused.message), {}
    reason = asked.text("reason")
    told = data.get("findingResolvePreview") or {"preview": None, "errors": []}
    preview = told["preview"] if not wrong else None
    incomplete = (reason == "CORRECTED" and "account" not in wanted and _suspended(data["finding"])) or (
        reason == "DUPLICATE_OF" and "duplicateOf" not in wanted
    )
    return {
        "reason": reason if reason in REASONS else "",
        "REASONS_OF": REASONS,
        "wanted": wanted,
        "wrong": wrong,
        "preview": preview if not incomplete else None,
        "errors": [] if incomplete or wrong else told["errors"],
        "meanings": _meanings(data),
        "account_word": account,
        "accounts": _accounts(data),
        "suspended": _suspended(data["finding"]),
    }


def _suspended(finding: Data) -> bool:
    return int(finding["inSuspense"]["minorUnits"]) != 0


def _meanings(data: Data) -> dict[str, str]:
    return {one["account"]: one["meaning"] for one in data["chartOfAccounts"]}


def _accounts(data: Data) -> list[tuple[str, str]]:
    meanings = _meanings(data)
    return [(one, f"{account(one)}: {meanings[one]}") for one in (*ACCOUNTS, *VAT_ACCOUNTS)]


def input_of(asked: Asked) -> Mapping[str, Any]:
    """findingResolve's. Raises Unsendable."""
    resolution = {**_wanted(asked), "reason": asked.given("reason"), "note": _note(asked)}
    return {"findingId": asked.path["finding"], "resolution": resolution, "idempotencyKey": asked.given("key")}


def _note(asked: Asked) -> str:
    if (note := asked.given("note")) is None:
        raise Unsendable("note", _NOTE)
    return note


def done(asked: Asked, payload: Data) -> Done:
    """Back to the finding."""
    said = _("It is resolved.") if payload["confirmed"] else _("It is kept; another person must confirm it.")
    return Done(f"/console/findings/{asked.path['finding']}", said)


def of_all(asked: Asked) -> Mapping[str, Any]:
    """What the page of many asks for. Raises Unsendable."""
    return {"filter": filter_of(asked)}


def view_of_all(asked: Asked, data: Data) -> Mapping[str, Any]:
    """What can be said of many at once."""
    return {
        "kept": kept(asked),
        "reasons": [(one, _(word)) for one, (word, _does) in REASONS.items() if one != "DUPLICATE_OF"],
        "accounts": _accounts(data),
        "sums": ", ".join(money(one) for one in data["findingsPreview"]["amounts"]),
    }


def input_of_all(asked: Asked) -> Mapping[str, Any]:
    """findingsResolve's. Raises Unsendable."""
    count = asked.given("count") or ""
    resolution: dict[str, Any] = {"reason": asked.given("reason"), "note": _note(asked)}
    if resolution["reason"] is None:
        raise Unsendable("reason", N_("Choose what became of them."))
    if asked.given("reason") == "CORRECTED" and asked.given("account"):
        resolution["account"] = asked.given("account")
    return {
        "filter": filter_of(asked),
        "resolution": resolution,
        "count": typed.number("reason", count, 0, 1_000),
        "seen": asked.given("seen"),
        "idempotencyKey": asked.given("key"),
    }


def done_with_all(asked: Asked, payload: Data) -> Done:
    """What became of each, shown this once; the list shows how they are."""
    return Done("/console/findings", show="findings/said_all")
