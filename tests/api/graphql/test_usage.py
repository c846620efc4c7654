"""What is used is counted by month, announced at 80 and 100 %, and a hard quota refuses what is new alone."""

import csv
import io
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from domain.access.tokens import Role
from domain.models import Deed, News, Refund, UsageCalls, UsageMonth, UsageNote, UsagePlan
from domain.platform.database import execute
from domain.problems import InvalidInput
from domain.pse.vocabulary import Succeeded
from domain.usage import months, plans, quotas
from domain.usage.calls import Calls
from domain.usage.plans import Metered, Quota
from jobs import usage as jobs
from tests.api.conftest import Enter, global_id
from tests.kit.factories import CAUSE, OwnerRows, a_key, a_payment, a_person, a_refund, a_shop, an_answer
from tests.kit.lines import today

_USAGE = """{ usage { plan { name support quotas { counter limit hard } } renewsAt csv
  used { used percent quota { counter limit hard } }
  months { month refunds apiCalls deliveries lines countedAt closedAt } } }"""
_PLANS = "{ usagePlans { name support said quotas { counter limit hard } } }"
_SET = """mutation S($input: UsagePlanSetInput!) { usagePlanSet(input: $input) {
  plan { name support quotas { counter limit hard } } errors { ... on Error { code path message } } } }"""
_CREATE = """mutation C($input: RefundCreateInput!) { refundCreate(input: $input) { refund { id }
  errors { ... on Error { code message } ... on QuotaExceededError { counter used limit renewsAt } } } }"""
_CANCEL = """mutation X($input: RefundCancelInput!) { refundCancel(input: $input) { refund { id }
  errors { ... on Error { code } } } }"""


async def test_usage_is_counted_announced_and_a_hard_quota_refuses_what_is_new_alone(enter: Enter) -> None:
    asker = await enter(Role.PLATFORM_ADMIN)
    shop = asker.shop
    payment = await a_payment(shop, amount=100_000)
    refunds = [await a_refund(shop, payment, 1_000 + number) for number in range(4)]
    other = await a_shop(name="Outra")
    calls = Calls()
    for _ in range(3):
        calls.note(shop.id)
    calls.note(other.id)
    await calls.flush()
    calls.note(shop.id)
    await calls.flush()
    await calls.flush()  # nothing was counted since
    assert (await UsageCalls.get(merchant_id=shop.id)).calls == 4
    assert await jobs.count() == 0  # no plan, nothing to reach
    told = await asker.ask(_USAGE)
    assert (told["plan"]["name"], told["used"]) == ("UNLIMITED", [])
    (month,) = told["months"]
    assert (month["refunds"], month["apiCalls"], month["deliveries"], month["lines"]) == ("4", "4", "0", "0")
    assert month["closedAt"] is None
    # A plan whose quota is nearly used.
    given = {"merchantId": str(shop.id), "plan": "STARTER"}
    quota = [{"counter": "REFUNDS", "limit": "5", "hard": True}]
    set_ = await asker.ask(_SET, input={**given, "quotas": quota})
    assert set_["errors"] == []
    assert {"counter": "REFUNDS", "limit": "5", "hard": True} in set_["plan"]["quotas"]
    assert await jobs.count() == 1
    assert await jobs.count() == 0  # said once
    note = await UsageNote.get(merchant_id=shop.id)
    assert (note.counter, note.percent, note.used, note.quota, note.hard) == ("REFUNDS", 80, 4, 5, True)
    news = await News.get(merchant_id=shop.id, kind="usage.reached")
    assert news.data["percent"] == 80
    used = (await asker.ask(_USAGE))["used"]
    assert {"used": "4", "percent": 80, "quota": {"counter": "REFUNDS", "limit": "5", "hard": True}} in used
    # The last one that the plan holds, and then no more: what was begun goes on.
    input_ = {"paymentId": global_id(payment), "reason": "OTHER", "amount": {"minorUnits": "7", "currency": "BRL"}}
    last = {**input_, "idempotencyKey": a_key()}
    made = await asker.ask(_CREATE, input=last)
    assert made["errors"] == []
    assert await jobs.count() == 1
    await quotas.refresh()
    assert await asker.ask(_CREATE, input=last) == made, "Whoever lost the answer asks again, and hears what there is."
    (error,) = (await asker.ask(_CREATE, input={**input_, "idempotencyKey": a_key()}))["errors"]
    assert (error["code"], error["counter"], error["used"], error["limit"]) == ("QUOTA_EXCEEDED", "REFUNDS", "5", "5")
    assert "until" in error["message"]
    assert "usagePlanSet" in error["message"]
    assert error["renewsAt"] == (await asker.ask(_USAGE))["renewsAt"]
    assert await Refund.filter(payment_id=payment.id).count() == 5
    await an_answer(refunds[0], Succeeded("D1"))
    assert (await asker.ask(_CANCEL, input={"refundId": global_id(refunds[1]), "idempotencyKey": a_key()}))[
        "errors"
    ] == []
    elsewhere = await enter(Role.REQUESTER, other)
    theirs = await a_payment(other)
    free = {**input_, "paymentId": global_id(theirs), "idempotencyKey": a_key()}
    assert (await elsewhere.ask(_CREATE, input=free))["errors"] == []
    # A larger plan, and it goes on; the one before has ended and stays.
    assert (await asker.ask(_SET, input={**given, "plan": "SCALE"}))["errors"] == []
    await quotas.refresh()
    assert (await asker.ask(_CREATE, input={**input_, "idempotencyKey": a_key()}))["errors"] == []
    assert await UsagePlan.filter(merchant_id=shop.id).count() == 2
    assert await Deed.filter(operation="usagePlanSet", merchant_id=shop.id).count() == 2


