"""What Conekta says of a company: its state, its webhooks, its transactions, what the key may do."""

from domain.pse.checking import Asking, CheckCode
from domain.pse.kit import exact
from domain.pse.kit.interview import NO_SUCH_PAYMENT, Heard, Interview

_CURRENCIES = ("MXN", "USD")  # those that an order may have (conekta/openapi 2.3.0)
_REFUNDED = frozenset({"order.refunded", "order.partially_refunded", "charge.refunded"})


def setup(interview: Interview) -> Asking[None]:
    """`GET /companies/current`, the webhooks, a transaction, and a refund of no order."""
    me = yield from interview.get("companies", "current")
    if not interview.entrance(me):
        return
    if interview.or_unknown(CheckCode.MERCHANT_ACTIVE, me, "the company"):
        active = me.inner("active") is True
        told = [f"{name} {me.inner(name)}" for name in ("account_status", "onboarding_status")]
        interview.judge(CheckCode.MERCHANT_ACTIVE, active, ", ".join(["active" if active else "not active", *told]))
    refund = {"amount": 1, "reason": "requested_by_client"}
    yield from interview.refund_nothing("orders", f"ord_{NO_SUCH_PAYMENT}", "refunds", body=refund)
    interview.currencies(_CURRENCIES)
    interview.webhooks((yield from interview.get("webhooks")), _listening, what="webhooks for refunded orders")
    interview.listing((yield from interview.get("transactions")), "transactions", "data")


def _listening(hooks: Heard) -> list[str]:
    listed = hooks.objects("data")
    on = [one for one in listed if one.get("active") is True and _REFUNDED & {*exact.texts(one, "subscribed_events")}]
    return [str(one.get("url")) for one in on]
