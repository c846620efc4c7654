"""Whoever does something stands in the log: each mutation of the schema leaves a deed, or its refund's event.

A mutation that is new is played as the schema says; where it needs more than that to succeed, it is prepared here.
"""

import base64
import hashlib
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from strawberry.relay import to_base64

from api.graphql.context import Context
from api.graphql.transport.feeds import Feeds
from api.graphql.transport.follow import Waker
from domain.access import people, review
from domain.access.permissions import Permission
from domain.access.tokens import Role
from domain.alerts import change
from domain.alerts.rules import HeldRule
from domain.bank import proofs
from domain.cause import Cause
from domain.commerce import shops as web_shops
from domain.commerce.shops import NewShop
from domain.commerce.vocabulary import ShopKind as Kind_
from domain.deliveries import endpoints
from domain.deliveries.endpoints import Made, NewEndpoint
from domain.files import content, tickets
from domain.files.tickets import NewFile
from domain.findings import work
from domain.findings.work import Resolution
from domain.journal import mapping
from domain.journal.mapping import For, Theirs
from domain.models import (
    BankAccount,
    BankLine,
    BankStatement,
    Batch,
    Connection,
    Deed,
    Event,
    File,
    Finding,
    HandedReport,
    OnboardingDocument,
    OwnRole,
    Payout,
    Refund,
    VatReversal,
)
from domain.models.alerts import AlertKind
from domain.models.deliveries import EndpointKind
from domain.models.files import Purpose
from domain.models.findings import ClosingReason
from domain.models.ledger import Account
from domain.onboarding.documents import REQUIRED
from domain.payments import confirmations
from domain.platform.database import rows, transaction
from domain.platform.settings import Settings
from domain.pse import registry
from domain.pse.capabilities import Route
from domain.pse.vocabulary import DestinationKind as Kind
from domain.pse.vocabulary import InDoubt, Succeeded
from domain.refunds import by_hand, current_destination
from domain.refunds.by_hand import Evidence, Way
from domain.refunds.destination import destinations
from domain.refunds.destination.destinations import Given
from domain.taxes import reversals
from domain.taxes import work as vat_work
from tests.api.graphql.access.stage import CORE, SCHEMA, Stage, plain, world_of
from tests.kit.alerts import an_alert
from tests.kit.days import utc_today
from tests.kit.factories import KEY, SECRETS, Shop, a_key, a_payment, a_person, a_refund, a_shop, an_answer
from tests.kit.generated import Document, documents
from tests.kit.lab_connector import Lab
from tests.kit.lines import today
from tests.kit.world import quick_settings

MUTATIONS = list(documents(CORE, "Mutation"))
ANOTHER = Cause("another-request", "another")
FILES = tempfile.TemporaryDirectory(prefix="estorno-deeds-")


def _settings() -> Settings:
    return quick_settings(secret_key=KEY, public_url="https://refunds.example.com", home=Path(FILES.name))


# What leaves no deed, and why.
SILENT: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Ready:
    """What a mutation needs: of whose merchant, and what its input says beside what the schema tells."""

    shop: Shop
    input: Mapping[str, Any]
    person_id: UUID | None = None  # who does it, where only a person may


Prepare = Callable[[Stage], Awaitable[Ready]]


def _refund(refund: Refund) -> dict[str, Any]:
    return {"refundId": to_base64("Refund", str(refund.id))}


async def _new_refund(stage: Stage) -> Ready:
    return Ready(stage.shop, _refund(await a_refund(stage.shop, await a_payment(stage.shop), 1_000)))


async def _ended(stage: Stage) -> Ready:
    refund = await a_refund(stage.shop, await a_payment(stage.shop), 1_000)
    await rows("UPDATE refunds SET state = 'CANCELED', due_at = NULL WHERE id = $1", refund.id)
    return Ready(stage.shop, _refund(refund))


async def _doubted(stage: Stage) -> Ready:
    refund = await a_refund(stage.shop, await a_payment(stage.shop), 1_000)
    await an_answer(refund, InDoubt("TIMEOUT", "No answer came."))
    return Ready(stage.shop, _refund(refund))


async def _taken(stage: Stage) -> Refund:
    refund = await a_refund(stage.shop, await a_payment(stage.shop), 1_000)
    return await by_hand.take(_another(stage.shop), refund.id, "It has been down since noon.", ANOTHER)


