"""The log of what is asked of shops and told to them: each request before it leaves, and its answer. Redacted."""

import json
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.connections.calls import BODY_CHARACTERS_MAX, Received, SentCall, redacted
from domain.platform import ids
from domain.platform.database import execute

_MORE_SECRET: Final = frozenset({"x-shopify-access-token", "x-estorno-proxy-secret", "webhook-signature"})


@dataclass(frozen=True, slots=True)
class AboutShop:
    """What a call to a shop is about. `purpose`: CHECK, POLL, LOOK, TELL, RECORD, KEY."""

    merchant_id: UUID
    shop_id: UUID
    request_id: str
    purpose: str
    shop_refund_id: UUID | None = None


async def log_request(about: AboutShop, sent: SentCall) -> UUID:
    """Write the request down; its id."""
    call_id = ids.time_ordered()
    headers = {name: "[redacted]" if name in _MORE_SECRET else value for name, value in redacted(sent.headers).items()}
    await execute(
        "INSERT INTO shop_calls (id, merchant_id, shop_id, shop_refund_id, request_id, purpose, method, url, headers, "
        "  body, sent_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, $10, now())",
        call_id,
        about.merchant_id,
        about.shop_id,
        about.shop_refund_id,
        about.request_id[:64],
        about.purpose,
        sent.method,
        sent.url,
        json.dumps(headers),
        sent.body[:BODY_CHARACTERS_MAX].replace("\x00", ""),
    )
    return call_id


async def log_answer(call_id: UUID, received: Received) -> None:
    """Write the answer down, once."""
    await execute(
        "UPDATE shop_calls SET status = $2, answer = $3, error = $4, duration_ms = $5, answered_at = now() "
        "WHERE id = $1 AND answered_at IS NULL",
        call_id,
        received.status,
        received.body[:BODY_CHARACTERS_MAX].replace("\x00", ""),
        received.error[:500] if received.error else None,
        received.duration_ms,
    )
