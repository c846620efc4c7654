"""The night's work on VAT: what has left and has no reversal gets one, and what is nearly late is told."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

import structlog

from domain.books import bank_days as known_days
from domain.calendars import bank_days
from domain.calendars.bank_days import Exceptions
from domain.findings import findings, names
from domain.findings.findings import FindingKind, Found
from domain.models import TaxDocument, VatReversal
from domain.money import Money
from domain.platform.database import rows, transaction, unavailable
from domain.taxes import by_hand, importing, match, reversals
from domain.taxes.deadlines import business_days_before

_log = structlog.get_logger()
NEARLY_BUSINESS_DAYS: Final = 5
_DOCUMENTS_MAX: Final = 200
_LOOKED_AHEAD: Final = timedelta(days=21)  # five business days, whatever holidays lie between
# Of reversals that need somebody, those that have no open finding: an older database's, and unproven ones.
_UNTOLD: Final = """
SELECT v.id, r.reference FROM vat_reversals v JOIN refunds r ON r.id = v.refund_id
WHERE v.state IN ('NEEDED', 'NEEDS_REVIEW') AND v.id > $1 AND r.state = 'SUCCEEDED'
  AND NOT EXISTS (SELECT 1 FROM findings f WHERE f.merchant_id = v.merchant_id
    AND f.fingerprint = 'vat/' || v.refund_id) ORDER BY v.id LIMIT $2"""
_DUE: Final = """
SELECT v.id, v.merchant_id, v.connection_id, v.refund_id, v.payment_id, v.amount, v.currency, v.country, v.due_on,
    v.rule_id, r.reference, (now() AT TIME ZONE m.zone)::date AS today
FROM vat_reversals v JOIN refunds r ON r.id = v.refund_id JOIN merchants m ON m.id = v.merchant_id
WHERE v.state IN ('NEEDED', 'NEEDS_REVIEW') AND v.booked = 'NOTHING' AND v.due_on <= current_date + $1::int
  AND v.id > $2 ORDER BY v.id LIMIT $3"""


async def catch_up() -> int:
    """Open the reversals, and findings, that are lacking, of all merchants; how many reversals. Stopped, it goes on."""
    opened, after = 0, UUID(int=0)
    while few := await reversals.unopened(after):
        await reversals.open_of(few)
        opened, after = opened + len(few), few[-1]
    await _tell()
    await by_hand.tell_undone()
    return opened


async def match_again() -> int:
    """Match anew what was handed in and is of no refund yet; how many documents take VAT back now."""
    matched, after = 0, UUID(int=0)
    while found := await _waiting(after):
        after = found[-1].id
        for document in found:
            matched += await _matched(document)
    return matched


async def _matched(document: TaxDocument) -> bool:
    """One that fails holds up no other, and no deadline of anybody's."""
    try:
        async with transaction():
            await importing.again(document, reversals.OURS)
    except Exception as error:
        if unavailable(error):
            raise
        _log.exception("taxes.document_failed", document=str(document.id))
        return False
    return document.problem is None


async def _waiting(after: UUID) -> list[TaxDocument]:
    found = TaxDocument.filter(ended_at=None, problem__in=match.AGAIN, id__gt=after)
    return await found.order_by("id").limit(_DOCUMENTS_MAX)


async def _tell() -> None:
    after = UUID(int=0)
    while found := await rows(_UNTOLD, after, reversals.AT_ONCE_MAX):
        after = found[-1]["id"]
        named = {row["id"]: row["reference"] for row in found}
        known = await VatReversal.filter(id__in=list(named))
        await findings.open_findings([reversals.finding_of(row, named[row.id]) for row in known])


async def flag_overdue() -> int:
    """Open a finding of each reversal whose time is over, or within five business days; how many there are."""
    told, after = 0, UUID(int=0)
    own: dict[UUID, Exceptions] = {}
    while found := await rows(_DUE, _LOOKED_AHEAD.days, after, reversals.AT_ONCE_MAX):
        after = found[-1]["id"]
        for whose in {row["merchant_id"] for row in found} - own.keys():
            own[whose] = await known_days.of_merchant(whose)
        late = [row for row in found if _is_near(row, own[row["merchant_id"]])]
        await findings.open_findings([_overdue(row) for row in late])
        told += len(late)
    return told


def _is_near(row: Mapping[str, Any], own: Exceptions) -> bool:
    country: str = row["country"]
    warned: date = business_days_before(
        row["due_on"], NEARLY_BUSINESS_DAYS, lambda day: bank_days.works(country, day, own)
    )
    today: date = row["today"]
    return today >= warned


def _overdue(row: Mapping[str, Any]) -> Found:
    amount = Money(row["amount"], row["currency"])
    over = row["today"] > row["due_on"]
    when = f"was to be taken back by {row['due_on']}" if over else f"is to be taken back by {row['due_on']}"
    return Found(
        kind=FindingKind.VAT_REVERSAL_OVERDUE,
        merchant_id=row["merchant_id"],
        connection_id=row["connection_id"],
        fingerprint=names.vat_overdue(row["refund_id"]),
        amount=amount,
        explanation=f"{amount} of VAT of refund {row['reference']} {when}, by rule {row['rule_id']}.",
        refund_id=row["refund_id"],
        payment_id=row["payment_id"],
        detail={
            "ours": {"due_on": row["due_on"].isoformat(), "state": "NEEDED"},
            "theirs": {},
            "differs": ["document"],
            "rule": row["rule_id"],
            "calendar": bank_days.version(),
        },
        again=True,  # its document may be canceled
    )
