"""The signed intake: any ERP hands in refunds, hears back, and whatever is not its word does nothing."""

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest

from domain.access.tokens import Role
from domain.commerce import settle, waiting
from domain.commerce.vocabulary import SaidRefund, ShopKind
from domain.models import ShopNotice, ShopRefund
from domain.models.refunds import State
from domain.money import Money
from domain.platform.database import rows
from domain.pse.vocabulary import Declined, Returned, Succeeded
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from domain.refunds.request import retry
from tests.conftest import Database
from tests.kit.factories import CAUSE, OwnerRows, a_key, a_payment, a_person, a_refund, a_shop, an_answer
from tests.kit.shops import ShopWorld, a_world, connected
from tests.sandbox.shops.erp import SECRET, Erp


@pytest.fixture
def erp() -> Erp:
    return Erp()


@pytest.fixture
async def world(books: Database, erp: Erp) -> AsyncIterator[ShopWorld]:
    values = {"webhook_secret": SECRET, "callback_url": "{url}/states"}
    async with a_world(ShopKind.GENERIC, erp, values) as made:
        yield made


def _asked(external: str = "R-1", order: str = "O-1", amount: Any = "40.00", **more: Any) -> dict[str, Any]:
    return {"external_id": external, "order": {"id": order}, "amount": amount, "currency": "BRL", **more}


async def test_a_refund_is_handed_in_once_and_its_states_are_heard(world: ShopWorld, erp: Erp) -> None:
    payment = await world.payment("O-1")
    first = await world.post(erp.signed(_asked(reason={"text": "tamanho errado"})), "/refunds")
    assert (first.status_code, first.json()["state"], first.json()["replayed"]) == (202, "RECEIVED", False)
    again = await world.post(erp.signed(_asked(reason={"text": "tamanho errado"})), "/refunds")
    assert (again.status_code, again.json()["replayed"]) == (202, True)
    await world.work()
    (refund,) = await world.refunds()
    assert (refund.payment_id, refund.amount, refund.note) == (payment.id, 4_000, "tamanho errado")
    assert refund.requested_by == "shop Loja virtual"
    refund = await world.pay()
    assert refund.state is State.SUCCEEDED
    told = [one["type"] for one in erp.heard]
    assert told[0] == "refund.requested"
    assert told[-1] == "refund.succeeded"
    assert len(set(erp.ids)) == len(erp.ids) == len(told), "Each state is told once."
    assert erp.heard[-1]["refund"]["reference"] == refund.reference
    # Asked again after it has ended, by POST and by GET, it is the same refund.
    ended = await world.post(erp.signed(_asked(reason={"text": "tamanho errado"})), "/refunds")
    assert (ended.status_code, ended.json()["state"], ended.json()["refund"]["amount"]) == (200, "SUCCEEDED", "40.00")
    path = f"/shops/{world.shop.id}/refunds/R-1"
    _, headers = erp.signed(path.encode())
    shown = await world.http.get(f"{world.url}{path}", headers=headers)
    assert shown.json()["refund"]["state"] == "SUCCEEDED"
    other = await world.http.get(f"{world.url}/shops/{world.shop.id}/refunds/R-2", headers=headers)
    assert other.status_code == 401, "What is signed is the place that is asked."
    await world.work()
    assert len(await world.refunds()) == 1


async def test_a_shop_whose_history_cannot_be_followed_holds_up_no_other(
    world: ShopWorld, erp: Erp, owner_rows: OwnerRows
) -> None:
    broken = await connected(world.merchant, ShopKind.GENERIC, {"webhook_secret": SECRET}, "Broken")
    await owner_rows("UPDATE shops SET kind = 'WOOCOMMERCE', options = '[]' WHERE id = $1", broken.id)
    payment = await world.payment("O-1")
    await world.post(erp.signed(_asked(payment={"id": payment.pse_reference})), "/refunds")
    await world.work()
    await world.pay()
    assert erp.heard[-1]["type"] == "refund.succeeded"


