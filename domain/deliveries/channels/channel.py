"""What each channel can do: build the request of one message, and say what its answer means."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Protocol

import httpx

from domain.deliveries.answers import Answer
from domain.models.deliveries import EndpointKind


@dataclass(frozen=True, slots=True)
class Address:
    """An endpoint with its secrets opened; it lives while one message is sent, and is never logged or kept.

    `url`: where it goes (of e-mail the recipient's address). `secrets`: what is signed with, the newest first; while
    one is replaced there are two. `options`: what else the channel wants to know, by name.
    """

    url: str = field(repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    options: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """What is said. A webhook sends `data`, which is its whole body; what people read has title and text or Markdown.

    `id`: the same at every try, on every endpoint and in a replay, of letters, digits and `_` (no dot: signatures join
    by dots). `type`: dotted words (`refund.success`). `severity`: critical, warning or info. `link`: where one acts, of
    our console. `key`: what belongs together (an alert's key, a refund); `resolves`: it says that `key` is over.
    Never in it: a customer's name, document or account, and nothing secret.
    """

    id: str
    type: str
    title: str = ""
    text: str = ""
    markdown: str = ""
    link: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    severity: str = "info"
    language: str = "en"
    resolves: bool = False
    key: str | None = None


def packed(message: Message) -> bytes:
    """A message as `deliveries.body` keeps it; the order of `data` stays, so that each try sends the same bytes."""
    return json.dumps(asdict(message), ensure_ascii=False, separators=(",", ":")).encode()


def unpacked(body: bytes) -> Message:
    """The message that was packed."""
    return Message(**json.loads(body))


class Channel(Protocol):
    """A channel that is spoken to by HTTP; it keeps nothing between two messages."""

    @property
    def kind(self) -> EndpointKind:
        """Which endpoints are its."""
        ...

    def request(self, to: Address, message: Message, now: datetime) -> httpx.Request:
        """The request of one try. `now` (UTC) goes into signatures. Raises ValueError for an address it cannot use; its
        text has nothing of the address in it."""
        ...

    def read(self, response: httpx.Response) -> Answer:
        """What the answer means; what is not known to be success is not. It raises nothing, whatever was answered."""
        ...
