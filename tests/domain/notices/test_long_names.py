"""A signed webhook may name a payment by anything: what is longer than any name is no payment's, and breaks nothing."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from domain.models import Notice
from domain.money import Money
from domain.notices import inbox, subjects
from domain.notices.inbox import Claimed, NotRegistered
from domain.payments import confirmations
from domain.pse.vocabulary import ChargedBack, Shown, TellsOfRefund
from tests.kit.factories import a_payment, a_shop

pytestmark = pytest.mark.usefixtures("books")
_LONG = "x" * 101


async def test_a_name_that_is_longer_than_any_is_no_payments_and_the_notice_waits_as_others_do() -> None:
    shop = await a_shop()
    await a_payment(shop)
    now = datetime.now(UTC)
    notice = await Notice.create(
        id=uuid4(), connection_id=shop.connection.id, digest="d", body=b"{}", headers={}, request_id="rq",
        received_at=now, times_received=1, due_at=now, tries=0,
    )  # fmt: skip
    told = ChargedBack(_LONG, _LONG, "dispute", None, reversed=False)
    why = await inbox.charge_back(claimed := Claimed(notice, shop.connection, [told]), told)
    assert isinstance(why, NotRegistered)
    await inbox.try_later(claimed, why)
    kept = await Notice.get(id=notice.id)
    assert kept.due_at is not None
    assert (kept.due_at > now, kept.applied_at) == (True, None)
    await confirmations.confirm_told(shop.connection, Shown(frozenset({_LONG}), Money(1, "BRL"), "PAID", captured=True))
    assert await subjects.refund_of(shop.connection, TellsOfRefund(_LONG, _LONG, _LONG, None)) is None