async def test_how_a_refund_of_any_id_stands_is_signed_as_text(world: ShopWorld, erp: Erp) -> None:
    await world.payment("O-1")
    assert (await world.post(erp.signed(_asked("R#1?a=b %")), "/refunds")).status_code == 202
    path = f"/shops/{world.shop.id}/refunds/R#1?a=b %"
    _, headers = erp.signed(path.encode())
    shown = await world.http.get(f"{world.url}{quote(path)}", headers=headers)
    assert (shown.status_code, shown.json()["external_id"]) == (202, "R#1?a=b %")


async def test_the_same_id_with_other_content_is_a_conflict(world: ShopWorld, erp: Erp) -> None:
    await world.payment("O-1")
    await world.post(erp.signed(_asked()), "/refunds")
    for other in (_asked(amount="40.01"), _asked(order="O-2"), _asked(amount=None)):
        answer = await world.post(erp.signed(other), "/refunds")
        assert answer.status_code == 409, other
    await world.work()
    answer = await world.post(erp.signed(_asked(amount="41")), "/refunds")
    assert answer.status_code == 409
    await world.work()
    (refund,) = await world.refunds()
    assert refund.amount == 4_000


async def test_what_is_forged_broken_or_not_an_amount_does_nothing(world: ShopWorld, erp: Erp) -> None:
    await world.payment("O-1")
    body, headers = erp.signed(_asked())
    stale = erp.signed(_asked(), at=1_700_000_000)
    forged = [
        (body + b" ", headers),
        (body, {}),
        (body, {**headers, "webhook-id": "msg_other"}),
        (json.dumps(_asked("R-9")).encode(), headers),
        Erp("whsec_" + "A" * 40).signed(_asked()),
        stale,
    ]
    for said in forged:
        assert (await world.post(said, "/refunds")).status_code == 401
    unreadable: list[Any] = [
        b"", b"[]", b"{", b"null", b"\xff\xfe", b"[" * 50_000, {"external_id": ""},
        _asked(external="x" * 101), _asked(external="a\nb"), {**_asked(), "order": "O-1"},
        {"external_id": "R-1", "amount": "1.00", "currency": "BRL"},
        _asked(amount="-40.00"), _asked(amount="0.00"), _asked(amount="40.001"), _asked(amount="4e400"),
        _asked(amount=True), _asked(currency="KWD"), _asked(currency=None), _asked(amount={"value": 1}),
        _asked(canceled="yes"),
    ]  # fmt: skip
    for one in unreadable:
        answer = await world.post(erp.signed(one), "/refunds")
        assert answer.status_code == 400, one
    huge = await world.post(erp.signed(_asked(note="x" * 2_000_000)), "/refunds")
    assert huge.status_code in (202, 413), "The endpoint alone has no bound: the application has one before it."
    trial = await world.post(erp.signed(_asked("T-1", test=True)), "/refunds")
    assert (trial.status_code, trial.json()["state"]) == (202, "TEST")
    await world.work()
    assert await ShopNotice.filter(key="R-1").count() == (huge.status_code == 202)
    assert [one.amount for one in await world.refunds()] in ([], [4_000])


