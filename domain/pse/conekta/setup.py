"""What Conekta says of a company: its state, its webhooks, its transactions, what the key may do."""

import httpx

from domain.pse.checking import Asking, CheckCode, PseAccount
from domain.pse.conekta import objects
from domain.pse.kit import exact, requests
from domain.pse.kit.interview import NO_SUCH_PAYMENT, Heard, Interview

_CURRENCIES = ("MXN", "USD")  # those that an order may have (conekta/openapi 2.3.0)
_REFUNDED = frozenset({"order.refunded", "order.partially_refunded", "charge.refunded"})


def setup(account: PseAccount, interview: Interview) -> Asking[None]:
    """`GET /companies/current`, the webhooks, a transaction, and a refund of no order."""
    me = yield from interview.ask(_get(account, "companies", "current"))
    if not interview.entrance(me):
        return
    if interview.or_unknown(CheckCode.MERCHANT_ACTIVE, me, "the company"):
        active = me.inner("active") is True
        told = [f"{name} {me.inner(name)}" for name in ("account_status", "onboarding_status")]
        interview.judge(CheckCode.MERCHANT_ACTIVE, active, ", ".join(["active" if active else "not active", *told]))
    place, body = ("orders", f"ord_{NO_SUCH_PAYMENT}", "refunds"), {"amount": 1, "reason": "requested_by_client"}
    refund = requests.post(account.base_url, *place, body=body, headers=objects.HEADERS)
    interview.may_refund((yield from interview.ask(refund)))
    interview.currencies(account, _CURRENCIES)
    hooks = yield from interview.ask(_get(account, "webhooks"))
    if interview.or_unknown(CheckCode.CALLBACK_REGISTERED, hooks, "the webhooks"):
        interview.callback(account, _listening(hooks), "webhooks for refunded orders")
    moved = yield from interview.ask(_get(account, "transactions"))
    if interview.or_unknown(CheckCode.REPORT_COLUMNS, moved, "the transactions"):
        readable = exact.objects(moved.inner("data")) is not None
        interview.judge(CheckCode.REPORT_COLUMNS, readable, "The transactions, which are the report, can be listed.")


def _listening(hooks: Heard) -> list[str]:
    listed = hooks.objects("data")
    on = [one for one in listed if one.get("active") is True and _REFUNDED & {*exact.texts(one, "subscribed_events")}]
    return [str(one.get("url")) for one in on]


def _get(account: PseAccount, *parts: str) -> httpx.Request:
    return requests.get(account.base_url, *parts, headers=objects.HEADERS)
