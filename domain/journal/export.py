"""Making a journal: a ZIP with the files of one format and a control file, kept and numbered.

Of a closed month a journal has a number, and the same month, format and accounts give the same one again: under a
number there is never another content. Where the accounts were changed since, there is a new number, and it says which
one it replaces. Of an open month there are drafts, without any.
"""

import hashlib
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid4

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from domain.access.permissions import Permission
from domain.access.principal import Principal, Whose, scope_of
from domain.cause import Cause
from domain.deeds import deeds
from domain.deeds.deeds import Of
from domain.files import content, made
from domain.journal import formats, journals, mapping
from domain.journal.formats import Encoding, JournalFormat, Written
from domain.journal.journals import Movement
from domain.models import JournalBatch
from domain.models.files import Purpose
from domain.periods import closing
from domain.periods.months import Month
from domain.platform import idempotency
from domain.platform.alone import lock_name
from domain.platform.database import transaction
from domain.platform.settings import Settings
from domain.problems import InvalidInput, InvalidState

EXPORT: Final = "journalExport"
_TRIES_MAX: Final = 5
_ACCOUNTS_SHOWN: Final = 30
_THEN: Final = (1980, 1, 1, 0, 0, 0)  # no moment in a ZIP: the same content is the same bytes


@dataclass(frozen=True, slots=True)
class WantedJournal:
    """Which journal."""

    month: Month
    format: JournalFormat
    encoding: Encoding = Encoding.UTF_8


@dataclass(frozen=True, slots=True)
class _Ready:
    """What is to be written, and under which number: None of a draft."""

    wanted: WantedJournal
    moves: Sequence[Movement]
    accounts: mapping.Mapping
    number: int | None
    digest: str
    replaces: int | None


class _Overtaken(RuntimeError):
    """Another journal took the number meanwhile."""


def readable(whose: Whose) -> QuerySet[JournalBatch]:
    """Every journal that was made. They are of all stores: whoever reads some sees none. Raises Forbidden."""
    scope = scope_of(whose, Permission.READ_LEDGER)
    found = JournalBatch.filter(merchant_id=scope.merchant_id)
    return found if scope.is_whole else found.filter(id=None)


async def export(
    principal: Principal, wanted: WantedJournal, key: str, settings: Settings, cause: Cause
) -> JournalBatch:
    """The journal of a month.

    Raises Forbidden, InvalidInput (which accounts nothing stands for), InvalidState, IdempotencyConflict.
    """
    principal.require_everywhere(Permission.KEEP_BOOKS)
    idempotency.check_key(key)
    for _ in range(_TRIES_MAX):
        ready = await _ready(principal.merchant_id, wanted)
        if ready.number is not None:
            same = await _batches(principal.merchant_id, wanted).filter(
                number=ready.number, encoding=wanted.encoding.value
            ).get_or_none()  # fmt: skip
            if same is not None:
                return await _again(principal, wanted, same, key, cause)
        try:
            return await _make(principal, ready, key, settings, cause)
        except _Overtaken:
            continue
    raise InvalidState("Others make journals just now; ask again.", path=["input"], current_state="BUSY")


def _batches(merchant_id: UUID, wanted: WantedJournal) -> QuerySet[JournalBatch]:
    return JournalBatch.filter(
        merchant_id=merchant_id, first_day=wanted.month.first_day, format=wanted.format.value, number__isnull=False
    )


async def _ready(merchant_id: UUID, wanted: WantedJournal) -> _Ready:
    closed = await closing.last_closed(merchant_id)  # what lies before the first one was closed with it
    found, accounts = await journals.moves(merchant_id, wanted.month), await mapping.read(merchant_id)
    if not found:
        raise InvalidInput(f"Nothing was booked in {wanted.month}.", path=["input", "month"])
    _check_accounts(found, accounts)
    digest = journals.digest_of(journals.journals(found, accounts, wanted.month, "0"))
    if closed is None or closed < wanted.month.last_day:
        return _Ready(wanted, found, accounts, None, digest, None)
    # First the last number: a journal of this format that is made meanwhile is then seen, or has the number taken.
    last = await JournalBatch.filter(merchant_id=merchant_id, number__isnull=False).order_by("-number").first()
    earlier = await _batches(merchant_id, wanted).order_by("-number").first()
    if earlier is not None and earlier.digest == digest:
        return _Ready(wanted, found, accounts, earlier.number, digest, earlier.replaces)
    number = (last.number or 0) + 1 if last else 1
    return _Ready(wanted, found, accounts, number, digest, earlier.number if earlier else None)


