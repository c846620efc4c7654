"""What Adyen's Management API (v3) says of an API credential and a merchant account.

Each kind of thing is read with a role of its own, so what may not be read is unknown and no failure.
"""

import httpx

from domain.pse.adyen.auth import management_url
from domain.pse.checking import Asking, CheckCode, PseAccount
from domain.pse.kit import exact, requests
from domain.pse.kit.interview import Heard, Interview

_ROLES = ("Checkout webservice role", "Merchant PAL Webservice role")


def setup(interview: Interview) -> Asking[None]:
    """`GET /me`, the merchant account, its webhooks and its payment methods."""
    account = interview.account
    me = yield from interview.ask(_get(account, "me"))
    if not interview.entrance(me):
        return
    if interview.or_unknown(CheckCode.MAY_REFUND, me, "its own roles"):
        _credential(interview, me)
    merchant = yield from interview.ask(_get(account, "merchants", account.client_id))
    if interview.or_unknown(CheckCode.MERCHANT_ACTIVE, merchant, "the merchant account"):
        status = str(merchant.inner("status"))
        interview.judge(CheckCode.MERCHANT_ACTIVE, status == "Active", f"{account.client_id} is {status}")
    hooks = yield from interview.ask(_get(account, "merchants", account.client_id, "webhooks"))
    interview.webhooks(hooks, _listening, what="standard webhooks that are active and have an HMAC key")
    methods = yield from interview.ask(_get(account, "merchants", account.client_id, "paymentMethodSettings"))
    if interview.or_unknown(CheckCode.CURRENCIES, methods, "the payment methods"):
        _currencies(interview, methods)


def _credential(interview: Interview, me: Heard) -> None:
    known = {_plain(one) for one in me.texts("roles")}
    has = [one for one in _ROLES if _plain(one) in known]
    saw = f"The API credential {me.inner('username')} has {' and '.join(has) or 'neither of the roles that refund'}"
    if me.inner("active") is False:
        interview.failed(CheckCode.CREDENTIALS, "The API credential is not active.")
    if len(has) == 1:
        interview.unknown(CheckCode.MAY_REFUND, f"{saw} alone")
    else:
        interview.judge(CheckCode.MAY_REFUND, bool(has), saw)
    allowed = me.texts("allowedIpAddresses")
    told = f"among {', '.join(allowed)[:200]}" if allowed else "and its list of allowed addresses is empty"
    interview.passed(CheckCode.EGRESS_ADDRESS, f"Adyen answers the address that we ask from, {told}.")


def _plain(role: str) -> str:
    """Adyen writes the names of its roles in more than one way."""
    return role.lower().replace("-", " ").strip()


def _listening(hooks: Heard) -> list[str]:
    listed = hooks.objects("data")
    on = [one for one in listed if one.get("type") == "standard" and one.get("active") is True]
    return [str(one.get("url")) for one in on if one.get("hmacKeyCheckValue")]


def _currencies(interview: Interview, methods: Heard) -> None:
    """A method that names no currency takes all of them."""
    listed = [one for one in methods.objects("data") if one.get("enabled") is not False]
    if any(not one.get("currencies") for one in listed):
        interview.passed(CheckCode.CURRENCIES, f"{len(listed)} payment methods, of which one takes every currency.")
    else:
        interview.currencies({code for one in listed for code in exact.texts(one, "currencies")})


def _get(account: PseAccount, *parts: str) -> httpx.Request:
    return requests.get(management_url(account.base_url), *parts)
