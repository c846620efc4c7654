"""What a shop, a PSE or a customer has typed is read on every channel, and is a link on none of them."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from domain.alerts import digest, tell, words
from domain.alerts.digest_words import DayDigest
from domain.alerts.words import AlertReader
from domain.deliveries.channels import email, wording
from domain.deliveries.channels.channel import Address, Message
from domain.deliveries.channels.robots import ROBOTS
from domain.languages import LOCALES
from domain.models import Alert
from domain.models.alerts import AlertKind, Severity, What
from domain.models.deliveries import EndpointKind

OURS = "https://estorno.test-address.example"
TYPED = (
    "https://evil.example/pay?now=1", "http://10.0.0.1/x", "www.evil.example", "evil.example/路径", "EVIL。COM",
    "pay@evil.example", "mailto:pay@evil.example", "dingtalk://dingtalkclient/page/link?url=evil",
    "xn--e1afmkfd.xn--p1ai", "[pay](https://evil.example)", "<https://evil.example|pay>", "tel:+5511999990000",
    "https:\\\\evil.example", "evil\u200b.example",
    "<a href='https://evil.example'>pay</a>", "ev\u2024il.example", "evil．com",
)  # fmt: skip
# As chats and mail programs find links in plain text, and more eagerly than any of them.
LINKS = re.compile(
    r"[a-z][a-z0-9+.\-]*://|www\.|mailto:|[\w\-]+(?:\.[^\W\d_]|[\u3002\uff0e\uff61][a-z])[^\W\d_]|\d+\.\d+\.\d+\.\d+|[\w.]+@[\w.]+",
    re.I,
)
_MARKED = re.compile(r"\]\(|<a |<https?:")


def _alert(name: str) -> Alert:
    at = datetime(2026, 11, 30, 12, tzinfo=UTC)
    return Alert(
        id=UUID(int=1), kind=AlertKind.REFUND_FAILED, key="k", severity=Severity.CRITICAL, count=1, amounts={"BRL": 1},
        subjects=[{"kind": "refund", "id": "1", "name": name}], facts={"why": name, "day": name, "due": name}, since=at,
        opened_at=at, last_seen_at=at,
    )  # fmt: skip


def _message(typed: str, language: str, kind: AlertKind) -> Message:
    alert = _alert(typed)
    alert.kind = kind
    reader = AlertReader(language, typed, ZoneInfo("UTC"), OURS)
    sections = [words.section(alert, What.OPENED, reader, typed)] * 2
    heading, text, marked = words.heading(sections, reader), words.text(sections), words.markdown(sections, reader)
    return Message("alert_1", tell.OPENED, heading, text, marked, f"{OURS}/console/news", severity="critical")


def _digest(typed: str) -> Message:
    oldest = {"amount": 1, "currency": "BRL", "reference": typed, "connection": typed, "created_at": datetime.now(UTC)}
    found = DayDigest(date(2026, 11, 29), {}, {}, [oldest], [(_alert(typed), typed)], [typed])
    return digest.message(found, AlertReader("en", typed, ZoneInfo("UTC"), OURS))


def _read(body: Any) -> Iterator[str]:
    """The texts of a robot's message that people see."""
    if isinstance(body, dict):
        for name, value in body.items():
            if isinstance(value, str) and name in ("title", "text", "content", "summary"):
                yield value
            yield from _read(value)
    for one in body if isinstance(body, list) else ():
        yield from _read(one)


def _links(text: str) -> list[str]:
    without_ours = re.sub(re.escape(OURS) + r"[\w/\-]*", "", text)
    return LINKS.findall(without_ours)


@pytest.mark.parametrize("typed", TYPED)
def test_no_channel_makes_a_link_of_what_somebody_has_typed(typed: str) -> None:
    kinds = (AlertKind.REFUND_FAILED, AlertKind.CHANNEL_FAILING, AlertKind.FINDING, AlertKind.PSE_DOWN)
    messages = [_message(typed, language, kind) for language in LOCALES for kind in kinds] + [_digest(typed)]
    assert wording.named(typed).strip(), "It is read all the same."
    for message in messages:
        for kind, channel in ROBOTS.items():
            url = "https://robot.example/send?access_token=t&key=k"
            sent = channel.request(Address(url, ("secret",)), message, datetime.now(UTC))
            for text in _read(json.loads(sent.content)):
                assert _links(text) == [], (kind, text)
                ours = [part for part in _MARKED.findall(text) if part]
                assert len(ours) == len(re.findall(re.escape(OURS), text)) or not ours, (kind, text)
        page = email.html(message)
        assert re.findall(r'href="([^"]*)"', page) == [message.link]
        assert _links(re.sub(r"<[^>]*>", " ", page)) == []
        assert _links(message.text) == []


def test_a_name_is_read_as_it_was_where_it_is_no_address() -> None:
    for kept in ("Loja do Zé", "ORD-2026.11", "S.A. de C.V.", "pix-main", "R$ 1.234,56", "12.5 %", "退款组"):
        assert wording.named(kept) == wording.unmarked(kept) == " ".join(kept.split())
    assert wording.named("loja.com.br") == "loja·com·br"
    assert EndpointKind.EMAIL not in ROBOTS
