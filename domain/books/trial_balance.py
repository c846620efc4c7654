"""The trial balance of a range of days: opening, debits, credits and closing of each account, and whose each row is.

It is read from the checkpoints and what was booked behind the last of them, so that it costs the same whatever was ever
booked; by store from those that know stores. Amounts in minor units.
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
from domain.books import checkpoints
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
        """Debits less credits at the end of the range, in minor units."""
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


# Whose each sum is, and what was booked of it before the range and within; each row of the ledger is read once.
_BOOKED: Final = """booked AS MATERIALIZED (
    SELECT connection_id, {store} AS store_id, debit, credit, currency,
        coalesce(sum(amount) FILTER (WHERE accounting_date < $2), 0) AS before,
        coalesce(sum(amount) FILTER (WHERE accounting_date >= $2), 0) AS within
    FROM {ledger} WHERE {behind}merchant_id = $1 AND accounting_date <= $3
      AND ($4::uuid IS NULL OR connection_id = $4){stores} GROUP BY 1, 2, 3, 4, 5)
"""
_BOTH_SIDES: Final = """
SELECT connection_id, store_id, debit AS account, currency, before AS opening, within AS debits, 0 AS credits
FROM booked
UNION ALL SELECT connection_id, store_id, credit, currency, -before, 0, within FROM booked
"""
_SUMS: Final = """
SELECT {keys}, s.account, s.currency, sum(s.opening) AS opening, sum(s.debits) AS debits, sum(s.credits) AS credits
FROM ({sides}) AS s {joins} GROUP BY {grouped}s.account, s.currency
ORDER BY {ordered}s.currency, s.account"""
# What the checkpoints hold, and what was booked behind the last of them, in one snapshot.
_LAST_CHECKPOINT: Final = (
    "WITH last AS MATERIALIZED (SELECT coalesce(max(until_entry), 0) AS id FROM ledger_checkpoints), "
)
_CHECKPOINTS: Final = """
UNION ALL SELECT connection_id, NULL::uuid, account, currency,
    CASE WHEN accounting_date < $2 THEN debits - credits ELSE 0 END,
    CASE WHEN accounting_date < $2 THEN 0 ELSE debits END, CASE WHEN accounting_date < $2 THEN 0 ELSE credits END
FROM ledger_checkpoints WHERE merchant_id = $1 AND accounting_date <= $3 AND ($4::uuid IS NULL OR connection_id = $4)"""
# By store, from the last month that was closed before the range, and the checkpoints by store of what came later.
_LAST_CLOSED: Final = f"""
WITH closed AS MATERIALIZED (SELECT id, last_day FROM period_closings WHERE merchant_id = $1
    AND confirmed_at IS NOT NULL AND last_day < $2 ORDER BY last_day DESC LIMIT 1),
last AS MATERIALIZED (SELECT {checkpoints.BY_STORE_UNTIL} AS id), """  # noqa: S608 - ours
_BEHIND_CLOSED: Final = "accounting_date > coalesce((SELECT last_day FROM closed), '-infinity')"
_CLOSED: Final = f"""
UNION ALL SELECT connection_id, store_id, account, currency,
    CASE WHEN accounting_date < $2 THEN debits - credits ELSE 0 END,
    CASE WHEN accounting_date < $2 THEN 0 ELSE debits END, CASE WHEN accounting_date < $2 THEN 0 ELSE credits END
FROM store_checkpoints WHERE merchant_id = $1 AND accounting_date <= $3 AND {_BEHIND_CLOSED}
  AND ($4::uuid IS NULL OR connection_id = $4) AND ($5::uuid[] IS NULL OR store_id = ANY($5))
UNION ALL SELECT connection_id, store_id, account, currency, opening + debits - credits, 0, 0
FROM closed_balances WHERE closing_id = (SELECT id FROM closed) AND ($4::uuid IS NULL OR connection_id = $4)
  AND ($5::uuid[] IS NULL OR store_id = ANY($5))"""  # noqa: S608 - ours
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
    asked = _SUMS.format(
        keys=", ".join([_NAMES[one][0] for one in chosen] or ["NULL::uuid AS connection_id"]),
        sides=_BOTH_SIDES + (_CHECKPOINTS if whole else _CLOSED),
        joins=" ".join(f"JOIN {_NAMES[one][1]}" for one in chosen),
        grouped="".join(_GROUPED[one] for one in chosen),
        ordered="".join(_ORDERED[one] for one in chosen),
    )
    values: tuple[Any, ...] = (scope.merchant_id, since, until, connection_id)
    if whole:
        booked = _BOOKED.format(store="NULL::uuid", behind="", stores="", ledger=checkpoints.BEHIND_LAST)
        return (_LAST_CHECKPOINT + booked + asked, *values)
    of_some = " AND ($5::uuid[] IS NULL OR store_id = ANY($5))"
    behind = f"{_BEHIND_CLOSED} AND "
    booked = _BOOKED.format(store="store_id", behind=behind, stores=of_some, ledger=checkpoints.BEHIND_LAST)
    return (_LAST_CLOSED + booked + asked, *values, list(scope.stores) if scope.stores is not None else None)


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
