"""A PSE's name of a refund that only people gave, corrected by what the PSE tells of our own reference."""

from typing import Final

from domain.cause import Cause
from domain.history import events
from domain.models import Refund
from domain.platform.database import rows

# Two people may agree on a name that both misread; what the PSE gave before them, or proved since, is no such name.
_BY_PEOPLE_ALONE: Final = (
    "(EXISTS (SELECT 1 FROM doubt_verdicts v WHERE v.refund_id = r.id AND v.verdict = 'PAID' "
    "    AND v.confirmed_at IS NOT NULL AND v.pse_reference = r.pse_refund_reference "
    "    AND NOT EXISTS (SELECT 1 FROM events e WHERE e.refund_id = r.id AND e.kind = 'DOUBT_CONFIRMED' "
    "      AND e.detail ->> 'named_by' = 'PSE')) "
    "  OR EXISTS (SELECT 1 FROM manual_settlements m WHERE m.refund_id = r.id AND m.way = 'PSE_BACK_OFFICE' "
    "    AND m.reference = r.pse_refund_reference)) "
    "AND NOT EXISTS (SELECT 1 FROM settlement_lines l WHERE l.refund_id = r.id AND l.voided_at IS NULL "
    "  AND l.pse_refund_reference = r.pse_refund_reference)"
)


async def named_by_people(refund: Refund) -> bool:
    """Whether only people gave the refund the PSE's name that it has."""
    return bool(await rows(f"SELECT 1 AS one FROM refunds r WHERE r.id = $1 AND {_BY_PEOPLE_ALONE}", refund.id))  # noqa: S608


async def name(refund: Refund, told: str, cause: Cause) -> bool:
    """Give the refund the name `told`, if only people gave the one that it has; says so, and whether it did.

    `told` comes with our own reference and is no other refund's (pse_names.holder_of_name). Inside the caller's
    transaction, which holds the refund's lock and gives it what was taken under that name (external.give_to).
    """
    before = refund.pse_refund_reference
    if before in (None, told):
        return False
    corrected = await rows(
        f"UPDATE refunds r SET pse_refund_reference = $2 WHERE r.id = $1 AND {_BY_PEOPLE_ALONE} RETURNING r.id",  # noqa: S608
        refund.id,
        told,
    )
    if not corrected:
        return False
    refund.pse_refund_reference = told
    said = f"The PSE tells of this refund under this name; people had called it {before}."
    await events.note(refund, "NAMED", cause, code=told, message=said, detail={"before": before})
    return True
