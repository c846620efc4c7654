"""The pages of settings: the merchant, and its stores."""

from collections.abc import Mapping
from typing import Any, Final

from api.console.page import Asked, Data, Done, Nav, Page, Post
from api.console.words import LANGUAGES, N_, _

_PAGE: Final = "/settings"
_MAY_BE_LEFT: Final = ("payeeKey", "contact", "privacyUrl")


def _listed(asked: Asked) -> Mapping[str, Any]:
    return {"after": asked.text("after")}


def _id(asked: Asked) -> Mapping[str, Any]:
    return {"id": asked.path["store"]}


def _typed(asked: Asked) -> dict[str, Any]:
    return {"name": asked.given("name") or "", **{name: asked.given(name) for name in _MAY_BE_LEFT}}


def _created_input(asked: Asked) -> Mapping[str, Any]:
    return {**_typed(asked), "code": asked.given("code") or "", "idempotencyKey": asked.given("key")}


def _updated_input(asked: Asked) -> Mapping[str, Any]:
    return {**_typed(asked), "storeId": asked.path["store"]}


def _created(asked: Asked, payload: Data) -> Done:
    return Done(f"/console{_PAGE}", _("The store is there."))


def _updated(asked: Asked, payload: Data) -> Done:
    return Done(f"/console{_PAGE}", _("The store is as written."))


def _language(asked: Asked, data: Data) -> Mapping[str, Any]:
    return {"language": LANGUAGES.get(data["viewer"]["merchant"]["language"] or "", "")}


def _languages(asked: Asked, data: Data) -> Mapping[str, Any]:
    return {"languages": list(LANGUAGES.items())}


def _change_input(asked: Asked) -> Mapping[str, Any]:
    return {"name": asked.given("name") or "", "zone": asked.given("zone") or "", "language": asked.given("language")}


def _changed(asked: Asked, payload: Data) -> Done:
    return Done(f"/console{_PAGE}", _("The merchant is as written."))


PAGES: Final = (
    Page(_PAGE, "settings/merchant", N_("Settings"), _listed, _language, nav=Nav(140, N_("Settings"), group=1)),
    Page(
        f"{_PAGE}/merchant",
        "settings/edit",
        N_("Change the merchant"),
        view=_languages,
        section=_PAGE,
        posts={"change": Post("settings/change", _change_input, _changed)},
    ),
    Page(
        f"{_PAGE}/stores/new",
        "settings/new",
        N_("New store"),
        section=_PAGE,
        posts={"create": Post("settings/create", _created_input, _created)},
    ),
    Page(
        f"{_PAGE}/stores/{{store}}",
        "settings/store",
        N_("Store"),
        _id,
        found="store",
        section=_PAGE,
        posts={"update": Post("settings/update", _updated_input, _updated)},
    ),
)
