"""The rows of each kind of export, in one order, as somebody may read them; what stands over them: columns.py.

A row is what its statement gives by name. Sets are plain SQL, each of one snapshot: a cursor sees what was there when
it was opened, however long it is read.
"""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from tortoise.expressions import Q

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.books.trial_balance import By, trial_balance
from domain.exports.asked import Kind, WantedRows
from domain.findings import facts, search
from domain.history import log
from domain.models import Finding, Merchant
from domain.platform.database import execute, rows, transaction
from domain.problems import InvalidInput

PAGE: Final = 5_000
Row = Mapping[str, Any]
_NAMES: Final = "s.code AS store, c.name AS connection, c.pse"
_PAYMENT: Final = "p.pse_reference, p.order_reference"
# $1 the merchant, $2 stores or null for all, $3 and $4 the first moment (or day) and the one behind the last, $5 a
# connection, $6 a store, $7 a currency.
_WITHIN: Final = """{0}.merchant_id = $1 AND ($2::uuid[] IS NULL OR {1}.store_id = ANY($2))
  AND ($3::{3} IS NULL OR {2} >= $3) AND ($4::{3} IS NULL OR {2} < $4)
  AND ($5::uuid IS NULL OR {0}.connection_id = $5) AND ($6::uuid IS NULL OR {1}.store_id = $6)
  AND ($7::varchar IS NULL OR {0}.currency = $7)"""
_MOMENTS: Final = frozenset({Kind.REFUNDS, Kind.PAYMENTS})
_STATEMENTS: Final[Mapping[Kind, str]] = {
    Kind.REFUNDS: f"""SELECT r.reference, {_NAMES}, p.pse_reference AS payment, p.order_reference, r.state, r.amount,
      r.tax_amount, r.currency, r.reason, r.pse_refund_reference, r.failure_code, r.created_at, r.succeeded_at
    FROM refunds r JOIN payments p ON p.id = r.payment_id JOIN stores s ON s.id = p.store_id
    JOIN connections c ON c.id = r.connection_id
    WHERE {_WITHIN.format("r", "p", "r.created_at", "timestamptz")}
      AND ($8::varchar[] IS NULL OR r.state = ANY($8)) AND ($9::varchar[] IS NULL OR p.method = ANY($9))
      AND ($10::varchar[] IS NULL OR r.reason = ANY($10))
      AND ($11::varchar IS NULL OR p.order_reference = $11)
      AND ($12::bool IS NOT TRUE OR r.needs_person_since IS NOT NULL)
      AND ($13::bigint IS NULL OR r.amount >= $13) AND ($14::bigint IS NULL OR r.amount <= $14)
    ORDER BY r.created_at, r.id""",  # noqa: S608 - ours
    Kind.PAYMENTS: f"""SELECT {_PAYMENT}, {_NAMES}, p.method, p.captured, p.refunded,
      p.reserved, p.taken_by_bank, p.charged_back, p.tax_amount, p.currency, p.tax_document,
      p.captured_at, p.withdrawn_at
    FROM payments p JOIN stores s ON s.id = p.store_id JOIN connections c ON c.id = p.connection_id
    WHERE {_WITHIN.format("p", "p", "p.captured_at", "timestamptz")} ORDER BY p.captured_at, p.id""",  # noqa: S608 - ours
    # The days first, and only then in order: in the order of ids, all that is older would be read to find their first.
    Kind.LEDGER: f"""WITH l AS MATERIALIZED (SELECT * FROM ledger_entries l
      WHERE {_WITHIN.format("l", "l", "l.accounting_date", "date")})
    SELECT l.id, l.accounting_date, l.belongs_to, l.entry, l.debit, l.credit, l.amount, l.currency,
      {_NAMES}, p.pse_reference AS payment, r.reference AS refund, l.cause, l.booked_at
    FROM l JOIN stores s ON s.id = l.store_id JOIN connections c ON c.id = l.connection_id
    LEFT JOIN payments p ON p.id = l.payment_id LEFT JOIN refunds r ON r.id = l.refund_id
    ORDER BY l.id""",  # noqa: S608 - ours
    Kind.VAT: f"""SELECT r.reference AS refund, {_NAMES}, v.country, v.regime, v.state, v.amount, v.currency, v.sold_on,
      v.paid_on, v.due_on, v.rule_id, v.rules_version, v.document_number, v.document_on, v.period, v.reason
    FROM vat_reversals v JOIN refunds r ON r.id = v.refund_id JOIN stores s ON s.id = v.store_id
    JOIN connections c ON c.id = v.connection_id
    WHERE {_WITHIN.format("v", "v", "v.paid_on", "date")} ORDER BY v.paid_on, v.id""",  # noqa: S608 - ours
}


