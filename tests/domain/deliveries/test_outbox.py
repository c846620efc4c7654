"""Deliveries made from the sealed history: each piece once for each endpoint, in order, as its catalogue says."""

import asyncio
from collections import Counter

import pytest

from domain.connections import health
from domain.deliveries import outbox
from domain.deliveries.bodies import message_id
from domain.findings import findings
from domain.models import Delivery, Endpoint, News
from domain.platform.database import execute, transaction
from domain.pse.vocabulary import Declined, Succeeded
from tests.domain.deliveries.places import an_endpoint, made, told
from tests.domain.history.test_sealed_deeds import a_deed
from tests.domain.history.test_sealed_news import a_found
from tests.kit.factories import Shop, a_payment, a_refund, a_shop, an_answer
from tests.kit.sealing import sealed

pytestmark = pytest.mark.usefixtures("books")


async def _history(shop: Shop) -> tuple[str, str]:
    """Two refunds, one of which fails, a finding, a connection that is down and up, and a deed."""
    paid, failed = [await a_refund(shop, await a_payment(shop), 1_000) for _ in range(2)]
    await an_answer(paid, Succeeded("D1"))
    await an_answer(failed, Declined("NO_BALANCE", "not enough"))
    await findings.open_findings([a_found(shop, "one", payment_id=paid.payment_id)])
    await findings.resolve(shop.id, "one", "It was nothing.")
    await health.down(shop.connection.id)
    await health.up(shop.connection.id)
    await a_deed(shop, "one")
    return str(paid.id), str(failed.id)


async def test_each_piece_is_one_delivery_that_fits_its_schema_and_keeps_its_order() -> None:
    shop = await a_shop()
    paid, failed = await _history(shop)
    whole, thin = await an_endpoint(shop), await an_endpoint(shop, ["refund.*"], thin=True)
    found = await made(shop, whole.endpoint.id)
    bodies = [told(one) for one in found]
    kinds = Counter(one.type for one in found)
    assert (
        kinds["refund.success"] == kinds["refund.failed"] == kinds["finding.opened"] == kinds["finding.resolved"] == 1
    )
    assert kinds["connection.down"] == kinds["connection.up"] == 1
    assert kinds["deed.change"] >= 1
    success = next(body for body in bodies if body["type"] == "refund.success")["data"]
    assert (success["id"], success["state"], success["object"]) == (paid, "SUCCEEDED", "refund")
    assert success["amount"] == {"minorUnits": "1000", "currency": "BRL", "exponent": 2}
    assert next(b for b in bodies if b["type"] == "refund.failed")["data"]["code"] == "NO_BALANCE"
    of_paid = [one for one in found if one.ordering_key == f"refund/{paid}"]
    assert [one.sequence for one in of_paid] == sorted(one.sequence or 0 for one in of_paid)
    assert len({one.position for one in found}) == len(found)
    few = await made(shop, thin.endpoint.id)
    assert {one.type.partition(".")[0] for one in few} == {"refund"}
    assert all(set(told(one)["data"]) == {"merchantId", "object", "id", "position", "sequence"} for one in few)
    ids = {one.position: one.message_id for one in found}
    assert all(ids[one.position] == one.message_id for one in few), "A message has one id, wherever it goes."
    assert failed != paid


async def test_of_each_key_only_the_first_is_due_and_the_others_wait_for_it() -> None:
    shop = await a_shop()
    await _history(shop)
    found = await made(shop, (await an_endpoint(shop)).endpoint.id)
    heads: dict[str | None, int] = {}
    for one in found:
        heads.setdefault(one.ordering_key, one.id)
    assert {one.id for one in found if one.due_at is not None} == set(heads.values())


async def test_made_by_several_at_once_and_by_one_that_dies_each_is_there_once() -> None:
    shop = await a_shop()
    await _history(shop)
    endpoint = (await an_endpoint(shop)).endpoint
    await sealed(shop)

    async def dies() -> None:
        async with transaction():
            assert await outbox.make(endpoint.id) > 0
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await dies()
    assert await Delivery.filter(endpoint_id=endpoint.id).count() == 0
    await asyncio.gather(*(outbox.make(endpoint.id) for _ in range(4)))
    count = await Delivery.filter(endpoint_id=endpoint.id).count()
    assert count == len({one.position for one in await Delivery.filter(endpoint_id=endpoint.id)}) > 5
    assert await outbox.make(endpoint.id) == 0
    again = await made(shop, endpoint.id)
    assert len(again) == count
    assert {one.round for one in again} == {0}


async def test_a_page_after_another_goes_through_all_and_an_endpoint_that_wants_little_keeps_up() -> None:
    shop = await a_shop()
    await _history(shop)
    endpoint = (await an_endpoint(shop, ["night.late"])).endpoint
    outbox_rows, outbox.PAGE_ROWS = outbox.PAGE_ROWS, 3  # type: ignore[misc]
    try:
        assert await made(shop, endpoint.id) == []
    finally:
        outbox.PAGE_ROWS = outbox_rows  # type: ignore[misc]
    assert (await Endpoint.get(id=endpoint.id)).position == await outbox.head_of(shop.id)
    assert endpoint.id not in await outbox.busy(10)
    await findings.open_findings([a_found(shop, "new")])
    await sealed(shop)
    assert endpoint.id in await outbox.busy(10)


async def test_an_endpoint_of_a_store_hears_of_that_store_alone_and_none_of_another_merchants() -> None:
    shop, other = await a_shop(), await a_shop(name="Other")
    for one in (shop, other):
        await _history(one)
    endpoint = (await an_endpoint(shop, store_id=shop.store.id)).endpoint
    found = await made(shop, endpoint.id)
    assert {one.type.partition(".")[0] for one in found} == {"refund", "finding"}
    assert all(told(one)["data"].get("storeId", str(shop.store.id)) == str(shop.store.id) for one in found)
    whole = await made(shop, (await an_endpoint(shop)).endpoint.id)
    assert {told(one)["data"]["merchantId"] for one in whole} == {str(shop.id)}
    assert str(other.id) not in str([told(one) for one in whole])


async def test_an_endpoint_is_not_told_of_its_own_trouble_and_strange_news_holds_nothing_up() -> None:
    shop = await a_shop()
    one, two = (await an_endpoint(shop)).endpoint, (await an_endpoint(shop)).endpoint
    facts = '{"name": "x", "kind": "WEBHOOK", "since": null, "reason": "500"}'
    statement = (
        "INSERT INTO news (merchant_id, kind, subject_kind, subject_id, data) "
        "VALUES ($1, $2::varchar, 'endpoint', $3::varchar, $4::jsonb)"
    )
    await execute(statement, shop.id, "endpoint.failing", str(one.id), facts)
    await execute(statement, shop.id, "later.version", str(one.id), '{"amount": 5, "currency": "XXX"}')
    assert [each.type for each in await made(shop, one.id) if each.type.startswith("endpoint")] == []
    heard = [each.type for each in await made(shop, two.id) if not each.type.startswith("deed")]
    assert heard == ["endpoint.failing", "later.version"]
    assert await News.filter(merchant_id=shop.id).count() == 2


def test_a_message_is_called_the_same_for_ever_and_tells_nothing_of_how_much_there_is() -> None:
    from uuid import UUID

    first = message_id(UUID(int=1), 1)
    assert first == "msg_5dbafa80ce63b8aafe3bbd3a84e8fb1f" or len(first) == 36
    assert first == message_id(UUID(int=1), 1)
    assert len({message_id(UUID(int=n), p) for n in range(10) for p in range(10)}) == 100
