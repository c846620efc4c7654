"""Payments that were invented, or registered otherwise than they are, at the PSEs themselves: none is paid out."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from domain.access.tokens import Role
from domain.models import Call, Payment, Refund, Store
from domain.models.refunds import State
from domain.money import Money
from domain.payments import confirmations, register
from domain.pse.registry import connector
from domain.pse.vocabulary import DestinationKind, Method, NotTold, PaymentAsked, Shown
from domain.refunds.approvals import needs
from domain.refunds.destination.destinations import Given
from jobs import reconciliation
from tests.kit.factories import CAUSE, OwnerRows, a_payment, a_person, a_refund, a_shop, a_yes
from tests.kit.lines import today
from tests.kit.world import World, a_world
from tests.sandbox.client import SandboxClient

CPF, RFC = "390.533.447-05", "GODE561231GR8"
HOLDER = {"holder_name": "Stranger", "holder_tax_id": CPF}
PIX_KEY = Given(DestinationKind.PIX_KEY, {"pix_key": CPF, **HOLDER})
ACCOUNT = {"bank_code": "341", "branch": "1234", "account": "98765432-1", "account_type": "SAVINGS"}
BANK = Given(DestinationKind.BR_BANK_ACCOUNT, {**ACCOUNT, **HOLDER})
CLABE = {"clabe": "002010077777777771", "holder_name": "Stranger", "holder_tax_id": RFC}
MX = Given(DestinationKind.MX_CLABE, CLABE)
OXXO: dict[str, Any] = {"method": Method.OXXO, "currency": "MXN", "tax_id": RFC, "confirmed": False}
pytestmark = pytest.mark.usefixtures("books")


async def _step(world: World, payment: Payment, amount: int, given: Given | None = None) -> Refund:
    """A refund that a second person has said yes to where one is needed, and the worker's step."""
    refund = await a_refund(world.shop, payment, amount, given=given)
    if refund.state is State.AWAITING_APPROVAL:
        refund = await a_yes(world.shop, refund)
    refund = await world.step(refund)
    return await Refund.get(id=refund.id)


async def _asked(payment: Payment) -> int:
    mine = await Refund.filter(payment_id=payment.id).values_list("id", flat=True)
    return await Call.filter(purpose="PAYMENT", refund_id__in=list(mine)).count()


def _failed(refund: Refund) -> bool:
    return (refund.state, refund.failure_code) == (State.FAILED, "PAYMENT_DIFFERS")


async def test_an_invented_dlocal_payment_that_says_it_is_old_is_asked_for(sandbox: SandboxClient) -> None:
    async with a_world(sandbox.at("dlocal")) as world:
        facts: dict[str, Any] = {"method": Method.BOLETO, "days_ago": 366, "tax_id": CPF, "confirmed": False}
        payment = await a_payment(world.shop, reference="D-never-was", amount=90_000_000, **facts)
        refund = await a_refund(world.shop, payment, 90_000_000, given=PIX_KEY)
        assert (await world.step(await a_yes(world.shop, refund))).state is State.REQUESTED
        assert await _asked(payment) == 1


async def test_a_dlocal_pix_is_no_bank_transfer_that_could_be_paid_to_a_named_account(sandbox: SandboxClient) -> None:
    async with a_world(sandbox.at("dlocal")) as world:
        facts: dict[str, Any] = {"method": Method.BANK_TRANSFER, "currency": "BRL", "tax_id": CPF, "confirmed": False}
        payment = await world.payment(at_pse={"method": "PIX"}, **facts)
        assert _failed(await _step(world, payment, 4_000, BANK))
        assert await world.sandbox.paid(payment.pse_reference) == 0


async def test_the_night_proves_no_method_and_a_card_is_no_oxxo(sandbox: SandboxClient) -> None:
    async with a_world(sandbox.at("mercadopago")) as world:
        facts: dict[str, Any] = {**OXXO, "currency": "BRL", "tax_id": CPF}
        payment = await world.payment(at_pse={"method": "CARD"}, **facts)
        await reconciliation.run(world.shop.connection.id, today(), world.sender)
        assert _failed(await _step(world, payment, 10_000, PIX_KEY))


