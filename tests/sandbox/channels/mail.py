"""A mail relay that really speaks SMTP (aiosmtpd), in the moods that relays have."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

_USER, _PASSWORD = "estorno", "relay-password"


@dataclass
class Relay:
    """`mood`: ok, busy (421), lost (the answer after the data never comes); `unknown`: recipients that get 550."""

    mood: str = "ok"
    unknown: frozenset[str] = frozenset()
    full: frozenset[str] = frozenset()  # 452
    got: list[tuple[str, EmailMessage]] = field(default_factory=list)
    was_tls: list[bool] = field(default_factory=list)
    port: int = 0

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.mood == "busy":
            return "421 4.3.2 Service not available, closing transmission channel"
        if address in self.unknown:
            return "550 5.1.1 No such mailbox"
        if address in self.full:
            return "452 4.2.2 Mailbox full"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        made = message_from_bytes(content, policy=policy.default)
        assert isinstance(made, EmailMessage)
        self.got += [(one, made) for one in envelope.rcpt_tos]
        self.was_tls.append(session.ssl is not None)
        if self.mood == "lost":
            transport: Any = server.transport
            transport.abort()
            await asyncio.sleep(0)
        return "250 2.0.0 Queued"


def _login(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and data == LoginPassword(_USER.encode(), _PASSWORD.encode())
    return AuthResult(success=right, handled=False)


@contextmanager
def served(relay: Relay, port: int, tls: ssl.SSLContext | None = None, *, login: bool = False) -> Iterator[Relay]:
    """The relay at a port of 127.0.0.1, in a thread of its own; with a context it offers, and wants, STARTTLS."""
    more: dict[str, Any] = {"tls_context": tls, "require_starttls": tls is not None}
    if login:
        more |= {"auth_required": True, "authenticator": _login}
    controller = Controller(relay, hostname="127.0.0.1", port=port, **more)
    controller.start()
    relay.port = port
    try:
        yield relay
    finally:
        controller.stop()
