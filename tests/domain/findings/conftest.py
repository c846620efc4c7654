"""Money that left without us, people who say what it was, and what the books say then."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.access.principal import Principal
from domain.access.tokens import Role
from domain.cause import Cause
from domain.findings import money, names, work
from domain.findings.findings import FindingKind
from domain.findings.work import Resolution, Resolved
from domain.models import Finding, Payment
from domain.models.findings import ClosingReason
from domain.money import Money
from domain.payments import external
from domain.platform.database import rows
from domain.pse.vocabulary import Declined, KnownRefund, Succeeded
from tests.kit.factories import Shop, a_payment, a_person, a_shop

NIGHT = Cause(f"{external.BY_REPORT}{uuid4()}", "reconciliation")


@dataclass
class Desk:
    """A merchant's accounting: Ana, and Bia who confirms."""

    shop: Shop
    ana: Principal
    bia: Principal
    payments: list[Payment] = field(default_factory=list)

    async def taken(self, amount: int, name: str, payment: Payment | None = None, tax: int = 0) -> Finding:
        """So much of a payment left without us, under that name; its finding."""
        paid = payment or await a_payment(self.shop, amount=10_000_000, tax=tax)
        known = KnownRefund(name, name, Money(amount, "BRL"), Succeeded(name), True, "MED", None, None)
        assert await external.book(paid, known, FindingKind.MISSING_IN_LEDGER, NIGHT)
        return await self.finding(paid, name)

    async def back(self, finding: Finding, name: str, amount: int) -> None:
        """The same money came back."""
        known = KnownRefund(name, name, Money(amount, "BRL"), Declined("RETURNED", "Back."), True, "MED", None, None)
        paid = await Payment.get(id=finding.payment_id)
        assert await external.book(paid, known, FindingKind.MISSING_IN_LEDGER, NIGHT)

    async def finding(self, payment: Payment, name: str) -> Finding:
        told = names.money(FindingKind.BANK_INITIATED, await external.current(external.name_of(payment, name)))
        return await Finding.get(merchant_id=self.shop.id, fingerprint=told)

    async def say(self, finding: Finding, reason: ClosingReason, who: Principal | None = None, **more: Any) -> Resolved:
        said = Resolution(reason, "As the statement says.", **more)
        return await work.resolve(who or self.ana, finding.id, said, by(who or self.ana))

    async def account(self, name: str) -> int:
        """Debits less credits of an account, minor units."""
        (row,) = await rows(
            "SELECT coalesce(sum(CASE WHEN debit = $2 THEN amount ELSE -amount END), 0)::bigint AS sum "
            "FROM ledger_entries WHERE merchant_id = $1 AND $2 IN (debit, credit)",
            self.shop.id,
            name,
        )
        return int(row["sum"])

    async def suspense(self, payment_id: UUID | None) -> int:
        assert payment_id is not None
        return await money.whole_of(payment_id)


def by(who: Principal) -> Cause:
    return Cause("request-of-accounting", who.holder, who.party)


@pytest.fixture(name="desk")
async def a_desk(books: object) -> Desk:
    shop = await a_shop()
    return Desk(shop, a_person(shop, "Ana", Role.ACCOUNTANT), a_person(shop, "Bia", Role.ACCOUNTANT))
