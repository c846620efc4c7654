"""Who looks at a page: the person of a session, the secrets that hang on it, and how they like to look.

What a form or a flash message is proven by is made of the session's own secret: it ends with the session, and nobody
who does not have the cookie can make it.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from api.console.words import LANGUAGES
from api.customer.pages import locale_of
from api.sign_in import cookies
from domain.access import giver, sessions
from domain.access.principal import Principal
from domain.platform.settings import Settings

PREFIX: Final = "/console"
LANGUAGE: Final = "estorno-language"
THEME: Final = "estorno-theme"
MERCHANT: Final = "estorno-merchant"
THEMES: Final = ("auto", "light", "dark")
_FLASH: Final = "estorno-flash"
_FLASH_SECONDS: Final = 120
_YEAR_SECONDS: Final = 365 * 86_400
_FLASH_MAX: Final = 2_000


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who has signed in."""

    principal: Principal
    secret: str = field(repr=False)

    @property
    def key(self) -> str:
        """By which what they ask is counted."""
        return f"session:{self.principal.token_id}"

    def token(self) -> str:
        """What every form of theirs carries: it does nothing at another merchant than its page was about."""
        return self._proof(f"form/{self.principal.merchant_id}")

    def is_theirs(self, token: object) -> bool:
        """Whether a form carries it."""
        return isinstance(token, str) and token.isascii() and hmac.compare_digest(token, self.token())

    def _proof(self, what: str) -> str:
        return hmac.new(self.secret.encode(), f"estorno-console/{what}".encode(), hashlib.sha256).hexdigest()

    def flash(self, said: str) -> str:
        """A sentence for their next page, as a cookie."""
        told = base64.urlsafe_b64encode(said.encode()).decode()
        return f"{told}.{self._proof(f'flash/{told}')}"

    def flashed(self, cookie: str | None) -> str | None:
        """What was left for this page; None: nothing, or not by us."""
        told, _, proof = (cookie or "").partition(".")
        if not told or len(told) > _FLASH_MAX or not proof.isascii():
            return None
        if not hmac.compare_digest(proof, self._proof(f"flash/{told}")):
            return None
        return base64.urlsafe_b64decode(told).decode()


async def person_of(request: Request, settings: Settings, *, seen: bool = True) -> Visitor | None:
    """Whose session the browser has, at the merchant that they chose; None: nobody's that lives."""
    secret = cookies.read(request, settings, cookies.SESSION)
    principal = await authenticated(secret, settings, chosen(request, settings), seen=seen)
    if principal is None or secret is None:
        return None
    giver.hold(secret)  # what is given in this request is given with it
    return Visitor(principal, secret)


async def authenticated(
    secret: str | None, settings: Settings, merchant_id: UUID | None, *, seen: bool = True
) -> Principal | None:
    """The principal of a session, at a merchant that they have a part in, else at their own.

    Not `seen`: nobody has done anything, and the session goes on to be idle.
    """
    idle, demanded = settings.session_idle_seconds, bool(settings.mfa_values)
    found = await sessions.authenticate(secret, idle, merchant_id, second_factor=demanded, seen=seen)
    if found is None and merchant_id is not None:  # they have no part there any more
        found = await sessions.authenticate(secret, idle, second_factor=demanded, seen=seen)
    return found


def chosen(request: Request, settings: Settings) -> UUID | None:
    """The merchant that was chosen, where several may be."""
    try:
        return UUID(cookies.read(request, settings, MERCHANT) or "")
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Look:
    """The language and the theme of the pages."""

    language: str
    theme: str


def look_of(request: Request, settings: Settings) -> Look:
    """As it was chosen; else the browser's language, and the system's theme."""
    language, theme = cookies.read(request, settings, LANGUAGE), cookies.read(request, settings, THEME)
    return Look(
        language if language in LANGUAGES else locale_of(request, None),
        theme if theme in THEMES else THEMES[0],
    )


def remember(response: Response, settings: Settings, name: str, value: str) -> None:
    """Keep a choice of theirs for a year."""
    cookies.give(response, settings, name, value, _YEAR_SECONDS)


def leave_flash(response: Response, settings: Settings, person: Visitor, said: str) -> None:
    """Say it on the next page."""
    cookies.give(response, settings, _FLASH, person.flash(said), _FLASH_SECONDS)


def read_flash(request: Request, settings: Settings, person: Visitor) -> str | None:
    """What the last page left to be said on this one."""
    return person.flashed(cookies.read(request, settings, _FLASH))


def forget_flash(response: Response, settings: Settings) -> None:
    """It was said."""
    cookies.take(response, settings, _FLASH)
