"""Who may ask for what: every root field, by every role, of one's own, another store's and another merchant's."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from strawberry.relay import from_base64

from api.graphql.context import Context
from api.graphql.schema import MOVING_MONEY
from api.graphql.transport.feeds import Feeds
from api.graphql.transport.follow import Waker
from domain.access.permissions import CUSTOMERS, PERMISSIONS, Permission
from domain.access.policies import CUSTOMERS_SEE, POLICIES
from domain.access.principal import Principal
from domain.models import (
    Store,
)
from domain.platform.database import transaction
from tests.api.graphql.access.stage import CORE, SCHEMA, Stage, plain, unknown, world_of
from tests.kit.factories import a_shop
from tests.kit.generated import Document, documents
from tests.kit.world import quick_settings

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
    "bankStatementWithdraw",
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
# The books of a month are of all stores, and so are those who close and export them.
EVERYWHERE |= {Permission.CLOSE_PERIODS}
TAKES = {"Finding": Permission.READ_LEDGER, "ReconciliationRun": Permission.READ_LEDGER}
TAKES |= {"PreflightRun": Permission.READ_CALLS, "CertificationRun": Permission.READ_CALLS}


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


@pytest.fixture
async def stage(books: object) -> Stage:
    shop = await a_shop()
    other = await a_shop(name="Outra")
    second = await Store.create(id=uuid4(), merchant_id=shop.id, code="rj", name="Rio")
    made = Stage(shop)
    made.own = await world_of(shop, "bia@example.com")
    made.other_store = await world_of(replace(shop, store=second), "caio@example.com")
    made.other_merchant = await world_of(other, "dora@example.com")
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
            return plain(await anext(results))
    found: Any = None
    try:
        async with transaction():
            found = await SCHEMA.execute(document.text, **given)
            raise _Undone
    except _Undone:
        return plain(found)


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
                nobodys = await _answer(document, principal, _only_foreign(document, stage, unknown(), principal))
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
        nobodys = await _answer(document, principal, unknown())
        assert "FORBIDDEN" not in _codes(answer)
        if not shown:
            assert answer == nobodys, document.field
            assert document.field == "node" or _codes(answer) == {"NOT_FOUND"}, (document.field, answer)
            continue
        assert _codes(answer) <= {"INVALID_INPUT", None}, (document.field, document.variables, answer)
        for world in (stage.other_store, stage.other_merchant):
            if document.names:
                assert await _answer(document, principal, world) == nobodys, document.field
