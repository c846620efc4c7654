"""Posting to the ledger and reading it: which accounts each entry moves, balances, trial balance.

Every row moves one amount (minor units) from one account to another, so the books cannot be unbalanced. `cause` and
`leg` are unique: the same thing posted twice is refused by the database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from domain.access.permissions import Permission
from domain.access.principal import Whose, scope_of
from domain.books import checkpoints
from domain.models import LedgerEntry, Merchant
from domain.models.ledger import Account, Entry
from domain.platform.children import first_of_each
from domain.platform.database import connection, remembered, rows

A = Account
# (debit, credit, which part of the amount). "net" is the amount without its VAT.
LEGS: Final[Mapping[Entry, tuple[tuple[Account, Account, str], ...]]] = {
    Entry.CAPTURE: ((A.PSE_CLEARING, A.SALES, "net"), (A.PSE_CLEARING, A.OUTPUT_VAT, "tax")),
    Entry.DECLARE_TAX: ((A.SALES, A.OUTPUT_VAT, "tax"),),
    Entry.DECLARE_REFUND_TAX: ((A.VAT_REVERSAL_PENDING, A.SALES_RETURNS, "tax"),),
    Entry.RECOGNISE: ((A.SALES_RETURNS, A.REFUNDS_PAYABLE, "net"), (A.VAT_REVERSAL_PENDING, A.REFUNDS_PAYABLE, "tax")),
    Entry.UNRECOGNISE: (
        (A.REFUNDS_PAYABLE, A.SALES_RETURNS, "net"),
        (A.REFUNDS_PAYABLE, A.VAT_REVERSAL_PENDING, "tax"),
    ),
    Entry.PAY: ((A.REFUNDS_PAYABLE, A.PSE_CLEARING, "amount"),),
    Entry.RETURN: ((A.PSE_CLEARING, A.REFUNDS_PAYABLE, "amount"),),
    Entry.PAY_BY_BANK: ((A.REFUNDS_PAYABLE, A.BANK, "amount"),),
    Entry.RETURN_TO_BANK: ((A.BANK, A.REFUNDS_PAYABLE, "amount"),),
    Entry.TAKEN: ((A.SUSPENSE, A.PSE_CLEARING, "amount"),),
    Entry.TAKEN_BACK: ((A.PSE_CLEARING, A.SUSPENSE, "amount"),),
    Entry.CHARGEBACK: ((A.CHARGEBACKS, A.PSE_CLEARING, "amount"),),
    Entry.CHARGEBACK_REVERSED: ((A.PSE_CLEARING, A.CHARGEBACKS, "amount"),),
    Entry.PROVE_CAPTURES: ((A.PSE_BALANCE, A.PSE_CLEARING, "amount"),),
    Entry.PROVE_REFUNDS: ((A.PSE_CLEARING, A.PSE_BALANCE, "amount"),),
    Entry.PROVE_RETURNS: ((A.PSE_BALANCE, A.PSE_CLEARING, "amount"),),
    Entry.PROVE_TAKEN: ((A.PSE_CLEARING, A.PSE_BALANCE, "amount"),),
    Entry.PROVE_CHARGEBACKS: ((A.PSE_CLEARING, A.PSE_BALANCE, "amount"),),
    Entry.PROVE_FEES: ((A.FEES, A.PSE_BALANCE, "amount"),),
    Entry.PROVE_FEE_TAXES: ((A.FEE_TAXES, A.PSE_BALANCE, "amount"),),
    Entry.PROVE_TAXES_WITHHELD: ((A.TAXES_WITHHELD, A.PSE_BALANCE, "amount"),),
    Entry.PROVE_PAYOUTS: ((A.PAYOUTS_IN_TRANSIT, A.PSE_BALANCE, "amount"),),
    Entry.PROVE_RESERVES: ((A.PSE_RESERVE, A.PSE_BALANCE, "amount"),),
    Entry.PROVE_ADJUSTMENTS: ((A.PSE_ADJUSTMENTS, A.PSE_BALANCE, "amount"),),
    Entry.PROVE_ROUNDING: ((A.ROUNDING, A.PSE_BALANCE, "amount"),),
    Entry.PROVE_TRANSFERS: ((A.PSE_TRANSFERS, A.PSE_BALANCE, "amount"),),
    # What the report's words do not explain: a person does, and clears it.
    Entry.PROVE_UNEXPLAINED: ((A.SUSPENSE, A.PSE_BALANCE, "amount"),),
    Entry.PROVE_OPENING: ((A.PSE_BALANCE, A.OPENING_BALANCES, "amount"),),
    # Out of the one currency; into the other it is the same, reversed.
    Entry.CONVERT: ((A.FX_CLEARING, A.PSE_BALANCE, "amount"),),
    Entry.FX_DIFFERENCE: ((A.FX_DIFFERENCES, A.FX_CLEARING, "amount"),),
    Entry.BANK_RECEIVED: ((A.BANK, A.PAYOUTS_IN_TRANSIT, "amount"),),
    Entry.BANK_CHARGE: ((A.FEES, A.PAYOUTS_IN_TRANSIT, "amount"),),  # what banks on the way kept of it
    # A payout that never came: it goes on from SUSPENSE as a person says.
    Entry.PAYOUT_GIVEN_UP: ((A.SUSPENSE, A.PAYOUTS_IN_TRANSIT, "amount"),),
    # What no report settles of a claim: it goes on from SUSPENSE, too.
    Entry.CLAIM_GIVEN_UP: ((A.SUSPENSE, A.PSE_CLEARING, "amount"),),
    Entry.WRITE_OFF: ((A.WRITE_OFFS, A.SUSPENSE, "amount"),),
    # What a person has said of money that left without us.
    Entry.SUSPENSE_TO_RETURNS: ((A.SALES_RETURNS, A.SUSPENSE, "net"), (A.VAT_REVERSAL_PENDING, A.SUSPENSE, "tax")),
    Entry.SUSPENSE_TO_CHARGEBACKS: ((A.CHARGEBACKS, A.SUSPENSE, "amount"),),
    Entry.SUSPENSE_TO_FEES: ((A.FEES, A.SUSPENSE, "amount"),),
    Entry.SUSPENSE_TO_ADJUSTMENTS: ((A.PSE_ADJUSTMENTS, A.SUSPENSE, "amount"),),
    Entry.SUSPENSE_TO_FX: ((A.FX_DIFFERENCES, A.SUSPENSE, "amount"),),
    Entry.SUSPENSE_TO_ROUNDING: ((A.ROUNDING, A.SUSPENSE, "amount"),),
    Entry.VAT_DOCUMENTED: ((A.OUTPUT_VAT, A.VAT_REVERSAL_PENDING, "amount"),),
    Entry.VAT_NOT_RECOVERABLE: ((A.VAT_LOST, A.VAT_REVERSAL_PENDING, "amount"),),
}


@dataclass(frozen=True, slots=True)
class Posting:
    """One entry to post. Amounts in minor units; `tax` is the VAT within `amount`."""

    merchant_id: UUID
    store_id: UUID
    connection_id: UUID
    entry: Entry
    amount: int
    currency: str
    accounting_date: date
    cause: str
    request_id: str
    tax: int = 0
    payment_id: UUID | None = None
    refund_id: UUID | None = None
    reverse: bool = False  # the same legs the other way round: corrections are added, never edited


_COLUMNS: Final = (
    "merchant_id, store_id, connection_id, payment_id, refund_id, entry, debit, credit, amount, currency, "
    "accounting_date, cause, leg, request_id, booked_at"
)


def accounting_date_of(moment: datetime, zone: str) -> date:
    """The date of a moment in the merchant's zone."""
    return moment.astimezone(ZoneInfo(zone)).date()


