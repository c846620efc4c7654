"""What a PSE says of a refund that had ended another way: heard, asked about or told to a person, never passed over."""

import httpx
import pytest

from domain.access.tokens import Role
from domain.models import Event, Finding, Payment, Refund
from domain.models.ledger import Account
from domain.models.refunds import State
from domain.problems import Forbidden, InvalidState
from domain.pse import registry
from domain.pse.capabilities import LookUp
from domain.pse.ebanx.connector import Ebanx
from domain.pse.pix.connector import Pix
from domain.pse.vocabulary import Accepted, InDoubt, Method, Returned, Succeeded, Unsent
from domain.refunds import by_hand, next_step, schedule
from domain.refunds.by_hand import Evidence, Way
from domain.refunds.doubt import Verdict, resolve
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from domain.refunds.refresh import refresh
from domain.refunds.request import retry
from domain.refunds.work import Ask, Send
from tests.kit.factories import (
    CAUSE,
    OwnerRows,
    Shop,
    a_key,
    a_look_up,
    a_payment,
    a_person,
    a_refund,
    a_shop,
    an_answer,
    sent_earlier,
)
from tests.kit.lines import Telling, a_line, a_night, balance, open_findings, today

pytestmark = pytest.mark.usefixtures("books")
_PROBLEM = "https://pix.bcb.gov.br/api/v2/error/"


async def _lab(look_up: LookUp = LookUp.BY_REFERENCE) -> tuple[Shop, Payment]:
    registry.register(Telling(look_up=look_up))
    shop = await a_shop(pse="lab")
    return shop, await a_payment(shop, amount=10_000, days_ago=0)


async def _due(refund: Refund) -> next_step.Next | None:
    await schedule.postpone(refund.id, 0)
    return await next_step.take(refund.id, lease_seconds=60, send_seconds=20)


async def _two_people_say(verdict: Verdict, shop: Shop, refund: Refund, owner_rows: OwnerRows) -> None:
    await an_answer(refund, InDoubt("TIMEOUT", "no answer"))
    await sent_earlier(owner_rows, "10 minutes")
    for who in ("ana", "bo"):
        await resolve(a_person(shop, who, Role.ADMINISTRATOR), refund.id, verdict, "looked in the panel", CAUSE)


@pytest.mark.parametrize("look_up", [LookUp.BY_REFERENCE, LookUp.NONE])
async def test_a_late_send_that_the_pse_works_on_is_asked_about_or_told_and_not_retried(
    look_up: LookUp, owner_rows: OwnerRows
) -> None:
    shop, payment = await _lab(look_up)
    refund = await a_refund(shop, payment, 3_000)
    await _two_people_say(Verdict.NOT_PAID, shop, refund, owner_rows)
    await record(refund.id, Accepted("re_1"), Source(Door.NOTICE), CAUSE)
    with pytest.raises(InvalidState):
        await retry(shop.id, refund.id, a_key(), CAUSE)
    if look_up is LookUp.NONE:
        assert await open_findings() == ["STATUS_MISMATCH"]
        return
    for _ in range(2):
        assert (await a_look_up(refund, Accepted("re_1"))).due_in is not None
    await a_look_up(refund, Succeeded("re_1"))
    assert (await Payment.get(id=payment.id)).taken_by_bank == 3_000


async def test_a_return_that_only_a_line_without_a_name_told_is_not_retried_while_the_pse_says_that_it_stays_paid() -> (
    None
):
    shop, payment = await _lab()
    refund = await a_refund(shop, payment, 3_000)
    await an_answer(refund, Succeeded("one"))
    await a_night(shop, a_line(payment, "REFUND", 3_000))
    await a_night(shop, a_line(payment, "REFUND", 3_000, "RETURNED"), days=1)
    await refresh(shop.id, refund.id)
    await a_look_up(refund, Succeeded("one"))
    assert await Finding.exists(fingerprint=f"after-end/{refund.id}/STILL_PAID", resolved_at=None)
    with pytest.raises(InvalidState, match="may have been paid"):
        await retry(shop.id, refund.id, a_key(), CAUSE)


async def test_a_refund_that_only_people_called_paid_and_the_pse_does_not_know_is_a_finding(
    owner_rows: OwnerRows,
) -> None:
    shop, payment = await _lab()
    refund = await a_refund(shop, payment, 3_000)
    await _two_people_say(Verdict.PAID, shop, refund, owner_rows)
    await refresh(shop.id, refund.id)
    await a_look_up(refund, Unsent("NOT_LISTED", "unknown"))
    assert await Finding.exists(fingerprint=f"after-end/{refund.id}/UNKNOWN_AFTER_END", resolved_at=None)


