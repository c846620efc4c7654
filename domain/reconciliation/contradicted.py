"""What a person handed in and another confirmed, beside the PSE's own report of the date, whichever came first.

The books follow the reports, as ever; what is told here is that somebody's word was another than the PSE's, and whose.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from domain.connections.connections import nothing_at_stake
from domain.findings import findings
from domain.findings.findings import FindingKind, Found
from domain.models import Connection, ReconciliationRun, Report
from domain.money import AMOUNT_MAX, EXPONENTS, Money
from domain.platform.database import rows
from domain.reconciliation.nights import fit

_Row = Mapping[str, Any]
# Reports of the date that people have brought, whether or not they are in force.
_HANDED: Final = """SELECT DISTINCT ON (r.id) r.id AS report, r.name, h.id, h.handed_in_by, h.confirmed_by
FROM handed_reports h JOIN reports r ON r.connection_id = h.connection_id AND r.digest = h.report_sha256
WHERE h.connection_id = $1 AND h.business_date = $2 AND h.confirmed_at IS NOT NULL AND r.business_date = $2
ORDER BY r.id, h.created_at"""
# Whether people have brought a report `{}` of the connection $1.
_BROUGHT: Final = """EXISTS (SELECT 1 FROM handed_reports h WHERE h.connection_id = $1
  AND h.report_sha256 = {}.digest AND h.confirmed_at IS NOT NULL)"""
# Reports of the date that nobody brought, of which the PSE's wire, its server or its folder is the source: the last of
# each name, in force or replaced by what people have brought.
_OWN: Final = f"""SELECT DISTINCT ON (r.name) r.id, r.name FROM reports r
WHERE r.connection_id = $1 AND r.business_date = $2 AND NOT {_BROUGHT.format("r")} AND (r.superseded_at IS NULL
  OR (SELECT {_BROUGHT.format("n")} FROM reports n WHERE n.connection_id = $1 AND n.name = r.name
    AND n.created_at > r.created_at ORDER BY n.created_at LIMIT 1)) ORDER BY r.name, r.created_at DESC"""  # noqa: S608
# Whether a report of that name is in force that people brought, and nobody else any that came after $3.
_REPLACED: Final = f"""SELECT bool_and({_BROUGHT.format("r")}) AND bool_or(r.superseded_at IS NULL) AS by_people
FROM reports r WHERE r.connection_id = $1 AND r.name = $2 AND r.created_at > $3"""  # noqa: S608 - ours
# Lines that one side has and the other has not, counted by what they say of money; voided ones were said all the same.
_DIFFERS: Final = """SELECT currency, sum(greatest(more, 0))::bigint AS theirs, sum(greatest(-more, 0))::bigint AS own,
  sum(CASE WHEN more > 0 OR $3 THEN abs(more) * coalesce(amount, 0) ELSE 0 END) AS amount
FROM (SELECT type, state, coalesce(payment_reference, payment_alias, order_reference) AS payment,
    coalesce(reference, pse_refund_reference) AS refund, amount, currency, settled_net, settled_currency,
    sum(CASE WHEN report_id = $1 THEN 1 ELSE -1 END) AS more
  FROM settlement_lines WHERE report_id = $1 OR report_id = ANY($2::uuid[]) GROUP BY 1, 2, 3, 4, 5, 6, 7, 8) lines
WHERE more <> 0 GROUP BY currency ORDER BY currency"""


async def look(connection: Connection, run: ReconciliationRun) -> None:
    """Call a person where the PSE's own report of the run's date says otherwise than one that was handed in."""
    handed = await rows(_HANDED, connection.id, run.business_date)
    own = await rows(_OWN, connection.id, run.business_date) if handed else []
    found: list[Found] = []
    for one in handed if own else ():
        found += await _compared(connection, run, one, own, alone=len(handed) == len(own) == 1)
    await findings.open_findings(found)


async def replaced_by_people(connection: Connection, report: Report) -> bool:
    """Whether only what people have brought has taken the place of this report of the PSE's own."""
    (row,) = await rows(_REPLACED, connection.id, report.name, report.created_at)
    return bool(row["by_people"])


async def _compared(
    connection: Connection,
    run: ReconciliationRun,
    one: Mapping[str, Any],
    own: Sequence[Mapping[str, Any]],
    alone: bool,
) -> list[Found]:
    """A finding for each currency. `alone`: each side is one file, so what is missing in the first one differs, too:
    else another file may have it.
    """
    ids: list[UUID] = [row["id"] for row in own]
    differs = await rows(_DIFFERS, one["report"], ids, alone)
    return [
        await _found(connection, run, one, own, row, alone=alone)
        for row in differs
        if row["theirs"] or (alone and row["own"])
    ]


def _lacked(lines: int) -> str:
    return ", and lacks 1 that is there" if lines == 1 else f", and lacks {lines} that are there"


async def _found(
    connection: Connection,
    run: ReconciliationRun,
    one: _Row,
    own: Sequence[_Row],
    differs: _Row,
    *,
    alone: bool,
) -> Found:
    currency, names = differs["currency"], ", ".join(row["name"] for row in own[:3])
    known = currency in EXPONENTS
    stake = Money(min(int(differs["amount"]), AMOUNT_MAX), currency) if known else await nothing_at_stake(connection)
    left_out = _lacked(differs["own"]) if alone and differs["own"] else ""
    said = (
        f"{one['name']} of {run.business_date} of {connection.name}, which {one['handed_in_by']} handed in and "
        f"{one['confirmed_by']} confirmed, says otherwise than the PSE's own {names}: it has 1 line that is not "
        f"there{left_out}; {stake if known else currency} in all."
        if differs["theirs"] == 1
        else f"{one['name']} of {run.business_date} of {connection.name}, which {one['handed_in_by']} handed in and "
        f"{one['confirmed_by']} confirmed, says otherwise than the PSE's own {names}: it has {differs['theirs']} lines "
        f"that are not there{left_out}; {stake if known else currency} in all."
    )
    return Found(
        kind=FindingKind.HANDED_IN_DIFFERS,
        merchant_id=connection.merchant_id,
        connection_id=connection.id,
        fingerprint=f"handed-differs/{one['id']}/{currency}",
        amount=stake,
        explanation=fit(said),
        run_id=run.id,
        detail={
            "date": str(run.business_date),
            "handed": str(one["id"]),
            "handed_in_by": one["handed_in_by"],
            "confirmed_by": one["confirmed_by"],
            "ours": {"report": one["name"], "lines": differs["theirs"]},
            "theirs": {"report": fit(names), "lines": differs["own"]},
        },
    )
