"""Rows of one refund that add up to its amount settle it, by its name and over dates; whatever is more is a finding."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain import invariants
from domain.models import Finding, Payment, Refund, Report
from domain.models.ledger import Account
from domain.pse import registry
from domain.pse.vocabulary import Returned, Succeeded
from domain.quotes import actual
from domain.reconciliation import to_repeat
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from tests.kit.factories import CAUSE, Shop, a_payment, a_refund, a_shop, an_answer
from tests.kit.lines import Telling, a_line, a_night, balance, effects, open_findings, settled, today

pytestmark = pytest.mark.usefixtures("books")


def _noon() -> datetime:
    return datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)


async def _refunded(amount: int = 4_000) -> tuple[Shop, Payment, Refund]:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop, days_ago=0)
    refund = await a_refund(shop, payment, amount)
    await an_answer(refund, Succeeded("P1"))
    return shop, payment, refund


def _left(payment: Payment, refund: Refund, amount: int, hours: int = 0, **more: Any) -> dict[str, Any]:
    return _row(payment, refund, amount, "SUCCEEDED", hours, **more)


def _row(payment: Payment, refund: Refund, amount: int, state: str, hours: int, **more: Any) -> dict[str, Any]:
    net = f"{(-1 if state == 'SUCCEEDED' else 1) * amount / 100:.2f}"
    at = (_noon() + timedelta(hours=hours)).isoformat()
    return a_line(
        payment, "REFUND", amount, state, reference=refund.reference, booked_at=at, **{**settled(net), **more}
    )


async def _stands(shop: Shop) -> tuple[int, int, int]:
    """What is claimed of refunds, what is unexplained, and what the PSE holds."""
    assert await invariants.check() == []
    clearing, suspense, held = [
        await balance(shop, one) for one in (Account.PSE_CLEARING, Account.SUSPENSE, Account.PSE_BALANCE)
    ]
    return clearing - 10_000, suspense, held


@pytest.mark.parametrize(("first", "rest"), [(3_000, 1_000), (1_000, 3_000)])
async def test_the_rest_of_a_refund_that_a_later_report_tells_settles_it(first: int, rest: int) -> None:
    shop, payment, refund = await _refunded()
    await a_night(shop, _left(payment, refund, first), days=-1)
    assert (await open_findings(), await _stands(shop)) == (["AMOUNT_MISMATCH"], (first - 4_000, 0, -first))
    await a_night(shop, _left(payment, refund, rest, 5))
    assert (await open_findings(), await _stands(shop)) == ([], (0, 0, -4_000))
    for days, some, hours in ((0, rest, 5), (-1, first, 0)):  # the same again is the same
        await a_night(shop, _left(payment, refund, some, hours), days=days)
    assert (await open_findings(), await _stands(shop)) == ([], (0, 0, -4_000))


async def test_so_do_two_rows_of_one_report_and_rows_of_different_payouts() -> None:
    shop, payment, refund = await _refunded()
    rows = [_left(payment, refund, n, payout_reference=f"po-{n}") for n in (3_000, 1_000)]
    await a_night(shop, *rows)
    assert (await open_findings(), await _stands(shop)) == ([], (0, 0, -4_000))
    assert await effects() == ["REFUND", "REFUND"]


async def test_what_it_has_cost_is_what_all_of_its_rows_say() -> None:
    shop, payment, refund = await _refunded()
    for day, some in enumerate((3_000, 1_000)):
        net = f"-{some / 100 + 1:.2f}"
        await a_night(
            shop,
            _left(payment, refund, some, day, **settled(net, fee="-1.00", gross=f"-{some / 100:.2f}")),
            days=day - 1,
        )
    cost = (await actual.of_refunds([refund.id]))[refund.id]
    assert (cost.fee, cost.fx, cost.currency) == (200, 0, "BRL")


async def test_three_rows_settle_it_when_the_last_one_is_there_and_what_is_still_missing_is_said_until_then() -> None:
    shop, payment, refund = await _refunded()
    for day, (some, left) in enumerate(((2_000, 2_000), (1_500, 500), (500, 0))):
        await a_night(shop, _left(payment, refund, some, day), days=day - 2)
        assert await _stands(shop) == (-left, 0, left - 4_000)
        assert [one.amount for one in await Finding.filter(resolved_at=None)] == [left] * (left > 0)


@pytest.mark.parametrize("beyond", [1_000, 500, 4_000])
async def test_a_further_row_beyond_its_amount_is_a_duplicate(beyond: int) -> None:
    shop, payment, refund = await _refunded()
    for day, some in enumerate((3_000, 1_000, beyond)):
        await a_night(shop, _left(payment, refund, some, day), days=day - 2)
    assert (await open_findings(), await _stands(shop)) == (["DUPLICATE_LINE"], (0, beyond, -4_000 - beyond))
    await a_night(shop, days=0)  # the last report has it no longer
    assert (await open_findings(), await _stands(shop)) == ([], (0, 0, -4_000))


async def test_a_row_of_the_same_amount_may_be_the_same_row_so_somebody_looks() -> None:
    shop, payment, refund = await _refunded()
    await a_night(shop, _left(payment, refund, 2_000), days=-1)
    await a_night(shop, _left(payment, refund, 2_000, 5))
    assert await open_findings() == ["AMOUNT_MISMATCH", "DUPLICATE_LINE"]
    assert await _stands(shop) == (-2_000, 2_000, -4_000)


async def test_the_same_part_told_by_another_file_is_counted_once() -> None:
    shop, payment, refund = await _refunded()
    await a_night(shop, _left(payment, refund, 3_000), days=-1)
    await a_night(shop, _left(payment, refund, 3_000), _left(payment, refund, 1_000, 5))
    assert (await open_findings(), await _stands(shop)) == ([], (0, 0, -4_000))


async def test_a_part_of_one_payout_in_two_files_is_one_and_of_two_payouts_is_there_twice() -> None:
    shop, payment, refund = await _refunded()
    rows = [_left(payment, refund, n, n // 1_000, payout_reference=f"po-{n}") for n in (3_000, 1_000)]
    await a_night(shop, rows[0], days=-2)
    await a_night(shop, rows[1], days=-1)
    await a_night(shop, rows[1], name="again.json", days=-1)
    assert (await open_findings(), await _stands(shop)) == ([], (0, 0, -4_000))
    await a_night(shop, rows[1] | {"payout_reference": "po-3"})
    assert (await open_findings(), await _stands(shop)) == (["DUPLICATE_LINE"], (0, 1_000, -5_000))


async def test_no_row_is_a_part_by_its_amount_alone_or_under_another_name_of_the_pse() -> None:
    shop, payment, refund = await _refunded()
    await a_night(shop, _left(payment, refund, 3_000, pse_refund_reference="P1"), days=-1)
    nameless = a_line(payment, "REFUND", 1_000, **settled("-10.00"))
    await a_night(shop, nameless, _left(payment, refund, 1_000, 5, pse_refund_reference="P2"))
    assert {"AMOUNT_MISMATCH", "DUPLICATE_REFUND"} <= set(await open_findings())
    clearing, suspense, held = await _stands(shop)
    assert (clearing, held, suspense > 0) == (-1_000, -5_000, True)


async def test_a_part_that_a_revised_report_has_no_longer_is_missing_again() -> None:
    shop, payment, refund = await _refunded()
    await a_night(shop, _left(payment, refund, 3_000), days=-1)
    await a_night(shop, _left(payment, refund, 1_000, 5))
    await a_night(shop, days=-1)
    await a_night(shop, _left(payment, refund, 1_000, 5))  # it is read again, as the timetable does
    assert (await open_findings(), await _stands(shop)) == (["AMOUNT_MISMATCH"], (-3_000, 0, -1_000))
    await a_night(shop, _left(payment, refund, 3_000), days=-1)
    assert (await open_findings(), await _stands(shop)) == ([], (0, 0, -4_000))


async def _again_what_is_marked(shop: Shop, *dates: list[dict[str, Any]]) -> None:
    """Repeat the dates whose reports are to be read again, as the timetable does; the last is today's."""
    for _ in range(len(dates) + 1):
        for report in await Report.filter(superseded_at=None).exclude(repeat_since=None):
            days = (report.business_date - today()).days
            await a_night(shop, *dates[days - 1], days=days)
    assert not await Report.filter(superseded_at=None).exclude(repeat_since=None).exists()


