"""What a report would change, as things stand: counts and sums of its lines, and what they would book. Nothing is
written. What it tells of payments that nobody has registered yet is booked when they are, and not foreseen.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from domain.models import Connection, Report
from domain.pse.registry import connector
from domain.pse.reporting import PaidOut, ReadReport, ReportFile
from domain.reconciliation import manifest, reconcile
from domain.reconciliation.matched import of_parts, settling
from domain.reconciliation.parts import parts_of
from domain.settlements import batches, frames, payouts, reports
from domain.settlements.batches import Moved, added, undone
from domain.settlements.frames import Frames
from domain.settlements.storable import named


async def of(connection: Connection, given: ReportFile, day: date) -> dict[str, Any]:
    """Of a file that can be read: its rows, what proves it, lines by type, entries by currency, what it replaces.

    Amounts are minor units, as text; those of `books` are what is added to PSE_BALANCE. Raises BadAnswer.
    """
    file = named(given)
    told, lines = await _read(connection, file, day)
    old = await reports.valid_report(connection, file.name)
    effects = await _effects(connection, file.name, lines)
    proof, words = manifest.proof_of(told)
    refunds = effects.together(lambda some: some.filter(pl.col("type") == "REFUND").select("refund_id"))
    return {
        "rows": lines.height,
        "proof": proof,
        "proven_by": words,
        "lines": _by_type(lines),
        "refunds_matched": refunds.height - refunds["refund_id"].null_count(),
        "refunds_unmatched": refunds["refund_id"].null_count(),
        "books": await _books(connection, day, effects, file.name, told.payouts, old),
        "replaces": _replaced(old) if old is not None else None,
    }


async def _read(connection: Connection, file: ReportFile, day: date) -> tuple[ReadReport, Frames]:
    period = await reconcile.period_of(connection, day)
    return frames.of_report(file, connector(connection.pse).read_report(file, period))


async def _effects(connection: Connection, name: str, lines: Frames) -> Frames:
    """The lines as they would be stored."""
    matched = of_parts(await parts_of(connection, name, lines), lines.folder, replacing=False)
    return (await settling(connection, name, matched)).lines


def _by_type(lines: Frames) -> list[dict[str, Any]]:
    by = ("type", "currency")
    amount = pl.col("amount").cast(pl.Int128).sum()
    each = lines.together(lambda some: some.group_by(by).agg(pl.len().cast(pl.Int64).alias("rows"), amount))
    grouped = each.group_by(by).sum()
    return [
        {"type": row["type"], "currency": row["currency"], "rows": row["rows"], "amount": str(row["amount"])}
        for row in grouped.sort("type", "currency").iter_rows(named=True)
    ]


async def _books(
    connection: Connection, day: date, effects: Frames, name: str, beside: Sequence[PaidOut], old: Report | None
) -> list[dict[str, Any]]:
    """What each entry adds to PSE_BALANCE, less what the report before it has added."""
    parts = await payouts.of_report(connection, name, day, effects.together(payouts.telling, payouts.ASKED), beside)
    moved = added(batches.of_lines(connection, effects), payouts.moved(connection, parts))
    if old is not None:
        before = added(await batches.stored([old.id]), await payouts.stored(connection, old.id))
        moved = added(moved, undone(before))
    return [
        {"entry": entry, "currency": currency, "amount": str(amount)}
        for (entry, currency), amount in sorted(_by_entry(moved).items())
        if amount
    ]


def _by_entry(moved: Moved) -> Mapping[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = defaultdict(int)
    for (_, word, currency), amount in moved.items():
        found[batches.ENTRIES[word].value, currency] += amount
    return found


def _replaced(old: Report) -> Mapping[str, Any]:
    return {"name": old.name, "sha256": old.digest, "rows": old.totals.get("rows")}