async def test_a_refusal_of_the_second_send_is_none_of_the_first(owner_rows: OwnerRows) -> None:
    shop = await a_shop(pse="pix")
    refund = await a_refund(shop, await a_payment(shop, amount=10_000), 3_000)
    await an_answer(refund, InDoubt("TIMEOUT", "the PSE has executed it"))
    unknown = httpx.Response(404, json={"type": _PROBLEM + "PixDevolucaoNaoEncontrada", "title": "x", "status": 404})
    in_use = {"type": _PROBLEM + "PixDevolucaoInvalida", "title": "x", "status": 400, "detail": "id em uso"}

    async def asked() -> None:  # its GET shows the write an hour later
        await sent_earlier(owner_rows, "1 minute")
        work = await _due(refund)
        assert isinstance(work, Ask)
        source = Source(Door.LOOK_UP, work.attempt, work.asked_at)
        await record(refund.id, Pix().read_look_up(work.order, unknown), source, CAUSE)

    await asked()
    work = await _due(refund)
    assert isinstance(work, Send)
    answer = Pix().read_refund(work.order, httpx.Response(400, json=in_use))
    await record(refund.id, answer, Source(Door.ANSWER, attempt=2), CAUSE)
    await asked()
    assert (await Refund.get(id=refund.id)).state == State.SUBMITTED


async def test_what_the_pse_held_under_our_name_is_not_sent_again_when_it_does_not_list_it(
    owner_rows: OwnerRows,
) -> None:
    shop = await a_shop(pse="ebanx", secrets={"integration_key": "k", "webhook_certificate": "x"})
    payment = await a_payment(shop, amount=8_000, method=Method.CARD, currency="USD", reference="HASH1")
    refund = await a_refund(shop, payment, 1_023)
    work = await _due(refund)
    assert isinstance(work, Send)
    held = {"id": "1", "merchant_refund_code": refund.reference, "status": "RE", "amount_ext": "80.00"}
    told = {"payment": {"hash": "HASH1", "currency_ext": "USD", "refunds": [held]}, "refund": held, "status": "SUCCESS"}
    answer = Ebanx().read_refund(work.order, httpx.Response(200, json=told))
    await record(refund.id, answer, Source(Door.ANSWER, attempt=1), CAUSE)
    await sent_earlier(owner_rows, "3 minutes")
    ask = await _due(refund)
    assert isinstance(ask, Ask)
    none = {"payment": {"hash": "HASH1", "currency_ext": "USD", "refunds": []}, "status": "SUCCESS"}
    unknown = Ebanx().read_look_up(ask.order, httpx.Response(200, json=none))
    await record(refund.id, unknown, Source(Door.LOOK_UP, ask.attempt, ask.asked_at), CAUSE)
    assert not isinstance(await _due(refund), Send)
    assert await open_findings() == ["DOUBT_UNRESOLVED"]


async def test_a_bank_transfer_that_came_back_is_told_by_another_person_and_paid_again() -> None:
    shop, payment = await _lab()
    refund = await a_refund(shop, payment)
    ana, bo = (a_person(shop, who, Role.ACCOUNTING) for who in ("ana", "bo"))
    await by_hand.take(ana, refund.id, "the PSE is down", CAUSE)
    await by_hand.settle(ana, refund.id, Evidence(Way.BANK_TRANSFER, "TED 1", today()), CAUSE)
    with pytest.raises(Forbidden, match="another person"):
        await by_hand.transfer_returned(ana, refund.id, "no such account", CAUSE)
    assert (await by_hand.transfer_returned(bo, refund.id, "no such account", CAUSE)).state == State.RETURNED
    assert await balance(shop, Account.BANK) == 0
    with pytest.raises(InvalidState):
        await by_hand.transfer_returned(bo, refund.id, "no such account", CAUSE)
    retried = (await retry(shop.id, refund.id, a_key(), CAUSE)).refund
    assert isinstance(await _due(retried), Send)


async def test_what_a_pse_paid_is_not_returned_by_a_persons_word() -> None:
    shop, payment = await _lab()
    refund = await a_refund(shop, payment, 3_000)
    await an_answer(refund, Succeeded("one"))
    with pytest.raises(InvalidState, match="bank transfer"):
        await by_hand.transfer_returned(a_person(shop, "bo", Role.ACCOUNTING), refund.id, "it came back", CAUSE)
    assert await Event.filter(refund_id=refund.id, state="RETURNED").count() == 0
    await record(refund.id, Returned("BACK", "it came back"), Source(Door.LOOK_UP), CAUSE)
