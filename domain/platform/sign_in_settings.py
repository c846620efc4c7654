"""Settings of how people sign in: read with all others, by settings.py."""

from dataclasses import dataclass

from domain.platform import variables
from domain.platform.variables import setting as _setting
from domain.platform.watching_settings import WatchingSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInSettings(WatchingSettings):
    """The identity provider, and how long a session lasts. Seconds are seconds."""

    oidc_issuer: str = _setting(
        "ESTORNO_OIDC_ISSUER",
        variables.url("https", "http"),
        "The identity provider that people sign in with, exactly as it writes itself; unset: by one-time links only.",
        "",
    )
    oidc_client_id: str = _setting("ESTORNO_OIDC_CLIENT_ID", variables.text, "Our name at the identity provider.", "")
    oidc_client_secret: str = _setting(
        "ESTORNO_OIDC_CLIENT_SECRET", variables.text, "Our secret at the identity provider.", "", secret=True
    )
    oidc_require_mfa: bool = _setting(
        "ESTORNO_OIDC_REQUIRE_MFA",
        variables.boolean,
        "Whether the identity provider must say that a second factor was asked for (amr or acr).",
        False,
    )
    oidc_mfa_values: tuple[str, ...] = _setting(
        "ESTORNO_OIDC_MFA_VALUES",
        variables.words,
        "What it says then in `amr` or `acr`, separated by commas; one of them is enough.",
        ("mfa",),
    )
    session_idle_seconds: float = _setting(
        "ESTORNO_SESSION_IDLE_SECONDS",
        variables.seconds,
        "After how long without a request a person is signed out.",
        1800.0,
    )
    session_seconds: float = _setting(
        "ESTORNO_SESSION_SECONDS", variables.seconds, "After how long a person must sign in again.", 43_200.0
    )