async def _moved_to_and_fro(order: tuple[int, ...]) -> tuple[int, int, int]:
    """A refund that leaves, comes back, and so on, under one name, in a file each; files come in that order."""
    shop, payment, refund = await _refunded()
    await record(refund.id, Returned("CLOSED", "It came back.", "P1"), Source(Door.NOTICE), CAUSE)
    rows = [_row(payment, refund, 4_000, ("SUCCEEDED", "RETURNED")[n % 2], 5 * n) for n in range(len(order))]
    for number in order:
        await a_night(shop, rows[number], days=number - len(order) + 1)
    await _again_what_is_marked(shop, *([row] for row in rows))
    return await _stands(shop)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1)])
async def test_what_left_again_under_its_name_after_it_had_come_back_is_told_from_the_same_row_by_its_time(
    order: tuple[int, ...],
) -> None:
    assert await _moved_to_and_fro(order) == (0, 4_000, -4_000)
    assert "DUPLICATE_LINE" in await open_findings()


@pytest.mark.parametrize("order", [(0, 3, 1, 2), (0, 1, 2, 3), (0, 1, 3, 2), (0, 2, 1, 3), (1, 2, 3, 0), (3, 2, 1, 0)])
async def test_and_what_then_came_back_again(order: tuple[int, ...]) -> None:
    assert await _moved_to_and_fro(order) == (0, 0, 0)
    assert await open_findings() == ["DUPLICATE_LINE", "DUPLICATE_LINE", "RETURNED"]


