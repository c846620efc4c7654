"""A sheet's result as a file: the same rows, with our reference, state and error, as they stand when it is made."""

from collections.abc import Callable
from typing import Final
from uuid import UUID

from domain.access.permissions import Permission
from domain.access.principal import Principal
from domain.batches import batches, reading, sheets
from domain.batches.batches import SheetState
from domain.batches.columns import SheetKind
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.files import content, made
from domain.models import File
from domain.models.files import Purpose
from domain.platform.apart import apart
from domain.platform.database import transaction
from domain.platform.settings import Settings
from domain.problems import Forbidden, InvalidState, NotFound

RESULT: Final = "batchResultCreate"
Says = Callable[[str, str], str]
_PATH: Final = ["input", "batchId"]
_PURPOSES: Final = {SheetKind.REFUNDS: Purpose.BATCH_RESULT, SheetKind.PAYMENTS: Purpose.PAYMENT_RESULT}


async def create(
    principal: Principal, batch_id: UUID, as_csv: bool, settings: Settings, cause: Cause, say: Says
) -> File:
    """Write the result up to now; ask again later, and it is further. `say`: a sentence of ours, in a language.

    Raises Forbidden, NotFound, InvalidState; ContentAway, Unsealable, KeyServiceAway.
    """
    row = await batches.readable(principal).get_or_none(id=batch_id)
    if row is None:
        raise NotFound("There is no such sheet; batches lists yours.", path=_PATH)
    _check_may_read(principal, SheetKind(row.kind))
    if row.judged_at is None:
        raise InvalidState("Its rows are not judged yet.", path=_PATH, current_state=row.state)
    kind = SheetKind(row.kind)
    given = await content.get(settings, await File.get(id=row.file_id))
    sheet = await apart(row.merchant_id, reading.read, given, kind)
    language = sheets.language_of(sheet.header, kind)
    behind = await sheets.outcomes(row.id, row.state == SheetState.CANCELED, lambda said: say(said, language))
    told = await apart(row.merchant_id, sheets.result, sheet, kind, behind, as_csv=as_csv)
    name = f"{row.name.rpartition('.')[0] or row.name}-result.{'csv' if as_csv else 'xlsx'}"
    file = await made.make(settings, row.merchant_id, _PURPOSES[kind], name, told, principal.holder)
    try:
        async with transaction():
            await file.save(force_create=True)
            facts = {"file": [None, str(file.id)], "name": [None, file.name]}
            await deeds.note(row.merchant_id, RESULT, Of(batches.OBJECT, row.id), cause, facts)
    except BaseException:
        await content.remove(settings, file.id)
        raise
    return file


def _check_may_read(principal: Principal, kind: SheetKind) -> None:
    """Who may fetch results because they register payments is made none of refunds. Raises Forbidden."""
    either = (Permission.REFUND, Permission.APPROVE)
    may_read = kind is not SheetKind.REFUNDS or any(principal.covers([one], None) for one in either)
    if not may_read and principal.covers([Permission.REGISTER_PAYMENT], None):
        raise Forbidden("You do not hold REFUND or APPROVE in all stores: a sheet of refunds names accounts.")
