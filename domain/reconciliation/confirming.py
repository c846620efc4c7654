"""A report that a person hands in is no PSE's word until another person, who has seen what it would change, says yes.

What a machine brings (a PSE's wire, its server, the watched folder) is the operator's to answer for, who set it up.
"""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any, Final
from uuid import UUID

from domain.access import second, vouching
from domain.access.holders import same_person
from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.cause import Cause
from domain.connections.connections import nothing_at_stake
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.findings import findings
from domain.findings.findings import FindingKind, Found
from domain.models import Connection, HandedReport
from domain.money import AMOUNT_MAX, EXPONENTS, Money
from domain.platform import bell
from domain.platform.database import execute, transaction
from domain.problems import Forbidden, InvalidInput, InvalidState, NotFound
from domain.pse.reporting import ReportFile
from domain.reconciliation import handed_in
from domain.reconciliation.handed_in import Became, HandedInBy
from domain.reconciliation.nights import fit
from domain.settlements import pieces, reports
from domain.settlements.storable import named

CONFIRM: Final = "settlementReportConfirm"
REFUSE: Final = "settlementReportRefuse"
BY_PEOPLE: Final = (HandedInBy.UPLOAD, HandedInBy.COMMAND)
_PATH: Final = ["input", "reportId"]
_WHY: Final = (3, 500)
_SAID: Final = "Another person said what becomes of it."
_PROPOSE: Final = """UPDATE handed_reports SET state = 'PROPOSED', business_date = $2, report_sha256 = $3,
  preview = $4::jsonb, said = $5, due_at = NULL, confirmed_by = NULL, confirmed_by_id = NULL, confirmed_at = NULL
WHERE id = $1 AND state = 'WAITING'"""
_CONFIRM: Final = """UPDATE handed_reports SET state = 'WAITING', said = NULL, tries = 0,
  due_at = CASE WHEN way = 'UPLOAD' THEN now() END, confirmed_by = $2, confirmed_by_id = $3, confirmed_at = now()
WHERE id = $1 AND state = 'PROPOSED'"""


async def may_enter(row: HandedReport, connection: Connection, given: ReportFile, day: date) -> bool:
    """Whether the file may go into the books: by its way, or because what was confirmed is still what it would do."""
    if row.way not in BY_PEOPLE:
        return True
    if row.confirmed_at is None or row.preview is None:
        return False
    seen = (row.report_sha256, row.business_date, (row.preview["replaces"] or {}).get("sha256"))
    old = await reports.valid_report(connection, named(given).name)
    return seen == (pieces.digest_of(given), day, old.digest if old else None)


async def propose(
    row: HandedReport, connection: Connection, given: ReportFile, day: date, preview: Mapping[str, Any]
) -> None:
    """Let the report wait for another person, with what it would change as things stand; somebody is told."""
    again = " What it would replace is another report by now: look again." if row.confirmed_at is not None else ""
    said = f"It waits until another person confirms it for {day}.{again}"
    async with transaction():
        done = await execute(_PROPOSE, row.id, day, pieces.digest_of(given), json.dumps(preview), said)
        if done != 1:
            raise RuntimeError("The report was not proposed: it is behind the wall, or waits no longer.")
        await findings.open_finding(await _found(row, connection, day, preview))
    await row.refresh_from_db()


async def _found(row: HandedReport, connection: Connection, day: date, preview: Mapping[str, Any]) -> Found:
    said = (
        f"{row.handed_in_by} handed in {row.name} as the report of {day} of {connection.name}: 1 row. "
        "Nothing of it is booked until another person confirms it."
        if preview["rows"] == 1
        else f"{row.handed_in_by} handed in {row.name} as the report of {day} of {connection.name}: {preview['rows']} "
        "rows. Nothing of it is booked until another person confirms it."
    )
    return Found(
        kind=FindingKind.REPORT_UNCONFIRMED,
        merchant_id=row.merchant_id,
        connection_id=row.connection_id,
        fingerprint=_name(row.id),
        amount=_at_stake(preview) or await nothing_at_stake(connection),
        explanation=fit(said),
        detail={"report": fit(row.name), "date": str(day), "sha256": row.sha256, "handed": str(row.id)},
        again=True,
    )


