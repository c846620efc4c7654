"""The batches of a report: what it moves in the books, once per store, word and currency.

Settled amounts may have more decimals than their currency: they are added up exactly and rounded once per batch, half
away from zero. What the report moved on the balance is rounded by itself, and the remainder goes to ROUNDING.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, Final
from uuid import UUID

import polars as pl

from domain.books.ledger import LEGS, Posting
from domain.models import Connection
from domain.models.ledger import Account, Entry
from domain.models.settlements import BookedAs, Effect
from domain.money import EXPONENTS
from domain.platform.database import rows
from domain.settlements.frames import Frames

# What each word moves. PSE_BALANCE is one side of each; which one, the sign says.
ENTRIES: Final[Mapping[str, Entry]] = {
    Effect.CAPTURE: Entry.PROVE_CAPTURES,
    Effect.REFUND: Entry.PROVE_REFUNDS,
    Effect.RETURN: Entry.PROVE_RETURNS,
    Effect.TAKEN: Entry.PROVE_TAKEN,
    Effect.TAKEN_BACK: Entry.PROVE_TAKEN,
    Effect.CHARGEBACK: Entry.PROVE_CHARGEBACKS,
    Effect.CHARGEBACK_REVERSED: Entry.PROVE_CHARGEBACKS,
    BookedAs.FEE: Entry.PROVE_FEES,
    "FEE_TAX": Entry.PROVE_FEE_TAXES,
    "WITHHELD": Entry.PROVE_TAXES_WITHHELD,
    BookedAs.RESERVE: Entry.PROVE_RESERVES,
    BookedAs.ADJUSTMENT: Entry.PROVE_ADJUSTMENTS,
    BookedAs.TRANSFER: Entry.PROVE_TRANSFERS,
    BookedAs.UNEXPLAINED: Entry.PROVE_UNEXPLAINED,
    BookedAs.PAYOUT: Entry.PROVE_PAYOUTS,
    "CONVERTED": Entry.CONVERT,  # out of the payment's currency, into the settlement's
    "PAYOUT_CONVERTED": Entry.CONVERT,  # out of the balance's currency, into the bank's
    "ROUNDING": Entry.PROVE_ROUNDING,
}
_COMES: Final = (Effect.CAPTURE, Effect.RETURN, Effect.TAKEN_BACK, Effect.CHARGEBACK_REVERSED)
_EXACT: Final = Context(prec=60)
_KEYS: Final = ("store_id", "effect", "currency", "settled_currency", "booked_as")
_SUMS: Final = ("settled_fee", "settled_tax", "settled_withheld", "settled_net")

# As `of_lines`, of lines that are stored. Store and payment are for life, so the same lines always give the same.
_STORED: Final = """
SELECT l.report_id, c.default_store_id, coalesce(p.store_id, c.default_store_id) AS store_id, l.effect, l.currency,
  l.settled_currency, l.booked_as, sum(l.amount) AS amount, coalesce(sum(l.settled_fee), 0) AS settled_fee,
  coalesce(sum(l.settled_tax), 0) AS settled_tax, coalesce(sum(l.settled_withheld), 0) AS settled_withheld,
  coalesce(sum(l.settled_net), 0) AS settled_net
