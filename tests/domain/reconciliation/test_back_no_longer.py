"""Money that left without us and that a report told to have come back, or that the PSE told too: reports drop it."""

from typing import Any

import pytest

from domain import invariants
from domain.findings import findings
from domain.models import Finding, Payment
from domain.money import Money
from domain.payments import unnamed
from domain.pse import registry
from domain.pse.vocabulary import Declined, KnownRefund, Succeeded
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from tests.domain.reconciliation.test_died_unstored import NAMED, _dies, _shop, _taken
from tests.kit.factories import CAUSE, Shop, a_payment, a_refund, a_shop, an_answer
from tests.kit.lines import Telling, a_line, a_night, open_findings

pytestmark = pytest.mark.usefixtures("books")
NAMELESS = {"by_amount": True, "reference": "n1"}
OTHER = {"by_amount": True, "reference": "n2"}
BACK = {"by_amount": True, "reference": "b1"}
# How money left, and how it came back. Nights in which the way changes nothing are played with a payment for each.
WAYS: list[tuple[dict[str, Any], dict[str, Any]]] = [(NAMED, NAMED), (NAMELESS, NAMELESS), (NAMELESS, BACK)]
Lines = list[dict[str, Any]]


def _left(payment: Payment, named: dict[str, Any]) -> dict[str, Any]:
    return a_line(payment, "REFUND", 3_000, **named)


def _back(payment: Payment, named: dict[str, Any], state: str = "RETURNED") -> dict[str, Any]:
    return a_line(payment, "REFUND", 3_000, state, **named)


def _listed(reference: str, outcome: Succeeded | Declined | None = None) -> KnownRefund:
    return KnownRefund(reference, None, Money(3_000, "BRL"), outcome or Succeeded(None), True, "MED", None, None)


async def _by_each_way() -> tuple[Shop, list[Payment], Lines, Lines]:
    """A shop with a payment for each way, the lines of its leaving, and those of its return."""
    shop, first = await _shop()
    payments = [first, *[await a_payment(shop, amount=10_000, days_ago=0) for _ in WAYS[1:]]]
    ways = list(zip(payments, WAYS, strict=True))
    return shop, payments, [_left(one, left) for one, (left, _) in ways], [_back(one, back) for one, (_, back) in ways]


async def _each_taken(payments: list[Payment]) -> set[int]:
    assert await invariants.check() == []
    return {(await Payment.get(id=one.id)).taken_by_bank for one in payments}


async def test_what_came_back_by_a_report_that_tells_so_no_longer_is_taken_again() -> None:
    shop, payments, left, back = await _by_each_way()
    await a_night(shop, *left)
    seen = []
    for told in (back, back, [], [], back, []):
        await a_night(shop, *told, days=1)
        seen.append((await _each_taken(payments), len(await open_findings()) / len(WAYS)))
    await a_night(shop, *left)
    # That it is gone after all is a finding beside the one of its leaving, until it came back again.
    assert seen == [({0}, 1), ({0}, 1), ({3_000}, 2), ({3_000}, 2), ({0}, 1), ({3_000}, 2)]
    assert (await _each_taken(payments), await open_findings()) == ({3_000}, ["MISSING_IN_LEDGER"] * 2 * len(WAYS))


async def test_a_person_sees_that_money_which_was_counted_as_back_is_gone_after_all() -> None:
    shop, payment = await _shop()
    await a_night(shop, _left(payment, NAMED))
    await a_night(shop, _back(payment, NAMED), days=1)
    (first,) = await Finding.all()
    await findings.resolve(shop.id, first.fingerprint, "Ana: it came back.")
    await a_night(shop, days=1)
    (found,) = await Finding.filter(resolved_at=None)
    assert (found.kind, found.amount, found.payment_id) == ("MISSING_IN_LEDGER", 3_000, payment.id)
    assert "gone after all" in found.explanation
    await a_night(shop)  # and no report tells any longer that it had left
    assert (await _taken(payment), await open_findings()) == (0, [])


async def test_what_came_back_in_a_night_that_died_and_is_told_by_no_report_is_taken_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop, payments, left, back = await _by_each_way()
    await a_night(shop, *left)
    await _dies(monkeypatch, shop, *back, days=1)
    assert await _each_taken(payments) == {0}
    for _ in range(2):
        await a_night(shop, days=1)
        assert await _each_taken(payments) == {3_000}


@pytest.mark.parametrize("first", [0, 1])
async def test_what_left_and_came_back_is_told_no_more_and_then_told_again_to_have_left(first: int) -> None:
    shop, payments, left, back = await _by_each_way()
    await a_night(shop, *left)
    await a_night(shop, *back, days=1)
    for days in (first, 1 - first):
        await a_night(shop, days=days)
    assert (await _each_taken(payments), await open_findings()) == ({0}, [])
    await a_night(shop, *left)
    assert await _each_taken(payments) == {3_000}


