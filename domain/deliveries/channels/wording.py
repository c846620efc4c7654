"""What all channels share: texts that are cut where a character ends, bodies that fit, answers read without secrets."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx

from domain.deliveries.answers import Answer, Broken, Later, Refused

ELLIPSIS: Final = "…"
SERVER_SECONDS: Final = 30.0  # after a 5xx
RATE_SECONDS: Final = 60.0  # after a 429 that does not say how long
_RETRY_SECONDS_MAX: Final = 6 * 3600.0
_SAID_MAX: Final = 200
_READ_MAX: Final = 65_536
_LIKE_A_SECRET: Final = re.compile(r"[A-Za-z0-9_\-+/=]{20,}")
_LINK: Final = re.compile(r"\[([^\[\]]{1,200})\]\(([^()\s]{1,500})\)")
_DOT: Final = "·"
_SCHEME: Final = re.compile(r":(?=//)|(?<=mailto):|(?<=tel):|(?<=sms):", re.IGNORECASE)
_DOMAIN: Final = re.compile(r"[.\u3002\uff0e\uff61](?=[^\W\d_]{2})")  # and the dots that IDNA takes for one
_NUMBERS: Final = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})")
_MARKS: Final = str.maketrans(dict.fromkeys("[]()*_`#<>|@~\\", " "))


def cut(text: str, bytes_max: int) -> str:
    """The text in at most so many bytes of UTF-8, with an ellipsis where something was cut; never within a character.

    Raises ValueError where not even the ellipsis fits.
    """
    raw = text.encode()
    if len(raw) <= bytes_max:
        return text
    room = bytes_max - len(ELLIPSIS.encode())
    if room < 0:
        raise ValueError("Not even an ellipsis fits.")
    # What follows a cut lead byte is dropped by "ignore": the rest is whole characters.
    return raw[:room].decode("utf-8", "ignore").rstrip("\u200d\ufe0f") + ELLIPSIS


def fitted(build: Callable[[str], Mapping[str, Any]], text: str, bytes_max: int) -> bytes:
    """The JSON body that `build` makes of the text, cut so far that the body has at most so many bytes.

    Raises ValueError where it is too long with no text at all.
    """
    bare, size = len(written(build(""))), len(text.encode())
    if bare > bytes_max:
        raise ValueError("The message is too long without any text.")
    while len(body := written(build(text))) > bytes_max:
        # Escapes make the body longer than the text: cut as much of it as its share comes to.
        share = size * (bytes_max - bare) // (len(body) - bare)
        size = max(0, min(share, size - len(ELLIPSIS.encode())))
        text = cut(text, size) if size >= len(ELLIPSIS.encode()) else ""
    return body


def written(body: Mapping[str, Any]) -> bytes:
    """JSON in UTF-8: a Chinese character is three bytes there, and six as an escape."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def posted(url: httpx.URL | str, body: bytes) -> httpx.Request:
    """A POST of JSON. Raises ValueError, without the address, which is a password."""
    return httpx.Request(
        "POST", address(url), content=body, headers={"content-type": "application/json; charset=utf-8"}
    )


def address(url: httpx.URL | str) -> httpx.URL:
    """The address as a URL. Raises ValueError, without the address."""
    try:
        found = httpx.URL(url)
    except (httpx.InvalidURL, TypeError, ValueError):
        raise ValueError("The endpoint's address is no URL.") from None
    if not found.host:
        raise ValueError("The endpoint's address is no URL.")
    return found


def by_status(response: httpx.Response) -> Answer | None:
    """What the status alone says; None: it is a success, and the body has the word."""
    status = response.status_code
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return Later(max(retry_after(response), RATE_SECONDS), "429: too many messages")
    if status >= 500:
        return Later(max(retry_after(response), SERVER_SECONDS), f"{status}: the channel has trouble of its own")
    if status in (408, 425):
        return Later(SERVER_SECONDS, f"{status}: the channel took too long")
    if status in (401, 403, 404, 410):
        return Broken(f"{status}: the address is not known, or not allowed (any more)")
    if 300 <= status < 400:
        return Broken(f"{status}: the address points elsewhere, and nothing is followed")
    return None if 200 <= status < 300 else Refused(f"{status}: {said(response.text)}")


def retry_after(response: httpx.Response) -> float:
    """Seconds that the answer asks us to wait; 0: it does not say so in seconds."""
    given = response.headers.get("retry-after", "").strip()
    return min(float(given[:9]), _RETRY_SECONDS_MAX) if given.isascii() and given.isdigit() else 0.0


def object_of(response: httpx.Response) -> Mapping[str, Any] | None:
    """The JSON object of a body; None: it is none."""
    if len(response.content) > _READ_MAX:
        return None
    try:
        told = json.loads(response.content)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def code_of(told: Mapping[str, Any], name: str) -> int | None:
    """A whole number under this name, as a number or its digits; None: there is none. True is no number."""
    value = told.get(name)
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    digits = value.removeprefix("-") if isinstance(value, str) else ""
    return int(str(value)) if digits.isascii() and digits.isdigit() and len(digits) <= 9 else None


def said(text: object) -> str:
    """What a channel says, as it may be kept and shown: short, printable, and without what may be a secret."""
    shown = "".join(letter if letter.isprintable() else " " for letter in str(text)[: 4 * _SAID_MAX])
    return _LIKE_A_SECRET.sub(ELLIPSIS, shown).strip()[:_SAID_MAX]


def unmarked(text: str, *, kept: str = "") -> str:
    """A name that others have given, without what a dialect of Markdown would take for a mark, a link or a mention."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join("".join(one if one in kept else one.translate(_MARKS) for one in plain).split())


def named(text: str, *, kept: str = "") -> str:
    """The same, without what a chat or a mail program would make a link of by itself.

    A dot before what may be the end of a domain, those of an IPv4 address, and the colon of a scheme become `·`: it is
    read as before, and leads nowhere. What a shop, a PSE or a customer has typed is never one click away from our word.
    `kept`: a mark that where it is shown is none.
    """
    plain = _SCHEME.sub(_DOT, unmarked(text, kept=kept))
    return _NUMBERS.sub(rf"\1{_DOT}\2{_DOT}\3{_DOT}\4", _DOMAIN.sub(_DOT, plain))


def one_line(text: str, characters_max: int) -> str:
    """A title: one line of at most so many characters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= characters_max else flat[: characters_max - 1] + ELLIPSIS


def mrkdwn(markdown: str) -> str:
    """Our Markdown in Slack's own dialect: bold with one star, links in angles, headings bold; &, < and > escaped."""
    escaped = markdown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    lines = [_heading(line) for line in escaped.split("\n")]
    return _LINK.sub(r"<\2|\1>", "\n".join(lines).replace("**", "*"))


def _heading(line: str) -> str:
    bare = line.lstrip("#")
    is_heading = bare != line and bare.startswith(" ")
    return f"*{bare.strip().replace('**', '')}*" if is_heading else line
