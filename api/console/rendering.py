"""Templates become pages: everything is escaped unless we made it ourselves, and written in the reader's language."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.datastructures import QueryParams
from starlette.responses import HTMLResponse

from api.console import formats, happened, names, statics
from api.console.findings import words as findings
from api.console.formats import ReaderLocale, way
from api.console.page import new_key
from api.console.person import PREFIX, THEMES, Look
from api.console.words import LANGUAGES, SHARED, _, ngettext, speaking

_FOLDER: Final = Path(__file__).parent
HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    # With no-referrer a browser says `Origin: null` for a form of ours, which is what a foreign page's says.
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
    "x-robots-tag": "noindex, nofollow",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
}


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around a page: whose it is, where one can go, and what was left to be said."""

    look: Look
    viewer: Mapping[str, Any] | None
    nav: Sequence[Mapping[str, Any]]
    token: str
    here: str  # the path and query of this page, to come back to
    section: str
    flash: str | None = None

    @property
    def zone(self) -> str:
        """Of the merchant's books."""
        return str(self.viewer["merchant"]["zone"]) if self.viewer else "UTC"


def with_after(query: QueryParams, cursor: str) -> str:
    """The query string of the next page of a list: the same filter, behind this cursor."""
    kept = [(name, value) for name, value in query.multi_items() if name != "after" and value]
    return urlencode([*kept, ("after", cursor)])


def _said(message: str, /, **values: Any) -> Markup:
    """The text in the reader's language, with these values escaped in it.

    As the extension's own one, which makes a context of its own for each text in a loop: that took as long as the rest.
    """
    said = Markup(_(message))  # noqa: S704  # ours
    return said % values if "%" in said else said


def _said_of(one: str, many: str, count: int, /, **values: Any) -> Markup:
    """The text for so many, as `_said`."""
    said = Markup(ngettext(one, many, count))  # noqa: S704  # ours
    return said % {"num": count, **values} if "%" in said else said


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    made.install_gettext_callables(_, ngettext, newstyle=True)  # type: ignore[attr-defined]  # of the extension
    made.globals.update({"_": _said, "gettext": _said, "ngettext": _said_of})
    made.filters.update(formats.FILTERS)
    made.filters.update(happened.FILTERS)
    made.filters.update(_FILTERS)
    made.globals.update(_GLOBALS)
    return made


_FILTERS: Final[Mapping[str, Any]] = {
    "method": names.method,
    "reason": names.reason,
    "error": names.error,
    "pse": names.pse,
    "role": names.role,
    "row_why": names.row,
    "states_in_words": names.states_in_words,
    "rights_in_words": names.rights_in_words,
    "permission": names.permission,
    "rule": names.rule,
    "rule_why": names.rule_why,
    "said_by": names.said_by,
    "decided": findings.decided,
    "decided_in_sheet": findings.decided_in_sheet,
}
_GLOBALS: Final[Mapping[str, Any]] = {
    "state_sign": names.state,
    "STATES": names.STATES,
    "METHODS": names.METHODS,
    "REASONS": names.REASONS,
    "LANGUAGES": LANGUAGES,
    "THEMES": THEMES,
    "static": statics.address,
    "new_key": new_key,
    "console": PREFIX,
    "with_after": with_after,
}
environment: Final = _environment()


@contextmanager
def reading(noun: str, language: str, zone: str = "UTC") -> Iterator[None]:
    """What is written in here is written with a noun's words, in the reader's way."""
    reset = way.set(ReaderLocale(language, zone))
    try:
        with speaking(noun, language):
            yield
    finally:
        way.reset(reset)


def render(template: str, frame: Frame, values: Mapping[str, Any]) -> str:
    """A page or a fragment, of `<noun>/<name>.html`."""
    with reading(template.split("/")[0], frame.look.language, frame.zone):
        return environment.get_template(template).render(frame=frame, **values)


def answer(template: str, frame: Frame, values: Mapping[str, Any], status: int = 200) -> HTMLResponse:
    """A whole page as it is sent."""
    return HTMLResponse(render(template, frame, values), status, dict(HEADERS))


def state_page(which: str, frame: Frame, status: int, **values: Any) -> HTMLResponse:
    """One of the pages that say why there is nothing: wrong, forbidden, gone, many."""
    return answer(f"{SHARED}/{which}.html", frame, values, status)
