"""Pix webhooks: no signature exists, and what one tells only makes us ask."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.pse.kit import signatures
from domain.pse.kit.unreadable import Unreadable
from domain.pse.pix import objects
from domain.pse.vocabulary import BadNotice, Credentials, NotUnderstood, TellsOfRefund, Told, WebhookRequest


def verify(credentials: Credentials, request: WebhookRequest, now: datetime) -> None:
    """The path's secret says who calls. Raises BadSignature.

    The PSP posts to `{webhookUrl}/pix`; the secret is the last segment of webhookUrl.
    """
    segments = [segment for segment in request.path.split("/") if segment]
    if segments and segments[-1] == "pix":
        segments.pop()
    given = segments[-1] if segments else ""
    said = "The address of the webhook does not carry the connection's secret."
    signatures.check([given], [credentials.secrets["webhook_secret"]], said)


def told(body: bytes) -> list[Told]:
    """One notice for each refund. Raises BadNotice."""
    try:
        listed = json.loads(body)["pix"]
        if not isinstance(listed, list):
            raise TypeError
        found: list[Told] = [notice for raw in listed for notice in _notices(raw)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, Unreadable) as error:
        raise BadNotice('The body is not {"pix": [...]} as the Pix API defines it.') from error
    return found or [NotUnderstood("Pix received, without a refund")]


def _notices(raw: Mapping[str, Any]) -> list[TellsOfRefund]:
    return [
        TellsOfRefund(
            payment_reference=str(raw["endToEndId"]),
            reference=str(refund["id"]) if refund.get("id") is not None else None,
            pse_refund_reference=str(refund["rtrId"]) if refund.get("rtrId") is not None else None,
            outcome=None,
            by_bank=str(refund.get("natureza", "")).startswith("MED_"),
        )
        for refund in objects.refunds_within(raw)
    ]
