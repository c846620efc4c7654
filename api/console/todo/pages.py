"""What there is to do: refunds to decide, refunds to pay by hand, rights that are lent, and the rules behind it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from api.console import happened, settling
from api.console.findings.words import REASONS
from api.console.page import Asked, Data, Done, Nav, Page, Post, Unsendable
from api.console.todo import lent, ruled
from api.console.words import N_, _

_TODO: Final = "/todo"
_OF_ACCOUNT: Final = ("DESTINATION_PROVIDED", "DESTINATION_LINK_CREATED", "WRONG_DIGITS", "APPROVAL_GIVEN")


def _paged(asked: Asked) -> Mapping[str, Any]:
    return {"after": asked.text("after")}


def _one(asked: Asked) -> Mapping[str, Any]:
    return {"id": asked.path["paying"]}


def _settle_input(asked: Asked) -> Mapping[str, Any]:
    return settling.input_of(replace(asked, path={"refund": asked.path["paying"]}))


def _settled(asked: Asked, payload: Data) -> Done:
    return replace(settling.done(replace(asked, path={"refund": asked.path["paying"]}), payload), location=_here(asked))


def _to_decide(asked: Asked, data: Data) -> Mapping[str, Any]:
    refund = data["refund"]
    events = refund["events"]
    others = [one for one in refund["payment"]["refunds"] if one["id"] != refund["id"]]
    history = [one for one in events if "DESTINATION" in one["kind"] or one["kind"] in _OF_ACCOUNT]
    return {"asker": happened.who(events[0]["actor"]) if events else "–", "history": history, "others": others}


def _to_pay(asked: Asked, data: Data) -> Mapping[str, Any]:
    return {"shown": [one for one in data["refund"]["events"] if one["kind"] == "INSTRUCTION_SHOWN"]}


def _approve_input(asked: Asked) -> Mapping[str, Any]:
    seen = {"minorUnits": asked.given("minorUnits"), "currency": asked.given("currency")}
    found = {"refundId": asked.path["awaiting"], "note": asked.given("note"), "amount": seen}
    fingerprint = asked.given("destinationFingerprint")
    return {**found, "destinationFingerprint": fingerprint} if fingerprint else found


def _reject_input(asked: Asked) -> Mapping[str, Any]:
    note = asked.given("note")
    if note is None:
        raise Unsendable("note", N_("Say why, for the one who asked."))
    return {"refundId": asked.path["awaiting"], "note": note}


def _because(asked: Asked) -> Mapping[str, Any]:
    reason = asked.given("reason")
    if reason is None:
        raise Unsendable("reason", N_("Say why, in 5 to 500 characters."))
    return {"refundId": asked.path["paying"], "reason": reason}


def _approved(asked: Asked, payload: Data) -> Done:
    return Done(f"/console{_TODO}", _("Your yes is kept."))


def _rejected(asked: Asked, payload: Data) -> Done:
    return Done(f"/console{_TODO}", _("The refund has ended. No money leaves."))


def _taken(asked: Asked, payload: Data) -> Done:
    return Done(_here(asked), _("It is yours to pay by hand."))


def _seen(asked: Asked, payload: Data) -> Done:
    return Done(_here(asked), show="todo/account")


def _returned(asked: Asked, payload: Data) -> Done:
    return Done(f"/console{_TODO}/by-hand", _("It goes to the PSE again."))


def _came_back(asked: Asked, payload: Data) -> Done:
    return Done(_here(asked), _("It is kept that the money came back."))


def _here(asked: Asked) -> str:
    return f"/console{_TODO}/by-hand/{asked.path['paying']}"


PAGES: Final = (
    Page(
        _TODO,
        "todo/approvals",
        N_("Approvals"),
        _paged,
        nav=Nav(35, N_("To do"), bar=True, waits="refunds"),
        statements=23,
    ),
    Page(
        f"{_TODO}/approvals/{{awaiting}}",
        "todo/decide",
        N_("Approve"),
        lambda asked: {"id": asked.path["awaiting"]},
        _to_decide,
        found="refund",
        section=_TODO,
        statements=30,
        posts={
            "approve": Post("refunds/approve", _approve_input, _approved),
            "reject": Post("refunds/reject", _reject_input, _rejected),
        },
    ),
    Page(
        f"{_TODO}/second",
        "todo/second",
        N_("Second person"),
        lambda asked: {},
        view=lambda asked, data: {"REASONS_OF": REASONS},
        section=_TODO,
    ),
    Page(f"{_TODO}/by-hand", "todo/by_hand", N_("By hand"), _paged, section=_TODO),
    Page(
        f"{_TODO}/by-hand/{{paying}}",
        "todo/pay",
        N_("Pay by hand"),
        _one,
        _to_pay,
        found="refund",
        section=_TODO,
        posts={
            "take": Post("refunds/take_by_hand", _because, _taken),
            "account": Post("todo/account", _one, _seen),
            "settle": Post("refunds/settle", _settle_input, _settled, fields=settling.FIELDS),
            "return": Post("refunds/return_to_queue", _because, _returned),
            "returned": Post("todo/transfer_returned", _because, _came_back),
        },
    ),
    Page(
        f"{_TODO}/lent",
        "todo/lent",
        N_("Lent rights"),
        _paged,
        lent.view,
        section=_TODO,
        posts={
            "lend": Post("todo/lend", lent.lend_input, lent.lent, fields=lent.FIELDS),
            "take_back": Post("todo/take_back", lent.take_back_input, lent.taken_back, fields=lent.FIELDS),
        },
    ),
    Page(
        f"{_TODO}/rules",
        "todo/rules",
        N_("Approval rules"),
        _paged,
        ruled.view,
        section=_TODO,
        posts={
            "propose": Post("todo/rule_propose", ruled.propose_input, ruled.proposed, fields=ruled.FIELDS),
            "confirm": Post("todo/rule_confirm", ruled.chosen, ruled.confirmed, fields=ruled.FIELDS),
            "withdraw": Post("todo/rule_withdraw", ruled.chosen, ruled.withdrawn, fields=ruled.FIELDS),
            "end": Post("todo/rule_end", ruled.end_input, ruled.proposed, fields=ruled.FIELDS),
        },
    ),
)
