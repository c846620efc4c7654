"""DingTalk (钉钉) custom group robots: `POST /robot/send?access_token=…`, signed in the URL, the truth in `errcode`.

Read in open documents of DingTalk's page "custom robot"; the codes also as others have probed them (docs/alerts.md).
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

BODY_BYTES_MAX: Final = 20_000
MUTED_SECONDS: Final = 600.0  # one message too many mutes a robot for ten minutes
_BUSY_SECONDS: Final = 30.0
_QUOTA_SECONDS: Final = 3_600.0
_TITLE_MAX: Final = 100
_RATE: Final = frozenset({130101, 410100})
_RATE_WORDS: Final = ("too fast", "times per minute", "限流", "频率")  # the codes have changed before
_BUSY: Final = -1
_QUOTA: Final = 90030
# Three meanings that the words tell: no keyword in it, a wrong signature (or clock), an address that is not listed.
_SECURITY: Final = 310000
_GONE: Final = frozenset({300001, 300005, 400101, 400102, 400013, 400106, 88})


class DingTalk(Channel):
    """`secrets`: what signs (empty: the robot is protected otherwise). Options: `keyword`, `mentions` (mobiles)."""

    kind = EndpointKind.DINGTALK

    def request(self, to: Address, message: Message, now: datetime) -> httpx.Request:
        keyword = to.options.get("keyword", "")
        mobiles = _mentioned(to, message)

        def body(text: str) -> Mapping[str, Any]:
            title = wording.one_line(message.title, _TITLE_MAX)
            if keyword and keyword not in title and keyword not in text:
                title = f"{keyword} {title}"  # a robot that has keywords takes nothing without one
            calls = "".join(f" @{one}" for one in mobiles)
            told = {"title": title, "text": f"### {title}\n\n{text}" + (f"\n\n{calls.strip()}" if calls else "")}
            return {"msgtype": "markdown", "markdown": told, "at": {"atMobiles": mobiles, "isAtAll": False}}

        url = wording.address(to.url)
        if to.secrets:
            milliseconds = round(now.timestamp() * 1000)
            url = url.copy_merge_params({"timestamp": str(milliseconds), "sign": sign(to.secrets[0], milliseconds)})
        return wording.posted(url, wording.fitted(body, message.markdown, BODY_BYTES_MAX))

    def read(self, response: httpx.Response) -> Answer:
        if (answer := wording.by_status(response)) is not None:
            return answer
        told = wording.object_of(response)
        code = wording.code_of(told, "errcode") if told is not None else None
        if told is None or code is None:
            return _without_code(told)
        return _meaning(code, wording.said(told.get("errmsg", "")), told)


def sign(secret: str, milliseconds: int) -> str:
    """The key is the secret, and the message the time and the secret: HMAC-SHA256, in base64."""
    message = f"{milliseconds}\n{secret}".encode()
    return base64.b64encode(hmac.new(secret.encode(), message, hashlib.sha256).digest()).decode()


def _mentioned(to: Address, message: Message) -> list[str]:
    wanted = [one.strip() for one in to.options.get("mentions", "").split(",") if one.strip()]
    return wanted if message.severity == "critical" and not message.resolves else []


def _without_code(told: Mapping[str, Any] | None) -> Answer:
    if told is not None and told.get("punish"):
        return Later(_wait(told), "DingTalk's gateway holds us back")
    return Refused("DingTalk answered without an errcode")


def _wait(told: Mapping[str, Any]) -> float:
    return max(float(wording.code_of(told, "wait") or 0), wording.RATE_SECONDS)


def _meaning(code: int, words: str, told: Mapping[str, Any]) -> Answer:
    if code == 0:
        return Sent("0", "")
    reason = f"{code}: {words}"
    if code in _RATE or any(word in words.lower() for word in _RATE_WORDS):
        return Later(MUTED_SECONDS, reason)
    if code == _BUSY:
        return Later(_BUSY_SECONDS, reason)
    if code == _QUOTA:
        return Later(_QUOTA_SECONDS, reason)
    if code == _SECURITY or code in _GONE:
        more = wording.said(told.get("sub_code", ""))
        return Broken(f"{reason} {more}".strip())
    return Refused(reason)