def _another(shop: Shop) -> Any:
    return a_person(shop, "another", Role.ADMIN)


async def _manual(stage: Stage) -> Ready:
    return Ready(stage.shop, _refund(await _taken(stage)))


async def _paid_by_hand(stage: Stage) -> Ready:
    refund = await _taken(stage)
    await by_hand.settle(_another(stage.shop), refund.id, Evidence(Way.BANK_TRANSFER, "TED 1", today()), ANOTHER)
    return Ready(stage.shop, _refund(refund))


async def _without_a_way(stage: Stage) -> Ready:
    shop = await a_shop(pse="lab", name="Sem volta")
    return Ready(shop, _refund(await a_refund(shop, await a_payment(shop, tax_id="39053344705"), 1_000)))


PIX = {"pixKey": "x@example.com", "holderName": "Xavier Lima", "holderTaxId": "11144477735"}


async def _named(stage: Stage) -> Ready:
    ready = await _without_a_way(stage)
    return Ready(ready.shop, {**ready.input, "destination": {"kind": "PIX_KEY", **PIX}})


async def _to_decide(stage: Stage) -> Ready:
    ready = await _without_a_way(stage)
    refund = await Refund.filter(merchant_id=ready.shop.id).get()
    given = Given(Kind.PIX_KEY, {"pix_key": "x@example.com", "holder_name": "X Lima", "holder_tax_id": "11144477735"})
    await destinations.provide(ready.shop.id, refund.id, given, a_key(), ANOTHER, KEY)
    seen = await current_destination.of(refund.id)
    assert seen is not None
    return Ready(ready.shop, {**ready.input, "destinationFingerprint": seen.fingerprint, "note": "As agreed."})


async def _rejected(stage: Stage) -> Ready:
    ready = await _to_decide(stage)
    return Ready(ready.shop, {name: one for name, one in ready.input.items() if name != "destinationFingerprint"})


async def _new_payment(stage: Stage) -> Ready:
    return Ready(stage.shop, {"paymentId": to_base64("Payment", str((await a_payment(stage.shop)).id))})


async def _contradicted(stage: Stage) -> Ready:
    payment = await a_payment(stage.shop, confirmed=False)
    assert await confirmations.contradict(payment.id, "it is of less", unknown=False)
    return Ready(stage.shop, {"paymentId": to_base64("Payment", str(payment.id))})


async def _lender(stage: Stage) -> Ready:
    lender, _ = await people.make(stage.shop.id, "Ana", "ana@example.com", [(Role.ADMIN.value, None)], "tester")
    starts, ends = datetime.now(UTC) + timedelta(hours=1), datetime.now(UTC) + timedelta(days=9)
    return Ready(stage.shop, {"startsAt": starts.isoformat(), "endsAt": ends.isoformat()}, lender.id)


async def _a_count(stage: Stage) -> Ready:
    return Ready(stage.shop, {"count": 9})


def _in(state: str, **more: Any) -> Prepare:
    async def prepared(stage: Stage) -> Ready:
        shop = await a_shop(name=state.title())
        await Connection.filter(id=shop.connection.id).update(state=state)
        return Ready(shop, {"connectionId": str(shop.connection.id), "comment": "As agreed.", **more})

    return prepared


async def _renamed(stage: Stage) -> Ready:
    return Ready(stage.shop, {"name": "Another name", "language": "es"})


async def _whole_draft(stage: Stage) -> Ready:
    ready = await _in("DRAFT")(stage)
    for kind in REQUIRED:
        file = await _file(ready.shop)
        await OnboardingDocument.create(
            id=uuid4(), connection_id=ready.shop.connection.id, kind=kind, file_id=file.id, created_by="another"
        )
    return ready


async def _file(shop: Shop, purpose: Purpose = Purpose.ONBOARDING_DOCUMENT) -> File:
    now = datetime.now(UTC)
    return await File.create(
        id=uuid4(), merchant_id=shop.id, purpose=purpose, name="x", size=9, sha256="0" * 64,
        ticket_digest=a_key(), ticket_until=now, created_by="another", stored_at=now, sealed_key=b"x",
    )  # fmt: skip


async def _a_document(stage: Stage) -> Ready:
    ready = await _in("DRAFT")(stage)
    return Ready(ready.shop, {"connectionId": ready.input["connectionId"], "fileId": str((await _file(ready.shop)).id)})


