"""Feishu and Lark robots: `POST /open-apis/bot/v2/hook/…`, signed in the body, the truth in `code`.

Read in "自定义机器人使用指南" of open.larkoffice.com. What signs is DingTalk's the other way round: the key is the time
and the secret, the message is empty, and the time is in seconds.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import httpx

from domain.deliveries.answers import Answer, Broken, Later, Refused, Sent
from domain.deliveries.channels import wording
from domain.deliveries.channels.channel import Address, Channel, Message
from domain.models.deliveries import EndpointKind

BODY_BYTES_MAX: Final = 20_000  # of 20 KB, whichever KB is meant
_TITLE_MAX: Final = 100
_LIMITED: Final = 11232
_LIMITED_SECONDS: Final = 60.0
_SECURITY: Final = frozenset({19021, 19022, 19024})  # the signature or the clock; the address; no keyword in it
_NO_SUCH_ROBOT: Final = 19001
_COLOURS: Final[Mapping[str, str]] = {"critical": "red", "warning": "orange", "info": "blue"}


class Feishu(Channel):
    """`secrets`: what signs (empty: the robot is protected otherwise). Options: `keyword`."""

    kind = EndpointKind.FEISHU

    def request(self, to: Address, message: Message, now: datetime) -> httpx.Request:
        keyword = to.options.get("keyword", "")
        signed: dict[str, str] = {}
        if to.secrets:
            seconds = int(now.timestamp())
            signed = {"timestamp": str(seconds), "sign": sign(to.secrets[0], seconds)}

        def body(text: str) -> Mapping[str, Any]:
            title = wording.one_line(message.title, _TITLE_MAX)
            if keyword and keyword not in title and keyword not in text:
                title = f"{keyword} {title}"
            colour = "green" if message.resolves else _COLOURS.get(message.severity, "blue")
            header = {"title": {"tag": "plain_text", "content": title}, "template": colour}
            card = {"header": header, "elements": [{"tag": "markdown", "content": text}]}
            return {**signed, "msg_type": "interactive", "card": card}

        return wording.posted(to.url, wording.fitted(body, message.markdown, BODY_BYTES_MAX))

    def read(self, response: httpx.Response) -> Answer:
        told = wording.object_of(response)
        code = wording.code_of(told, "code") if told is not None else None
        # A refusal may come with 400 and with 200: the code says more than the status.
        if told is None or code is None:
            return wording.by_status(response) or Refused("Feishu answered without a code")
        if code == 0:
            return wording.by_status(response) or Sent("0", "")
        reason = f"{code}: {wording.said(told.get('msg', ''))}"
        if code == _LIMITED:
            return Later(_LIMITED_SECONDS, reason)
        if code in _SECURITY or code == _NO_SUCH_ROBOT:
            return Broken(reason)
        answer = wording.by_status(response)
        return answer if isinstance(answer, Later | Broken) else Refused(reason)


def sign(secret: str, seconds: int) -> str:
    """HMAC-SHA256 of nothing, with the time and the secret as its key, in base64."""
    key = f"{seconds}\n{secret}".encode()
    return base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()