def _check_accounts(found: Sequence[Movement], accounts: mapping.Mapping) -> None:
    wanted = [move.of(account) for move in found for account in (move.debit, move.credit)]
    lacking = mapping.missing(accounts, wanted)
    if lacking:
        names = ", ".join(f"{one.account} ({one.currency})" for one in lacking[:_ACCOUNTS_SHOWN])
        raise InvalidInput(
            f"No account of yours stands for: {names}. Set them with journalAccountSet.", path=["input", "month"]
        )


async def _again(
    principal: Principal, wanted: WantedJournal, same: JournalBatch, key: str, cause: Cause
) -> JournalBatch:
    async with transaction():
        await idempotency.claim(principal.merchant_id, EXPORT, key, _facts(wanted), same.id, cause)
        await deeds.note(principal.merchant_id, EXPORT, Of("journal", same.id), cause, {"number": [None, same.number]})
    return same


async def _make(principal: Principal, ready: _Ready, key: str, settings: Settings, cause: Cause) -> JournalBatch:
    wanted, merchant_id, batch_id = ready.wanted, principal.merchant_id, uuid4()
    named = f"EST{ready.number:06d}" if ready.number is not None else f"DRAFT-{wanted.month}"
    done = journals.journals(ready.moves, ready.accounts, wanted.month, named)
    written = formats.files(done, wanted.format, f"journal-{named}", wanted.encoding)
    packed = _packed(written, named, wanted)
    name = f"journal-{wanted.month}-{wanted.format.value.lower()}-{named}.zip"
    file = await made.make(settings, merchant_id, Purpose.EXPORT, name, packed, principal.holder)
    batch = JournalBatch(
        id=batch_id,
        merchant_id=merchant_id,
        number=ready.number,
        first_day=wanted.month.first_day,
        last_day=wanted.month.last_day,
        format=wanted.format.value,
        encoding=wanted.encoding.value,
        digest=ready.digest,
        lines=sum(one.lines for one in written),
        sums={currency: str(amount) for currency, amount in journals.sums_of(done).items()},
        replaces=ready.replaces,
        file_id=file.id,
        created_by=principal.holder[:200],
    )
    try:
        async with transaction():
            await lock_name(f"journals/{merchant_id}")
            stored = await idempotency.claim(merchant_id, EXPORT, key, _facts(wanted), batch_id, cause)
            if stored is None:
                await _check_number(batch)
                await file.save(force_create=True)
                await batch.save(force_create=True)
                told = {"number": ready.number, "month": str(wanted.month), "format": wanted.format.value}
                await deeds.note(merchant_id, EXPORT, Of("journal", batch_id), cause, deeds.changed({}, told))
                return batch
    except BaseException:
        await content.remove(settings, file.id)
        raise
    await content.remove(settings, file.id)
    return await JournalBatch.get(id=stored)


async def _check_number(batch: JournalBatch) -> None:
    """Under the lock: the number is still free, or it is of the same content in another encoding."""
    if batch.number is None:
        return
    taken = JournalBatch.filter(merchant_id=batch.merchant_id, number=batch.number)
    same = Q(digest=batch.digest, format=batch.format, first_day=batch.first_day)  # as a whole: each alone is little
    other = taken.filter(~same)
    if await other.exists() or await taken.filter(encoding=batch.encoding).exists():
        raise _Overtaken


def _facts(wanted: WantedJournal) -> dict[str, str]:
    return {"month": str(wanted.month), "format": wanted.format.value, "encoding": wanted.encoding.value}


def _packed(written: Sequence[Written], named: str, wanted: WantedJournal) -> bytes:
    """The files, and one that says what each holds, so that whoever takes them in can compare."""
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as packed:
        for one in written:
            packed.writestr(zipfile.ZipInfo(one.name, _THEN), one.content, zipfile.ZIP_DEFLATED)
        packed.writestr(zipfile.ZipInfo("control.csv", _THEN), _control(written, named, wanted), zipfile.ZIP_DEFLATED)
    return into.getvalue()


def _control(written: Sequence[Written], named: str, wanted: WantedJournal) -> str:
    lines = ["batch,month,format,file,lines,currency,debits,credits,sha256"]
    for one in written:
        digest = hashlib.sha256(one.content).hexdigest()
        for currency in sorted(one.debits):
            if one.debits[currency] != one.credits[currency]:
                raise RuntimeError(f"{one.name} does not balance in {currency}.")
            sums = ",".join(formats.amount(side[currency], currency) for side in (one.debits, one.credits))
            lines.append(
                f"{named},{wanted.month},{wanted.format.value},{one.name},{one.lines},{currency},{sums},{digest}"
            )
    return "\r\n".join([*lines, ""])
