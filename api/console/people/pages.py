"""The pages of people: who can sign in, inviting somebody, and one person with their roles, store by store."""

from collections.abc import Mapping
from typing import Any, Final

from api.console import granting
from api.console.page import Asked, Data, Done, Nav, Page, Post
from api.console.words import N_, _
from domain.access.permissions import Permission

_LIST: Final = "/people"
_ONE: Final = f"{_LIST}/{{person}}"


def _listed(asked: Asked) -> Mapping[str, Any]:
    return {"after": asked.text("after")}


def _to_invite(asked: Asked, data: Data) -> Mapping[str, Any]:
    return {"given": granting.rows([]), "roles": granting.options(data["roles"])}


def _invited_input(asked: Asked) -> Mapping[str, Any]:
    return {
        "name": asked.given("name") or "",
        "email": asked.given("email") or "",
        "grants": granting.given(asked),
        "idempotencyKey": asked.given("key"),
    }


def _shown_once(asked: Asked, payload: Data) -> Done:
    return Done(f"/console{_LIST}", show="people/linked")


def _id(asked: Asked) -> Mapping[str, Any]:
    return {"id": asked.path["person"]}


def _one(asked: Asked, data: Data) -> Mapping[str, Any]:
    person = data["person"]
    return {
        "given": granting.rows(person["grants"]),
        "roles": granting.options(data["roles"], person["grants"]),
        "oneself": person["id"] == data["viewer"]["personId"],
    }


def _about(asked: Asked, **more: Any) -> Mapping[str, Any]:
    return {"personId": asked.path["person"], **more}


def _back(asked: Asked, said: str) -> Done:
    return Done(f"/console{_LIST}/{asked.path['person']}", said)


_GRANTS_AT: Final = {"grants": "role0"}
_POSTS: Final = {
    "grants": Post(
        "people/grants",
        lambda asked: _about(asked, grants=granting.given(asked)),
        lambda asked, _payload: _back(asked, _("Their roles are as written. Who got more signs in anew.")),
        fields=_GRANTS_AT,
    ),
    "rename": Post(
        "people/update",
        lambda asked: _about(asked, name=asked.given("name") or ""),
        lambda asked, _payload: _back(asked, _("The name was changed.")),
    ),
    "suspend": Post(
        "people/update",
        lambda asked: _about(asked, state="SUSPENDED"),
        lambda asked, _payload: _back(asked, _("They are signed out everywhere and cannot sign in.")),
    ),
    "activate": Post(
        "people/update",
        lambda asked: _about(asked, state="ACTIVE"),
        lambda asked, _payload: _back(asked, _("They can sign in again.")),
    ),
    "link": Post("people/link", _about, _shown_once),
}
PAGES: Final = (
    Page(
        _LIST,
        "people/list",
        N_("People"),
        _listed,
        nav=Nav(120, N_("People"), Permission.MANAGE_PEOPLE, group=1),
        statements=20,
    ),
    Page(
        f"{_LIST}/new",
        "people/new",
        N_("Invite somebody"),
        view=_to_invite,
        section=_LIST,
        posts={"invite": Post("people/invite", _invited_input, _shown_once, fields=_GRANTS_AT)},
    ),
    Page(_ONE, "people/one", N_("Person"), _id, _one, found="person", section=_LIST, posts=_POSTS, statements=20),
)