async def test_a_nameless_return_that_is_called_otherwise_when_the_night_is_repeated_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop, payment = await _shop()
    await a_night(shop, _left(payment, NAMELESS), _left(payment, OTHER))
    await _dies(monkeypatch, shop, _back(payment, BACK), days=1)
    for _ in range(2):
        await a_night(shop, _back(payment, {**BACK, "reference": "b2"}), days=1)
        assert await _taken(payment) == 3_000


async def test_money_of_a_failed_refund_whose_return_is_told_no_longer_is_taken_again() -> None:
    shop, payment = await _shop()
    failed = await a_refund(shop, payment, 3_000)
    await an_answer(failed, Declined("NO", "no"))
    named = {"reference": failed.reference}
    await a_night(shop, _left(payment, named))
    await a_night(shop, _back(payment, named), days=1)
    assert await _taken(payment) == 0
    await a_night(shop, days=1)
    assert await _taken(payment) == 3_000


async def test_what_was_told_before_the_payment_was_registered_and_came_back_no_longer_is_taken_again() -> None:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    ghost = await a_payment(shop, amount=100, days_ago=0)
    left, back = ({**line, "payment_reference": "late"} for line in (_left(ghost, NAMED), _back(ghost, NAMED)))
    await a_night(shop, left, back)
    payment = await a_payment(shop, amount=10_000, reference="late", days_ago=0)
    assert await _taken(payment) == 0
    await a_night(shop, left)
    assert await _taken(payment) == 3_000


async def test_what_the_pse_listed_and_a_report_told_to_have_come_back_stays_taken_when_all_of_that_is_dropped() -> (
    None
):
    shop, payments, left, back = await _by_each_way()
    for payment in payments:
        await unnamed.from_listing(payment, [_listed("theirs")], CAUSE)
    await a_night(shop, *left)
    await a_night(shop, *back, days=1)
    assert await _each_taken(payments) == {0}
    for days in (1, 0, 1):
        await a_night(shop, days=days)
        assert await _each_taken(payments) == {3_000}


async def test_what_was_refunded_once_more_before_its_return_was_dropped_is_taken_again_and_seen() -> None:
    shop, payment = await _shop()
    await a_night(shop, _left(payment, NAMED))
    await a_night(shop, _back(payment, NAMED), days=1)
    await an_answer(await a_refund(shop, payment, 10_000), Succeeded("one"))
    await a_night(shop, days=1)
    assert (await _taken(payment), await open_findings()) == (3_000, ["DUPLICATE_REFUND", *["MISSING_IN_LEDGER"] * 2])


async def test_what_a_look_up_tells_of_a_failed_refund_after_a_report_stays_when_the_report_is_revised() -> None:
    shop, payment = await _shop()
    failed = await a_refund(shop, payment, 3_000)
    await an_answer(failed, Declined("NO", "no"))
    await a_night(shop, _left(payment, {"reference": failed.reference}))
    await record(failed.id, Succeeded("one"), Source(Door.LOOK_UP), CAUSE)
    await a_night(shop)
    assert await _taken(payment) == 3_000


async def test_what_the_pse_itself_listed_as_returned_has_come_back_whatever_a_report_drops() -> None:
    shop, payment = await _shop()
    await a_night(shop, _left(payment, NAMED))
    await a_night(shop, _back(payment, NAMED), days=1)
    await unnamed.from_listing(payment, [_listed("theirs", Declined("RETURNED", "It came back."))], CAUSE)
    await a_night(shop, days=1)
    assert await _taken(payment) == 0


@pytest.mark.parametrize(("named", "listed"), [(NAMED, "theirs"), (NAMELESS, "listed")])
@pytest.mark.parametrize("died", [True, False])
async def test_what_the_pse_listed_after_a_report_had_told_of_it_stays_taken_when_the_report_is_revised(
    monkeypatch: pytest.MonkeyPatch, named: dict[str, Any], listed: str, *, died: bool
) -> None:
    shop, payment = await _shop()
    if died:
        await _dies(monkeypatch, shop, _left(payment, named))
    else:
        await a_night(shop, _left(payment, named))
    await unnamed.from_listing(payment, [_listed(listed)], CAUSE)
    for _ in range(2):
        await a_night(shop)
        assert await _taken(payment) == 3_000


async def test_of_two_nameless_refunds_of_which_the_pse_lists_one_the_other_is_given_back() -> None:
    shop, payment = await _shop()
    await a_night(shop, _left(payment, NAMELESS), _left(payment, OTHER))
    await unnamed.from_listing(payment, [_listed("listed")], CAUSE)
    await a_night(shop)
    assert (await _taken(payment), await invariants.check()) == (3_000, [])


async def test_what_is_listed_after_a_nameless_return_was_dropped_is_other_money() -> None:
    shop, payment = await _shop()
    await a_night(shop, _left(payment, NAMELESS))
    await a_night(shop, _back(payment, BACK), days=1)
    await a_night(shop, days=1)
    await unnamed.from_listing(payment, [_listed("one"), _listed("two")], CAUSE)
    assert await _taken(payment) == 6_000
