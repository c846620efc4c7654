"""Two stores of one merchant, and another merchant, each with a row of everything that the API can name."""

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from strawberry.relay import to_base64

from api.graphql.schema import make
from domain.access import people, sessions, tokens
from domain.access.permissions import Permission, Role
from domain.access.principal import Principal, reach_of
from domain.cause import Cause
from domain.files import tickets
from domain.models import (
    ApprovalRule,
    BankAccount,
    BankLine,
    BankStatement,
    Batch,
    CertificationRun,
    DecisionBatch,
    Delegation,
    Endpoint,
    Export,
    Finding,
    HandedReport,
    Payout,
    PreflightRun,
    ReconciliationRun,
    Session,
    ShopCall,
    ShopNotice,
    ShopRefund,
    VatReversal,
)
from domain.models import Shop as WebShop
from domain.models.deliveries import EndpointKind
from domain.models.files import Purpose
from domain.models.quotes import FeeKind
from domain.models.refunds import Reason
from domain.money import Money
from domain.onboarding import runs
from domain.periods import closing
from domain.periods.months import Month
from domain.refunds import request
from domain.refunds.approvals import propose
from domain.refunds.approvals.caps import Cap, Over, Per
from domain.refunds.approvals.propose import Proposal
from domain.refunds.request import NewRefund
from domain.settlements import rates, schedules
from domain.settlements.rates import NewRate
from domain.settlements.schedules import Terms
from tests.kit.alerts import an_alert
from tests.kit.factories import CAUSE, Shop, a_key, a_payment, a_person
from tests.kit.world import quick_settings

SCHEMA = make()
SETTINGS = quick_settings()
CORE = SCHEMA._schema
# What an id may be of, where it is no node's.
ROWS = (
    "alert",
    "bank account",
    "bank line",
    "bank statement",
    "batch",
    "closing",
    "connection",
    "decision batch",
    "delegation",
    "endpoint",
    "export",
    "file",
    "handed report",
    "merchant",
    "payout",
    "merchant",
    "person",
    "request",
    "reversal",
    "rule",
    "session",
    "shop",
    "shop refund",
    "store",
    "token",
)
TAX_ID = "39053344705"
NODES = ("Refund", "Payment", "Finding", "ReconciliationRun", "PreflightRun", "CertificationRun")


def later() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


async def _findings_of(shop: Shop, payment_id: UUID) -> tuple[Finding, ReconciliationRun]:
    run = await ReconciliationRun.create(
        id=uuid4(), merchant_id=shop.id, connection_id=shop.connection.id, state="COMPLETED", manifest={},
        business_date=datetime(2026, 1, 2, tzinfo=UTC).date(),
    )  # fmt: skip
    finding = await Finding.create(
        id=uuid4(), merchant_id=shop.id, connection_id=shop.connection.id, run_id=run.id, payment_id=payment_id,
        kind="CONTRADICTION", fingerprint=str(uuid4()), amount=1, currency="BRL", detail={}, explanation="x",
        action="x",
    )  # fmt: skip
    return finding, run


