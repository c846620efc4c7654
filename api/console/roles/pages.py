"""The pages of roles: those that are built in, and the merchant's own."""

from collections.abc import Mapping
from typing import Any, Final

from api.console import granting, names
from api.console.page import Asked, Data, Done, Page, Post
from api.console.words import N_, _
from domain.access.permissions import CUSTOMERS, Permission

_LIST: Final = "/roles"
_CUSTOMERS: Final = {one.value for held in CUSTOMERS.values() for one in held}


def _listed(asked: Asked, data: Data) -> Mapping[str, Any]:
    own = [one for one in data["roles"] if not one["builtIn"]]
    built_in = [one for one in data["roles"] if one["builtIn"] and not set(one["permissions"]) <= _CUSTOMERS]
    return {"own": own, "built_in": built_in, "role_words": granting.ROLES, "words": names.PERMISSIONS}


def _to_change(asked: Asked, data: Data) -> Mapping[str, Any]:
    name = asked.text("role")
    found = next((one for one in data["roles"] if one["name"] == name and not one["builtIn"]), None)
    held = set(data["viewer"]["permissions"])
    can = [(one.value, names.permission(one.value)) for one in Permission if one.value in held - _CUSTOMERS]
    return {"role": found, "can": can, "has": set(found["permissions"]) if found else set()}


def _saved_input(asked: Asked) -> Mapping[str, Any]:
    return {"name": asked.given("name") or "", "permissions": asked.all_given("permission")}


def _deleted_input(asked: Asked) -> Mapping[str, Any]:
    return {"name": asked.given("name") or ""}


PAGES: Final = (
    Page(_LIST, "roles/list", N_("Roles"), view=_listed, section="/people"),
    Page(
        f"{_LIST}/edit",
        "roles/edit",
        N_("A role of your own"),
        view=_to_change,
        section="/people",
        posts={
            "save": Post(
                "roles/save",
                _saved_input,
                lambda _asked, _payload: Done(f"/console{_LIST}", _("The role is as written.")),
                fields={"permissions": "permission"},
            ),
            "delete": Post(
                "roles/delete",
                _deleted_input,
                lambda _asked, _payload: Done(f"/console{_LIST}", _("The role is gone.")),
                fields={"name": "role"},
            ),
        },
    ),
)
