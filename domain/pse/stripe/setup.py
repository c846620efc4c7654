"""What Stripe says of an account: its charges and payouts, its webhook endpoints, its reports, what the key may do.

A restricted key has each permission by itself, so what it may not read says nothing of whether it may refund.
"""

import httpx

from domain.pse.checking import Asking, CheckCode
from domain.pse.kit import exact, requests
from domain.pse.kit.interview import NO_SUCH_PAYMENT, Heard, Interview
from domain.pse.stripe import objects
from domain.pse.stripe.reports import REPORT_TYPE

_EVENTS = frozenset({"*", "refund.updated", "charge.refund.updated"})


def setup(interview: Interview) -> Asking[None]:
    """`GET /v1/account`, its country, the endpoints, the report's type, and a refund of no payment."""
    me = yield from interview.get("account")
    if not interview.entrance(me, by_parts=True):
        return
    if interview.or_unknown(CheckCode.MERCHANT_ACTIVE, me, "the account"):
        yield from _merchant(interview, me)
    form = {"charge": f"ch_{NO_SUCH_PAYMENT}", "amount": "1"}
    url = requests.url(interview.account.base_url, "refunds")
    interview.may_refund((yield from interview.ask(httpx.Request("POST", url, data=form, headers=objects.HEADERS))))
    endpoints = yield from interview.get("webhook_endpoints", limit="100")
    interview.webhooks(endpoints, _listening, "the webhook endpoints", "endpoints for refund.updated")
    report = yield from interview.get("reporting", "report_types", REPORT_TYPE)
    if interview.or_unknown(CheckCode.REPORT_COLUMNS, report, "reports"):
        interview.passed(CheckCode.REPORT_COLUMNS, f"{REPORT_TYPE} can be ordered; Estorno names its columns itself.")


def _merchant(interview: Interview, me: Heard) -> Asking[None]:
    charges, payouts = me.inner("charges_enabled") is True, me.inner("payouts_enabled") is True
    due = me.texts("requirements", "currently_due")
    saw = f"charges_enabled {charges}, payouts_enabled {payouts}".lower()
    saw += f"; Stripe still wants {', '.join(due)[:200]}" if due else ""
    interview.judge(CheckCode.MERCHANT_ACTIVE, charges and payouts, saw)
    country = yield from interview.get("country_specs", str(me.inner("country")))
    if interview.or_unknown(CheckCode.CURRENCIES, country, "the country"):
        known = country.texts("supported_payment_currencies")
        interview.currencies({one.upper() for one in known})


def _listening(endpoints: Heard) -> list[str]:
    """The addresses of the endpoints that are enabled and hear of refunds."""
    listed = endpoints.objects("data")
    on = [one for one in listed if one.get("status") == "enabled" and _EVENTS & {*exact.texts(one, "enabled_events")}]
    return [str(one.get("url")) for one in on]
