"""The console's routes: every page that the registry finds, the files it is drawn with, and how it is looked at."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from api import files
from api.console import live, registry, statics
from api.console.asking import Asking
from api.console.bodies import Untaken, choice
from api.console.person import LANGUAGE, MERCHANT, PREFIX, THEME, THEMES, remember
from api.console.posting import received, unsent
from api.console.serving import Visit, guarded, known, shown, unknown
from api.console.words import LANGUAGES
from api.sign_in import coming_back, cookies
from domain.platform.settings import Settings


def routes(asking: Asking) -> Sequence[BaseRoute]:
    """For the application's router, behind `/console`."""
    found: list[BaseRoute] = [
        Route(f"{statics.PREFIX}{{name}}", statics.serve, methods=["GET"]),
        Route(f"{PREFIX}/look", _look, methods=["POST"]),
        Route(f"{PREFIX}/merchant", guarded(asking, _choose), methods=["POST"]),
        Route(f"{PREFIX}{files.PATH}", guarded(asking, _file), methods=["GET"]),
    ]
    for page in registry.pages():
        path = PREFIX + page.path.rstrip("/")
        if page.live is not None:
            streamed = guarded(asking, live.streamed(page, page.live), seen=False)
            found.append(Route(f"{path}/live", streamed, methods=["GET"]))
        found.append(Route(path, guarded(asking, shown(page)), methods=["GET"]))
        if page.posts or page.runs:
            found.append(Route(path, known(asking, received(page)), methods=["POST"]))
    found.append(Route(PREFIX, guarded(asking, _first), methods=["GET"]))
    found.append(Route(f"{PREFIX}/{{rest:path}}", guarded(asking, unknown), methods=["GET", "POST"]))
    return found


async def _look(request: Request) -> Response:
    """POST: another language or theme, back to the page. It needs nobody to have signed in."""
    settings: Settings = request.app.state.settings
    try:
        form = await choice(request)
    except Untaken:
        return Response(status_code=413)
    answer = _back(form.get("back"))
    if cookies.is_our_form(request, settings):
        _keep(answer, settings, LANGUAGE, form.get("language"), LANGUAGES)
        _keep(answer, settings, THEME, form.get("theme"), THEMES)
    return answer


def _keep(answer: Response, settings: Settings, name: str, value: Any, known: Any) -> None:
    if isinstance(value, str) and value in known:
        remember(answer, settings, name, value)


async def _choose(visit: Visit) -> Response:
    """POST: another merchant; whether they have a part in it is asked with each request."""
    try:
        form = await choice(visit.request)
        merchant = UUID(str(form.get("merchant", "")))
    except Untaken:
        return await unsent(visit, None, 413)
    except ValueError:
        return Response(status_code=400)
    if not (visit.person.is_theirs(form.get("token")) and cookies.is_our_form(visit.request, visit.settings)):
        return await unsent(visit, None, 403)
    answer = RedirectResponse(PREFIX, 303)
    remember(answer, visit.settings, MERCHANT, str(merchant))
    return answer


async def _first(visit: Visit) -> Response:
    """GET, where no page has the console's own address: to the first that the navigation names (303)."""
    named = [page for page in registry.pages() if page.nav and visit.person.principal.may(page.nav.permission)]
    if not named:
        return await unknown(visit)
    return RedirectResponse(PREFIX + min(named, key=registry.place).path, 303)


async def _file(visit: Visit) -> Response:
    """GET: a file as an attachment, to whom the session lets read it."""
    return await files.given(visit.person.principal, visit.request.path_params["id"], visit.settings)


def _back(path: Any) -> Response:
    return RedirectResponse(path if isinstance(path, str) and coming_back.is_ours(path) else PREFIX, 303)