class TooMany(InvalidInput):
    """More rows than an export may have."""


def pages(principal: Principal, kind: Kind, wanted: WantedRows, most: int) -> AsyncGenerator[tuple[int, list[Row]]]:
    """The rows a page at a time, each with how many there are of all. Raises TooMany before the first."""
    if kind is Kind.FINDINGS:
        return _findings(principal, wanted, most)
    if kind is Kind.TRIAL_BALANCE:
        return _balance(principal, wanted, most)
    if kind is Kind.AUDIT:
        return _entries(principal, wanted, most)
    return _cursor(principal, kind, wanted, most)


def check_count(count: int, most: int) -> None:
    """Raises TooMany."""
    if count > most:
        raise TooMany(f"There are more than {most} rows: ask for less at once, by days, a connection or a store.")


async def _cursor(
    principal: Principal, kind: Kind, wanted: WantedRows, most: int
) -> AsyncGenerator[tuple[int, list[Row]]]:
    statement, values = _STATEMENTS[kind], await _values(principal, kind, wanted)
    (counted,) = await rows(f"SELECT count(*) AS count FROM ({statement} LIMIT {most + 1}) AS n", *values)  # noqa: S608
    check_count(counted["count"], most)
    async with transaction():
        # A cursor's name stands for its columns, which the driver remembers.
        name = f"export_{kind.lower()}"
        await execute(f"DECLARE {name} NO SCROLL CURSOR FOR {statement} LIMIT {most + 1}", *values)
        seen = 0
        while page := await rows(f"FETCH {PAGE} FROM {name}"):
            seen += len(page)
            check_count(seen, most)
            yield max(counted["count"], seen), list(page)


async def _values(principal: Principal, kind: Kind, wanted: WantedRows) -> Sequence[Any]:
    scope = principal.scope(Permission.READ_LEDGER)
    since: date | None = wanted.since
    behind: date | None = None
    if wanted.until is not None and wanted.until < date.max:
        behind = wanted.until + timedelta(days=1)
    if kind in _MOMENTS:
        zone = ZoneInfo((await Merchant.get(id=principal.merchant_id)).zone)
        since, behind = (
            datetime.combine(max(one, _EARLIEST), time(), zone) if one else None for one in (since, behind)
        )
    stores = None if scope.stores is None else list(scope.stores)
    values = (scope.merchant_id, stores, since, behind, wanted.connection, wanted.store, wanted.currency)
    if kind is not Kind.REFUNDS:
        return values
    lists = (list(one) or None for one in (wanted.states, wanted.methods, wanted.reasons))
    return (*values, *lists, wanted.order, wanted.needs_person, wanted.amount_from, wanted.amount_until)


_EARLIEST: Final = date(1970, 1, 1)


async def _balance(principal: Principal, wanted: WantedRows, most: int) -> AsyncGenerator[tuple[int, list[Row]]]:
    assert wanted.since is not None, "It was checked."
    assert wanted.until is not None, "It was checked."
    by = frozenset({By.CONNECTION, By.STORE})
    told = await trial_balance(principal, wanted.since, wanted.until, by, wanted.connection)
    check_count(len(told.rows), most)
    found = [{name: getattr(one, name) for name in _BALANCE} for one in told.rows]
    for start in range(0, len(found), PAGE):
        yield len(found), [dict(one) for one in found[start : start + PAGE]]