async def test_so_it_is_where_another_kind_of_report_tells_some_of_it_too_at_other_times() -> None:
    shop, payment, refund = await _refunded()
    ours = [_row(payment, refund, 4_000, ("SUCCEEDED", "RETURNED")[n % 2], 5 * n, kind="a") for n in range(4)]
    late = {"booked_at": (_noon() + timedelta(hours=1)).isoformat()}
    theirs = [{**ours[0], "kind": "b", **late}, *({**ours[n], "kind": "b"} for n in (1, 3))]
    nights = [theirs[:1], ours[3:], ours[:1], theirs[2:], ours[1:3], theirs[1:2]]
    for number, rows in enumerate(nights):
        await a_night(shop, *rows, days=number - 5)
    await _again_what_is_marked(shop, *nights)
    assert await _stands(shop) == (0, 0, 0)
    assert await open_findings() == ["DUPLICATE_LINE", "DUPLICATE_LINE", "RETURNED", "STATUS_MISMATCH"]


async def test_what_left_once_more_is_counted_once_though_two_kinds_of_report_tell_it_under_two_names() -> None:
    shop, payment, refund = await _refunded()
    rows = [_row(payment, refund, 4_000, ("SUCCEEDED", "RETURNED")[n % 2], 5 * n, kind="a") for n in range(3)]
    theirs = {"kind": "b", "reference": None, "pse_refund_reference": "P1"}
    for number, row in enumerate(rows):
        await a_night(shop, row, days=number - 3)
    later = {"booked_at": (_noon() + timedelta(hours=11)).isoformat()}
    for name, more in (("b.json", rows[:2]), ("c.json", [{**rows[2], **later}])):
        await a_night(shop, *({**row, **theirs} for row in more), name=name)
    assert await _stands(shop) == (0, 4_000, -4_000)
    assert "DUPLICATE_LINE" in await open_findings()
    await a_night(shop, days=-1)  # one of both has it no longer
    await a_night(shop, {**rows[2], **later, **theirs}, name="c.json")
    assert (await _stands(shop))[2] == -4_000


async def test_so_it_is_where_each_kind_tells_all_of_it_in_one_file() -> None:
    shop, payment, refund = await _refunded()
    for kind, late in (("b", 1), ("a", 0)):
        rows = [(4_000, ("SUCCEEDED", "RETURNED")[n % 2], 5 * n + late * (n > 1)) for n in range(3)]
        await a_night(shop, *(_row(payment, refund, *one, kind=kind) for one in rows), name=f"{kind}.json")
    assert await _stands(shop) == (0, 4_000, -4_000)
    await a_night(shop, name="b.json")
    await a_night(shop, *(_row(payment, refund, *one, kind="a") for one in rows), name="a.json")
    assert await _stands(shop) == (0, 4_000, -4_000)


async def test_a_part_that_is_in_one_file_twice_has_moved_twice() -> None:
    shop, payment, refund = await _refunded()
    await a_night(shop, *(_left(payment, refund, n) for n in (3_000, 1_000, 1_000)))
    assert (await open_findings(), await _stands(shop)) == (["DUPLICATE_LINE"], (0, 1_000, -5_000))


