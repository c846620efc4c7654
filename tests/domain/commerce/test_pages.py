"""A shop that shows more at once than it was asked for is not read on: a worker keeps no list without an end."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from domain.commerce.dialect import NoAnswer, seconds_of
from domain.commerce.registry import dialect_of
from domain.commerce.vocabulary import LookAt, ShopAccess

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def _memo(number: int) -> dict[str, Any]:
    return {"entity_id": number, "order_id": number, "comments": []}


def _shown(kind: str, count: int, total: int) -> Any:
    orders = [{"id": number} for number in range(count)]
    return {
        "WOOCOMMERCE": orders,
        "MAGENTO": {"items": [_memo(number) for number in range(count)], "total_count": total},
        "MABANG": {
            "code": "200",
            "data": {"data": [{"returnOrderId": f"r{one}", "status": "2"} for one in range(count)], "hasNext": "false"},
        },
        "SHOPIFY": {
            "data": {
                "orders": {
                    "nodes": [
                        {"id": f"gid://shopify/Order/{one}", "refunds": [{"id": "x"}]} for one in range(1, count + 1)
                    ],
                    "pageInfo": {"hasNextPage": False},
                }
            }
        },
    }[kind]


@pytest.mark.parametrize(("kind", "most"), [("WOOCOMMERCE", 100), ("MAGENTO", 100), ("MABANG", 100), ("SHOPIFY", 50)])
def test_a_page_holds_no_more_than_was_asked_for(kind: str, most: int) -> None:
    access = ShopAccess(uuid4(), "https://shop.test", {"developer_key": "x" * 20}, {})
    for count in (most - 1, most + 1):
        asking = dialect_of(kind).poll(access, NOW - timedelta(hours=1), NOW)
        next(asking)
        answer = httpx.Response(200, content=json.dumps(_shown(kind, count, count)).encode())
        if count > most:
            with pytest.raises(NoAnswer, match=f"{count} at once"):
                asking.send(answer)
            continue
        with pytest.raises(StopIteration) as done:
            asking.send(answer)
        assert len(done.value.value.told) == count
        assert kind == "MABANG" or isinstance(done.value.value.told[0], LookAt)


@pytest.mark.parametrize(
    ("told", "seconds"), [("2.0", 2), ("30", 30), ("²", 0), ("1²", 0), ("", 0), (".", 0), (None, 0)]
)
def test_how_long_a_shop_wants_to_be_left_alone_is_a_number_or_nothing(told: str | None, seconds: int) -> None:
    assert seconds_of(told) == seconds


def _page(kind: str, query: dict[str, str], changed: dict[int, datetime]) -> Any:
    """A page of what has changed, as these shops show it: by a window of moments, in an order, so many at once."""
    if kind == "WOOCOMMERCE":
        number, order = int(query["page"]), query["orderby"]
        low, high = query["modified_after"], query.get("modified_before")
    else:
        number, order = int(query["searchCriteria[currentPage]"]), query["searchCriteria[sortOrders][0][field]"]
        bounds = {
            query[f"searchCriteria[filterGroups][{at}][filters][0][conditionType]"]: query[
                f"searchCriteria[filterGroups][{at}][filters][0][value]"
            ].replace(" ", "T")
            for at in range(2)
            if f"searchCriteria[filterGroups][{at}][filters][0][value]" in query
        }
        low, high = bounds["gteq"], bounds.get("lteq")
    told = {one: f"{at:%Y-%m-%dT%H:%M:%S}" for one, at in changed.items()}
    within = [one for one, at in told.items() if at > low and (high is None or at <= high)]
    within.sort(key=lambda one: (changed[one], one) if order == "modified" else (NOW, one))
    shown = within[(number - 1) * 100 : number * 100]
    if kind == "WOOCOMMERCE":
        return [{"id": one} for one in shown]
    return {"items": [_memo(one) for one in shown], "total_count": len(within)}


@pytest.mark.parametrize("kind", ["WOOCOMMERCE", "MAGENTO"])
def test_what_is_changed_between_two_pages_hides_no_other(kind: str) -> None:
    access = ShopAccess(uuid4(), "https://shop.test", {}, {})
    changed = {number: NOW - timedelta(hours=5) + timedelta(minutes=number) for number in range(1, 151)}
    asking = dialect_of(kind).poll(access, NOW - timedelta(hours=6), NOW)
    page = _page(kind, dict(next(asking).url.params), changed)
    second = asking.send(httpx.Response(200, content=json.dumps(page).encode()))
    changed[3] = NOW + timedelta(seconds=5)
    page = _page(kind, dict(second.url.params), changed)
    with pytest.raises(StopIteration) as done:
        asking.send(httpx.Response(200, content=json.dumps(page).encode()))
    assert {int(one.order) for one in done.value.value.told} == set(range(1, 151))
