"""VAT that a person gives up, by saying so or by what they say of it: above the merchant's limit by two people.

The limit is that of findings, and what one person gives up in 24 hours is added up with those (findings/limits).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID, uuid4

from domain.access import second, vouching
from domain.access.holders import same_person
from domain.access.principal import Principal
from domain.findings import limits
from domain.models import VatReversal, VatWriteOff
from domain.platform.database import execute
from domain.problems import Forbidden, InvalidState

WRITE_OFF: Final = "WRITE_OFF"
REVIEW: Final = "REVIEW"
_PATH: Final = ["input", "reversalId"]
_FACTS: Final = (
    "state", "reason", "booked", "sequence", "amount", "country", "regime", "cause", "buyer_identified", "event_on",
    "delivered_on", "due_on",
)  # fmt: skip
_START: Final = """UPDATE vat_write_offs SET started_at = now(), confirmed_by = $2, confirmed_by_id = $3
WHERE id = $1 AND started_at IS NULL AND ended_at IS NULL"""
_END: Final = """UPDATE vat_write_offs SET ended_at = now(), ended_by = $2, ended_why = $3
WHERE reversal_id = $1 AND started_at IS NULL AND ended_at IS NULL"""


async def propose(principal: Principal, row: VatReversal, said: Mapping[str, Any], note: str) -> VatWriteOff:
    """Keep what is said of a reversal that is held, in place of what waited before. Where it needs no second person it
    has started: the caller does it, in the same transaction.
    """
    await execute(_END, row.id, principal.holder[:200], "Something else was said.")
    await limits.one_at_a_time(principal)
    two = await limits.is_above(principal, row.amount, row.currency)
    made = await VatWriteOff.create(
        id=uuid4(),
        merchant_id=row.merchant_id,
        reversal_id=row.id,
        said=dict(said),
        note=note,
        amount=row.amount,
        currency=row.currency,
        facts=_facts(row),
        needs_two=two,
        proposed_by=principal.holder[:200],
        proposed_by_id=principal.party,
    )
    if not two:
        await _start(made, None)
    return made


async def confirmed(principal: Principal, row: VatReversal, seen: UUID | None) -> VatWriteOff:
    """A second person's yes to what waits of a reversal that is held; the caller does it. `seen`: what they were
    shown, if that is known; nothing else is confirmed. Raises Forbidden, InvalidState.
    """
    made = await _waiting(row)
    if await vouching.is_same(principal, made.proposed_by_id, made.proposed_at) or same_person(
        made.proposed_by, principal.holder
    ):
        raise Forbidden(
            "You said it yourself; at this amount another person with KEEP_BOOKS must confirm it. If there is nobody "
            f"else, invite a second person (personInvite); {vouching.ADVICE}.",
            path=_PATH,
        )
    await second.check_first_counts(made.proposed_by_id, _PATH)
    second.check_seen(made.id, seen, ["input", "writeOffId"])
    if made.facts != _facts(row):
        raise InvalidState("It has changed since: say it anew.", path=_PATH, current_state="CHANGED")
    await _start(made, principal)
    return made


async def declined(principal: Principal, row: VatReversal, why: str) -> VatWriteOff:
    """A no to it, or taken back. Raises InvalidState."""
    made = await _waiting(row)
    await execute(_END, row.id, principal.holder[:200], why)
    return made


async def _start(made: VatWriteOff, second: Principal | None) -> None:
    by = (second.holder[:200], second.party) if second else (None, None)
    if await execute(_START, made.id, *by) != 1:
        raise RuntimeError("The write-off was not started: it is behind the wall, or waits no longer.")


async def _waiting(row: VatReversal) -> VatWriteOff:
    made = await VatWriteOff.get_or_none(reversal_id=row.id, started_at=None, ended_at=None)
    if made is None:
        raise InvalidState("Nothing of it waits for a second person.", path=_PATH, current_state=row.state.value)
    return made


async def of_reversals(reversal_ids: Sequence[UUID]) -> Mapping[UUID, VatWriteOff]:
    """What waits for a second person, of each of these reversals."""
    found = await VatWriteOff.filter(reversal_id__in=list(reversal_ids), started_at=None, ended_at=None)
    return {one.reversal_id: one for one in found}


def _facts(row: VatReversal) -> str:
    told = json.dumps([getattr(row, name) for name in _FACTS], default=str)
    return hashlib.sha256(told.encode()).hexdigest()
