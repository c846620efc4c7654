"""Traces: a request, the refund's steps and the call of its PSE are one trace at the collector, and nothing leaks."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from structlog.testing import capture_logs

from api.app import create
from domain.access.tokens import Role, create_token
from domain.deliveries import endpoints
from domain.deliveries.endpoints import NewEndpoint
from domain.models import Refund
from domain.models.deliveries import EndpointKind
from domain.notices import inbox
from domain.platform import traces
from domain.platform.database import for_all
from domain.pse.vocabulary import WebhookRequest
from jobs import deliveries, notices
from jobs.deliveries import Tools
from jobs.wire.abroad import Abroad
from jobs.wire.sender import sender
from tests.api.conftest import global_id
from tests.conftest import Database
from tests.kit.factories import CAUSE, a_person
from tests.kit.receiver import receiving
from tests.kit.sealing import sealed
from tests.kit.world import World, a_sandbox, a_shop_at, quick_settings, served

_CREATE = """mutation C($input: RefundCreateInput!) { refundCreate(input: $input) {
  refund { id } requestId errors { ... on Error { message } } } }"""
_CALLER = "4bf92f3577b34da6a3ce929d0e0e4736"


class Collector:
    """A collector of traces."""

    def __init__(self) -> None:
        self.raw = b""
        self.spans: list[Any] = []

    def app(self) -> Starlette:
        async def take(request: Request) -> Response:
            body = await request.body()
            self.raw += body
            told = ExportTraceServiceRequest.FromString(body)
            for resource in told.resource_spans:
                self.spans += [span for scope in resource.scope_spans for span in scope.spans]
            return Response(media_type="application/x-protobuf")

        return Starlette(routes=[Route("/v1/traces", take, methods=["POST"])])

    def of(self, trace: str) -> dict[str, Any]:
        return {span.name: span for span in self.spans if span.trace_id.hex() == trace}


def _attributes(span: Any) -> dict[str, Any]:
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


async def test_a_request_its_refunds_steps_and_the_pses_call_are_one_trace(
    own_database: Database, redis_url: str, tmp_path: Path
) -> None:
    collector, secret = Collector(), f"nobody-may-read-{uuid4().hex}"
    async with served(collector.app()) as there, a_sandbox() as sandbox:
        more = {"database_url": own_database.application_url, "redis_url": redis_url, "files": str(tmp_path)}
        settings = quick_settings(**more, otlp_url=there)
        async with served(create(settings)) as url, httpx.AsyncClient(timeout=20) as http:
            assert traces.is_on()
            shop = await a_shop_at(sandbox)
            token = await create_token(shop.id, Role.ADMINISTRATOR, "tester", timedelta(hours=1))
            async with sender(settings.secret_key, settings.send_limit_seconds) as sending:
                world = World(shop, sandbox, sending, settings)
                payment = await world.payment()
                given = {
                    "paymentId": global_id(payment),
                    "reason": "OTHER",
                    "note": secret,
                    "idempotencyKey": str(uuid4()),
                }
                headers = {"Authorization": f"Bearer {token}", "traceparent": f"00-{_CALLER}-00f067aa0ba902b7-01"}
                with capture_logs() as lines:
                    body = {"query": _CREATE, "variables": {"input": given}}
                    answer = await http.post(f"{url}/graphql?x={secret}", json=body, headers=headers)
                told = answer.json()["data"]["refundCreate"]
                assert told["errors"] == []
                (refund,) = await Refund.filter(payment_id=payment.id)
                await world.finish(refund)
                heard = uuid4().hex
                path = f"/webhooks/{shop.connection.id}/hook-secret-of-the-test/pix"
                about = {"pix": [{"endToEndId": payment.pse_reference, "devolucoes": [{"id": refund.reference}]}]}
                came = WebhookRequest("POST", path, "", {}, json.dumps(about).encode())
                notice = await inbox.store(shop.connection.id, came, heard, settings.secret_key)
                assert notice is not None
                await notices.apply(notice, sending)
                admin = a_person(shop, "dev", Role.ADMIN)
                async with receiving() as server:
                    new = NewEndpoint(
                        EndpointKind.WEBHOOK,
                        "orders",
                        server.url(f"/{secret}"),
                        types=["refund.*"],
                        thin=True,
                        behind=0,
                    )
                    made = await endpoints.create(admin, new, settings.secret_key, CAUSE)
                    abroad = Abroad()
                    with for_all("the sealer's and the worker's work"):
                        await sealed(shop)
                        await deliveries.deliver(made.endpoint.id, Tools(abroad, settings.secret_key))
                    await abroad.close()
                    assert server.took
        assert not traces.is_on(), "With the API its traces end."
    request_id = told["requestId"]
    found = collector.of(request_id)
    asked, step, call = found["POST /graphql"], found["process refund"], found["call pix"]
    assert (asked.parent_span_id, step.parent_span_id) == (b"", asked.span_id)
    assert asked.span_id.hex() == traces.span_id(request_id)
    ours = {span.span_id for span in collector.spans if span.name == "process refund"}
    assert call.parent_span_id in ours
    assert [link.trace_id.hex() for link in asked.links] == [_CALLER]
    assert _attributes(asked) == {
        "http.request.method": "POST",
        "http.route": "/graphql",
        "http.response.status_code": 200,
    }
    assert (_attributes(call)["estorno.pse"], _attributes(call)["estorno.outcome"]) == ("pix", "accepted")
    assert _attributes(step)["estorno.merchant.id"] == str(shop.id)
    told_of = found["send delivery"]
    assert told_of.parent_span_id == asked.span_id, "From the deed to the call of whoever is told it is one trace."
    assert (_attributes(told_of)["estorno.channel"], _attributes(told_of)["estorno.outcome"]) == ("WEBHOOK", "sent")
    applied = collector.of(heard)["process notice"]
    assert _attributes(applied) == {"estorno.merchant.id": str(shop.id), "estorno.pse": "pix"}
    assert applied.parent_span_id.hex() == traces.span_id(heard), "The webhook that came is what it is a part of."
    hidden = [secret, token, sandbox.url, payment.pse_reference, "sandbox-secret"]
    assert [one for one in hidden if one.encode() in collector.raw] == []
    assert [line["trace_id"] for line in lines if line["event"] == "http.request"] == [request_id]


def test_an_id_that_is_not_of_a_request_has_a_trace_of_its_own_and_always_the_same_one() -> None:
    own, night = uuid4().hex, "night-2026-11-29"
    assert traces.trace_id(own) == own
    assert traces.trace_id(night) == traces.trace_id(night) != traces.trace_id("night-2026-11-28")
    assert traces.trace_id("0" * 32) != "0" * 32
    assert len(traces.span_id(own)) == 16


async def test_a_collector_that_is_away_costs_spans_and_nothing_else() -> None:
    traces.configure("http://127.0.0.1:1", "test")
    with traces.span("process refund", uuid4().hex, {}) as noted:
        noted.attributes["estorno.refund.state"] = "SUCCEEDED"
    with pytest.raises(ValueError, match="ours"), traces.span("call pix", uuid4().hex, {}):
        raise ValueError("ours")
    traces.close()
    assert not traces.is_on()
