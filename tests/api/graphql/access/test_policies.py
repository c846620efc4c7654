"""Who may ask for what: every root field, by every role, of one's own, another store's and another merchant's."""

import json
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from strawberry.relay import from_base64, to_base64

from api.graphql.context import Context
from api.graphql.schema import MOVING_MONEY, make
from api.graphql.transport.feeds import Feeds
from api.graphql.transport.follow import Waker
from domain.access import people, sessions, tokens
from domain.access.permissions import CUSTOMERS, PERMISSIONS, Permission, Role
from domain.access.policies import CUSTOMERS_SEE, POLICIES
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
    Store,
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
from domain.platform.database import transaction
from domain.refunds import request
from domain.refunds.approvals import propose
from domain.refunds.approvals.caps import Cap, Over, Per
from domain.refunds.approvals.propose import Proposal
from domain.refunds.request import NewRefund
from domain.settlements import rates, schedules
from domain.settlements.rates import NewRate
from domain.settlements.schedules import Terms
from tests.kit.alerts import an_alert
from tests.kit.factories import CAUSE, Shop, a_key, a_payment, a_person, a_shop
from tests.kit.generated import Document, documents
from tests.kit.world import quick_settings

SCHEMA = make()
SETTINGS = quick_settings()
CORE = SCHEMA._schema
ROOTS = ("Query", "Mutation", "Subscription")
ALL = [document for root in ROOTS for document in documents(CORE, root)]
MANAGING = {one for one in Permission if one.name.startswith(("MANAGE_", "REVIEW_"))}
# An account at a PSE is of no one store: what was seen of it is read by who reads in all of them.
EVERYWHERE = MANAGING | {Permission.READ_CALLS, Permission.READ_AUDIT}
# What is of no one store, and so is done by who may in all of them.
OF_ALL_STORES = {
    "alertAcknowledge",
    "alertSnooze",
    "bankAccountChange",
    "bankAccountCreate",
    "bankAccountEnd",
    "bankAccounts",
    "bankLines",
    "bankStatementImport",
    "bankStatements",
    "batch",
    "batchCancel",
    "batchConfirm",
    "batchCreate",
    "batchProgress",
    "batchResultCreate",
    "batches",
    "usage",
    "usagePlans",
    "decisionBatch",
    "decisionsApply",
    "decisionsPreview",
    "payoutProofVoid",
    "payoutProve",
    "payouts",
    "bankDaySet",
    "nightRepeat",
    "reportExpectationSet",
    "settlementReportConfirm",
    "settlementReportRefuse",
    "settlementReportUpload",
    "journalAccountSet",
    "journalExport",
    "taxDocumentImport",
    "taxPlaceSet",
    "feeScheduleSet",
    "feeScheduleWithdraw",
    "feeSchedulesImport",
    "fxRateSet",
    "fxRateWithdraw",
    "fxRatesImport",
}
# What an id may be of, where it is no node's.
ROWS = (
    "alert",
    "bank account",
    "bank line",
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
# The books of a month are of all stores, and so are those who close and export them.
EVERYWHERE |= {Permission.CLOSE_PERIODS}
TAX_ID = "39053344705"
NODES = ("Refund", "Payment", "Finding", "ReconciliationRun", "PreflightRun", "CertificationRun")
TAKES = {"Finding": Permission.READ_LEDGER, "ReconciliationRun": Permission.READ_LEDGER}
TAKES |= {"PreflightRun": Permission.READ_CALLS, "CertificationRun": Permission.READ_CALLS}


def _later() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


def test_every_root_field_has_a_policy_and_every_policy_a_field() -> None:
    for root in ROOTS:
        assert set(cast("Any", CORE.get_type(root)).fields) == set(POLICIES[root]), root
    for name in {*POLICIES, *CUSTOMERS_SEE}:
        fields = set(cast("Any", CORE.get_type(name)).fields)
        assert {*POLICIES.get(name, ()), *CUSTOMERS_SEE.get(name, ())} <= fields, name
    nodes = {kind.name for kind in CORE.get_possible_types(cast("Any", CORE.get_type("Node")))}
    assert nodes <= set(CUSTOMERS_SEE), "What of it does a customer see?"


def test_every_permission_opens_something() -> None:
    used = {one for fields in POLICIES.values() for needed in fields.values() for one in needed}
    assert used == set(Permission) - {Permission.RESOLVE_DOUBT_EARLY}  # which goes further than RESOLVE_DOUBT
    assert set(POLICIES["Mutation"]) >= MOVING_MONEY


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


async def _world(shop: Shop, email: str) -> dict[str, Any]:
    """Something of every kind, in one store of a merchant."""
    key, order = a_key(), a_key()
    reversal = await _vat_of(shop)  # first, so that the others are the newest
    payment = await a_payment(shop, tax_id=TAX_ID, order=order)
    new = NewRefund(payment.id, Money(1_000, "BRL"), Reason.CUSTOMER_REQUEST)
    refund = (await request.request(shop.id, new, key, Cause(a_key(), "tester"))).refund
    finding, run = await _findings_of(shop, payment.id) if shop.store.code == "sp" else (None, None)
    person, _ = await people.make(shop.id, "Bia", email, [(Role.SUPPORT.value, None)], "tester")
    draft = tokens.NewToken(shop.id, "robot", [(Role.DEVELOPER.value, None)], _later(), "robot")
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
    return {"bank account": str(account.id), "bank line": str(line.id), "payout": str(payout.id)}


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
        public_keys={}, history_position=0, polled_until=_later(), created_by="boss", **mine,
    )  # fmt: skip
    waits: Any = {"state": "WAITING", "why": "NO_PAYMENT", "because": "x", "waits_since": _later()}
    row = await ShopRefund.create(
        id=uuid4(), shop_id=made.id, origin="TOLD", name=a_key(), payment_names=[], request_id="x", **mine, **waits
    )
    await ShopNotice.create(
        id=uuid4(), shop_id=made.id, key=a_key(), digest="d", path="/", body=b"x", headers={}, request_id="x", **mine
    )
    await ShopCall.create(
        id=uuid4(), shop_id=made.id, shop_refund_id=row.id, request_id="x", purpose="TELL", method="POST", url="x",
        headers={}, body="x", sent_at=_later(), **mine
    )  # fmt: skip
    return {"shop": str(made.id), "shop refund": str(row.id)}