_zones: Final[dict[UUID, str]] = (
    remembered()
)  # once anything is booked a merchant's zone is for life (access/merchants)


async def today(merchant_id: UUID) -> date:
    """Today's accounting date of the merchant."""
    if merchant_id not in _zones:
        _zones[merchant_id] = (await Merchant.get(id=merchant_id)).zone
    return accounting_date_of(datetime.now(UTC), _zones[merchant_id])


def legs_of(entry: Entry, amount: int, tax: int = 0) -> list[tuple[Account, Account, int]]:
    """Debit, credit and amount (minor units) of each row; rows of nothing are left out."""
    parts = {"amount": amount, "tax": tax, "net": amount - tax}
    return [(debit, credit, parts[part]) for debit, credit, part in LEGS[entry] if parts[part] > 0]


async def post(postings: Sequence[Posting]) -> None:
    """Insert the rows of all postings in one statement, inside the caller's transaction."""
    values: list[object] = []
    places: list[str] = []
    for posting in postings:
        for leg, (debit, credit, amount) in enumerate(legs_of(posting.entry, posting.amount, posting.tax), start=1):
            if posting.reverse:
                debit, credit = credit, debit
            row = _row(posting, leg, debit, credit, amount)
            start = len(values) + 1
            places.append("(" + ", ".join(f"${start + n}" for n in range(len(row))) + ", now())")
            values += row
    if places:
        # The columns and the placeholders are ours; every value is bound.
        await connection().execute_query(
            f"INSERT INTO ledger_entries ({_COLUMNS}) VALUES {', '.join(places)}",  # noqa: S608
            values,
        )


