"""WeCom (企业微信) group robots: `POST /cgi-bin/webhook/send?key=…`; the key is everything, the truth in `errcode`.

Read in copies of WeCom's page 91770. Limits are bytes of UTF-8.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import httpx

from domain.deliveries.answers import Answer, Broken, Later, Refused, Sent
from domain.deliveries.channels import wording
from domain.deliveries.channels.channel import Address, Channel, Message
from domain.models.deliveries import EndpointKind

CONTENT_BYTES_MAX: Final = 4_096
# A rolling window: whoever tries again sooner makes it longer.
_RATE_SECONDS: Final = 60.0
_TITLE_MAX: Final = 100
_RATE: Final = 45009
_NO_SUCH_KEY: Final = 93000
_BUSY: Final = -1


class WeCom(Channel):
    """Options: `mentions`, user ids that a critical alert names, separated by commas."""

    kind = EndpointKind.WECOM

    def request(self, to: Address, message: Message, now: datetime) -> httpx.Request:
        title = wording.one_line(message.title, _TITLE_MAX)
        calls = " ".join(f"<@{one}>" for one in _mentioned(to, message))
        end = f"\n\n{calls}" if calls else ""
        room = CONTENT_BYTES_MAX - len(f"### {title}\n\n{end}".encode())
        content = f"### {title}\n\n{wording.cut(message.markdown, room)}{end}"
        body: Mapping[str, Any] = {"msgtype": "markdown", "markdown": {"content": content}}
        return wording.posted(to.url, wording.written(body))

    def read(self, response: httpx.Response) -> Answer:
        if (answer := wording.by_status(response)) is not None:
            return answer
        told = wording.object_of(response)
        code = wording.code_of(told, "errcode") if told is not None else None
        if told is None or code is None:
            return Refused("WeCom answered without an errcode")
        if code == 0:
            return Sent("0", "")
        reason = f"{code}: {wording.said(told.get('errmsg', ''))}"
        if code == _RATE:
            return Later(_RATE_SECONDS, reason)
        if code == _BUSY:
            return Later(wording.SERVER_SECONDS, reason)
        return Broken(reason) if code == _NO_SUCH_KEY else Refused(reason)


def _mentioned(to: Address, message: Message) -> list[str]:
    wanted = [wording.unmarked(one) for one in to.options.get("mentions", "").split(",")]
    return [one for one in wanted[:20] if one] if message.severity == "critical" and not message.resolves else []
