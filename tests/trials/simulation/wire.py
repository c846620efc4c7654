"""The wire between a worker and the simulated PSE: the connector, and calls that wait until the simulation goes on."""

import asyncio
import json
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import polars as pl

from domain.connections.calls import About
from domain.models import Connection
from domain.money import Money
from domain.pse.capabilities import LookUp
from domain.pse.reporting import REPORT_SCHEMA, ReadReport, ReportFile
from domain.pse.vocabulary import (
    Accepted,
    BadAnswer,
    CapturedPayment,
    ChargedBack,
    Declined,
    InDoubt,
    KnownRefund,
    Method,
    NotUnderstood,
    Outcome,
    Period,
    RefundOrder,
    Returned,
    Succeeded,
    TellsOfRefund,
    Told,
    Unsent,
    WebhookRequest,
)
from jobs.wire.sender import Sender
from tests.kit.factories import KEY
from tests.kit.lab_connector import Lab, outcome_of
from tests.trials.simulation.clock import Clock
from tests.trials.simulation.held import Mood, Order, Status
from tests.trials.simulation.pace import pace
from tests.trials.simulation.pse import GRACE, SimulatedPse

KEY_LIFETIME = timedelta(days=1)
WINDOW = timedelta(days=30)
LEASE_SECONDS = 60.0
SEND_SECONDS = 20.0


class SimulatedWire(Lab):
    """The laboratory's wire, unsigned, with reports."""

    def __init__(self, name: str, *, key: bool, look_up: LookUp, lifetime: timedelta = KEY_LIFETIME) -> None:
        super().__init__(signature=False, key_lifetime=lifetime if key else None, look_up=look_up, look_up_grace=GRACE)
        self.name = name
        self.capabilities = {Method.PIX: replace(self.able, window=WINDOW)}

    def look_up_payment(self, base_url: str, reference: str) -> httpx.Request | None:
        if self.able.look_up is LookUp.NONE:
            return None
        return httpx.Request("GET", f"{base_url}/payments/{reference}")

    def read_payment(self, response: httpx.Response) -> CapturedPayment | None:
        if response.status_code != 200:
            raise BadAnswer(f"The payment could not be read ({response.status_code}).")
        told = response.json()
        by_name = self.able.look_up is LookUp.BY_REFERENCE
        refunds = [_known(one, by_name=by_name) for one in told["refunds"]]
        # Nobody reads more of it than its refunds: the payment is registered already.
        return CapturedPayment(told["payment"], Method.PIX, Money(0, "BRL"), datetime.now(UTC), None, None, refunds)

    def read_refund(self, order: RefundOrder, response: httpx.Response) -> Outcome:
        return _other_amount(order, response) or super().read_refund(order, response)

    def read_look_up(self, order: RefundOrder, response: httpx.Response) -> Outcome:
        return _other_amount(order, response) or super().read_look_up(order, response)

    def read_webhook(self, request: WebhookRequest) -> list[Told]:
        """As the laboratory tells, with the amount; some webhooks only say that there is news."""
        return [_heard(event) for event in json.loads(request.body)["events"]]

    def read_report(self, file: ReportFile, period: Period) -> ReadReport:
        lines = json.loads(file.path.read_bytes())
        for line in lines:
            line["booked_at"] = datetime.fromisoformat(line["booked_at"])
            line["business_date"] = date.fromisoformat(line["business_date"])
            for name in ("settled_fee", "settled_net"):
                line[name] = None if line.get(name) is None else Decimal(line[name])
        return ReadReport(pl.LazyFrame(lines, schema=dict(REPORT_SCHEMA)), None)


def _other_amount(order: RefundOrder, response: httpx.Response) -> Outcome | None:
    told = response.json() if response.status_code == 200 else None
    if not isinstance(told, dict) or told["amount"] == order.amount.minor_units:
        return None
    return InDoubt("ECHO_MISMATCH", "The PSE tells of another amount.", needs_person=True)


def _heard(event: dict[str, Any]) -> Told:
    if event.get("chargeback"):
        back = event["status"] == Status.RETURNED
        return ChargedBack(event["payment"], None, event["id"], Money(event["amount"], "BRL"), back)
    outcome = None if event["status"] == "look" else outcome_of(event)
    if isinstance(outcome, InDoubt):
        return NotUnderstood(event["status"])
    amount = Money(event["amount"], "BRL") if "amount" in event else None
    return TellsOfRefund(event.get("payment"), event["reference"], event.get("id"), outcome, amount=amount)


