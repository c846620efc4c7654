"""A report of many lines: its names are copied, and not asked for one by one; the same report again is recognised."""

import os
from dataclasses import replace
from typing import Any, NoReturn

import polars as pl
import pytest

from domain import invariants
from domain.models import LedgerEntry, Payment, Report, SettlementLine, Store
from domain.models.ledger import Account
from domain.platform import copying, crash, database
from domain.pse import registry
from domain.pse.reporting import REPORT_SCHEMA
from domain.pse.vocabulary import Succeeded
from domain.reconciliation import books_state, known, near
from domain.settlements import frames, held, reports
from tests.kit.factories import Shop, a_payment, a_refund, a_shop, an_answer
from tests.kit.lines import Telling, a_line, a_night, balance, open_findings

pytestmark = pytest.mark.usefixtures("books")
NASTY = ("a\tb", "a\nb", "a\rb", "\\N", "\\", "a\\tb", "", '"', "it's", "\x01", "é\u2028", "a,b", "\v\f\b")


class Died(BaseException):
    """The process is gone."""


def _die(*_: object) -> NoReturn:
    raise Died


@pytest.fixture(params=[True, False], ids=["many", "few"])
def many(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether ten lines are many: both ways have to say the same."""
    if request.param:
        monkeypatch.setattr(known, "FEW_LINES", 0)
        monkeypatch.setattr(reports, "FEW", 0)
    return bool(request.param)


async def _shop() -> tuple[Shop, Payment]:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    return shop, await a_payment(shop, amount=20_000, days_ago=0)


async def _settled() -> list[tuple[Any, ...]]:
    found = SettlementLine.all().order_by("report_id", "line")
    return sorted(await found.values_list("line", "effect", "amount", "by_amount", "settled_fee", "payment_reference"))


async def test_money_of_two_days_is_matched_and_stored_however_many_lines_there_are(many: bool) -> None:
    shop, payment = await _shop()
    refund = await a_refund(shop, payment, 4_000)
    await an_answer(refund, Succeeded("R1"))
    capture = a_line(payment, "CAPTURE", 20_000, settled_fee="1.23", settled_currency="BRL")
    left = a_line(payment, "REFUND", 3_000)
    by_order = a_line(payment, "CHARGEBACK", 10, payment_reference=None, order_reference="nobody's\t\\N")
    await a_night(shop, capture, a_line(payment, "REFUND", 4_000, pse_refund_reference="R1"), left, by_order)
    assert await balance(shop, Account.PSE_BALANCE) == 13_000
    # It came back in another date's line, and no line names a refund.
    back = a_line(payment, "REFUND", 3_000, "RETURNED")
    await a_night(shop, back, days=1)
    assert (await balance(shop, Account.PSE_BALANCE), await balance(shop, Account.SUSPENSE)) == (16_000, 0)
    assert sorted(effect for _, effect, *_ in await _settled()) == [
        "CAPTURE",
        "NONE",
        "REFUND",
        "TAKEN",
        "TAKEN_BACK",
    ]
    assert (await Payment.get(id=payment.id)).taken_by_bank == 0
    assert await invariants.check() == []
    before = await LedgerEntry.all().count(), await _settled()
    await database.execute("UPDATE reports SET known = NULL WHERE connection_id = $1", shop.connection.id)
    await a_night(shop, back, days=1)
    assert (await LedgerEntry.all().count(), await _settled()) == before, many


async def test_the_open_side_is_the_same_asked_for_and_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    shop, payment = await _shop()
    other = await a_payment(shop, amount=500, reference="it's \\N", days_ago=1)
    await an_answer(await a_refund(shop, payment, 4_000), Succeeded("R1"))
    await a_refund(shop, other, 100)
    await a_night(shop, a_line(payment, "CAPTURE", 20_000), a_line(payment, "REFUND", 700), a_line(other, "REFUND", 1))
    told = [a_line(payment, "CAPTURE", 1), a_line(other, "CAPTURE", 1), a_line(other, "CAPTURE", 1)]
    told[2] |= {"payment_reference": None, "order_reference": payment.order_reference or "none"}
    texts = {"booked_at": pl.String(), "business_date": pl.String()}
    lines = pl.DataFrame(told, schema={**REPORT_SCHEMA, **texts})
    asked = await known.known_of(shop.connection, "another's", lines)
    monkeypatch.setattr(known, "FEW_LINES", 0)
    copied = await known.known_of(shop.connection, "another's", lines)
    monkeypatch.setattr(near, "COST_MAX", 1e9)
    both_near = await known.known_of(shop.connection, "another's", lines)
    monkeypatch.setattr(near, "FEW_MAX", 1 / 2)  # one payment would be worth it, and there are two
    async with copying.aside() as raw:
        days = await near.days_of(raw, shop.connection, frames.in_memory(lines))
        assert days is not None
        assert (days.most, len(await raw.fetch(days.ids()))) == (1, 2)
    too_many = await known.known_of(shop.connection, "another's", lines)
    monkeypatch.setattr(near, "FEW_MAX", 2)
    monkeypatch.setattr(near, "ASKED", 1)  # the day of the first name: the other one is found by its name
    async with copying.aside() as raw:
        days = await near.days_of(raw, shop.connection, frames.in_memory(lines))
        assert days is not None
        assert [row["id"] for row in await raw.fetch(days.ids())] == [payment.id]
    one_near = await known.known_of(shop.connection, "another's", lines)
    for name in known.Known.__slots__:
        one = getattr(asked, name)
        assert one.height > 0
        for side in (copied, both_near, too_many, one_near):
            same = getattr(side, name)
            assert sorted(map(repr, one.rows())) == sorted(map(repr, same.rows()))
            assert one.schema == same.schema
    state = [await books_state.state_of(shop.connection, "another's") for _ in range(2)]
    for one, of_it in zip(state, (asked, copied), strict=True):
        one.add(lines, of_it)
    assert state[0].told() == state[1].told(), "what is added up has no order"


async def test_what_was_known_is_the_same_whichever_way_it_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    shop, payment = await _shop()
    store = await Store.create(merchant_id=shop.id, code="rj", name="Rio")
    one = await a_payment(shop, amount=500, days_ago=0, order="order-1")
    other = await a_payment(replace(shop, store=store), amount=500, days_ago=0)
    told = [a_line(some, "CAPTURE", 1) for some in (payment, one, other)]
    lines = pl.DataFrame(told, schema={**REPORT_SCHEMA, "booked_at": pl.String(), "business_date": pl.String()})
    states, stores = list[str](), list[list[Any]]()
    monkeypatch.setattr(near, "COST_MAX", 1e9)
    for few in (1_000, 0):  # asked for by name, and copied with all of their days
        monkeypatch.setattr(known, "FEW_LINES", few)
        found, state = (
            await known.known_of(shop.connection, "x", lines),
            await books_state.state_of(shop.connection, "x"),
        )
        state.add(lines, found)
        states.append(state.told())
        stores.append(sorted(found.payments.select("payment_id", "store_id").rows()))
    assert (states[0], stores[0]) == (states[1], stores[1])
    assert len({store_id for _, store_id in stores[0]}) == 2


async def test_what_is_copied_is_what_comes_back_whatever_is_in_it() -> None:
    lines = pl.DataFrame({"name": [*NASTY, None], "number": [*range(len(NASTY)), None], "flag": [True, *[None] * 13]})
    async with copying.aside() as raw:
        await raw.execute("CREATE TEMPORARY TABLE copied (name text, number bigint, flag boolean)")
        await copying.into(raw, "copied", lines)
        found = await copying.out(raw, "SELECT * FROM copied ORDER BY number", schema=lines.schema)
        told = copying.literal("it's"), copying.literal(["a", "b'"])
        assert await raw.fetchrow(f"SELECT {told[0]}, {told[1]}") == ("it's", ["a", "b'"])
        await raw.execute("DROP TABLE copied")
    assert found.equals(lines)
    with pytest.raises(copying.CutCopy):
        copying.whole(1, 2)


async def test_lines_are_stored_word_for_word_and_to_the_microsecond(
    many: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, payment = await _shop()
    moments = [f"2026-02-28T23:59:5{number % 10}.{number:06}+00:00" for number in range(len(NASTY) + 1)]
    told = list(zip([*NASTY, None], moments, strict=True))
    lines = [a_line(payment, "FEE", 1, kind=kind, booked_at=at) for kind, at in told]
    lines[0] |= {"type": "CAPTURE", "settled_currency": "BRL", "settled_net": "0.01"}
    await a_night(shop, *lines)
    monkeypatch.setattr(held, "_SAID_MAX", 1)  # more words than are worth a number
    await a_night(shop, *lines, days=1)
    for report in await Report.all():
        kept = await SettlementLine.filter(report_id=report.id).order_by("line")
        assert [(one.kind, one.booked_at.isoformat(timespec="microseconds")) for one in kept] == told, many
        assert [(one.type, one.settled_currency) for one in kept[:2]] == [("CAPTURE", "BRL"), ("FEE", None)]


async def test_the_same_report_is_recognised_until_the_books_know_more(many: bool) -> None:
    shop, payment = await _shop()
    refund = await a_refund(shop, payment, 4_000)
    await an_answer(refund, Succeeded("R1"))
    line = a_line(payment, "REFUND", 4_100, pse_refund_reference="R1")
    await a_night(shop, line)
    first = await Report.get()
    await a_night(shop, line)
    again = await Report.get()
    assert first.known is not None
    assert again.known == first.known, many
    await database.execute("UPDATE reports SET known = 'other' WHERE id = $1", first.id)
    await a_night(shop, line)
    assert (await Report.get()).known == first.known
    await a_night(shop, a_line(payment, "CAPTURE", 20_000), days=1)
    await a_night(shop, line)
    assert (await Report.get(id=first.id)).known != first.known, "another report was stored meanwhile"
    assert (await open_findings(), await invariants.check()) == (["AMOUNT_MISMATCH"], [])


async def test_a_night_that_died_before_it_had_said_all_says_it_when_it_is_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop, payment = await _shop()
    await an_answer(await a_refund(shop, payment, 4_000), Succeeded("R1"))
    line = a_line(payment, "REFUND", 4_100, pse_refund_reference="R1")
    for point, stored in (("reconcile.before_commit", 0), ("reconcile.committed", 1)):
        with monkeypatch.context() as armed:
            armed.setattr(os, "kill", _die)
            armed.setattr(crash, "_name", point)
            armed.setattr(crash, "_left", 1)
            with pytest.raises(Died):
                await a_night(shop, line)
        assert (await SettlementLine.all().count(), await open_findings()) == (stored, [])
    await a_night(shop, line)
    assert (await SettlementLine.all().count(), await open_findings()) == (1, ["AMOUNT_MISMATCH"])
