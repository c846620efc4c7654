"""A client of the public GraphQL API, as a frontend team would write one: HTTP to ask, WebSocket for live news."""

import json
from collections.abc import AsyncIterator
from typing import Any, Final
from uuid import uuid4

import httpx
import websockets

_SUBPROTOCOL: Final = websockets.Subprotocol("graphql-transport-ws")

PAYMENTS: Final = """
query Payments($first: Int!, $after: String) { payments(first: $first, after: $after) {
  edges { node { id pseReference storeCode orderReference capturedAt refundableUntil
    captured { minorUnits display } refunded { minorUnits } takenByBank { minorUnits } refundable { minorUnits } } }
  pageInfo { hasNextPage endCursor } } }"""
REGISTER: Final = """
mutation Register($input: PaymentRegisterInput!) { paymentRegister(input: $input) {
  payment { id } replayed requestId errors { ... on Error { code message path } } } }"""
CREATE: Final = """
mutation Create($input: RefundCreateInput!) { refundCreate(input: $input) {
  refund { id status reference amount { minorUnits display } } replayed requestId
  errors { __typename ... on Error { code message }
    ... on AmountExceedsRefundableError { refundable { display } }
    ... on NotRefundableError { deadlineAt } } } }"""
REFUND: Final = """
query Refund($by: RefundBy!) { refund(by: $by) { id status requestId reference failureCode failureExplanation
  events { sequence kind status code } calls { purpose method attempt answer { status error } } } }"""
FINDINGS: Final = """
query Findings { findings(first: 100) { edges { node { kind explanation action amount { display } } } } }"""
BALANCES: Final = """
query Balances($from: Date!, $to: Date!) { trialBalance(from: $from, to: $to) {
  rows { account pse connectionName opening { display } debits { display } credits { display }
    closing { minorUnits display } }
  totals { debits { display } credits { display } } } }"""
EVENTS: Final = """
subscription Events($refundId: ID!, $after: String) { refundEvents(refundId: $refundId, after: $after) { __typename
  ... on RefundEventMessage { replayed event { sequence kind status code } } } }"""

CHANGED: Final = "subscription Changed { refundsChanged { __typename } }"


class DemoError(RuntimeError):
    """The API answered with something that the demo day does not expect."""


class Client:
    """Asks with one bearer token."""

    def __init__(self, http: httpx.AsyncClient, graphql_url: str, websocket_url: str, token: str) -> None:
        self._http = http
        self._graphql_url = graphql_url
        self._websocket_url = websocket_url
        self._token = token

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of an operation. Raises DemoError when there are errors."""
        answer = await self._http.post(
            self._graphql_url,
            json={"query": query, "variables": variables},
            headers={"Authorization": f"Bearer {self._token}", "Accept": "application/graphql-response+json"},
        )
        told = answer.json()
        if told.get("errors") or "data" not in told:
            raise DemoError(f"{answer.status_code} {json.dumps(told)[:500]}")
        data: dict[str, Any] = told["data"]
        return data

    async def payments(self) -> list[dict[str, Any]]:
        """All payments, page by page."""
        found: list[dict[str, Any]] = []
        after: str | None = None
        while True:
            page = (await self.ask(PAYMENTS, first=50, after=after))["payments"]
            found += [edge["node"] for edge in page["edges"]]
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                return found

    async def refund(
        self, payment: str, minor_units: int | None = None, key: str | None = None, currency: str = "BRL"
    ) -> dict[str, Any]:
        """The payload of refundCreate."""
        wanted: dict[str, Any] = {
            "paymentId": payment,
            "reason": "CUSTOMER_REQUEST",
            "idempotencyKey": key or str(uuid4()),
        }
        if minor_units is not None:
            wanted["amount"] = {"minorUnits": str(minor_units), "currency": currency}
        payload: dict[str, Any] = (await self.ask(CREATE, input=wanted))["refundCreate"]
        return payload

    async def follow(self, refund_id: str) -> AsyncIterator[dict[str, Any]]:
        """The live events of a refund, until nothing more is expected of it (graphql-transport-ws)."""
        async with websockets.connect(self._websocket_url, subprotocols=[_SUBPROTOCOL]) as socket:
            await socket.send(_message("connection_init", payload={"Authorization": f"Bearer {self._token}"}))
            _expect(await socket.recv(), "connection_ack")
            wanted = {"query": EVENTS, "variables": {"refundId": refund_id}}
            await socket.send(_message("subscribe", id="1", payload=wanted))
            async for raw in socket:
                told = json.loads(raw)
                if told["type"] == "complete":
                    return
                if told["type"] == "ping":
                    await socket.send(_message("pong"))
                elif told["type"] == "next" and not told["payload"].get("errors"):
                    message = told["payload"]["data"]["refundEvents"]
                    if message["__typename"] == "RefundEventMessage":
                        yield message["event"]
                else:
                    raise DemoError(str(told)[:500])

    async def until_closed(self) -> int | None:
        """Follow all refunds of the merchant until the API closes the socket; the code that it closes with."""
        async with websockets.connect(self._websocket_url, subprotocols=[_SUBPROTOCOL]) as socket:
            await socket.send(_message("connection_init", payload={"Authorization": f"Bearer {self._token}"}))
            _expect(await socket.recv(), "connection_ack")
            await socket.send(_message("subscribe", id="1", payload={"query": CHANGED}))
            try:
                while True:
                    await socket.recv()
            except websockets.ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd else None


def _message(kind: str, **more: Any) -> str:
    return json.dumps({"type": kind, **more})


def _expect(raw: str | bytes, kind: str) -> None:
    told = json.loads(raw)
    if told["type"] != kind:
        raise DemoError(f"Expected {kind}, the API sent {str(told)[:300]}")
