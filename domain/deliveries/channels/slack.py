"""Slack incoming webhooks: the URL is the credential; 200 with the body `ok` is the one success.

Slack's error words are not verified against a live workspace: an unknown word is a refusal of the message.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import httpx

from domain.deliveries.answers import Answer, Broken, Later, Refused, Sent
from domain.deliveries.channels import wording
from domain.deliveries.channels.channel import Address, Channel, Message
from domain.models.deliveries import EndpointKind

TEXT_CHARACTERS_MAX: Final = 35_000
_TITLE_MAX: Final = 150
_GONE: Final = frozenset(
    {"no_service", "no_service_id", "no_team", "team_disabled", "invalid_token", "channel_not_found"}
    | {"channel_is_archived", "user_not_found", "action_prohibited", "posting_to_general_channel_denied"}
)


class Slack(Channel):
    """Options: `mentions`, as `<!here>` or a member's id, for critical alerts."""

    kind = EndpointKind.SLACK

    def request(self, to: Address, message: Message, now: datetime) -> httpx.Request:
        title = wording.one_line(message.title, _TITLE_MAX)
        text = wording.mrkdwn(f"**{title}**\n{message.markdown}")
        if message.severity == "critical" and not message.resolves and to.options.get("mentions"):
            calls = [one.strip() for one in to.options["mentions"].split(",") if one.strip()]
            text = f"{' '.join(_call(one) for one in calls[:20])} {text}"
        if len(text) > TEXT_CHARACTERS_MAX:
            text = text[: TEXT_CHARACTERS_MAX - 1] + wording.ELLIPSIS
        body: Mapping[str, Any] = {"text": text, "unfurl_links": False, "unfurl_media": False}
        return wording.posted(to.url, wording.written(body))

    def read(self, response: httpx.Response) -> Answer:
        word = wording.said(response.text)
        if response.status_code == httpx.codes.OK:
            return Sent("ok", "") if word == "ok" else Refused(f"Slack answered 200 and not ok: {word}")
        if word in _GONE:
            return Broken(f"{response.status_code}: {word}")
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            return Later(max(wording.retry_after(response), 1.0), "429: too many messages")
        return wording.by_status(response) or Refused(f"Slack answered {response.status_code} and not ok")


def _call(one: str) -> str:
    """`here` and `channel` are groups of their own; all else is a member's id."""
    name = "".join(letter for letter in one if letter.isalnum())
    return f"<!{name}>" if name in ("here", "channel") else f"<@{name}>"