async def test_a_part_that_another_kind_of_report_tells_first_is_counted_once() -> None:
    shop, payment, refund = await _refunded()
    rest = [_left(payment, refund, 1_000, 5, kind=kind) for kind in ("payout", "settled")]
    await a_night(shop, _left(payment, refund, 3_000, kind="settled"), days=-2)
    await a_night(shop, rest[0], days=-1)
    await a_night(shop, rest[1])
    await _again_what_is_marked(shop, *([row] for row in rest))
    assert (await open_findings(), await _stands(shop)) == ([], (0, 0, -4_000))


async def test_parts_that_two_kinds_of_report_tell_are_counted_once_and_stand_as_long_as_one_of_both_tells_them() -> (
    None
):
    shop, payment, refund = await _refunded()
    parts = {kind: [_left(payment, refund, n, n // 1_000, kind=kind) for n in (3_000, 1_000)] for kind in ("a", "b")}
    await a_night(shop, *parts["a"][:1], days=-1)
    await a_night(shop, *parts["b"])
    assert (await open_findings(), await _stands(shop)) == ([], (0, 0, -4_000))
    await a_night(shop, *parts["a"], days=-1)
    assert (await open_findings(), await _stands(shop)) == ([], (0, 0, -4_000))
    await a_night(shop, days=-1)
    await a_night(shop, *parts["b"])
    assert (await open_findings(), await _stands(shop)) == ([], (0, 0, -4_000))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (0, 2, 1)])
async def test_what_one_kind_of_report_tells_in_parts_and_another_one_whole_is_counted_once(
    order: tuple[int, ...],
) -> None:
    shop, payment, refund = await _refunded()
    told = [
        [_left(payment, refund, 3_000, kind="a")],
        [_left(payment, refund, 1_000, 5, kind="a")],
        [_left(payment, refund, 4_000, 6, kind="b")],
    ]
    for number in order:
        await a_night(shop, *told[number], days=number - 2)
    await _again_what_is_marked(shop, *told)
    assert (await open_findings(), await _stands(shop)) == ([], (0, 0, -4_000))
    await a_night(shop)  # the one that tells it whole is there no longer
    for days in (-2, -1):
        await a_night(shop, *told[days + 2], days=days)
    assert (await open_findings(), await _stands(shop)) == ([], (0, 0, -4_000))


@pytest.mark.parametrize("lost", [0, 1])
async def test_a_part_that_is_told_no_longer_is_missing_nowhere_while_another_kind_of_report_tells_the_whole(
    lost: int,
) -> None:
    shop, payment, refund = await _refunded()
    parts = [_left(payment, refund, n, n // 1_000, kind="a") for n in (3_000, 1_000)]
    whole = _left(payment, refund, 4_000, 6, kind="b")
    await a_night(shop, *parts, days=-1)
    await a_night(shop, whole)
    for told in ([parts[1 - lost]], parts, []):
        await a_night(shop, *told, days=-1)
        await _again_what_is_marked(shop, told, [whole])
        assert (await open_findings(), await _stands(shop)) == ([], (0, 0, -4_000))


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4, 5), (5, 2, 3, 1, 0, 4), (5, 4, 3, 2, 1, 0)])
async def test_parts_and_what_left_whole_after_they_had_come_back_are_counted_once_by_two_kinds_of_report(
    order: tuple[int, ...],
) -> None:
    shop, payment, refund = await _refunded()
    again = [(4_000, "RETURNED", 10), (4_000, "SUCCEEDED", 12)]
    nights = [
        [_row(payment, refund, *one, kind=kind) for one in some]
        for kind, late in (("a", 0), ("b", 1))
        for some in ([(1_000, "SUCCEEDED", late)], [(3_000, "SUCCEEDED", 5 + late)], again)
    ]
    for number in order:
        await a_night(shop, *nights[number], days=number - 5)
    await _again_what_is_marked(shop, *nights)
    assert await _stands(shop) == (0, 4_000, -4_000)
    assert "DUPLICATE_LINE" in await open_findings()


