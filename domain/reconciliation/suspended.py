"""A file's own finding: what its lines have left in SUSPENSE and no other finding speaks of, so that somebody can.

Rows that say they failed or are pending and moved money all the same, words and payments beyond the first of a file,
another currency than their finding's: whatever a report moved, a person can say where it belongs.
"""

from typing import Any, Final
from uuid import UUID

from domain.findings import findings, reopen, told_money
from domain.findings.findings import FindingKind, Found
from domain.models import Connection
from domain.money import MINOR_UNITS_MAX, Money
from domain.platform.database import execute, transaction

OVER: Final = "Nothing of it is in SUSPENSE any more, or another finding speaks of it."
_ACTION: Final = "Ask the PSE what these rows are, and say where their money belongs: SUSPENSE is cleared by that."
_CLOSE: Final = findings.closing(f"""SELECT f.id, $4::text AS said FROM findings f
  WHERE f.merchant_id = $1 AND f.connection_id = $2 AND f.kind = 'UNKNOWN_LINE' AND starts_with(f.fingerprint, $3)
    AND {findings.MAY_END} AND NOT f.fingerprint = ANY($5)""")  # noqa: S608 - ours


async def flag(connection: Connection, *, any_open: bool = True) -> None:
    """Open what is left over of the connection's files, and close what is not. After all other findings of the file.

    `any_open`: whether there was any before that may be closed.
    """
    found = [_found(connection, row) for row in await told_money.rest_of(connection.id)]
    if found:
        await findings.open_findings(found)
        await findings.open_again(found, OVER)
    if any_open:
        still = [findings.bounded(one.fingerprint) for one in found]
        await execute(_CLOSE, connection.merchant_id, connection.id, told_money.REST, OVER, still)
    async with transaction():  # what one has now that another had before, which a person has cleared
        await execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", str(connection.id))
        await reopen.lines_moved(connection.id)


def _found(connection: Connection, row: Any) -> Found:
    units, currency, store_id = row["amount"], row["currency"], UUID(str(row["store_id"]))
    money = Money(min(abs(units), MINOR_UNITS_MAX), currency)
    what = "has left" if units > 0 else "has come"
    said = (
        f"By 1 row of report {row['report']} of {connection.name} {money} {what} that nothing explains: it is no "
        "refund, payment or word that we know, or says that nothing became of it. It is in SUSPENSE."
        if row["lines"] == 1
        else f"By {row['lines']} rows of report {row['report']} of {connection.name} {money} {what} that nothing "
        "explains: they are no refund, payment or word that we know, or say that nothing became of them. It is in "
        "SUSPENSE."
    )
    return Found(
        kind=FindingKind.UNKNOWN_LINE,
        merchant_id=connection.merchant_id,
        connection_id=connection.id,
        fingerprint=f"{told_money.REST}{connection.id}/{store_id}/{currency}/{row['report']}",
        amount=money,
        explanation=said,
        detail={
            "report": row["report"],
            "store": str(store_id),
            "ours": {"explained": 0},
            "theirs": {"moved": units, "rows": row["lines"]},
            "differs": ["moved"],
        },
        action=_ACTION,
    )
