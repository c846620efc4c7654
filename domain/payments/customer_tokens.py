"""Tokens for a customer's browser: they see, or ask for, the refunds of one payment or one customer, for minutes.

Whoever makes one gives no more than they have: its stores are theirs. It ends at the latest when the token that made it
is revoked, or the person suspended.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from domain.access import tokens
from domain.access.permissions import Permission
from domain.access.principal import Principal, Scope
from domain.access.tokens import NewToken
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.payments import customers
from domain.payments.find import find
from domain.platform import pace
from domain.platform.database import transaction
from domain.problems import InvalidInput

MINUTES_MAX: Final = 60
HOLDER: Final = "customer"
PER_HOUR: Final = 1_000


class CustomerMay(StrEnum):
    """What a customer's token may do."""

    SEE = "SEE"
    ASK = "ASK"


_TAKES: Final = {CustomerMay.SEE: Permission.READ, CustomerMay.ASK: Permission.REFUND}


@dataclass(frozen=True, slots=True)
class NewCustomerToken:
    """For one payment, or for the payments of the customer of a tax ID: exactly one of the two."""

    may: CustomerMay
    minutes: int
    payment_id: UUID | None = None
    tax_id: str | None = None


@dataclass(frozen=True, slots=True)
class MadeCustomerToken:
    """The token in clear, this once, and until when it works (UTC)."""

    clear: str
    expires_at: datetime


async def create(
    principal: Principal, new: NewCustomerToken, cause: Cause, secret: bytes, per_hour: int = PER_HOUR
) -> MadeCustomerToken:
    """Make one. Each call makes another: they end by themselves.

    Whoever makes them makes at most `per_hour` (0: any number), so that a stolen token fills no table and opens not
    every payment at once. Raises Forbidden, NotFound, InvalidInput, RateLimited.
    """
    scope = principal.scope(_TAKES[new.may])
    if not 1 <= new.minutes <= MINUTES_MAX:
        raise InvalidInput(f"A customer's token lasts 1 to {MINUTES_MAX} minutes.", path=["input", "minutes"])
    if (new.payment_id is None) == (new.tax_id is None):
        raise InvalidInput("Give either `paymentId` or `customerTaxId`.", path=["input", "paymentId"])
    expires_at = datetime.now(UTC) + timedelta(minutes=new.minutes)
    tax_id = _tax_id(new.tax_id) if new.tax_id is not None else None
    digest = await customers.digest(principal.merchant_id, tax_id, secret) if tax_id else None
    draft = NewToken(
        principal.merchant_id,
        HOLDER,
        [(f"CUSTOMER_{new.may.value}", store_id) for store_id in _of(scope.stores)]
        + _seeing(principal, new.may, scope),
        expires_at,
        kind=tokens.CUSTOMER,
        created_by=cause.actor,
        payment_id=(await find(scope, new.payment_id)).id if new.payment_id else None,
        customer_digest=digest,
        maker_id=principal.person_id or principal.token_id,
        party_id=principal.party,
        vouched_by=principal.vouched_by,
    )
    told = {"may": new.may.value, "payment": draft.payment_id and str(draft.payment_id), "minutes": new.minutes}
    async with transaction():
        if per_hour:
            await pace.keep({f"customer-tokens/{draft.maker_id}": pace.an_hour(per_hour)}, "tokens for customers")
        clear = await tokens.make(draft)
        what = deeds.changed({}, told)
        await deeds.note(principal.merchant_id, "customerTokenCreate", Of("token", draft.id), cause, what)
    return MadeCustomerToken(clear, expires_at)


def _seeing(principal: Principal, may: CustomerMay, scope: Scope) -> list[tuple[str, UUID | None]]:
    """Who asks for a refund sees what becomes of it, where whoever makes the token may read it themselves."""
    if may is CustomerMay.SEE:
        return []
    read = principal.reach.stores.get(Permission.READ, frozenset())
    both = scope.stores if read is None else read if scope.stores is None else read & scope.stores
    return [(f"CUSTOMER_{CustomerMay.SEE.value}", store_id) for store_id in _of(both)]


def _of(stores: frozenset[UUID] | None) -> list[UUID | None]:
    return [None] if stores is None else list(stores)


def _tax_id(text: str) -> str:
    if not customers.normal_tax_id(text):
        raise InvalidInput("customerTaxId has letters or digits.", path=["input", "customerTaxId"])
    if customers.is_generic(text):
        said = "customerTaxId is a generic one, which many customers have: name the payment (`paymentId`) instead."
        raise InvalidInput(said, path=["input", "customerTaxId"])
    return text
