"""The settings of mail: one relay, and how it is reached."""

from dataclasses import dataclass
from typing import Final

from domain.platform import variables
from domain.platform.variables import SettingsError
from domain.platform.variables import setting as _setting

_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSettings:
    """Where mail is handed to; a part of Settings."""

    smtp_host: str = _setting(
        "ESTORNO_SMTP_HOST", variables.text, "The relay that mail is handed to; unset: no mail.", ""
    )
    smtp_port: int = _setting(
        "ESTORNO_SMTP_PORT", variables.integer(1, 65535), "Its port: 587 with starttls, 465 with implicit.", 587
    )
    smtp_tls: str = _setting(
        "ESTORNO_SMTP_TLS",
        variables.one_of("starttls", "implicit", "none"),
        "starttls and implicit are a must, never a hope; none is for a relay on this machine.",
        "starttls",
    )
    smtp_user: str = _setting(
        "ESTORNO_SMTP_USER", variables.text, "Our name at the relay; unset: it asks for none.", ""
    )
    smtp_password: str = _setting(
        "ESTORNO_SMTP_PASSWORD", variables.text, "Our password at the relay.", "", secret=True
    )
    smtp_from: str = _setting("ESTORNO_SMTP_FROM", variables.text, "Who writes, as `Estorno <alerts@example.com>`.", "")
    smtp_reply_to: str = _setting(
        "ESTORNO_SMTP_REPLY_TO", variables.text, "Where answers go; unset: to the writer.", ""
    )
    smtp_ca: str = _setting(
        "ESTORNO_SMTP_CA",
        variables.text,
        "A file of the CA that signs the relay's certificate; unset: the system's.",
        "",
    )


def check(settings: MailSettings) -> None:
    """Raises SettingsError."""
    if settings.smtp_host and not settings.smtp_from:
        raise SettingsError("ESTORNO_SMTP_HOST is set, so ESTORNO_SMTP_FROM must say who writes.")
    if settings.smtp_host and settings.smtp_tls == "none" and settings.smtp_host not in _LOOPBACK:
        raise SettingsError("ESTORNO_SMTP_TLS is none, and ESTORNO_SMTP_HOST is not this machine: mail goes by TLS.")
