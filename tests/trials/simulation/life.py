"""One example's world: two payments at one PSE, what our processes do about them, and what happens to them."""

import json
import tempfile
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from domain.access.principal import role_reach
from domain.access.tokens import Principal, Role
from domain.cause import Cause
from domain.models import Payment, Refund
from domain.models.refunds import Reason
from domain.money import Money
from domain.notices import inbox
from domain.payments import register
from domain.payments.register import NewPayment, Tax
from domain.platform import bell
from domain.pse.capabilities import LookUp
from domain.pse.registry import capability
from domain.pse.reporting import ReportFile
from domain.pse.vocabulary import Method, WebhookRequest
from domain.reconciliation import reconcile
from domain.refunds import by_hand, doubt, refresh, request, withdraw
from domain.refunds.by_hand import Evidence, Way
from domain.refunds.doubt import Verdict
from domain.refunds.request import NewRefund
from jobs import notices as notice_jobs
from jobs import refunds as refund_jobs
from jobs.sweep import sweep
from tests.kit.factories import KEY, Shop
from tests.kit.world import quick_settings
from tests.trials.simulation.bell import Rung
from tests.trials.simulation.features import Feature
from tests.trials.simulation.held import Status
from tests.trials.simulation.outside import Outside
from tests.trials.simulation.processes import Job, Processes
from tests.trials.simulation.pse import SimulatedPse
from tests.trials.simulation.reports import Captured, Form, report
from tests.trials.simulation.stage import Stage
from tests.trials.simulation.wire import LEASE_SECONDS, SEND_SECONDS