def _known(told: dict[str, Any], *, by_name: bool) -> KnownRefund:
    outcome = outcome_of(told)
    listed = Declined("RETURNED", "It came back.", told["id"]) if isinstance(outcome, Returned) else outcome
    assert isinstance(listed, Accepted | Succeeded | Declined)
    return KnownRefund(
        reference=(told["reference"] if by_name else None) or told["id"],
        pse_refund_reference=told["id"],
        amount=Money(told["amount"], "BRL"),
        outcome=listed,
        by_bank=told["by_bank"],
        kind="",
        requested_at=None,
        settled_at=None,
    )


KINDS = (
    SimulatedWire("sim-key-and-look-up", key=True, look_up=LookUp.BY_REFERENCE),
    SimulatedWire("sim-key", key=True, look_up=LookUp.NONE),
    SimulatedWire("sim-look-up", key=False, look_up=LookUp.BY_REFERENCE),
    SimulatedWire("sim-neither", key=False, look_up=LookUp.NONE),
    SimulatedWire("sim-listing", key=False, look_up=LookUp.BY_LISTING),
    # The wide histories only:
    SimulatedWire("sim-hour-key", key=True, look_up=LookUp.BY_REFERENCE, lifetime=timedelta(hours=1)),
    SimulatedWire("sim-by-id", key=True, look_up=LookUp.BY_PSE_REFERENCE),
)


class Call:
    """A request of a worker that has not been answered yet."""

    def __init__(self, request: httpx.Request, seconds_left: float | None, clock: Clock) -> None:
        self.request = request
        self.owner = pace.get()
        self.left = False
        self._clock = clock
        self._send_before = None if seconds_left is None else clock.now + timedelta(seconds=round(seconds_left))
        self._answer: httpx.Response | None = None
        self._meaning: httpx.Response | Unsent | InDoubt | None = None
        self.answered: asyncio.Future[httpx.Response | Unsent | InDoubt] = asyncio.get_running_loop().create_future()

    @property
    def is_order(self) -> bool:
        return self.request.method == "POST"

    def leave(self, pse: SimulatedPse, mood: Mood, decision: Status, lags: bool) -> None:
        """The bytes leave, unless the lease has run out; what the PSE answers is on its way back."""
        self.left = True
        if self._send_before is not None and self._clock.now >= self._send_before:
            self._meaning = Unsent("LEASE_PASSED", "The worker was too slow to send within its lease.")
        elif mood is Mood.UNREACHABLE:
            self._meaning = Unsent("CONNECTERROR", "Never sent.")
        else:
            self._meaning = self._ask(pse, mood, decision, lags) or InDoubt("TIMEOUT", "No answer.")

    def _ask(self, pse: SimulatedPse, mood: Mood, decision: Status, lags: bool) -> httpx.Response | None:
        if not self.is_order:
            place = self.request.url.path.split("/")
            if place[-2] == "payments":
                return pse.of_payment(place[-1], mood)
            return pse.listing(place[-2], mood) if place[-1] == "refunds" else pse.look_up(place[-1], mood)
        key = self.request.headers["idempotency-key"]
        return pse.take_order(Order(self.request.content, key, decision, self._clock.now, lags), mood)

    def arrive(self) -> None:
        assert self._meaning is not None
        self.answered.set_result(self._meaning)

    def die(self, error: BaseException) -> None:
        self.answered.set_exception(error)


class SimulatedSender(Sender):
    """Holds every request at the gate until the simulation lets it leave, and its answer until it may arrive."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(KEY, SEND_SECONDS)
        self._clock = clock
        self.calls: list[Call] = []

    async def send(
        self, connection: Connection, request: httpx.Request, about: About, *, send_before: float | None = None
    ) -> httpx.Response | Unsent | InDoubt:
        # Next to no real time has passed since the claim: what is left of the lease is counted on by our clock.
        seconds_left = None if send_before is None else send_before - time.monotonic()
        call = Call(request, seconds_left, self._clock)
        self.calls.append(call)
        if call.owner is not None:
            call.owner.still.set()
        try:
            return await call.answered
        finally:
            self.calls.remove(call)