_BALANCE: Final = (
    "account",
    "connection_name",
    "pse",
    "store_code",
    "currency",
    "opening",
    "debits",
    "credits",
    "closing",
)


async def _findings(principal: Principal, wanted: WantedRows, most: int) -> AsyncGenerator[tuple[int, list[Row]]]:
    """By keyset pages: what is found meanwhile comes last or not at all, and none comes twice."""
    query = await search.query(principal, wanted.findings or search.WantedFindings())
    count = await query.count()
    check_count(count, most)
    query = query.filter(created_at__lte=datetime.now(UTC)).order_by("created_at", "id")
    after: Finding | None = None
    seen = 0
    while True:
        behind = Q()
        if after is not None:
            same = Q(created_at=after.created_at, id__gt=after.id)
            behind = Q(created_at__gte=after.created_at) & (Q(created_at__gt=after.created_at) | same)
        page = await query.filter(behind).limit(PAGE)
        if not page:
            return
        seen += len(page)
        check_count(seen, most)
        yield max(count, seen), await _told(page)
        after = page[-1]


# What a finding is about, in words that people know.
_ABOUT: Final = """SELECT f.id, c.name AS connection, c.pse, s.code AS store, p.pse_reference AS payment,
  p.order_reference AS order, r.reference AS refund
FROM findings f JOIN connections c ON c.id = f.connection_id LEFT JOIN refunds r ON r.id = f.refund_id
LEFT JOIN payments p ON p.id = coalesce(f.payment_id, r.payment_id) LEFT JOIN stores s ON s.id = p.store_id
WHERE f.id = ANY($1::uuid[])"""


async def _told(page: Sequence[Finding]) -> list[Row]:
    about = {one["id"]: one for one in await rows(_ABOUT, [one.id for one in page])}
    now = datetime.now(UTC)
    return [_finding(one, about[one.id], now) for one in page]


def _finding(one: Finding, about: Row, now: datetime) -> Row:
    sides = facts.sides_of(one.detail)
    return {
        **about,
        "id": str(one.id),
        "facts": shown(one),
        "kind": one.kind,
        "state": search.state_of(one, now),
        "severity": one.severity,
        "amount": one.amount,
        "currency": one.currency,
        "explanation": one.explanation,
        "ours": _json(sides.ours),
        "theirs": _json(sides.theirs),
        "action": one.action,
        "created_at": one.created_at,
        "due_at": one.due_at,
        "assignee": one.assignee,
        "resolved_at": one.resolved_at,
        "reason": one.reason,
    }


def shown(one: Finding) -> str:
    """A digest of the facts that a sheet shows, so that a decision about others is not taken for one about these."""
    # No spreadsheet takes it for a number, as it would a digest that happens to have digits alone.
    return "v1:" + facts.digest_of(one.kind, one.amount, one.currency, one.detail)[:32]


def _json(told: object) -> str:
    return json.dumps(told, sort_keys=True, ensure_ascii=False, default=str) if told else ""


async def _entries(principal: Principal, wanted: WantedRows, most: int) -> AsyncGenerator[tuple[int, list[Row]]]:
    """The audit log, oldest first; how many there are is known when they have been read."""
    behind, seen = 0, 0
    until = datetime.now(UTC)  # what is done while it is read is of another export
    asked = wanted.audit or log.WantedHistory()
    asked = replace(asked, until=min(asked.until or until, until))
    while page := await log.page(principal, asked, behind, PAGE, newest_first=False):
        seen += len(page)
        check_count(seen, most)
        yield seen, [_entry(one) for one in page]
        behind = page[-1].position


def _entry(one: log.LogEntry) -> Row:
    ids = {name: str(getattr(one, name) or "") for name in ("person_id", "token_id", "session_id")}
    return {**asdict(one), **ids, "changes": _json(one.changes)}
