"""Forms: what was typed, what is wrong with it, at its field, and the files that came with it."""

import hashlib
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from api.console.asking import Asking, Reply
from api.console.documents import document
from api.console.page import FieldProblem, Post, Unsendable, upload_of
from api.console.person import Visitor, look_of
from api.console.words import _
from api.graphql.spoken.messages import in_words
from domain.files import tickets
from domain.files.content import ContentAway
from domain.files.room import NoRoom, UnderWay
from domain.models.files import Purpose
from domain.platform.database import for_merchant
from domain.platform.secrets import Unsealable
from domain.platform.settings import Settings
from domain.platform.wrapping import KeyServiceAway
from domain.problems import InvalidInput

_CHUNK: Final = 256 * 1024
_ANNOUNCE: Final = "shared/announce"
_SENTENCES: Final = re.compile(r"(?<=[.!?。] )")


@dataclass(frozen=True, slots=True)
class FilledForm:
    """A form as its page shows it: what was typed, and what was wrong with it. Empty: it was not sent."""

    do: str = ""
    typed: FormData = field(default_factory=FormData)
    problems: Sequence[FieldProblem] = ()

    def value(self, do: str, name: str, otherwise: object = "") -> str:
        """What was typed into a field of this form; else what it begins with."""
        if do != self.do:
            return "" if otherwise is None else str(otherwise)
        value = self.typed.get(name, "")
        return value if isinstance(value, str) else ""

    def values(self, do: str, name: str) -> list[str]:
        """All that was chosen in a field that takes several."""
        return [one for one in self.typed.getlist(name) if isinstance(one, str)] if do == self.do else []

    def at(self, do: str, name: str) -> list[FieldProblem]:
        """What is wrong with a field of this form."""
        return [one for one in self.problems if do == self.do and one.field == name]

    def of(self, do: str) -> Sequence[FieldProblem]:
        """All that is wrong with this form."""
        return self.problems if do == self.do else ()


def unreadable(refused: Unsendable) -> FieldProblem:
    """What was typed cannot even be sent."""
    said = _(refused.message)
    return FieldProblem("BAD_FIELD", said % refused.values if refused.values else said, [], field=refused.field)


def problems_of(answer: Reply, payload: Mapping[str, Any] | None, post: Post) -> list[FieldProblem]:
    """Why the mutation did nothing; empty: it was done."""
    if payload is None:
        codes = answer.codes or [""]
        return [FieldProblem(code, error.message) for code, error in zip(codes, answer.errors, strict=False)] or [
            FieldProblem("", "")
        ]
    return [_problem(one, post) for one in payload.get("errors") or ()]


def _problem(error: Mapping[str, Any], post: Post) -> FieldProblem:
    path = [str(one) for one in error.get("path") or ()]
    path = path[1:] if path[:1] == ["input"] else path
    dotted = ".".join(path)
    named = post.fields.get(dotted) or post.fields.get(path[0] if path else "")
    more = {name: value for name, value in error.items() if name not in ("code", "message", "path", "__typename")}
    said = _at_its_field(str(error["message"]), path)
    return FieldProblem(str(error["code"]), said, path, more, named or (path[0] if path else ""))


def _at_its_field(said: str, path: Sequence[str]) -> str:
    """The sentence without the API's name of its field, which nobody sees on a page: it stands at the field."""
    for name in {".".join(path), *path[-1:]} - {""}:
        said = said.replace(f"`{name}`", _("this field"))
        said = "".join(_begun(sentence, name) for sentence in _SENTENCES.split(said))
    return said


def _begun(sentence: str, name: str) -> str:
    """The sentence, where it begins with the name, and not with a longer one."""
    rest = sentence.removeprefix(name)
    longer = rest[:1].isalnum() or rest[:1] in {"_", "."}
    return sentence if rest == sentence or longer else _("This field") + rest


async def files_taken_in(
    asking: Asking, request: Request, person: Visitor, post: Post, form: FormData
) -> tuple[dict[str, str], list[FieldProblem]]:
    """The ids of the files that came with a form, by field, and what is wrong with the others."""
    ids: dict[str, str] = {}
    problems: list[FieldProblem] = []
    for name, purpose in post.files.items():
        upload = upload_of(form, name)
        if upload is None:
            continue
        try:
            ids[name] = await _taken_in(asking, request, person, upload, purpose)
        except _Refused as refused:
            problems.append(FieldProblem(refused.code, str(refused), [], field=name))
    return ids, problems


class _Refused(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


async def _taken_in(asking: Asking, request: Request, person: Visitor, upload: UploadFile, purpose: Purpose) -> str:
    """Announced and brought, as every client does it: `fileAnnounce`, then the door of files."""
    size, digest = await _measured(upload)
    new = {"name": (upload.filename or "")[-200:], "purpose": purpose.value, "size": size, "sha256": digest}
    answer = await asking.ask(request, person, document(_ANNOUNCE), {"input": new})
    payload = answer.data and answer.data["fileAnnounce"]
    if not payload or payload["errors"]:
        told = (payload or {}).get("errors") or [{"code": "", "message": ""}]
        raise _Refused(str(told[0]["code"]), str(told[0]["message"]))
    settings: Settings = request.app.state.settings
    file = await tickets.awaited(unquote(payload["uploadPath"].rsplit("/", 1)[1]))
    if file is None:
        raise _Refused("UNAVAILABLE", "")
    try:
        with for_merchant(file.merchant_id):
            await tickets.take_in(file, _chunks(upload), settings)
    except InvalidInput as refused:
        said = in_words(refused.message, refused.code, look_of(request, settings).language)
        raise _Refused(refused.code, said) from None
    except (NoRoom, UnderWay, ContentAway, Unsealable, KeyServiceAway):
        raise _Refused("UNAVAILABLE", "") from None
    return str(payload["file"]["id"])


async def _measured(upload: UploadFile) -> tuple[int, str]:
    seen, size = hashlib.sha256(), 0
    async for chunk in _chunks(upload):
        seen.update(chunk)
        size += len(chunk)
    return size, seen.hexdigest()


async def _chunks(upload: UploadFile) -> AsyncIterator[bytes]:
    await upload.seek(0)
    while chunk := await upload.read(_CHUNK):
        yield chunk
