"""Traces: one ID from a request by the refund's job to the call of its PSE. Off unless there is a collector.

The request's ID is the trace's ID. Every refund keeps the request that it was asked for in, so that a job which runs an
hour later, in another process, after a restart, belongs to the same trace; the request's span has an ID that is worked
out of it, too, and is whose child the job's is. Nothing is stored, and nothing is passed on that could be lost.

No attribute is a body, an address, or anything about a customer: words and IDs of ours.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import SpanContext

_HEX: Final = re.compile(r"(?!0{32})[0-9a-f]{32}")
_TRACEPARENT: Final = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")
_EXPORT_SECONDS: Final = 5.0
_provider: "TracerProvider | None" = None
_own_id: ContextVar[tuple[int, int] | None] = ContextVar("own_id", default=None)  # of the trace, and of the span
Attributes = Mapping[str, str | int]


class Noted:
    """What becomes known of a span while it lasts."""

    def __init__(self) -> None:
        self.attributes: dict[str, str | int] = {}


def is_on() -> bool:
    """Whether there is a collector."""
    return _provider is not None


def trace_id(request_id: str) -> str:
    """32 hexadecimal digits: the request's ID, or what is worked out of one that is written otherwise."""
    return request_id if _HEX.fullmatch(request_id) else hashlib.sha256(request_id.encode()).hexdigest()[:32]


def span_id(request_id: str) -> str:
    """16 hexadecimal digits: of the span of the request itself."""
    return hashlib.sha256(f"span {request_id}".encode()).hexdigest()[:16]


def configure(url: str, service: str) -> None:
    """Send what is traced to a collector (OTLP over HTTP), from a thread of its own; no URL: trace nothing.

    Where it wants a password, its header stands in OTEL_EXPORTER_OTLP_HEADERS, which the exporter reads by itself.
    """
    global _provider
    if not url:
        return
    # The SDK takes most of a second to import: only who traces waits for it.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class Ids(RandomIdGenerator):
        """A request's span has the IDs that its jobs work out, too."""

        def generate_trace_id(self) -> int:
            own = _own_id.get()
            return own[0] if own else super().generate_trace_id()

        def generate_span_id(self) -> int:
            own = _own_id.get()
            return own[1] if own else super().generate_span_id()

    resource = Resource.create({"service.name": f"estorno-{service}"})
    made = TracerProvider(resource=resource, id_generator=Ids())
    exporter = OTLPSpanExporter(endpoint=f"{url.rstrip('/')}/v1/traces", timeout=_EXPORT_SECONDS)
    made.add_span_processor(BatchSpanProcessor(exporter))
    _provider = made


def close() -> None:
    """Send what is left, for as long as one export may take. It blocks."""
    global _provider
    made, _provider = _provider, None
    if made is not None:
        made.shutdown()


def request(request_id: str, name: str, began_ns: int, caller: str | None, attributes: Attributes) -> None:
    """The span of a request that has just ended. `began_ns`: of `time.time_ns()`; `caller`: its `traceparent`.

    What called us is linked, not followed: its ID is a stranger's word, and two requests may bring the same.
    """
    if _provider is None:
        return
    from opentelemetry.context import Context
    from opentelemetry.trace import Link, SpanKind

    links = [Link(_known(found[1], found[2]))] if caller and (found := _TRACEPARENT.fullmatch(caller)) else []
    token = _own_id.set((int(trace_id(request_id), 16), int(span_id(request_id), 16)))
    try:
        made = _provider.get_tracer("estorno").start_span(
            name, Context(), SpanKind.SERVER, dict(attributes), links, began_ns
        )
    finally:
        _own_id.reset(token)
    made.end()


@contextmanager
def span(name: str, request_id: str, attributes: Attributes, *, is_call: bool = False) -> Iterator[Noted]:
    """A part of the work for a request: under the part that it is done in, else under the request itself."""
    noted = Noted()
    if _provider is None:
        yield noted
        return
    from opentelemetry import trace
    from opentelemetry.trace import SpanKind

    here = trace.get_current_span().get_span_context()
    within = here.is_valid and f"{here.trace_id:032x}" == trace_id(request_id)
    parent = None if within else _under(request_id)
    kind = SpanKind.CLIENT if is_call else SpanKind.CONSUMER
    tracer = _provider.get_tracer("estorno")
    # An error's text may quote what no trace may hold; what became of it is an attribute, in a word of ours.
    with tracer.start_as_current_span(
        name, parent, kind, dict(attributes), record_exception=False, set_status_on_exception=False
    ) as made:
        try:
            yield noted
        finally:
            made.set_attributes(noted.attributes)


def _known(trace: str, span: str) -> "SpanContext":
    from opentelemetry.trace import SpanContext, TraceFlags

    return SpanContext(int(trace, 16), int(span, 16), is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _under(request_id: str) -> "Context":
    from opentelemetry.context import Context
    from opentelemetry.trace import NonRecordingSpan, set_span_in_context

    return set_span_in_context(NonRecordingSpan(_known(trace_id(request_id), span_id(request_id))), Context())