async def test_a_plan_is_given_by_the_platform_to_its_own_and_bounds_nothing_that_has_happened(enter: Enter) -> None:
    asker = await enter(Role.PLATFORM_ADMIN)
    known = {one["name"]: one for one in await asker.ask(_PLANS)}
    assert set(known) == {"UNLIMITED", "STARTER", "GROWTH", "SCALE"}
    for plan in plans.listed():
        assert not {one for one, quota in plan.quotas.items() if quota.hard} & plans.NEVER_HARD
    assert {one for one, _ in quotas.BEGINS.items()} == set(Metered) - plans.NEVER_HARD
    shop, other = asker.shop, await a_shop()
    (error,) = (await asker.ask(_SET, input={"merchantId": str(other.id), "plan": "SCALE"}))["errors"]
    assert error["code"] == "NOT_FOUND"
    for wrong in (
        {"plan": "NONE"},
        {"plan": "SCALE", "quotas": [{"counter": "LINES", "limit": "5", "hard": True}]},
        {"plan": "SCALE", "quotas": [{"counter": "REFUNDS", "limit": "0"}]},
    ):
        (error,) = (await asker.ask(_SET, input={"merchantId": str(shop.id), **wrong}))["errors"]
        assert error["code"] == "INVALID_INPUT"
    boss = a_person(shop, "boss", Role.PLATFORM_ADMIN)
    with pytest.raises(InvalidInput):
        await plans.give(boss, shop.id, "SCALE", {Metered.DELIVERIES: Quota(5, hard=True)}, CAUSE)


async def test_a_month_that_ends_is_closed_and_never_changes(enter: Enter, owner_rows: OwnerRows) -> None:
    asker = await enter(Role.ACCOUNTANT)
    shop = asker.shop
    payment = await a_payment(shop)
    refund = await a_refund(shop, payment, 1_000)
    await owner_rows("UPDATE merchants SET created_at = now() - interval '70 days' WHERE id = $1", shop.id)
    last = datetime.combine(today().replace(day=1) - timedelta(days=10), time(12), UTC)
    await owner_rows("ALTER TABLE refunds DISABLE TRIGGER USER")
    await owner_rows("UPDATE refunds SET created_at = $2 WHERE id = $1", refund.id, last)
    await months.count()
    found = await UsageMonth.filter(merchant_id=shop.id).order_by("month")
    assert [one.closed_at is None for one in found][-1:] == [True]
    assert all(one.closed_at is not None for one in found[:-1])
    assert [one.refunds for one in found][-2:] == [1, 0]
    closed = found[-2]
    await owner_rows("UPDATE refunds SET created_at = now() WHERE id = $1", refund.id)
    await months.count()
    assert [one.refunds for one in await UsageMonth.filter(merchant_id=shop.id).order_by("month")][-2:] == [1, 1]
    with pytest.raises(Exception, match=r"usage_months"):
        await execute("UPDATE usage_months SET refunds = 7 WHERE id = $1", closed.id)
    told: Any = list(csv.DictReader(io.StringIO((await asker.ask(_USAGE))["csv"])))
    assert [one["refunds"] for one in told][-2:] == ["1", "1"]
    assert (told[-1]["closed_at"], told[-2]["closed_at"] != "") == ("", True)
