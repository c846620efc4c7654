"""A payout at the bank and one on its way, a fee, a rate, an account of the merchant's, a month that is proposed."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from secrets import token_hex
from uuid import uuid4

from domain.files import content
from domain.models import (
    BankAccount,
    BankLine,
    BankStatement,
    FeeSchedule,
    File,
    FxRate,
    JournalAccount,
    Payout,
    PayoutProof,
    PeriodClosing,
)
from domain.models.files import Purpose
from domain.models.ledger import Account
from domain.periods.months import Month
from tests.kit.console.world import Seeded
from tests.kit.days import utc_today

QUERIES = {
    "books/balance": ["by=store&currency=BRL"],
    "books/ageing": ["account=PSE_CLEARING"],
    "books/payouts": ["standing=PROVEN"],
}
_ANA = "Ana Souza"


async def seed(world: Seeded, copies: int) -> Mapping[str, str]:
    """Of each copy two payouts with their lines, a fee, a rate and an account; one month."""
    for number in range(copies):
        await _bank(world, number)
        await _entered(world, number)
    month = Month.of(utc_today().replace(day=1) - timedelta(days=1))
    await PeriodClosing.create(
        id=uuid4(),
        merchant_id=world.shop.id,
        first_day=month.first_day,
        last_day=month.last_day,
        against=[],
        why=world.said("The nights of before we began are not here."),
        proposed_by="Bruno Lima",
        proposed_by_id=world.bruno.id,
    )
    return {"ledger": str(world.shop.connection.id), "account": "PSE_CLEARING", "currency": "BRL"}


async def _bank(world: Seeded, number: int) -> None:
    account = await BankAccount.create(
        id=uuid4(),
        merchant_id=world.shop.id,
        name=world.said(f"Itaú {number}", 100),
        currency="BRL",
        number=f"0001/{number}",
        connection_ids=[str(world.shop.connection.id)],
        created_by=_ANA,
        mapping={"date": "Data", "text": ["Texto"]},
    )
    file_id = uuid4()
    file = await File.create(
        id=file_id,
        merchant_id=world.shop.id,
        purpose=Purpose.BANK_STATEMENT,
        name="extrato.csv",
        size=120,
        sha256=token_hex(32),
        ticket_digest=token_hex(32),
        ticket_until=datetime.now(UTC),
        created_by=_ANA,
        sealed_key=await content.new_key(world.settings, world.shop.id, file_id),
    )
    statement = await BankStatement.create(
        id=uuid4(),
        merchant_id=world.shop.id,
        account_id=account.id,
        file_id=file.id,
        form="CSV",
        first_on=utc_today(),
        last_on=utc_today(),
        lines=2,
        new_lines=2,
        opening=0,
        closing=166_920,
        created_by=_ANA,
        contradicted=world.said("The balances of line 2 do not follow."),
    )
    for nth, amount in enumerate((68_810, 98_110)):
        payout = await Payout.create(
            id=uuid4(),
            merchant_id=world.shop.id,
            connection_id=world.shop.connection.id,
            currency="BRL",
            amount=amount,
            reference=f"{number}{nth}{world.said('po_1A2B', 90)}",
            business_date=utc_today(-2),
        )
        line = await BankLine.create(
            id=uuid4(),
            merchant_id=world.shop.id,
            account_id=account.id,
            statement_id=statement.id,
            line=nth + 1,
            booked_on=utc_today(),
            amount=amount - nth,
            text=world.said("TED RECEBIDA PSE SA"),
            key=token_hex(32),
        )
        if nth == 0:
            await PayoutProof.create(
                id=uuid4(),
                merchant_id=world.shop.id,
                payout_id=payout.id,
                line_id=line.id,
                how="PERSON",
                amount=amount,
                charges=0,
                made_by=_ANA,
            )


async def _entered(world: Seeded, number: int) -> None:
    since = utc_today(-number)
    await FeeSchedule.create(
        merchant_id=world.shop.id,
        connection_id=world.shop.connection.id,
        kind="PAYMENT",
        method="PIX",
        currency="BRL",
        fixed=10,
        percent=Decimal("0.99"),
        tax_percent=Decimal(0),
        minimum=5,
        source=world.said("Contract of 2026-01-02, page 4"),
        batch_id=uuid4(),
        entered_by=_ANA,
        valid_from=since,
    )
    await FxRate.create(
        merchant_id=world.shop.id,
        base="USD",
        quote="BRL",
        side="SELL",
        rate=Decimal("5.4321"),
        valid_to=utc_today(),
        origin="ENTERED",
        source=world.said("Banco Central do Brasil, PTAX"),
        batch_id=uuid4(),
        entered_by=_ANA,
        valid_from=since,
    )
    await JournalAccount.create(
        id=uuid4(),
        merchant_id=world.shop.id,
        account=list(Account)[number].value,
        number=world.said(f"1.1.{number}", 64),
        name=world.said("Pix a receber", 200),
        created_by=_ANA,
    )
