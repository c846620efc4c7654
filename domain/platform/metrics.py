"""What a process counts of itself for Prometheus: names by its convention, labels that are bounded.

No label is an id, an address or a text of somebody else's: each comes from a list of ours. To count is to add to a
number in memory; nothing here waits, or asks anything.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from time import monotonic
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import Metric
from prometheus_client.registry import Collector as Collector

# Else each series has a second one, which tells when the process began.
disable_created_metrics()  # type: ignore[no-untyped-call]

Collected = Iterable[Metric]
REGISTRY: Final = CollectorRegistry(auto_describe=True)
_HTTP_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_CALL_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30)
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_SUCCESS_SECONDS: Final = (
    *(1, 5, 15, _MINUTE, 5 * _MINUTE, 30 * _MINUTE),
    *(2 * _HOUR, 8 * _HOUR, _DAY, 3 * _DAY, 10 * _DAY, 30 * _DAY),
)

HTTP_REQUESTS: Final = Counter(
    "estorno_http_requests",
    "Requests that were answered, by the template of their route.",
    ("route", "method", "status"),
    registry=REGISTRY,
)
HTTP_SECONDS: Final = Histogram(
    "estorno_http_request_duration_seconds",
    "How long answers took, by the template of their route.",
    ("route",),
    buckets=_HTTP_SECONDS,
    registry=REGISTRY,
)
GRAPHQL_OPERATIONS: Final = Counter(
    "estorno_graphql_operations",
    "Operations over HTTP: answered, with errors in their answer, or refused before they were executed.",
    ("outcome",),
    registry=REGISTRY,
)
PSE_CALLS: Final = Counter(
    "estorno_pse_calls",
    "Calls to PSEs: accepted (2xx), refused (3xx, 4xx), failed (5xx), unsent, or in doubt: no answer came.",
    ("pse", "purpose", "outcome"),
    registry=REGISTRY,
)
PSE_SECONDS: Final = Histogram(
    "estorno_pse_call_duration_seconds",
    "How long calls to PSEs took, whatever came of them.",
    ("pse", "purpose"),
    buckets=_CALL_SECONDS,
    registry=REGISTRY,
)
BREAKER_OPENED: Final = Counter(
    "estorno_breaker_opened", "How often a PSE or shop that failed again and again was left alone.", registry=REGISTRY
)
REFUND_MOVES: Final = Counter(
    "estorno_refund_moves",
    "Moves of refunds into a state, by how the news came; those of reports and people are in the history alone.",
    ("state", "door"),
    registry=REGISTRY,
)
REFUND_SECONDS: Final = Histogram(
    "estorno_refund_time_to_success_seconds",
    "From when a refund was asked for until its PSE said that it is paid.",
    buckets=_SUCCESS_SECONDS,
    registry=REGISTRY,
)
DELIVERIES: Final = Counter(
    "estorno_deliveries",
    "Tries to deliver a message: sent, later (it is tried again), broken (the endpoint is gone) or refused.",
    ("channel", "outcome"),
    registry=REGISTRY,
)
TIMETABLE_SUCCESS: Final = Gauge(
    "estorno_timetable_last_success_timestamp_seconds",
    "When a job of the timetable last came to its end.",
    ("job",),
    registry=REGISTRY,
)
_BUILD: Final = Gauge("estorno_build_info", "Always 1.", ("version",), registry=REGISTRY)
_BUILD.labels(version("estorno")).set(1)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def answered(route: str, method: str, status: int, seconds: float) -> str:
    """A request; its method as it is told. `route`: its template, never the path."""
    told = method if method in _METHODS else "other"
    HTTP_REQUESTS.labels(route, told, f"{status // 100}xx").inc()
    HTTP_SECONDS.labels(route).observe(seconds)
    return told


def called(pse: str, purpose: str, outcome: str, seconds: float) -> None:
    """A call to a PSE."""
    PSE_CALLS.labels(pse, purpose, outcome).inc()
    PSE_SECONDS.labels(pse, purpose).observe(seconds)


@contextmanager
def operation() -> Iterator[list[str]]:
    """Counts a GraphQL operation under the outcome that is put into the list, else as refused."""
    outcome = ["refused"]
    try:
        yield outcome
    finally:
        GRAPHQL_OPERATIONS.labels(outcome[-1]).inc()


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._began = monotonic()

    @property
    def seconds(self) -> float:
        """So far."""
        return monotonic() - self._began
