"""A form that comes back: one mutation is run, and the next page shown, or the form again with what is wrong."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from api.console.admission import ROOM
from api.console.bodies import Untaken, declared, posted
from api.console.documents import document
from api.console.forms import FilledForm, files_taken_in, problems_of, unreadable
from api.console.page import Asked, Done, Page, Post, Unsendable
from api.console.person import PREFIX, leave_flash
from api.console.rendering import answer, reading, state_page
from api.console.serving import Visit, page_answer, unknown
from api.console.words import N_
from api.graphql.transport.masking import presented
from api.http import request_id
from api.sign_in import coming_back, cookies

_NO_DOCUMENT: Final = N_("Write a document.")


def received(page: Page) -> Callable[[Visit], Any]:
    """POST: one of the page's forms. 303 to what follows, 422 with what is wrong, 403 not a form of this session's."""

    async def receive(visit: Visit) -> Response:
        if not page.takes_files:
            return await _read(visit, page)
        try:
            size = declared(visit.request)
        except Untaken:
            return await unsent(visit, page, 413)
        with ROOM.taking(visit.asking.holder(visit.person), size):
            return await _read(visit, page)

    return receive


async def _read(visit: Visit, page: Page) -> Response:
    """First all of the form, and then a place: whoever sends slowly holds nobody up."""
    try:
        form = await posted(visit.request, page.bytes_max)
    except Untaken:
        return await unsent(visit, page, 413)
    try:
        with visit.asking.place(visit.person):
            return await _received(visit, page, form)
    finally:
        await form.close()  # files that came with it lie on the disk until then


async def _received(visit: Visit, page: Page, form: FormData) -> Response:
    if not page.offered(visit.settings):
        return await unknown(visit)
    do = str(form.get("do", ""))
    post, runs = page.posts.get(do), bool(page.runs) and do == page.runs
    theirs = visit.person.is_theirs(form.get("token")) and cookies.is_our_form(visit.request, visit.settings)
    if (post is None and not runs) or not theirs:
        return await unsent(visit, page, 403)
    asked = replace(visit.asked(), form=form)
    if post is None:
        return await _run(visit, page, asked)
    return await _posted(visit, page, post, asked)


async def unsent(visit: Visit, page: Page | None, status: int) -> Response:
    """What was posted did nothing, and why."""
    frame = await visit.frame_alone(page)
    return state_page("unsent", frame, status, request_id=request_id())


async def _posted(visit: Visit, page: Page, post: Post, asked: Asked) -> Response:
    do = str(asked.form.get("do"))
    ids, problems = await files_taken_in(visit.asking, visit.request, visit.person, post, asked.form)
    payload: Mapping[str, Any] | None = None
    if not problems:
        asked = replace(asked, files=ids)
        with reading(page.noun, visit.look.language):
            try:
                given = post.input_of(asked)
            except Unsendable as refused:
                problems = [unreadable(refused)]
    if not problems and not post.document:
        payload = {}  # the files are all that it brings
    elif not problems:
        mutation = document(post.document)
        told = await visit.asking.ask(visit.request, visit.person, mutation, {"input": dict(given)})
        payload = told.data[mutation.root] if told.data else None
        problems = problems_of(told, payload, post)
    if problems or payload is None:
        return await page_answer(visit, page, asked, FilledForm(do, asked.form, tuple(problems)), 422)
    with reading(page.noun, visit.look.language):
        done = post.done(asked, payload)
    return await _followed(visit, page, done, payload, asked)


async def _run(visit: Visit, page: Page, asked: Asked) -> Response:
    """The page again, with what the document that was typed into it has come to."""
    try:
        variables = json.loads(asked.given("variables") or "{}")
        problem = None if isinstance(variables, dict) else N_("Write the variables as one JSON object.")
    except (ValueError, RecursionError):
        variables, problem = {}, N_("Write the variables as one JSON object.")
    text = asked.given("document")
    found = [(name, why) for name, why in (("variables", problem), ("document", not text and _NO_DOCUMENT)) if why]
    if found or text is None:
        with reading(page.noun, visit.look.language):
            problems = tuple(unreadable(Unsendable(name, why)) for name, why in found)
        return await page_answer(visit, page, asked, FilledForm(page.runs, asked.form, problems), 422)
    told = await visit.asking.run(visit.request, visit.person, text, variables)
    result: dict[str, Any] = {"data": told.data}
    if told.errors:
        result["errors"] = [presented(one).formatted for one in told.errors]
    written = json.dumps(result, ensure_ascii=False, indent=2)
    return await page_answer(visit, page, asked, FilledForm(page.runs, asked.form), result=written)


async def _followed(visit: Visit, page: Page, done: Done, payload: Mapping[str, Any], asked: Asked) -> Response:
    if done.show:
        frame = await visit.frame_alone(page)
        return answer(f"{done.show}.html", frame, {"payload": payload, "asked": asked, "page": page})
    target = done.location if coming_back.is_ours(done.location) else PREFIX
    made = RedirectResponse(target, 303)
    if done.said:
        leave_flash(made, visit.settings, visit.person, done.said)
    return made
