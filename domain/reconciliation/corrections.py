"""Rows by which a PSE took or gave money and does not say why, as findings: one for each word, currency and file.

What they moved is in SUSPENSE, until a person has asked; rows of a file that cancel each other are none.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import polars as pl

from domain.findings import findings, told_money
from domain.findings.findings import FindingKind, Found
from domain.models import Connection, ReconciliationRun
from domain.models.settlements import BookedAs
from domain.money import MINOR_UNITS_MAX, Money
from domain.platform.database import execute
from domain.reconciliation.no_longer import GONE
from domain.settlements import batches

_PARTS: Final = ("settled_fee", "settled_tax", "settled_withheld")
_BY: Final = ("kind", "settled_currency")
_CLOSE: Final = findings.closing(f"""SELECT f.id, $3::text AS said FROM findings f
  WHERE f.merchant_id = $1 AND f.connection_id = $2 AND f.kind = 'ADJUSTMENT_UNEXPLAINED' AND {findings.MAY_END}
    AND NOT EXISTS (SELECT 1 FROM reports r JOIN settlement_lines l ON l.report_id = r.id AND l.voided_at IS NULL
      AND l.type = 'CORRECTION' AND l.booked_as = 'UNEXPLAINED' AND l.settled_currency = f.currency
      AND coalesce(l.kind, '') = f.detail ->> 'words' WHERE r.connection_id = $2 AND r.superseded_at IS NULL
      AND r.name = f.detail ->> 'report')""")  # noqa: S608 - ours


def telling(lines: pl.DataFrame) -> pl.DataFrame:
    """Those of the lines (with `booked_as`), and what each moved beside its fee and taxes."""
    unexplained = (pl.col("type") == "CORRECTION") & (pl.col("booked_as") == BookedAs.UNEXPLAINED.value)
    main = pl.col("settled_net") - pl.sum_horizontal(pl.col(part).fill_null(0) for part in _PARTS)
    return lines.filter(unexplained).with_columns(pl.col("kind").fill_null("")).select("line", *_BY, _main=main)


def of_lines(
    connection: Connection, run: ReconciliationRun, name: str, told: Sequence[pl.DataFrame]
) -> Sequence[Found]:
    """What the lines (`telling`) of the report of that name say."""
    if not told:
        return []
    found = []
    for (word, currency), some in pl.concat(told).sort("line").group_by(_BY, maintain_order=True):
        moved = batches.rounded(batches.minor_units(Decimal(some["_main"].sum()), str(currency)))
        if moved != 0:
            found.append(_found(connection, run, name, (str(word), str(currency)), moved, some))
    return found


async def close(connection: Connection) -> None:
    """Close what no report in force tells any longer."""
    await execute(_CLOSE, connection.merchant_id, connection.id, GONE)


def _found(
    connection: Connection, run: ReconciliationRun, name: str, of: tuple[str, str], moved: int, lines: pl.DataFrame
) -> Found:
    word, currency = of
    money, taken = Money(min(abs(moved), MINOR_UNITS_MAX), currency), moved < 0
    rows = f"'{word}' of report {name} of {connection.name}"
    if lines.height == 1:
        said = (
            f"By one row {rows} the PSE has taken {money}, and does not say why. It is in SUSPENSE."
            if taken
            else f"By one row {rows} the PSE has given {money}, and does not say why. It is in SUSPENSE."
        )
    else:
        said = (
            f"By {lines.height} rows {rows} the PSE has taken {money}, and does not say why. It is in SUSPENSE."
            if taken
            else f"By {lines.height} rows {rows} the PSE has given {money}, and does not say why. It is in SUSPENSE."
        )
    sides: dict[str, Any] = {"ours": {"explained": 0}, "theirs": {"moved": moved, "rows": lines.height}}
    return Found(
        kind=FindingKind.ADJUSTMENT_UNEXPLAINED,
        merchant_id=connection.merchant_id,
        connection_id=connection.id,
        run_id=run.id,
        fingerprint=f"{told_money.CORRECTION}{connection.id}/{currency}/{word}/{name}",
        amount=money,
        explanation=said,
        detail={"report": name, "words": word, "line": lines["line"][0], **sides, "differs": ["moved"]},
    )
