"""The connector of the laboratory PSE, with the abilities that a test gives it."""

import hashlib
import hmac
import json
from collections.abc import Generator, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import httpx
import polars as pl

from domain.money import Money
from domain.pse.capabilities import Capability, LookUp, Route
from domain.pse.checking import Asking, CheckCode, Checked, CheckOutcome, PseAccount
from domain.pse.reporting import REPORT_SCHEMA, Built, ReadReport, ReportDownload, ReportFile
from domain.pse.vocabulary import (
    Accepted,
    BadAnswer,
    BadNotice,
    BadSignature,
    Captured,
    CapturedPayment,
    Credentials,
    Declined,
    DestinationKind,
    InDoubt,
    Method,
    NotThere,
    NotTold,
    NotUnderstood,
    Outcome,
    PaymentAsked,
    Period,
    RefundOrder,
    Returned,
    Shown,
    Standing,
    Succeeded,
    TellsOfRefund,
    Told,
    Unsent,
    Wait,
    WebhookRequest,
)

_TOLERANCE_SECONDS = 300


class Lab:
    """`key_lifetime` None: no idempotency key; `signature`: signed webhooks."""

    name = "lab"
    report_lag_days: int | None = None
    report_by_hand = False

    def __init__(
        self,
        *,
        key_lifetime: timedelta | None = timedelta(days=1),
        look_up: LookUp = LookUp.BY_REFERENCE,
        look_up_grace: timedelta = timedelta(0),
        signature: bool = True,
        route: Route = Route.ORIGINAL,
        destinations: tuple[DestinationKind, ...] = (),
        payment_look_up: bool = False,
        payment_look_up_age: timedelta | None = None,
    ) -> None:
        self._signature = signature
        able = Capability(
            route=route,
            source="tests/sandbox/lab/server.py",
            as_of=date(2026, 1, 1),
            partial=True,
            several=True,
            key_lifetime=key_lifetime,
            look_up=look_up,
            look_up_grace=look_up_grace,
            destinations=destinations,
            payment_look_up=payment_look_up,
            payment_look_up_age=payment_look_up_age,
        )
        self.capabilities: Mapping[Method, Capability] = {Method.PIX: able}

    @property
    def able(self) -> Capability:
        return self.capabilities[Method.PIX]

    def auth(self, credentials: Credentials) -> httpx.Auth:
        return httpx.Auth()

    def snapshot(self, order: RefundOrder) -> httpx.Request | None:
        return _listing(order) if self.able.look_up is LookUp.BY_LISTING else None

    def read_snapshot(self, order: RefundOrder, response: httpx.Response) -> frozenset[str]:
        if response.status_code != 200:
            raise BadAnswer(f"The laboratory answered {response.status_code} to the listing.")
        return frozenset(one["id"] for one in response.json())

    def refund(self, order: RefundOrder) -> httpx.Request:
        body: dict[str, Any] = {
            "reference": order.reference,
            "payment": order.payment_reference,
            "amount": order.amount.minor_units,
        }
        if order.destination is not None:
            body["to"] = dict(order.destination.values)
        return httpx.Request(
            "POST", f"{order.base_url}/refunds", json=body, headers={"Idempotency-Key": order.reference}
        )

    def read_refund(self, order: RefundOrder, response: httpx.Response) -> Outcome:
        if response.status_code == 200:
            return _read(order, response.json())
        if response.status_code == 422:
            refusal = order.attempt > 1
            return InDoubt("REFUSED", "no", refusal=True) if refusal else Declined("REFUSED", response.text)
        if response.status_code == 429:
            return Unsent("TOO_MANY_REQUESTS", "The laboratory wants us to slow down.")
        return InDoubt(f"HTTP_{response.status_code}", "The laboratory did not answer clearly.")

    def look_up(self, order: RefundOrder) -> httpx.Request | None:
        if not self.able.can_ask(order.pse_refund_reference):
            return None
        if self.able.look_up is LookUp.BY_LISTING:
            return _listing(order)
        by_id = self.able.look_up is LookUp.BY_PSE_REFERENCE
        return httpx.Request(
            "GET", f"{order.base_url}/refunds/{order.pse_refund_reference if by_id else order.reference}"
        )

    def read_look_up(self, order: RefundOrder, response: httpx.Response) -> Outcome:
        if response.status_code == 404:
            return Unsent("UNKNOWN", "The laboratory does not know it.")
        if response.status_code != 200:
            return InDoubt(f"HTTP_{response.status_code}", "The laboratory did not answer clearly.")
        if self.able.look_up is not LookUp.BY_LISTING:
            return _read(order, response.json())
        known = order.pse_refund_reference
        mine = [
            one
            for one in response.json()
            if (one["id"] == known if known else one["id"] not in order.not_ours)
            and one["amount"] == order.amount.minor_units
        ]
        return _read(order, mine[0]) if mine else Unsent("UNKNOWN", "The laboratory lists no such refund.")

    def look_up_payment(self, base_url: str, reference: str) -> httpx.Request | None:
        return None

    def read_payment(self, response: httpx.Response) -> CapturedPayment | None:
        return None

    def ask_payment(self, asked: PaymentAsked) -> httpx.Request | None:
        return httpx.Request("GET", f"{asked.base_url}/payments/{asked.reference}")

    def read_standing(self, asked: PaymentAsked, response: httpx.Response) -> Standing:
        if response.status_code == 404 and "error" in response.text:
            return NotThere("UNKNOWN", "The laboratory knows no such payment.")
        if response.status_code != 200:
            return NotTold(f"HTTP_{response.status_code}", "The laboratory did not answer clearly.")
        told = response.json()
        status = "paid" if told["paid"] else "open"
        method = frozenset({Method(told["method"])})
        money = Money(told["amount"], told["currency"])
        return Shown(frozenset({told["id"]}), money, status, told["paid"], method, told["method"])

    def ask_account(self, base_url: str) -> httpx.Request | None:
        return None

    def read_account(self, response: httpx.Response) -> str | None:
        return None

    def verify_webhook(self, credentials: Credentials, request: WebhookRequest, now: datetime) -> None:
        if self._signature:
            _verify(credentials.secrets["webhook_secret"], request, now)

    def read_webhook(self, request: WebhookRequest) -> list[Told]:
        try:
            told = json.loads(request.body)["events"]
            return [_heard(event) for event in told]
        except (ValueError, KeyError, TypeError) as error:
            raise BadNotice("The body is not an object with events.") from error

    def payments(self, period: Period) -> Generator[httpx.Request | Wait, httpx.Response, Iterable[CapturedPayment]]:
        yield Wait(0)
        return []

    def reports(
        self, period: Period
    ) -> Generator[httpx.Request | Wait, httpx.Response, Sequence[Built | ReportDownload]]:
        yield Wait(0)
        return []

    def read_report(self, file: ReportFile, period: Period) -> ReadReport:
        return ReadReport(pl.LazyFrame(schema=dict(REPORT_SCHEMA)), None)

    def refuses_us(self, response: httpx.Response) -> bool:
        return response.status_code in (401, 403)

    def is_live(self, credentials: Credentials) -> bool:
        return False

    def webhook_address(self, credentials: Credentials, url: str) -> str:
        return url

    def setup(self, account: PseAccount) -> Asking[Sequence[Checked]]:
        yield from ()
        told = CheckOutcome.NOT_ASKABLE, "The laboratory knows no accounts.", "Nothing."
        return [Checked(code, *told) for code in CheckCode if code not in (CheckCode.CLOCK, CheckCode.CERTIFICATE)]

    def request_id(self, response: httpx.Response) -> str | None:
        return None

    def scrub(self, text: str) -> str:
        return text