_SETTINGS = quick_settings(lease_seconds=LEASE_SECONDS, send_limit_seconds=SEND_SECONDS, job_timeout_seconds=30.0)
_EVIDENCE = "The PSE's back office, looked at just now."


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of a client: the same key again must give the same refund."""

    new: NewRefund
    key: str


class Life:
    """What can be done and what can happen. Jobs are what a process of ours runs."""

    def __init__(self, stage: Stage, shop: Shop, features: frozenset[Feature], pse: SimulatedPse | None = None) -> None:
        self.stage = stage
        self.shop = shop
        self.clock = stage.clock
        self.pse = pse or SimulatedPse(stage.clock, capability(shop.connection.pse, Method.PIX))
        self.processes = Processes(stage)
        self.payments: list[Payment] = []
        self.captured: list[Captured] = []
        self.asked: list[Asked] = []
        self.days: set[date] = set()
        self.later: list[NewPayment] = []  # captured, and not registered yet
        self.closes = False  # whether anybody has begun to close the month
        self.closed: list[Any] = []  # what it said when it had been closed
        self.told: dict[date, bytes] = {}  # what the last night that came to its end was told about a date
        by_name = self.pse.able.look_up is LookUp.BY_REFERENCE
        self.pse.unique_amounts = Feature.NAMELESS_RETURNS in features
        self.form = Form(features, nameless_outside=by_name or self.pse.unique_amounts)
        self.outside = Outside(self.pse, news=Feature.NEWS in features and self.pse.able.look_up is not LookUp.NONE)
        self._numbers = 0

    def cause(self, actor: str = "client") -> Cause:
        self._numbers += 1
        return Cause(f"request-{self._numbers}", actor)

    async def capture(self, amount: int, tax: int) -> None:
        """A customer has paid, and the merchant registers it."""
        await self._register(self._paid(amount, tax, order=len(self.captured)))

    def capture_unregistered(self, amount: int) -> None:
        """A customer has paid the first payment's order once more, and the merchant has not registered it yet."""
        self.later.append(self._paid(amount, 0, order=0))

    def register_later(self) -> Job:
        return partial(self._register, self.later.pop())

    def _paid(self, amount: int, tax: int, order: int) -> NewPayment:
        reference = f"E{len(self.captured)}-{uuid4().hex}"
        self.captured.append(Captured(reference, amount, self.clock.now, f"order-{order}"))
        self.today()
        return NewPayment(
            connection_id=self.shop.connection.id,
            store_code=self.shop.store.code,
            pse_reference=reference,
            method=Method.PIX,
            amount=Money(amount, "BRL"),
            captured_at=self.clock.now,
            order_reference=f"order-{order}",
            tax=Tax(tax) if tax else None,
        )

    async def _register(self, new: NewPayment) -> None:
        registered = await register.register(self.shop.id, new, uuid4().hex, self.cause(), KEY)
        # Whether there is such a payment is not this world's question: its PSE has told of it.
        await Payment.filter(id=registered.payment.id).update(confirmed_at=self.clock.now, confirmed_by="WEBHOOK")
        self.payments.append(await Payment.get(id=registered.payment.id))

    def today(self) -> date:
        """The business date, on which something happens."""
        day = self.clock.now.astimezone(ZoneInfo(self.shop.merchant.zone)).date()
        self.days.add(day)
        return day

    async def refunds(self) -> list[Refund]:
        return await Refund.filter(merchant_id=self.shop.id).order_by("created_at", "request_id")

    def request(self, payment: Payment, amount: int | None) -> Job:
        money = None if amount is None else Money(amount, "BRL")
        self.asked.append(Asked(NewRefund(payment.id, money, Reason.CUSTOMER_REQUEST), uuid4().hex))
        return self.request_again(self.asked[-1])

    def request_again(self, asked: Asked) -> Job:
        return partial(request.request, self.shop.id, asked.new, asked.key, self.cause())

    def retry(self, refund: Refund) -> Job:
        return partial(request.retry, self.shop.id, refund.id, uuid4().hex, self.cause())

    def cancel(self, refund: Refund) -> Job:
        return partial(withdraw.cancel, self.shop.id, refund.id, None, uuid4().hex, self.cause())

    def refresh(self, refund: Refund) -> Job:
        return partial(refresh.refresh, self.shop.id, refund.id)

    def take_by_hand(self, refund: Refund) -> Job:
        return partial(by_hand.take, self._person(1), refund.id, "The PSE is down.", self.cause("person-1"))

    def settle_by_hand(self, refund: Refund) -> Job:
        """A person pays from the merchant's bank and says so; the evidence is what counts as paid."""
        evidence = Evidence(Way.BANK_TRANSFER, "TED 1", self.today())
        return partial(by_hand.settle, self._person(1), refund.id, evidence, self.cause("person-1"))

    def give_back(self, refund: Refund) -> Job:
        return partial(by_hand.give_back, self._person(1), refund.id, "The PSE is back.", self.cause("person-1"))

    def work(self, rung: Rung) -> Job:
        """What a worker does when it hears this."""
        if rung.job == bell.NOTICE:
            return partial(notice_jobs.apply, UUID(rung.subject), self.processes.sender)
        return partial(refund_jobs.step, UUID(rung.subject), self.processes.sender, _SETTINGS)

    def step(self, refund: Refund) -> Job:
        return self.work(Rung(bell.REFUND, str(refund.id)))

    def deliver(self, told: dict[str, Any], copy: int) -> Job:
        """The PSE's webhook comes in, in its `copy`-th wording, and a worker applies it."""
        return partial(self._deliver, self.body(told, copy))

    def body(self, told: dict[str, Any], copy: int) -> bytes:
        """The bytes of a webhook in its `copy`-th wording."""
        return b'{"events": [%s]}%s' % (json.dumps(told).encode(), b" " * copy)

    async def _deliver(self, body: bytes) -> None:
        connection = self.shop.connection
        webhook = WebhookRequest("POST", f"/webhooks/{connection.id}/x/lab", "", {}, body)
        stored = await inbox.store(connection.id, webhook, self.cause("PSE").request_id, KEY)
        assert stored is not None
        await notice_jobs.apply(stored, self.processes.sender)

    def reconcile(self, day: date) -> Job:
        return partial(self._reconcile, day)

    async def _reconcile(self, day: date) -> None:
        connection = self.shop.connection
        run = await reconcile.begin(connection, day)
        told = await self.reported(day)
        with tempfile.TemporaryDirectory() as folder:
            files = [_written(Path(folder) / f"{kind}-{day}.json", content) for kind, content in told.items()]
            await reconcile.reconcile(connection, run, files, self.clock.now)
        self.told[day] = b"".join(told.values())

    async def reported(self, day: date) -> dict[str, bytes]:
        """What the PSE's reports of that date say now, by kind."""
        period = await reconcile.period_of(self.shop.connection, day)
        return {
            kind: report(period, self.captured, self.pse.held, self.form, self.outside, kind)
            for kind in self.form.kinds
        }

    def resolve(self, refund: Refund, person: int, *, named: bool = False) -> Job | None:
        """What an honest person says about a refund in doubt; None while the back office does not say.

        `named`: with the PSE's name of it, where it was paid.
        """
        truth = self.pse.verdict(refund.reference)
        if truth is None:
            return None
        verdict = Verdict.PAID if truth is Status.DONE else Verdict.NOT_PAID
        ids = [one.id for one in self.pse.held if one.reference == refund.reference and one.status is Status.DONE]
        name = ids[0] if named and ids and verdict is Verdict.PAID else None
        cause = self.cause(f"person-{person}")
        return partial(doubt.resolve, self._person(person), refund.id, verdict, _EVIDENCE, cause, name)

    def _person(self, number: int) -> Principal:
        expires = self.clock.now + timedelta(hours=8)
        return Principal(uuid4(), self.shop.id, f"person-{number}", role_reach(Role.ADMINISTRATOR), expires)

    async def sweep(self) -> None:
        await sweep()


def _written(path: Path, content: bytes) -> ReportFile:
    path.write_bytes(content)
    return ReportFile(path.name, "application/json", path)
