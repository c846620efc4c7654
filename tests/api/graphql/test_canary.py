"""What must stay secret is looked for everywhere that people look: every table, the log, every answer of the API."""

import io
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from domain.access.tokens import Role
from domain.models import Destination, Payment, Refund
from domain.models.refunds import State
from domain.platform.settings import Settings
from domain.pse import registry
from domain.pse.capabilities import Route
from domain.pse.vocabulary import Method
from jobs import reconciliation
from jobs.wire.sender import sender
from tests.api.conftest import Asker, Enter, global_id
from tests.kit.accounts import ACCOUNTS
from tests.kit.factories import KEY, OwnerRows, a_payment
from tests.kit.logs import logged_as
from tests.kit.world import World, a_sandbox, a_shop_at, quick_settings
from tests.sandbox.mercadopago import server

PAYER = "390.533.447-05"
RFC = "GODE561231GR8"  # the payer's in Mexico
HOLDER = {"holderName": "Canaria Piu-Piu", "holderTaxId": "MAB9307148T4"}
CLABE, MISTYPED = "002010077777777771", "002010077777777772"
PERSONAL = [PAYER, "39053344705", RFC, *HOLDER.values(), CLABE, MISTYPED]
TOLD_BY_PSES = [server.OPERATOR, server.PAYER_TAX_ID, "payer@example.com"]
CREATE = """mutation M($input: RefundCreateInput!) { refundCreate(input: $input) {
  refund { id } errors { __typename ... on Error { code message path } } } }"""
EVERYTHING = """query Q($by: RefundBy!) { refund(by: $by) {
  id status reference requestId note failureCode failureMessage failureExplanation pseReference
  payment { id pseReference orderReference method captured { display } }
  destination { kind masked fingerprint payerMatches } paymentInstruction { value }
  events { sequence kind status code message actor requestId }
  calls { purpose method url headers { name value } body attempt
    answer { status error body pseRequestId headers { name value } } }
  webhooks { body } ledgerEntries { entry amount { display } } } }"""
FINDINGS = """{ findings(first: 50) { edges { node { kind explanation action resolution amount { display } } } } }"""


@pytest.fixture
def logged(tmp_path: Path) -> Iterator[io.StringIO]:
    """All that is logged, as in production."""
    with logged_as(Settings.read({"ESTORNO_HOME": str(tmp_path), "ESTORNO_LOG_LEVEL": "debug"})) as stream:
        yield stream


@pytest.fixture(params=list(registry.connectors()))
async def scene(
    request: pytest.FixtureRequest, enter: Enter, logged: io.StringIO
) -> AsyncIterator[tuple[Asker, World]]:
    """A merchant at one PSE whose webhooks come to the served API."""
    async with a_sandbox() as sandbox, sender(KEY, 1.0) as sending:
        at_pse = sandbox.at(request.param)
        shop = await a_shop_at(at_pse)
        asker = await enter(Role.ADMINISTRATOR, shop)
        hook = f"{asker.url}/webhooks/{shop.connection.id}{ACCOUNTS[at_pse.pse].hook}"
        await at_pse.post("webhooks", key="sp@loja", url=hook)
        yield asker, World(shop, at_pse, sending, quick_settings(public_url=asker.url))


async def test_no_secret_and_no_personal_number_is_anywhere_that_people_look(
    scene: tuple[Asker, World], enter: Enter, logged: io.StringIO, owner_rows: OwnerRows
) -> None:
    asker, world = scene
    answers: list[Any] = []
    for mood in ("ok", "refused", "half_response", "applied_then_500", "unavailable"):
        await _refund(asker, world, mood, answers, owner_rows)
    await _to_an_account(asker, await enter(Role.ACCOUNTING, world.shop, "boss"), world, answers, owner_rows)
    await _knock_wrongly(asker, world)
    today = datetime.now(UTC).astimezone(ZoneInfo(world.shop.merchant.zone)).date()
    await reconciliation.run(world.shop.connection.id, today, world.sender)
    support = await enter(Role.SUPPORT, world.shop, "support")
    for refund in await Refund.all():
        answers += [await who.told(EVERYTHING, by={"id": global_id(refund)}) for who in (asker, support)]
    answers.append(await asker.told(FINDINGS))
    seen = {"the log": logged.getvalue(), "the API": json.dumps(answers), **await _tables(owner_rows)}
    assert "refund.step" in seen["the log"]
    assert all(table in seen for table in ("calls", "answers", "notices", "payments", "destinations"))
    found = [(place, canary) for canary in _canaries(world, asker) for place, said in seen.items() if canary in said]
    assert found == []