async def world_of(shop: Shop, email: str) -> dict[str, Any]:
    """Something of every kind, in one store of a merchant."""
    key, order = a_key(), a_key()
    reversal = await _vat_of(shop)  # first, so that the others are the newest
    payment = await a_payment(shop, tax_id=TAX_ID, order=order)
    new = NewRefund(payment.id, Money(1_000, "BRL"), Reason.CUSTOMER_REQUEST)
    refund = (await request.request(shop.id, new, key, Cause(a_key(), "tester"))).refund
    finding, run = await _findings_of(shop, payment.id) if shop.store.code == "sp" else (None, None)
    person, _ = await people.make(shop.id, "Bia", email, [(Role.SUPPORT.value, None)], "tester")
    draft = tokens.NewToken(shop.id, "robot", [(Role.DEVELOPER.value, None)], later(), "robot")
    await tokens.make(draft)
    begun = await sessions.begin(person.id, 3600)
    boss, first = a_person(shop, "boss", Role.ADMIN), shop.store.code == "sp"
    cause = Cause(a_key(), "tester")
    asked = await runs.begin(PreflightRun, shop.connection, cause) if first else None
    played = await runs.begin(CertificationRun, shop.connection, cause, payments="{}") if first else None
    file = (
        await tickets.announce(
            boss, tickets.NewFile(Purpose.ONBOARDING_DOCUMENT, "x", 9, "0" * 64), SETTINGS, Cause(a_key(), "tester")
        )
    ).file
    (session,) = await Session.filter(person_id=person.id)
    rule, lent = await _rule_and_delegation(shop, boss, person.id)
    assert begun.person_id == person.id
    month = Month.parse("2026-02")
    proposed = await closing.propose(boss, month, "As agreed.", a_key(), cause) if first else None
    return {
        "Refund": to_base64("Refund", str(refund.id)),
        "Payment": to_base64("Payment", str(payment.id)),
        "Finding": to_base64("Finding", str(finding.id if finding else uuid4())),
        "ReconciliationRun": to_base64("ReconciliationRun", str(run.id if run else uuid4())),
        "PreflightRun": to_base64("PreflightRun", str(asked.id if asked else uuid4())),
        "CertificationRun": to_base64("CertificationRun", str(played.id if played else uuid4())),
        "connection": str(shop.connection.id),
        "store": str(shop.store.id),
        "merchant": str(shop.id),
        "store code": shop.store.code,
        "token": str(draft.id),
        "person": str(person.id),
        "session": str(session.id),
        "PSE reference": payment.pse_reference,
        "order": order,
        "request": refund.request_id,
        "key": key,
        "tax ID": TAX_ID,
        "file": str(file.id),
        **(await _bank(shop, file.id)),
        "rule": str(rule.id),
        "delegation": str(lent.id),
        **(await _schedule_and_rate(shop, boss)),
        "reversal": str(reversal.id),
        "closing": str(proposed.id if proposed else uuid4()),
        **(await _exports(shop, file.id)),
        "alert": str((await an_alert(shop)).id),
        "endpoint": str((await _endpoint(shop)).id),
        **(await _web_shop(shop)),
        "handed report": str((await _handed_report(shop)).id) if first else str(uuid4()),
    }


async def _bank(shop: Shop, file_id: UUID) -> dict[str, str]:
    """An account, a line on it, and a payout that it does not prove."""
    today = datetime.now(UTC).date()
    mine: Any = {"merchant_id": shop.id, "created_by": "boss"}
    account = await BankAccount.create(id=uuid4(), name="Itaú", currency="BRL", connection_ids=[], **mine)
    told: Any = {"merchant_id": shop.id, "account_id": account.id}
    statement = await BankStatement.create(
        id=uuid4(), file_id=file_id, form="CSV", lines=1, new_lines=1, created_by="boss", **told
    )
    line = await BankLine.create(
        id=uuid4(), statement_id=statement.id, line=1, booked_on=today, amount=100, text="x", key="k", **told
    )
    payout = await Payout.create(
        id=uuid4(), merchant_id=shop.id, connection_id=shop.connection.id, reference=a_key(), currency="BRL",
        amount=900, business_date=today,
    )  # fmt: skip
    ids = {"bank account": account.id, "bank statement": statement.id, "bank line": line.id, "payout": payout.id}
    return {name: str(one) for name, one in ids.items()}


async def _endpoint(shop: Shop) -> Endpoint:
    return await Endpoint.create(
        id=uuid4(), merchant_id=shop.id, kind=EndpointKind.WEBHOOK, name=a_key(), sealed_secrets=b"x", shown="x",
        types=["connection.*"], position=0, set_by="x",
    )  # fmt: skip


async def _web_shop(shop: Shop) -> dict[str, str]:
    """A shop of the store, and a refund of it that waits for a person."""
    mine: Any = {"merchant_id": shop.id}
    made = await WebShop.create(
        id=uuid4(), store_id=shop.store.id, kind="GENERIC", name=a_key(), address="", options={}, sealed_secrets=b"x",
        public_keys={}, history_position=0, polled_until=later(), created_by="boss", **mine,
    )  # fmt: skip
    waits: Any = {"state": "WAITING", "why": "NO_PAYMENT", "because": "x", "waits_since": later()}
    row = await ShopRefund.create(
        id=uuid4(), shop_id=made.id, origin="TOLD", name=a_key(), payment_names=[], request_id="x", **mine, **waits
    )
    await ShopNotice.create(
        id=uuid4(), shop_id=made.id, key=a_key(), digest="d", path="/", body=b"x", headers={}, request_id="x", **mine
    )
    await ShopCall.create(
        id=uuid4(), shop_id=made.id, shop_refund_id=row.id, request_id="x", purpose="TELL", method="POST", url="x",
        headers={}, body="x", sent_at=later(), **mine
    )  # fmt: skip
    return {"shop": str(made.id), "shop refund": str(row.id)}


