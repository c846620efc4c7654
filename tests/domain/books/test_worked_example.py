"""The worked example of docs/accounting.md is what the books make of it, to the centavo."""

import re
from pathlib import Path

import pytest

from domain.books import ledger
from domain.books.chart import chart
from domain.books.ledger import Posting
from domain.models import LedgerEntry
from domain.models.ledger import Account, Entry
from domain.money import Money
from domain.pse.vocabulary import Succeeded
from tests.kit.factories import Shop, a_payment, a_refund, a_shop, an_answer
from tests.kit.nights import pix_of, pix_refund, run_pix, today

TOLD = (Path(__file__).resolve().parents[3] / "docs" / "accounting.md").read_text(encoding="utf-8")
_ENTRY = re.compile(r"^\| .+ \| `([A-Z_]+)` \| `([A-Z_]+)` \| `([A-Z_]+)` \| ([0-9.]+) \|$", re.MULTILINE)
_LEFT = re.compile(r"^\| `([A-Z_]+)` \| (-?[0-9.]+) \| .+ \|$", re.MULTILINE)
_MEANS = re.compile(r"^\| `([A-Z_]+)` \| ([a-z]+) \| (debit|credit) \| .+ \|$", re.MULTILINE)


def _cents(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    return sign * Money.parse(text.lstrip("-"), "BRL").minor_units


async def _booked(shop: Shop, entry: Entry, amount: int) -> None:
    """As a report, a bank statement and a tax document have it booked."""
    posting = Posting(
        shop.id, shop.store.id, shop.connection.id, entry, amount, "BRL", today(), f"example/{entry}", "example"
    )
    await ledger.post([posting])


@pytest.mark.usefixtures("books")
async def test_the_example_is_booked_as_it_is_told() -> None:
    shop = await a_shop()
    payment = await a_payment(shop, amount=10_000, tax=1_800)
    refund = await a_refund(shop, payment, 3_000)
    await an_answer(refund, Succeeded("D1"))
    await run_pix(shop, pix_of(payment, pix_refund(refund.reference, 3_000)))
    for entry, amount in (
        (Entry.PROVE_FEES, 119),
        (Entry.PROVE_PAYOUTS, 6_881),
        (Entry.BANK_RECEIVED, 6_881),
        (Entry.VAT_DOCUMENTED, refund.tax_amount),
    ):
        await _booked(shop, entry, amount)
    booked = [
        (one.entry.value, one.debit.value, one.credit.value, one.amount)
        async for one in LedgerEntry.filter(merchant_id=shop.id).order_by("id")
    ]
    told = [(entry, debit, credit, _cents(amount)) for entry, debit, credit, amount in _ENTRY.findall(TOLD)]
    assert len(told) == 11
    assert sorted(booked) == sorted(told)
    held = {one.account.value: one.balance for one in await ledger.balances(shop.id) if one.balance}
    assert held == {account: _cents(amount) for account, amount in _LEFT.findall(TOLD)}


def test_the_page_says_of_every_account_what_the_chart_says() -> None:
    told = {account: (type_.upper(), side.upper()) for account, type_, side in _MEANS.findall(TOLD)}
    assert told == {one.account.value: (one.type.value, one.side.value) for one in chart().values()}
    assert set(told) == set(Account)
