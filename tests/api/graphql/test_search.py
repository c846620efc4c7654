"""Finding refunds: by every condition of the filter, by whatever somebody holds, and what they come to."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain import invariants
from domain.pse.vocabulary import Declined, Method, Returned, Succeeded
from domain.refunds import figures, kept_figures, summed
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from tests.api.conftest import Asker, Enter, global_id
from tests.kit.factories import CAUSE, a_key, a_payment, a_refund, an_answer

_LIST = """query ($filter: RefundFilter) {
  refunds(first: 20, filter: $filter) { edges { node { id } } }
  refundsSummary(filter: $filter) { count isMore cursor sums { count amount { minorUnits currency } } } }"""
_SEARCH = "query ($text: String!) { search(text: $text) { refunds { id } payments { id } } }"


async def _listed(asker: Asker, **given: Any) -> tuple[list[str], dict[str, Any]]:
    told = await asker.told(_LIST, filter=given)
    assert "errors" not in told, told
    summary = told["data"]["refundsSummary"]
    found = [edge["node"]["id"] for edge in told["data"]["refunds"]["edges"]]
    assert summary["count"] == len(found)
    return found, summary


async def test_each_condition_leaves_what_it_says_and_the_sums_are_of_the_same(
    enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    asker = await enter()
    shop = asker.shop
    card = await a_payment(shop, amount=9_000, method=Method.PIX, order="A-1")
    other = await a_payment(shop, amount=5_000, order="B-2", tax_id="52998224725")
    one, two = await a_refund(shop, card, 1_000), await a_refund(shop, other, 3_000)
    await an_answer(two, Succeeded())
    first, second = global_id(one), global_id(two)
    today = datetime.now(ZoneInfo("America/Sao_Paulo")).date()
    both, of_one, of_two = {first, second}, {first}, {second}
    for given, wanted in (
        ({}, both),
        ({"statuses": ["SUCCEEDED"]}, of_two),
        ({"orderReference": "A-1"}, of_one),
        ({"amountFrom": {"minorUnits": "1001", "currency": "BRL"}}, of_two),
        ({"amountUntil": {"minorUnits": "1000", "currency": "BRL"}}, of_one),
        ({"amountUntil": {"minorUnits": "9000", "currency": "MXN"}}, set()),
        ({"pses": ["pix"]}, both),
        ({"pses": ["adyen"]}, set()),
        ({"pses": ["p" * 500]}, set()),
        ({"pses": ["p" * 500, "pix"]}, both),
        ({"orderReference": "A" * 101}, set()),
        ({"methods": ["CARD"]}, set()),
        ({"methods": ["PIX"], "reasons": ["CUSTOMER_REQUEST"]}, both),
        ({"reasons": ["FRAUD"]}, set()),
        ({"storeIds": [str(shop.store.id)], "connectionIds": [str(shop.connection.id)]}, both),
        ({"storeIds": [str(shop.id)]}, set()),
        ({"since": today.isoformat(), "until": today.isoformat()}, both),
        ({"until": (today - timedelta(days=1)).isoformat()}, set()),
        ({"since": (today + timedelta(days=1)).isoformat()}, set()),
        ({"until": "9999-12-31"}, both),
    ):
        assert set((await _listed(asker, **given))[0]) == wanted, given
    _, summary = await _listed(asker)
    assert summary["sums"] == [{"count": 2, "amount": {"minorUnits": "4000", "currency": "BRL"}}]
    mixed = {
        "amountFrom": {"minorUnits": "1", "currency": "BRL"},
        "amountUntil": {"minorUnits": "1", "currency": "MXN"},
    }
    assert "one currency" in str((await asker.told(_LIST, filter=mixed))["errors"])
    assert "at most 50" in str((await asker.told(_LIST, filter={"pses": ["pix"] * 51}))["errors"])
    monkeypatch.setattr(summed, "COUNTED_MAX", 1)
    counted = await asker.told(_LIST, filter={})
    assert (counted["data"]["refundsSummary"]["count"], counted["data"]["refundsSummary"]["isMore"]) == (1, True)


_FIGURES = """{ refundFigures { isMore states { status count }
  ways { pse method count succeeded failed secondsP50 secondsP90 } } }"""


async def test_figures_are_of_what_ended_and_what_is_under_way_by_state_and_by_the_way_of_the_money(
    enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    asker, stranger = await enter(), await enter()
    payment = await a_payment(asker.shop, amount=9_000)
    refunds = [await a_refund(asker.shop, payment, 1_000) for _ in range(5)]
    for refund in refunds[:2]:
        await an_answer(refund, Succeeded())
    await an_answer(refunds[2], Declined("INSUFFICIENT_BALANCE", "Too little money."))
    told = (await asker.told(_FIGURES))["data"]["refundFigures"]
    counts = {one["status"]: one["count"] for one in told["states"]}
    assert (told["isMore"], counts) == (False, {"REQUESTED": 2, "SUCCEEDED": 2, "FAILED": 1})
    (way,) = told["ways"]
    assert (way["pse"], way["method"], way["count"], way["succeeded"], way["failed"]) == ("pix", "PIX", 5, 2, 1)
    assert 0 < way["secondsP50"] <= way["secondsP90"] < 600
    assert (await stranger.told(_FIGURES))["data"]["refundFigures"] == {"isMore": False, "states": [], "ways": []}
    assert await kept_figures.cut() > 0
    assert await kept_figures.cut() == 0
    assert (await asker.told(_FIGURES))["data"]["refundFigures"] == told  # the same from what is kept
    # What came back is less of what has succeeded, but it had arrived in its time.
    await record(refunds[0].id, Returned("D1", "The bank sent it back."), Source(Door.LOOK_UP), CAUSE)
    await an_answer(refunds[3], Succeeded())
    wanted = ({"REQUESTED": 1, "SUCCEEDED": 2, "RETURNED": 1, "FAILED": 1}, 5, 3)
    for _ in range(2):  # before it is summed up, and behind
        told = (await asker.told(_FIGURES))["data"]["refundFigures"]
        (way,) = told["ways"]
        assert ({one["status"]: one["count"] for one in told["states"]}, way["count"], way["succeeded"]) == wanted
        await kept_figures.cut()
        assert [one for one in await invariants.check() if one.name.startswith("figures")] == []
    monkeypatch.setattr(figures, "UNDER_WAY_MAX", 0)
    assert (await asker.told(_FIGURES))["data"]["refundFigures"]["isMore"]


async def test_a_text_finds_whatever_it_names_and_nothing_of_another_merchant(enter: Enter) -> None:
    asker, stranger = await enter(), await enter()
    payment = await a_payment(asker.shop, order="pedido 77", tax_id="529.982.247-25")
    key = a_key()
    refund = await a_refund(asker.shop, payment, 1_000, key=key)
    await an_answer(refund, Succeeded("PSE-REF-1"))
    nobody: list[str] = []
    both, alone = ([global_id(refund)], [global_id(payment)]), ([global_id(refund)], nobody)
    for text, (refunds, payments) in {
        refund.request_id: alone,
        refund.reference: alone,
        "PSE-REF-1": alone,
        key: alone,
        str(refund.id): alone,
        "  pedido 77 ": both,
        payment.pse_reference: both,
        "52998224725": both,
        "529.982.247-25": both,
        "pedido": ([], []),
        "11111111111": ([], []),
        "\u200b": ([], []),
        "%": ([], []),
    }.items():
        told = await asker.ask(_SEARCH, text=text)
        assert ([one["id"] for one in told["refunds"]], [one["id"] for one in told["payments"]]) == (refunds, payments)
        nothing = await stranger.ask(_SEARCH, text=text)
        assert nothing == {"refunds": [], "payments": []}, text
    for wrong in ("", "   ", "x" * 256):
        assert "1 to 255" in str((await asker.told(_SEARCH, text=wrong))["errors"])
