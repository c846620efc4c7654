"""What taking in a file of tax documents would do to each of them. Nothing is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final
from uuid import UUID

from domain.access.principal import Principal
from domain.platform.settings import Settings
from domain.taxes import entered, foreseen, importing, match, versions
from domain.taxes.documents.said import Cancellation, Document, Said, Unread
from domain.taxes.foreseen import Misfit

SHOWN_MAX: Final = 100


class Outcome(StrEnum):
    """What would become of one document."""

    NEW = "NEW"
    SAME = "SAME"  # known already: nothing is changed
    REVISES = "REVISES"  # it replaces what an earlier table said of it
    CANCELS = "CANCELS"  # it ends a document
    REFUSED = "REFUSED"  # it is canceled, of a day ahead, or says otherwise than the signed one
    UNREAD = "UNREAD"


@dataclass(frozen=True, slots=True)
class Previewed:
    """One of the file. `refunds`: how many refunds of the sale that it names, or the reference that it gives, can
    be meant; `differs`: what would keep it from taking their VAT back."""

    outcome: Outcome
    where: str
    document: Document | None = None
    why: str = ""
    refunds: int = 0
    differs: Misfit | None = None


async def preview(principal: Principal, file_id: UUID, settings: Settings) -> tuple[int, Sequence[Previewed]]:
    """How many the file has, and the first SHOWN_MAX. Raises Forbidden, NotFound, InvalidInput; ContentAway."""
    file, said = await importing.read_file(principal, file_id, settings)
    latest = await importing.latest(file.merchant_id)
    return len(said), [await _seen(file.merchant_id, one, latest) for one in said[:SHOWN_MAX]]


async def _seen(merchant_id: UUID, said: Said, latest: date) -> Previewed:
    if isinstance(said, Unread):
        return Previewed(Outcome.UNREAD, said.where, why=said.why)
    if isinstance(said, Cancellation):
        current = await versions.named(merchant_id, said.name) or await versions.called(merchant_id, said)
        ends = current is not None or await entered.called(merchant_id, said)
        return Previewed(Outcome.CANCELS if ends else Outcome.SAME, said.where or said.name)
    known = await versions.known(merchant_id, said)
    current = versions.standing(known)
    refused = importing.refusal(said, known, latest)
    if refused is None and await versions.is_canceled_before(merchant_id, said):
        refused = importing.IS_CANCELED
    where = said.where or said.number
    if refused is not None:
        return Previewed(Outcome.REFUSED, where, said, refused)
    outcome = Outcome.NEW
    if current is not None:
        outcome = Outcome.SAME if await versions.is_told(current, said) else Outcome.REVISES
    refunds = await match.meant_by(merchant_id, said.originals, said.refund_reference, said.total)
    if outcome is Outcome.SAME:
        return Previewed(outcome, where, said, refunds=len(refunds))
    differs = await foreseen.foreseen(merchant_id, refunds, said, is_first=current is None)
    return Previewed(outcome, where, said, refunds=len(refunds), differs=differs)