async def test_rows_that_tell_their_fees_are_not_what_another_kind_of_report_tells_without_any() -> None:
    shop, payment, refund = await _refunded()
    plain: dict[str, Any] = dict.fromkeys(("settled_net", "settled_currency"))
    await a_night(shop, _left(payment, refund, 4_000, kind="b", **plain), days=-1)
    fee = {"fee": "-1.00", "gross": "-30.00"}
    await a_night(shop, _left(payment, refund, 3_000, kind="a", **settled("-31.00", **fee)))
    assert (await balance(shop, Account.FEES), await open_findings()) == (100, ["UNKNOWN_LINE"])


async def test_a_row_beyond_a_refund_is_a_duplicate_whatever_kind_of_report_has_told_it_whole() -> None:
    shop, payment, refund = await _refunded()
    await a_night(shop, _left(payment, refund, 4_000, kind="b"), days=-1)
    rows = [_left(payment, refund, n, hours, kind="a") for hours, n in enumerate((3_000, 1_000, 500))]
    await a_night(shop, *rows)
    assert (await open_findings(), await _stands(shop)) == (["DUPLICATE_LINE"], (0, 500, -4_500))


async def test_rows_of_nobody_and_of_their_copy_that_turn_out_to_be_parts_of_a_refund_of_ours_settle_it() -> None:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop, days_ago=0)
    refund = await a_refund(shop, payment, 4_000)
    rows = [a_line(payment, "REFUND", n, pse_refund_reference="P1", **settled(f"-{n}e-2")) for n in (3_000, 1_000)]
    for name in ("one.json", "copy.json"):
        await a_night(shop, *rows, name=name)
    assert await open_findings() == ["MISSING_IN_LEDGER"]
    await an_answer(refund, Succeeded("P1"))
    for name in ("one.json", "copy.json"):
        await a_night(shop, *rows, name=name)
    assert (await open_findings(), await _stands(shop)) == ([], (0, 0, -4_000))


@pytest.mark.parametrize("amounts", [(4_000,), (1_000, 3_000)])
@pytest.mark.parametrize("back", [False, True])
async def test_what_two_kinds_of_report_tell_under_two_names_is_one_as_soon_as_the_pse_says_that_both_are_ours(
    amounts: tuple[int, ...], back: bool
) -> None:
    registry.register(Telling())
    shop = await a_shop(pse="lab")
    payment = await a_payment(shop, days_ago=0)
    refund = await a_refund(shop, payment, 4_000)
    told = [(n, "SUCCEEDED", n // 1_000) for n in amounts] + [(4_000, "RETURNED", 9)] * back
    ours = [_row(payment, refund, *one, kind="a") for one in told]
    theirs = [{**one, "kind": "b", "reference": None, "pse_refund_reference": "P1"} for one in ours]
    for days, rows in enumerate((ours, theirs), start=-1):
        await a_night(shop, *rows, days=days)
    await record(refund.id, Succeeded("P1"), Source(Door.NOTICE), CAUSE)
    assert (await Refund.get(id=refund.id)).pse_refund_reference == "P1"
    assert await to_repeat.dates(shop.connection.id) == {today()}
    await a_night(shop, *theirs)
    assert (await _stands(shop))[1:] == (0, 0 if back else -4_000)
    assert (await Payment.get(id=payment.id)).taken_by_bank == 0


async def test_a_part_told_again_is_the_same_though_another_left_after_something_came_back() -> None:
    shop, payment, refund = await _refunded()
    for day, hours in enumerate((0, 10)):
        await a_night(shop, _left(payment, refund, (3_000, 1_000)[day], hours), days=day - 3)
    await a_night(shop, _row(payment, refund, 4_000, "RETURNED", 5), days=-1)
    for days in (0, -3):  # in another file, and in its own
        await a_night(shop, _left(payment, refund, 3_000), days=days)
    assert await _stands(shop) == (0, 0, 0)
    assert "DUPLICATE_LINE" not in await open_findings()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1)])
async def test_what_left_in_parts_of_one_kind_and_came_back_whole_by_another_is_there_again(
    order: tuple[int, ...],
) -> None:
    shop, payment, refund = await _refunded()
    told = [
        [_left(payment, refund, 3_000, kind="a")],
        [_left(payment, refund, 1_000, 1, kind="a")],
        [_row(payment, refund, 4_000, "RETURNED", 2, kind="b")],
    ]
    for number in order:
        await a_night(shop, *told[number], days=number - 2)
    for number in order:
        await a_night(shop, *told[number], days=number - 2)
    _, suspense, held = await _stands(shop)
    assert (suspense, held) == (0, 0)