def _at_stake(preview: Mapping[str, Any]) -> Money | None:
    """What it would move on the balance, of the currency of which that is most."""
    moved: dict[str, int] = {}
    for one in preview["books"]:
        moved[one["currency"]] = moved.get(one["currency"], 0) + abs(int(one["amount"]))
    known = {currency: amount for currency, amount in moved.items() if currency in EXPONENTS}
    if not known:
        return None
    most = max(known, key=lambda currency: known[currency])
    return Money(min(known[most], AMOUNT_MAX), most)


def _name(report_id: UUID) -> str:
    return f"handed/{report_id}"


async def confirm(principal: Principal, report_id: UUID, sha256: str, cause: Cause) -> HandedReport:
    """Another person's yes; `sha256` of the file that they saw. It has its turn then.

    Raises Forbidden, NotFound, InvalidInput, InvalidState.
    """
    async with transaction():
        row = await _held(principal, report_id)
        if sha256.strip().lower() != row.sha256:
            raise InvalidInput("This is another file's SHA-256: look at the report first.", path=["input", "sha256"])
        await _check_other(principal, row)
        await _check_first(row)
        if await execute(_CONFIRM, row.id, principal.holder[:200], principal.party) != 1:
            raise RuntimeError("The report was not confirmed: it is behind the wall.")
        await findings.resolve(row.merchant_id, _name(row.id), _SAID)
        await _note(row, CONFIRM, cause, {"state": [row.state, "CONFIRMED"]})
    if row.way == HandedInBy.UPLOAD:
        await bell.ring(bell.HANDED_IN, row.id, queue=bell.BATCH_QUEUE)
    return await HandedReport.get(id=row.id)


async def refuse(principal: Principal, report_id: UUID, why: str, cause: Cause) -> HandedReport:
    """A no to it; whoever handed it in may take it back so. Raises as `confirm`."""
    told = why.strip()
    if not (_WHY[0] <= len(told) <= _WHY[1] and told.isprintable()):
        raise InvalidInput(f"why takes {_WHY[0]} to {_WHY[1]} printable characters.", path=["input", "why"])
    async with transaction():
        row = await _held(principal, report_id)
        await handed_in.done(row, Became.REFUSED, f"{principal.holder} refused it: {told}")
        await findings.resolve(row.merchant_id, _name(row.id), _SAID)
        await _note(row, REFUSE, cause, {"state": ["PROPOSED", "REFUSED"], "why": [None, told]})
    return row


async def _held(principal: Principal, report_id: UUID) -> HandedReport:
    """The report that waits, locked. Raises Forbidden, NotFound, InvalidState."""
    principal.require_everywhere(Permission.KEEP_BOOKS)
    mine = HandedReport.filter(id=report_id, merchant_id=principal.merchant_id)
    row = await mine.select_for_update(no_key=True).get_or_none()
    if row is None:
        raise NotFound("There is no such report; handedReports lists yours.", path=_PATH)
    if row.state != Became.PROPOSED:
        raise InvalidState("It does not wait for another person.", path=_PATH, current_state=row.state)
    return row


async def _check_other(principal: Principal, row: HandedReport) -> None:
    if await vouching.is_same(principal, row.handed_in_by_id, row.created_at) or same_person(
        row.handed_in_by, principal.holder
    ):
        raise Forbidden(
            "You handed it in yourself; another person with KEEP_BOOKS must confirm it. If there is nobody else, "
            f"invite a second person (personInvite); {vouching.ADVICE}.",
            path=_PATH,
        )


async def _check_first(row: HandedReport) -> None:
    if row.handed_in_by_id is not None and await second.suspended([row.handed_in_by_id]):
        raise InvalidState(
            "Whoever handed it in is suspended by now: refuse it (settlementReportRefuse) and hand it in anew, then "
            "another person confirms it.",
            path=_PATH,
            current_state="SUSPENDED",
        )


async def _note(row: HandedReport, operation: str, cause: Cause, changes: Mapping[str, list[Any]]) -> None:
    told = {"name": [None, row.name], "sha256": [None, row.sha256], "handed_in_by": [None, row.handed_in_by]}
    day = {"date": [None, str(row.business_date)]}
    await deeds.note(row.merchant_id, operation, Of("handed report", row.id), cause, {**changes, **told, **day})