def _canaries(world: World, asker: Asker) -> list[str]:
    public = {"webhook_public_key", "webhook_certificate"}
    secrets = [value for name, value in ACCOUNTS[world.sandbox.pse].secrets.items() if name not in public]
    return [*secrets, asker.token, *PERSONAL, *TOLD_BY_PSES]


async def _refund(asker: Asker, world: World, mood: str, answers: list[Any], owner_rows: OwnerRows) -> None:
    """A refund through the API, taken to its end by the worker and by webhooks; what succeeded comes back."""
    account = ACCOUNTS[world.sandbox.pse]
    method, currency = account.method, account.currency
    reference = await world.sandbox.capture(10_000, mood, method=method, currency=currency)
    payment = await a_payment(world.shop, reference=reference, method=Method(method), currency=currency, tax_id=PAYER)
    answer = await _ask_for(asker, payment)
    answers.append(answer)
    refund = await Refund.get(payment_id=payment.id)
    refund = await world.finish(refund, owner_rows)
    if mood == "ok":
        await world.sandbox.post("give-back", payment=reference, refund=await world.name_of(payment))
        await world.finish(refund, wait_for=State.RETURNED)


async def _to_an_account(asker: Asker, boss: Asker, world: World, answers: list[Any], owner_rows: OwnerRows) -> None:
    """A refund to somebody else's account, mistyped first, approved by a second person."""
    able = registry.connector(world.sandbox.pse).capabilities.get(Method.OXXO)
    if able is None or able.route is not Route.PAYOUT_WITH_DESTINATION:
        return
    reference = await world.sandbox.capture(10_000, method="OXXO", currency="MXN")
    payment = await a_payment(world.shop, reference=reference, method=Method.OXXO, currency="MXN", tax_id=RFC)
    for number in (MISTYPED, CLABE):
        wanted = {"kind": "MX_CLABE", "clabe": number, **HOLDER}
        answers.append(await _ask_for(asker, payment, destination=wanted))
    refund = await Refund.get(payment_id=payment.id)
    assert refund.state is State.AWAITING_APPROVAL
    shown = await Destination.get(refund_id=refund.id, superseded_at=None)
    approve = "mutation M($input: RefundApproveInput!) { refundApprove(input: $input) { errors { __typename } } }"
    wanted = {"refundId": global_id(refund), "destinationFingerprint": shown.fingerprint}
    answers.append(await boss.told(approve, input=wanted))
    ended = await world.finish(refund, owner_rows)
    assert ended.state is (State.SUCCEEDED if able.destinations else State.MANUAL)


async def _ask_for(asker: Asker, payment: Payment, **more: Any) -> Any:
    wanted = {"paymentId": global_id(payment), "reason": "CUSTOMER_REQUEST", "idempotencyKey": uuid4().hex, **more}
    return await asker.told(CREATE, input=wanted)


async def _knock_wrongly(asker: Asker, world: World) -> None:
    """A webhook that nobody signed, with a name in it."""
    url = f"{asker.url}/webhooks/{world.shop.connection.id}/not-the-secret"
    body = {"who": PERSONAL, "reference": "nobody"}
    assert (await asker.http.post(url, json=body)).status_code in (400, 401, 404)


async def _tables(owner_rows: OwnerRows) -> Mapping[str, str]:
    names = await owner_rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    rows = "SELECT row_to_json(t)::text AS said FROM {} t"
    return {
        row["tablename"]: "\n".join(line["said"] for line in await owner_rows(rows.format(row["tablename"])))
        for row in names
    }