async def test_what_cannot_be_matched_waits_and_no_money_moves(world: ShopWorld, erp: Erp) -> None:
    theirs = await a_shop(name="Other")
    await a_payment(theirs, order="O-theirs")
    await world.payment("O-two"), await world.payment("O-two")
    mexican = await world.payment("O-usd", currency="USD")
    by_hand = await world.payment("O-hand")
    await an_answer(await a_refund(world.merchant, by_hand, 4_000), Succeeded("by hand"))
    whole = await world.payment("O-whole")
    await an_answer(await a_refund(world.merchant, whole), Succeeded("by hand, all"))
    small = await world.payment("O-small", 3_999)
    named = await world.payment("O-named")
    cases = {
        "NO_PAYMENT": [_asked("A1", "O-theirs"), _asked("A2", "nowhere"), _asked("A3", "%' OR 1=1 --")],
        "SEVERAL_PAYMENTS": [_asked("B1", "O-two")],
        "OTHER_CURRENCY": [_asked("C1", "O-usd")],
        "ALREADY_REFUNDED": [_asked("D1", "O-hand"), _asked("D2", "O-whole", "100.00")],
        "REFUSED": [_asked("E1", "O-small")],
        "OTHER_ORDER": [_asked("F1", "O-small", payment={"id": named.pse_reference})],
    }
    for asked in [one for several in cases.values() for one in several]:
        assert (await world.post(erp.signed(asked), "/refunds")).status_code == 202
    await world.work()
    found = {row.name: (row.state.value, row.why) for row in await world.all()}
    assert found == {one["external_id"]: ("WAITING", why) for why, several in cases.items() for one in several}
    for payment in (mexican, small, named):
        assert not await ShopRefund.filter(payment_id=payment.id).exists()
    assert len(await world.refunds()) == 2, "Those that were made by hand."
    # The ERP is told that it waits, by GET at least; a payment that is registered later is found by itself.
    await world.payment("nowhere")
    await world.later()
    row = await ShopRefund.get(name="A2")
    assert (row.state.value, row.waits_since) == ("LINKED", None)


async def test_two_equal_parts_are_two_refunds_and_another_shop_is_asked_about(world: ShopWorld, erp: Erp) -> None:
    await world.payment("O-1")
    for name in ("R-1", "R-2", "R-3"):
        await world.post(erp.signed(_asked(name)), "/refunds")
    await world.work()
    found = {row.name: (row.state.value, row.why) for row in await world.all()}
    assert found == {"R-1": ("LINKED", None), "R-2": ("LINKED", None), "R-3": ("WAITING", "REFUSED")}
    assert [one.amount for one in await world.refunds()] == [4_000, 4_000]
    other = await connected(world.merchant, ShopKind.GENERIC, {"webhook_secret": SECRET}, "Segunda loja")
    first, world.shop = world.shop, other
    named = {"payment": {"id": (await world.payment("O-3")).pse_reference}}
    await world.post(erp.signed(_asked("R-1", "O-3", **named)), "/refunds")
    world.shop = first
    await world.post(erp.signed(_asked("S-1", "O-3", **named)), "/refunds")
    await world.work()
    assert {row.name: row.why for row in await ShopRefund.filter(order_reference="O-3")} == {
        "R-1": None,
        "S-1": "ANOTHER_SHOP",
    }


async def test_canceled_in_time_it_is_withdrawn_and_late_it_is_a_persons(world: ShopWorld, erp: Erp) -> None:
    await world.payment("O-1")
    for name, amount in (("R-1", "10.00"), ("R-2", "20.00")):
        await world.post(erp.signed(_asked(name, amount=amount)), "/refunds")
    await world.work()
    first, second = await world.refunds()
    await world.pay(second)
    for name, amount in (("R-1", "10.00"), ("R-2", "20.00"), ("R-3", "30.00")):
        for _ in range(2):
            answer = await world.post(erp.signed(_asked(name, amount=amount, canceled=True)), "/refunds")
            assert answer.status_code < 300
            await world.work()
    assert [one.state for one in await world.refunds()] == [State.CANCELED, State.SUCCEEDED]
    found = {row.name: (row.state.value, row.why) for row in await world.all()}
    assert found["R-1"] == ("LINKED", None)
    assert found["R-2"] == ("LINKED", "CANCELED_TOO_LATE")
    assert found["R-3"][0] == "DISMISSED", "Canceled before we heard of it."


async def test_a_shop_that_does_not_hear_is_told_again_until_it_does(world: ShopWorld, erp: Erp) -> None:
    await world.payment("O-1")
    erp.refuses = [500, 503]
    await world.post(erp.signed(_asked()), "/refunds")
    await world.work()
    (refund,) = await world.refunds()
    await an_answer(refund, Declined("NO", "no balance", "x"))
    await world.work()
    await world.later()
    await world.later()
    assert [one["type"] for one in erp.heard] == ["refund.failed"]
    assert erp.heard[0]["why"]
    assert (await world.only()).told_state == "FAILED"
    calls = await rows("SELECT headers::text AS h, body, answer FROM shop_calls")
    assert calls
    assert all("v1," not in one["h"] for one in calls), "A signature is not kept."
    assert not any("whsec" in str(one) for one in calls)


