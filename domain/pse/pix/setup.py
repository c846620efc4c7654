"""What a PSP of Pix says of a client: the scopes of its token, its webhooks, whether its Pix can be listed."""

from datetime import UTC, datetime, timedelta
from typing import Final

from domain.pse.checking import Asking, CheckCode
from domain.pse.kit import exact, moments, oauth
from domain.pse.kit.interview import Heard, Interview

SCOPE: Final = "pix.read pix.write"


def setup(interview: Interview) -> Asking[None]:
    """A token, `GET /webhook` and a page of `GET /pix`."""
    url = token_url(interview.account.base_url, interview.account.token_url)
    token = yield from interview.ask(oauth.token_request(url, SCOPE))
    refusal = exact.text(token.body, "error")  # RFC 6749, 5.2: with 400, or 401
    if refusal is not None:
        token = interview.refused(token, refusal, exact.text(token.body, "error_description") or "no more is said")
    if not interview.entrance(token):
        return
    _scopes(interview, token)
    interview.currencies({"BRL"})
    hooks = yield from interview.get("webhook")
    interview.webhooks(hooks, _listening, "the webhooks (scope webhook.read)")
    now = datetime.now(UTC)
    since, until = moments.written(now - timedelta(minutes=1)), moments.written(now)
    interview.listing((yield from interview.get("pix", inicio=since, fim=until)), "Pix received", "pix")


def token_url(base_url: str, own: str | None) -> str:
    """Where the PSP gives tokens."""
    return own or f"{base_url}/oauth/token"


def _listening(hooks: Heard) -> list[str]:
    return [str(one.get("webhookUrl")) for one in hooks.objects("webhooks")]


def _scopes(interview: Interview, token: Heard) -> None:
    """RFC 6749, 5.1: a scope that is not told is the one that was asked for."""
    given = str(token.inner("scope") or SCOPE)
    interview.judge(CheckCode.MAY_REFUND, "pix.write" in given.split(), f"The token's scope is {given[:200]}")