def _fields(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


async def _secrets(stage: Stage) -> Ready:
    return Ready(stage.shop, {"fields": _fields(SECRETS)})


async def _application(stage: Stage) -> Ready:
    values = {**SECRETS, "client_id": "shop", "base_url": "https://pix.example", "token_url": "https://pix.example/t"}
    return Ready(stage.shop, {"fields": _fields(values), "name": "another"})


async def _alone(stage: Stage) -> Ready:
    shop = await a_shop(name="Sozinha")
    return Ready(shop, {"connectionId": str(shop.connection.id)})


async def _role(stage: Stage) -> Ready:
    made: dict[str, Any] = {
        "id": uuid4(),
        "merchant_id": stage.shop.id,
        "name": "Night",
        "permissions": ["READ"],
        "created_by": "x",
    }
    await OwnRole.create(**made)
    return Ready(stage.shop, {"name": "Night"})


async def _another_name(stage: Stage) -> Ready:
    return Ready(stage.shop, {"name": "Bia Lima"})


async def _reviewed(stage: Stage) -> Ready:
    return Ready(stage.shop, {"digest": (await review.of(stage.shop.id)).digest, "note": "All is well."})


async def _bank(stage: Stage) -> BankAccount:
    return await BankAccount.create(
        id=uuid4(), merchant_id=stage.shop.id, name="Itaú", currency="BRL", connection_ids=[], created_by="another"
    )


async def _a_bank_account(stage: Stage) -> Ready:
    return Ready(stage.shop, {"bankAccountId": str((await _bank(stage)).id), "currency": "BRL", "connectionIds": []})


async def _an_account_to_end(stage: Stage) -> Ready:
    return Ready(stage.shop, {"bankAccountId": str((await _bank(stage)).id)})


async def _new_bank_account(stage: Stage) -> Ready:
    return Ready(stage.shop, {"currency": "BRL", "connectionIds": [], "mapping": None})


async def _a_statement(stage: Stage) -> Ready:
    account, content_ = await _bank(stage), b"Data;Valor\n05/11/2026;1,00\n"
    settings, boss = _settings(), a_person(stage.shop, "another", Role.ADMIN)
    new = NewFile(Purpose.BANK_STATEMENT, "x.csv", len(content_), hashlib.sha256(content_).hexdigest())
    ticket = await tickets.announce(boss, new, settings, ANOTHER)
    await content.put(settings, ticket.file, content_)
    await File.filter(id=ticket.file.id).update(stored_at=datetime.now(UTC))
    return Ready(stage.shop, {"bankAccountId": str(account.id), "fileId": str(ticket.file.id)})


async def _decided(stage: Stage, purpose: Purpose = Purpose.DECISIONS, given: bytes = b"") -> Ready:
    content_ = given or f"Finding,Facts,Decision\n{uuid4()},x,EXPLAINED\n".encode()
    settings, boss = _settings(), a_person(stage.shop, "another", Role.ADMIN)
    new = NewFile(purpose, "x.csv", len(content_), hashlib.sha256(content_).hexdigest())
    ticket = await tickets.announce(boss, new, settings, ANOTHER)
    await content.put(settings, ticket.file, content_)
    await File.filter(id=ticket.file.id).update(stored_at=datetime.now(UTC))
    return Ready(stage.shop, {"fileId": str(ticket.file.id)})


async def _sheet(stage: Stage) -> Batch:
    """A sheet of another person's whose rows are judged."""
    ready = await _decided(stage, Purpose.REFUND_BATCH, b"Order;Amount;Currency\nA1;10,00;BRL\n")
    return await Batch.create(
        id=uuid4(), merchant_id=stage.shop.id, kind="REFUNDS", file_id=UUID(str(ready.input["fileId"])), name="x.csv",
        state="JUDGED", digest="d" * 64, rows_total=1, judged_at=datetime.now(UTC), created_by="another", party=uuid4(),
        token_id=uuid4(), request_id="x",
    )  # fmt: skip


async def _to_confirm(stage: Stage) -> Ready:
    return Ready(stage.shop, {"batchId": str((await _sheet(stage)).id), "digest": "d" * 64})


async def _to_cancel(stage: Stage) -> Ready:
    return Ready(stage.shop, {"batchId": str((await _sheet(stage)).id)})


async def _to_hand_in(stage: Stage) -> Ready:
    return await _decided(stage, Purpose.REFUND_BATCH)


async def _to_fetch(stage: Stage) -> Ready:
    return Ready(stage.shop, {"kind": "LEDGER", "filter": None})


async def _shown(stage: Stage) -> tuple[Payout, BankLine]:
    account = await _bank(stage)
    file = await _file(stage.shop)
    common: Any = {"merchant_id": stage.shop.id, "account_id": account.id}
    statement = await BankStatement.create(
        id=uuid4(), file_id=file.id, form="CSV", lines=1, new_lines=1, created_by="another", **common
    )
    line = await BankLine.create(
        id=uuid4(), statement_id=statement.id, line=1, booked_on=utc_today(), amount=100, text="x", key="k", **common
    )
    payout = await Payout.create(
        id=uuid4(), merchant_id=stage.shop.id, connection_id=stage.shop.connection.id, reference="po", currency="BRL",
        amount=100, business_date=utc_today(),
    )  # fmt: skip
    return payout, line


async def _to_withdraw(stage: Stage) -> Ready:
    _, line = await _shown(stage)
    return Ready(stage.shop, {"bankStatementId": str(line.statement_id)})


async def _to_prove(stage: Stage) -> Ready:
    payout, line = await _shown(stage)
    return Ready(stage.shop, {"payoutId": str(payout.id), "bankLineId": str(line.id)})


async def _proven(stage: Stage) -> Ready:
    payout, line = await _shown(stage)
    await proofs.prove(_another(stage.shop), payout.id, line.id, ANOTHER)
    return Ready(stage.shop, {"payoutId": str(payout.id), "reason": "It was another one."})


async def _reversal(stage: Stage) -> Ready:
    """VAT of a refund that has left, from its sale on: what is booked of it is there."""
    shop = await a_shop(name="Com imposto")
    refund = await a_refund(shop, await a_payment(shop, tax=1_000), 1_000)
    await an_answer(refund, Succeeded("D1"))
    await reversals.open_of([refund.id])
    row = await VatReversal.get(refund_id=refund.id)
    return Ready(shop, {"reversalId": str(row.id), "note": "As the adviser says."})


async def _to_document(stage: Stage) -> Ready:
    ready = await _reversal(stage)
    return Ready(ready.shop, {"reversalId": ready.input["reversalId"], "issuedOn": str(today())})


async def _to_declare(stage: Stage) -> Ready:
    ready = await _to_document(stage)
    await vat_work.document(_another(ready.shop), UUID(ready.input["reversalId"]), "1", today(), ANOTHER)
    return Ready(ready.shop, {"reversalIds": [ready.input["reversalId"]], "period": f"{today():%Y-%m}"})


async def _tax_document(stage: Stage) -> Ready:
    given = b"number,date,total,tax,original\n1,2026-01-02,10.00,1.00,NF 1\n"
    new = NewFile(Purpose.TAX_DOCUMENT, "notes.csv", len(given), sha256(given).hexdigest())
    settings = _settings()
    file = (await tickets.announce(_another(stage.shop), new, settings, ANOTHER)).file
    await content.put(settings, file, given)
    await File.filter(id=file.id).update(stored_at=datetime.now(UTC))
    return Ready(stage.shop, {"fileId": str(file.id)})


async def _to_export(stage: Stage) -> Ready:
    await a_payment(stage.shop)
    for account in Account:
        one = Theirs("1", account.value)
        await mapping.set_account(_another(stage.shop), For(account), one, a_key(), ANOTHER)
    zone = ZoneInfo(stage.shop.merchant.zone)
    return Ready(stage.shop, {"month": datetime.now(UTC).astimezone(zone).strftime("%Y-%m")})


async def _to_close(stage: Stage) -> Ready:
    return Ready(stage.shop, {"why": "The nights began later."})


async def _found(stage: Stage, amount: int = 1) -> Finding:
    payment = await a_payment(stage.shop)
    return await Finding.create(
        id=uuid4(), merchant_id=stage.shop.id, connection_id=stage.shop.connection.id, payment_id=payment.id,
        kind="AMOUNT_MISMATCH", fingerprint=a_key(), amount=amount, currency="BRL", detail={}, explanation="x",
        action="x",
    )  # fmt: skip


def _finding(finding: Finding, **more: Any) -> dict[str, Any]:
    return {"findingId": to_base64("Finding", str(finding.id)), **more}


def _on_finding(**more: Any) -> Prepare:
    async def prepared(stage: Stage) -> Ready:
        return Ready(stage.shop, _finding(await _found(stage), **more))

    return prepared


EXPLAINED = Resolution(ClosingReason.EXPLAINED, "As the statement says.")


async def _proposed(stage: Stage) -> Ready:
    finding = await _found(stage, 10_000_000)
    await work.resolve(_another(stage.shop), finding.id, EXPLAINED, ANOTHER)
    return Ready(stage.shop, _finding(finding))


async def _resolved(stage: Stage) -> Ready:
    finding = await _found(stage)
    await work.resolve(_another(stage.shop), finding.id, EXPLAINED, ANOTHER)
    return Ready(stage.shop, _finding(finding))


async def _an_attachment(stage: Stage) -> Ready:
    file = await _file(stage.shop, Purpose.FINDING_ATTACHMENT)
    return Ready(stage.shop, _finding(await _found(stage), fileId=str(file.id)))


async def _many(stage: Stage) -> Ready:
    await _found(stage)
    said = {"resolution": {"reason": "EXPLAINED", "note": "As the statement says."}}
    return Ready(stage.shop, {"filter": {"kinds": ["AMOUNT_MISMATCH"]}, "count": 1, **said})


async def _a_report(stage: Stage) -> Ready:
    file = await _file(stage.shop, Purpose.SETTLEMENT_REPORT)
    return Ready(stage.shop, {"fileId": str(file.id)})


async def _proposed_report(stage: Stage) -> Ready:
    """A report that somebody else handed in, judged."""
    row = await HandedReport.create(
        id=uuid4(), merchant_id=stage.shop.id, connection_id=stage.shop.connection.id, way="COMMAND", name="a.csv",
        size=1, sha256="0" * 64, state="PROPOSED", said="It waits.", handed_in_by="another", request_id="x",
        business_date=utc_today(), report_sha256="0" * 64, preview={"rows": 1, "proof": "UNPROVEN", "proven_by": "x",
        "lines": [], "books": [], "refunds_matched": 0, "refunds_unmatched": 0, "replaces": None},
    )  # fmt: skip
    return Ready(stage.shop, {"reportId": str(row.id)})


async def _given_up(stage: Stage) -> Ready:
    """VAT above the limit that another person has given up."""
    shop = await a_shop(name="Com imposto")
    refund = await a_refund(shop, await a_payment(shop, amount=2_000_000, tax=300_000), 900_000)
    await an_answer(refund, Succeeded("D1"))
    await reversals.open_of([refund.id])
    row = await VatReversal.get(refund_id=refund.id)
    await vat_work.write_off(_another(shop), row.id, "No note was made.", ANOTHER)
    return Ready(shop, {"reversalId": str(row.id)})


async def _a_server(stage: Stage) -> Ready:
    return Ready(stage.shop, {"password": "open sesame"})


async def _an_endpoint(stage: Stage) -> Made:
    new = NewEndpoint(EndpointKind.WEBHOOK, a_key(), "https://shop.example.com/hooks", types=["refund.*"])
    return await endpoints.create(_another(stage.shop), new, KEY, ANOTHER)


def _on_endpoint(**said: Any) -> Prepare:
    async def prepared(stage: Stage) -> Ready:
        return Ready(stage.shop, {"endpointId": str((await _an_endpoint(stage)).endpoint.id), **said})

    return prepared


async def _paused_endpoint(stage: Stage) -> Ready:
    endpoint = (await _an_endpoint(stage)).endpoint
    await endpoints.pause(_another(stage.shop), endpoint.id, "We move.", ANOTHER)
    return Ready(stage.shop, {"endpointId": str(endpoint.id), "missed": True})


def _on_alert(**said: Any) -> Prepare:
    async def prepared(stage: Stage) -> Ready:
        return Ready(stage.shop, {"alertId": str((await an_alert(stage.shop)).id), **said})

    return prepared


def _in_two_days() -> str:
    return (datetime.now(UTC) + timedelta(days=2)).isoformat()


async def _snoozed(stage: Stage) -> Ready:
    return await _on_alert(until=_in_two_days())(stage)


async def _waiting(stage: Stage) -> Ready:
    return await _on_finding(until=_in_two_days())(stage)


async def _a_rule_to_end(stage: Stage) -> Ready:
    rule = HeldRule(a_key(), AlertKind.DOUBT)
    await change.set_rule(_another(stage.shop), rule, ANOTHER)
    return Ready(stage.shop, {"name": rule.name})


async def _new_endpoint(stage: Stage) -> Ready:
    return Ready(stage.shop, {"types": ["*"], "name": a_key()})


def _file_of(text: str) -> Prepare:
    async def prepared(stage: Stage) -> Ready:
        return Ready(stage.shop, {"fileContent": base64.b64encode(text.encode()).decode()})

    return prepared


async def _web_shop(stage: Stage) -> Ready:
    fields = [{"name": "webhook_secret", "value": "whsec_" + "A" * 32}]
    return Ready(stage.shop, {"kind": "GENERIC", "name": a_key(), "fields": fields})


async def _connected(stage: Stage) -> Any:
    values = {"webhook_secret": "whsec_" + "A" * 32}
    new = NewShop(Kind_.GENERIC, a_key(), stage.shop.store.code, values)
    return await web_shops.connect(_another(stage.shop), new, a_key(), ANOTHER, KEY)


async def _web_shop_changed(stage: Stage) -> Ready:
    made, fields = await _connected(stage), [{"name": "webhook_secret", "value": "whsec_" + "B" * 32}]
    return Ready(stage.shop, {"shopId": str(made.id), "fields": fields})


async def _web_shop_paused(stage: Stage) -> Ready:
    made = await _connected(stage)
    await web_shops.step(_another(stage.shop), made.id, "shopPause", ANOTHER)
    return Ready(stage.shop, {"shopId": str(made.id)})


async def _shop_refund(stage: Stage) -> Ready:
    payment = await a_payment(stage.shop)
    await rows("UPDATE shop_refunds SET why = 'NO_PAYMENT' WHERE id = $1 RETURNING id", stage.own["shop refund"])
    told = {"paymentId": to_base64("Payment", str(payment.id)), "refundId": None, "amount": None}
    return Ready(stage.shop, {**told, "note": "It is this one."})


async def _shop_refund_dismissed(stage: Stage) -> Ready:
    return Ready(stage.shop, {"note": "It was a test."})


PREPARED: Mapping[str, Prepare] = {
    "accessReviewSign": _reviewed,
    "alertAcknowledge": _on_alert(),
    "alertRuleEnd": _a_rule_to_end,
    "alertSnooze": _snoozed,
    "approvalDelegate": _lender,
    "bankAccountChange": _a_bank_account,
    "bankAccountCreate": _new_bank_account,
    "bankAccountEnd": _an_account_to_end,
    "bankStatementImport": _a_statement,
    "bankStatementWithdraw": _to_withdraw,
    "batchCancel": _to_cancel,
    "batchConfirm": _to_confirm,
    "batchCreate": _to_hand_in,
    "batchResultCreate": _to_cancel,
    "connectionActivate": _in("CERTIFIED"),
    "connectionCertify": _alone,
    "connectionCreate": _application,
    "connectionDocumentHandIn": _a_document,
    "connectionPreflight": _alone,
    "connectionReopen": _in("REJECTED"),
    "connectionReview": _in("SUBMITTED"),
    "connectionSecretsReplace": _secrets,
    "connectionSubmit": _whole_draft,
    "connectionSuspend": _in("ACTIVE"),
    "decisionsApply": _decided,
    "deliveryReplay": _on_endpoint(behind="0"),
    "endpointChange": _on_endpoint(thin=True),
    "endpointCreate": _new_endpoint,
    "endpointDelete": _on_endpoint(),
    "endpointPause": _on_endpoint(),
    "endpointResume": _paused_endpoint,
    "endpointRotateSecret": _on_endpoint(),
    "endpointTest": _on_endpoint(),
    "destinationLinkCreate": _without_a_way,
    "destinationProvide": _named,
    "exportCreate": _to_fetch,
    "feeSchedulesImport": _file_of("kind,currency,percent,valid_from,source\nPAYMENT,BRL,3.99,2026-01-02,Contract 7\n"),
    "fxRatesImport": _file_of("base,quote,rate,valid_from\nUSD,BRL,5.43,2026-01-02\n"),
    "findingAttach": _an_attachment,
    "findingReopen": _resolved,
    "findingResolve": _on_finding(resolution={"reason": "EXPLAINED", "note": "As the statement says."}),
    "findingResolveConfirm": _proposed,
    "findingResolveDecline": _proposed,
    "findingWait": _waiting,
    "findingsResolve": _many,
    "journalExport": _to_export,
    "paymentAskAgain": _contradicted,
    "paymentWithdraw": _new_payment,
    "payoutProofVoid": _proven,
    "payoutProve": _to_prove,
    "periodPropose": _to_close,
    "personUpdate": _another_name,
    "refundApprove": _to_decide,
    "refundCancel": _new_refund,
    "refundReject": _rejected,
    "refundResolveDoubt": _doubted,
    "refundRetry": _ended,
    "refundReturnToQueue": _manual,
    "refundSettleManually": _manual,
    "refundTransferReturned": _paid_by_hand,
    "reportSourceSet": _a_server,
    "roleDelete": _role,
    "shopChange": _web_shop_changed,
    "shopConnect": _web_shop,
    "shopRefundDismiss": _shop_refund_dismissed,
    "shopRefundMatch": _shop_refund,
    "shopResume": _web_shop_paused,
    "settlementReportConfirm": _proposed_report,
    "settlementReportRefuse": _proposed_report,
    "settlementReportUpload": _a_report,
    "taxDocumentImport": _tax_document,
    "vatReversalDeclare": _to_declare,
    "vatReversalDocument": _to_document,
    "vatReversalReview": _reversal,
    "vatReversalWriteOff": _reversal,
    "vatReversalWriteOffConfirm": _given_up,
    "vatReversalWriteOffDecline": _given_up,
    "velocityCapPropose": _a_count,
    "merchantUpdate": _renamed,
}


@pytest.fixture(autouse=True)
def no_way_back() -> Iterator[None]:
    registry.register(Lab(route=Route.PAYOUT_WITH_DESTINATION, destinations=(Kind.PIX_KEY,)))
    yield
    registry._CONNECTORS.pop("lab", None)


@pytest.fixture(name="stage")
async def a_stage(books: object) -> Stage:
    made = Stage(await a_shop())
    made.own = await world_of(made.shop, "bia@example.com")
    return made


class _Undone(Exception):
    """Nothing of it is kept."""


@dataclass(frozen=True, slots=True)
class Played:
    """What a mutation answered, and what it left: deeds, and events of refunds."""

    answer: Any
    deeds: list[Deed]
    events: list[Event]

    @property
    def succeeded(self) -> bool:
        root = next(iter((self.answer["data"] or {"": None}).values()))
        return not self.answer["errors"] and bool(root) and not root["errors"]


async def _play(document: Document, stage: Stage) -> Played:
    played: Played | None = None
    try:
        async with transaction():
            prepare = PREPARED.get(document.field)
            ready = await prepare(stage) if prepare else Ready(stage.shop, {})
            variables = document.about(stage.own)
            variables["input"] |= ready.input
            principal = stage.principal(Permission, merchant=ready.shop, person_id=ready.person_id)
            waker, name = Waker("redis://127.0.0.1:1"), a_key()
            context = Context(principal, name, _settings(), waker, Feeds(waker))
            found = await SCHEMA.execute(document.text, variable_values=variables, context_value=context)
            deeds = await Deed.filter(request_id=name)
            played = Played(plain(found), deeds, await Event.filter(request_id=name))
            for deed in deeds:
                by = (deed.actor, deed.token_id or deed.session_id)
                assert by == (principal.holder, principal.token_id), document.field
            raise _Undone
    except _Undone:
        assert played is not None
        return played


async def test_every_mutation_that_succeeds_leaves_a_deed_or_its_refunds_event(stage: Stage) -> None:
    done: dict[str, Any] = {}
    for document in MUTATIONS:
        played = await _play(document, stage)
        done.setdefault(document.field, played.answer)
        if not played.succeeded:
            continue
        done[document.field] = None
        actors = {one.actor for one in played.deeds} | {one.actor for one in played.events}
        if document.field not in SILENT:
            assert "somebody" in actors, f"{document.field} leaves no deed: call deeds.note, or say why in SILENT."
            named = {one.operation for one in played.deeds if one.kind == "CHANGE"}
            assert played.events or document.field in named, document.field
    never = {name: answer for name, answer in done.items() if answer is not None}
    assert not never, "These never succeeded here: say in PREPARED what they need."
    assert set(done) == set(cast("Any", CORE.get_type("Mutation")).fields)