async def test_what_is_paid_again_after_it_came_back_is_another_message(world: ShopWorld, erp: Erp) -> None:
    """Whoever remembers the ids of Standard Webhooks must not take it for the first, and believe that it is back."""
    await world.payment("O-1")
    await world.post(erp.signed(_asked()), "/refunds")
    await world.work()
    first = await world.pay()
    await record(first.id, Returned("BACK", "account closed"), Source(Door.NOTICE), CAUSE)
    await world.work()
    await world.pay((await retry(a_person(world.merchant, "ana", Role.ADMIN), first.id, a_key(), CAUSE)).refund)
    told = [one["state"] for one in erp.heard]
    assert told[-1] == "SUCCEEDED"
    assert told.count("SUCCEEDED") == 2
    assert len(set(erp.ids)) == len(erp.ids)


async def test_what_nobody_will_pay_is_not_told_as_waiting(world: ShopWorld, erp: Erp) -> None:
    await world.post(erp.signed(_asked()), "/refunds")
    await world.work()
    ana = a_person(world.merchant, "ana", Role.ADMIN)
    await waiting.dismiss(ana, (await world.only()).id, "Nothing is owed.", CAUSE)
    await world.work()
    assert [(one["type"], one["state"], one["why"]) for one in erp.heard] == [
        ("refund.dismissed", "DISMISSED", "Nothing is owed.")
    ]


async def test_of_two_amounts_that_a_shop_has_told_a_person_says_which_counts(world: ShopWorld, erp: Erp) -> None:
    shop, ana = await world.reload(), a_person(world.merchant, "ana", Role.ADMIN)
    payments = {one: await world.payment(one) for one in ("O-1", "O-2")}
    mine = await a_refund(world.merchant, payments["O-2"], 3_000)
    for name, order in (("R-1", "not yet"), ("R-2", "nor this")):
        for amount in (4_000, 3_000):
            await settle.take_in(shop, SaidRefund(name, order, amount=Money(amount, "BRL")), "told")
    first, second = await world.all()
    assert [first.why, second.why] == ["TOLD_OTHERWISE"] * 2
    await waiting.match(ana, first.id, payments["O-1"].id, None, Money(3_000, "BRL"), "It was corrected.", CAUSE)
    await waiting.match(ana, second.id, None, mine.id, None, "It is this one.", CAUSE)
    for name, order in (("R-1", "not yet"), ("R-2", "nor this")):
        await settle.take_in(shop, SaidRefund(name, order, amount=Money(3_000, "BRL")), "told again")
    assert [(one.state.value, one.waits_since) for one in await world.all()] == [("LINKED", None)] * 2
    assert [one.amount for one in await world.refunds()] == [3_000, 3_000]


async def test_a_shop_whose_secrets_do_not_open_is_failing_and_told_when_they_do(
    world: ShopWorld, erp: Erp, owner_rows: OwnerRows
) -> None:
    await world.payment("O-1")
    await world.post(erp.signed(_asked()), "/refunds")
    await world.work()
    (kept,) = await rows("SELECT sealed_secrets AS secrets FROM shops")
    await owner_rows("UPDATE shops SET sealed_secrets = 'broken'::bytea")
    await world.pay()
    for _ in range(13):
        await world.later()
    assert "do not open" in ((await world.reload()).failing_because or "")
    await owner_rows("UPDATE shops SET sealed_secrets = $1", kept["secrets"])
    erp.refuses = [503]
    await world.later()
    assert (await world.only()).why is None, "It was tried once."
    await world.later()
    assert (await world.only()).told_state == "SUCCEEDED"
    assert (await world.reload()).failing_since is None
