"""Signing in and out: by a one-time link, or with the identity provider. Plain HTML, works without JavaScript.

A session is what these pages know a person by. GraphQL takes bearer tokens: who has signed in makes one of their own
here. Looking at a link uses nothing up; going on does, once.
"""

import hmac
import time
from html import escape
from typing import Final

import structlog
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from api.customer.pages import locale_of, page
from api.doors import address_of, limited
from api.http import origin, request_id
from api.rates import Rates
from api.sign_in import coming_back, cookies
from api.sign_in.provider import Directory
from api.sign_in.texts import text
from domain.access import personal_tokens, sessions, sign_in
from domain.access.principal import Principal
from domain.access.sessions import Begun
from domain.access.sign_in import NoSecondFactor, NotBelieved, SignInAttempt
from domain.cause import Cause, Doer
from domain.platform import secrets
from domain.platform.secrets import Unsealable
from domain.platform.settings import Settings
from domain.problems import RateLimited

PREFIX: Final = "/sign-in"
LINK: Final = f"{PREFIX}/link/"
_OIDC, _CALLBACK, _OUT, _TOKEN = f"{PREFIX}/oidc", f"{PREFIX}/callback", "/sign-out", f"{PREFIX}/token"
_PLACE: Final = "sign-in/attempt"
_CODE_LENGTH_MAX: Final = 2_048
_log = structlog.get_logger()


async def principal_of(connection: HTTPConnection, settings: Settings) -> Principal | None:
    """The person whose session the browser has; None: nobody's that lives."""
    secret = cookies.read(connection, settings, cookies.SESSION)
    demanded = bool(settings.mfa_values)
    return await sessions.authenticate(secret, settings.session_idle_seconds, second_factor=demanded)


async def show(request: Request) -> Response:
    """GET /sign-in: who one is, or how to become somebody."""
    settings, locale = _settings(request), locale_of(request, None)
    principal = await principal_of(request, settings)
    if principal is not None:
        said = escape(text("in", locale, who=principal.holder))
        about = escape(text("about_token", locale))
        return _page(
            locale, f"<p>{said}</p><p>{about}</p>{_button(_TOKEN, 'token', locale)}{_button(_OUT, 'out', locale)}"
        )
    if settings.oidc_issuer:
        return _page(locale, f'<p><a href="{_OIDC}">{escape(text("provider", locale))}</a></p>')
    return _page(locale, f"<p>{escape(text('ask', locale))}</p>")


async def show_link(request: Request) -> Response:
    """GET /sign-in/link/…: a button (200), or that the link does not work (410). Uses nothing up."""
    locale = locale_of(request, None)
    if not await sessions.is_open(request.path_params["secret"]):
        return _said("closed", locale, 410)
    return _page(locale, f"<p>{escape(text('link', locale))}</p>{_button('', 'go_on', locale)}")


async def use_link(request: Request) -> Response:
    """POST /sign-in/link/…: signed in (303), 403 from a foreign page or without https, 410 closed."""
    settings, locale = _settings(request), locale_of(request, None)
    refused = _refusal(request, locale)
    if refused is not None:
        return refused
    if settings.mfa_values:  # a link would be the way around; it is not used up
        return _said("no_factor", locale, 403)
    begun = await sessions.by_link(request.path_params["secret"], settings.session_seconds, _came())
    return _said("closed", locale, 410) if begun is None else await _signed_in(request, begun)


async def ask_provider(request: Request) -> Response:
    """GET /sign-in/oidc: to the identity provider (303). A link: forms of this page lead to no other host."""
    settings, locale = _settings(request), locale_of(request, None)
    if not cookies.is_allowed(request, settings):
        return _said("insecure", locale, 403)
    if not settings.oidc_issuer:
        return _said("ask", locale, 404)
    attempt = sign_in.begin()
    try:
        provider = await _directory(request).provider()
    except NotBelieved as error:
        _log.warning("sign_in.provider_refused", error=str(error))
        return _said("refused", locale, 502)
    client, mfa = settings.oidc_client_id, settings.mfa_values
    address = sign_in.authorization_url(provider, client, _callback_of(settings), attempt, mfa)
    answer = RedirectResponse(address, 303)
    sealed = _sealed(attempt, settings)
    cookies.give(answer, settings, cookies.ATTEMPT, sealed, cookies.ATTEMPT_SECONDS)
    return answer


async def come_back(request: Request) -> Response:
    """GET /sign-in/callback: signed in (303), or not (403); the attempt is over either way. 429: it is not."""
    settings, locale = _settings(request), locale_of(request, None)
    attempt = _attempt(request, settings)
    if attempt is not None and not _equal(request.query_params.get("state", ""), attempt.state):
        attempt = None
    if seconds := await _to_wait(request, attempt):
        return limited(seconds)
    code = request.query_params.get("code", "")
    begun: Begun | None = None
    said = "refused"
    if attempt is not None and 0 < len(code) <= _CODE_LENGTH_MAX:
        try:
            begun = await _begun(request, code, attempt)
        except NoSecondFactor:
            said = "no_factor"
    answer = _said(said, locale, 403) if begun is None else await _signed_in(request, begun)
    cookies.take(answer, settings, cookies.ATTEMPT)
    return answer


