"""Several payouts that come in one line of the bank: sure where the line names them, else a person's to say."""

import asyncio
from pathlib import Path
from uuid import uuid4

import pytest
from tortoise.exceptions import IntegrityError

from domain import invariants
from domain.bank import find, look, proofs
from domain.bank.matching import BY_PERSON
from domain.books import ledger
from domain.models import BankLine, Deed, Finding, Payout, PayoutProof
from domain.models.ledger import Account
from domain.platform.settings import Settings
from domain.problems import InvalidInput, InvalidState
from tests.domain.bank.test_proofs import CAUSE, a_payout, a_sheet, an_account, hand_in, in_transit
from tests.kit.days import utc_today
from tests.kit.factories import Shop, a_shop
from tests.kit.world import quick_settings

pytestmark = pytest.mark.usefixtures("books")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return quick_settings(files=str(tmp_path / "files"))


async def _two(shop: Shop) -> tuple[Payout, Payout]:
    return await a_payout(shop), await a_payout(shop, 7_000, reference="po_9Z8Y7X", days_ago=1)


async def _broken() -> list[str]:
    """Of what must be true of the bank: no report tells of these payouts."""
    return [one.detail for one in await invariants.check() if one.name.startswith("bank")]


async def test_a_line_that_names_two_payouts_and_is_their_sum_proves_both(settings: Settings) -> None:
    shop = await a_shop()
    one, two = await _two(shop)
    ana, account = await an_account(shop, bound=False)
    named = "TED PO-1A2B3C / PO-9Z8Y7X"
    given = a_sheet((utc_today(), named, "170,00"), (utc_today(), "TED po_1A2B3C", "1,00"))
    await hand_in(ana, account.id, given, settings)
    assert await PayoutProof.all().count() == 0  # another line names one of them, too
    await hand_in(ana, (await an_account(shop, bound=False))[1].id, a_sheet((utc_today(), named, "170,00")), settings)
    assert await PayoutProof.all().count() == 0  # and now two lines name both
    other = await a_shop()
    one, two = await _two(other)
    ana, account = await an_account(other, bound=False)
    await hand_in(ana, account.id, a_sheet((utc_today(), named, "170,00"), (utc_today(), "X", "1,00")), settings)
    found = {proof.payout_id: (proof.how, proof.charges, proof.part) for proof in await PayoutProof.all()}
    assert found == {one.id: ("REFERENCE", 0, 0), two.id: ("REFERENCE", 0, 1)}
    assert (await in_transit(other), await _broken()) == (-17_000, [])
    assert {(one.account, one.balance) for one in await ledger.balances(other.id)} == {
        (Account.BANK, 17_000), (Account.PAYOUTS_IN_TRANSIT, -17_000)
    }  # fmt: skip
    await proofs.void(ana, two.id, "That money is of another sale.", CAUSE)
    assert (await in_transit(other), await PayoutProof.filter(voided_at=None).count()) == (0, 0)
    await look.look(other.id, CAUSE)  # nobody but a person says it again
    assert (await PayoutProof.filter(voided_at=None).count(), await _broken()) == (0, [])


@pytest.mark.parametrize("words", ["PO_1A2B3C PO_9Z8Y7X X", "PO_1A2B3C", "TED"])
async def test_a_sum_without_both_names_or_names_without_the_sum_prove_nothing(settings: Settings, words: str) -> None:
    shop = await a_shop()
    await _two(shop)
    ana, account = await an_account(shop)
    amount = "171,00" if words.endswith("X") else "170,00"
    await hand_in(ana, account.id, a_sheet((utc_today(), words, amount)), settings)
    assert await PayoutProof.all().count() == 0