async def test_more_registered_than_was_captured_is_refunded_up_to_it_though_a_report_forbids_to_withdraw_it(
    sandbox: SandboxClient,
) -> None:
    async with a_world(sandbox.at("mercadopago")) as world:
        payment = await world.payment(confirmed=False, at_pse={"amount": 5_000})
        await reconciliation.run(world.shop.connection.id, today(), world.sender)
        assert (await _step(world, payment, 4_000)).state is State.SUCCEEDED
        payment = await Payment.get(id=payment.id)
        assert (register.refundable(payment).minor_units, payment.shown_captured) == (1_000, 5_000)


async def _both_names(world: World) -> tuple[str, str]:
    """The intent and the charge of one captured payment."""
    intent = await world.sandbox.capture(10_000, reference="pi_twice1", method="OXXO", currency="MXN")
    headers = {"authorization": "Bearer sk_test_sandbox", "Stripe-Version": "2026-06-24.dahlia"}
    async with httpx.AsyncClient(headers=headers) as client:
        url = f"{world.shop.connection.base_url}/payment_intents/{intent}"
        found = await client.get(url, params={"expand[]": "latest_charge.refunds"})
    return intent, found.json()["latest_charge"]["id"]


async def test_a_payment_that_is_registered_under_both_of_its_names_is_paid_once(sandbox: SandboxClient) -> None:
    async with a_world(sandbox.at("stripe")) as world:
        first, second = [await a_payment(world.shop, reference=one, **OXXO) for one in await _both_names(world)]
        assert _failed(late := await _step(world, second, 10_000, MX))
        assert f"registered already as {first.pse_reference}" in (late.failure_message or "")
        assert (await _step(world, first, 10_000, MX)).state is State.MANUAL
        await confirmations.ask_again(a_person(world.shop, "Ana", Role.ADMIN), second.id, CAUSE)
        assert _failed(await _step(world, second, 10_000, MX))


async def test_a_webhook_confirms_a_payment_under_one_of_its_names(sandbox: SandboxClient) -> None:
    async with a_world(sandbox.at("stripe")) as world:
        both = [await a_payment(world.shop, reference=one, **OXXO) for one in ("pi_9", "ch_9")]
        names, paid = frozenset({"pi_9", "ch_9"}), Money(10_000, "MXN")
        told = Shown(names, paid, "succeeded", True, frozenset({Method.OXXO}), "oxxo")
        await confirmations.confirm_told(world.shop.connection, told)
        assert [(await Payment.get(id=one.id)).confirmed_by for one in both] == ["WEBHOOK", None]


async def test_a_pix_to_another_stores_key_is_not_refunded_by_a_store_that_never_had_it(
    sandbox: SandboxClient,
) -> None:
    async with a_world(sandbox.at("pix")) as world:
        facts: dict[str, Any] = {"code": "rj", "name": "Rio", "payee_key": "rj@loja"}
        store = await Store.create(id=uuid4(), merchant_id=world.shop.id, **facts)
        payment = await world.payment(confirmed=False, at_pse={"key": store.payee_key})
        refund = await _step(world, payment, 2_000)
        assert _failed(refund)
        assert "the key of store rj" in (refund.failure_message or "")


async def test_what_has_left_at_the_pse_is_not_refunded_again(sandbox: SandboxClient) -> None:
    async with a_world(sandbox.at("pix")) as world:
        payment = await world.payment(confirmed=False)
        work = Shown(frozenset({payment.pse_reference}), Money(10_000, "BRL"), "received", True, given_back=7_000)
        await confirmations.confirm(payment.id, confirmations.ConfirmedBy.PSE, work)
        payment = await Payment.get(id=payment.id)
        assert register.refundable(payment).minor_units == 3_000
        await Payment.filter(id=payment.id).update(taken_by_bank=7_000)  # a night books what had left
        assert register.refundable(await Payment.get(id=payment.id)).minor_units == 3_000