async def make_token(request: Request) -> Response:
    """POST /sign-in/token: a token of one's own, shown this once (200); 403 from a foreign page, without https, or to
    whom is not signed in; 429 too often."""
    settings, locale = _settings(request), locale_of(request, None)
    refused = _refusal(request, locale)
    if refused is not None:
        return refused
    secret = cookies.read(request, settings, cookies.SESSION)
    demanded = bool(settings.mfa_values)
    try:
        made = await personal_tokens.create(secret, settings.session_idle_seconds, _came(), second_factor=demanded)
    except RateLimited as error:
        return limited(error.retry_after)
    if made is None:
        return _said("refused", locale, 403)
    until = escape(text("token_made", locale, until=f"{made.expires_at:%Y-%m-%d %H:%M} UTC"))
    shown = f'<p><input readonly value="{escape(made.clear)}" size="50" aria-label="token"></p>'
    return _page(locale, f"<p>{until}</p>{shown}{_button(_OUT, 'out', locale)}")


async def sign_out(request: Request) -> Response:
    """POST /sign-out: the session is over (303), 403 from a foreign page."""
    settings = _settings(request)
    if not cookies.is_our_form(request, settings):
        return _said("refused", locale_of(request, None), 403)
    await _end_session(request, settings)
    answer = RedirectResponse(PREFIX, 303)
    cookies.take(answer, settings, cookies.SESSION)
    return answer


ROUTES: Final = (
    Route(PREFIX, show, methods=["GET"]),
    Route(f"{LINK}{{secret}}", show_link, methods=["GET"]),
    Route(f"{LINK}{{secret}}", use_link, methods=["POST"]),
    Route(_OIDC, ask_provider, methods=["GET"]),
    Route(_CALLBACK, come_back, methods=["GET"]),
    Route(_OUT, sign_out, methods=["POST"]),
    Route(_TOKEN, make_token, methods=["POST"]),
)


async def _begun(request: Request, code: str, attempt: SignInAttempt) -> Begun | None:
    settings = _settings(request)
    try:
        address = await _directory(request).address(code, attempt, _callback_of(settings))
    except NoSecondFactor:
        _log.warning("sign_in.no_second_factor")
        raise
    except NotBelieved as error:
        _log.warning("sign_in.refused", error=str(error))
        return None
    proven = bool(settings.mfa_values)  # else the directory would have raised
    begun = await sessions.by_address(address, settings.session_seconds, _came(), second_factor=proven)
    if begun is None:
        _log.warning("sign_in.nobody")  # the address is not written: it may be anybody's
    return begun


async def _to_wait(request: Request, attempt: SignInAttempt | None) -> float:
    """Seconds until the provider's answer is looked at; zero: now.

    Who brings one to an attempt of theirs is not counted with those of the same address who bring any.
    """
    rates: Rates = request.app.state.rates
    address = address_of(request)
    if attempt is None:
        return await rates.seconds_to_wait("sign_in", address)
    return await rates.seconds_to_wait("sign_in_attempt", attempt.state) or await rates.seconds_to_wait(
        "sign_in_return", address
    )


def _attempt(request: Request, settings: Settings) -> SignInAttempt | None:
    """The attempt that the browser brings back; None: none, or one that began too long ago."""
    sealed = cookies.read(request, settings, cookies.ATTEMPT)
    try:
        values = secrets.unseal(settings.secret_key, bytes.fromhex(sealed or ""), _PLACE)
    except (Unsealable, ValueError):
        return None
    began = float(values.pop("began"))
    return SignInAttempt(**values) if 0 <= time.time() - began <= cookies.ATTEMPT_SECONDS else None


def _sealed(attempt: SignInAttempt, settings: Settings) -> str:
    values = {"state": attempt.state, "nonce": attempt.nonce, "verifier": attempt.verifier, "began": str(time.time())}
    return secrets.seal(settings.secret_key, values, _PLACE).hex()


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


async def _signed_in(request: Request, begun: Begun) -> Response:
    """To the page that was wanted; whom the browser knew before is signed out."""
    settings = _settings(request)
    await _end_session(request, settings)
    answer = coming_back.back(request, settings)
    cookies.give(answer, settings, cookies.SESSION, begun.secret, settings.session_seconds)
    return answer


async def _end_session(request: Request, settings: Settings) -> None:
    secret = cookies.read(request, settings, cookies.SESSION)
    if secret and secret.isascii():
        await sessions.end(secret, _came())


def _came() -> Cause:
    """The request that is being served, and where it came from; who it is is not known yet."""
    address, agent = origin()
    return Cause(request_id(), "", by=Doer(address=address, agent=agent))


def _refusal(request: Request, locale: str) -> Response | None:
    settings = _settings(request)
    if not cookies.is_allowed(request, settings):
        return _said("insecure", locale, 403)
    return None if cookies.is_our_form(request, settings) else _said("refused", locale, 403)


def _callback_of(settings: Settings) -> str:
    return f"{settings.address}{_CALLBACK}"


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def _directory(request: Request) -> Directory:
    directory: Directory = request.app.state.directory
    return directory


def _button(action: str, name: str, locale: str) -> str:
    target = f' action="{action}"' if action else ""
    return f'<form method="post"{target}><button>{escape(text(name, locale))}</button></form>'


def _said(name: str, locale: str, status: int) -> Response:
    return _page(locale, f"<p>{escape(text(name, locale))}</p>", status)


def _page(locale: str, body: str, status: int = 200) -> Response:
    answer = page(locale, body, status, text("title", locale))
    # With no-referrer a browser says `Origin: null` for a form of this page, which is what a foreign page's says.
    answer.headers["referrer-policy"] = "same-origin"
    return answer
