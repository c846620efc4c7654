"""The pages of sheets: bringing one, looking at what its rows would become, saying yes, and its result."""

from collections.abc import Mapping
from typing import Any, Final

from api.console.batches import reading
from api.console.page import Asked, Data, Done, Live, Nav, Page, Post, Unsendable
from api.console.words import N_, _
from domain.access.permissions import Permission
from domain.models.files import Purpose

_LIST: Final = "/batches"
_ONE: Final = "/console/batches/{}"
Values = Mapping[str, Any]


def _brought(asked: Asked) -> Values:
    if "file" not in asked.files:
        raise Unsendable("file", N_("Choose the sheet that was filled in."))
    return {"fileId": asked.files["file"], "idempotencyKey": asked.given("key")}


def _to_it(asked: Asked, payload: Data) -> Done:
    return Done(_ONE.format(payload["batch"]["id"]), _("The sheet is here. Nothing is sent before you say so."))


def _this(asked: Asked) -> Values:
    return {"batchId": asked.path["sheet"]}


def _called_off(asked: Asked, payload: Data) -> Done:
    return Done(_ONE.format(asked.path["sheet"]), _("It is called off."))


def _as_result(asked: Asked) -> Values:
    return {**_this(asked), "format": asked.given("format")}


def _fetched(asked: Asked, payload: Data) -> Done:
    return Done(f"/console{payload['file']['downloadPath']}")


def _seen(asked: Asked) -> Values:
    return {**_this(asked), "digest": asked.given("digest") or ""}


def _confirmed(asked: Asked, payload: Data) -> Done:
    return Done(_ONE.format(asked.path["sheet"]), _("The rows are being sent, one after the other."))


def _cursor(event: Data) -> str | None:
    told = event["batchProgress"]
    return told["cursor"] if told["__typename"] == "BatchProgressMessage" else None


PAGES: Final = (
    Page(
        _LIST,
        "batches/list",
        N_("Batches"),
        reading.listed,
        reading.list_view,
        nav=Nav(32, N_("Batches"), Permission.READ),
        posts={
            "refunds": Post("batches/create", _brought, _to_it, files={"file": Purpose.REFUND_BATCH}),
            "payments": Post("batches/create", _brought, _to_it, files={"file": Purpose.PAYMENT_BATCH}),
        },
        statements=20,
    ),
    Page(
        f"{_LIST}/template",
        "batches/template",
        N_("An empty sheet"),
        reading.template,
        section=_LIST,
        download=reading.as_file,
    ),
    Page(
        f"{_LIST}/{{sheet}}/confirm",
        "batches/confirm",
        N_("Send a batch"),
        lambda asked: {"id": asked.path["sheet"]},
        reading.confirm_view,
        found="batch",
        section=_LIST,
        posts={"yes": Post("batches/yes", _seen, _confirmed)},
        statements=20,
    ),
    Page(
        f"{_LIST}/{{sheet}}",
        "batches/one",
        N_("Batch"),
        reading.one,
        reading.one_view,
        found="batch",
        section=_LIST,
        posts={
            "cancel": Post("batches/cancel", _this, _called_off),
            "result": Post("batches/result", _as_result, _fetched),
        },
        live=Live(lambda asked: {"id": asked.path["sheet"]}, _cursor, fresh=True),
        statements=20,
    ),
)
