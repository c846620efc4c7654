"""What Mercado Pago says of an account: its state, its country, its report's columns, what the token may do."""

import secrets
from typing import Final

import httpx

from domain.pse.checking import Asking, CheckCode, PseAccount
from domain.pse.kit import requests
from domain.pse.kit.interview import Heard, Interview
from domain.pse.mercadopago import configuration

_NO_SUCH_PAYMENT: Final = "1"  # payments are numbers, and the first was somebody else's long ago


def setup(interview: Interview) -> Asking[None]:
    """`GET /users/me`, the release report's configuration, and a refund of a payment that is not the account's."""
    me = yield from interview.get("users", "me")
    if not interview.entrance(me):
        return
    if interview.or_unknown(CheckCode.MERCHANT_ACTIVE, me, "the account"):
        _merchant(interview, me)
    interview.may_refund((yield from interview.ask(_refund(interview.account))))
    place = interview.account.report_url or interview.account.base_url, "v1", "account", "release_report", "config"
    heard = yield from interview.ask(requests.get(*place))
    if heard.status == httpx.codes.NOT_FOUND:
        interview.failed(CheckCode.REPORT_COLUMNS, "No release report is configured.")
    elif interview.or_unknown(CheckCode.REPORT_COLUMNS, heard, "the release report's configuration"):
        missing = configuration.lack(heard.body) if isinstance(heard.body, dict) else ["all of it"]
        saw = f"The release report lacks {', '.join(missing)}" if missing else "The release report has all it needs."
        interview.judge(CheckCode.REPORT_COLUMNS, not missing, saw)


def _merchant(interview: Interview, me: Heard) -> None:
    status, wanted = me.inner("status", "site_status"), me.inner("status", "required_action")
    saw = f"site_status {status}" + (f", required_action {wanted}" if wanted else "")
    interview.judge(CheckCode.MERCHANT_ACTIVE, status == "active" and not wanted, saw)
    site = str(me.inner("site_id"))
    interview.currencies({interview.words.sites.get(site, site)})


def _refund(account: PseAccount) -> httpx.Request:
    url = requests.url(account.base_url, "v1", "payments", _NO_SUCH_PAYMENT, "refunds")
    headers = {**requests.JSON, "Content-Type": "application/json", "X-Idempotency-Key": secrets.token_hex(10)}
    return httpx.Request("POST", url, content=b'{"amount":1}', headers=headers)