def _listing(order: RefundOrder) -> httpx.Request:
    return httpx.Request("GET", f"{order.base_url}/payments/{order.payment_reference}/refunds")


def _read(order: RefundOrder, answer: dict[str, Any]) -> Outcome:
    outcome = outcome_of(answer)
    if isinstance(outcome, Declined) and order.succeeded:
        return Returned(outcome.code, outcome.message, outcome.pse_refund_reference)
    return outcome


def _heard(event: dict[str, Any]) -> Told:
    if event["status"] == "captured":
        method, money = Method(event["method"]), Money(event["amount"], event["currency"])
        return Captured(Shown(frozenset({event["payment"]}), money, "paid", True, frozenset({method})))
    outcome = outcome_of(event)
    if isinstance(outcome, InDoubt):
        return NotUnderstood(event["status"])
    return TellsOfRefund(event.get("payment"), event["reference"], event.get("id"), outcome)


def outcome_of(told: dict[str, Any]) -> Accepted | Succeeded | Declined | Returned | InDoubt:
    """What the laboratory's word for a status means."""
    match told["status"]:
        case "queued":
            return Accepted(told.get("id"))
        case "done":
            return Succeeded(told.get("id"))
        case "returned":
            return Returned("RETURNED", "It came back.", told.get("id"))
        case "refused":
            return Declined("REFUSED", "The laboratory refused.", told.get("id"))
    return InDoubt("UNREADABLE", "The laboratory has no such status.")


def _verify(secret: str, request: WebhookRequest, now: datetime) -> None:
    parts = dict(part.partition("=")[::2] for part in request.headers.get("x-lab-signature", "").split(","))
    at = parts.get("t", "")
    wanted = hmac.new(secret.encode(), f"{at}.".encode() + request.body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(parts.get("v1", ""), wanted):
        raise BadSignature("The signature does not fit the body.")
    if not at.isdigit() or abs(now.timestamp() - int(at)) > _TOLERANCE_SECONDS:
        raise BadSignature("The webhook is too old.")
