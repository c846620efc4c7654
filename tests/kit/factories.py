"""Makers of what tests need, through the same doors as everybody else."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Any
from uuid import UUID, uuid4

from domain.access.principal import role_reach
from domain.access.tokens import Principal, Role
from domain.cause import Cause
from domain.connections import connections
from domain.connections.connections import NewConnection
from domain.models import Connection, Merchant, Payment, Refund, Store
from domain.models.refunds import Reason
from domain.money import Money
from domain.payments import confirmations, register
from domain.payments.confirmations import ConfirmedBy
from domain.payments.register import NewPayment, Tax
from domain.pse.vocabulary import Method, Outcome
from domain.refunds import current_destination, next_step, request, schedule
from domain.refunds.approvals import decide
from domain.refunds.destination.destinations import Given
from domain.refunds.news import Door, Recorded, Source
from domain.refunds.record import record
from domain.refunds.request import NewRefund
from domain.refunds.work import Ask, Send
from tests.kit.days import earlier
from tests.kit.loopback import open_this_machine

open_this_machine()
OwnerRows = Callable[..., Awaitable[list[Any]]]  # runs SQL as the database's owner: the test's hand on the clock
KEY = b"k" * 32
SECRETS = {"client_secret": "sandbox-secret", "webhook_secret": "hook-secret-of-the-test"}
CAUSE = Cause("request-of-the-test", "tester")


@dataclass(frozen=True, slots=True)
class Shop:
    """A merchant with one store and one connection."""

    merchant: Merchant
    store: Store
    connection: Connection

    @property
    def id(self) -> UUID:
        return self.merchant.id


def a_key() -> str:
    return token_hex(16)


def an_e2eid(moment: datetime | None = None) -> str:
    stamp = (moment or datetime.now(UTC)).strftime("%Y%m%d%H%M")
    return f"E12345678{stamp}{token_hex(6)[:11]}"


async def a_shop(
    *,
    pse: str = "pix",
    base_url: str = "http://127.0.0.1:1/pix/v2",
    token_url: str | None = None,
    name: str = "Loja",
    report_url: str | None = None,
    client_id: str = "estorno",
    secrets: Mapping[str, str] = SECRETS,
) -> Shop:
    merchant = await Merchant.create(id=uuid4(), name=name, country="BR", zone="America/Sao_Paulo")
    store = await Store.create(id=uuid4(), merchant_id=merchant.id, code="sp", name="Sao Paulo", payee_key="sp@loja")
    new = NewConnection(
        pse=pse,
        name=f"{pse}-main",
        base_url=base_url,
        client_id=client_id,
        secrets=secrets,
        default_store_id=store.id,
        token_url=token_url,
        report_url=report_url,
    )
    return Shop(merchant, store, await connections.create(merchant.id, new, KEY))


async def a_payment(
    shop: Shop,
    *,
    amount: int = 10_000,
    tax: int = 0,
    days_ago: float = 0.01,
    reference: str | None = None,
    method: Method = Method.PIX,
    currency: str = "BRL",
    order: str | None = None,
    tax_id: str | None = None,
    confirmed: bool = True,
) -> Payment:
    """A registered payment. `confirmed`: its PSE has said so too, so that it is not asked before the first refund."""
    captured_at = earlier(days_ago)
    new = NewPayment(
        connection_id=shop.connection.id,
        store_code=shop.store.code,
        pse_reference=reference or an_e2eid(captured_at),
        method=method,
        amount=Money(amount, currency),
        captured_at=captured_at,
        order_reference=order,
        customer_tax_id=tax_id,
        tax=Tax(tax, "18.00", "NFe 1", captured_at.strftime("%Y-%m")) if tax else None,
    )
    payment = (await register.register(shop.id, new, a_key(), CAUSE, KEY)).payment
    if not confirmed:
        return payment
    await confirmations.confirm(payment.id, ConfirmedBy.PSE)
    return await Payment.get(id=payment.id)


async def a_refund(
    shop: Shop, payment: Payment, amount: int | None = None, key: str | None = None, given: Given | None = None
) -> Refund:
    money = Money(amount, payment.currency) if amount else None
    new = NewRefund(payment.id, money, Reason.CUSTOMER_REQUEST, destination=given)
    return (await request.request(shop.id, new, key or a_key(), CAUSE, KEY)).refund


def a_person(shop: Shop, name: str, role: Role) -> Principal:
    return Principal(uuid4(), shop.id, name, role_reach(role), datetime.now(UTC) + timedelta(hours=1))


async def a_yes(shop: Shop, refund: Refund, name: str = "second person", role: Role = Role.APPROVER) -> Refund:
    """Another person says yes to the refund as it is."""
    seen = await current_destination.of(refund.id)
    cause = Cause("request-of-the-second", name)
    return await decide.approve(a_person(shop, name, role), refund.id, seen.fingerprint if seen else None, None, cause)


async def an_answer(refund: Refund, outcome: Outcome) -> Recorded:
    """Send the refund and record this as the PSE's answer."""
    work = await next_step.take(refund.id, lease_seconds=60, send_seconds=20)
    assert isinstance(work, Send), "The refund was not due to be sent."
    return await record(refund.id, outcome, Source(Door.ANSWER, attempt=work.attempt), work.cause)


async def a_look_up(refund: Refund, outcome: Outcome) -> Recorded:
    """Ask about the refund now and record this as what the PSE says."""
    await schedule.postpone(refund.id, 0)
    work = await next_step.take(refund.id, lease_seconds=60, send_seconds=20)
    assert isinstance(work, Ask), "The refund was not due to be asked about."
    source = Source(Door.LOOK_UP, attempt=work.attempt, asked_at=work.asked_at)
    return await record(refund.id, outcome, source, work.cause)


async def sent_earlier(owner_rows: OwnerRows, interval: str, refund: Refund | None = None) -> None:
    """Every send of the database, or of one refund, happened so much earlier."""
    earlier = "UPDATE attempts SET sent_at = sent_at - $1::text::interval, ended_at = ended_at - $1::text::interval"
    await owner_rows(f"{earlier} WHERE $2::uuid IS NULL OR refund_id = $2", interval, refund and refund.id)
