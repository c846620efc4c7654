"""What a PSE lists of a payment's refunds under names that are not, or not only, those of ours."""

import httpx
import pytest

from domain.models import Refund
from domain.notices import listings
from domain.pse import registry
from domain.pse.vocabulary import Accepted, InDoubt, Method, Outcome, Returned, Succeeded
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from tests.kit.factories import CAUSE, a_payment, a_refund, a_shop, an_answer
from tests.kit.lab_connector import Lab
from tests.kit.lines import open_findings

pytestmark = pytest.mark.usefixtures("books")


@pytest.mark.parametrize(
    ("answer", "status", "state"),
    [
        (InDoubt("TIMEOUT", "t"), "RE", "PENDING"),
        (Accepted("2", "RE"), "RE", "PENDING"),
        (Accepted("1", "RE"), "RE", "PENDING"),
        (Succeeded("2"), "CO", "SUCCEEDED"),
    ],
)
async def test_a_duplicate_that_ebanx_cancelled_ends_nothing(answer: Outcome, status: str, state: str) -> None:
    shop = await a_shop(pse="ebanx", secrets={"integration_key": "k", "webhook_certificate": "x"})
    payment = await a_payment(shop, amount=8_000, method=Method.CARD, currency="USD", reference="HASH1")
    refund = await a_refund(shop, payment, 1_023)
    await an_answer(refund, answer)
    listed = [
        {"id": own, "merchant_refund_code": refund.reference, "status": said, "amount_ext": "10.23"}
        for own, said in (("1", "CA"), ("2", status))
    ]
    body = {"hash": "HASH1", "amount_ext": "80.00", "currency_ext": "USD", "open_date": "2026-06-07 18:20:10"}
    told = httpx.Response(200, json={"payment": {**body, "refunds": listed}, "status": "SUCCESS"})
    read = registry.connector("ebanx").read_payment(told)
    assert read is not None
    await listings.take_in_all(payment, read.refunds, CAUSE)
    assert (await Refund.get(id=refund.id)).state == state


async def test_a_return_under_another_name_than_the_pse_gave_is_a_persons() -> None:
    registry.register(Lab())
    shop = await a_shop(pse="lab")
    refund = await a_refund(shop, await a_payment(shop), 3_000)
    await an_answer(refund, Succeeded("one"))
    await record(refund.id, Returned("X", "back", "two"), Source(Door.NOTICE), CAUSE)
    now = await Refund.get(id=refund.id)
    assert (now.state, now.pse_refund_reference) == ("SUCCEEDED", "one")
    assert await open_findings() == ["STATUS_MISMATCH"]
