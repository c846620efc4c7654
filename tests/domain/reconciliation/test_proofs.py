"""What a report proved can be taken away by a revised one, and what was to be done can be done no longer."""

import pytest

from domain import invariants
from domain.findings import findings
from domain.findings.findings import FindingKind
from domain.models import Finding, Refund
from domain.models.refunds import State
from domain.pse.vocabulary import Returned
from domain.refunds.news import Door, Source
from domain.refunds.record import record
from tests.kit.factories import CAUSE, a_shop
from tests.kit.nights import paid, pix_of, pix_refund, run_pix

pytestmark = pytest.mark.usefixtures("books")


async def test_a_refund_whose_proof_is_taken_away_is_missing_again() -> None:
    shop = await a_shop()
    payment, refund = await paid(shop)
    whole = pix_of(payment, pix_refund(refund.reference, 4_000))
    for listed in (pix_of(payment), whole, pix_of(payment)):
        await run_pix(shop, listed)
    finding = await Finding.get(kind=FindingKind.MISSING_IN_REPORT)
    assert finding.resolved_at is None
    assert "revised" in (finding.resolution or "")
    await run_pix(shop, whole)
    await finding.refresh_from_db()
    assert finding.resolved_at is not None
    assert await invariants.check() == []


async def test_what_a_person_has_resolved_stays_resolved_while_nothing_new_is_told() -> None:
    shop = await a_shop()
    payment, refund = await paid(shop)
    await run_pix(shop, pix_of(payment))
    await findings.resolve(shop.id, f"missing/{refund.id}", "Seen at the bank by ana.")
    await run_pix(shop, pix_of(payment))
    finding = await Finding.get(kind=FindingKind.MISSING_IN_REPORT)
    assert finding.resolution == "Seen at the bank by ana."


async def test_vat_need_not_be_taken_back_for_a_refund_that_came_back() -> None:
    shop = await a_shop()
    payment, refund = await paid(shop, tax=1_800)
    await run_pix(shop, pix_of(payment, pix_refund(refund.reference, 4_000)))
    await record(refund.id, Returned("BACK", "came back"), Source(Door.NOTICE), CAUSE)
    assert (await Refund.get(id=refund.id)).state is State.RETURNED
    finding = await Finding.get(kind=FindingKind.VAT_REVERSAL_NEEDED)
    assert finding.resolved_at is not None
    assert "came back" in (finding.resolution or "")


async def test_a_refund_that_came_back_before_its_report_asks_for_no_vat() -> None:
    shop = await a_shop()
    payment, refund = await paid(shop, tax=1_800)
    await record(refund.id, Returned("BACK", "came back"), Source(Door.NOTICE), CAUSE)
    await run_pix(shop, pix_of(payment, pix_refund(refund.reference, 4_000)))
    assert not await Finding.filter(kind=FindingKind.VAT_REVERSAL_NEEDED).exists()
