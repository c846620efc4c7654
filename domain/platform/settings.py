"""The settings: one typed object, read once from the environment. A wrong value or name stops the start."""

import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from domain.platform import crash, kept_key, mail_settings, tls, variables
from domain.platform.sign_in_settings import SignInSettings
from domain.platform.variables import SettingsError as SettingsError
from domain.platform.variables import setting as _setting

_OURS: Final = "ESTORNO_"  # a variable that begins so is a setting, or a setting misspelt


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(SignInSettings):
    """Everything that can be set. Seconds are seconds; times of day are UTC."""

    home: Path = _setting("ESTORNO_HOME", Path, "Where our own servers and the secret key live.", Path(".estorno"))
    database_url: str = _setting(
        "DATABASE_URL",
        variables.checked(variables.url("postgres", "postgresql"), tls.check_database),
        "PostgreSQL as the application's role; unset: our own server.",
        "",
    )
    owner_database_url: str = _setting(
        "ESTORNO_OWNER_DATABASE_URL",
        variables.checked(variables.url("postgres", "postgresql"), tls.check_database),
        "The same database as its owner, who migrates; unset: DATABASE_URL.",
        "",
    )
    redis_url: str = _setting(
        "REDIS_URL",
        variables.checked(variables.url("redis", "rediss"), tls.check_redis),
        "Valkey or Redis; unset: our own server.",
        "",
    )
    secret_key: bytes = _setting(
        "ESTORNO_SECRET_KEY",
        variables.key,
        "32 random bytes in base64url: seals secrets and personal data.",
        b"",
        secret=True,
    )
    old_secret_key: bytes = _setting(
        "ESTORNO_OLD_SECRET_KEY",
        variables.key,
        "The one before, until `estorno keys rotate` is done with it.",
        b"",
        secret=True,
    )
    kms_key: str = _setting(
        "ESTORNO_KMS_KEY", variables.text, "ARN of the AWS KMS key that wraps keys; unset: ESTORNO_SECRET_KEY does.", ""
    )
    old_kms_key: str = _setting(
        "ESTORNO_OLD_KMS_KEY", variables.text, "The one before, until `estorno keys rotate` is done with it.", ""
    )
    kms_url: str = _setting(
        "ESTORNO_KMS_URL", variables.url("https", "http"), "Where AWS KMS is, if not where its region says.", ""
    )
    host: str = _setting("ESTORNO_HOST", variables.text, "The address that the API listens on.", "127.0.0.1")
    port: int = _setting("ESTORNO_PORT", variables.integer(1, 65535), "The port that the API listens on.", 8000)
    public_url: str = _setting(
        "ESTORNO_PUBLIC_URL",
        variables.url("https", "http"),
        "Where PSEs and customers reach the API; unset: they cannot.",
        "",
    )
    egress_ips: tuple[str, ...] = _setting(
        "ESTORNO_EGRESS_IPS", variables.networks, "IPs that our calls come from, separated by commas; only shown.", ()
    )
    files: str = _setting(
        "ESTORNO_FILES",
        variables.text,
        "Where files are kept: a folder that all processes see, or s3://bucket/prefix; unset: `files` in ESTORNO_HOME.",
        "",
    )
    url: str = _setting(
        "ESTORNO_URL",
        variables.url("https", "http"),
        "For commands that ask the API: where it is; unset: ESTORNO_HOST and ESTORNO_PORT.",
        "",
    )
    token: str = _setting(
        "ESTORNO_TOKEN", variables.text, "For commands that ask the API: a bearer token.", "", secret=True
    )
    private_hosts: tuple[str, ...] = _setting(
        "ESTORNO_PRIVATE_HOSTS",
        variables.places,
        "PSEs that are not on the public internet, separated by commas: [http://]host:port[=<merchant's ID>].",
        (),
    )
    log_format: str = _setting("ESTORNO_LOG_FORMAT", variables.one_of("json", "console"), "json or console.", "json")
    log_level: str = _setting(
        "ESTORNO_LOG_LEVEL",
        variables.one_of("debug", "info", "warning", "error"),
        "From which level on is logged.",
        "info",
    )
    send_limit_seconds: float = _setting(
        "ESTORNO_SEND_LIMIT_SECONDS", variables.seconds, "The longest call to a PSE; below the job timeout.", 20.0
    )
    job_timeout_seconds: float = _setting(
        "ESTORNO_JOB_TIMEOUT_SECONDS", variables.seconds, "The longest job; below the lease.", 30.0
    )
    lease_seconds: float = _setting(
        "ESTORNO_LEASE_SECONDS", variables.seconds, "How long a worker holds a refund; then another may go on.", 60.0
    )
    sweep_seconds: float = _setting(
        "ESTORNO_SWEEP_SECONDS", variables.seconds, "How often due work is rung for again.", 2.0
    )
    worker_concurrency: int = _setting(
        "ESTORNO_WORKER_CONCURRENCY", variables.integer(1, 1000), "Jobs at once in one worker.", 50
    )
    database_pool: int = _setting("ESTORNO_DATABASE_POOL", variables.integer(1, 500), "Connections of one process.", 10)
    operation_seconds: float = _setting(
        "ESTORNO_OPERATION_SECONDS", variables.seconds, "The longest GraphQL operation, and statement of the API.", 10.0
    )
    lock_seconds: float = _setting(
        "ESTORNO_LOCK_SECONDS", variables.seconds, "How long the API waits for a row that another request holds.", 2.0
    )
    operations_per_merchant: int = _setting(
        "ESTORNO_OPERATIONS_PER_MERCHANT",
        variables.integer(1, 500),
        "Operations of one merchant at once in one API process; below the pool.",
        5,
    )
    body_limit_bytes: int = _setting(
        "ESTORNO_BODY_LIMIT_BYTES",
        variables.integer(1024, 64 * 1024 * 1024),
        "The largest body that is read.",
        1024 * 1024,
    )
    allowed_origins: tuple[str, ...] = _setting(
        "ESTORNO_ALLOWED_ORIGINS", variables.origins, "Foreign pages that may ask and follow, separated by commas.", ()
    )
    introspection: bool = _setting("ESTORNO_INTROSPECTION", variables.boolean, "Whether the schema may be read.", False)
    trusted_documents: tuple[str, ...] = _setting(
        "ESTORNO_TRUSTED_DOCUMENTS", variables.words, "Files of documents: no other is executed; unset: any is.", ()
    )
    report_inbox: str = _setting(
        "ESTORNO_REPORT_INBOX", variables.text, "A folder that is watched for reports; unset: none.", ""
    )
    pulse_file: str = _setting(
        "ESTORNO_PULSE_FILE",
        variables.text,
        "A file that a worker or timetable touches every 5 seconds, for whoever watches it; unset: none.",
        "",
    )
    crash_at: str = _setting(
        "ESTORNO_CRASH", crash.checked, "For tests only: NAME:N kills the process as it passes that point.", ""
    )
    nightly_at: tuple[int, int] = _setting(
        "ESTORNO_NIGHTLY_AT", variables.clock, "When the night begins, UTC.", (2, 30)
    )
    head_seconds: float = _setting(
        "ESTORNO_HEAD_SECONDS", variables.seconds, "How long a request's headers may take.", 10.0
    )
    body_seconds: float = _setting(
        "ESTORNO_BODY_SECONDS", variables.seconds, "How long a request's body may take.", 30.0
    )
    connections_max: int = _setting(
        "ESTORNO_CONNECTIONS_MAX",
        variables.integer(1, 100_000),
        "Connections of clients to one process of the API.",
        500,
    )
    idle_per_address: int = _setting(
        "ESTORNO_IDLE_PER_ADDRESS",
        variables.integer(0, 100_000),
        "Idle connections of an address, in a process; 0: no limit, as behind a proxy, whose they all are.",
        100,
    )
    requests_max: int = _setting(
        "ESTORNO_REQUESTS_MAX",
        variables.integer(1, 100_000),
        "Requests worked on at once in one process of the API.",
        200,
    )
    sockets_max: int = _setting(
        "ESTORNO_SOCKETS_MAX", variables.integer(1, 100_000), "Sockets and streams of a process.", 300
    )
    sockets_per_address: int = _setting(
        "ESTORNO_SOCKETS_PER_ADDRESS",
        variables.integer(1, 100_000),
        "Sockets and streams of an address, in a process.",
        100,
    )
    sockets_per_token: int = _setting(
        "ESTORNO_SOCKETS_PER_TOKEN", variables.integer(1, 100_000), "Sockets and streams of a token, in a process.", 20
    )
    subscriptions_max: int = _setting(
        "ESTORNO_SUBSCRIPTIONS_MAX", variables.integer(1, 100_000), "Subscriptions in one process.", 500
    )
    subscriptions_per_token: int = _setting(
        "ESTORNO_SUBSCRIPTIONS_PER_TOKEN", variables.integer(1, 100_000), "Subscriptions of a token, in a process.", 60
    )
    live_executions_max: int = _setting(
        "ESTORNO_LIVE_EXECUTIONS_MAX",
        variables.integer(1, 100_000),
        "Subscriptions in one process that see something else than all others; those who see the same count once.",
        500,
    )
    live_executions_per_token: int = _setting(
        "ESTORNO_LIVE_EXECUTIONS_PER_TOKEN", variables.integer(1, 100_000), "The same, of a token.", 60
    )
    rate_per_token: int = _setting(
        "ESTORNO_RATE_PER_TOKEN",
        variables.integer(0, 1_000_000),
        "Requests of a token in a minute; 0: no limit.",
        3_000,
    )
    rate_per_address: int = _setting(
        "ESTORNO_RATE_PER_ADDRESS",
        variables.integer(0, 1_000_000),
        "Requests of an address in a minute; 0: no limit.",
        6_000,
    )
    rate_per_link: int = _setting(
        "ESTORNO_RATE_PER_LINK",
        variables.integer(0, 1_000_000),
        "Requests to a customer's page or a sign-in link in a minute; 0: no limit.",
        30,
    )
    rate_per_webhook: int = _setting(
        "ESTORNO_RATE_PER_WEBHOOK",
        variables.integer(0, 1_000_000),
        "Webhooks of an address to a connection in a minute; 0: no limit.",
        3_000,
    )
    rate_new_documents: int = _setting(
        "ESTORNO_RATE_NEW_DOCUMENTS",
        variables.integer(0, 1_000_000),
        "GraphQL documents of a token in a minute that no process remembers; 0: no limit.",
        300,
    )
    rate_merchant_documents: int = _setting(
        "ESTORNO_RATE_MERCHANT_DOCUMENTS",
        variables.integer(0, 1_000_000),
        "The same, of all tokens of a merchant.",
        600,
    )
    rate_sign_in: int = _setting(
        "ESTORNO_RATE_SIGN_IN",
        variables.integer(0, 1_000_000),
        "Tries of an address to sign in, in a minute; 0: no limit.",
        60,
    )
    rate_customer_pages: int = _setting(
        "ESTORNO_RATE_CUSTOMER_PAGES",
        variables.integer(0, 1_000_000),
        "Requests of an address to customers' pages in a minute; 0: no limit.",
        600,
    )
    shops_max: int = _setting(
        "ESTORNO_SHOPS_MAX",
        variables.integer(1, 10_000),
        "Shops that a merchant may have connected at once.",
        50,
    )
    rate_customer_tokens: int = _setting(
        "ESTORNO_RATE_CUSTOMER_TOKENS",
        variables.integer(0, 1_000_000),
        "Customers' tokens that one token or person makes in an hour; 0: no limit.",
        1_000,
    )

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """The settings of an environment (this process's by default). Raises SettingsError."""
        given = os.environ if environ is None else environ
        values: dict[str, Any] = {}
        _check_names(given, [one.metadata["variable"] for one in fields(cls)])
        for one in fields(cls):
            text = given.get(one.metadata["variable"], "")
            if text:
                values[one.name] = _read(one.metadata, text)
        settings = cls(**values)
        _check(settings)
        return (
            settings
            if settings.secret_key
            else settings.with_(secret_key=kept_key.of(settings.home, settings.database_url))
        )

    def with_(self, **changed: Any) -> "Settings":
        """The same with other values."""
        return Settings(**{one.name: changed.get(one.name, getattr(self, one.name)) for one in fields(Settings)})

    @property
    def pulse(self) -> Path | None:
        """The file that is touched as long as the process lives, if somebody watches one."""
        return Path(self.pulse_file) if self.pulse_file else None

    @property
    def owner_url(self) -> str:
        """Who migrates: the owner, or the application's role where only one is given."""
        return self.owner_database_url or self.database_url

    @property
    def mfa_values(self) -> tuple[str, ...]:
        """What the identity provider must say of a second factor; none: it need not say anything."""
        return self.oidc_mfa_values if self.oidc_require_mfa else ()

    def webhook_url(self, connection_id: UUID) -> str | None:
        """Where a PSE is to send the webhooks of a connection, if the outside can reach us."""
        return f"{self.public_url.rstrip('/')}/webhooks/{connection_id}" if self.public_url else None

    @property
    def address(self) -> str:
        """Where people reach us."""
        return self.public_url.rstrip("/") or f"http://{self.host}:{self.port}"

    @property
    def api(self) -> str:
        """Where a command finds the API."""
        return self.url.rstrip("/") or f"http://{self.host}:{self.port}"

    def environment(self) -> dict[str, str]:
        """The variables that make a child process read these very settings."""
        texts = {one.metadata["variable"]: variables.written(getattr(self, one.name)) for one in fields(self)}
        return {variable: text for variable, text in texts.items() if text}

    def shown(self) -> Sequence[tuple[str, str, str]]:
        """Variable, value with secrets hidden, and what it does."""
        return [
            (
                one.metadata["variable"],
                variables.shown(getattr(self, one.name), one.metadata["secret"]),
                one.metadata["about"],
            )
            for one in fields(self)
        ]

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={value}' for name, value, _ in self.shown())})"


