"""Mail goes to one relay, which the operator has set: TLS is a must, and what was not said to be taken was not.

aiosmtplib takes TLS only where the server offers it, unless it is told to want it; its time limit is of one answer, so
`asyncio.timeout` is around the whole.
"""

import asyncio
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import lru_cache
from typing import Any, Final

import aiosmtplib
import structlog

from domain.deliveries.answers import Answer, Broken, Later, Refused, Sent
from domain.deliveries.channels import wording
from domain.deliveries.channels.channel import Address, Message
from domain.deliveries.channels.email import Envelope, mail
from domain.platform.settings import Settings

SECONDS_MAX: Final = 30.0
_AWAY_SECONDS: Final = 60.0
_UNSET: Final = "No relay is set for mail (ESTORNO_SMTP_HOST)."
_log = structlog.get_logger()


async def deliver(message: Message, to: Address, settings: Settings | None, leave: str | None = None) -> Answer:
    """Say a message to the mailbox of an endpoint. `leave`: where its reader ends such messages. Raises nothing."""
    if settings is None or not settings.smtp_host:
        return Later(3600.0, _UNSET)
    envelope = Envelope(settings.smtp_from, to.url, settings.smtp_reply_to or None, leave)
    try:
        made = mail(message, envelope, datetime.now(UTC))
    except ValueError as error:
        return Refused(str(error))
    return await send(made, to.url, settings)


async def send(letter: EmailMessage, recipient: str, settings: Settings, seconds: float = SECONDS_MAX) -> Answer:
    """Hand a mail to the relay, for one recipient. Never raises for what a relay or a network can do.

    An answer that was lost behind the data is `Later`: the mail may be there, and comes again under its own Message-ID.
    """
    if not settings.smtp_host:
        return Later(3600.0, _UNSET)
    try:
        async with asyncio.timeout(seconds):
            refused, said = await aiosmtplib.send(
                letter, sender=str(letter["From"].addresses[0].addr_spec), recipients=[recipient], **_relay(settings)
            )
    except aiosmtplib.SMTPRecipientsRefused as error:
        return _of_recipient(error.recipients[0])
    except aiosmtplib.SMTPResponseException as error:
        return _of_relay(error)
    except (ssl.SSLError, ssl.CertificateError) as error:
        return Later(_AWAY_SECONDS, f"The relay's certificate is not believed: {wording.said(_why(error))}")
    except (aiosmtplib.SMTPException, TimeoutError, OSError) as error:
        return Later(_AWAY_SECONDS, f"The relay did not take it: {wording.said(_why(error))}")
    except ValueError as error:
        return Refused(f"It cannot be written as a mail: {wording.said(type(error).__name__)}")
    if recipient in refused:
        code, words = refused[recipient]
        return _meaning(code, words)
    return Sent("250", wording.said(said))


def _relay(settings: Settings) -> dict[str, Any]:
    """How the relay is reached: `starttls` is wanted, not hoped for."""
    told: dict[str, Any] = {
        "hostname": settings.smtp_host,
        "port": settings.smtp_port,
        "timeout": SECONDS_MAX,
        "username": settings.smtp_user or None,
        "password": settings.smtp_password or None,
        "use_tls": settings.smtp_tls == "implicit",
        "start_tls": settings.smtp_tls == "starttls",
    }
    if settings.smtp_tls != "none":
        told["tls_context"] = _trusted(settings.smtp_ca)
    return told


@lru_cache(maxsize=4)
def _trusted(ca: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _of_recipient(error: aiosmtplib.SMTPRecipientRefused) -> Answer:
    return _meaning(error.code, error.message)


def _of_relay(error: aiosmtplib.SMTPResponseException) -> Answer:
    """What the relay says of us, not of a recipient: our name and password, our sender, or that it is busy."""
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        _log.error("mail.refused", code=error.code)
        return Later(_AWAY_SECONDS * 10, f"{error.code}: the relay refuses our user name or password")
    return _meaning(error.code, error.message)


def _meaning(code: int, words: str) -> Answer:
    """RFC 5321, 4.2.1: 4yz may pass, 5yz will not."""
    reason = f"{code}: {wording.said(words)}"
    if 400 <= code < 500:
        return Later(_AWAY_SECONDS, reason)
    # A mailbox that is not there, or a name that is none: nothing will ever arrive at this endpoint.
    return Broken(reason) if code in (550, 551, 553) and "5.1." in words else Refused(reason)


def _why(error: BaseException) -> str:
    return f"{type(error).__name__} {error}".strip()
