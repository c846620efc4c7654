"""dLocal pays to the account that the order names, over real HTTP; nobody reads the account in the calls."""

import json
from collections.abc import AsyncIterator

import pytest

from domain import invariants
from domain.models.refunds import State
from domain.pse.vocabulary import DestinationKind, Method
from domain.refunds.destination import destinations
from domain.refunds.destination.destinations import Given
from tests.conftest import Database
from tests.kit.factories import CAUSE, KEY, OwnerRows, a_key, a_refund, a_yes
from tests.kit.world import World, a_world
from tests.sandbox.client import SandboxClient
from tests.schemas import dlocal as schemas

CPF = "390.533.447-05"
ACCOUNT = {
    "bank_code": "341",
    "branch": "1234",
    "account": "98765432-1",
    "account_type": "SAVINGS",
    "holder_name": "Canária de Souza",
    "holder_tax_id": CPF,
}
CLABE = {"clabe": "002010077777777771", "holder_name": "Canária de Souza", "holder_tax_id": "GODE561231GR8"}


@pytest.fixture
async def world(books: Database, sandbox: SandboxClient) -> AsyncIterator[World]:
    async with a_world(sandbox.at("dlocal")) as made:
        yield made


@pytest.mark.parametrize(
    ("method", "currency", "kind", "values", "told"),
    [
        (
            Method.BOLETO,
            "BRL",
            DestinationKind.BR_BANK_ACCOUNT,
            ACCOUNT,
            {"bank_code": "341", "bank_branch": "1234", "bank_account": "98765432-1", "bank_account_type": "S"},
        ),
        (
            Method.OXXO,
            "MXN",
            DestinationKind.MX_CLABE,
            CLABE,
            {"bank": "Banamex", "bank_code": "002", "bank_account": "002010077777777771"},
        ),
    ],
)
async def test_a_method_without_a_way_back_is_paid_to_the_named_account_and_the_calls_do_not_show_it(
    world: World,
    owner_rows: OwnerRows,
    method: Method,
    currency: str,
    kind: DestinationKind,
    values: dict[str, str],
    told: dict[str, str],
) -> None:
    payment = await world.payment(method=method, currency=currency, tax_id=values["holder_tax_id"])
    refund = await a_refund(world.shop, payment, 4_000)
    assert refund.state is State.AWAITING_DESTINATION
    named, _ = await destinations.provide(world.shop.id, refund.id, Given(kind, values), a_key(), CAUSE, KEY)
    assert (await world.finish(await a_yes(world.shop, named))).state is State.SUCCEEDED
    assert await world.sandbox.paid(payment.pse_reference) == 4_000

    (sent,) = [row for row in (await world.sandbox.get("requests"))["requests"] if row["method"] == "POST"]
    body = json.loads(sent["body"].encode("latin-1"))
    schemas.check(schemas.REFUND_REQUEST, body)
    assert {name: body.get(name) for name in told} == told
    assert (body["beneficiary_name"], body["beneficiary_lastname"]) == ("Canária", "de Souza")
    calls = await owner_rows("SELECT url || body AS text FROM calls UNION ALL SELECT body FROM answers")
    for row in calls:
        for personal in ("Canária", "Souza", values.get("account", "98765"), values.get("clabe", CPF), "39053344705"):
            assert personal not in row["text"]
    assert await invariants.check() == []


async def test_an_account_that_dlocal_does_not_pay_to_is_a_persons(world: World) -> None:
    payment = await world.payment(method=Method.BOLETO, tax_id=CPF)
    key = {"pix_key": "ana@example.com", "holder_name": "Ana Souza", "holder_tax_id": CPF}
    given = Given(DestinationKind.PIX_KEY, key)
    refund = await a_yes(world.shop, await a_refund(world.shop, payment, 4_000, given=given))
    assert (await world.step(refund)).state is State.MANUAL
    assert await world.sandbox.refund_requests(payment.pse_reference) == 0
