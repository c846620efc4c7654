"""Saying that a refund was paid by hand, with its evidence."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final

from api.console import typed
from api.console.page import Asked, Data, Done, Unsendable, upload_of
from api.console.words import N_, _

_BYTES_MAX: Final = 512 * 1024
FIELDS: Final = {"fileContent": "file", "fileName": "file"}


def input_of(asked: Asked) -> Mapping[str, Any]:
    """The mutation's. Raises Unsendable."""
    reference = asked.given("reference")
    if reference is None:
        raise Unsendable("reference", N_("Write the reference of the transfer."))
    given = {
        "refundId": asked.path["refund"],
        "way": asked.given("way"),
        "paidOn": typed.day("paidOn", asked.given("paidOn") or ""),
        "reference": reference,
    }
    upload = upload_of(asked.form, "file")
    if upload is None:
        return given
    content = upload.file.read(_BYTES_MAX + 1)
    if len(content) > _BYTES_MAX:
        raise Unsendable("file", N_("The file has more than 512 KiB; send a smaller picture."))
    return {**given, "fileName": (upload.filename or "")[-200:], "fileContent": b64encode(content).decode()}


def done(asked: Asked, payload: Data) -> Done:
    """Back to the refund."""
    said = _("It is settled.") if payload["confirmed"] else _("It is kept; another person must say the same.")
    return Done(f"/console/refunds/{asked.path['refund']}", said)
