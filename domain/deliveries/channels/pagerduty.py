"""PagerDuty Events API v2: `POST /v2/enqueue`; one incident per `dedup_key`, triggered and resolved by the same key."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import httpx

from domain.deliveries.answers import Answer, Broken, Later, Refused, Sent
from domain.deliveries.channels import wording
from domain.deliveries.channels.channel import Address, Channel, Message
from domain.models.deliveries import EndpointKind

URL: Final = "https://events.pagerduty.com/v2/enqueue"
BODY_BYTES_MAX: Final = 512_000
_SUMMARY_MAX: Final = 1_024
_KEY_MAX: Final = 255
_AGAIN_SECONDS: Final = 30.0
_SEVERITIES: Final[Mapping[str, str]] = {"critical": "critical", "warning": "warning", "info": "info"}


class PagerDuty(Channel):
    """`secrets`: the routing key of an integration (Events API v2)."""

    kind = EndpointKind.PAGERDUTY

    def request(self, to: Address, message: Message, now: datetime) -> httpx.Request:
        if not to.secrets:
            raise ValueError("An endpoint of PagerDuty has the routing key of its integration as its secret.")
        key = {"routing_key": to.secrets[0], "dedup_key": (message.key or message.id)[:_KEY_MAX]}
        if message.resolves:
            return wording.posted(to.url or URL, wording.written({**key, "event_action": "resolve"}))
        links = [{"href": message.link, "text": "Estorno"}] if message.link else []

        def body(text: str) -> Mapping[str, Any]:
            payload = {
                "summary": wording.one_line(message.title, _SUMMARY_MAX),
                "source": "estorno",
                "severity": _SEVERITIES.get(message.severity, "warning"),
                "timestamp": now.astimezone(UTC).isoformat(timespec="milliseconds"),
                "class": message.type,
                "custom_details": {"text": text},
            }
            return {**key, "event_action": "trigger", "payload": payload, "links": links}

        return wording.posted(to.url or URL, wording.fitted(body, message.text, BODY_BYTES_MAX))

    def read(self, response: httpx.Response) -> Answer:
        if response.status_code == httpx.codes.ACCEPTED:
            return Sent("202", "")
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            return Later(max(wording.retry_after(response), _AGAIN_SECONDS), "429: too many events")
        if response.status_code == httpx.codes.BAD_REQUEST:
            told = wording.said(response.text)
            of_key = "routing" in told.lower()
            return Broken(f"400: {told}") if of_key else Refused(f"400: {told}")
        return wording.by_status(response) or Refused(f"PagerDuty answered {response.status_code}")
