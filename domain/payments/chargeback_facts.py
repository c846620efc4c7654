"""What is told of a payment's chargebacks, by reports and by webhooks, and what of it stands in the books.

Each movement is a fact with a name: the PSE's, where it has one for every stage of a dispute, so that a webhook and a
report, or two reports, tell of one; else (Mercado Pago) its amount, of which as many are booked as the kind of report
that has most of them tells, each by its moment: files overlap.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from domain.models import Connection, Payment
from domain.models.settlements import Effect
from domain.payments import orders
from domain.platform.database import rows
from domain.pse.registry import connector
from domain.pse.vocabulary import BadNotice, ChargedBack, WebhookRequest

TYPES: Final = (Effect.CHARGEBACK.value, Effect.CHARGEBACK_REVERSED.value)
_BY_AMOUNT: Final = "by-amount"


@dataclass(frozen=True, slots=True, order=True)
class Fact:
    """A movement: money that left, or came back, under a name. With its amount (minor units) it is booked once."""

    back: bool
    name: str


async def told_of(payment: Payment) -> dict[Fact, int | None]:
    """What the valid lines tell of a payment, those before it was registered included. Amounts in minor units; None: no
    line says how much.
    """
    lines = await rows(
        "SELECT l.report_id, l.type, l.reference, l.kind, l.amount, l.booked_at FROM settlement_lines l "  # noqa: S608
        "JOIN reports r ON r.id = l.report_id JOIN payments p ON p.id = $4 "
        "WHERE r.connection_id = $1 AND r.superseded_at IS NULL AND l.voided_at IS NULL AND l.type = ANY($2) "
        "  AND l.state = 'SUCCEEDED' AND l.currency = $3 AND (l.payment_id = $4 "
        "    OR (l.payment_id IS NULL AND (l.payment_reference = $5 OR l.payment_alias = $5)) "
        f"    OR ({orders.LINE_OF_ORDER})) ORDER BY l.id",
        payment.connection_id,
        list(TYPES),
        payment.currency,
        payment.id,
        payment.pse_reference,
    )
    told = {**_named(line for line in lines if line["reference"]), **_unnamed([x for x in lines if not x["reference"]])}
    return {fact: amount or None for fact, amount in told.items()}


def _named(lines: Iterable[Mapping[str, Any]]) -> dict[Fact, int]:
    """A report may take one chargeback in parts; another that tells of it tells the same again."""
    parts: defaultdict[Fact, Counter[UUID]] = defaultdict(Counter)
    for line in lines:
        parts[Fact(_is_back(line), line["reference"])][line["report_id"]] += line["amount"]
    return {fact: max(by_report.values()) for fact, by_report in parts.items()}


def _unnamed(lines: Sequence[Mapping[str, Any]]) -> dict[Fact, int]:
    """Of one amount as many as the kind of report has that tells most; two files tell of one moment's the same."""
    by_file = Counter((_is_back(x), x["amount"], x["kind"], x["booked_at"], x["report_id"]) for x in lines)
    moments: Counter[tuple[bool, int, str, datetime]] = Counter()
    for (back, amount, kind, at, _), count in by_file.items():
        moments[back, amount, kind, at] = max(moments[back, amount, kind, at], count)
    kinds: Counter[tuple[bool, int, str]] = Counter()
    for (back, amount, kind, _), count in moments.items():
        kinds[back, amount, kind] += count
    most: Counter[tuple[bool, int]] = Counter()
    for (back, amount, _), count in kinds.items():
        most[back, amount] = max(most[back, amount], count)
    return {
        Fact(back, f"{_BY_AMOUNT}/{amount}/{turn}"): amount
        for (back, amount), count in most.items()
        for turn in range(1, count + 1)
    }


def _is_back(line: Mapping[str, Any]) -> bool:
    return bool(line["type"] == Effect.CHARGEBACK_REVERSED.value)


async def booked_of(payment_id: UUID) -> dict[Fact, int]:
    """What stands in the books; a fact that was given back with 0."""
    found = await rows(
        "SELECT cause, entry, debit, amount FROM ledger_entries WHERE payment_id = $1 AND entry = ANY($2) ORDER BY id",
        payment_id,
        list(TYPES),
    )
    standing: Counter[Fact] = Counter()
    for row in found:
        # "chargeback/<payment>/<out or back>/<name>/<turn>"; a name may have slashes.
        _, _, way, rest = row["cause"].split("/", 3)
        fact = Fact(way == "back", rest.rpartition("/")[0])
        plain = (row["debit"] == "CHARGEBACKS") is not fact.back
        standing[fact] += row["amount"] if plain else -row["amount"]
    return dict(standing)


_RETIRED: Final = (
    "SELECT 1 AS one FROM notices WHERE connection_id = $1 AND retired_at IS NOT NULL AND received_at >= $2 LIMIT 1"
)


async def told_by_notice(payment: Payment, fact: Fact) -> bool:
    """Whether a webhook that was applied tells of it: asked only where a revised report tells of it no longer.

    One whose body retention has taken may have: in doubt the money is not given back.
    """
    connection = await Connection.get(id=payment.connection_id)
    if await rows(_RETIRED, connection.id, payment.captured_at):
        return True
    case = fact.name.partition("/")[0]
    found = await rows(
        "SELECT headers, body FROM notices WHERE connection_id = $1 AND applied_at IS NOT NULL "
        "AND position(convert_to($2, 'UTF8') IN body) > 0",
        connection.id,
        case,
    )
    return any(
        isinstance(told, ChargedBack) and (told.reversed, told.name) == (fact.back, fact.name)
        for row in found
        for told in _read(connection, bytes(row["body"]))
    )


def _read(connection: Connection, body: bytes) -> Sequence[object]:
    try:
        return connector(connection.pse).read_webhook(WebhookRequest("POST", "/", "", {}, body))
    except BadNotice:
        return []
