"""The forms of shops and of their refunds: what of them is sent, and what follows."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from api.console import typed
from api.console.page import Asked, Data, Done, Post, Unsendable
from api.console.words import N_, _

_HOURS_MAX: Final = 31 * 24


def _shop(asked: Asked) -> str:
    return f"/console/shops/{asked.path['shop']}"


def created_input(asked: Asked) -> Mapping[str, Any]:
    """A shop of the kind that was chosen."""
    return {
        "kind": asked.text("kind") or "GENERIC",
        "name": asked.given("name") or "",
        "storeCode": asked.given("store") or "",
        "fields": typed.own_fields(asked),
        "idempotencyKey": asked.given("key"),
    }


def created(asked: Asked, payload: Data) -> Done:
    """On to its page."""
    said = _("The shop is connected. Enter the address below in its back office, then run the preflight.")
    return Done(f"/console/shops/{payload['shop']['id']}", said)


def changed_input(asked: Asked) -> Mapping[str, Any]:
    """What was filled in; `hours`: how long webhooks are believed with the old secrets."""
    given: dict[str, Any] = {"shopId": asked.path["shop"], "fields": typed.own_fields(asked)}
    hours = typed.number("hours", asked.given("hours") or "0", 0, _HOURS_MAX)
    if hours:
        given["oldValidUntil"] = (datetime.now(UTC) + timedelta(hours=hours)).isoformat()
    return given


def changed(asked: Asked, payload: Data) -> Done:
    """Back to its page."""
    return Done(_shop(asked), _("What you gave counts from now on."))


def _ended(asked: Asked) -> Mapping[str, Any]:
    return {"shopId": asked.path["shop"], "fields": [], "endOldSecrets": True}


def _step(asked: Asked) -> Mapping[str, Any]:
    return {"shopId": asked.path["shop"]}


def _done(said: str) -> Callable[[Asked, Data], Done]:
    """Back to the shop, with this sentence."""

    def done(asked: Asked, payload: Data) -> Done:
        return Done(_shop(asked), _(said))

    return done


POSTS: Final = {
    "preflight": Post("shops/preflight", _step, _done(N_("The shop is being asked."))),
    "pause": Post("shops/pause", _step, _done(N_("What it says is kept, and nothing is done with it."))),
    "resume": Post("shops/resume", _step, _done(N_("It goes on."))),
    "retire": Post("shops/retire", _step, _done(N_("Nothing is taken from it any more."))),
    "end_old": Post("shops/change", _ended, _done(N_("The old secrets are not believed any more."))),
}


def _refund(asked: Asked) -> str:
    return f"/console/shops/waiting/{asked.path['waiting']}"


def _note(asked: Asked) -> str:
    note = asked.given("note")
    if note is None:
        raise Unsendable("note", N_("Say why, in 5 to 500 characters."))
    return note


def matched_input(asked: Asked) -> Mapping[str, Any]:
    """The payment that it is of; the amount where the shop did not say it. Raises Unsendable."""
    payment, _blank, currency = (asked.given("payment") or "").partition(" ")
    if not payment:
        raise Unsendable("payment", N_("Choose the payment."))
    given = {"shopRefundId": asked.path["waiting"], "paymentId": payment, "note": _note(asked)}
    amount = asked.given("amount")
    return {**given, "amount": typed.amount("amount", amount, currency)} if amount else given


def existing_input(asked: Asked) -> Mapping[str, Any]:
    """The refund that it is already. Raises Unsendable."""
    refund = asked.given("refund")
    if refund is None:
        raise Unsendable("refund", N_("Choose the refund."))
    return {"shopRefundId": asked.path["waiting"], "refundId": refund, "note": _note(asked)}


def dismissed_input(asked: Asked) -> Mapping[str, Any]:
    """Nothing more is done about it. Raises Unsendable."""
    return {"shopRefundId": asked.path["waiting"], "note": _note(asked)}


def matched(asked: Asked, payload: Data) -> Done:
    """On to what else waits; where it waits still, its page says why."""
    if payload["shopRefund"]["state"] == "LINKED":
        return Done("/console/shops/waiting", _("A refund stands for it; it goes by the usual rules."))
    return Done(_refund(asked), _("It waits still; the reason is below."))


def dismissed(asked: Asked, payload: Data) -> Done:
    """On to what else waits."""
    return Done("/console/shops/waiting", _("It waits for nobody any more."))


_MATCH_FIELDS: Final = {"paymentId": "payment", "refundId": "refund", "amount.minorUnits": "amount"}
REFUND_POSTS: Final = {
    "match": Post("shops/match", matched_input, matched, fields=_MATCH_FIELDS),
    "existing": Post("shops/match", existing_input, matched, fields=_MATCH_FIELDS),
    "dismiss": Post("shops/dismiss", dismissed_input, dismissed),
}
