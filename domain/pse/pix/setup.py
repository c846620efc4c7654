"""What a PSP of Pix says of a client: the scopes of its token, its webhooks, whether its Pix can be listed."""

from datetime import UTC, datetime, timedelta
from typing import Final

import httpx

from domain.pse.checking import Asking, CheckCode, PseAccount
from domain.pse.kit import exact, moments, oauth, requests
from domain.pse.kit.interview import Heard, Interview

SCOPE: Final = "pix.read pix.write"


def setup(account: PseAccount, interview: Interview) -> Asking[None]:
    """A token, `GET /webhook` and a page of `GET /pix`."""
    token = yield from interview.ask(oauth.token_request(token_url(account.base_url, account.token_url), SCOPE))
    refusal = exact.text(token.body, "error")  # RFC 6749, 5.2: with 400, or 401
    if refusal is not None:
        token = interview.refused(token, refusal, exact.text(token.body, "error_description") or "no more is said")
    if not interview.entrance(token):
        return
    _scopes(interview, token)
    interview.currencies(account, {"BRL"})
    hooks = yield from interview.ask(requests.get(account.base_url, "webhook"))
    if interview.or_unknown(CheckCode.CALLBACK_REGISTERED, hooks, "the webhooks (scope webhook.read)"):
        interview.callback(account, [str(one.get("webhookUrl")) for one in hooks.objects("webhooks")])
    now = datetime.now(UTC)
    period = {"inicio": moments.written(now - timedelta(minutes=1)), "fim": moments.written(now)}
    listing = httpx.Request("GET", f"{account.base_url}/pix", params=period, headers=requests.JSON)
    page = yield from interview.ask(listing)
    if interview.or_unknown(CheckCode.REPORT_COLUMNS, page, "the Pix received"):
        readable = exact.objects(page.inner("pix")) is not None
        interview.judge(CheckCode.REPORT_COLUMNS, readable, "The Pix received, which are the report, can be listed.")


def token_url(base_url: str, own: str | None) -> str:
    """Where the PSP gives tokens."""
    return own or f"{base_url}/oauth/token"


def _scopes(interview: Interview, token: Heard) -> None:
    """RFC 6749, 5.1: a scope that is not told is the one that was asked for."""
    given = str(token.inner("scope") or SCOPE)
    interview.judge(CheckCode.MAY_REFUND, "pix.write" in given.split(), f"The token's scope is {given[:200]}")
