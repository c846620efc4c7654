"""The trial balance of a range of days: opening, debits, credits and closing of each account, and whose each row is.

Whole, it is read from the checkpoints and what was booked behind the last of them, so that it costs the same whatever
was ever booked; by store it is summed up, because checkpoints know no stores. Amounts in minor units.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from domain.access.permissions import Permission
from domain.access.principal import Scope, Whose, scope_of
from domain.models.ledger import Account
from domain.platform.database import rows
from domain.problems import InvalidInput


class By(StrEnum):
    """What rows are told apart by, beside account and currency."""

    CONNECTION = "CONNECTION"
    STORE = "STORE"


@dataclass(frozen=True, slots=True)
class Row:
    """One account. `opening` and `closing` are debits less credits and may be negative. What is not told apart is None.

    `connection_name` and `pse` say whose PSE_CLEARING it is.
    """

    account: Account
    currency: str
    opening: int
    debits: int
    credits: int
    connection_id: UUID | None = None
    connection_name: str | None = None
    pse: str | None = None
    store_id: UUID | None = None
    store_code: str | None = None

    @property
    def closing(self) -> int:
        return self.opening + self.debits - self.credits


@dataclass(frozen=True, slots=True)
class Total:
    """All debits and credits of one currency within the range: they are equal, or nothing is given out."""

    currency: str
    debits: int
    credits: int


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """`since` and `until` are days of the merchant's zone, both within."""

    since: date
    until: date
    rows: Sequence[Row]
    totals: Sequence[Total]


_ENTRIES: Final = (
    "SELECT connection_id, store_id, debit, credit, currency, amount, accounting_date FROM ledger_entries "
    "WHERE {behind}merchant_id = $1 AND accounting_date <= $3 AND ($4::uuid IS NULL OR connection_id = $4)"
)
_BOTH_SIDES: Final = (
    "SELECT connection_id, {store}, debit AS account, currency, amount AS debit, 0 AS credit, accounting_date "
    "FROM booked UNION ALL SELECT connection_id, {store}, credit, currency, 0, amount, accounting_date FROM booked"
)
_SUMS: Final = """
SELECT {keys}, s.account, s.currency,
    coalesce(sum(s.debit - s.credit) FILTER (WHERE s.accounting_date < $2), 0) AS opening,
    coalesce(sum(s.debit) FILTER (WHERE s.accounting_date >= $2), 0) AS debits,
    coalesce(sum(s.credit) FILTER (WHERE s.accounting_date >= $2), 0) AS credits
FROM ({sides}) AS s {joins} GROUP BY {grouped}s.account, s.currency
ORDER BY {ordered}s.currency, s.account"""
# What the checkpoints hold, and what was booked behind the last of them, in one snapshot.
_WHOLE: Final = (
    "WITH last AS MATERIALIZED (SELECT coalesce(max(until_entry), 0) AS id FROM ledger_checkpoints), "  # noqa: S608 - ours
    f"booked AS MATERIALIZED ({_ENTRIES.format(behind='id > (SELECT id FROM last) AND ')}) "
)
_CHECKPOINTS: Final = (
    " UNION ALL SELECT connection_id, NULL::uuid, account, currency, debits, credits, accounting_date "
    "FROM ledger_checkpoints WHERE merchant_id = $1 AND accounting_date <= $3 "
    "AND ($4::uuid IS NULL OR connection_id = $4)"
)
# Checkpoints know no stores: what is told apart by them, or is of some only, is summed up anew.
_OF_STORES: Final = (
    f"WITH booked AS MATERIALIZED ({_ENTRIES.format(behind='')} AND ($5::uuid[] IS NULL OR store_id = ANY($5))) "
)
_NAMES: Final = {
    By.CONNECTION: ("s.connection_id, c.name AS connection_name, c.pse", "connections c ON c.id = s.connection_id"),
    By.STORE: ("s.store_id, t.code AS store_code", "stores t ON t.id = s.store_id"),
}
_GROUPED: Final = {By.CONNECTION: "s.connection_id, c.name, c.pse, ", By.STORE: "s.store_id, t.code, "}
_ORDERED: Final = {By.CONNECTION: "c.name, s.connection_id, ", By.STORE: "t.code, "}


async def trial_balance(
    whose: Whose,
    since: date,
    until: date,
    by: Collection[By] = frozenset({By.CONNECTION}),
    connection_id: UUID | None = None,
) -> TrialBalance:
    """Of the stores whose ledger somebody may read. Raises Forbidden, InvalidInput."""
    if since > until:
        raise InvalidInput("The first day comes before the last.", path=["from"])
    scope = scope_of(whose, Permission.READ_LEDGER)
    found = await rows(*_statement(scope, since, until, by, connection_id))
    made = [_row(row) for row in found if row["opening"] or row["debits"] or row["credits"]]
    return TrialBalance(since, until, made, totals_of(made))


def _statement(
    scope: Scope, since: date, until: date, by: Collection[By], connection_id: UUID | None
) -> tuple[Any, ...]:
    chosen = [one for one in By if one in by]  # always in one order, for one text of the statement
    whole = scope.stores is None and By.STORE not in by
    sides = _BOTH_SIDES.format(store="NULL::uuid AS store_id" if whole else "store_id")
    asked = _SUMS.format(
        keys=", ".join([_NAMES[one][0] for one in chosen] or ["NULL::uuid AS connection_id"]),
        sides=sides + (_CHECKPOINTS if whole else ""),
        joins=" ".join(f"JOIN {_NAMES[one][1]}" for one in chosen),
        grouped="".join(_GROUPED[one] for one in chosen),
        ordered="".join(_ORDERED[one] for one in chosen),
    )
    values: tuple[Any, ...] = (scope.merchant_id, since, until, connection_id)
    if whole:
        return (_WHOLE + asked, *values)
    return (_OF_STORES + asked, *values, list(scope.stores) if scope.stores is not None else None)


def _row(row: Any) -> Row:
    # Sums of 64-bit amounts are numeric: no number of rows can make them overflow.
    return Row(
        account=Account(row["account"]),
        currency=row["currency"],
        opening=int(row["opening"]),
        debits=int(row["debits"]),
        credits=int(row["credits"]),
        connection_id=row.get("connection_id"),
        connection_name=row.get("connection_name"),
        pse=row.get("pse"),
        store_id=row.get("store_id"),
        store_code=row.get("store_code"),
    )


def totals_of(made: Iterable[Row]) -> list[Total]:
    """The sums of each currency. Raises RuntimeError where debits are not credits: a ledger row cannot make it so."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in made:
        for place, value in enumerate((row.opening, row.debits, row.credits)):
            sums[row.currency][place] += value
    for currency, (opening, debits, credits) in sums.items():
        if opening or debits != credits:
            raise RuntimeError(f"The trial balance of {currency} does not balance: {opening} {debits} {credits}.")
    return [Total(currency, debits, credits) for currency, (_, debits, credits) in sorted(sums.items())]
