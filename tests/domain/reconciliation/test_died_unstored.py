"""A night that died after it had booked what its report told, and whose report is revised before it is repeated."""

import os
from typing import Any, NoReturn

import pytest

from domain import invariants
from domain.models import Payment, ReconciliationRun
from domain.models.ledger import Account
from domain.money import Money
from domain.payments import unnamed
from domain.platform import crash
from domain.pse import registry
from domain.pse.vocabulary import Declined, KnownRefund, Succeeded
from domain.reconciliation import reconcile
from domain.reconciliation.nights import Failed
from tests.kit.factories import CAUSE, Shop, a_payment, a_refund, a_shop, an_answer
from tests.kit.lines import Telling, a_line, a_night, balance, open_findings, today

pytestmark = pytest.mark.usefixtures("books")
NAMED = {"reference": "theirs"}


class Died(BaseException):
    """The process is gone."""


def _die(*_: object) -> NoReturn:
    raise Died


async def _dies(monkeypatch: pytest.MonkeyPatch, shop: Shop, *lines: dict[str, Any], days: int = 0) -> None:
    """A night that is killed between what it books and what it stores (ESTORNO_CRASH=reconcile.entered:1)."""
    with monkeypatch.context() as armed:
        armed.setattr(os, "kill", _die)
        armed.setattr(crash, "_name", "reconcile.entered")
        armed.setattr(crash, "_left", 1)
        with pytest.raises(Died):
            await a_night(shop, *lines, days=days)


async def _shop() -> tuple[Shop, Payment]:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    return shop, await a_payment(shop, amount=10_000, days_ago=0)


async def _taken(payment: Payment) -> int:
    assert await invariants.check() == []
    booked: int = (await Payment.get(id=payment.id)).taken_by_bank
    return booked


@pytest.mark.parametrize("named", [NAMED, {}])
async def test_what_no_report_tells_of_when_the_night_is_repeated_is_given_back(
    monkeypatch: pytest.MonkeyPatch, named: dict[str, str]
) -> None:
    shop, payment = await _shop()
    line = a_line(payment, "REFUND", 3_000, **named)
    await _dies(monkeypatch, shop, line)
    assert (await _taken(payment), await open_findings()) == (3_000, ["MISSING_IN_LEDGER"])
    await a_night(shop)
    assert (await _taken(payment), await balance(shop, Account.SUSPENSE), await open_findings()) == (0, 0, [])
    await a_night(shop, line)
    assert await _taken(payment) == 3_000, "it is told again"


@pytest.mark.parametrize("named", [NAMED, {}])
async def test_what_the_repeated_night_still_tells_stays(
    monkeypatch: pytest.MonkeyPatch, named: dict[str, str]
) -> None:
    shop, payment = await _shop()
    line = a_line(payment, "REFUND", 3_000, **named)
    await _dies(monkeypatch, shop, line)
    for _ in range(2):
        await a_night(shop, line)
        assert (await _taken(payment), await balance(shop, Account.PSE_BALANCE)) == (3_000, -3_000)


async def test_what_is_told_with_another_amount_is_booked_with_that(monkeypatch: pytest.MonkeyPatch) -> None:
    shop, payment = await _shop()
    await _dies(monkeypatch, shop, a_line(payment, "REFUND", 3_000, **NAMED))
    await a_night(shop, a_line(payment, "REFUND", 2_000, **NAMED))
    assert (await _taken(payment), await balance(shop, Account.PSE_BALANCE)) == (2_000, -2_000)


async def test_one_line_of_two_that_have_no_name_is_given_back_when_the_other_alone_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop, payment = await _shop()
    lines = [a_line(payment, "REFUND", 3_000) for _ in range(2)]
    await _dies(monkeypatch, shop, *lines)
    assert await _taken(payment) == 6_000
    await a_night(shop, lines[1])
    assert await _taken(payment) == 3_000


