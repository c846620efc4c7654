"""Webhooks by the Standard Webhooks specification: a body, three headers, and 2xx for an answer."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx

from domain.deliveries.answers import Answer, Broken, Later, Sent
from domain.deliveries.channels.channel import Address, Channel, Message
from domain.deliveries.signing import signature, timestamp
from domain.models.deliveries import EndpointKind

AGENT: Final = "Estorno-Webhooks/1"
_GONE: Final = 410
_REDIRECTS: Final = range(300, 400)
_WISHES: Final = frozenset({429, 502, 503, 504})


class Webhook(Channel):
    """The channel of a merchant's own servers."""

    kind = EndpointKind.WEBHOOK

    def request(self, to: Address, message: Message, now: datetime) -> httpx.Request:
        body = body_of(message.data)
        headers = {
            "content-type": "application/json",
            "user-agent": AGENT,
            "accept-encoding": "identity",
            "webhook-id": message.id,
            "webhook-timestamp": str(timestamp(now)),
            "webhook-signature": signature(to.secrets, message.id, now, body),
        }
        try:
            return httpx.Request("POST", to.url, content=body, headers=headers)
        except (httpx.InvalidURL, TypeError):
            raise ValueError("The endpoint's address cannot be used.") from None

    def read(self, response: httpx.Response) -> Answer:
        status = response.status_code
        if response.is_success:
            return Sent(str(status))
        if status == _GONE:
            return Broken("Your server answered 410 (Gone), which asks us to stop.")
        if status in _REDIRECTS:
            return Later(0, f"Your server answered {status}; a redirect is not followed: set the address itself.")
        wish = _retry_after(response) if status in _WISHES else 0.0
        return Later(wish, f"Your server answered {status}.")


def body_of(data: Mapping[str, Any]) -> bytes:
    """The bytes that leave. The same data makes the same bytes: what is tried again is signed over the same."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


def _retry_after(response: httpx.Response) -> float:
    """Seconds (RFC 9110, 10.2.3: a number or a date, which is compared with our clock); 0: it asks for none."""
    given = response.headers.get("retry-after", "").strip()
    if given.isascii() and given.isdigit():
        return float(given[:9])
    try:
        at = parsedate_to_datetime(given)
    except ValueError:
        return 0.0
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
