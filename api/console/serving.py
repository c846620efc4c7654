"""How a page is served: who looks, what they ask, and the page, or the page that says why there is none."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from api.console import registry
from api.console.asking import Asking, Reply, TooMuch
from api.console.documents import document
from api.console.forms import FilledForm, unreadable
from api.console.page import Asked, Download, Nav, Page, Unsendable
from api.console.person import PREFIX, Look, Visitor, forget_flash, look_of, person_of, read_flash
from api.console.rendering import Frame, answer, reading, state_page
from api.console.words import _
from api.graphql.transport.bounds import DEADLINE_EXCEEDED, ClientGone
from api.http import UNAVAILABLE, request_id
from api.sign_in import coming_back
from domain.access.permissions import Permission
from domain.platform.settings import Settings

_FRAME: Final = "shared/frame"
# Of an error's code: the page that says so, and the status.
_STATES: Final = {
    "FORBIDDEN": ("forbidden", 403),
    "NOT_FOUND": ("gone", 404),
    "INVALID_INPUT": ("wrong", 400),
    UNAVAILABLE: ("away", 503),
    DEADLINE_EXCEEDED: ("away", 503),
    "RATE_LIMITED": ("many", 429),
}


def here(request: Request) -> str:
    """The path and query of a request, to come back to."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of somebody who has signed in."""

    asking: Asking
    request: Request
    settings: Settings
    person: Visitor
    look: Look

    def asked(self) -> Asked:
        """What the request asks of a page."""
        path = {name: str(value) for name, value in self.request.path_params.items()}
        who = self.person.principal
        return Asked(path, self.request.query_params, lambda name: who.may(Permission[name]), zone=who.zone)

    def frame(self, viewer: Mapping[str, Any] | None, page: Page | None) -> Frame:
        """What stands around the page."""
        section = registry.section_of(page) if page else ""
        flash = read_flash(self.request, self.settings, self.person)
        nav = navigation(viewer, section, self.look.language, self.settings)
        return Frame(self.look, viewer, nav, self.person.token(), here(self.request), section, flash=flash)

    async def frame_alone(self, page: Page | None) -> Frame:
        """The frame around a page that says why there is none; without the navigation where even that fails."""
        told = await self.asking.ask(self.request, self.person, document(_FRAME), {})
        return self.frame(told.data and told.data["viewer"], page)


def navigation(
    viewer: Mapping[str, Any] | None, section: str, language: str, settings: Settings
) -> list[dict[str, Any]]:
    """The entries that the person may open, in order."""
    if viewer is None:
        return []
    held = set(viewer["permissions"])
    offered = (page for page in registry.pages() if page.offered(settings))
    entries = [(page.nav, page) for page in offered if page.nav and page.nav.permission.value in held]
    entries.sort(key=lambda one: (one[0].group, one[0].order))
    waiting = viewer["waiting"]
    return [_entry(nav, page, section, language) | {"waits": waiting.get(nav.waits, 0)} for nav, page in entries]


def _entry(nav: Nav, page: Page, section: str, language: str) -> dict[str, Any]:
    bar, group = nav.bar, nav.group
    with reading(page.noun, language):
        label = _(nav.label)
    return {
        "href": (PREFIX + page.path).rstrip("/"),
        "label": label,
        "here": page.path == section,
        "bar": bar,
        "group": group,
    }


def guarded(asking: Asking, serve: Callable[[Visit], Any], *, seen: bool = True) -> Callable[[Request], Any]:
    """A door of the console: who has not signed in is sent there, who asks too often is told so.

    Not `seen`: a browser asks by itself, and whose session it is may have left.
    """

    async def placed(visit: Visit) -> Response:
        with asking.place(visit.person):
            done: Response = await serve(visit)
            return done

    return known(asking, placed, seen=seen)


def known(asking: Asking, serve: Callable[[Visit], Any], *, seen: bool = True) -> Callable[[Request], Any]:
    """As `guarded`, for what takes a place itself: none is held for what a client can draw out."""

    async def served(request: Request) -> Response:
        settings: Settings = request.app.state.settings
        person = await person_of(request, settings, seen=seen)
        if person is None:
            return coming_back.to_sign_in(request.url.path if request.method == "POST" else here(request), settings)
        visit = Visit(asking, request, settings, person, look_of(request, settings))
        try:
            await asking.count(person)
            done: Response = await serve(visit)
            return done
        except TooMuch as said:
            frame = visit.frame(None, None)
            answered = state_page("many", frame, 429, seconds=max(1, round(said.seconds)), request_id=request_id())
            answered.headers["retry-after"] = str(max(1, round(said.seconds)))
            return answered
        except ClientGone:
            return Response(status_code=400)

    return served


def shown(page: Page) -> Callable[[Visit], Any]:
    """GET: the page."""

    async def show(visit: Visit) -> Response:
        if not page.offered(visit.settings):
            return await unknown(visit)
        return await page_answer(visit, page, visit.asked(), FilledForm())

    return show


async def page_answer(
    visit: Visit, page: Page, asked: Asked, form: FilledForm, status: int = 200, **more: Any
) -> Response:
    """The page with its data and `more` for its template, or why there is none."""
    try:
        with reading(page.noun, visit.look.language):
            variables = page.variables(asked)
    except Unsendable as refused:
        return state_page(
            "wrong", await visit.frame_alone(page), 400, message=unreadable(refused).message, request_id=request_id()
        )
    told = await visit.asking.ask(visit.request, visit.person, document(page.name), variables)
    if told.data is None or (page.found and told.data[page.found] is None):
        return await refused_page(visit, page, told)
    if page.download is not None:
        return attachment(page.download(asked, told.data))
    constant = await visit.asking.constant(visit.request, visit.person, page.constant)
    frame = visit.frame(told.data.get("viewer"), page)
    with reading(page.noun, visit.look.language, frame.zone):
        seen = page.view(asked, {**told.data, **constant})
    values = {
        "page": page,
        "data": told.data,
        "asked": asked,
        "form": form,
        "partly": bool(told.errors),
        "may": asked.may,
        **seen,
        **more,
    }
    made = answer(f"{page.name}.html", frame, values, status)
    if frame.flash is not None:
        forget_flash(made, visit.settings)
    return made


def attachment(file: Download) -> Response:
    """A file that the browser keeps, and never shows as a page of ours."""
    headers = {"content-disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}"}
    return Response(file.content, headers=headers, media_type=file.media_type)


async def refused_page(visit: Visit, page: Page | None, told: Reply) -> Response:
    """Why there is no page: forbidden, gone, away, too often, or wrong."""
    which, status = "gone", 404
    if told.errors:
        found = [_STATES[code] for code in told.codes if code in _STATES]
        # A variable that the schema refuses has no code: it was typed into the address.
        which, status = found[0] if found else ("wrong", 400 if not any(one.path for one in told.errors) else 500)
    message = told.errors[0].message if told.errors and status in (400, 403) else ""
    frame = await visit.frame_alone(page)
    return state_page(which, frame, status, message=message, seconds=2, request_id=request_id())


async def unknown(visit: Visit) -> Response:
    """Any other address of the console: 404."""
    return state_page("gone", await visit.frame_alone(None), 404, request_id=request_id())