def _row(posting: Posting, leg: int, debit: Account, credit: Account, amount: int) -> list[object]:
    return [
        posting.merchant_id,
        posting.store_id,
        posting.connection_id,
        posting.payment_id,
        posting.refund_id,
        posting.entry.value,
        debit.value,
        credit.value,
        amount,
        posting.currency,
        posting.accounting_date,
        posting.cause,
        leg,
        posting.request_id,
    ]


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """Debits and credits of one account, minor units; `balance` is debits less credits."""

    connection_id: UUID | None
    account: Account
    currency: str
    debits: int
    credits: int

    @property
    def balance(self) -> int:
        """Debits less credits, in minor units."""
        return self.debits - self.credits


# What the checkpoints hold, and what was booked behind the last of them, in one snapshot.
_BALANCES: Final = f"""
WITH last AS MATERIALIZED (SELECT coalesce(max(until_entry), 0) AS id FROM ledger_checkpoints),
since AS MATERIALIZED (
    SELECT connection_id, debit, credit, currency, amount FROM {checkpoints.BEHIND_LAST}
    WHERE merchant_id = $1 AND ($2::uuid IS NULL OR connection_id = $2)
      AND ($3::date IS NULL OR accounting_date <= $3))
SELECT connection_id, account, currency, sum(debit) AS debits, sum(credit) AS credits FROM (
    SELECT connection_id, account, currency, debits AS debit, credits AS credit FROM ledger_checkpoints
    WHERE merchant_id = $1 AND ($2::uuid IS NULL OR connection_id = $2)
      AND ($3::date IS NULL OR accounting_date <= $3)
    UNION ALL SELECT connection_id, debit, currency, amount, 0 FROM since
    UNION ALL SELECT connection_id, credit, currency, 0, amount FROM since) AS sides
GROUP BY connection_id, account, currency ORDER BY connection_id, currency, account"""  # noqa: S608 - ours


# Of some stores only, the same from the checkpoints that know stores.
_OF_STORES: Final = f"""
WITH last AS MATERIALIZED (SELECT coalesce(max(until_entry), 0) AS id FROM store_checkpoints WHERE merchant_id = $1),
since AS MATERIALIZED (
    SELECT connection_id, debit, credit, currency, amount FROM {checkpoints.BEHIND_LAST}
    WHERE merchant_id = $1 AND ($2::uuid IS NULL OR connection_id = $2)
      AND ($3::date IS NULL OR accounting_date <= $3) AND store_id = ANY($4::uuid[]))
SELECT connection_id, account, currency, sum(debit) AS debits, sum(credit) AS credits FROM (
    SELECT connection_id, account, currency, debits AS debit, credits AS credit FROM store_checkpoints
    WHERE merchant_id = $1 AND ($2::uuid IS NULL OR connection_id = $2)
      AND ($3::date IS NULL OR accounting_date <= $3) AND store_id = ANY($4::uuid[])
    UNION ALL SELECT connection_id, debit, currency, amount, 0 FROM since
    UNION ALL SELECT connection_id, credit, currency, 0, amount FROM since) AS sides
GROUP BY connection_id, account, currency ORDER BY connection_id, currency, account"""  # noqa: S608 - ours


async def balances(
    whose: Whose, *, connection_id: UUID | None = None, until: date | None = None
) -> list[AccountBalance]:
    """The trial balance of a merchant: every account and currency per connection, up to and including `until`.

    Of the stores whose ledger somebody may read. Raises Forbidden.
    """
    scope = scope_of(whose, Permission.READ_LEDGER)
    if scope.stores is None:
        found = await rows(_BALANCES, scope.merchant_id, connection_id, until)
    else:
        found = await rows(_OF_STORES, scope.merchant_id, connection_id, until, list(scope.stores))
    return [
        # Sums of 64-bit amounts are numeric: no number of rows can make them overflow.
        AccountBalance(
            row["connection_id"], Account(row["account"]), row["currency"], int(row["debits"]), int(row["credits"])
        )
        for row in found
    ]


async def entries_of(refund_ids: Sequence[UUID], limit: int) -> Mapping[UUID, list[LedgerEntry]]:
    """The first `limit` entries of each refund, in their order."""
    return await first_of_each(LedgerEntry, refund_ids, key="refund_id", order="id", limit=limit)