async def _exports(shop: Shop, file_id: UUID) -> dict[str, str]:
    """An export of somebody's, and a sheet of decisions."""
    mine: Any = {"merchant_id": shop.id, "created_by": "boss", "party": uuid4(), "due_at": later(), "state": "QUEUED"}
    export = await Export.create(id=uuid4(), kind="LEDGER", format="CSV", wanted={}, **mine)
    batch = await DecisionBatch.create(
        id=uuid4(), file_id=file_id, rows_total=1, token_id=uuid4(), request_id="x", **mine
    )
    sheet = await Batch.create(
        id=uuid4(), kind="REFUNDS", file_id=file_id, name="x.csv", token_id=uuid4(), request_id="x",
        **{**mine, "state": "READING"},
    )  # fmt: skip
    return {"export": str(export.id), "decision batch": str(batch.id), "batch": str(sheet.id)}


async def _vat_of(shop: Shop) -> VatReversal:
    """Of a refund that has left, as far as this table goes."""
    payment = await a_payment(shop, tax=100)
    new = NewRefund(payment.id, Money(1_000, "BRL"), Reason.CUSTOMER_REQUEST)
    refund = (await request.request(shop.id, new, a_key(), Cause(a_key(), "tester"))).refund
    today = datetime.now(UTC).date()
    return await VatReversal.create(
        id=uuid4(), merchant_id=shop.id, refund_id=refund.id, payment_id=payment.id, connection_id=shop.connection.id,
        store_id=shop.store.id, amount=10, currency="BRL", country="BR", regime="LOCAL", state="NEEDED",
        rules_version="x", sold_on=today, asked_on=today, paid_on=today,
    )  # fmt: skip


async def _handed_report(shop: Shop) -> HandedReport:
    return await HandedReport.create(
        id=uuid4(), merchant_id=shop.id, connection_id=shop.connection.id, way="FOLDER", name="a.csv", size=1,
        sha256="0" * 64, state="REFUSED", said="x", handed_in_by="x", request_id="x", done_at=datetime.now(UTC),
    )  # fmt: skip


async def _schedule_and_rate(shop: Shop, boss: Principal) -> dict[str, str]:
    day, source = date(2026, 1, 2), "Contract 7"
    terms = Terms(shop.connection.id, FeeKind.PAYMENT, "BRL", Decimal("3.99"), day, source)
    (fee,) = await schedules.enter(boss, "feeScheduleSet", [terms], a_key(), CAUSE)
    new = NewRate("USD", "BRL", Decimal("5.43"), day, day, source)
    (rate,) = await rates.enter(boss, "fxRateSet", [new], None, a_key(), CAUSE)
    return {"fee schedule": str(fee.id), "fx rate": str(rate.id)}


async def _rule_and_delegation(shop: Shop, boss: Principal, person_id: UUID) -> tuple[ApprovalRule, Delegation]:
    """A change that loosens, which waits, and a right that was lent."""
    cap = Cap(f"CAP_{shop.store.code}", Per.MERCHANT, Over.HOLD, count=9)
    await propose.propose(boss, Proposal(propose.CAP, cap.name, cap=cap), CAUSE)
    rule = await propose.propose(boss, Proposal(propose.CAP, cap.name), CAUSE)
    lent = await Delegation.create(
        id=uuid4(), merchant_id=shop.id, from_id=uuid4(), from_name="boss", to_id=person_id, to_name="Bia",
        starts_at=later(), ends_at=later() + timedelta(days=1),
    )  # fmt: skip
    return rule, lent


def unknown() -> dict[str, Any]:
    nodes = {name: to_base64(name, str(uuid4())) for name in NODES}
    rows = {name: str(uuid4()) for name in ROWS}
    words = {name: a_key() for name in ("store code", "PSE reference", "order", "key")}
    numbers = {"fee schedule": str(2**50), "fx rate": str(2**50)}
    return {**nodes, **rows, **words, **numbers, "tax ID": "11144477735"}


class Stage:
    """Two stores of one merchant, and another merchant."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.own: dict[str, Any] = {}
        self.other_store: dict[str, Any] = {}
        self.other_merchant: dict[str, Any] = {}

    def principal(
        self, permissions: Iterable[Permission], *, store: bool = False, merchant: Shop | None = None, **more: Any
    ) -> Principal:
        where, whose = self.shop.store.id if store else None, merchant or self.shop
        return Principal(uuid4(), whose.id, "somebody", reach_of((frozenset(permissions), where)), later(), **more)

    def foreign(self) -> list[str]:
        """What must stand in no answer."""
        kinds = (*NODES, "store", "token", "person", "session")
        return [self.other_merchant[kind] for kind in kinds]


def plain(result: Any) -> Any:
    if hasattr(result, "json"):
        return json.loads("{" + result.json.decode() + "}")
    errors = [{"code": (one.extensions or {}).get("code"), "message": one.message} for one in result.errors or ()]
    return {"data": result.data, "errors": errors}