async def _exports(shop: Shop, file_id: UUID) -> dict[str, str]:
    """An export of somebody's, and a sheet of decisions."""
    mine: Any = {"merchant_id": shop.id, "created_by": "boss", "party": uuid4(), "due_at": _later(), "state": "QUEUED"}
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
        starts_at=_later(), ends_at=_later() + timedelta(days=1),
    )  # fmt: skip
    return rule, lent


def _unknown() -> dict[str, Any]:
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
        return Principal(uuid4(), whose.id, "somebody", reach_of((frozenset(permissions), where)), _later(), **more)

    def foreign(self) -> list[str]:
        """What must stand in no answer."""
        kinds = (*NODES, "store", "token", "person", "session")
        return [self.other_merchant[kind] for kind in kinds]


@pytest.fixture
async def stage(books: object) -> Stage:
    shop = await a_shop()
    other = await a_shop(name="Outra")
    second = await Store.create(id=uuid4(), merchant_id=shop.id, code="rj", name="Rio")
    made = Stage(shop)
    made.own = await _world(shop, "bia@example.com")
    made.other_store = await _world(replace(shop, store=second), "caio@example.com")
    made.other_merchant = await _world(other, "dora@example.com")
    return made


class _Undone(Exception):
    """Nothing of it is kept."""


async def _answer(document: Document, principal: Principal, world: dict[str, Any]) -> Any:
    """What somebody is answered; whatever it did is undone."""
    waker = Waker("redis://127.0.0.1:1")
    settings = quick_settings(public_url="https://refunds.example.com")
    context = Context(principal, "request-of-the-matrix", settings, waker, Feeds(waker))
    given: dict[str, Any] = {"variable_values": document.about(world), "context_value": context}
    if document.type_name == "Subscription":
        results = cast("AsyncGenerator[Any, None]", await SCHEMA.subscribe(document.text, **given))
        async with aclosing(results):
            return _plain(await anext(results))
    found: Any = None
    try:
        async with transaction():
            found = await SCHEMA.execute(document.text, **given)
            raise _Undone
    except _Undone:
        return _plain(found)


def _plain(result: Any) -> Any:
    if hasattr(result, "json"):
        return json.loads("{" + result.json.decode() + "}")
    errors = [{"code": (one.extensions or {}).get("code"), "message": one.message} for one in result.errors or ()]
    return {"data": result.data, "errors": errors}


def _codes(answer: Any) -> set[str | None]:
    root = next(iter((answer["data"] or {"": None}).values()))
    typed = root.get("errors", ()) if isinstance(root, dict) else ()
    return {one["code"] for one in (*answer.get("errors", ()), *typed)}


