"""Settings of who watches, metrics and traces: off unless they are asked for."""

from dataclasses import dataclass

from domain.platform import variables
from domain.platform.mail_settings import MailSettings
from domain.platform.variables import setting as _setting


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchingSettings(MailSettings):
    """What Prometheus and a collector of traces need; a part of Settings."""

    metrics_token: str = _setting(
        "ESTORNO_METRICS_TOKEN",
        variables.text,
        "The bearer token that the API's /metrics wants; unset: there is no /metrics.",
        "",
        secret=True,
    )
    metrics_port: int = _setting(
        "ESTORNO_METRICS_PORT",
        variables.integer(0, 65535),
        "Where a worker or timetable tells its metrics, on ESTORNO_HOST and without a token; 0: nowhere.",
        0,
    )
    otlp_url: str = _setting(
        "ESTORNO_OTLP_URL",
        variables.url("https", "http"),
        "A collector that traces go to, as http://collector:4318; unset: there are no traces.",
        "",
    )