async def test_a_line_without_a_name_that_is_called_otherwise_now_is_the_same_money(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop, payment = await _shop()
    await _dies(monkeypatch, shop, a_line(payment, "REFUND", 3_000))
    await a_night(shop, a_line(payment, "REFUND", 3_000))
    assert (await _taken(payment), await balance(shop, Account.PSE_BALANCE)) == (3_000, -3_000)


async def test_what_another_report_tells_of_or_the_pse_itself_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    shop, payment = await _shop()
    listed = KnownRefund("listed", None, Money(1_000, "BRL"), Succeeded(None), True, "MED", None, None)
    await unnamed.from_listing(payment, [listed], CAUSE)
    line = a_line(payment, "REFUND", 3_000, **NAMED)
    await _dies(monkeypatch, shop, line, a_line(payment, "REFUND", 1_000, reference="listed"))
    await a_night(shop, line, days=1)
    await a_night(shop)
    assert await _taken(payment) == 4_000


async def test_nothing_is_given_back_while_a_report_of_the_date_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    shop, payment = await _shop()
    await _dies(monkeypatch, shop, a_line(payment, "REFUND", 3_000, **NAMED))
    run = await reconcile.begin(shop.connection, today())
    await reconcile.reconcile(shop.connection, run, [], failed=[Failed(f"lab-{today()}.json", "not there")])
    assert ((await ReconciliationRun.get(id=run.id)).state, await _taken(payment)) == ("FAILED", 3_000)
    await a_night(shop)
    assert await _taken(payment) == 0


async def test_a_night_that_died_and_is_repeated_without_its_report_fails_and_says_which_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop, payment = await _shop()
    line = a_line(payment, "REFUND", 3_000, **NAMED)
    await _dies(monkeypatch, shop, line)
    for again in range(2):
        run = await reconcile.begin(shop.connection, today())
        await reconcile.reconcile(shop.connection, run, [])
        run = await ReconciliationRun.get(id=run.id)
        assert (run.state, run.failures, run.due_at is not None) == ("FAILED", again + 1, True)
        assert f"lab-{today()}.json" in (run.error or "")
        assert (await _taken(payment), await open_findings()) == (3_000, ["MISSING_IN_LEDGER", "NIGHT_FAILED"])
    await a_night(shop, line)
    assert (await ReconciliationRun.get(id=run.id)).state == "COMPLETED"
    assert (await _taken(payment), await open_findings()) == (3_000, ["MISSING_IN_LEDGER"])


async def test_nothing_is_given_back_before_the_report_that_told_of_it_is_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop, payment = await _shop()
    await _dies(monkeypatch, shop, a_line(payment, "REFUND", 3_000, **NAMED))
    seen = []
    for name, days in (("other.json", 0), (f"lab-{today()}.json", 1), ("other.json", 0)):
        await a_night(shop, name=name, days=days)
        seen.append(await _taken(payment))
    assert seen == [3_000, 3_000, 0]


async def test_a_refund_that_has_left_after_all_stays_in_suspense_when_its_date_is_repeated() -> None:
    shop, payment = await _shop()
    refund = await a_refund(shop, payment, 4_000)
    await an_answer(refund, Succeeded("one"))
    await a_night(shop, a_line(payment, "REFUND", 4_000, reference=refund.reference))
    await a_night(shop, a_line(payment, "REFUND", 4_000, "RETURNED", reference=refund.reference), days=1)
    await a_night(shop, days=1)
    await a_night(shop)  # and what told of its leaving tells of it no longer
    await a_night(shop, days=1)
    assert await _taken(payment) == 4_000


async def test_money_that_left_for_a_refund_that_had_failed_is_given_back_if_no_report_tells_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop, payment = await _shop()
    failed = await a_refund(shop, payment, 3_000)
    await an_answer(failed, Declined("NO", "no"))
    await _dies(monkeypatch, shop, a_line(payment, "REFUND", 3_000, reference=failed.reference))
    assert (await _taken(payment), await open_findings()) == (3_000, ["CONTRADICTION", "STATUS_MISMATCH"])
    await a_night(shop)
    assert (await _taken(payment), await open_findings()) == (0, ["STATUS_MISMATCH"])
