"""The customer's page: where the money is to go. Plain HTML, works without JavaScript, and tells as little as it can.

Looking uses nothing up; sending the form does, once. Nothing of the page is cached, framed or told to other sites.
"""

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, Response

from api.customer.texts import LOCALES, OF_CURRENCY, amount_of, label, text
from api.http import request_id
from domain.platform.settings import Settings
from domain.problems import InvalidInput
from domain.pse.vocabulary import DestinationKind
from domain.refunds.destination import links
from domain.refunds.destination.accounts import ACCOUNT_TYPES, FIELDS
from domain.refunds.destination.destinations import Given
from domain.refunds.destination.links import ShownOfLink, WrongDigits

PREFIX: Final = "/refund-destination/"
PATH: Final = PREFIX + "{token}"
_FIELDS_MAX: Final = 20
_CHARACTERS_MAX: Final = 300
_LANGUAGES_CHARACTERS_MAX: Final = 200  # of the header, of which each language is a step of ours
_LANGUAGES_MAX: Final = 20
_STYLE: Final = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b}"
    "fieldset{border:1px solid #bbb;border-radius:.5rem;margin:1rem 0;padding:1rem}legend{font-weight:600}"
    "label{display:block;margin:.75rem 0 .25rem}"
    "input,select{font:inherit;width:100%;padding:.5rem;box-sizing:border-box}"
    "button{font:inherit;margin-top:1rem;padding:.6rem 1.4rem;border:0;border-radius:.4rem;background:#063;color:#fff}"
    ".bad{background:#fde8e8;padding:.75rem;border-radius:.4rem}nav a{margin-right:.75rem}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS: Final = {
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "x-robots-tag": "noindex, nofollow",
}


async def show(request: Request) -> Response:
    """GET: the form (200), or that the link does not work (410). Uses nothing up."""
    asked = await links.look(request.path_params["token"])
    locale = _locale(request, asked)
    return _closed(locale) if asked is None else page(locale, _form(asked, locale, {}, None))


async def receive(request: Request) -> Response:
    """POST: name the account. 200 done, 403 wrong second factor, 410 closed, 422 a field is wrong."""
    settings: Settings = request.app.state.settings
    token = request.path_params["token"]
    asked = await links.look(token)
    locale = _locale(request, asked)
    if asked is None:
        return _closed(locale)
    typed = _typed(await request.body())
    try:
        given = Given(_kind(typed, asked), typed)
        done = await links.use(token, typed.get("digits", ""), given, request_id(), settings.secret_key)
    except InvalidInput as error:
        said = text("check", locale, field=label(_snake(error.path[-1]), locale, asked.amount.currency))
        return page(locale, _form(asked, locale, typed, said), 422)
    if done is None or (isinstance(done, WrongDigits) and done.left == 0):
        return _closed(locale)
    if isinstance(done, WrongDigits):
        return page(locale, _form(asked, locale, typed, text("wrong", locale, left=str(done.left))), 403)
    return page(locale, f"<p>{escape(text('done', locale))}</p>")


