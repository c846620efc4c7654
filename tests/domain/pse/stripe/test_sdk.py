"""Stripe's own Python client against our sandbox: it must work there, and see what our connector sees."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
import stripe

from domain.money import Money
from domain.pse.stripe.connector import Stripe
from domain.pse.vocabulary import Credentials, Declined, Outcome, RefundOrder, Succeeded
from tests.domain.pse.stripe.answers import ORDER
from tests.domain.pse.stripe.test_reports import DAY
from tests.kit.world import served
from tests.sandbox.app import create
from tests.sandbox.books import Books
from tests.sandbox.client import SandboxClient
from tests.sandbox.stripe.server import API_KEY, WEBHOOK_SECRET, StripeServer, signed

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # by the client, of httpx
CREDENTIALS = Credentials("", "acct_sandbox", {"api_key": API_KEY, "webhook_secret": WEBHOOK_SECRET})
CONNECTOR = Stripe()


@dataclass(frozen=True, slots=True)
class Shop:
    """A sandbox with the two clients of its Stripe: theirs and ours."""

    sandbox: SandboxClient
    theirs: stripe.StripeClient

    def order(self, payment: str, amount: int = 789, **more: Any) -> RefundOrder:
        base = f"{self.sandbox.url}/stripe/v1"
        known = replace(ORDER, base_url=base, payment_reference=payment, amount=Money(amount, "MXN"))
        return replace(known, **more)

    async def ours(self, request: httpx.Request) -> httpx.Response:
        return await self.sandbox.http.send(request, auth=CONNECTOR.auth(CREDENTIALS))

    async def seen(self, order: RefundOrder) -> Outcome:
        return CONNECTOR.read_look_up(order, await self.ours(CONNECTOR.look_up(order)))


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with served(create()) as url, httpx.AsyncClient(timeout=10) as http:
        sending = stripe.HTTPXClient(allow_sync_methods=False)
        theirs = stripe.StripeClient(API_KEY, base_addresses={"api": f"{url}/stripe"}, http_client=sending)
        yield Shop(SandboxClient(url, http, "stripe"), theirs)
        await sending.close_async()  # the client's own


def _params(payment: str, **more: Any) -> Any:
    return {"payment_intent": payment, "amount": 789, "metadata": {"estorno_reference": ORDER.reference}, **more}


async def test_what_the_client_creates_our_connector_reads(shop: Shop) -> None:
    payment = await shop.sandbox.capture(method="CARD", currency="MXN")
    made = await shop.theirs.v1.refunds.create_async(_params(payment), {"idempotency_key": ORDER.reference})
    assert (made.status, made.amount, made.currency, made.payment_intent) == ("succeeded", 789, "mxn", payment)
    order = shop.order(payment)
    assert await shop.seen(order) == Succeeded(made.id, code="succeeded")
    assert await shop.seen(replace(order, pse_refund_reference=made.id)) == Succeeded(made.id, code="succeeded")
    again = CONNECTOR.read_refund(order, await shop.ours(CONNECTOR.refund(order)))
    assert again == Succeeded(made.id, code="succeeded")
    assert await shop.sandbox.paid(payment) == 789


async def test_what_our_connector_creates_the_client_reads_and_lists(shop: Shop) -> None:
    payment = await shop.sandbox.capture(10_000, "ok", "refused", method="CARD", currency="MXN")
    outcomes = []
    for reference in (ORDER.reference, "b" * 20):
        order = shop.order(payment, reference=reference)
        outcomes.append(CONNECTOR.read_refund(order, await shop.ours(CONNECTOR.refund(order))))
    paid, refused = outcomes
    assert isinstance(paid, Succeeded)
    assert isinstance(refused, Declined)
    found = await shop.theirs.v1.refunds.retrieve_async(str(paid.pse_refund_reference))
    assert found.metadata is not None
    assert (found.status, found.metadata["estorno_reference"]) == ("succeeded", ORDER.reference)
    listed = await shop.theirs.v1.refunds.list_async({"payment_intent": payment, "limit": 1})
    names = [one.id async for one in listed.auto_paging_iter()]
    assert names == [refused.pse_refund_reference, paid.pse_refund_reference]
    failed = await shop.theirs.v1.refunds.retrieve_async(names[0])
    assert (failed.status, failed.failure_reason) == ("failed", refused.code)


async def test_the_same_key_gives_the_client_and_us_the_stored_answer(shop: Shop) -> None:
    payment = await shop.sandbox.capture(method="CARD", currency="MXN")
    options: Any = {"idempotency_key": "k" * 20}
    one, two = [await shop.theirs.v1.refunds.create_async(_params(payment), options) for _ in range(2)]
    assert one.id == two.id
    with pytest.raises(stripe.IdempotencyError):
        await shop.theirs.v1.refunds.create_async(_params(payment, amount=1), options)
    order = shop.order(payment, reference="c" * 20)
    first, second = [CONNECTOR.read_refund(order, await shop.ours(CONNECTOR.refund(order))) for _ in range(2)]
    assert isinstance(first, Succeeded)
    assert first == second
    assert await shop.sandbox.paid(payment) == 2 * 789


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"amount": 10_001}, "invalid_request_error"),
        ({"payment_intent": "pi_unknown"}, "resource_missing"),
    ],
)
async def test_the_client_and_we_read_the_same_refusal(shop: Shop, changed: dict[str, Any], code: str) -> None:
    payment = await shop.sandbox.capture(method="CARD", currency="MXN")
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await shop.theirs.v1.refunds.create_async(_params(payment, **changed))
    order = shop.order(changed.get("payment_intent", payment), changed.get("amount", 789))
    outcome = CONNECTOR.read_refund(order, await shop.ours(CONNECTOR.refund(order)))
    assert isinstance(outcome, Declined)
    assert (caught.value.code or "invalid_request_error", outcome.code) == (code, code)
    assert await shop.sandbox.paid(payment) == 0


async def test_a_refund_that_waits_for_the_customer_can_be_changed_and_canceled(shop: Shop) -> None:
    payment = await shop.sandbox.capture(10_000, "pending", method="BANK_TRANSFER", currency="MXN")
    asked = _params(payment, instructions_email="ana@example.com")
    made = await shop.theirs.v1.refunds.create_async(asked)
    assert made.status == "requires_action"
    assert (await shop.seen(shop.order(payment))).code == "requires_action"
    await shop.theirs.v1.refunds.update_async(made.id, {"metadata": {"more": "x"}})
    await shop.theirs.v1.refunds.cancel_async(made.id)
    assert (await shop.seen(shop.order(payment))).code == "canceled"
    with pytest.raises(stripe.InvalidRequestError):
        await shop.theirs.v1.refunds.cancel_async(made.id)


async def test_a_wrong_key_is_refused_to_both(shop: Shop) -> None:
    sending = stripe.HTTPXClient(allow_sync_methods=False)
    other = stripe.StripeClient("sk_wrong", base_addresses={"api": f"{shop.sandbox.url}/stripe"}, http_client=sending)
    with pytest.raises(stripe.AuthenticationError):
        await other.v1.refunds.retrieve_async("re_1")
    await sending.close_async()  # the client's own
    answer = await shop.sandbox.http.send(CONNECTOR.refund(shop.order("pi_1")))
    assert CONNECTOR.read_refund(shop.order("pi_1"), answer).code == "INVALID_KEY"


@pytest.mark.parametrize("mood", ["ok", "refused", "returned"])
async def test_the_client_accepts_our_sandboxs_webhooks(mood: str) -> None:
    server = StripeServer(Books("stripe"))
    payment = server.books.capture(server.new_payment({"amount": 10_000}, DAY.start))
    refund = server.books.open_refund(
        payment, ORDER.reference, 789, lambda _: "re_1", facts={"metadata": {}, "reason": None, "email": None}
    )
    if mood == "refused":
        server.books.refuse(refund, "no")
    else:
        server.books.settle(payment, refund)
    if mood == "returned":
        server.books.give_back(payment, refund)
    hooks = server.hooks("http://x", payment, refund)
    assert len(hooks) == 2
    for hook in hooks:
        event = stripe.Webhook.construct_event(hook.body, hook.headers["stripe-signature"], WEBHOOK_SECRET)
        assert event.type == json.loads(hook.body)["type"]
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(hooks[0].body + b" ", hooks[0].headers["stripe-signature"], WEBHOOK_SECRET)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(hooks[0].body, signed(hooks[0].body, at=1)["stripe-signature"], WEBHOOK_SECRET)


async def test_the_client_fetches_the_report_that_we_fetch(shop: Shop) -> None:
    run = await shop.theirs.v1.reporting.report_runs.create_async(
        {
            "report_type": "payout_reconciliation.itemized.5",
            "parameters": {"interval_start": 1, "interval_end": 2_000_000_000, "columns": ["net", "source_id"]},
        }
    )
    assert run.status == "pending"
    await shop.theirs.v1.reporting.report_runs.retrieve_async(run.id)
    done = await shop.theirs.v1.reporting.report_runs.retrieve_async(run.id)
    assert done.status == "succeeded"
    assert done.result is not None
    content = await shop.ours(httpx.Request("GET", str(done.result.url)))
    assert content.text.lstrip("\ufeff").startswith("net,source_id\r\n")


@pytest.mark.parametrize("name", ["expand[]", "expand[0]"])
async def test_what_is_to_be_expanded_is_named_as_the_clients_for_python_and_for_node_do(shop: Shop, name: str) -> None:
    payment = await shop.sandbox.capture(method="CARD", currency="MXN")
    url = f"{shop.sandbox.url}/stripe/v1/payment_intents/{payment}"
    answer = await shop.ours(httpx.Request("GET", url, params={name: "latest_charge.refunds"}))
    known = CONNECTOR.read_payment(answer)
    assert known is not None
    assert known.refunds == []
