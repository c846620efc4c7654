"""The pages of roles: those that are built in, and the merchant's own."""

from collections.abc import Mapping
from typing import Any, Final

from api.console import granting
from api.console.page import Asked, Data, Done, Page, Post
from api.console.words import N_, _
from domain.access.permissions import CUSTOMERS, Permission

_LIST: Final = "/roles"
_CUSTOMERS: Final = {one.value for held in CUSTOMERS.values() for one in held}
PERMISSIONS: Final[Mapping[str, str]] = {
    "READ": N_("See refunds and payments"),
    "READ_CALLS": N_("See what was said to and by PSEs"),
    "READ_LEDGER": N_("See the books and findings"),
    "READ_AUDIT": N_("See who did and read what"),
    "REGISTER_PAYMENT": N_("Register payments"),
    "WITHDRAW_PAYMENT": N_("Take back payments that were registered in error"),
    "REFUND": N_("Ask for refunds, cancel and retry them"),
    "REFRESH": N_("Ask a PSE how a refund stands"),
    "PROVIDE_DESTINATION": N_("Say which account a refund goes to"),
    "APPROVE": N_("Approve and reject refunds"),
    "SETTLE_MANUALLY": N_("Pay refunds by hand, and see the whole account"),
    "RESOLVE_DOUBT": N_("Resolve doubts"),
    "RESOLVE_DOUBT_EARLY": N_("Resolve doubts before the PSE's next report"),
    "WORK_FINDINGS": N_("Work on findings"),
    "KEEP_BOOKS": N_("Hand in reports, statements, tax documents, fees and rates"),
    "CLOSE_PERIODS": N_("Close months"),
    "MANAGE_RULES": N_("Change the rules of approval and the limits"),
    "MANAGE_PEOPLE": N_("Manage people and roles"),
    "MANAGE_TOKENS": N_("Manage tokens of programs"),
    "MANAGE_NEWS": N_("Manage where news goes"),
    "MANAGE_STORES": N_("Manage stores, and the merchant's name and language"),
    "MANAGE_CONNECTIONS": N_("Manage connections to PSEs and their keys"),
    "REVIEW_CONNECTIONS": N_("Review connections and let them go live"),
    "MANAGE_MERCHANTS": N_("Make merchants in this installation"),
}


def _listed(asked: Asked, data: Data) -> Mapping[str, Any]:
    own = [one for one in data["roles"] if not one["builtIn"]]
    built_in = [one for one in data["roles"] if one["builtIn"] and not set(one["permissions"]) <= _CUSTOMERS]
    return {"own": own, "built_in": built_in, "role_words": granting.ROLES, "words": PERMISSIONS}


def _to_change(asked: Asked, data: Data) -> Mapping[str, Any]:
    name = asked.text("role")
    found = next((one for one in data["roles"] if one["name"] == name and not one["builtIn"]), None)
    held = set(data["viewer"]["permissions"])
    can = [(one.value, _(PERMISSIONS[one.value])) for one in Permission if one.value in held - _CUSTOMERS]
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