def _typed(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(body.decode(), max_num_fields=_FIELDS_MAX)
    except ValueError:
        return {}
    return {name: value for name, value in pairs if len(value) <= _CHARACTERS_MAX}


def _kind(typed: Mapping[str, str], asked: ShownOfLink) -> DestinationKind:
    """The form that was sent. Raises InvalidInput."""
    for kind in asked.kinds:
        if kind == typed.get("kind"):
            return kind
    raise InvalidInput("The kind is none of those asked for.", path=["account_type"])


def _locale(request: HTTPConnection, asked: ShownOfLink | None) -> str:
    if asked is None:
        return locale_of(request)
    return locale_of(request, asked.shop.language or OF_CURRENCY.get(asked.amount.currency))


def locale_of(request: HTTPConnection, otherwise: str | None = None) -> str:
    """The language asked for, else the browser's, else this one."""
    wanted = [request.query_params.get("lang", "")]
    told = request.headers.get("accept-language", "")[:_LANGUAGES_CHARACTERS_MAX]
    wanted += [part.split(";")[0].strip() for part in told.split(",")[:_LANGUAGES_MAX]]
    for one in wanted:
        for locale in LOCALES:
            if one and one.split("-")[0].lower() == locale.split("-")[0].lower():
                return locale
    return otherwise or "en"


def _closed(locale: str) -> Response:
    # The same answer for a link that never was: nobody learns which links exist.
    return page(locale, f"<p>{escape(text('closed', locale))}</p>", 410)


def page(locale: str, body: str, status: int = 200, heading: str | None = None) -> Response:
    """A whole page around a body that is HTML already."""
    title = escape(heading or text("title", locale))
    switch = " ".join(f'<a href="?lang={one}" lang="{one}">{escape(name)}</a>' for one, name in LOCALES.items())
    whole = (
        f'<!doctype html><html lang="{locale}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><nav>{switch}</nav><h1>{title}</h1>{body}</body></html>"
    )
    return HTMLResponse(whole, status, dict(_HEADERS))


def _form(asked: ShownOfLink, locale: str, typed: Mapping[str, str], problem: str | None) -> str:
    intro = escape(text("intro", locale, shop=_shop(asked), amount=amount_of(asked.amount, locale)))
    order = f"<p>{escape(text('order', locale, order=asked.order))}</p>" if asked.order else ""
    said = f'<p class="bad" role="alert">{escape(problem)}</p>' if problem else ""
    forms = "".join(_kind_form(kind, locale, typed if kind == typed.get("kind") else {}, asked) for kind in asked.kinds)
    return f"<p>{intro}</p>{order}{said}{forms}{_about(asked, locale)}"


def _shop(asked: ShownOfLink) -> str:
    """The name the customer knows, be it the merchant's or the store's."""
    merchant, store = asked.shop.merchant, asked.shop.store
    return merchant if merchant.casefold() == store.casefold() else f"{merchant} ({store})"


def _about(asked: ShownOfLink, locale: str) -> str:
    """Whom to ask, and what becomes of what is typed in here."""
    contact, notice = asked.shop.contact, asked.shop.privacy_url
    whom = text("contact", locale, shop=_shop(asked), contact=contact) if contact else ""
    link = (
        f' <a href="{escape(notice)}" rel="noopener noreferrer">{escape(text("privacy_link", locale))}</a>'
        if notice
        else ""
    )
    return (f"<p>{escape(whom)}</p>" if whom else "") + f"<p>{escape(text('privacy', locale))}{link}</p>"


def _kind_form(kind: DestinationKind, locale: str, typed: Mapping[str, str], asked: ShownOfLink) -> str:
    currency = asked.amount.currency
    inputs = "".join(_input(kind, name, locale, currency, typed.get(name, "")) for name in (*FIELDS[kind], "digits"))
    return (
        f'<form method="post" action="?lang={locale}" autocomplete="off"><fieldset>'
        f'<legend>{escape(text(kind, locale))}</legend><input type="hidden" name="kind" value="{kind}">{inputs}'
        f"<button>{escape(text('send', locale))}</button></fieldset></form>"
    )


def _input(kind: DestinationKind, name: str, locale: str, currency: str, value: str) -> str:
    key, called = f"{kind}-{name}", escape(label(name, locale, currency))
    if name == "account_type":
        options = "".join(
            f'<option value="{one}"{" selected" if one == value else ""}>{escape(text(one, locale))}</option>'
            for one in ACCOUNT_TYPES
        )
        return f'<label for="{key}">{called}</label><select id="{key}" name="{name}">{options}</select>'
    shown = "" if name == "digits" else escape(value)
    return (
        f'<label for="{key}">{called}</label><input id="{key}" name="{name}" value="{shown}" maxlength="100" required>'
    )


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
