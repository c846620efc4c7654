"""Microsoft Teams by a workflow ("Post to a channel when a webhook request is received"): an Adaptive Card.

202 says that the workflow has it, not that the channel has: there is no proof of delivery. The connectors of Office 365
(webhook.office.com) were retired in 2026. The card's shape was not tried at a live workflow.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import httpx

from domain.deliveries.answers import Answer, Refused, Sent
from domain.deliveries.channels import wording
from domain.deliveries.channels.channel import Address, Channel, Message
from domain.models.deliveries import EndpointKind

BODY_BYTES_MAX: Final = 28_000
_TITLE_MAX: Final = 200
_CARD: Final = "application/vnd.microsoft.card.adaptive"
_COLOURS: Final[Mapping[str, str]] = {"critical": "Attention", "warning": "Warning", "info": "Default"}


class Teams(Channel):
    """The `sig` in the address is the credential."""

    kind = EndpointKind.TEAMS

    def request(self, to: Address, message: Message, now: datetime) -> httpx.Request:
        colour = "Good" if message.resolves else _COLOURS.get(message.severity, "Default")
        title = {"type": "TextBlock", "text": wording.one_line(message.title, _TITLE_MAX), "weight": "Bolder"}
        actions = [{"type": "Action.OpenUrl", "title": "Estorno", "url": message.link}] if message.link else []

        def body(text: str) -> Mapping[str, Any]:
            card = {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": [
                    {**title, "color": colour, "wrap": True},
                    {"type": "TextBlock", "text": text, "wrap": True},
                ],
                "actions": actions,
            }
            return {"type": "message", "attachments": [{"contentType": _CARD, "content": card}]}

        return wording.posted(to.url, wording.fitted(body, message.markdown, BODY_BYTES_MAX))

    def read(self, response: httpx.Response) -> Answer:
        if (answer := wording.by_status(response)) is not None:
            return answer
        if response.status_code in (httpx.codes.OK, httpx.codes.ACCEPTED):
            return Sent(str(response.status_code), "the workflow has it; Teams does not say whether the channel has")
        return Refused(f"Teams answered {response.status_code}")