FROM settlement_lines l JOIN reports r ON r.id = l.report_id JOIN connections c ON c.id = r.connection_id
LEFT JOIN payments p ON p.id = l.payment_id
WHERE l.report_id = ANY($1::uuid[]) AND l.voided_at IS NULL AND (l.effect <> 'NONE' OR l.booked_as <> 'NONE')
GROUP BY 1, 2, 3, 4, 5, 6, 7"""

Batch = tuple[UUID, str, str]  # store, word of ENTRIES, currency
Moved = dict[Batch, int]  # minor units that it adds to PSE_BALANCE, signed


@dataclass(frozen=True, slots=True)
class BookedAlike:
    """Lines that are booked alike, added up: `amount` in minor units of `currency`, the rest in major units."""

    store_id: UUID
    effect: str
    currency: str
    settled_currency: str | None
    booked_as: str
    amount: int
    fee: Decimal
    tax: Decimal
    withheld: Decimal
    net: Decimal

    @property
    def main(self) -> Decimal:
        """What the net is without fee and taxes: the net is the truth, whatever the report calls its gross."""
        return self.net - self.fee - self.tax - self.withheld

    @property
    def signed(self) -> int:
        """What the effect does to the balance."""
        return self.amount if self.effect in _COMES else -self.amount


def of_lines(connection: Connection, lines: Frames) -> Moved:
    """What the lines of one report move, but for its payouts."""
    grouped = lines.together(_grouped, (*_KEYS, *_SUMS, "amount", "payment_id"))
    if len(lines) > 1:
        grouped = grouped.group_by(_KEYS).sum()
    default = connection.default_store_id
    return moved([_group(row, default) for row in grouped.iter_rows(named=True)], default)


def _grouped(lines: pl.DataFrame) -> pl.DataFrame:
    moving = (pl.col("effect") != Effect.NONE.value) | (pl.col("booked_as") != BookedAs.NONE.value)
    return (
        lines.lazy()
        .with_columns(store_id=pl.when(pl.col("payment_id").is_not_null()).then(pl.col("store_id")))
        .filter(moving)
        .group_by(_KEYS)
        .agg(pl.col("amount").cast(pl.Int128).sum(), *(pl.col(name).fill_null(0).sum() for name in _SUMS))
        .collect(engine="in-memory")
    )


async def stored(report_ids: Sequence[UUID]) -> Moved:
    """What the valid lines of these reports have moved, but for their payouts."""
    by_report: dict[tuple[UUID, UUID], list[BookedAlike]] = defaultdict(list)
    for row in await rows(_STORED, list(report_ids)):
        by_report[row["report_id"], row["default_store_id"]].append(_group(row, row["store_id"]))
    return added(*(moved(groups, default) for (_, default), groups in by_report.items()))


def _group(row: Mapping[str, Any], store_id: UUID) -> BookedAlike:
    told = row["store_id"]
    return BookedAlike(
        store_id=store_id if told is None else UUID(str(told)),
        effect=row["effect"],
        currency=row["currency"],
        settled_currency=row["settled_currency"],
        booked_as=row["booked_as"],
        amount=int(row["amount"]),
        fee=row["settled_fee"],
        tax=row["settled_tax"],
        withheld=row["settled_withheld"],
        net=row["settled_net"],
    )


def moved(groups: Iterable[BookedAlike], default_store_id: UUID) -> Moved:
    """The groups of one report as its batches, rounded; the remainder is the default store's."""
    exact: dict[Batch, Decimal] = defaultdict(Decimal)
    for group in groups:
        if group.effect != Effect.NONE:
            exact[group.store_id, group.effect, group.currency] += group.signed
        for word, currency, amount in _settled(group):
            exact[group.store_id, word, currency] += amount
    made = {batch: rounded(amount) for batch, amount in exact.items()}
    for currency in {batch[2] for batch in exact}:
        own = [batch for batch in exact if batch[2] == currency]
        whole = rounded(sum((exact[batch] for batch in own), Decimal(0)))
        made[default_store_id, "ROUNDING", currency] = whole - sum(made[batch] for batch in own)
    return {batch: amount for batch, amount in made.items() if amount}


def _settled(group: BookedAlike) -> Iterable[tuple[str, str, Decimal]]:
    """Word, currency and minor units, exact, of what the group's settled money does beside its effect."""
    currency, booked = group.settled_currency, group.booked_as
    if booked == BookedAs.NONE or currency is None:
        return
    yield BookedAs.FEE, currency, minor_units(group.fee, currency)
    yield "FEE_TAX", currency, minor_units(group.tax, currency)
    yield "WITHHELD", currency, minor_units(group.withheld, currency)
    main = minor_units(group.main, currency)
    if booked == BookedAs.EFFECT and currency != group.currency:
        yield "CONVERTED", group.currency, Decimal(-group.signed)
        yield "CONVERTED", currency, main
    elif booked == BookedAs.EFFECT:
        yield BookedAs.ADJUSTMENT, currency, main - group.signed
    elif booked != BookedAs.PAYOUT:  # domain/settlements/payouts books those, one by one
        yield booked, currency, main


def minor_units(amount: Decimal, currency: str) -> Decimal:
    """Major units as minor units, exact: with all their decimals."""
    return amount.scaleb(EXPONENTS[currency], _EXACT)


def rounded(amount: Decimal) -> int:
    """Half away from zero, as PostgreSQL's `round` does."""
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP, _EXACT))


def added(*many: Moved) -> Moved:
    """All of them together."""
    found: Moved = defaultdict(int)
    for one in many:
        for batch, amount in one.items():
            found[batch] += amount
    return {batch: amount for batch, amount in found.items() if amount}


def undone(one: Moved) -> Moved:
    """The same the other way round."""
    return {batch: -amount for batch, amount in one.items()}


def by_currency(one: Moved) -> dict[str, int]:
    """What it adds to PSE_BALANCE in each currency."""
    found: dict[str, int] = defaultdict(int)
    for (_, _, currency), amount in one.items():
        found[currency] += amount
    return dict(found)


def postings(connection: Connection, on: date, name: str, batches: Moved, request_id: str) -> list[Posting]:
    """One posting per batch; `name` and the batch are its cause."""
    return [
        Posting(
            merchant_id=connection.merchant_id,
            store_id=store_id,
            connection_id=connection.id,
            entry=ENTRIES[word],
            amount=abs(amount),
            currency=currency,
            accounting_date=on,
            cause=f"{name}/{store_id}/{word}/{currency}",
            request_id=request_id,
            reverse=(amount > 0) is not (LEGS[ENTRIES[word]][0][0] is Account.PSE_BALANCE),
        )
        for (store_id, word, currency), amount in sorted(batches.items())
    ]
