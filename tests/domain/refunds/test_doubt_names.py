"""Doubt that people end as paid, with the PSE's name of the refund and without: its report books nothing more."""

from collections.abc import Sequence

import pytest

from domain import invariants
from domain.access.tokens import Role
from domain.findings.findings import FindingKind
from domain.models import Finding, Payment, Refund, SettlementLine
from domain.models.refunds import State
from domain.money import Money
from domain.notices import listings
from domain.problems import InvalidInput
from domain.pse.vocabulary import InDoubt, KnownRefund, Method, Succeeded
from domain.refunds.doubt import Verdict, resolve
from tests.kit.factories import CAUSE, Shop, a_payment, a_person, a_refund, a_shop, an_answer
from tests.kit.nights import run_stripe, stripe_line

pytestmark = pytest.mark.usefixtures("books")
EVIDENCE = "Back office of the PSE, 2026-11-23: the refund is listed as paid."


async def _ended_as_paid(shop: Shop, payment: Payment, amount: int = 4_000, name: str | None = None) -> Refund:
    refund = await a_refund(shop, payment, amount)
    await an_answer(refund, InDoubt("TIMEOUT", "no answer", needs_person=True))
    for person in ("ana", "bia"):
        await resolve(a_person(shop, person, Role.SUPPORT), refund.id, Verdict.PAID, EVIDENCE, CAUSE, name)
    found = await Refund.get(id=refund.id)
    assert found.state is State.SUCCEEDED
    return found


async def _stripe() -> tuple[Shop, Payment]:
    shop = await a_shop(pse="stripe")
    return shop, await a_payment(shop, reference="pi_1", method=Method.CARD)


async def _report(shop: Shop, names: Sequence[str]) -> None:
    await run_stripe(shop, [stripe_line("refund", "-40.00", "pi_1", name) for name in names])


async def test_the_line_of_a_refund_that_people_named_proves_it() -> None:
    shop, payment = await _stripe()
    refund = await _ended_as_paid(shop, payment, name="re_1")
    assert refund.pse_refund_reference == "re_1"
    await _report(shop, ["re_1"])
    await payment.refresh_from_db()
    assert (payment.refunded, payment.taken_by_bank, await invariants.check()) == (4_000, 0, [])
    assert await SettlementLine.filter(refund_id=refund.id, effect="REFUND").count() == 1


async def test_the_line_of_a_refund_that_people_did_not_name_is_given_to_the_one_that_can_have_it() -> None:
    shop, payment = await _stripe()
    refund = await _ended_as_paid(shop, payment)
    for _ in range(2):
        await _report(shop, ["re_1"])
    await payment.refresh_from_db()
    await refund.refresh_from_db()
    assert (payment.refunded, payment.taken_by_bank, refund.pse_refund_reference) == (4_000, 0, "re_1")
    assert not await Finding.filter(kind=FindingKind.MISSING_IN_LEDGER).exists()
    assert await SettlementLine.filter(refund_id=refund.id, effect="REFUND", voided_at=None).count() == 1
    assert await invariants.check() == []


async def test_as_many_lines_as_refunds_have_them_all_and_one_line_too_many_is_found() -> None:
    shop, payment = await _stripe()
    for _ in range(2):
        await _ended_as_paid(shop, payment, 4_000)
    await _report(shop, ["re_1", "re_2"])
    await payment.refresh_from_db()
    assert (payment.refunded, payment.taken_by_bank) == (8_000, 0)
    await run_stripe(shop, [stripe_line("refund", "-40.00", "pi_1", "re_3")], days=1)
    await payment.refresh_from_db()
    assert payment.taken_by_bank == 4_000
    assert await Finding.filter(kind=FindingKind.MISSING_IN_LEDGER).count() == 1
    assert await invariants.check() == []


async def test_nothing_is_guessed_where_two_refunds_can_have_one_line_or_the_pse_has_named_the_only_one() -> None:
    shop, payment = await _stripe()
    for _ in range(2):
        await _ended_as_paid(shop, payment, 2_000)
    sent = await a_refund(shop, payment, 1_000)
    await an_answer(sent, Succeeded("re_7"))
    lines = [stripe_line("refund", gross, "pi_1", name) for gross, name in (("-20.00", "re_8"), ("-10.00", "re_9"))]
    await run_stripe(shop, lines)
    await payment.refresh_from_db()
    assert (payment.refunded, payment.taken_by_bank, await invariants.check()) == (5_000, 3_000, [])


async def test_a_listing_that_names_the_refund_by_the_pses_id_alone_books_nothing_either() -> None:
    shop, payment = await _stripe()
    refund = await _ended_as_paid(shop, payment)
    listed = KnownRefund("re_1", "re_1", Money(4_000, "BRL"), Succeeded("re_1"), False, "refund", None, None)
    await listings.take_in_all(payment, [listed], CAUSE)
    await payment.refresh_from_db()
    await refund.refresh_from_db()
    assert (payment.taken_by_bank, refund.pse_refund_reference) == (0, "re_1")


async def test_both_people_name_the_same_refund_or_start_again() -> None:
    shop, payment = await _stripe()
    refund = await a_refund(shop, payment, 4_000)
    await an_answer(refund, InDoubt("TIMEOUT", "no answer", needs_person=True))
    said = []
    for person, name in (("ana", "re_1"), ("bia", "re_2"), ("ana", None), ("bia", None)):
        done = await resolve(a_person(shop, person, Role.SUPPORT), refund.id, Verdict.PAID, EVIDENCE, CAUSE, name)
        said.append(done.confirmed)
    assert said == [False, False, False, True]
    assert (await Refund.get(id=refund.id)).pse_refund_reference is None


@pytest.mark.parametrize(
    ("verdict", "name", "said"),
    [
        (Verdict.NOT_PAID, "re_1", "PAID"),
        (Verdict.PAID, "", "characters"),
        (Verdict.PAID, "re 1", "characters"),
        (Verdict.PAID, "x" * 101, "characters"),
        (Verdict.PAID, "re_other", "another refund"),
    ],
)
async def test_a_name_that_cannot_be_the_refunds_is_refused(verdict: Verdict, name: str, said: str) -> None:
    shop, payment = await _stripe()
    other = await a_refund(shop, payment, 1_000)
    await an_answer(other, Succeeded("re_other"))
    refund = await a_refund(shop, payment, 4_000)
    await an_answer(refund, InDoubt("TIMEOUT", "no answer", needs_person=True))
    person = a_person(shop, "ana", Role.ADMINISTRATOR)
    with pytest.raises(InvalidInput, match=said):
        await resolve(person, refund.id, verdict, EVIDENCE, CAUSE, name)
