"""What a page is: an address, one document, one template, the forms on it, and what of it lives.

A noun's `pages.py` has a tuple `PAGES` of these; the registry takes every one without being told.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from starlette.datastructures import FormData, QueryParams, UploadFile

from api.console.bodies import FILES_BYTES_MAX, FORM_BYTES_MAX
from domain.access.permissions import Permission
from domain.models.files import Purpose
from domain.platform.settings import Settings

Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks of a page: the path's parts, the query string, who asks; `form`: what was posted."""

    path: Mapping[str, str]
    query: QueryParams
    may: Callable[[str], bool]
    form: FormData = field(default_factory=FormData)
    files: Mapping[str, str] = field(default_factory=dict)  # the ids of the files that came with it, by field
    zone: str = "UTC"

    def text(self, name: str) -> str | None:
        """A field of the query string without its blanks; None: left out or empty."""
        return self.query.get(name, "").strip() or None

    def texts(self, name: str) -> list[str] | None:
        """All of a field that may be given several times; None: none."""
        return [one for one in self.query.getlist(name) if one] or None

    def given(self, name: str) -> str | None:
        """A field that was posted, without its blanks; None: left out or empty."""
        value = self.form.get(name)
        return value.strip() or None if isinstance(value, str) else None

    def all_given(self, name: str) -> list[str]:
        """All of a field that was posted several times, checkboxes say."""
        return [one for one in self.form.getlist(name) if isinstance(one, str) and one]


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """Why nothing was done, by the field it is about (empty: the whole), in the words of the API."""

    code: str
    message: str
    path: Sequence[str] = ()
    more: Mapping[str, Any] = field(default_factory=dict)
    field: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """What follows when a form was taken: the page that is shown next, and what is said there.

    `show`: for what is shown this once and never again (a secret, say): a template that is answered with 200 and the
    mutation's payload, instead of going anywhere.
    """

    location: str
    said: str = ""  # in the reader's language: _("…")
    show: str = ""


@dataclass(frozen=True, slots=True)
class Download:
    """What is given as a file instead of a page."""

    name: str
    media_type: str
    content: bytes


Input = Callable[[Asked], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Post:
    """One form: the mutation that it posts, and what follows.

    `document` is `<noun>/<name>` and has the variable `$input`; empty: the files are all that it brings. `input_of`
    makes that of what was typed; it may raise Unsendable. `fields` says which field an error's path is about, where the
    names differ: `{"amount.minorUnits": "amount"}`. `files`: fields that bring a file, by what it is for; the id is in
    `Asked.files`.
    """

    document: str
    input_of: Input
    done: Callable[[Asked, Data], Done]
    fields: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Purpose] = field(default_factory=dict)


class Unsendable(Exception):
    """What was typed into a field is nothing that could be sent. The message is English, as the templates'."""

    def __init__(self, field: str, message: str, **values: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message
        self.values = values


@dataclass(frozen=True, slots=True)
class Live:
    """What of a page lives: the subscription `<page>.live.graphql`, and `<page>.live.html` for each event.

    `variables` as the page's; the position to go on behind is added as `$after`. `cursor` finds the position in a
    message; None: nothing to show. `fresh`: the page's own document is asked again for each event, and its data are the
    fragment's too.
    """

    variables: Callable[[Asked], Mapping[str, Any]]
    cursor: Callable[[Data], str | None]
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Nav:
    """A place in the side navigation. `bar`: on a phone too, in the bar below. `waits`: which count of `viewer.waiting`
    stands beside it.
    """

    order: int
    label: str
    permission: Permission = Permission.SEE
    bar: bool = False
    group: int = 0
    waits: str = ""


def _nothing(asked: Asked) -> Mapping[str, Any]:
    return {}


def _no_view(asked: Asked, data: Data) -> Mapping[str, Any]:
    return {}


def _always(settings: Settings) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Page:
    """One page. `name` is `<noun>/<page>`: its document is `<name>.graphql`, its template `<name>.html`.

    `path` is behind `/console`; its parts in braces are named by noun (`{refund}`), so that tests know what to put in.
    `variables` makes the document's of the request. `view` makes what the template needs beside the data. `found`: the
    field that must not be null, else the page is gone. `statements`: the most that it asks of the database.
    `download`: it is a file, made of the data, and has no template. `offered`: whether there is such a page here.
    `constant`: the document whose answer is the same for everybody as long as the process runs.
    `runs`: the form that brings a document of its own (`document`, `variables` as JSON), executed as the person.
    """

    path: str
    name: str
    title: str
    variables: Callable[[Asked], Mapping[str, Any]] = _nothing
    view: Callable[[Asked, Data], Mapping[str, Any]] = _no_view
    found: str = ""
    posts: Mapping[str, Post] = field(default_factory=dict)
    live: Live | None = None
    nav: Nav | None = None
    section: str = ""  # the path of the navigation's entry that it belongs to; empty: its own
    statements: int = 15
    download: Callable[[Asked, Data], Download] | None = None
    offered: Callable[[Settings], bool] = _always
    constant: str = ""
    runs: str = ""

    @property
    def noun(self) -> str:
        """Whose words it is written with."""
        return self.name.split("/")[0]

    @property
    def takes_files(self) -> bool:
        """Whether one of its forms brings files to be kept."""
        return any(one.files for one in self.posts.values())

    @property
    def bytes_max(self) -> int:
        """Of what is posted to it."""
        return FILES_BYTES_MAX if self.takes_files else FORM_BYTES_MAX


def new_key() -> str:
    """An idempotency key, made with the page that has the form: a double click or a reload posts the same one."""
    return f"console-{uuid4().hex}"


def upload_of(form: FormData, name: str) -> UploadFile | None:
    """The file that came in a field; None: none was chosen."""
    found = form.get(name)
    return found if isinstance(found, UploadFile) and found.filename else None