async def test_a_person_says_that_a_line_is_two_payouts_and_takes_both_back(settings: Settings) -> None:
    shop = await a_shop()
    one, two = await _two(shop)
    three = await a_payout(shop, 4_000, reference="po_third")
    ana, account = await an_account(shop)
    long_ago = utc_today(-2)
    given = a_sheet((long_ago, "STRIPE LOTE", "170,00"), (utc_today(-9), "TED", "170,00"), (long_ago, "X", "99,00"))
    await hand_in(ana, account.id, given, settings)
    line = await BankLine.get(text="STRIPE LOTE")
    shares = await find.shares([one.id, two.id, three.id])
    told = {
        key: [(share.line.id, [other.id for other in share.others]) for share in some] for key, some in shares.items()
    }
    assert told == {one.id: [(line.id, [two.id])], two.id: [(line.id, [one.id])], three.id: []}
    for others in ([three.id], [two.id, three.id], [one.id]):
        with pytest.raises(InvalidInput):
            await proofs.prove(ana, one.id, line.id, CAUSE, others)
    elsewhere = await a_payout(shop, 7_000, reference="theirs", currency="USD")
    with pytest.raises(InvalidInput):
        await proofs.prove(ana, one.id, line.id, CAUSE, [elsewhere.id])
    proof = await proofs.prove(ana, one.id, line.id, CAUSE, [two.id])
    assert (proof.payout_id, proof.how, await in_transit(shop)) == (one.id, BY_PERSON, -17_000)
    assert (await proofs.prove(ana, one.id, line.id, CAUSE, [two.id])).id == proof.id
    (deed,) = await Deed.filter(operation="payoutProve")
    assert deed.changes["payouts"] == [None, [str(one.id), str(two.id)]]
    with pytest.raises(InvalidState):
        await proofs.prove(ana, three.id, line.id, CAUSE)
    assert (await find.of_lines([line.id]))[line.id].payout_id == one.id
    with pytest.raises(IntegrityError):  # whatever the program does: a line is one payout, or those of one deed
        await PayoutProof.create(
            id=uuid4(), merchant_id=shop.id, payout_id=three.id, line_id=line.id, how=BY_PERSON, amount=4_000,
            charges=0, made_by="x",
        )  # fmt: skip
    await Payout.filter(id=two.id).update(amount=6_000)  # told otherwise now: then it is not the sum
    await look.look(shop.id, CAUSE)
    assert (await PayoutProof.filter(voided_at=None).count(), await in_transit(shop)) == (0, 0)
    assert (await _broken(), await Finding.filter(resolved_at=None).count()) == ([], 0)


async def test_a_strangers_line_of_a_payouts_very_amount_is_not_it_where_another_names_it(settings: Settings) -> None:
    shop = await a_shop()
    one, two = await _two(shop)
    ana, account = await an_account(shop)
    lines = ((utc_today(), "TED", "100,00"), (utc_today(), "STRIPE po_1A2B3C po_9Z8Y7X", "170,00"))
    await hand_in(ana, account.id, a_sheet(*lines), settings)
    found = {proof.payout_id: (await BankLine.get(id=proof.line_id)).amount for proof in await PayoutProof.all()}
    assert found == {one.id: 17_000, two.id: 17_000}


async def test_two_people_who_say_it_at_one_moment_and_the_night_that_looks_meanwhile_prove_each_payout_once(
    settings: Settings,
) -> None:
    shop = await a_shop()
    one, two = await _two(shop)
    ana, account = await an_account(shop)
    await hand_in(ana, account.id, a_sheet((utc_today(), "TED", "170,00")), settings)
    line = await BankLine.get(account_id=account.id)
    came = await asyncio.gather(
        proofs.prove(ana, one.id, line.id, CAUSE, [two.id]),
        proofs.prove(ana, two.id, line.id, CAUSE, [one.id]),
        look.look(shop.id, CAUSE),
        return_exceptions=True,
    )
    refused = [one for one in came if isinstance(one, BaseException)]
    assert [type(one) for one in refused] in ([], [InvalidState]), refused
    assert await PayoutProof.filter(voided_at=None).count() == 2
    assert (await in_transit(shop), await _broken()) == (-17_000, [])