async def test_whose_a_payment_is_is_compared_with_whose_the_key_is_whatever_the_account_is_called(
    sandbox: SandboxClient, owner_rows: OwnerRows
) -> None:
    async with a_world(sandbox.at("mercadopago")) as world:
        await owner_rows("UPDATE connections SET client_id = 'user 1' WHERE id = $1", world.shop.connection.id)
        ours = await world.payment(confirmed=False)
        theirs = await world.payment(confirmed=False, at_pse={"elsewhere": True})
        assert (await _step(world, ours, 1_000)).state is State.SUCCEEDED
        assert _failed(refund := await _step(world, theirs, 1_000))
        assert "another merchant" in (refund.failure_message or "")
        assert await Call.filter(purpose="ACCOUNT").count() == 1


async def test_an_invented_adyen_boleto_waits_for_a_second_person() -> None:
    secrets = {"api_key": "k", "hmac_key": "00", "report_user": "u", "report_password": "p"}
    shop = await a_shop(pse="adyen", secrets=secrets)
    for method, currency in ((Method.BOLETO, "BRL"), (Method.OXXO, "MXN")):
        facts: dict[str, Any] = {"method": method, "currency": currency, "tax_id": CPF, "confirmed": False}
        payment = await a_payment(shop, reference=f"NEVERWAS{method}", **facts)
        refund = await a_refund(shop, payment, 10_000, given=PIX_KEY if currency == "BRL" else MX)
        needed = await needs.current(refund.id)
        assert refund.state is State.AWAITING_APPROVAL
        assert "UNPROVEN_PAYMENT" in {need.rule for need in needs.wanted_of(needed)}


def _read(pse: str, reference: str, status: int, body: Any, client_id: str = "7") -> Any:
    asked = PaymentAsked("https://pse.example", reference, client_id)
    return connector(pse).read_standing(asked, httpx.Response(status, json=body))


MP = {"id": 1, "status": "approved", "transaction_amount": 100, "currency_id": "BRL", "payment_method_id": "pix"}
CHARGE = {"amount": 100, "paid_at": 1_700_000_000}
ORDER = {"id": "ord_1", "object": "order", "currency": "MXN", "payment_status": "paid"}


def test_a_mercado_pago_payment_that_does_not_say_whose_it_is_is_not_told() -> None:
    assert isinstance(_read("mercadopago", "1", 200, MP), NotTold)
    assert [_read("mercadopago", "1", 200, {**MP, "collector_id": one}).ours for one in (7, 8)] == [True, False]


def test_a_payment_of_which_all_has_left_says_so() -> None:
    told = _read("mercadopago", "1", 200, {**MP, "collector_id": 7, "status": "refunded"})
    assert told.given_back == 10_000
    told = _read("mercadopago", "1", 200, {**MP, "collector_id": 7, "transaction_amount_refunded": 30})
    assert told.given_back == 3_000


def test_a_conekta_order_that_was_paid_in_several_ways_has_no_method() -> None:
    kinds = ("card_payment", "cash_payment")
    charges = [{**CHARGE, "payment_method": {"object": kind}} for kind in kinds]
    order = {**ORDER, "charges": {"has_more": False, "data": charges}}
    assert _read("conekta", "ord_1", 200, order).methods == frozenset()


@pytest.mark.parametrize("status", [400, 401, 403, 409, 422])
def test_there_is_none_only_with_the_status_that_is_published_for_it(status: int) -> None:
    said = {
        "stripe": {"error": {"type": "invalid_request_error", "code": "resource_missing", "message": "No such"}},
        "conekta": {"type": "resource_not_found_error", "details": [{"message": "no", "code": "no"}]},
        "dlocal": {"code": 4000, "message": "Payment not found"},
        "mercadopago": {"message": "Payment not found", "cause": [{"code": 2000, "description": "Payment not found"}]},
        "pix": {"type": "https://pix.bcb.gov.br/api/v2/error/PixNaoEncontrado", "detail": "no"},
    }
    for pse, body in said.items():
        assert isinstance(_read(pse, "pi_1", status, body), NotTold), pse
    other = {"type": "https://pix.bcb.gov.br/api/v2/error/NaoEncontrado", "detail": "no"}
    assert isinstance(_read("pix", "pi_1", 404, other), NotTold)
    longer = {"status": "ERROR", "status_code": "BP-X-1", "status_message": "Payment not found in the cache, try again"}
    assert isinstance(_read("ebanx", "pi_1", 200, longer), NotTold)