def _read(metadata: Mapping[str, Any], text: str) -> Any:
    try:
        return metadata["read"](text)
    except ValueError as error:
        shown = "" if metadata["secret"] or "URL" in metadata["variable"] else f", not {text[:40]!r}"
        raise SettingsError(f"{metadata['variable']} takes {error}{shown}.") from None


def _check_names(given: Mapping[str, str], known: Sequence[str]) -> None:
    """Left alone, a misspelt variable would leave its setting at the default, and nobody would know."""
    for name in sorted(given):
        if name.startswith(_OURS) and given[name] and name not in known:
            meant = {one.removeprefix(_OURS): one for one in known}
            (closest,) = difflib.get_close_matches(name.removeprefix(_OURS).upper(), meant, n=1, cutoff=0)
            raise SettingsError(f"{name} is no setting; the closest is {meant[closest]}.")


def _check(settings: Settings) -> None:
    if not settings.send_limit_seconds < settings.job_timeout_seconds < settings.lease_seconds:
        raise SettingsError(
            "ESTORNO_SEND_LIMIT_SECONDS < ESTORNO_JOB_TIMEOUT_SECONDS < ESTORNO_LEASE_SECONDS must hold, "
            "or a refund could be sent while another worker holds it."
        )
    if settings.oidc_issuer and not (settings.oidc_client_id and settings.public_url):
        raise SettingsError("ESTORNO_OIDC_ISSUER is set, so ESTORNO_OIDC_CLIENT_ID and ESTORNO_PUBLIC_URL must be too.")
    if settings.oidc_require_mfa and not settings.oidc_issuer:
        raise SettingsError("ESTORNO_OIDC_REQUIRE_MFA is set, so ESTORNO_OIDC_ISSUER must be too: it asks for it.")
    mail_settings.check(settings)
    if settings.owner_database_url and not settings.database_url:
        raise SettingsError("ESTORNO_OWNER_DATABASE_URL is set, so DATABASE_URL must name the application's role.")