def _may(document: Document, principal: Principal) -> bool:
    """By the table; what is managed, and what is no store's, takes all stores."""
    needed = POLICIES[document.type_name][document.field]
    if document.field == "node":
        own = TAKES.get(document.names[("id",)])
        needed = (own,) if own else (Permission.READ, Permission.SEE)
    if document.field == "customerTokenCreate":
        needed = (Permission.READ,)  # for one that may SEE
    if document.field in ("refundApprove", "refundReject"):
        needed = (Permission.APPROVE,)  # nobody was lent the right
    if document.field == "fileAnnounce":
        needed = (Permission.MANAGE_CONNECTIONS,)  # for what an application hands in
    if document.field == "exportCreate":
        needed = (Permission.READ_LEDGER,)  # READ_AUDIT opens the kind AUDIT alone
    held = [one for one in needed if one in principal.permissions]
    if document.field in OF_ALL_STORES:
        return any(principal.reach.stores[one] is None for one in held)
    return not needed or any(one not in EVERYWHERE or principal.reach.stores[one] is None for one in held)


@pytest.mark.parametrize("store", [False, True], ids=["all stores", "one store"])
async def test_each_root_field_opens_to_each_role_as_the_table_says(stage: Stage, store: bool) -> None:
    principals = {role: stage.principal(permissions, store=store) for role, permissions in PERMISSIONS.items()}
    for document in ALL:  # the outer loop: a document that was just read is not read again
        for role, principal in principals.items():
            answer = await _answer(document, principal, stage.own)
            refused = "FORBIDDEN" in _codes(answer)
            assert refused != _may(document, principal), (role, document.field, document.variables, answer)
            assert not any(foreign in json.dumps(answer) for foreign in stage.foreign()), document.field


async def test_each_permission_opens_its_fields_without_any_other(stage: Stage) -> None:
    principals = {permission: stage.principal({permission}) for permission in Permission}
    for document in ALL:
        for permission, principal in principals.items():
            if POLICIES[document.type_name][document.field] and _may(document, principal):
                answer = await _answer(document, principal, stage.own)
                # Who may give nothing but their own is told so: the table lets them ask.
                refused = "FORBIDDEN" in _codes(answer) and "do not hold" not in json.dumps(answer)
                assert not refused, (permission, document.field, answer)


async def test_another_merchants_and_another_stores_answer_like_what_does_not_exist(stage: Stage) -> None:
    everything = stage.principal(Permission)
    of_a_store = stage.principal(set(Permission) - MANAGING, store=True)
    for document in ALL:
        for principal, world in ((everything, stage.other_merchant), (of_a_store, stage.other_store)):
            if set(document.names.values()) - _whole(principal) and _may(document, principal):
                theirs = await _answer(document, principal, _only_foreign(document, stage, world, principal))
                nobodys = await _answer(document, principal, _only_foreign(document, stage, _unknown(), principal))
                assert theirs == nobodys, (document.field, document.variables, document.names)


def _only_foreign(document: Document, stage: Stage, world: dict[str, Any], principal: Principal) -> dict[str, Any]:
    whole = _whole(principal)
    return {kind: stage.own[kind] if kind in whole else value for kind, value in world.items()}


def _whole(principal: Principal) -> set[str]:
    """What is not of one store, or not of one merchant: there is no other one's."""
    return {"connection", "tax ID"} if principal.reach.stores[Permission.READ] is not None else {"tax ID"}


async def test_a_store_sees_its_own_in_every_list(stage: Stage) -> None:
    principal = stage.principal(set(Permission) - MANAGING, store=True)
    lists = [one for one in ALL if "edges" in one.text and not one.names and _may(one, principal)]
    told = json.dumps([await _answer(one, principal, stage.own) for one in lists])
    for kind in ("Refund", "Payment", "Finding", "store"):
        assert stage.own[kind] in told, kind
    for kind in ("Refund", "Payment", "store"):
        assert stage.other_store[kind] not in told, kind


@pytest.mark.parametrize("role", sorted(CUSTOMERS))
async def test_a_customer_finds_nothing_but_their_own(stage: Stage, role: str) -> None:
    payment_id = UUID(from_base64(stage.own["Payment"])[1])
    principal = stage.principal(CUSTOMERS[role], payment_id=payment_id)
    for document in ALL:
        shown = document.field in CUSTOMERS_SEE[document.type_name] and _may(document, principal)
        answer = await _answer(document, principal, stage.own)
        nobodys = await _answer(document, principal, _unknown())
        assert "FORBIDDEN" not in _codes(answer)
        if not shown:
            assert answer == nobodys, document.field
            assert document.field == "node" or _codes(answer) == {"NOT_FOUND"}, (document.field, answer)
            continue
        assert _codes(answer) <= {"INVALID_INPUT", None}, (document.field, document.variables, answer)
        for world in (stage.other_store, stage.other_merchant):
            if document.names:
                assert await _answer(document, principal, world) == nobodys, document.field
