"""A reader leaves: the signed link of a mail ends what its mailbox is told of those kinds of alert, or the digest.

What is critical is told all the same, by whatever rule it is so: no mail that was passed on may silence it. RFC 8058 is
what mail programs do with the link; the address of the page is all that a person needs.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.alerts import digest, kinds, tell
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.deliveries.channels.channel import Message
from domain.languages import ENGLISH, LOCALES
from domain.models import Endpoint, Merchant
from domain.models.alerts import AlertKind, Severity
from domain.models.deliveries import EndpointKind, EndpointState
from domain.platform.database import execute, for_all, for_merchant, transaction
from domain.platform.settings import Settings

PREFIX: Final = "/unsubscribe/"
DIGEST: Final = digest.LEFT
READER: Final = "reader of a mail"  # the actor: whoever has the link
LEAVE: Final = "alertsLeave"
_TOKEN_MAX: Final = 600
_MAC_BYTES: Final = 18
_KINDS: Final = frozenset({*AlertKind.__members__, DIGEST})
# What was written down for it and not said yet.
_DROP: Final = """UPDATE alert_notices n SET due_at = NULL FROM alerts a WHERE a.id = n.alert_id AND n.endpoint_id = $1
  AND n.due_at IS NOT NULL AND a.kind = ANY($2::varchar[]) AND a.severity <> 'CRITICAL'"""


@dataclass(frozen=True, slots=True)
class Leaving:
    """What a link is about: whose mailbox, which kinds it can end, and which it cannot (critical by themselves)."""

    endpoint: Endpoint
    merchant: str
    language: str
    ends: Sequence[str]
    stays: Sequence[AlertKind]

    @property
    def is_over(self) -> bool:
        """Whether all that it can end has ended."""
        return set(self.ends) <= set(self.endpoint.left_kinds or ())


def link(endpoint: Endpoint, message: Message, settings: Settings) -> str | None:
    """Where a mail's reader ends this; None: it is of nothing that one could leave, as a test."""
    about = _about(message)
    if endpoint.kind is not EndpointKind.EMAIL or not about:
        return None
    mailbox = _mac(endpoint.shown, settings.secret_key)
    body = f"{endpoint.id.hex}.{message.language}.{'-'.join(about)}.{mailbox}"
    return f"{settings.address}{PREFIX}{body}.{_mac(body, settings.secret_key)}"


def _about(message: Message) -> list[str]:
    if message.type == digest.TYPE:
        return [DIGEST]
    if message.type not in (tell.OPENED, tell.RESOLVED):
        return []
    return sorted({str(one["kind"]) for one in message.data.get("alerts", ())} & _KINDS)


def _mac(body: str, key: bytes) -> str:
    made = hmac.new(key, f"estorno/unsubscribe\n{body}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made[:_MAC_BYTES]).decode()


@for_all("a link names its mailbox itself")
async def look(token: str, settings: Settings) -> Leaving | None:
    """What the link is about; None: it is none of ours, or its mailbox is told nothing there. Changes nothing."""
    body, _, mac = token.rpartition(".")
    if len(token) > _TOKEN_MAX or not token.isascii() or not hmac.compare_digest(_mac(body, settings.secret_key), mac):
        return None
    found, language, about, mailbox = body.split(".")
    endpoint = await Endpoint.get_or_none(id=UUID(hex=found))
    if endpoint is None or endpoint.state is EndpointState.OFF:
        return None
    if not hmac.compare_digest(_mac(endpoint.shown, settings.secret_key), mailbox):
        return None  # another mailbox has taken its place
    merchant = await Merchant.get(id=endpoint.merchant_id)
    wanted = [one for one in about.split("-") if one in _KINDS]
    stays = [AlertKind(one) for one in wanted if one != DIGEST and _is_critical(AlertKind(one))]
    ends = [one for one in wanted if one not in stays]
    return Leaving(endpoint, merchant.name, language if language in LOCALES else ENGLISH, ends, stays)


def _is_critical(kind: AlertKind) -> bool:
    return kinds.known(kind).severity is Severity.CRITICAL


async def leave(asked: Leaving, request_id: str) -> None:
    """End what the link can end. Done twice it does nothing twice; it is a deed, and a person can undo it."""
    endpoint = asked.endpoint
    with for_merchant(endpoint.merchant_id):
        async with transaction():
            row = await Endpoint.filter(id=endpoint.id).select_for_update(no_key=True).get()
            before = list(row.left_kinds or ())
            after = sorted({*before, *asked.ends})
            if after == before:
                return
            await Endpoint.filter(id=row.id).update(left_kinds=after)
            await execute(_DROP, row.id, list(asked.ends))
            said = {"left_kinds": [before, after]}
            await deeds.note(row.merchant_id, LEAVE, Of("endpoint", row.id), Cause(request_id, READER), said)
