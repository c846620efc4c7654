"""The pages of shops: how each is doing, one with what its back office needs, and their refunds that wait."""

from collections.abc import Mapping
from typing import Any, Final

from api.console.formats import money
from api.console.page import Asked, Data, Nav, Page, Post
from api.console.shops import said
from api.console.shops.forms import (
    POSTS,
    REFUND_POSTS,
    changed,
    changed_input,
    created,
    created_input,
)
from api.console.typed import FIELD
from api.console.words import N_
from domain.access.permissions import Permission

_LIST: Final = "/shops"
_ONE: Final = f"{_LIST}/{{shop}}"
_WAITING: Final = f"{_LIST}/waiting"


def _paged(asked: Asked) -> Mapping[str, Any]:
    return {"after": asked.text("after")}


def _stores(data: Data) -> Mapping[str, str]:
    """The names of the stores, by the ids that shops name them by."""
    return {one["id"]: f"{one['name']} ({one['code']})" for one in data["viewer"]["merchant"]["stores"]}


def _listed(asked: Asked, data: Data) -> Mapping[str, Any]:
    manages = asked.may("MANAGE_CONNECTIONS") and asked.may("REFUND")
    return {"said": said, "stores": _stores(data), "manages": manages}


def _id(asked: Asked) -> Mapping[str, Any]:
    return {"id": asked.path["shop"], "after": asked.text("after")}


def _one(asked: Asked, data: Data) -> Mapping[str, Any]:
    edges = (data.get("shopChecks") or {"edges": []})["edges"]
    one = data["shop"]
    labels = {field["name"]: field["label"] for field in one["fields"]}
    return {
        "said": said,
        "store": _stores(data).get(one["storeId"], "–"),
        "labels": labels,
        "preflight": edges[0]["node"] if edges else None,
        "manages": asked.may("MANAGE_CONNECTIONS"),
    }


def _chosen(asked: Asked) -> Mapping[str, Any]:
    kind = asked.text("kind") or ""
    return {"kind": kind if kind in said.KINDS else "GENERIC", "chosen": kind in said.KINDS}


def _to_fill_in(asked: Asked, data: Data) -> Mapping[str, Any]:
    stores = [(one["code"], f"{one['name']} ({one['code']})") for one in data["viewer"]["merchant"]["stores"]]
    chosen = _chosen(asked)
    wanted = data.get("shopFields") or []
    return {"kind": chosen["kind"], "said": said, "stores": stores, "wanted": wanted, "FIELD": FIELD}


def _current(asked: Asked, data: Data) -> Mapping[str, Any]:
    one = data["shop"]
    known = {"address": one["address"], **{option["name"]: option["value"] for option in one["options"]}}
    return {"wanted": one["fields"], "known": known, "FIELD": FIELD}


def _waiting_view(asked: Asked, data: Data) -> Mapping[str, Any]:
    return {"said": said}


def _looked_for(asked: Asked) -> Mapping[str, Any]:
    order, reference = asked.text("order"), asked.text("reference")
    looked = order is not None or reference is not None
    return {"id": asked.path["waiting"], "order": order, "reference": reference, "looked": looked}


def _candidates(asked: Asked, data: Data) -> Mapping[str, Any]:
    found = [edge["node"] for edge in (data.get("payments") or {"edges": []})["edges"]]
    return {
        "said": said,
        "looked": _looked_for(asked)["looked"],
        "found": found,
        "payments": [(f"{one['id']} {one['captured']['currency']}", _payment(one)) for one in found],
        "refunds": [(each["id"], _refund(one, each)) for one in found for each in one["refunds"]],
    }


def _payment(one: Data) -> str:
    named = (money(one["captured"]), one["orderReference"] or "–", one["pseReference"], one["storeCode"])
    return " · ".join(named)


def _refund(payment: Data, one: Data) -> str:
    return " · ".join((money(one["amount"]), one["reference"], payment["orderReference"] or "–"))


PAGES: Final = (
    Page(
        _LIST,
        "shops/list",
        N_("Shops"),
        _paged,
        _listed,
        nav=Nav(115, N_("Shops"), permission=Permission.READ, group=1),
        statements=20,
    ),
    Page(
        f"{_LIST}/new",
        "shops/new",
        N_("Connect a shop"),
        _chosen,
        _to_fill_in,
        section=_LIST,
        posts={"create": Post("shops/create", created_input, created, fields={"storeCode": "store"})},
    ),
    Page(_WAITING, "shops/waiting", N_("Shops' refunds that wait"), _paged, _waiting_view, section=_LIST),
    Page(
        f"{_WAITING}/{{waiting}}",
        "shops/refund",
        N_("A shop's refund"),
        _looked_for,
        _candidates,
        found="shopRefund",
        section=_LIST,
        posts=REFUND_POSTS,
        statements=20,
    ),
    Page(_ONE, "shops/one", N_("Shop"), _id, _one, found="shop", section=_LIST, posts=POSTS, statements=20),
    Page(
        f"{_ONE}/keys",
        "shops/keys",
        N_("Change a shop"),
        lambda asked: {"id": asked.path["shop"]},
        _current,
        found="shop",
        section=_LIST,
        posts={"change": Post("shops/change", changed_input, changed)},
    ),
)
